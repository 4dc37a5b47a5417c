//! Labs beside each other, their end, and scenarios on kernel sockets.

use std::process::Command;

use capa7_lab::scenario::Scenario;

use super::{Lab, can_seal, repeated};
use crate::program::{Folder, Running, Said};

#[test]
fn several_labs_are_told_apart_by_their_names() {
    let folder = Folder::new();
    if !can_seal(&folder) {
        return;
    }
    let start = |name: &str| {
        let words = ["lab", "--net", "sealed", "--no-page", "--name", name];
        let mut lab = Running::start(&mut folder.capa7(&words));
        lab.wait_for("end it");
        lab
    };
    let one = start("one");
    assert_eq!(folder.run(&["lab", "exec", "--", "hostname"]).text(), "aula1.urosario.edu.co\n");
    let two = start("two");
    let said = folder.run(&["lab", "exec", "--", "true"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.err.contains("one, two") && said.err.contains("--name"), "{said:?}");
    assert_eq!(folder.run(&["lab", "exec", "--name", "two", "--", "true"]).code, Some(0));
    let said = folder.run(&["lab", "exec", "--name", "three", "--", "true"]);
    assert!(said.err.contains("three") && said.err.contains("one, two"), "{said:?}");
    let said = folder.run(&["lab", "--net", "sealed", "--no-page", "--name", "one"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.err.contains("already running"), "{said:?}");
    one.signal("TERM");
    assert_eq!(one.ended().0.code(), Some(0));
    assert_eq!(folder.run(&["lab", "exec", "--", "true"]).code, Some(0), "one is left");
    two.signal("INT");
    assert_eq!(two.ended().0.code(), Some(0));
    let said = folder.run(&["lab", "exec", "--", "true"]);
    assert!(said.err.contains("no lab is running"), "{said:?}");
}

#[test]
fn a_lab_that_died_is_no_lab() {
    let folder = Folder::new();
    if !can_seal(&folder) {
        return;
    }
    let words = ["lab", "--net", "sealed", "--no-page"];
    let mut lab = Running::start(&mut folder.capa7(&words));
    lab.wait_for("end it");
    drop(lab);
    let said = folder.run(&["lab", "exec", "--", "true"]);
    assert!(said.err.contains("no lab is running"), "{said:?}");
    let mut again = Running::start(&mut folder.capa7(&words));
    again.wait_for("end it");
}

#[test]
fn a_program_keeps_its_exit_code_and_an_unknown_host_is_told() {
    let Some(lab) = Lab::start() else { return };
    let said = |host: Option<&str>, words: &[&str]| Said::by(&mut lab.exec(host, words));
    assert_eq!(said(None, &["sh", "-c", "exit 7"]).code, Some(7));
    assert_eq!(said(None, &["no-such-program"]).code, Some(127));
    let unknown = said(Some("nobody"), &["true"]);
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
    assert!(unknown.err.contains("nobody") && unknown.err.contains("aula1"), "{unknown:?}");
}

#[test]
fn every_live_scenario_holds_on_kernel_sockets_too() {
    let folder = Folder::new();
    if !can_seal(&folder) {
        return;
    }
    for id in Scenario::all() {
        let scenario = Scenario::carried(&id).unwrap();
        if scenario.live && !scenario.needs_programs() {
            let said = holding(|| folder.run(&["run", &id, "--net", "sealed"]));
            assert_eq!(said.code, Some(0), "{id}: {said:?}");
        }
    }
    let broken = ["run", "dns-iterated", "--net", "sealed", "--break", "wrong-address"];
    assert_eq!(folder.run(&broken).code, Some(1));
}

/// What a run of scenarios says that hold; it is repeated when a check fails, for nothing else.
fn holding(run: impl FnMut() -> Said) -> Said {
    repeated(run, |said| said.code != Some(1))
}

// What cannot hold at moved addresses, or takes days, is told and not judged. In a
// network of its own, for a loopback lab has no other.
#[test]
fn in_loopback_mode_all_that_can_hold_holds_and_the_others_are_named() {
    let folder = Folder::new();
    if !can_seal(&folder) {
        return;
    }
    let (Some(unshare), Some(ip)) = (capa7_peers::find("unshare"), capa7_peers::find("ip")) else {
        return capa7_peers::skip("unshare and ip, for a network of its own");
    };
    let said = holding(|| {
        let mut alone = Command::new(&unshare);
        alone.args(["-rn", "sh", "-c", "\"$0\" link set lo up && exec \"$@\""]).arg(&ip);
        let run = folder.capa7(&["run", "all", "--net", "loopback", "--json"]);
        Said::by(&mut wrapped(alone, &run))
    });
    assert_eq!(said.code, Some(0), "{said:?}");
    let err = said.err.clone();
    let document = said.json();
    let scenarios = document["scenarios"].as_array().unwrap();
    let run: Vec<_> = scenarios.iter().map(|one| one["id"].as_str().unwrap()).collect();
    let told = |id: &str, why: &str| {
        let begin = format!("capa7: skipped: {id} ");
        let line = err.lines().find(|line| line.starts_with(&begin));
        assert!(line.is_some_and(|line| line.contains(why)), "{id}: {err}");
    };
    told("dns-services", "true addresses");
    told("sockets-own", "add --net sealed");
    told("mail-queue", "days of real time");
    for id in ["mail-andrea-carlos", "smtp-by-hand", "sockets-tcp"] {
        assert!(run.contains(&id), "{run:?}");
    }
}

/// A command that another one starts.
fn wrapped(mut outer: Command, inner: &Command) -> Command {
    outer.arg(inner.get_program()).args(inner.get_args());
    for (name, value) in inner.get_envs() {
        match value {
            Some(value) => outer.env(name, value),
            None => outer.env_remove(name),
        };
    }
    if let Some(folder) = inner.get_current_dir() {
        outer.current_dir(folder);
    }
    outer
}

// Course K3: a student's own programs, as a scenario.
#[test]
fn a_scenario_with_programs_of_this_machine_holds() {
    if capa7_peers::need("python3").is_none() {
        return;
    }
    let folder = Folder::new();
    if !can_seal(&folder) {
        return;
    }
    let said = holding(|| folder.run(&["run", "sockets-own", "--net", "sealed", "--json"]));
    assert_eq!(said.code, Some(0), "{said:?}");
}

// Course K3: the statements that need programs are shown when a lab is sealed.
#[test]
fn the_course_shows_in_a_sealed_lab_what_virtual_time_cannot() {
    if capa7_peers::need("python3").is_none() {
        return;
    }
    let folder = Folder::new();
    if !can_seal(&folder) {
        return;
    }
    let states = |words: &[&str]| -> Vec<String> {
        let document = folder.run(words).json();
        let statements = document["stations"][0]["statements"].as_array().unwrap().clone();
        statements.iter().map(|one| one["state"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(states(&["course", "K3", "--json"]), ["not yet"; 3]);
    let sealed = || states(&["course", "K3", "--json", "--net", "sealed"]);
    assert_eq!(repeated(sealed, |states| *states == ["yes"; 3]), ["yes"; 3]);
}

#[test]
fn everything_is_written_to_the_pcap_file_of_a_lab() {
    let Some(lab) = Lab::with(&["--pcap", "all.pcapng"]) else { return };
    lab.output(&["true"]);
    let path = lab.folder.path().join("all.pcapng");
    lab.running.signal("TERM");
    assert_eq!(lab.running.ended().0.code(), Some(0));
    // The block type of a section header (pcapng §4.1).
    assert_eq!(std::fs::read(path).unwrap()[..4], [0x0a, 0x0d, 0x0d, 0x0a]);
}
