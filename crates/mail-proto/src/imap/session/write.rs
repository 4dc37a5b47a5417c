//! One message's `FETCH` response (RFC 9051 §7.5.2).

use std::borrow::Cow;

use bytes::Bytes;

use super::outbox::Outbox;
use super::selected::flag_names;
use crate::imap::fetch::{FetchItemName, Partial, Section, SectionText};
use crate::imap::store::{StoredMessage, header};
use crate::message::body_structure::{self, Form};
use crate::message::content::Content;
use crate::message::decode::transfer;
use crate::message::structure::{Structure, scan};
use crate::message::{envelope, section};

/// A message to be told.
#[derive(Debug)]
pub(super) struct Fetched<'m> {
    pub(super) number: u32,
    pub(super) message: &'m StoredMessage,
    /// Its flags changed by the fetch.
    pub(super) tell_flags: bool,
    pub(super) condstore: bool,
}

/// Writes the response; false when an item could not be told, because the
/// part's transfer encoding is not known.
pub(super) fn write_message(
    out: &mut Outbox,
    fetched: &Fetched<'_>,
    items: &[FetchItemName],
) -> bool {
    let row = &fetched.message.row;
    let mut structure = None;
    let mut is_first = true;
    let mut is_known = true;
    out.text().extend_from_slice(format!("* {} FETCH (", fetched.number).as_bytes());
    for item in items {
        let before = out.text().len();
        if !is_first {
            out.text().push(b' ');
        }
        if write_item(out, fetched.message, item, &mut structure) {
            is_first = false;
        } else {
            is_known = false;
            out.text().truncate(before);
        }
    }
    let mut more = Vec::new();
    let asks = |wanted: &FetchItemName| items.contains(wanted);
    if fetched.tell_flags && !asks(&FetchItemName::Flags) {
        more.push(format!("FLAGS ({})", flag_names(&row.flags)));
    }
    if fetched.tell_flags && fetched.condstore && !asks(&FetchItemName::ModSeq) {
        more.push(format!("MODSEQ ({})", row.mod_seq.0));
    }
    for text in more {
        out.text().extend_from_slice(if is_first { b"" } else { b" " });
        out.text().extend_from_slice(text.as_bytes());
        is_first = false;
    }
    out.text().extend_from_slice(b")\r\n");
    is_known
}

fn write_item(
    out: &mut Outbox,
    message: &StoredMessage,
    item: &FetchItemName,
    structure: &mut Option<Structure>,
) -> bool {
    let StoredMessage { row, octets, description } = message;
    let mut scanned = || structure.get_or_insert_with(|| scan(octets)).clone();
    let mut plain = |text: String| out.text().extend_from_slice(text.as_bytes());
    match item {
        FetchItemName::Flags => plain(format!("FLAGS ({})", flag_names(&row.flags))),
        FetchItemName::InternalDate => plain(format!("INTERNALDATE \"{}\"", row.internal_date)),
        FetchItemName::Size => plain(format!("RFC822.SIZE {}", row.size)),
        FetchItemName::Uid => plain(format!("UID {}", row.uid.0)),
        FetchItemName::ModSeq => plain(format!("MODSEQ ({})", row.mod_seq.0)),
        FetchItemName::Envelope => {
            plain("ENVELOPE ".to_owned());
            match description {
                Some(kept) => out.text().extend_from_slice(&kept.envelope),
                None => envelope::write(out.text(), header(octets)),
            }
        }
        FetchItemName::Body => {
            plain("BODY ".to_owned());
            body_structure::write(out.text(), octets, &scanned(), Form::Body);
        }
        FetchItemName::BodyStructure => {
            plain("BODYSTRUCTURE ".to_owned());
            match description {
                Some(kept) => out.text().extend_from_slice(&kept.structure),
                None => {
                    body_structure::write(out.text(), octets, &scanned(), Form::BodyStructure);
                }
            }
        }
        FetchItemName::Rfc822 => write_text(out, "RFC822", Some(octets.clone())),
        FetchItemName::Rfc822Header => {
            write_text(out, "RFC822.HEADER", Some(octets.slice_ref(header(octets))));
        }
        FetchItemName::Rfc822Text => {
            let text = octets.slice(header(octets).len()..);
            write_text(out, "RFC822.TEXT", Some(text));
        }
        FetchItemName::Section { section, partial, .. } => {
            let text = if needs_structure(section) {
                extract(octets, &scanned(), section)
            } else {
                extract_simple(octets, section)
            };
            write_partial(out, &format!("BODY[{section}]"), text, *partial);
        }
        FetchItemName::Binary { part, partial, .. } => {
            let Some(text) = decoded(octets, &scanned(), part) else { return false };
            write_partial(out, &format!("BINARY[{}]", part_text(part)), text, *partial);
        }
        FetchItemName::BinarySize { part } => {
            let Some(text) = decoded(octets, &scanned(), part) else { return false };
            let size = text.map_or(0, |text| text.len());
            plain(format!("BINARY.SIZE[{}] {size}", part_text(part)));
        }
    }
    true
}

/// Whether the parts must be told apart for a section.
const fn needs_structure(section: &Section) -> bool {
    !section.part.is_empty()
        || matches!(section.text, SectionText::HeaderFields(_) | SectionText::HeaderFieldsNot(_))
}

fn extract_simple(message: &Bytes, section: &Section) -> Option<Bytes> {
    match section.text {
        SectionText::Header => Some(message.slice_ref(header(message))),
        SectionText::Text => Some(message.slice(header(message).len()..)),
        _ => Some(message.clone()),
    }
}

fn extract(message: &Bytes, structure: &Structure, wanted: &Section) -> Option<Bytes> {
    let names = |names: &[Vec<u8>]| {
        names.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect()
    };
    let text = match &wanted.text {
        SectionText::All => section::SectionText::Whole,
        SectionText::Header => section::SectionText::Header,
        SectionText::HeaderFields(fields) => section::SectionText::HeaderFields(names(fields)),
        SectionText::HeaderFieldsNot(fields) => {
            section::SectionText::HeaderFieldsNot(names(fields))
        }
        SectionText::Text => section::SectionText::Text,
        SectionText::Mime => section::SectionText::Mime,
    };
    let wanted = section::Section { part: wanted.part.clone(), text };
    section::extract(message, structure, &wanted).map(|found| match found {
        Cow::Borrowed(octets) => message.slice_ref(octets),
        Cow::Owned(octets) => Bytes::from(octets),
    })
}

/// A part without its transfer encoding (RFC 9051 §6.4.5, `BINARY`). The outer
/// none is an encoding that is not known, the inner one a part that is not
/// there.
fn decoded(message: &Bytes, structure: &Structure, part: &[u32]) -> Option<Option<Bytes>> {
    if part.is_empty() {
        return Some(Some(message.clone()));
    }
    let Some(part) = structure.numbered(part) else { return Some(None) };
    let header = message.get(part.header.clone()).unwrap_or_default();
    let body = message.get(part.body.clone()).unwrap_or_default();
    let encoding = Content::of(header).encoding.map(<[u8]>::to_ascii_lowercase);
    match encoding.as_deref() {
        None | Some(b"7bit" | b"8bit" | b"binary") => Some(Some(message.slice_ref(body))),
        // What is malformed in it is passed over, as readers do.
        Some(encoding @ (b"base64" | b"quoted-printable")) => {
            Some(Some(Bytes::from(transfer(Some(encoding), body).into_owned())))
        }
        Some(_) => None,
    }
}

fn part_text(part: &[u32]) -> String {
    Section { part: part.to_vec(), text: SectionText::All }.to_string()
}

fn write_partial(out: &mut Outbox, name: &str, text: Option<Bytes>, partial: Option<Partial>) {
    let Some(Partial { first, count }) = partial else {
        write_text(out, name, text);
        return;
    };
    // What begins beyond the end is empty (RFC 9051 §6.4.5).
    let cut = text.map(|text| {
        let start = usize::try_from(first).unwrap_or(usize::MAX).min(text.len());
        let end = start.saturating_add(usize::try_from(count).unwrap_or(usize::MAX));
        text.slice(start..end.min(text.len()))
    });
    write_text(out, &format!("{name}<{first}>"), cut);
}

/// A literal, so that the octets are exactly those of the message.
fn write_text(out: &mut Outbox, name: &str, text: Option<Bytes>) {
    let Some(text) = text else {
        out.text().extend_from_slice(format!("{name} NIL").as_bytes());
        return;
    };
    // Only decoded parts may have a NUL (RFC 9051 §4.3, `literal8`).
    let tilde = if name.starts_with("BINARY") && text.contains(&0) { "~" } else { "" };
    out.text().extend_from_slice(format!("{name} {tilde}{{{}}}\r\n", text.len()).as_bytes());
    out.octets(text);
}
