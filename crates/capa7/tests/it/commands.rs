//! Commands that end by themselves, and the names in their documents.

use serde_json::Value;

use crate::program::{Folder, Running, Said};

/// The names of an object, in order.
fn names(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

fn list<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value[name].as_array().unwrap_or_else(|| panic!("a list `{name}` in {value}"))
}

/// The first word of a line is a scenario's id.
fn scenarios(folder: &Folder) -> Vec<String> {
    let text = folder.run(&["scenarios"]).text();
    text.lines().map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

#[test]
fn scenarios_are_listed_with_title_and_course_rows() {
    let folder = Folder::new();
    let text = folder.run(&["scenarios"]).text();
    let line = text.lines().find(|line| line.starts_with("dns-iterated ")).expect("this one");
    assert!(line.contains("Eight messages for one name"), "{line}");
    assert!(line.contains("D4.2"), "{line}");
}

#[test]
fn a_run_prints_its_ladder_and_its_checks_and_succeeds() {
    let text = Folder::new().run(&["run", "dns-iterated", "--lang", "es"]).text();
    assert!(text.contains("Ocho mensajes para un nombre"), "{text}");
    assert!(text.contains("tiempo") && text.contains("2,98"), "{text}");
    assert!(text.contains("gaia.cs.umass.edu"), "{text}");
}

#[test]
fn the_document_of_a_run_has_the_names_of_the_contract() {
    let folder = Folder::new();
    let document = folder.run(&["run", "dns-iterated", "--json"]).json();
    let [scenario] = list(&document, "scenarios") else { panic!("one scenario") };
    assert_eq!(scenario["id"], "dns-iterated");
    assert_eq!(scenario["passed"], true);
    assert_eq!(scenario["digest"].as_str().unwrap().len(), 64, "SHA-256 in hexadecimal");
    let checks = list(scenario, "checks");
    assert!(checks.len() >= 5);
    for check in checks {
        for name in ["id", "passed", "expected", "seen"] {
            assert!(names(check).contains(&name), "{name} in {check}");
        }
        assert_eq!(check["passed"], true, "{check}");
    }
    // One seed, one digest: also in another process.
    let again = folder.run(&["run", "dns-iterated", "--json"]).json();
    assert_eq!(list(&again, "scenarios")[0]["digest"], scenario["digest"]);
    let other = folder.run(&["run", "dns-iterated", "--json", "--seed", "99"]).json();
    assert_ne!(list(&other, "scenarios")[0]["digest"], scenario["digest"]);
}

#[test]
fn a_failing_check_is_exit_code_1_with_the_check_named() {
    let folder = Folder::new();
    let run = folder.run(&["run", "dns-iterated", "--break", "wrong-address", "--json"]);
    assert_eq!(run.code, Some(1), "{}", run.err);
    let document: Value = serde_json::from_str(&run.out).unwrap();
    let scenario = &list(&document, "scenarios")[0];
    assert_eq!(scenario["passed"], false);
    let checks = list(scenario, "checks");
    let failed: Vec<_> = checks.iter().filter(|check| check["passed"] == false).collect();
    let [check] = failed.as_slice() else { panic!("one check fails: {failed:?}") };
    assert_eq!(check["id"], "answer");
    assert!(check["seen"].as_str().unwrap().contains("6.6.6.6"), "{check}");
    let text = folder.run(&["run", "dns-iterated", "--break", "wrong-address"]);
    assert_eq!(text.code, Some(1));
    assert!(text.out.contains("6.6.6.6"), "{}", text.out);
}

#[test]
fn a_run_writes_junit_events_and_packets() {
    let folder = Folder::new();
    let words = ["run", "dns-iterated", "--junit", "j.xml", "--events", "e", "--pcap", "p.pcapng"];
    folder.run(&words).text();
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    let junit = String::from_utf8(read("j.xml")).unwrap();
    assert!(junit.starts_with("<?xml") && junit.contains("failures=\"0\""), "{junit}");
    let events = String::from_utf8(read("e")).unwrap();
    assert!(events.lines().count() > 8);
    for line in events.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        assert!(event["id"].is_u64() && event["scenario"] == "dns-iterated", "{line}");
    }
    // The block type of a section header (pcapng §4.1).
    assert_eq!(read("p.pcapng")[..4], [0x0a, 0x0d, 0x0d, 0x0a]);
    let words = ["run", "dns-iterated", "--break", "lost-reply", "--junit", "j.xml"];
    assert_eq!(folder.run(&words).code, Some(1));
    assert!(String::from_utf8(read("j.xml")).unwrap().contains("<failure"));
}

#[test]
fn all_scenarios_pass_and_those_that_cannot_run_here_are_named() {
    let folder = Folder::new();
    let said = folder.run(&["run", "all", "--json"]);
    let skipped: Vec<String> = said
        .err
        .lines()
        .filter_map(|line| line.strip_prefix("capa7: skipped: "))
        .map(|rest| rest.split_whitespace().next().unwrap().to_owned())
        .collect();
    let document = said.json();
    let run = list(&document, "scenarios").iter().map(|one| one["id"].as_str().unwrap());
    let mut told: Vec<String> = run.map(str::to_owned).chain(skipped.clone()).collect();
    told.sort();
    assert_eq!(told, scenarios(&folder));
    let in_document: Vec<&str> =
        list(&document, "skipped").iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(in_document, skipped);
    for id in skipped {
        let alone = folder.run(&["run", &id]);
        assert_eq!(alone.code, Some(2), "nothing was judged: {alone:?}");
        assert!(alone.err.contains("add --net sealed"), "{alone:?}");
    }
}

#[test]
fn the_document_of_the_course_has_the_names_of_the_contract() {
    for language in ["en", "es"] {
        let words = ["course", "D4", "--json", "--lang", language];
        let document = Folder::new().run(&words).json();
        let [station] = list(&document, "stations") else { panic!("one station") };
        assert_eq!(station["id"], "D4");
        let statements = list(station, "statements");
        assert!(!statements.is_empty());
        for statement in statements {
            for name in ["id", "row", "says", "measured", "state"] {
                assert!(names(statement).contains(&name), "{name} in {statement}");
            }
            assert_eq!(statement["row"], "D4");
            assert_eq!(statement["state"], "yes", "{statement}");
        }
    }
}

#[test]
fn the_course_lists_what_is_not_covered_as_such() {
    let text = Folder::new().run(&["course", "--json"]).json();
    let stations = list(&text, "stations");
    let states: Vec<&Value> =
        stations.iter().flat_map(|s| list(s, "statements")).map(|s| &s["state"]).collect();
    assert!(states.iter().any(|state| *state == "yes"));
    assert!(states.iter().any(|state| *state != "yes" && *state != "no"), "not yet: {states:?}");
    assert!(!states.iter().any(|state| *state == "no"), "measured otherwise than said");
    // What no scenario shows and what virtual time cannot run are told apart.
    let shown_by_none = Folder::new().run(&["course", "T2"]).text();
    assert!(shown_by_none.contains("no scenario shows it"), "{shown_by_none}");
    let sealed = Folder::new().run(&["course", "K3"]).text();
    assert!(sealed.contains("it needs --net sealed"), "{sealed}");
}

#[test]
fn the_doctor_says_which_mode_and_why() {
    let folder = Folder::new();
    let document = folder.run(&["lab", "doctor", "--json"]).json();
    assert_eq!(names(&document)[..2], ["mode", "reasons"]);
    let mode = document["mode"].as_str().unwrap();
    assert!(["sealed", "loopback", "virtual"].contains(&mode), "{mode}");
    assert!(list(&document, "reasons").iter().all(Value::is_string));
    let text = folder.run(&["lab", "doctor"]).text();
    assert!(text.starts_with(&format!("mode: {mode}\n")), "{text}");
}

// A pipe whose reader has gone is no reason to panic, nor to complain.
#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let folder = Folder::new();
    for words in ["scenarios", "course D4", "run dns-iterated", "run dns-iterated --json"] {
        let script = format!("{} {words} | true", env!("CARGO_BIN_EXE_capa7"));
        let mut shell = std::process::Command::new("sh");
        let said = Said::by(shell.args(["-c", &script]).env("XDG_RUNTIME_DIR", folder.path()));
        assert_eq!(said.err, "", "{words}");
    }
}

/// Runs the binary at a terminal of its own, and hands on what it shows there.
const AT_A_TERMINAL: &str = "
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
while True:
    try:
        octets = os.read(terminal, 65536)
    except OSError:
        break
    if not octets:
        break
    sys.stdout.buffer.write(octets)
os.waitpid(pid, 0)
";

// no-color.org; terminfo(5) says what `dumb` is.
#[test]
fn colours_are_for_terminals_that_have_them_and_nobody_forbids() {
    let Some(python) = capa7_peers::need("python3") else { return };
    let folder = Folder::new();
    let logs = ["run", "dns-iterated", "--mode", "loopback"];
    for words in [&["--help"][..], &["--nonsense"], &["mail", "--help"], &logs] {
        let check = |settings: &[(&str, &str)], is_coloured: bool| {
            let mut command = std::process::Command::new(&python);
            command.args(["-c", AT_A_TERMINAL, env!("CARGO_BIN_EXE_capa7")]).args(words);
            // Where continuous integration says so, colours are wanted everywhere.
            for setting in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI"] {
                command.env_remove(setting);
            }
            command.env("TERM", "xterm").env("CAPA7_LOG", "trace");
            command.env("XDG_RUNTIME_DIR", folder.path()).env("TMPDIR", folder.path());
            let said = Said::by(command.envs(settings.iter().copied())).out;
            assert!(!said.is_empty(), "{words:?}");
            assert_eq!(said.contains('\u{1b}'), is_coloured, "{words:?} {settings:?} {said}");
        };
        check(&[], true);
        // Empty is as if it were not set.
        check(&[("NO_COLOR", "")], true);
        check(&[("NO_COLOR", "1")], false);
        check(&[("TERM", "dumb")], false);
        let said = Said::by(folder.capa7(words).env("TERM", "xterm").env("CAPA7_LOG", "trace"));
        assert!(!format!("{}{}", said.out, said.err).contains('\u{1b}'), "{words:?}");
    }
}

#[test]
fn help_names_every_command_and_only_those_that_work() {
    let folder = Folder::new();
    let text = folder.run(&["--help"]).text();
    for command in ["lab", "scenarios", "run", "course", "dns", "mail", "config", "sockets"] {
        assert!(text.contains(&format!("\n  {command} ")), "{command}: {text}");
        let help = folder.run(&[command, "--help"]).text();
        assert!(help.contains("Usage: capa7"), "{help}");
    }
    for missing in ["torrent", "stream", "cdn"] {
        assert!(!text.contains(&format!("\n  {missing} ")), "{missing}: {text}");
    }
}

/// Ctrl-C at a run that has mail servers: their folders go with it.
#[test]
fn a_run_that_is_stopped_says_so_and_leaves_nothing_behind() {
    let folder = Folder::new();
    let mut run = Running::start(&mut folder.capa7(&["run", "all"]));
    run.wait_for("mail-access — ");
    run.signal("INT");
    let (status, said) = run.ended();
    assert_eq!(status.code(), Some(2), "{said}");
    assert!(said.contains("was stopped before its end"), "{said}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
