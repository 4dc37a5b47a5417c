//! Parts of lines that the dissectors of all mail protocols tell alike.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use capa7_dissect::Field;

/// The line without its end.
pub(super) fn body_of(line: &[u8]) -> Range<usize> {
    let end = match line {
        [text @ .., b'\r', b'\n'] | [text @ .., b'\n'] => text.len(),
        text => text.len(),
    };
    0..end
}

/// The octets after the line's text, as a field.
pub(super) fn line_end(line: &[u8], end: usize) -> Field {
    let shown = match line.get(end..) {
        Some(b"\r\n") => "CR LF",
        Some(b"\n") => "LF",
        _ => "",
    };
    Field::new("line_end", shown, end..line.len())
}

/// What is wrong with a line's end.
pub(super) fn bad_end(line: &[u8], end: usize) -> Option<String> {
    match line.get(end..) {
        Some(b"\r\n") => None,
        Some(b"\n") => Some("a bare LF: lines end in CR LF".to_owned()),
        _ => Some("the line does not end".to_owned()),
    }
}

/// Gaps between fields are fields too, so that every octet is in one.
pub(super) fn filled(fields: Vec<Field>, bytes: &[u8]) -> Vec<Field> {
    let gap = |range: Range<usize>| {
        let text = String::from_utf8_lossy(bytes.get(range.clone()).unwrap_or_default());
        Field::new("syntax", text.into_owned(), range)
    };
    let (mut whole, mut at) = (Vec::new(), 0);
    for field in fields.into_iter().filter(|field| !field.bytes.is_empty()) {
        if field.bytes.start > at {
            whole.push(gap(at..field.bytes.start));
        }
        at = field.bytes.end;
        whole.push(field);
    }
    if at < bytes.len() {
        whole.push(gap(at..bytes.len()));
    }
    whole
}

/// Base64 as the text behind it: it is a lab, and secrets are shown.
pub(super) fn decoded(text: &[u8]) -> String {
    match STANDARD.decode(text) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).replace('\0', "␀"),
        Err(_) => String::from_utf8_lossy(text).into_owned(),
    }
}

/// The field of a later line of several.
pub(super) fn shifted(mut field: Field, by: usize) -> Field {
    field.bytes = field.bytes.start + by..field.bytes.end + by;
    field
}
