use proptest::prelude::*;

use super::generic::is_well_formed;
use super::*;

fn origin() -> Name {
    Name::parse("example.com").unwrap()
}

/// Reads `text`, and expects that the data are shown as `shown` and read back the same.
#[track_caller]
fn check(record_type: RecordType, text: &str, shown: &str) -> Vec<u8> {
    let data = parse_rdata(record_type, text, &origin())
        .unwrap_or_else(|error| panic!("{record_type} {text}: {error}"));
    let presented = RdataText { record_type, data: &data }.to_string();
    assert_eq!(presented, shown, "{record_type} {text}");
    let again = parse_rdata(record_type, &presented, &Name::root())
        .unwrap_or_else(|error| panic!("{record_type} {presented}: {error}"));
    assert_eq!(again, data, "{record_type} {presented}");
    data
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table with a row per record type")]
fn data_of_every_known_type_is_read_shown_and_read_again() {
    // Examples of the RFCs that define the types, with relative names where they may stand.
    for (kind, text, shown) in [
        ("A", "192.0.2.1", "192.0.2.1"),
        ("AAAA", "2001:db8:0::1", "2001:db8::1"),
        ("NS", "ns1", "ns1.example.com."),
        ("CNAME", "@", "example.com."),
        ("PTR", "a\\.b.", "a\\.b."),
        ("DNAME", "net.", "net."),
        ("MX", "10 mail", "10 mail.example.com."),
        (
            "SOA",
            "ns1 host.master 7 1h 2h 1w 600",
            "ns1.example.com. host.master.example.com. 7 3600 7200 604800 600",
        ),
        ("TXT", "one \"two words\" \"q\\\"\\010\"", "\"one\" \"two words\" \"q\\\"\\010\""),
        ("TXT", "\"\"", "\"\""),
        ("SPF", "\"v=spf1 -all\"", "\"v=spf1 -all\""),
        ("HINFO", "PC Linux", "\"PC\" \"Linux\""),
        ("MINFO", "a b", "a.example.com. b.example.com."),
        ("RP", "a b", "a.example.com. b.example.com."),
        ("AFSDB", "1 afs", "1 afs.example.com."),
        ("X25", "311061700956", "\"311061700956\""),
        ("ISDN", "150862028003217 004", "\"150862028003217\" \"004\""),
        ("RT", "2 relay", "2 relay.example.com."),
        ("PX", "10 a b", "10 a.example.com. b.example.com."),
        ("KX", "10 a", "10 a.example.com."),
        ("SRV", "0 5 5060 sip", "0 5 5060 sip.example.com."),
        (
            "NAPTR",
            "100 50 \"s\" \"z3950+I2L+I2C\" \"\" _z3950._tcp.gatech.edu.",
            "100 50 \"s\" \"z3950+I2L+I2C\" \"\" _z3950._tcp.gatech.edu.",
        ),
        ("CERT", "1 12345 8 AQID", "1 12345 8 AQID"),
        (
            "DS",
            "60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118",
            "60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118",
        ),
        ("CDS", "0 0 0 00", "0 0 0 00"),
        ("DNSKEY", "257 3 13 ( AQ ID )", "257 3 13 AQID"),
        ("CDNSKEY", "0 3 0 AA==", "0 3 0 AA=="),
        (
            "RRSIG",
            "A 5 3 86400 20030322173103 ( 20030220173103 2642 example.com. AQID )",
            "A 5 3 86400 20030322173103 20030220173103 2642 example.com. AQID",
        ),
        ("NSEC", "host A MX RRSIG NSEC TYPE1234", "host.example.com. A MX RRSIG NSEC TYPE1234"),
        (
            "NSEC3",
            "1 1 12 aabbccdd 2vptu5timamqttgl4luu9kg21e0aor3s A RRSIG",
            "1 1 12 AABBCCDD 2VPTU5TIMAMQTTGL4LUU9KG21E0AOR3S A RRSIG",
        ),
        ("NSEC3PARAM", "1 0 0 -", "1 0 0 -"),
        ("TLSA", "3 1 1 0d6fce", "3 1 1 0D6FCE"),
        ("SMIMEA", "3 1 1 0d6fce", "3 1 1 0D6FCE"),
        (
            "SSHFP",
            "2 1 123456789abcdef67890123456789abcdef67890",
            "2 1 123456789ABCDEF67890123456789ABCDEF67890",
        ),
        ("CSYNC", "66 3 A NS AAAA", "66 3 A NS AAAA"),
        ("ZONEMD", "2018031900 1 1 c68090d90a7aed71", ""),
        ("OPENPGPKEY", "AQID", "AQID"),
        ("CAA", "0 issue \"ca1.example.net\"", "0 \"issue\" \"ca1.example.net\""),
        ("URI", "10 1 \"ftp://ftp1.example.com/public\"", "10 1 \"ftp://ftp1.example.com/public\""),
        ("NID", "10 0014:4fff:ff20:ee64", "10 0014:4fff:ff20:ee64"),
        ("L32", "10 10.1.2.0", "10 10.1.2.0"),
        ("L64", "10 2001:0DB8:1140:1000", "10 2001:0db8:1140:1000"),
        ("LP", "10 l64", "10 l64.example.com."),
        ("EUI48", "00-00-5e-00-53-2a", "00-00-5e-00-53-2a"),
        (
            "LOC",
            "42 21 54 N 71 06 18 W -24m 30m",
            "42 21 54.000 N 71 6 18.000 W -24.00m 30.00m 10000.00m 10.00m",
        ),
        (
            "LOC",
            "52 14 05 N 00 08 50 E 10m",
            "52 14 5.000 N 0 8 50.000 E 10.00m 1.00m 10000.00m 10.00m",
        ),
        (
            "SVCB",
            "16 foo.example.org. alpn=\"h2,h3-19\" mandatory=ipv4hint,alpn ipv4hint=192.0.2.1",
            "",
        ),
        ("HTTPS", "1 . alpn=h2,h3 port=8443 ipv6hint=2001:db8::1", ""),
        ("HTTPS", "0 pool", "0 pool.example.com."),
        ("IPSECKEY", "10 1 2 192.0.2.38 AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==", ""),
        ("TYPE65280", "\\# 4 0A000001", "\\# 4 0A000001"),
        ("TYPE65280", "\\# 0", "\\# 0"),
        ("A", "\\# 4 0A000001", "10.0.0.1"),
    ] {
        let record_type: RecordType = kind.parse().unwrap();
        let data = parse_rdata(record_type, text, &origin())
            .unwrap_or_else(|error| panic!("{kind} {text}: {error}"));
        assert!(is_well_formed(record_type, &data), "{kind} {text}");
        let presented = RdataText { record_type, data: &data }.to_string();
        check(record_type, text, if shown.is_empty() { &presented } else { shown });
    }
}

#[test]
fn service_parameters_have_the_wire_form_of_the_standard() {
    // RFC 9460 appendix D.2, figures 3 and 9.
    let port =
        check(RecordType::SVCB, "16 foo.example.com. port=53", "16 foo.example.com. port=53");
    assert_eq!(port, b"\0\x10\x03foo\x07example\x03com\0\0\x03\0\x02\0\x35");
    let many = parse_rdata(
        RecordType::SVCB,
        "16 foo.example.org. alpn=h2,h3-19 mandatory=ipv4hint,alpn ipv4hint=192.0.2.1",
        &origin(),
    );
    assert_eq!(
        many.unwrap(),
        b"\0\x10\x03foo\x07example\x03org\0\
          \0\0\0\x04\0\x01\0\x04\
          \0\x01\0\x09\x02h2\x05h3-19\
          \0\x04\0\x04\xc0\0\x02\x01"
    );
}

#[test]
fn text_that_is_no_data_is_refused_with_the_column() {
    for (kind, text, column, part) in [
        ("A", "192.0.2", 1, "an IPv4 address"),
        ("A", "192.0.2.1 x", 11, "a word too many"),
        ("A", "", 1, "address is missing"),
        ("MX", "mail", 1, "up to 65535"),
        ("MX", "10", 3, "target is missing"),
        ("MX", "+1 a", 1, "up to 65535"),
        ("SOA", "a b 1 2 3 4", 12, "minimum is missing"),
        ("SRV", "1 2 65536 a", 5, "up to 65535"),
        ("TXT", "\"open", 1, "quote that is not closed"),
        ("NS", "a..b", 1, "empty label"),
        ("DS", "1 8 2 xyz", 7, "hex digits"),
        ("CAA", "0 issue", 8, "too early"),
        ("TYPE65280", "abc", 1, "unknown type"),
        ("TYPE65280", "\\# 3 aabb", 4, "3 octets but 2"),
        ("MX", "\\# 1 aa", 6, "do not form"),
        ("LOC", "91 N 0 E 1", 1, "in range"),
        ("HTTPS", "1 . port=x", 5, ""),
    ] {
        let record_type: RecordType = kind.parse().unwrap();
        let error = parse_rdata(record_type, text, &origin()).expect_err(text);
        assert_eq!(error.column, column, "{kind} {text}: {error}");
        assert!(error.to_string().contains(part), "{kind} {text}: {error}");
    }
}

#[test]
fn a_string_of_256_octets_is_refused() {
    let text = format!("\"{}\"", "a".repeat(256));
    let error = parse_rdata(RecordType::TXT, &text, &origin()).unwrap_err();
    assert_eq!(error.problem, Problem::StringTooLong);
}

proptest! {
    #[test]
    fn data_in_any_form_are_shown_so_that_they_can_be_read(
        number in prop_oneof![0..260_u16, any::<u16>()],
        data in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        let record_type = RecordType(number);
        prop_assume!(!record_type.is_meta());
        let text = RdataText { record_type, data: &data }.to_string();
        if is_well_formed(record_type, &data)
            && let Ok(again) = parse_rdata(record_type, &text, &Name::root())
        {
            let shown = RdataText { record_type, data: &again }.to_string();
            prop_assert_eq!(shown, text);
        }
    }

    #[test]
    fn any_text_is_data_or_an_error(number in 0..260_u16, text in "[ -~]{0,40}") {
        let _ = parse_rdata(RecordType(number), &text, &origin());
    }
}

// Found by fuzzing: a service parameter with octets that have a meaning in a master file.
#[test]
fn what_would_not_be_read_back_is_shown_in_generic_form() {
    let origin = Name::root();
    for alpn in ["(2", ")", ";", "a b", "\\\"", "\\005\\000"] {
        let text = format!("1 . alpn=\"{alpn}\" port=8443");
        let data = parse_rdata(RecordType::HTTPS, &text, &origin).expect("quoted");
        let shown = RdataText { record_type: RecordType::HTTPS, data: &data }.to_string();
        let again = parse_rdata(RecordType::HTTPS, &shown, &origin);
        assert_eq!(again.as_ref(), Ok(&data), "{shown}");
    }
}
