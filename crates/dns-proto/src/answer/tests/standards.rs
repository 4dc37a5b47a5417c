//! The examples of the standards, question by question.

use super::Server;

/// RFC 4592 §2.2.1.
const WILDCARDS: &str = include_str!("../../../../../spec/vectors/dns/rfc4592-2.2.1.zone");

#[test]
fn wildcards_answer_as_in_the_examples_of_rfc_4592() {
    let mut server = Server::new(&[WILDCARDS]);
    let nodata = "NOERROR aa\n^ example. 300 SOA ns.example. hostmaster.example. 1 2 3 4 300";
    let no_name = nodata.replace("NOERROR", "NXDOMAIN");
    for (name, kind, expected) in [
        (
            "host3.example",
            "MX",
            "NOERROR aa\n= host3.example. 3600 MX 10 host1.example.\n+ host1.example. 3600 A \
                192.0.2.1",
        ),
        ("host3.example", "A", nodata),
        (
            "foo.bar.example",
            "TXT",
            "NOERROR aa\n= foo.bar.example. 3600 TXT \"this is a wildcard\"",
        ),
        ("host1.example", "MX", nodata),
        ("sub.*.example", "MX", nodata),
        ("_telnet._tcp.host1.example", "SRV", &no_name),
        (
            "host.subdel.example",
            "A",
            "NOERROR\n^ subdel.example. 3600 NS ns.example.com.\n^ subdel.example. 3600 NS \
                ns.example.net.",
        ),
        ("ghost.*.example", "MX", &no_name),
        // §2.2.2: host2.example exists although it owns nothing.
        ("host2.example", "MX", nodata),
        ("_tcp.host2.example", "TXT", nodata),
        // §2.1.1: the asterisk can be asked for like any label.
        ("*.example", "TXT", "NOERROR aa\n= *.example. 3600 TXT \"this is a wildcard\""),
    ] {
        assert_eq!(server.text(name, kind), expected, "{name} {kind}");
    }
}

/// RFC 1034 §6.1, the zone of the root.
const ROOT_1987: &str = include_str!("../../../../../spec/vectors/dns/rfc1034-6.1.zone");

#[test]
fn the_root_answers_as_in_the_examples_of_rfc_1034() {
    let mut server = Server::new(&[ROOT_1987]);
    let soa = "^ . 86400 SOA SRI-NIC.ARPA. HOSTMASTER.SRI-NIC.ARPA. 870611 1800 300 604800 86400";
    let addresses = "SRI-NIC.ARPA. 86400 A 26.0.0.73\n= SRI-NIC.ARPA. 86400 A 10.0.0.51";
    let edu = "^ EDU. 86400 NS SRI-NIC.ARPA.\n^ EDU. 86400 NS C.ISI.EDU.\n\
               + C.ISI.EDU. 86400 A 10.0.0.52\n\
               + SRI-NIC.ARPA. 86400 A 26.0.0.73\n+ SRI-NIC.ARPA. 86400 A 10.0.0.51";
    for (section, name, kind, expected) in [
        ("6.2.1", "SRI-NIC.ARPA", "A", format!("NOERROR aa\n= {addresses}")),
        (
            "6.2.3",
            "SRI-NIC.ARPA",
            "MX",
            format!(
                "NOERROR aa\n= SRI-NIC.ARPA. 86400 MX 0 \
            SRI-NIC.ARPA.\n+ {}",
                addresses.replace('=', "+")
            ),
        ),
        ("6.2.4", "SRI-NIC.ARPA", "NS", format!("NOERROR aa\n{soa}")),
        ("6.2.5", "SIR-NIC.ARPA", "A", format!("NXDOMAIN aa\n{soa}")),
        (
            "6.2.6",
            "BRL.MIL",
            "A",
            "NOERROR\n^ MIL. 86400 NS SRI-NIC.ARPA.\n^ MIL. 86400 NS \
            A.ISI.EDU.\n+ SRI-NIC.ARPA. 86400 A 26.0.0.73\n+ SRI-NIC.ARPA. 86400 A 10.0.0.51\n\
             + A.ISI.EDU. 86400 A 26.3.0.103"
                .to_owned(),
        ),
        (
            "6.2.7",
            "USC-ISIC.ARPA",
            "A",
            format!(
                "NOERROR aa\n= USC-ISIC.ARPA. 86400 CNAME \
            C.ISI.EDU.\n{edu}"
            ),
        ),
        (
            "6.2.8",
            "USC-ISIC.ARPA",
            "CNAME",
            "NOERROR aa\n= USC-ISIC.ARPA. 86400 CNAME \
            C.ISI.EDU."
                .to_owned(),
        ),
    ] {
        assert_eq!(server.text(name, kind), expected, "RFC 1034 §{section}");
    }
}

#[test]
fn dname_redirects_as_in_the_table_of_rfc_6672() {
    // RFC 6672 §2.2, table 1: question, owner of the DNAME, its target, new name.
    for (name, owner, target, new) in [
        ("com.", "example.com.", "example.net.", None),
        ("example.com.", "example.com.", "example.net.", None),
        ("a.example.com.", "example.com.", "example.net.", Some("a.example.net.")),
        ("a.b.example.com.", "example.com.", "example.net.", Some("a.b.example.net.")),
        ("ab.example.com.", "b.example.com.", "example.net.", None),
        ("foo.example.com.", "example.com.", "example.net.", Some("foo.example.net.")),
        ("a.x.example.com.", "x.example.com.", "example.net.", Some("a.example.net.")),
        ("a.example.com.", "example.com.", "y.example.net.", Some("a.y.example.net.")),
        ("cyc.example.com.", "example.com.", "example.com.", Some("cyc.example.com.")),
        ("cyc.example.com.", "example.com.", "c.example.com.", Some("cyc.c.example.com.")),
        ("shortloop.x.x.", "x.", ".", Some("shortloop.x.")),
        ("shortloop.x.", "x.", ".", Some("shortloop.")),
    ] {
        let zone = format!(". 9 IN SOA a. b. 1 2 3 4 5\n{owner} 9 DNAME {target}\n");
        let text = Server::new(&[&zone]).text(name, "A");
        let mut answers = text.lines().filter(|line| line.starts_with('='));
        let expected = new.map(|new| format!("= {name} 9 CNAME {new}"));
        let dname = format!("= {owner} 9 DNAME {target}");
        assert_eq!(answers.next(), new.map(|_| dname.as_str()), "{name}");
        assert_eq!(answers.next(), expected.as_deref(), "{name}");
    }
}

#[test]
fn a_dname_is_data_at_its_owner_and_hides_what_is_below() {
    // RFC 6672 §2.3 and §2.4.
    let zone = "x. 9 IN SOA a. b. 1 2 3 4 5\nd.x. 9 DNAME e.x.\nd.x. 9 A 192.0.2.1\n\
                h.d.x. 9 A 192.0.2.2\nh.e.x. 9 A 192.0.2.3\n";
    let mut server = Server::new(&[zone]);
    assert_eq!(server.text("d.x", "A"), "NOERROR aa\n= d.x. 9 A 192.0.2.1");
    assert_eq!(server.text("d.x", "DNAME"), "NOERROR aa\n= d.x. 9 DNAME e.x.");
    assert_eq!(
        server.text("h.d.x", "A"),
        "NOERROR aa\n= d.x. 9 DNAME e.x.\n= h.d.x. 9 CNAME h.e.x.\n= h.e.x. 9 A 192.0.2.3"
    );
}
