//! A message as it travels between lines of a protocol: header fields and body.

use std::ops::Range;

use capa7_dissect::Field;

use crate::message::content::Content;
use crate::message::structure::{Part, PartKind, scan};

/// Header fields and body; also the subject.
pub(super) fn content(bytes: &[u8]) -> (Vec<Field>, Option<String>) {
    let (mut fields, mut at, mut subject): (Vec<Field>, _, _) = (Vec::new(), 0, None);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let range = at..at + line.len();
        let text = String::from_utf8_lossy(line).trim_end().to_owned();
        let is_folded = line.starts_with(b" ") || line.starts_with(b"\t");
        if text.is_empty() {
            fields.push(Field::new("header_end", "", range.clone()).with_source("RFC 5322 §2.1"));
            at = range.end;
            break;
        }
        match fields.last_mut() {
            Some(last) if is_folded => {
                last.bytes.end = range.end;
                fold(&mut last.value, &text);
                if let Some(value) = last.children.last_mut() {
                    value.bytes.end = range.end;
                    fold(&mut value.value, &text);
                }
            }
            _ => match header(&text, range.clone()) {
                Some(field) if fields.len() < HEADERS_MAX => {
                    if text.get(..8).is_some_and(|name| name.eq_ignore_ascii_case("subject:")) {
                        subject = text.get(8..).map(|rest| rest.trim().to_owned());
                    }
                    fields.push(field);
                }
                _ => break,
            },
        }
        at = range.end;
    }
    if at < bytes.len() {
        let body = bytes.get(at..).unwrap_or_default();
        let shown: String =
            String::from_utf8_lossy(body).chars().take(SUMMARY_CHARACTERS).collect();
        let body = Field::new("body", shown, at..bytes.len()).with_source("RFC 5322 §2.3");
        let parts = if is_multipart(&fields) { parts(bytes) } else { Vec::new() };
        fields.push(body.with_children(parts));
    }
    (fields, subject)
}

/// Appends a folded line, in time that does not grow with the value.
fn fold(value: &mut String, line: &str) {
    value.push(' ');
    value.push_str(line.trim_start());
}

fn is_multipart(fields: &[Field]) -> bool {
    fields.iter().any(|field| {
        let begin = field.value.get(..MULTIPART.len());
        begin.is_some_and(|begin| begin.eq_ignore_ascii_case(MULTIPART))
    })
}

/// The parts of a multipart that hold no others, each with how it is encoded.
fn parts(bytes: &[u8]) -> Vec<Field> {
    let structure = scan(bytes);
    let leaves = structure.parts().iter().skip(1);
    let leaves = leaves.filter(|part| matches!(part.kind, PartKind::Leaf | PartKind::Opaque));
    let field = |part: &Part| {
        let content = Content::of(bytes.get(part.header.clone()).unwrap_or_default());
        let encoding = String::from_utf8_lossy(content.encoding.unwrap_or(b"7bit")).into_owned();
        let encoding = Field::new("encoding", encoding, part.header.clone());
        Field::new("part", content.label(), part.header.start..part.body.end)
            .with_source("RFC 2046 §5.1")
            .with_children(vec![encoding.with_source("RFC 2045 §6.1")])
    };
    leaves.take(PARTS_SHOWN_MAX).map(field).collect()
}

fn header(text: &str, range: Range<usize>) -> Option<Field> {
    let (name, value) = text.split_once(':')?;
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let after = range.start + name.len() + 1;
    let children = vec![
        Field::new("name", name, range.start..range.start + name.len()),
        Field::new("value", value.trim(), after..range.end),
    ];
    Some(Field::new("header", text, range).with_source("RFC 5322 §2.2").with_children(children))
}

/// Whether a CR or a LF stands alone.
pub(super) fn has_bare_end(bytes: &[u8]) -> bool {
    let mut pairs = bytes.iter().zip(bytes.iter().skip(1));
    bytes.first() == Some(&b'\n')
        || pairs.any(|(one, two)| {
            (*one == b'\r') != (*two == b'\n') && (*one == b'\r' || *two == b'\n')
        })
}

/// `.` CR LF.
pub(super) const END_OCTETS: usize = 3;
/// Characters of a line, of a message's beginning, that are shown.
pub(super) const SUMMARY_CHARACTERS: usize = 160;
/// How the field of a message begins that has parts (RFC 2046 §5.1).
const MULTIPART: &str = "content-type: multipart/";
/// Parts of one message that are told apart.
const PARTS_SHOWN_MAX: usize = 100;
/// Header fields that are told apart; the rest counts as body.
const HEADERS_MAX: usize = 1_000;
