//! `ENVELOPE` of IMAP: the parsed fields of a header (RFC 9051 §7.5.2). It has
//! nothing to do with the envelope of SMTP (course M9).

use crate::message::addresses::{self, Entry};
use crate::message::body_structure::{NIL, write_optional, write_string};
use crate::message::fields::{self, unfold};

/// Writes the envelope of a header: date, subject, from, sender, reply-to, to,
/// cc, bcc, in-reply-to, message-id. Encoded words are left to the reader.
pub fn write(out: &mut Vec<u8>, header: &[u8]) {
    let fields = EnvelopeFields::of(header);
    out.push(b'(');
    for text in [fields.date, fields.subject] {
        write_optional(out, text.map(unfold).as_deref());
        out.push(b' ');
    }
    let mut from = Vec::new();
    write_addresses(&mut from, fields.from);
    // RFC 9051 §7.5.2: absent or empty, sender and reply-to are those of from.
    for value in [None, fields.sender, fields.reply_to] {
        let start = out.len();
        write_addresses(out, value);
        if out.get(start..) == Some(NIL) {
            out.truncate(start);
            out.extend_from_slice(&from);
        }
        out.push(b' ');
    }
    for value in [fields.to, fields.cc, fields.bcc] {
        write_addresses(out, value);
        out.push(b' ');
    }
    write_optional(out, fields.in_reply_to.map(unfold).as_deref());
    out.push(b' ');
    write_optional(out, fields.message_id.map(unfold).as_deref());
    out.push(b')');
}

/// The envelope of a header as a value of its own.
#[must_use]
pub fn envelope(header: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out, header);
    out
}

/// The first field of each name, found in one pass.
#[derive(Default)]
struct EnvelopeFields<'a> {
    date: Option<&'a [u8]>,
    subject: Option<&'a [u8]>,
    from: Option<&'a [u8]>,
    sender: Option<&'a [u8]>,
    reply_to: Option<&'a [u8]>,
    to: Option<&'a [u8]>,
    cc: Option<&'a [u8]>,
    bcc: Option<&'a [u8]>,
    in_reply_to: Option<&'a [u8]>,
    message_id: Option<&'a [u8]>,
}

impl<'a> EnvelopeFields<'a> {
    fn of(header: &'a [u8]) -> Self {
        let mut found = Self::default();
        for field in fields::fields(header) {
            if field.name.len() > LONGEST_NAME {
                continue;
            }
            let place = match field.name.to_ascii_lowercase().as_slice() {
                b"date" => &mut found.date,
                b"subject" => &mut found.subject,
                b"from" => &mut found.from,
                b"sender" => &mut found.sender,
                b"reply-to" => &mut found.reply_to,
                b"to" => &mut found.to,
                b"cc" => &mut found.cc,
                b"bcc" => &mut found.bcc,
                b"in-reply-to" => &mut found.in_reply_to,
                b"message-id" => &mut found.message_id,
                _ => continue,
            };
            // RFC 5322 §3.6: each of them at most once.
            place.get_or_insert(field.value);
        }
        found
    }
}

fn write_addresses(out: &mut Vec<u8>, value: Option<&[u8]>) {
    let entries = value.map(addresses::parse).unwrap_or_default();
    if entries.is_empty() {
        out.extend_from_slice(NIL);
        return;
    }
    out.push(b'(');
    for entry in &entries {
        match entry {
            Entry::Mailbox(mailbox) => {
                out.push(b'(');
                write_optional(out, mailbox.name.as_deref());
                out.push(b' ');
                write_optional(out, mailbox.route.as_deref());
                out.push(b' ');
                write_string(out, &mailbox.local);
                out.push(b' ');
                // NIL would begin a group: a missing domain is an empty one.
                write_string(out, mailbox.domain.as_deref().unwrap_or_default());
                out.push(b')');
            }
            Entry::GroupStart(name) => {
                out.extend_from_slice(b"(NIL NIL ");
                write_string(out, name);
                out.extend_from_slice(b" NIL)");
            }
            Entry::GroupEnd => out.extend_from_slice(b"(NIL NIL NIL NIL)"),
        }
    }
    out.push(b')');
}

/// `in-reply-to`
const LONGEST_NAME: usize = 11;
