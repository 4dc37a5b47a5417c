//! Stock clients of the lab's name servers, and stock readers of its record.

use std::process::{Command, Stdio};

use capa7_peers::need;
use serde_json::json;

use super::{Lab, page};
use crate::program::Said;

#[test]
fn dig_finds_names_mail_servers_and_reverse_names() {
    if need("dig").is_none() {
        return;
    }
    let Some(lab) = Lab::start() else { return };
    let whole = lab.output(&["dig", "www.urosario.edu.co"]);
    assert!(whole.contains("status: NOERROR") && whole.contains("flags: qr rd ra;"), "{whole}");
    assert!(whole.contains("\tA\t200.3.144.10\n"), "{whole}");
    assert!(whole.contains("SERVER: 200.3.144.3#53"), "the site's own resolver: {whole}");
    let short = |words: &[&str]| lab.output(&[&["dig", "+short"], words].concat());
    assert_eq!(short(&["MX", "urosario.edu.co"]), "10 mail.urosario.edu.co.\n");
    assert_eq!(short(&["-x", "128.119.245.12"]), "gaia.cs.umass.edu.\n");
    assert_eq!(short(&["+tcp", "gaia.cs.umass.edu"]), "128.119.245.12\n");
    assert_eq!(short(&["+search", "hostname"]), "200.3.144.101\n");
    let missing = lab.output(&["dig", "nosuch.urosario.edu.co"]);
    assert!(missing.contains("status: NXDOMAIN"), "{missing}");
}

// Course D4: the root names .co's server, which names the organisation's.
#[test]
fn dig_trace_walks_down_from_the_roots_true_address() {
    if need("dig").is_none() {
        return;
    }
    let Some(lab) = Lab::start() else { return };
    for words in [&["dig", "+trace", "@198.41.0.4"][..], &["dig", "+trace"]] {
        let told = lab.output(&[words, &["www.urosario.edu.co"]].concat());
        let mut rest = told.as_str();
        for step in [
            "a.root-servers.net.",
            "root-servers.net)",
            "urosario.edu.co.\t172800\tIN\tNS\tns1.urosario.edu.co.",
            "(ns1.cctld.co)",
            "www.urosario.edu.co.\t300\tIN\tA\t200.3.144.10",
            "from 200.3.144.2#53(ns1.urosario.edu.co)",
        ] {
            let at = rest.find(step).unwrap_or_else(|| panic!("{step:?} in its place in {told}"));
            rest = &rest[at..];
        }
    }
    assert!(!lab.messages("200.3.144.31:", "198.41.0.4:53").is_empty(), "the root was asked");
}

#[test]
fn a_query_is_recorded_with_the_true_address_of_its_host() {
    if need("dig").is_none() {
        return;
    }
    let Some(lab) = Lab::start() else { return };
    Said::by(&mut lab.exec(Some("lab1.umass.edu"), &["dig", "+short", "www.umass.edu"])).text();
    let messages = lab.messages("128.119.8.31:", "128.119.");
    let [question, answer] = messages.as_slice() else { panic!("two messages: {messages:?}") };
    assert_eq!(question["fields"]["qname"], "www.umass.edu.");
    assert_eq!(question["room"], "dns");
    let chain = answer["cause"].as_u64().unwrap();
    assert!(chain >= question["id"].as_u64().unwrap());
}

#[test]
fn tshark_reads_the_record_without_a_malformed_packet() {
    if need("dig").is_none() {
        return;
    }
    let Some(tshark) = need("tshark") else { return };
    let Some(lab) = Lab::start() else { return };
    lab.output(&["dig", "+short", "www.umass.edu"]);
    lab.output(&["dig", "+tcp", "+short", "www.ibm.com"]);
    let file = lab.folder.write("all.pcapng", page::get(&lab.page, "/api/export/pcapng"));
    let read = |words: &[&str]| {
        Said::by(Command::new(&tshark).arg("-r").arg(&file).args(words).stdin(Stdio::null())).text()
    };
    assert_eq!(read(&["-Y", "_ws.malformed"]), "");
    let names = read(&["-Y", "dns.flags.response == 1", "-T", "fields", "-e", "dns.qry.name"]);
    for name in ["www.umass.edu", "www.ibm.com"] {
        assert!(names.lines().any(|line| line == name), "{name} in {names}");
    }
    assert_ne!(read(&["-Y", "tcp.port == 53 && dns.qry.name == \"www.ibm.com\""]), "");
    assert_ne!(read(&["-Y", "ip.src == 200.3.144.31 && udp.dstport == 53"]), "");
}

#[test]
fn tshark_follows_the_capture_of_a_running_lab() {
    if need("dig").is_none() {
        return;
    }
    let Some(tshark) = need("tshark") else { return };
    let Some(lab) = Lab::start() else { return };
    lab.output(&["dig", "+short", "www.umass.edu"]);
    let mut pcap = lab.folder.capa7(&["lab", "pcap", "-"]).stdout(Stdio::piped()).spawn().unwrap();
    let packets = pcap.stdout.take().unwrap();
    let words = ["-r", "-", "-c", "4", "-T", "fields", "-e", "ip.src", "-e", "dns.qry.name"];
    let said = Said::by(Command::new(tshark).args(words).stdin(packets));
    let _gone = pcap.kill();
    let _ended = pcap.wait();
    assert!(said.out.starts_with("200.3.144.31\twww.umass.edu\n"), "{said:?}");
}

#[test]
fn a_published_name_server_answers_dig_outside() {
    let Some(dig) = need("dig") else { return };
    let port = capa7_peers::free_port().to_string();
    let published = format!("127.0.0.1:{port}=ns1.urosario.edu.co:53");
    let Some(lab) = Lab::with(&["--publish", &published]) else { return };
    for way in ["+notcp", "+tcp"] {
        let words = ["@127.0.0.1", "-p", &port, "+short", "+time=60", "+tries=1", way];
        let said = Said::by(Command::new(&dig).args(words).arg("www.urosario.edu.co"));
        assert_eq!(said.text(), "200.3.144.10\n", "{way}");
    }
    assert!(!lab.events().is_empty());
}

#[test]
fn why_a_name_did_not_resolve_is_told() {
    if need("dig").is_none() {
        return;
    }
    let Some(lab) = Lab::start() else { return };
    lab.break_with(&json!({ "drop": { "of": "dns && to:ns1.urosario.edu.co" } }));
    let failed = lab.output(&["dig", "+tries=1", "+time=60", "www.urosario.edu.co"]);
    assert!(failed.contains("status: SERVFAIL"), "{failed}");
    let why = lab.folder.run(&["dns", "why", "www.urosario.edu.co"]).text();
    assert!(why.contains("resolver.urosario.edu.co") && why.contains("200.3.144.2"), "{why}");
    let none = lab.folder.run(&["dns", "why", "www.ibm.com"]);
    assert_eq!(none.code, Some(1), "{none:?}");
}
