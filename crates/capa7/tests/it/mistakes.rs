//! Bad input: each gets exit code 2, a place where there is one, and what to do.

use std::net::{TcpListener, UdpSocket};
use std::path::Path;

use crate::program::{Folder, Said, Server, ZONE};

/// Runs what must fail with exit code 2; what it says.
fn refused(folder: &Folder, words: &[&str]) -> String {
    let said = folder.run(words);
    assert_eq!(said.code, Some(2), "{words:?}: {said:?}");
    assert_eq!(said.out, "", "errors go to standard error");
    said.err
}

#[test]
fn a_missing_file_is_named() {
    let folder = Folder::new();
    let listen = format!("127.0.0.1:{}", capa7_peers::free_port());
    for words in [
        &["dns", "serve", "--zone", "nosuch", "--listen", &listen][..],
        &["dns", "resolve", "--hints", "nosuch", "--listen", &listen],
        &["dns", "query", "example.test", "--trace", "--hints", "nosuch"],
        &["lab", "--world", "nosuch", "--no-page"],
        &["run", "nosuch/scenario.toml"],
    ] {
        let said = refused(&folder, words);
        assert!(said.contains("nosuch") && said.contains("No such file"), "{words:?}: {said}");
        assert!(said.contains("check its name"), "{words:?}: {said}");
    }
}

#[test]
fn a_scenario_that_nobody_knows_is_answered_with_those_there_are() {
    let said = refused(&Folder::new(), &["run", "dns-nosuch"]);
    assert!(said.contains("dns-nosuch") && said.contains("dns-iterated"), "{said}");
    let said = refused(&Folder::new(), &["run", "dns-iterated", "--break", "nosuch"]);
    assert!(said.contains("lost-reply"), "{said}");
    let said = refused(&Folder::new(), &["course", "Z9"]);
    assert!(said.contains("Z9") && said.contains("D4"), "{said}");
}

/// A run of a minute that cannot keep what it made would be a minute lost.
#[test]
fn what_a_run_cannot_write_is_told_before_it_runs() {
    let folder = Folder::new();
    folder.write("kept", "as it was");
    let words = ["run", "all", "--pcap", "p.pcapng"];
    assert!(refused(&folder, &words).contains("--pcap takes one scenario"));
    for (option, path) in [("--junit", "nosuch/j.xml"), ("--events", "."), ("--pcap", "no/p")] {
        let said = refused(&folder, &["run", "dns-iterated", option, path]);
        assert!(said.contains(&format!("cannot write {path}")), "{said}");
    }
    refused(&folder, &["run", "dns-iterated", "--break", "nosuch", "--junit", "kept"]);
    assert_eq!(std::fs::read_to_string(folder.path().join("kept")).unwrap(), "as it was");
}

/// `/dev/full` answers each write with ENOSPC, as a full disk does.
#[test]
fn a_full_disk_is_told_with_exit_code_2() {
    let folder = Folder::new();
    for words in [&["run", "dns-iterated", "--json"][..], &["scenarios"], &["course", "D4"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = folder.capa7(words);
        command.stdout(full).stderr(std::process::Stdio::piped());
        let said = Said::from(command.spawn().unwrap().wait_with_output().unwrap());
        assert_eq!(said.code, Some(2), "{words:?}: {said:?}");
        assert!(said.err.contains("No space left on device"), "{words:?}: {said:?}");
    }
    for option in ["--junit", "--events", "--pcap"] {
        let said = folder.run(&["run", "dns-iterated", option, "/dev/full"]);
        assert_eq!(said.code, Some(2), "{option}: {said:?}");
        assert!(said.err.contains("cannot write /dev/full"), "{option}: {said:?}");
    }
}

fn scenario(folder: &Folder, text: &str) -> String {
    folder.write("mine/scenario.toml", text);
    for language in ["en", "es"] {
        folder.write(
            &format!("mine/text.{language}.md"),
            "# Mine\n\nWords.\n\n## ask: Ask\n\nYes.\n",
        );
    }
    refused(folder, &["run", "mine"])
}

#[test]
fn a_fault_in_a_scenario_has_file_line_and_column() {
    let folder = Folder::new();
    let head = "id = \"mine\"\ntitle = { en = \"Mine\", es = \"Mío\" }\n";
    let said = scenario(&folder, &format!("{head}colour = \"red\"\n"));
    assert!(said.contains("mine/scenario.toml:3:1: "), "{said}");
    assert!(said.contains("colour"), "{said}");
    let said = scenario(&folder, &format!("{head}course = [\"D4\"\n"));
    assert!(said.contains("mine/scenario.toml:"), "{said}");
    let act = "[{ query = { from = \"nobody\", name = \"www.urosario.edu.co\" } }]";
    let steps = format!("course = [\"D4\"]\n[[step]]\nid = \"ask\"\nact = {act}\n");
    let said = scenario(&folder, &format!("{head}{steps}"));
    assert!(said.contains("mine/scenario.toml:6:"), "{said}");
    assert!(said.contains("nobody"), "{said}");
}

#[test]
fn a_fault_in_a_zone_has_file_line_and_column() {
    let folder = Folder::new();
    let listen = format!("127.0.0.1:{}", capa7_peers::free_port());
    for (line, place) in [
        ("www IN A 192.0.2.999\n", "bad.zone:13:10: "),
        ("www IN NOTYPE x\n", "bad.zone:13:8: "),
        ("www IN MX ten mail\n", "bad.zone:13:11: "),
        ("$INCLUDE nosuch\n", "bad.zone:13:10: "),
        ("www IN TXT \"open\n", "bad.zone:13:"),
        ("elsewhere.invalid. IN A 192.0.2.1\n", "bad.zone:13:1: "),
    ] {
        folder.write("bad.zone", format!("{ZONE}{line}"));
        let said = refused(&folder, &["dns", "serve", "--zone", "bad.zone", "--listen", &listen]);
        assert!(said.starts_with(&format!("capa7: {place}")), "{line}: {said}");
        assert_eq!(said.matches(place).count(), 1, "told once: {said}");
        let check = folder.run(&["dns", "check", "bad.zone"]);
        assert_eq!(check.code, Some(2), "{line}");
        assert!(check.out.contains(place), "{line}: {}", check.out);
    }
    folder.write("bad.zone", "www.example.test. 300 IN A 192.0.2.1\n");
    let said = refused(&folder, &["dns", "serve", "--zone", "bad.zone", "--listen", &listen]);
    assert!(said.contains("SOA"), "{said}");
}

#[test]
fn all_faults_of_a_zone_are_told_at_once() {
    let folder = Folder::new();
    folder.write("bad.zone", format!("{ZONE}a IN A 1.2.3\nb IN A 1.2.3.4\nc IN AAAA ::g\n"));
    let said = folder.run(&["dns", "check", "bad.zone"]);
    assert!(
        said.out.contains("bad.zone:13:8: ") && said.out.contains("bad.zone:15:11: "),
        "{said:?}"
    );
}

#[test]
fn one_zone_in_two_files_is_refused() {
    let folder = Folder::new();
    folder.write("one.zone", ZONE);
    folder.write("two.zone", ZONE);
    let listen = format!("127.0.0.1:{}", capa7_peers::free_port());
    let words = ["dns", "serve", "--zone", "one.zone", "two.zone", "--listen", &listen];
    assert!(refused(&folder, &words).contains("example.test"));
}

#[test]
fn a_port_in_use_is_told_with_what_to_do() {
    let folder = Folder::new();
    folder.write("a.zone", ZONE);
    let check = |words: &[&str], port: u16| {
        let said = refused(&folder, words);
        assert!(said.contains(&format!("port {port} is in use")), "{words:?}: {said}");
        assert!(said.contains("stop that one, or listen on another port"), "{said}");
    };
    let streams = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = streams.local_addr().unwrap().port();
    let at = format!("127.0.0.1:{port}");
    check(&["dns", "serve", "--zone", "a.zone", "--listen", &at], port);
    check(&["dns", "resolve", "--listen", &at], port);
    check(&["lab", "--http", &at, "--name", "mine"], port);
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = datagrams.local_addr().unwrap().port();
    let at = format!("127.0.0.1:{port}");
    check(&["dns", "serve", "--zone", "a.zone", "--listen", &at], port);
    check(&["dns", "resolve", "--listen", &at], port);
    // A second server of ours must not take a share of the first one's queries.
    let server = Server::start(&folder, &["a.zone"], &[]);
    let at = server.at.to_string();
    check(&["dns", "serve", "--zone", "a.zone", "--listen", &at], server.at.port());
}

#[test]
fn the_uppercase_programs_say_what_to_do() {
    let folder = Folder::new();
    let streams = TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = streams.local_addr().unwrap().to_string();
    let said = refused(&folder, &["sockets", "tcp-server", "--listen", &busy]);
    assert!(said.contains("in use"), "{said}");
    let free = capa7_peers::free_port().to_string();
    // Course K2: the server must run before the client starts.
    let said = refused(&folder, &["sockets", "tcp-client", "127.0.0.1", "--port", &free, "hi"]);
    assert!(said.contains("nobody listens") && said.contains("Start the server"), "{said}");
}

#[test]
fn without_a_lab_its_commands_say_how_to_start_one() {
    let folder = Folder::new();
    for words in
        [&["lab", "exec", "--", "true"][..], &["lab", "pcap", "-"], &["dns", "why", "www.example"]]
    {
        let said = refused(&folder, words);
        assert_eq!(said, "capa7: no lab is running: start one with `capa7 lab`\n", "{words:?}");
    }
}

#[test]
fn a_name_that_no_lab_can_have_is_refused() {
    let said = refused(&Folder::new(), &["lab", "--no-page", "--name", "../other"]);
    assert!(said.contains("../other"), "{said}");
}

#[test]
fn a_world_with_an_unknown_field_has_file_line_and_column() {
    let folder = Folder::new();
    folder.write("w/world.toml", "name = \"w\"\ntitle = { en = \"W\", es = \"W\" }\nmoons = 2\n");
    for world in ["w", "w/world.toml"] {
        let said = refused(&folder, &["lab", "--no-page", "--world", world]);
        assert!(said.contains("w/world.toml:3:1: ") && said.contains("moons"), "{said}");
    }
}

#[test]
fn words_that_are_no_query_are_told() {
    let folder = Folder::new();
    for (words, expected) in [
        (&["dns", "query", "www.example", "NOTYPE"][..], "NOTYPE"),
        (&["dns", "query", "www.example", "@nobody"], "`nobody` is not a name server"),
        (&["dns", "query", "a..b"], "a..b"),
        (&["dns", "query", "@127.0.0.1"], "no name"),
    ] {
        let said = refused(&folder, words);
        assert!(said.contains(expected), "{words:?}: {said}");
    }
}

#[test]
fn a_log_filter_that_is_nonsense_stops_nothing() {
    let folder = Folder::new();
    let said = Said::by(folder.capa7(&["scenarios"]).env("CAPA7_LOG", "==="));
    assert_eq!(said.code, Some(0));
    assert!(Path::new(env!("CARGO_BIN_EXE_capa7")).is_absolute());
}
