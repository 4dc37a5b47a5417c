use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::rdata::RdataText;

const SOA: &str = "example.com. 300 IN SOA ns1 root 1 2 3 4 5\n";

/// The records of a text, one a line, in presentation form.
fn records(text: &str) -> Vec<String> {
    let zone = ZoneFile::read_text("zone", text).unwrap_or_else(|errors| panic!("{errors}"));
    zone.records().map(|record| line(&record)).collect()
}

fn line(record: &ZoneFileRecord<'_>) -> String {
    let ZoneFileRecord { owner, record_type, ttl, data, .. } = *record;
    format!("{owner} {ttl} {record_type} {}", RdataText { record_type, data })
}

#[track_caller]
fn fails(text: &str, expected: &str) {
    let errors = ZoneFile::read_text("zone", text).expect_err(text);
    assert_eq!(errors.to_string(), expected, "{text}");
}

#[test]
fn owner_ttl_and_origin_are_inherited() {
    // RFC 1035 §5.1 and RFC 2308 §4.
    let text = "$TTL 1h\n\
                @ 300 IN SOA ns1 root ( 1 ; serial\n 2 3 4 5 )\n\
                \tNS ns1\n\
                ns1 A 192.0.2.1\n\
                \t600 AAAA 2001:db8::1\n\
                \tTXT \"a;b\" ; comment\n\
                $ORIGIN sub\n\
                www IN 30 A 192.0.2.2\n\
                @ 31 IN A 192.0.2.3\n";
    assert_eq!(
        records(&format!("$ORIGIN example.com.\n{text}")),
        [
            "example.com. 300 SOA ns1.example.com. root.example.com. 1 2 3 4 5",
            "example.com. 3600 NS ns1.example.com.",
            "ns1.example.com. 3600 A 192.0.2.1",
            "ns1.example.com. 600 AAAA 2001:db8::1",
            "ns1.example.com. 3600 TXT \"a;b\"",
            "www.sub.example.com. 30 A 192.0.2.2",
            "sub.example.com. 31 A 192.0.2.3",
        ]
    );
}

#[test]
fn without_an_origin_the_owner_of_the_soa_is_it() {
    assert_eq!(
        records(&format!("; first\n{SOA}www A 192.0.2.1\n"))[1],
        "www.example.com. 300 A 192.0.2.1"
    );
    // The SOA need not come first.
    assert_eq!(records(&format!("www 9 A 192.0.2.1\n{SOA}"))[0], "www.example.com. 9 A 192.0.2.1");
    fails(
        "www 9 A 192.0.2.1\n",
        "zone:1:1: a relative name, but no origin is known; put $ORIGIN before it or end it with \
            a dot",
    );
}

#[test]
fn a_soa_elsewhere_than_asked_for_is_refused() {
    let options = ReadOptions { origin: Name::parse("example.org").ok(), ..ReadOptions::default() };
    let read = ZoneFile::read("zone", SOA.as_bytes(), &options, &mut |_| Err(String::new()));
    assert_eq!(
        read.unwrap_err().to_string(),
        "zone:1:1: the SOA record is at example.com., not at example.org.; correct the owner or \
            the origin"
    );
}

#[test]
fn an_error_names_file_line_and_column() {
    for (text, expected) in [
        ("a A 1.2.3\n", "zone:2:5: `1.2.3` is not an IPv4 address"),
        ("a 9 A\n", "zone:2:5: the line ends too early; address is missing"),
        ("a 9\n", "zone:2:3: the line ends before a record type"),
        ("a 9 CH A 1.2.3.4\n", "zone:2:5: class CH; only IN is served"),
        ("a 9 ANY x\n", "zone:2:5: ANY is a type for questions and cannot be data of a zone"),
        (
            "a 9 FOO x\n",
            "zone:2:5: `FOO` is not a known record type; an unknown one is written TYPE and its \
                number",
        ),
        (
            "a..b 9 A 1.2.3.4\n",
            "zone:2:1: an empty label; write one dot between labels and none in front",
        ),
        (
            "$FOO\n",
            "zone:2:1: `$FOO` is not a directive; known are $ORIGIN, $TTL, $INCLUDE and $GENERATE",
        ),
        (
            "$TTL x\n",
            "zone:2:6: `x` is not a time; write seconds up to 2147483647, or units like 1h30m",
        ),
        ("$TTL\n", "zone:2:1: the line ends too early"),
        (
            "a 2147483648 A 1.2.3.4\n",
            "zone:2:3: `2147483648` is not a time; write seconds up to 2147483647, or units like \
                1h30m",
        ),
        (
            "a 9 MX (\n  10\n  b c )\n",
            "zone:4:5: a word too many; quote text that has spaces, and check the record type",
        ),
        (
            "a 9 TXT \"b\n",
            "zone:2:9: a quote that is not closed on its line; add `\"` or write \\\" for a \
                quote mark",
        ),
        ("a 9 TXT ( b\n", "zone:2:9: a parenthesis that is never closed; add `)`"),
        (
            "a 9 TXT b )\n",
            "zone:2:11: a closing parenthesis without an opening one; remove it or escape it as \
                \\)",
        ),
        ("$INCLUDE other\n", "zone:2:10: cannot include `other`: this text cannot include files"),
        (
            "$GENERATE 3-1 a$ A 1.2.3.$\n",
            "zone:2:11: `3-1` is not a range; write start-stop or start-stop/step, with stop not \
                below start",
        ),
        (
            "$GENERATE 1-2 a${0,2,q} A 1.2.3.4\n",
            "zone:2:15: `a${0,2,q}` is not a modifier; write ${offset,width,base} with base d, \
                o, x, X, n or N",
        ),
        ("$GENERATE 254-256 a$ A 1.2.3.$\n", "zone:2:24: `1.2.3.256` is not an IPv4 address"),
        (
            "$GENERATE 0-9999999 a$ A 1.2.3.4\n",
            "zone:2:11: the range makes 10000000 records; the most is 1048576",
        ),
    ] {
        fails(&format!("{SOA}{text}"), expected);
    }
}

#[test]
fn every_faulty_line_is_reported() {
    fails(
        &format!("{SOA}a A x\nb A 192.0.2.1\nc AAAA y\n"),
        "zone:2:5: `x` is not an IPv4 address\nzone:4:8: `y` is not an IPv6 address",
    );
    let many = ZoneFile::read_text("zone", &"a A x\n".repeat(1000)).unwrap_err();
    assert_eq!(many.0.len(), ERRORS_MAX);
}

#[test]
fn an_included_file_has_its_own_origin_and_leaves_ours() {
    // RFC 1035 §5.1.
    let files = BTreeMap::from([
        ("sub.zone", "@ A 192.0.2.1\n$ORIGIN x.\nb A 192.0.2.2\n"),
        ("loop.zone", "$INCLUDE loop.zone\n"),
        ("bad.zone", "\n a A x\n"),
    ]);
    let read = |text: &str| {
        let text = format!("{SOA}{text}");
        ZoneFile::read("main", text.as_bytes(), &ReadOptions::default(), &mut |path| {
            let text = files.get(path).ok_or_else(|| "no such file".to_owned())?;
            Ok(text.as_bytes().to_vec())
        })
    };
    let zone = read("$INCLUDE sub.zone sub\na A 192.0.2.3\n").unwrap();
    let lines: Vec<String> = zone.records().skip(1).map(|record| line(&record)).collect();
    assert_eq!(
        lines,
        [
            "sub.example.com. 300 A 192.0.2.1",
            "b.x. 300 A 192.0.2.2",
            "a.example.com. 300 A 192.0.2.3"
        ]
    );
    let position = zone.records().nth(1).map(|record| record.position.to_string());
    assert_eq!(position.as_deref(), Some("sub.zone:1:1"));
    for (text, expected) in [
        ("$INCLUDE none\n", "main:2:10: cannot include `none`: no such file"),
        ("$INCLUDE bad.zone\n", "bad.zone:2:4: `x` is not an IPv4 address"),
        (
            "$INCLUDE loop.zone\n",
            "loop.zone:1:10: $INCLUDE nested deeper than 16 files; does a file include itself?",
        ),
    ] {
        assert!(
            read(text).unwrap_err().to_string().starts_with(expected.split(" `x`").next().unwrap()),
            "{text}"
        );
    }
}

#[test]
fn generate_makes_the_lines_that_bind_documents() {
    let made = |line: &str| records(&format!("{SOA}{line}\n"))[1..].join("\n");
    for (line, expected) in [
        (
            "$GENERATE 1-2 s$ NS ns$.x.",
            "s1.example.com. 300 NS ns1.x.\ns2.example.com. 300 NS ns2.x.",
        ),
        (
            "$GENERATE 1-5/4 $ 60 IN CNAME $.0",
            "1.example.com. 60 CNAME 1.0.example.com.\n5.example.com. 60 CNAME 5.0.example.com.",
        ),
        (
            "$GENERATE 9-10 h${1,3} A 10.0.0.$",
            "h010.example.com. 300 A 10.0.0.9\nh011.example.com. 300 A 10.0.0.10",
        ),
        ("$GENERATE 31-31 h${-1,4,x} A 10.0.0.${0,0,d}", "h001e.example.com. 300 A 10.0.0.31"),
        ("$GENERATE 31-31 h${0,0,X}-${0,0,o} A 10.0.0.1", "h1F-37.example.com. 300 A 10.0.0.1"),
        ("$GENERATE 26-26 ${0,3,n}.ip6 PTR h$", "a.1.ip6.example.com. 300 PTR h26.example.com."),
        ("$GENERATE 1-1 a MX \"10 m$\"", ""),
        ("$GENERATE 7-7 a TXT \"cost \\$$ and $$\"", "a.example.com. 300 TXT \"cost $7 and $\""),
    ] {
        if !expected.is_empty() {
            assert_eq!(made(line), expected, "{line}");
        }
    }
}

#[test]
fn a_file_with_windows_line_ends_or_without_a_last_one_is_read() {
    assert_eq!(records("e. 1 IN SOA a. b. 1 2 3 4 5\r\nw.e. 2 IN A 192.0.2.1").len(), 2);
}

proptest! {
    #[test]
    fn any_text_is_a_zone_or_errors(text in "([a-z.@$\"\\\\();0-9 \t\n]|SOA|A |TXT |\\$ORIGIN \
        |\\$GENERATE 1-3 ){0,80}") {
        let _ = ZoneFile::read_text("zone", &text);
    }

    #[test]
    fn records_written_in_presentation_form_are_read_back(
        labels in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..10), 1..5),
        texts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..20), 1..4),
        ttl in 0..=i32::MAX as u32,
    ) {
        let mut builder = crate::NameBuilder::new();
        for label in &labels {
            builder.push_label(label).unwrap();
        }
        let owner = builder.finish().unwrap();
        let mut data = Vec::new();
        for text in &texts {
            data.push(u8::try_from(text.len()).unwrap());
            data.extend_from_slice(text);
        }
        let mut zone = ZoneFile::new();
        zone.push(owner.clone(), RecordType::TXT, ttl, &data).unwrap();
        let text: Vec<String> = zone.records().map(|record| line(&record)).collect();
        let again = ZoneFile::read_text("zone", &text.join("\n")).unwrap();
        let record = again.records().next().unwrap();
        prop_assert_eq!(record.owner.as_wire(), owner.as_wire());
        prop_assert_eq!((record.ttl, record.data), (ttl, &data[..]));
    }
}
