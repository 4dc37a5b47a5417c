//! `BODY[section]<partial>` of IMAP: which bytes a client fetches
//! (RFC 9051 §6.4.5).

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::message::fields;
use crate::message::structure::{Part, PartKind, Structure};

/// A section: a part and what of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    /// `1.2`; empty for the message itself.
    pub part: Vec<u32>,
    /// What of it.
    pub text: SectionText,
}

/// What of a part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SectionText {
    /// The body of a part; of the message everything.
    #[default]
    Whole,
    /// The header of a message.
    Header,
    /// Its fields of these names, and the empty line.
    HeaderFields(Vec<String>),
    /// Its other fields, and the empty line.
    HeaderFieldsNot(Vec<String>),
    /// The body of a message.
    Text,
    /// The header of a part.
    Mime,
}

/// `<offset.count>`: octets of a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partial {
    /// Octets before.
    pub offset: u32,
    /// Octets at most, at least 1.
    pub count: u32,
}

/// The bytes of a section; none when the message has no such part, or the
/// part is no message where one is needed.
#[must_use]
pub fn extract<'a>(
    message: &'a [u8],
    structure: &Structure,
    section: &Section,
) -> Option<Cow<'a, [u8]>> {
    let bytes = |range: &std::ops::Range<usize>| message.get(range.clone());
    if section.part.is_empty() && section.text == SectionText::Whole {
        return Some(Cow::Borrowed(message));
    }
    let part = structure.numbered(&section.part)?;
    // RFC 9051 §6.4.5: HEADER and TEXT below a number speak of a message in it.
    let enclosed = match &part.kind {
        _ if section.part.is_empty() => Some(part),
        PartKind::Message(id) => Some(structure.part(*id)),
        _ => None,
    };
    let cut = |part: &Part, names: &[String], wanted: Wanted| {
        bytes(&part.header).map(|header| Cow::Owned(some_fields(header, names, wanted)))
    };
    match &section.text {
        SectionText::Whole => bytes(&part.body).map(Cow::Borrowed),
        SectionText::Mime => bytes(&part.header).map(Cow::Borrowed),
        SectionText::Header => bytes(&enclosed?.header).map(Cow::Borrowed),
        SectionText::Text => bytes(&enclosed?.body).map(Cow::Borrowed),
        SectionText::HeaderFields(names) => cut(enclosed?, names, Wanted::Named),
        SectionText::HeaderFieldsNot(names) => cut(enclosed?, names, Wanted::Others),
    }
}

/// The octets of a section that a partial fetch wants; beyond its end none
/// (RFC 9051 §6.4.5).
#[must_use]
pub fn partial(bytes: &[u8], partial: Partial) -> &[u8] {
    let start = usize::try_from(partial.offset).unwrap_or(usize::MAX).min(bytes.len());
    let count = usize::try_from(partial.count).unwrap_or(usize::MAX);
    let end = start.saturating_add(count).min(bytes.len());
    bytes.get(start..end).unwrap_or_default()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Named,
    Others,
}

/// Fields as they stand, and the empty line if there is one.
fn some_fields(header: &[u8], names: &[String], wanted: Wanted) -> Vec<u8> {
    let names: BTreeSet<Vec<u8>> =
        names.iter().map(|name| name.as_bytes().to_ascii_lowercase()).collect();
    let longest = names.iter().map(Vec::len).max().unwrap_or(0);
    let mut cut = Vec::new();
    let mut end = 0;
    for field in fields::fields(header) {
        end = field.range.end;
        let is_named = field.name.len() <= longest
            && names.contains(field.name.to_ascii_lowercase().as_slice());
        if is_named == (wanted == Wanted::Named) {
            cut.extend_from_slice(header.get(field.range).unwrap_or_default());
        }
    }
    cut.extend_from_slice(header.get(end..).unwrap_or_default());
    cut
}
