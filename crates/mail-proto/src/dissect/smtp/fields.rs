//! The fields of lines, replies and messages, with their places.

use std::ops::Range;

use capa7_dissect::{Field, Message};

use super::{Asked, meaning};
use crate::dissect::content::{END_OCTETS, SUMMARY_CHARACTERS, content, has_bare_end};
use crate::dissect::lines::{bad_end, body_of, decoded, filled, line_end, shifted};
use crate::smtp::command::{Command, CommandError};

/// One command line, with its end.
pub(super) fn command(line: &[u8], parsed: &Result<Command, CommandError>) -> Message {
    let text = String::from_utf8_lossy(line).into_owned();
    let body = body_of(line);
    let mut fields = words(line, body.end);
    fields.push(line_end(line, body.end).with_source("RFC 5321 §2.3.8"));
    let bad_end = bad_end(line, body.end);
    let malformed = bad_end.or_else(|| parsed.as_ref().err().map(ToString::to_string));
    let said = meaning::command(parsed);
    Message {
        summary: text.trim_end().chars().take(SUMMARY_CHARACTERS).collect(),
        meaning: said.text,
        source: said.source,
        fields: filled(fields, line),
        malformed,
    }
}

/// A line of an AUTH exchange.
pub(super) fn response(line: &[u8]) -> Message {
    let body = body_of(line);
    let shown = decoded(line.get(body.clone()).unwrap_or_default());
    let mut fields = vec![Field::new("response", shown.clone(), body.clone())];
    fields.push(line_end(line, body.end).with_source("RFC 5321 §2.3.8"));
    let malformed = bad_end(line, body.end);
    let said = meaning::response();
    Message {
        summary: format!("response: {shown}").chars().take(SUMMARY_CHARACTERS).collect(),
        meaning: said.text,
        source: said.source,
        fields: filled(fields, line),
        malformed,
    }
}

/// The lines of one reply.
pub(super) fn reply(lines: &[u8], asked: Asked) -> Message {
    let (mut fields, mut start) = (Vec::new(), 0);
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        let body = body_of(line);
        let at = |range: Range<usize>| range.start + start..range.end + start;
        let text = |range: Range<usize>| {
            String::from_utf8_lossy(line.get(range).unwrap_or_default()).into_owned()
        };
        let code = 0..body.end.min(3);
        fields.push(Field::new("code", text(code.clone()), at(code)).with_source("RFC 5321 §4.2"));
        if body.end > 4 {
            let enhanced = enhanced_octets(line.get(4..body.end).unwrap_or_default());
            if let Some(count) = enhanced {
                let place = 4..4 + count;
                let field = Field::new("enhanced", text(place.clone()), at(place));
                fields.push(field.with_source("RFC 3463 §2"));
            }
            let begin = (4 + enhanced.map_or(0, |count| count + 1)).min(body.end);
            fields.push(Field::new("text", text(begin..body.end), at(begin..body.end)));
        }
        fields.push(shifted(line_end(line, body.end).with_source("RFC 5321 §2.3.8"), start));
        start += line.len();
    }
    let text = String::from_utf8_lossy(lines).into_owned();
    let first = text.lines().next().unwrap_or_default();
    let more = text.lines().count().saturating_sub(1);
    let summary = if more > 0 { format!("{first} (+{more} lines)") } else { first.to_owned() };
    let code = code(lines);
    let said = meaning::reply(code, asked);
    Message {
        summary: summary.chars().take(SUMMARY_CHARACTERS).collect(),
        meaning: said.text,
        source: said.source,
        fields: filled(fields, lines),
        malformed: code.is_none().then(|| "a reply begins with three digits".to_owned()),
    }
}

/// The three digits of a reply.
pub(super) fn code(reply: &[u8]) -> Option<u16> {
    let digits = reply.get(..3)?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    str::from_utf8(digits).ok()?.parse().ok().filter(|code| (200..600).contains(code))
}

/// A message, or a part of one, as it travels: dots are still doubled.
pub(super) fn message(bytes: &[u8], is_whole: bool) -> Message {
    let end = if is_whole { bytes.len() - END_OCTETS.min(bytes.len()) } else { bytes.len() };
    let (mut fields, subject) = content(bytes.get(..end).unwrap_or_default());
    if is_whole {
        let field = Field::new("end", ".", end..bytes.len());
        fields.push(field.with_source("RFC 5321 §4.1.1.4"));
    }
    let said = meaning::message(is_whole);
    Message {
        summary: summary_of(bytes.len(), subject),
        meaning: said.text,
        source: said.source,
        fields: filled(fields, bytes),
        malformed: has_bare_end(bytes).then(|| "a bare CR or LF in the data".to_owned()),
    }
}

/// The octets of a chunk.
pub(super) fn chunk(bytes: &[u8]) -> Message {
    let (fields, subject) = content(bytes);
    let said = meaning::chunk();
    Message {
        summary: summary_of(bytes.len(), subject),
        meaning: said.text,
        source: said.source,
        fields: filled(fields, bytes),
        malformed: None,
    }
}

/// What was held when octets went missing.
pub(super) fn missing(held: &[u8], count: u64) -> Message {
    let said = meaning::missing();
    Message {
        summary: "…".to_owned(),
        meaning: said.text,
        source: said.source,
        fields: filled(Vec::new(), held),
        malformed: Some(format!("{count} octets of the stream are missing")),
    }
}

fn summary_of(octets: usize, subject: Option<String>) -> String {
    match subject {
        Some(subject) => format!("message of {octets} octets: {subject}"),
        None => format!("message of {octets} octets"),
    }
}

/// Verb, path and parameters of a command.
fn words(line: &[u8], end: usize) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    let (mut verb, mut is_first) = (String::new(), true);
    for range in split(line, end) {
        let word = text_of(line, range.clone());
        if is_first {
            is_first = false;
            verb = word.to_ascii_uppercase();
            fields.push(Field::new("command", verb.clone(), range).with_source("RFC 5321 §4.1.1"));
            continue;
        }
        match (line.get(range.clone()).and_then(|w| w.iter().position(|b| *b == b'<')), &*verb) {
            (Some(open), "MAIL") => fields.push(path("from", line, range.start + open..range.end)),
            (Some(open), "RCPT") => fields.push(path("to", line, range.start + open..range.end)),
            (None, "AUTH") if fields.len() > 1 => {
                let shown = decoded(word.as_bytes());
                fields.push(Field::new("response", shown, range).with_source("RFC 4954 §4"));
            }
            (None, "MAIL" | "RCPT") if !word.ends_with(':') => {
                fields.push(parameter(line, range));
            }
            _ => fields.push(Field::new("argument", word, range)),
        }
    }
    fields
}

/// The words of a line; a path in angle brackets is part of one word.
fn split(line: &[u8], end: usize) -> Vec<Range<usize>> {
    let (mut ranges, mut start, mut is_quoted) = (Vec::new(), None, false);
    for (at, byte) in line.iter().take(end).enumerate() {
        is_quoted ^= *byte == b'"';
        match (*byte, start) {
            (b' ' | b'\t', Some(begin)) if !is_quoted => {
                ranges.push(begin..at);
                start = None;
            }
            (b' ' | b'\t', None) => {}
            (_, None) => start = Some(at),
            _ => {}
        }
    }
    ranges.extend(start.map(|begin| begin..end));
    ranges
}

/// Places are counted in octets: what is not UTF-8 is shown longer than it is.
fn path(name: &'static str, line: &[u8], range: Range<usize>) -> Field {
    let whole = line.get(range.clone()).unwrap_or_default();
    let inside = whole.strip_prefix(b"<").unwrap_or(whole);
    let begin = range.end - inside.len();
    let inside = inside.strip_suffix(b">").unwrap_or(inside);
    let mut children = Vec::new();
    if let Some(at) = inside.iter().rposition(|byte| *byte == b'@') {
        let end = begin + inside.len();
        children.push(Field::new("local", text_of(line, begin..begin + at), begin..begin + at));
        let domain = begin + at + 1..end;
        children.push(Field::new("domain", text_of(line, domain.clone()), domain));
    }
    let shown = String::from_utf8_lossy(inside);
    Field::new(name, shown, range).with_source("RFC 5321 §4.1.2").with_children(children)
}

fn parameter(line: &[u8], range: Range<usize>) -> Field {
    let word = line.get(range.clone()).unwrap_or_default();
    let mut children = Vec::new();
    if let Some(at) = word.iter().position(|byte| *byte == b'=') {
        let keyword = range.start..range.start + at;
        children.push(Field::new("keyword", text_of(line, keyword.clone()), keyword));
        let value = range.start + at + 1..range.end;
        children.push(Field::new("value", text_of(line, value.clone()), value));
    }
    let shown = text_of(line, range.clone());
    Field::new("parameter", shown, range).with_source("RFC 5321 §4.1.2").with_children(children)
}

fn text_of(line: &[u8], range: Range<usize>) -> String {
    String::from_utf8_lossy(line.get(range).unwrap_or_default()).into_owned()
}

/// Octets of an enhanced code at the beginning of a text.
fn enhanced_octets(text: &[u8]) -> Option<usize> {
    let end = text.iter().position(|byte| *byte == b' ').unwrap_or(text.len());
    let word = str::from_utf8(text.get(..end)?).ok()?;
    crate::smtp::reply::Enhanced::parse(word).map(|_| end)
}
