//! Stock programs with `capa7 dns serve`.

use std::process::Command;

use capa7_peers::need;

use crate::program::{Folder, Said, Server, ZONE};

fn served(more: &[&str]) -> (Folder, Server) {
    let folder = Folder::new();
    folder.write("a.zone", ZONE);
    let server = Server::start(&folder, &["a.zone"], more);
    (folder, server)
}

/// What `dig` prints, without the comment that its own command line makes.
fn dig(server: &Server, words: &[&str]) -> String {
    let port = server.at.port().to_string();
    let mut command = Command::new("dig");
    command.args(["@127.0.0.1", "-p", &port, "+time=60", "+tries=1", "+norecurse"]);
    Said::by(command.args(words)).text()
}

#[test]
fn dig_reads_every_kind_of_answer() {
    if need("dig").is_none() {
        return;
    }
    let (_folder, server) = served(&[]);
    let short = |words: &[&str]| dig(&server, &[words, &["+short"]].concat());
    assert_eq!(short(&["www.example.test"]), "192.0.2.3\n");
    assert_eq!(short(&["www.example.test", "AAAA"]), "2001:db8::3\n");
    assert_eq!(short(&["example.test", "MX"]), "10 mail.example.test.\n");
    assert_eq!(short(&["alias.example.test"]), "www.example.test.\n192.0.2.3\n");
    assert_eq!(short(&["example.test", "TXT"]), "\"a text\"\n");
    assert_eq!(short(&["+tcp", "www.example.test"]), "192.0.2.3\n");
    assert_eq!(short(&["+noedns", "www.example.test"]), "192.0.2.3\n");
    assert_eq!(short(&["-t", "TYPE15", "example.test"]), "10 mail.example.test.\n");
    let whole = dig(&server, &["www.example.test"]);
    assert!(whole.contains("status: NOERROR") && whole.contains("flags: qr aa;"), "{whole}");
    let missing = dig(&server, &["nosuch.example.test"]);
    assert!(missing.contains("status: NXDOMAIN") && missing.contains("SOA"), "{missing}");
    let foreign = dig(&server, &["www.elsewhere.test"]);
    assert!(foreign.contains("status: REFUSED"), "{foreign}");
}

// RFC 7766 §5, RFC 6891 §6.2.5: how much fits is the client's word.
#[test]
fn dig_goes_on_by_stream_when_an_answer_is_cut() {
    if need("dig").is_none() {
        return;
    }
    let (_folder, server) = served(&[]);
    let cut = dig(&server, &["+ignore", "+bufsize=512", "big.example.test", "TXT"]);
    assert!(cut.contains("flags: qr aa tc"), "{cut}");
    let whole = dig(&server, &["big.example.test", "TXT"]);
    assert!(whole.contains("ANSWER: 200,") && whole.contains("(TCP)"), "{whole}");
}

// RFC 8482 §4.1: one set is enough for ANY.
#[test]
fn dig_gets_a_small_answer_to_any() {
    if need("dig").is_none() {
        return;
    }
    let (_folder, server) = served(&[]);
    let any = dig(&server, &["+notcp", "example.test", "ANY"]);
    assert!(any.contains("status: NOERROR"), "{any}");
    assert!(!any.contains("ANSWER: 0,"), "{any}");
}

#[test]
fn dig_learns_who_answers() {
    if need("dig").is_none() {
        return;
    }
    let (_folder, server) = served(&["--nsid", "replica 7"]);
    let told = dig(&server, &["+nsid", "www.example.test"]);
    assert!(told.contains("NSID: ") && told.contains("replica 7"), "{told}");
    assert!(!dig(&server, &["www.example.test"]).contains("NSID"));
}

// Whole zones are not given away: RFC 5936 §5.
#[test]
fn dig_gets_no_transfer() {
    if need("dig").is_none() {
        return;
    }
    let (_folder, server) = served(&[]);
    let refused = dig(&server, &["example.test", "AXFR"]);
    assert!(refused.contains("Transfer failed"), "{refused}");
    assert!(!refused.contains("192.0.2.2"), "{refused}");
    assert_eq!(dig(&server, &["+short", "www.example.test"]), "192.0.2.3\n", "service goes on");
}

#[test]
fn dnsperf_loses_nothing() {
    if need("dnsperf").is_none() {
        return;
    }
    for mode in ["udp", "tcp"] {
        let (folder, server) = served(&[]);
        let data =
            "www.example.test A\nwww.example.test AAAA\nexample.test MX\nno.example.test A\n";
        folder.write("queries", data);
        let port = server.at.port().to_string();
        let mut dnsperf = Command::new("dnsperf");
        dnsperf.current_dir(folder.path()).args(["-s", "127.0.0.1", "-p", &port, "-d", "queries"]);
        let report =
            Said::by(dnsperf.args(["-m", mode, "-n", "250", "-t", "60", "-c", "4", "-q", "100"]))
                .text();
        let figure = |name: &str| {
            let line = report.lines().find(|line| line.trim_start().starts_with(name));
            let rest = line.unwrap_or_else(|| panic!("{name} in {report}")).split(':').nth(1);
            let word = rest.unwrap().split_whitespace().next().unwrap();
            word.parse::<u64>().unwrap()
        };
        assert_eq!(figure("Queries completed"), 1_000, "{report}");
        assert_eq!(figure("Queries lost"), 0, "{report}");
        assert!(report.contains("NOERROR") && report.contains("NXDOMAIN"), "{report}");
        assert!(!report.contains("SERVFAIL") && !report.contains("FORMERR"), "{report}");
    }
}
