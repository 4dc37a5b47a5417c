use std::sync::Arc;

use super::*;
use crate::RecordType;
use crate::rdata::RdataText;
use crate::zone_file::ZoneFile;

fn compile(text: &str) -> Result<Zone, ZoneError> {
    let file = ZoneFile::read_text("z", text).unwrap_or_else(|errors| panic!("{errors}"));
    Zone::compile(&file)
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

const ZONE: &str = "\
$ORIGIN x.
@ 9 IN SOA ns root 77 20 10 40 5
@ 9 NS ns
ns 9 A 192.0.2.1
a.b 9 TXT one
A.b 8 TXT two
a.b 9 TXT one
*.w 9 A 192.0.2.2
c 9 NS ns.c
ns.c 9 A 192.0.2.3
d 9 DNAME y.
\\000.z 9 MX 1 mail.y.
\\001.z 9 SRV 1 2 3 y.
";

#[test]
fn records_come_in_canonical_order_without_duplicates() {
    // RFC 4034 §6.1, RFC 2181 §5 and §5.2.
    let zone = compile(ZONE).unwrap();
    let shown: Vec<String> = zone
        .records()
        .map(|record| {
            let data = RdataText { record_type: record.record_type, data: &record.data };
            format!("{} {} {} {data}", record.owner, record.ttl, record.record_type)
        })
        .collect();
    assert_eq!(
        shown,
        [
            "x. 9 NS ns.x.",
            "x. 9 SOA ns.x. root.x. 77 20 10 40 5",
            "a.b.x. 8 TXT \"one\"",
            "a.b.x. 8 TXT \"two\"",
            "c.x. 9 NS ns.c.x.",
            "ns.c.x. 9 A 192.0.2.3",
            "d.x. 9 DNAME y.",
            "ns.x. 9 A 192.0.2.1",
            "*.w.x. 9 A 192.0.2.2",
            "\\000.z.x. 9 MX 1 mail.y.",
            "\\001.z.x. 9 SRV 1 2 3 y.",
        ]
    );
    assert_eq!((zone.record_count(), zone.serial(), zone.apex()), (11, 77, name("x")));
    // x, b, a.b, c, ns.c, d, ns, w, *.w, z and two below it.
    assert_eq!(zone.name_count(), 12);
}

#[test]
fn the_status_of_a_name_says_how_it_is_answered() {
    let zone = compile(ZONE).unwrap();
    for (asked, status) in [
        ("x", NameStatus::Data),
        ("NS.X", NameStatus::Data),
        ("b.x", NameStatus::EmptyNonTerminal),
        ("q.b.x", NameStatus::Missing(name("b.x"))),
        ("q.x", NameStatus::Missing(name("x"))),
        ("p.q.w.x", NameStatus::Wildcard(name("*.w.x"))),
        ("c.x", NameStatus::Delegated(name("c.x"))),
        ("ns.c.x", NameStatus::Delegated(name("c.x"))),
        ("q.c.x", NameStatus::Delegated(name("c.x"))),
        ("d.x", NameStatus::Data),
        ("q.d.x", NameStatus::Redirected(name("d.x"))),
        ("y", NameStatus::Outside),
        ("mail.y", NameStatus::Outside),
    ] {
        assert_eq!(zone.status(&name(asked)), status, "{asked}");
    }
    assert_eq!(zone.find(&name("A.B.x"), RecordType::TXT).len(), 2);
    assert!(zone.find(&name("q.w.x"), RecordType::A).is_empty());
}

#[test]
fn a_zone_that_cannot_be_served_is_refused_with_its_place() {
    let soa = "x. 9 SOA a. b. 1 2 3 4 5\n";
    for (text, expected) in [
        ("a.x. 9 A 192.0.2.1\n", "z: no SOA record; add one at the zone's name"),
        (
            "x. 9 SOA a. b. 1 2 3 4 5\nx. 9 SOA a. b. 2 2 3 4 5\n",
            "z:2:1: a second SOA record; the first is at z:1:1",
        ),
        (&format!("{soa}y. 9 A 192.0.2.1\n"), "z:2:1: y. is not in zone x.; remove it"),
        (
            &format!("{soa}a.x. 9 CNAME b.\na.x. 9 A 192.0.2.1\n"),
            "z:3:1: a.x. is an alias (CNAME) and has A data; remove one",
        ),
        (
            &format!("{soa}a.x. 9 CNAME b.\na.x. 9 CNAME c.\n"),
            "z:3:1: a.x. has 2 CNAME records; keep one",
        ),
        (
            &format!("{soa}a.x. 9 DNAME b.\na.x. 9 DNAME c.\n"),
            "z:3:1: a.x. has 2 DNAME records; keep one",
        ),
    ] {
        let error = compile(text).expect_err(text);
        assert_eq!(error.to_string(), expected, "{text}");
    }
}

#[test]
fn a_set_of_zones_has_one_of_each_name() {
    let zone = |apex: &str| Arc::new(compile(&format!("{apex} 9 SOA a. b. 1 2 3 4 5\n")).unwrap());
    let set = ZoneSet::new([zone("."), zone("x."), zone("a.b.x.")]).unwrap();
    for (asked, apex) in [("x", "x."), ("b.x", "x."), ("q.a.B.x", "a.b.x."), ("y", "."), (".", ".")]
    {
        assert_eq!(set.find(&name(asked)).map(|zone| zone.apex()), Some(name(apex)), "{asked}");
    }
    assert_eq!(ZoneSet::new([zone("x."), zone("X.")]).unwrap_err(), DuplicateZone(name("x")));
    assert!(ZoneSet::new([]).unwrap().find(&name("x")).is_none());
}
