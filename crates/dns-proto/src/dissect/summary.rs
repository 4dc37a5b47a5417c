//! A message on one short line, for the arrow of a ladder.

use crate::message::{Message, Record};
use crate::rdata::RdataText;
use crate::{Name, Opcode, Rcode, RecordType};

/// `MX urosario.edu.co ?`, `referral: co → a.nic.co`, `NXDOMAIN`, `A 192.0.2.1`.
pub(super) fn summary(message: &Message) -> String {
    let question = message.questions.first();
    if message.header.opcode != Opcode::QUERY {
        let name = question.map(|question| plain(&question.name)).unwrap_or_default();
        let end = if message.header.qr { message.header.rcode.to_string() } else { "?".to_owned() };
        return format!("{} {name} {end}", message.header.opcode);
    }
    if !message.header.qr {
        return question.map_or_else(
            || "no question".to_owned(),
            |question| format!("{} {} ?", question.qtype, plain(&question.name)),
        );
    }
    if message.header.tc {
        return "truncated".to_owned();
    }
    if message.header.rcode != Rcode::NOERROR {
        return message.header.rcode.to_string();
    }
    match Kind::of(message) {
        Kind::Answer(records) => {
            let Some(first) = records.first() else { return "NOERROR".to_owned() };
            let more = records.len() - 1;
            let value = short(first);
            let more = if more > 0 { format!(" +{more}") } else { String::new() };
            format!("{} {value}{more}", first.rtype)
        }
        Kind::Referral(records) => {
            let Some(first) = records.first() else { return "referral".to_owned() };
            let server = first.ns().map(|server| plain(&server)).unwrap_or_default();
            let more = records.len() - 1;
            let more = if more > 0 { format!(" +{more}") } else { String::new() };
            format!("referral: {} → {server}{more}", plain(&first.name))
        }
        Kind::Nothing => question
            .map_or_else(|| "NOERROR".to_owned(), |question| format!("no {}", question.qtype)),
    }
}

/// What cannot be read.
pub(super) fn broken() -> String {
    "malformed".to_owned()
}

/// What a reply without error brings.
#[derive(Debug)]
pub(super) enum Kind<'m> {
    /// The records that end the answer: those of the last name of a chain of aliases.
    Answer(Vec<&'m Record>),
    /// The servers of a zone closer to the name.
    Referral(Vec<&'m Record>),
    /// The name has no such records.
    Nothing,
}

impl<'m> Kind<'m> {
    pub(super) fn of(message: &'m Message) -> Self {
        if let Some(last) = message.answers.last() {
            let own = |record: &&Record| record.rtype == last.rtype && record.name == last.name;
            return Self::Answer(message.answers.iter().filter(own).collect());
        }
        let has_soa = message.authorities.iter().any(|record| record.rtype == RecordType::SOA);
        let servers: Vec<&Record> =
            message.authorities.iter().filter(|record| record.rtype == RecordType::NS).collect();
        if has_soa || servers.is_empty() { Self::Nothing } else { Self::Referral(servers) }
    }
}

/// The gist of a record's data: a mail server without its preference, a name without its dot.
pub(super) fn short(record: &Record) -> String {
    if let Some(mx) = record.mx() {
        return plain(&mx.exchange);
    }
    let target = record.ns().or_else(|| record.cname()).or_else(|| record.ptr());
    if let Some(target) = target.or_else(|| record.dname()) {
        return plain(&target);
    }
    let text = RdataText { record_type: record.rtype, data: record.rdata.as_wire() }.to_string();
    match text.char_indices().nth(SHORT_CHARS_MAX) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

/// A name without the dot at its end, as people write it.
pub(super) fn plain(name: &Name) -> String {
    format!("{name:#}")
}

/// Longer data is cut.
const SHORT_CHARS_MAX: usize = 40;
