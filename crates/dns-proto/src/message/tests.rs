use proptest::prelude::*;

use super::*;
use crate::NameError;

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn a(owner: &str, ttl: u32, last: u8) -> Record {
    Record::new(name(owner), RecordType::A, ttl, Rdata::a([192, 0, 2, last].into()))
}

fn mx_reply() -> Message {
    let query = Message::query(7, Question::new(name("urosario.edu.co"), RecordType::MX));
    let mut reply = query.reply(Rcode::NOERROR);
    reply.header.aa = true;
    reply.answers.push(Record::new(
        name("urosario.edu.co"),
        RecordType::MX,
        3600,
        Rdata::mx(10, &name("mail.urosario.edu.co")),
    ));
    reply.additionals.push(a("mail.urosario.edu.co", 60, 1));
    reply
}

#[test]
fn names_of_old_types_are_compressed() {
    // Goal: RFC 1035 §4.1.4: owner, exchange and glue all point into the question.
    let octets = mx_reply().write().unwrap();
    let question = 12 + 17 + 4;
    let answer = 2 + 10 + 2 + 7;
    let additional = 2 + 10 + 4;
    assert_eq!(octets.len(), question + answer + additional);
    assert_eq!(Message::parse(&octets).unwrap(), mx_reply());
}

#[test]
fn the_pointers_of_rfc_1035_are_read() {
    // Goal: the example of RFC 1035 §4.1.4: F.ISI.ARPA at 20, FOO.F.ISI.ARPA at 40, ARPA at 64.
    let mut octets = vec![0_u8; 92];
    octets[20..32].copy_from_slice(b"\x01F\x03ISI\x04ARPA\x00");
    octets[40..46].copy_from_slice(b"\x03FOO\xc0\x14");
    octets[64..66].copy_from_slice(b"\xc0\x1a");
    let read = |at| Reader::new_at(&octets, at).name();
    assert_eq!(read(20).unwrap(), name("F.ISI.ARPA"));
    assert_eq!(read(40).unwrap(), name("FOO.F.ISI.ARPA"));
    assert_eq!(read(64).unwrap(), name("ARPA"));
    assert_eq!(read(91).unwrap(), Name::root());
}

/// A query header with one question whose name is `wire`, then type and class.
fn question_with(wire: &[u8]) -> Vec<u8> {
    [b"\0\x01\0\0\0\x01\0\0\0\0\0\0".as_slice(), wire, b"\0\x01\0\x01"].concat()
}

#[test]
fn broken_messages_are_refused_with_the_octet() {
    // Goal: each way to break the format has its error, with the place (RFC 1035 §4.1).
    let check = |octets: &[u8], expect: ParseError| {
        assert_eq!(Message::parse(octets), Err(expect), "{octets:02x?}");
    };
    check(&[0; 5], ParseError::Truncated { offset: 5, part: "header" });
    check(&question_with(b"\xc0\x0c"), ParseError::PointerForward { offset: 12, target: 12 });
    check(&question_with(b"\x01a\xc0\x0c"), ParseError::PointerForward { offset: 14, target: 12 });
    check(&question_with(b"\xc0\x40"), ParseError::PointerForward { offset: 12, target: 64 });
    check(
        &question_with(b"\x41a\0"),
        ParseError::Name { offset: 12, error: NameError::BadLabelType },
    );
    let long = [[63; 64].repeat(4).as_slice(), &[0]].concat();
    check(&question_with(&long), ParseError::Name { offset: 12, error: NameError::NameTooLong });
    let mut lie = Message::query(1, Question::new(name("a"), RecordType::A)).write().unwrap();
    let end = lie.len();
    lie[7] = 9;
    check(&lie, ParseError::Truncated { offset: end, part: "answer section" });
    lie[7] = 0;
    lie.extend_from_slice(b"xyz");
    check(&lie, ParseError::Trailing { offset: end, octets: 3 });
}

#[test]
fn record_data_that_is_not_of_its_type_is_refused() {
    // Goal: an A record has four octets, an MX a name (RFC 1035 §3.4.1, §3.3.9).
    assert!(Rdata::parse(RecordType::A, &[1, 2, 3]).is_err());
    let long = Rdata::parse(RecordType::A, &[1, 2, 3, 4, 5]);
    assert_eq!(long, Err(ParseError::RdataLength { offset: 0, rtype: RecordType::A }));
    assert!(Rdata::parse(RecordType::MX, &[0, 10]).is_err());
    assert!(Rdata::parse(RecordType::TXT, &[]).is_err());
    assert!(Rdata::parse(RecordType(65280), &[]).is_ok(), "RFC 3597 takes anything");
}

#[test]
fn a_chain_of_pointers_is_bounded() {
    // Goal: one name may not cost thousands of hops, though each points backwards.
    let mut octets = vec![0_u8];
    for hop in 0..POINTERS {
        let target = if hop == 0 { 0 } else { 1 + 2 * (hop - 1) };
        octets.extend_from_slice(&(0xc000 | target).to_be_bytes());
    }
    let at = |hop: u16| usize::from(1 + 2 * (hop - 1));
    assert_eq!(Reader::new_at(&octets, at(127)).name().unwrap(), Name::root());
    assert_eq!(
        Reader::new_at(&octets, at(128)).name(),
        Err(ParseError::TooManyPointers { offset: at(128) })
    );
}

const POINTERS: u16 = 200;

#[test]
fn an_unknown_type_passes_unchanged() {
    // Goal: RFC 3597 §3: data of unknown types is opaque and never compressed.
    let mut reply = mx_reply();
    let data = [name("mail.urosario.edu.co").as_wire(), &[0xc0, 0x0c]].concat();
    let record = Record::new(name("x"), RecordType(65280), 5, Rdata::from_wire(&data));
    reply.answers.push(record);
    let octets = reply.write().unwrap();
    assert!(octets.windows(data.len()).any(|window| window == data));
    assert_eq!(Message::parse(&octets).unwrap(), reply);
}

#[test]
fn a_cut_answer_keeps_whole_sets_and_says_so() {
    // Goal: RFC 2181 §9: TC when a set of the answer is missing, none for additional records.
    let mut reply = mx_reply();
    reply.edns = Some(Edns::default());
    for last in 0..40 {
        reply.answers.push(a("big.example", 60, last));
    }
    let octets = reply.write_within(512).unwrap();
    assert!(octets.len() <= 512);
    let cut = Message::parse(&octets).unwrap();
    assert!(cut.header.tc);
    assert_eq!(cut.answers, reply.answers[..1]);
    assert!(cut.additionals.is_empty());
    assert_eq!(cut.edns, reply.edns);

    let mut glue = mx_reply();
    for last in 0..40 {
        glue.additionals.push(a("big.example", 60, last));
    }
    glue.additionals.push(a("small.example", 60, 1));
    let cut = Message::parse(&glue.write_within(512).unwrap()).unwrap();
    assert!(!cut.header.tc);
    assert_eq!(cut.additionals.len(), 2, "the set that does not fit is left out alone");
}

#[test]
fn the_response_code_has_twelve_bits_with_edns() {
    // Goal: RFC 6891 §6.1.3: BADVERS is 16, its upper bits are in the OPT record.
    let query = Message::query(7, Question::new(name("a"), RecordType::A));
    let octets = query.reply(Rcode::BADVERS).write().unwrap();
    let read = Message::parse(&octets).unwrap();
    assert_eq!(read.header.rcode, Rcode::BADVERS);
    assert!(read.edns.is_some());
}

#[test]
fn a_second_opt_record_is_refused() {
    // Goal: RFC 6891 §6.1.1: at most one, and its owner is the root.
    let mut query = Message::query(7, Question::new(name("a"), RecordType::A));
    query.edns = Some(Edns::default());
    let mut octets = query.write().unwrap();
    let offset = octets.len();
    octets.extend_from_slice(&[0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 0]);
    octets[11] = 2;
    assert_eq!(Message::parse(&octets), Err(ParseError::OptMisplaced { offset }));
}

#[test]
fn ttls_with_the_top_bit_are_zero() {
    // Goal: RFC 2181 §8.
    let mut reply = mx_reply();
    reply.answers[0].ttl = 0x8000_0000;
    assert_eq!(Message::parse(&reply.write().unwrap()).unwrap().answers[0].ttl, 0);
}

#[test]
fn options_are_written_as_they_were_read() {
    // Goal: RFC 5001, 7871, 7873, 7828, 7830, 8914 forms, and broken ones kept as octets.
    let forms: [(u16, &[u8]); 9] = [
        (3, b"bog-1"),
        (8, &[0, 1, 24, 0, 192, 0, 2]),
        (8, &[0, 1, 20, 0, 192, 0, 0xff]),
        (10, &[1, 2, 3, 4, 5, 6, 7, 8]),
        (10, &[1, 2, 3, 4, 5, 6, 7, 8, 9]),
        (11, &[0, 100]),
        (12, &[0; 9]),
        (15, b"\0\x16nobody answered"),
        (65001, b"?"),
    ];
    for (code, data) in forms {
        let option = EdnsOption::parse(code, data);
        assert_eq!((option.code(), option.data().as_slice()), (code, data), "{option:?}");
    }
    assert!(matches!(EdnsOption::parse(8, &[0, 1, 20, 0, 192, 0, 0xff]), EdnsOption::Other { .. }));
    assert!(matches!(EdnsOption::parse(10, &[0; 9]), EdnsOption::Other { .. }));
}

#[test]
fn typed_views_read_what_was_made() {
    let soa = Soa {
        mname: name("ns.example"),
        rname: name("root.example"),
        serial: 1,
        refresh: 2,
        retry: 3,
        expire: 4,
        minimum: 5,
    };
    let record = Record::new(name("example"), RecordType::SOA, 9, Rdata::soa(&soa));
    assert_eq!(record.soa(), Some(soa));
    assert_eq!(record.a(), None);
    let long = [b'x'; 300];
    let record = Record::new(name("t"), RecordType::TXT, 9, Rdata::txt(&[b"", &long]));
    assert_eq!(record.txt().unwrap(), [b"".as_slice(), &long[..255], &long[255..]]);
}

fn any_name() -> impl Strategy<Value = Name> {
    // Few labels over few letters, so that names share endings and pointers occur.
    prop::collection::vec(
        prop::collection::vec(prop::sample::select(b"aAb\0.".as_slice()), 1..3),
        0..5,
    )
    .prop_map(|labels| {
        labels.iter().rev().fold(Name::root(), |name, label| name.child(label).unwrap())
    })
}

fn any_record() -> impl Strategy<Value = Record> {
    let rdata = prop_oneof![
        any::<[u8; 4]>().prop_map(|octets| (RecordType::A, Rdata::a(octets.into()))),
        any_name().prop_map(|target| (RecordType::NS, Rdata::name(&target))),
        any_name().prop_map(|target| (RecordType::DNAME, Rdata::name(&target))),
        (any::<u16>(), any_name())
            .prop_map(|(number, name)| { (RecordType::MX, Rdata::mx(number, &name)) }),
        (any_name(), any_name(), any::<u32>()).prop_map(|(mname, rname, serial)| {
            let soa = Soa { mname, rname, serial, refresh: 1, retry: 2, expire: 3, minimum: 4 };
            (RecordType::SOA, Rdata::soa(&soa))
        }),
        prop::collection::vec(any::<u8>(), 0..20)
            .prop_map(|octets| (RecordType(65280), Rdata::from_wire(&octets))),
        prop::collection::vec(any::<u8>(), 0..300)
            .prop_map(|text| (RecordType::TXT, Rdata::txt(&[&text]))),
    ];
    (any_name(), 0..=parse::TTL_MAX, rdata)
        .prop_map(|(name, ttl, (rtype, rdata))| Record::new(name, rtype, ttl, rdata))
}

fn any_message() -> impl Strategy<Value = Message> {
    let records = || prop::collection::vec(any_record(), 0..6);
    let edns = prop::option::of((
        any::<u16>(),
        any::<bool>(),
        prop::collection::vec((any::<u16>(), prop::collection::vec(any::<u8>(), 0..12)), 0..3),
    ));
    (any::<u16>(), any::<u16>(), any_name(), any::<u16>(), records(), records(), records(), edns)
        .prop_map(|(id, flags, qname, qtype, answers, authorities, additionals, edns)| {
            let mut head = [id.to_be_bytes(), flags.to_be_bytes()].concat();
            head.resize(HEADER_OCTETS, 0);
            let edns = edns.map(|(payload_octets, dnssec_ok, options)| Edns {
                payload_octets,
                dnssec_ok,
                options: options
                    .iter()
                    .map(|(code, data)| EdnsOption::parse(*code, data))
                    .collect(),
                ..Edns::default()
            });
            let header = Header::parse(&head).unwrap();
            let questions = vec![Question::new(qname, RecordType(qtype))];
            Message { header, questions, answers, authorities, additionals, edns }
        })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(message in any_message()) {
        let octets = message.write().unwrap();
        prop_assert_eq!(Message::parse(&octets).unwrap(), message);
    }

    #[test]
    fn a_cut_message_is_valid_and_within_its_limit(
        message in any_message(), limit in 400..900_usize
    ) {
        let octets = message.write_within(limit).unwrap();
        prop_assert!(octets.len() <= limit);
        Message::parse(&octets).unwrap();
    }

    #[test]
    fn octets_that_parse_survive_a_round_trip(
        message in any_message(), flips in prop::collection::vec((any::<u16>(), any::<u8>()), 0..6)
    ) {
        let mut octets = message.write().unwrap();
        for (at, value) in flips {
            let length = octets.len();
            octets[usize::from(at) % length] = value;
        }
        if let Ok(read) = Message::parse(&octets)
            && let Ok(written) = read.write()
        {
            prop_assert_eq!(Message::parse(&written).unwrap(), read);
        }
    }
}
