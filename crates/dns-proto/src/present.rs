//! Messages for people and programs: the text of `capa7 dns query` and its JSON document.

use std::fmt::Write as _;

use serde::Serialize;

use crate::message::{ExtendedError, Message, Record};
use crate::rdata::RdataText;
use crate::{Rcode, RecordClass, RecordType};

/// A reply as the JSON document of `capa7 dns query --json`; its names are a contract.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReplyDocument {
    /// The response code, such as `NOERROR`.
    pub rcode: Rcode,
    /// The flags that are set, in wire order.
    pub flags: Vec<&'static str>,
    /// The answer section.
    pub answer: Vec<RecordDocument>,
    /// The authority section.
    pub authority: Vec<RecordDocument>,
    /// The additional section, without the OPT record.
    pub additional: Vec<RecordDocument>,
    /// Why the answer is as it is (RFC 8914), when the server says.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extended_errors: Vec<ExtendedError>,
    /// The server, as the caller writes it.
    pub server: String,
    /// Milliseconds from question to answer.
    pub time_ms: f64,
}

/// A record of [`ReplyDocument`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordDocument {
    /// The owner, absolute.
    pub name: String,
    /// Seconds.
    pub ttl: u32,
    /// The class, such as `IN`.
    pub class: RecordClass,
    /// The type, such as `MX`.
    #[serde(rename = "type")]
    pub rtype: RecordType,
    /// The data as a zone file shows it.
    pub data: String,
}

impl From<&Record> for RecordDocument {
    fn from(record: &Record) -> Self {
        Self {
            name: record.name.to_string(),
            ttl: record.ttl,
            class: record.class,
            rtype: record.rtype,
            data: data_text(record),
        }
    }
}

impl ReplyDocument {
    /// The document of a reply.
    pub fn new(reply: &Message, server: impl Into<String>, time_ms: f64) -> Self {
        let section = |records: &[Record]| records.iter().map(RecordDocument::from).collect();
        let extended = reply.edns.iter().flat_map(|edns| edns.extended_errors());
        Self {
            rcode: reply.header.rcode,
            flags: reply.header.flag_names(),
            answer: section(&reply.answers),
            authority: section(&reply.authorities),
            additional: section(&reply.additionals),
            extended_errors: extended.cloned().collect(),
            server: server.into(),
            time_ms,
        }
    }
}

/// A record's data as a zone file shows it.
pub fn data_text(record: &Record) -> String {
    RdataText { record_type: record.rtype, data: record.rdata.as_wire() }.to_string()
}

/// A message as lines of text; records are lines of a zone file, everything else a comment.
pub fn message_text(message: &Message) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write_message(message, &mut text);
    text
}

fn write_message(message: &Message, out: &mut String) -> std::fmt::Result {
    let header = &message.header;
    let kind = if header.qr { "reply" } else { "query" };
    writeln!(out, ";; {kind} {}, {}, id {}", header.opcode, header.rcode, header.id)?;
    writeln!(out, ";; flags: {}", header.flag_names().join(" "))?;
    if let Some(edns) = &message.edns {
        let dnssec = if edns.dnssec_ok { ", do" } else { "" };
        let (version, octets) = (edns.version, edns.payload_octets);
        writeln!(out, ";; EDNS: version {version}{dnssec}, datagrams up to {octets} octets")?;
        for ExtendedError { code, text } in edns.extended_errors() {
            let name = ExtendedError::name(*code).unwrap_or("unassigned");
            let colon = if text.is_empty() { "" } else { ": " };
            writeln!(out, ";; extended error {code}, {name}{colon}{}", text.escape_debug())?;
        }
    }
    if !message.questions.is_empty() {
        writeln!(out, ";; question")?;
    }
    for question in &message.questions {
        writeln!(out, ";{} {} {}", question.name, question.class, question.qtype)?;
    }
    let sections = [
        ("answer", &message.answers),
        ("authority", &message.authorities),
        ("additional", &message.additionals),
    ];
    let all = || sections.into_iter().flat_map(|(_, records)| records);
    let name_width = all().map(|record| record.name.to_string().len()).max().unwrap_or(0);
    let ttl_width = all().map(|record| record.ttl.to_string().len()).max().unwrap_or(0);
    let type_width = all().map(|record| record.rtype.to_string().len()).max().unwrap_or(0);
    for (title, records) in sections {
        if !records.is_empty() {
            writeln!(out, ";; {title}")?;
        }
        for record in records {
            let (name, ttl) = (record.name.to_string(), record.ttl);
            let (class, rtype, data) = (record.class, record.rtype, data_text(record));
            writeln!(
                out,
                "{name:name_width$} {ttl:>ttl_width$} {class} {rtype:type_width$} {data}"
            )?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Name;
    use crate::message::{Edns, EdnsOption, Question, Rdata};

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn reply() -> Message {
        let question = Question::new(name("urosario.edu.co"), RecordType::MX);
        let mut reply = Message::query(7, question).reply(Rcode::NOERROR);
        reply.header.aa = true;
        let rdata = Rdata::mx(10, &name("mail.urosario.edu.co"));
        reply.answers.push(Record::new(name("urosario.edu.co"), RecordType::MX, 3600, rdata));
        let rdata = Rdata::a([192, 0, 2, 1].into());
        reply.additionals.push(Record::new(name("mail.urosario.edu.co"), RecordType::A, 60, rdata));
        let error = ExtendedError { code: 3, text: "old".to_owned() };
        let options = vec![EdnsOption::ExtendedError(error)];
        reply.edns = Some(Edns { options, ..Edns::default() });
        reply
    }

    #[test]
    fn the_json_document_keeps_its_names() {
        // Goal: the contract of the command line: rcode, flags, answer, authority, additional,
        // server, time_ms; name, ttl, class, type, data.
        let document = ReplyDocument::new(&reply(), "192.0.2.53:53", 1.5);
        insta::assert_snapshot!(serde_json::to_string_pretty(&document).unwrap(), @r#"
        {
          "rcode": "NOERROR",
          "flags": [
            "qr",
            "aa"
          ],
          "answer": [
            {
              "name": "urosario.edu.co.",
              "ttl": 3600,
              "class": "IN",
              "type": "MX",
              "data": "10 mail.urosario.edu.co."
            }
          ],
          "authority": [],
          "additional": [
            {
              "name": "mail.urosario.edu.co.",
              "ttl": 60,
              "class": "IN",
              "type": "A",
              "data": "192.0.2.1"
            }
          ],
          "extended_errors": [
            {
              "code": 3,
              "text": "old"
            }
          ],
          "server": "192.0.2.53:53",
          "time_ms": 1.5
        }
        "#);
    }

    #[test]
    fn the_text_is_a_zone_file_with_comments() {
        insta::assert_snapshot!(message_text(&reply()), @r"
        ;; reply QUERY, NOERROR, id 7
        ;; flags: qr aa
        ;; EDNS: version 0, datagrams up to 1232 octets
        ;; extended error 3, Stale Answer: old
        ;; question
        ;urosario.edu.co. IN MX
        ;; answer
        urosario.edu.co.      3600 IN MX 10 mail.urosario.edu.co.
        ;; additional
        mail.urosario.edu.co.   60 IN A  192.0.2.1
        ");
    }
}
