use capa7_dissect::{Direction, Dissector, Field};
use proptest::prelude::*;

use super::*;
use crate::message::{
    Edns, EdnsOption, ExtendedError, Message as Dns, Question, Rdata, Record, Soa,
};
use crate::{Name, Rcode, RecordType};

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn query(qname: &str, qtype: RecordType) -> Dns {
    let mut query = Dns::query(0xbeef, Question::new(name(qname), qtype));
    query.header.rd = true;
    query
}

fn mx() -> Dns {
    let mut reply = query("urosario.edu.co", RecordType::MX).reply(Rcode::NOERROR);
    reply.header.aa = true;
    let rdata = Rdata::mx(10, &name("mail.urosario.edu.co"));
    reply.answers.push(Record::new(name("urosario.edu.co"), RecordType::MX, 3600, rdata));
    reply
}

fn referral() -> Dns {
    let mut reply = query("urosario.edu.co", RecordType::MX).reply(Rcode::NOERROR);
    let rdata = Rdata::name(&name("a.nic.co"));
    reply.authorities.push(Record::new(name("co"), RecordType::NS, 172_800, rdata));
    let glue = Rdata::a([192, 0, 2, 5].into());
    reply.additionals.push(Record::new(name("a.nic.co"), RecordType::A, 172_800, glue));
    reply
}

fn absence(rcode: Rcode) -> Dns {
    let mut reply = query("nada.co", RecordType::A).reply(rcode);
    let soa = Soa {
        mname: name("a.nic.co"),
        rname: name("hostmaster.nic.co"),
        serial: 1,
        refresh: 2,
        retry: 3,
        expire: 4,
        minimum: 90,
    };
    reply.authorities.push(Record::new(name("co"), RecordType::SOA, 900, Rdata::soa(&soa)));
    reply
}

fn failure() -> Dns {
    let mut reply = query("nada.co", RecordType::A).reply(Rcode::SERVFAIL);
    reply.header.ra = true;
    let error = ExtendedError { code: 22, text: "no server replied".to_owned() };
    let options = vec![EdnsOption::ExtendedError(error)];
    reply.edns = Some(Edns { options, ..Edns::default() });
    reply
}

fn find<'f>(fields: &'f [Field], path: &str) -> &'f Field {
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    let field = fields.iter().find(|field| field.name == first).unwrap_or_else(|| {
        panic!("no {first} among {:?}", fields.iter().map(|field| field.name).collect::<Vec<_>>())
    });
    if rest.is_empty() { field } else { find(&field.children, rest) }
}

#[test]
fn a_message_has_a_short_line_and_a_sentence_in_two_languages() {
    let alias = {
        let mut reply = query("www.ibm.com", RecordType::A).reply(Rcode::NOERROR);
        let target = name("servereast.backup2.ibm.com");
        let cname = Rdata::name(&target);
        reply.answers.push(Record::new(name("www.ibm.com"), RecordType::CNAME, 60, cname));
        for last in 1..=3 {
            let rdata = Rdata::a([192, 0, 2, last].into());
            reply.answers.push(Record::new(target.clone(), RecordType::A, 60, rdata));
        }
        reply
    };
    let mut iterated = query("gaia.cs.umass.edu", RecordType::A);
    iterated.header.rd = false;
    let mut cut = mx();
    cut.header.tc = true;
    let cases = [
        query("urosario.edu.co", RecordType::MX),
        iterated,
        mx(),
        alias,
        referral(),
        absence(Rcode::NXDOMAIN),
        absence(Rcode::NOERROR),
        failure(),
        cut,
    ];
    let lines: Vec<String> = cases
        .iter()
        .map(|message| {
            let dissected = dissect(&message.write().unwrap());
            assert_eq!(dissected.malformed, None);
            let meaning: Vec<String> =
                dissected.meaning.iter().map(|(lang, text)| format!("  {lang} {text}")).collect();
            format!("{}\n{}", dissected.summary, meaning.join("\n"))
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn fields_have_their_values_and_octets() {
    // Goal: course D8: the header's fields, and the parts of a record.
    let octets = mx().write().unwrap();
    let fields = dissect(&octets).fields;
    for (path, value, bytes) in [
        ("id", "48879", 0..2),
        ("flags", "qr aa rd", 2..4),
        ("flags.qr", "1", 2..3),
        ("flags.aa", "1", 2..3),
        ("flags.rd", "1", 2..3),
        ("flags.ra", "0", 3..4),
        ("flags.rcode", "NOERROR", 3..4),
        ("qdcount", "1", 4..6),
        ("arcount", "0", 10..12),
        ("question.qname", "urosario.edu.co.", 12..29),
        ("question.qtype", "MX", 29..31),
        ("answer.name", "urosario.edu.co.", 33..35),
        ("answer.ttl", "3600", 39..43),
        ("answer.rdata.preference", "10", 45..47),
        ("answer.rdata.target", "mail.urosario.edu.co.", 47..54),
    ] {
        let field = find(&fields, path);
        assert_eq!((field.value.as_str(), field.bytes.clone()), (value, bytes), "{path}");
    }
    assert_eq!(
        find(&fields, "answer").value,
        "urosario.edu.co. 3600 IN MX 10 mail.urosario.edu.co."
    );
    let fields = dissect(&failure().write().unwrap()).fields;
    let option = find(&fields, "additional.rdata.extended_error");
    assert_eq!(option.value, "22 (No Reachable Authority): no server replied");
    assert_eq!(find(&fields, "additional.udp_payload_size").value, "1232");
}

/// Each octet is in exactly one top-level field, and children lie within their parents.
fn check_cover(fields: &[Field], length: usize) {
    let mut at = 0;
    for field in fields {
        assert_eq!(field.bytes.start, at, "{}", field.name);
        at = field.bytes.end;
        check_children(field);
    }
    assert_eq!(at, length);
}

fn check_children(field: &Field) {
    for child in &field.children {
        assert!(
            child.bytes.start >= field.bytes.start && child.bytes.end <= field.bytes.end,
            "{} in {}",
            child.name,
            field.name
        );
        check_children(child);
    }
}

#[test]
fn a_broken_message_shows_what_could_be_read() {
    let octets = mx().write().unwrap();
    for length in 0..octets.len() {
        let dissected = dissect(&octets[..length]);
        assert!(dissected.malformed.is_some(), "{length}");
        check_cover(&dissected.fields, length);
    }
    let cut = dissect(&octets[..40]);
    assert_eq!(find(&cut.fields, "question.qname").value, "urosario.edu.co.");
    assert_eq!(find(&cut.fields, "unread").bytes, 33..40);
}

#[test]
fn a_stream_is_cut_into_its_messages_wherever_it_is_cut() {
    let framed: Vec<u8> = [query("a.co", RecordType::A), mx(), referral()]
        .iter()
        .flat_map(|message| {
            let octets = message.write().unwrap();
            [u16::try_from(octets.len()).unwrap().to_be_bytes().to_vec(), octets].concat()
        })
        .collect();
    for chunk in [1, 2, 3, 7, 50, framed.len()] {
        let mut dissector = DnsDissector::stream();
        let mut messages = Vec::new();
        for (index, part) in framed.chunks(chunk).enumerate() {
            let offset = u64::try_from(index * chunk).unwrap();
            messages.extend(dissector.push(Direction::ToClient, offset, part));
            // The same octets again change nothing.
            messages.extend(dissector.push(Direction::ToClient, offset, part));
        }
        let summaries: Vec<&str> =
            messages.iter().map(|message| message.summary.as_str()).collect();
        assert_eq!(summaries, ["A a.co ?", "MX mail.urosario.edu.co", "referral: co → a.nic.co"]);
        let lengths = messages.iter().map(|message| message.fields.last().unwrap().bytes.end);
        assert_eq!(lengths.sum::<usize>(), framed.len());
    }
}

#[test]
fn a_gap_in_a_stream_is_told() {
    let mut dissector = DnsDissector::stream();
    assert_eq!(dissector.push(Direction::ToServer, 0, &[0, 50, 1]).len(), 0);
    let octets = query("a.co", RecordType::A).write().unwrap();
    let framed = [u16::try_from(octets.len()).unwrap().to_be_bytes().to_vec(), octets].concat();
    let messages = dissector.push(Direction::ToServer, 100, &framed);
    assert_eq!(messages[0].malformed.as_deref(), Some("97 octets of the stream are missing"));
    assert_eq!(messages[1].summary, "A a.co ?");
}

proptest! {
    #[test]
    fn any_octets_are_covered_by_fields(
        octets in prop::collection::vec(any::<u8>(), 0..200), head in 0..3_usize
    ) {
        // Small counts in the header, so that sections are reached.
        let mut octets = octets;
        for at in [4, 6, 8, 10] {
            if let Some(count) = octets.get_mut(at..at + 2) {
                count.copy_from_slice(&[0, u8::try_from(head).unwrap()]);
            }
        }
        let dissected = dissect(&octets);
        check_cover(&dissected.fields, octets.len());
        prop_assert_eq!(dissected.malformed.is_none(), Dns::parse(&octets).is_ok());
    }

    #[test]
    fn a_damaged_message_is_covered_by_fields(at in 0..150_usize, value: u8) {
        for message in [mx(), referral(), absence(Rcode::NXDOMAIN), failure()] {
            let mut octets = message.write().unwrap();
            let length = octets.len();
            octets[at % length] = value;
            let dissected = dissect(&octets);
            check_cover(&dissected.fields, length);
            prop_assert_eq!(dissected.malformed.is_none(), Dns::parse(&octets).is_ok());
        }
    }
}
