//! The parts of a message, found in its structure and decoded.

use std::num::NonZeroU32;

use capa7_mail_proto::imap::fetch::{FetchItemName, Partial, Section, SectionText, Seen};
use capa7_mail_proto::imap::response::{
    BodyPart, BodyStructure, EnvelopeAddress, FetchItem, MessageEnvelope,
};
use capa7_mail_proto::message::content::text_parameter;
use capa7_mail_proto::message::decode;
use capa7_mail_proto::message::flowed::{SoftSpace, unflow};
use serde_json::{Value, json};

/// A part that has no parts, with its numbers.
#[derive(Clone, Debug)]
pub(crate) struct Leaf<'s> {
    pub(crate) section: Vec<u32>,
    pub(crate) part: &'s BodyPart,
}

/// All leaves, in order.
pub(crate) fn leaves(structure: &BodyStructure) -> Vec<Leaf<'_>> {
    let mut found = Vec::new();
    match structure {
        // RFC 9051 §6.4.5.1: a message that is not multipart has the part 1.
        BodyStructure::Part(part) => found.push(Leaf { section: vec![1], part }),
        BodyStructure::Multipart(_) => walk(structure, &mut Vec::new(), &mut found),
    }
    found
}

fn walk<'s>(structure: &'s BodyStructure, path: &mut Vec<u32>, found: &mut Vec<Leaf<'s>>) {
    match structure {
        BodyStructure::Part(part) => found.push(Leaf { section: path.clone(), part }),
        BodyStructure::Multipart(multipart) => {
            for (part, number) in multipart.parts.iter().zip(1..) {
                if found.len() >= LEAVES_MAX {
                    return;
                }
                path.push(number);
                walk(part, path, found);
                path.pop();
            }
        }
    }
}

impl Leaf<'_> {
    pub(crate) fn is(&self, media_type: &str, subtype: &str) -> bool {
        let same = |bytes: &[u8], text: &str| bytes.eq_ignore_ascii_case(text.as_bytes());
        same(&self.part.media_type, media_type) && same(&self.part.subtype, subtype)
    }

    fn disposition(&self) -> &[u8] {
        self.part.extension.disposition.as_ref().map_or(b"", |(kind, _)| kind)
    }

    /// Whether it is meant to be read as the message's text.
    pub(crate) fn is_body(&self) -> bool {
        let text = self.is("text", "plain") || self.is("text", "html");
        text && !self.disposition().eq_ignore_ascii_case(b"attachment")
            && self.file_name().is_none()
    }

    /// Whether it is a file beside the text.
    pub(crate) fn is_attached(&self) -> bool {
        // The proof of a signed message is nothing to read.
        !self.is_body() && !self.is("application", "pgp-signature")
    }

    /// The file name, decoded.
    pub(crate) fn file_name(&self) -> Option<String> {
        let of_disposition = self.part.extension.disposition.as_ref().map(|(_, pairs)| pairs);
        let named = of_disposition.and_then(|pairs| text_parameter(pairs, "filename"));
        named
            .or_else(|| text_parameter(&self.part.parameters, "name"))
            .filter(|name| !name.is_empty())
    }

    /// A name to save it by.
    pub(crate) fn shown_name(&self) -> String {
        let message = self.part.message.as_ref().and_then(|inner| inner.0.subject.as_ref());
        let of_message = message.map(|subject| format!("{}.eml", decode::header_text(subject)));
        let plain = || format!("part-{}.{}", self.number(), self.extension());
        let name = self.file_name().or(of_message).unwrap_or_else(plain);
        name.chars().filter(|c| !c.is_control() && !matches!(c, '/' | '\\')).take(200).collect()
    }

    fn extension(&self) -> &'static str {
        match () {
            () if self.is("text", "plain") => "txt",
            () if self.is("text", "html") => "html",
            () if self.is("image", "png") => "png",
            () if self.is("image", "jpeg") => "jpg",
            () if self.is("application", "pdf") => "pdf",
            () if self.is("message", "rfc822") => "eml",
            () => "bin",
        }
    }

    /// The media type in lower case.
    pub(crate) fn media_type(&self) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).to_ascii_lowercase();
        format!("{}/{}", text(&self.part.media_type), text(&self.part.subtype))
    }

    /// The numbers as written: `1.2`.
    pub(crate) fn number(&self) -> String {
        self.section.iter().map(u32::to_string).collect::<Vec<_>>().join(".")
    }

    /// The content without its transfer encoding.
    pub(crate) fn decode(&self, transferred: &[u8]) -> Vec<u8> {
        decode::transfer(Some(&self.part.encoding), transferred).into_owned()
    }

    /// The content as text.
    pub(crate) fn text(&self, transferred: &[u8]) -> String {
        let charset = self.part.parameters.iter().find(|(n, _)| n.eq_ignore_ascii_case(b"charset"));
        decode::text(charset.map(|(_, value)| value.as_slice()), &self.decode(transferred))
    }

    /// The text as it is read: paragraphs that flow are one line each (RFC 3676).
    pub(crate) fn read_text(&self, transferred: &[u8]) -> String {
        let text = self.text(transferred);
        if !self.has("format", "flowed") {
            return text;
        }
        let deleted = self.has("delsp", "yes");
        unflow(&text, if deleted { SoftSpace::Deleted } else { SoftSpace::Kept })
    }

    fn has(&self, name: &str, value: &str) -> bool {
        self.part.parameters.iter().any(|(this, is)| {
            this.eq_ignore_ascii_case(name.as_bytes()) && is.eq_ignore_ascii_case(value.as_bytes())
        })
    }

    /// Octets when decoded, about.
    pub(crate) fn size(&self) -> u64 {
        let base64 = self.part.encoding.eq_ignore_ascii_case(b"base64");
        if base64 { self.part.octets / 4 * 3 } else { self.part.octets }
    }
}

/// The item that fetches a part, without marking the message as read.
pub(crate) fn peek(section: &[u32], partial: Option<Partial>) -> FetchItemName {
    let section = Section { part: section.to_vec(), text: SectionText::All };
    FetchItemName::Section { section, partial, seen: Seen::Kept }
}

/// The octets of a part in what was fetched.
pub(crate) fn octets<'f>(items: &'f [FetchItem], wanted: &[u32]) -> Option<&'f [u8]> {
    items.iter().find_map(|item| match item {
        FetchItem::Section { section, text, .. }
            if section.part == wanted && section.text == SectionText::All =>
        {
            text.as_deref()
        }
        _ => None,
    })
}

/// The message's identifier in what was fetched.
pub(crate) fn uid(items: &[FetchItem]) -> Option<NonZeroU32> {
    items.iter().find_map(|item| match item {
        FetchItem::Uid(uid) => Some(uid.0),
        _ => None,
    })
}

/// The envelope in what was fetched.
pub(crate) fn envelope(items: &[FetchItem]) -> Option<&MessageEnvelope> {
    items.iter().find_map(|item| match item {
        FetchItem::Envelope(envelope) => Some(&**envelope),
        _ => None,
    })
}

/// The structure in what was fetched.
pub(crate) fn structure(items: &[FetchItem]) -> Option<&BodyStructure> {
    items.iter().find_map(|item| match item {
        FetchItem::BodyStructure(structure) | FetchItem::Body(structure) => Some(&**structure),
        _ => None,
    })
}

/// People as the page shows them.
pub(crate) fn people(addresses: &[EnvelopeAddress]) -> Vec<Value> {
    let person = |address: &EnvelopeAddress| {
        let text = |bytes: &Option<Vec<u8>>| {
            bytes.as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        };
        // A group's name and end have no host (RFC 9051 §7.5.2).
        let (mailbox, host) = (text(&address.mailbox)?, text(&address.host)?);
        let name = address.name.as_ref().map(|name| decode::header_text(name));
        Some(json!({ "name": name.unwrap_or_default(), "address": format!("{mailbox}@{host}") }))
    };
    addresses.iter().filter_map(person).collect()
}

/// What is no address yet of a message that is not finished: the names of groups
/// without members.
pub(crate) fn unfinished(addresses: &[EnvelopeAddress]) -> Vec<Value> {
    let ends = |entry: Option<&EnvelopeAddress>| {
        entry.is_some_and(|entry| entry.mailbox.is_none() && entry.host.is_none())
    };
    let half = |(index, entry): (usize, &EnvelopeAddress)| {
        let name = entry.mailbox.as_deref().filter(|_| entry.host.is_none())?;
        let is_empty = ends(addresses.get(index + 1));
        is_empty.then(|| json!({ "name": "", "address": decode::header_text(name) }))
    };
    addresses.iter().enumerate().filter_map(half).collect()
}

/// Parts of one message that are looked at.
const LEAVES_MAX: usize = 1_000;
