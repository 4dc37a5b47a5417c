//! What the fuzz targets claim, so that tests replay their corpora on the stable toolchain.
//!
//! Each function panics when its claim is broken.

use std::sync::{Arc, LazyLock};

use crate::answer::{AnswerContext, Transport, answer};
use crate::dissect::dissect;
use crate::message::Message;
use crate::rdata::RdataText;
use crate::zone::{Zone, ZoneSet};
use crate::zone_file::{ReadOptions, ZoneFile};
use crate::{NAME_OCTETS_MAX, Name};

/// Octets or text that are a name stay the same name through the other form.
pub fn names(octets: &[u8]) {
    if let Ok(name) = Name::from_wire(octets) {
        assert_eq!(name.as_wire(), octets);
        let again = Name::parse(&name.to_string()).expect("shown names are read");
        assert_eq!(again.as_wire(), octets);
        assert_eq!(name.ancestors().count(), name.label_count() + 1);
    }
    if let Ok(text) = std::str::from_utf8(octets)
        && let Ok(name) = Name::parse(text)
    {
        assert!(name.wire_len() <= NAME_OCTETS_MAX);
        assert_eq!(Name::from_wire(name.as_wire()).as_ref(), Ok(&name));
        assert!(name.is_subdomain_of(&Name::root()));
    }
}

/// Any text is a zone or errors; the records of a zone, written out, are read back; a zone
/// that compiles has as many records, less the duplicates.
pub fn zone_files(text: &[u8]) {
    let options = ReadOptions { generate_records_max: 64, ..ReadOptions::default() };
    let mut includes = 0;
    let read = ZoneFile::read("zone", text, &options, &mut |_| {
        includes += 1;
        if includes > 8 { Err("enough".to_owned()) } else { Ok(text.to_vec()) }
    });
    let Ok(file) = read else { return };
    let mut written = String::new();
    for record in file.records() {
        let data = RdataText { record_type: record.record_type, data: record.data };
        written += &format!("{} {} {} {data}\n", record.owner, record.ttl, record.record_type);
    }
    let again = ZoneFile::read_text("written", &written).expect("written records are read");
    assert_eq!(again.len(), file.len());
    for (one, other) in file.records().zip(again.records()) {
        assert_eq!((one.owner, one.ttl, one.data), (other.owner, other.ttl, other.data));
    }
    file.check();
    if let Ok(zone) = Zone::compile(&file) {
        assert_eq!(zone.records().count(), zone.record_count());
        assert!(zone.record_count() <= file.len());
        let zones = ZoneSet::single(Arc::new(zone));
        let mut context = AnswerContext::default();
        for record in file.records() {
            let question = crate::message::Question::new(record.owner.clone(), record.record_type);
            let query = Message::query(1, question).write().expect("a query is written");
            reply(&zones, &query, &mut context);
        }
    }
}

/// Octets that are a message stay the same message through writing and reading; whatever they
/// are, the dissector's fields cover each of them once and agree on whether they are valid.
pub fn messages(octets: &[u8]) {
    let parsed = Message::parse(octets);
    if let Ok(message) = &parsed
        && let Ok(written) = message.write()
    {
        let again = Message::parse(&written).expect("a written message is read");
        assert_eq!(&again, message);
        let cut = message.write_within(512).map(|cut| Message::parse(&cut));
        assert!(matches!(cut, Ok(Ok(_)) | Err(_)), "a cut message is read");
    }
    let dissected = dissect(octets);
    let mut at = 0;
    for field in &dissected.fields {
        assert_eq!(field.bytes.start, at, "{} follows the field before", field.name);
        at = field.bytes.end;
    }
    assert_eq!(at, octets.len());
    assert_eq!(dissected.malformed.is_none(), parsed.is_ok());
}

/// Any octets get a well-formed reply or none.
pub fn answers(octets: &[u8]) {
    let mut context = AnswerContext::default();
    reply(&ZONES, octets, &mut context);
}

fn reply(zones: &ZoneSet, query: &[u8], context: &mut AnswerContext) {
    let mut out = vec![0; usize::from(u16::MAX)];
    for transport in [Transport::Datagram, Transport::Stream] {
        let Some(reply) = answer(zones, query, transport, &mut out, context) else { continue };
        let octets = &out[..reply.octets];
        let message = Message::parse(octets).expect("replies are well-formed");
        assert!(message.header.qr && octets[..2] == query[..2]);
        assert!(transport == Transport::Stream || octets.len() <= 1232);
    }
}

static ZONES: LazyLock<ZoneSet> = LazyLock::new(|| {
    let text = "$ORIGIN x.\n@ 9 IN SOA ns r 1 2 3 4 5\n@ 9 NS ns\nns 9 A 192.0.2.1\n\
                * 9 MX 1 ns\na.b 9 CNAME c\nc 9 DNAME b\nd 9 NS ns.d\nns.d 9 AAAA ::1\n";
    let file = ZoneFile::read_text("zone", text).expect("the text is a zone");
    ZoneSet::single(Arc::new(Zone::compile(&file).expect("the zone can be served")))
});
