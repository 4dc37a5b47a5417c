//! The fields of commands and replies, with their places.

use std::ops::Range;

use capa7_dissect::{Field, Message};

use super::Status;
use super::asked::Asked;
use super::meaning::{self, Said};
use crate::dissect::content::{END_OCTETS, SUMMARY_CHARACTERS, content, has_bare_end};
use crate::dissect::lines::{bad_end, body_of, decoded, filled, line_end, shifted};
use crate::pop3::command::Command;

/// One command line, with its end.
pub(super) fn command(line: &[u8], asked: Asked) -> Message {
    let body = body_of(line);
    let mut fields = Vec::new();
    let mut places = words(line, body.clone());
    // A password may have spaces (RFC 1939 §7).
    if asked == Asked::Pass {
        places.truncate(1);
        let keyword = places.first().map_or(0, |place| place.end);
        places.push((keyword + 1).min(body.end)..body.end);
    }
    for (index, place) in places.into_iter().enumerate() {
        let word = text_of(line, place.clone());
        fields.push(match (index, asked) {
            (0, _) => {
                Field::new("command", word.to_ascii_uppercase(), place).with_source("RFC 1939 §3")
            }
            (2, Asked::LogIn) => Field::new("credentials", decoded(word.as_bytes()), place)
                .with_source("RFC 5034 §4"),
            _ => Field::new("argument", word, place).with_source("RFC 1939 §3"),
        });
    }
    fields.push(end_of(line, body.end));
    let malformed = bad_end(line, body.end).or_else(|| refused(line, asked));
    message(line, summary_of(line), meaning::command(asked), fields, malformed)
}

/// Why our server would not take it, for what other servers would not either.
fn refused(line: &[u8], asked: Asked) -> Option<String> {
    // Real, though not ours: RFC 1939 §7 and RFC 6856.
    let known = [&b"APOP"[..], b"LANG", b"UTF8"];
    let text = line.get(body_of(line)).unwrap_or_default();
    let keyword = text.split(|byte| *byte == b' ').next().unwrap_or_default();
    if asked == Asked::Apop || known.iter().any(|known| keyword.eq_ignore_ascii_case(known)) {
        return None;
    }
    Command::parse(text).err().map(|error| error.to_string())
}

/// A line of a log-in.
pub(super) fn response(line: &[u8]) -> Message {
    let body = body_of(line);
    let shown = decoded(line.get(body.clone()).unwrap_or_default());
    let field = Field::new("credentials", shown.clone(), body.clone()).with_source("RFC 5034 §4");
    let fields = vec![field, end_of(line, body.end)];
    let summary = shortened(&format!("credentials: {shown}"));
    message(line, summary, meaning::response(), fields, bad_end(line, body.end))
}

/// A reply: its first line, of `first` octets, and what it brings, to the dot
/// where `is_whole`.
pub(super) fn reply(
    bytes: &[u8],
    first: usize,
    asked: Asked,
    status: Status,
    is_whole: bool,
) -> Message {
    let (line, rest) = bytes.split_at_checked(first).unwrap_or((bytes, &[]));
    let mut fields = first_line(line, asked, status);
    let mut malformed = bad_end(line, body_of(line).end);
    if status == Status::Strange {
        malformed = malformed.or_else(|| Some("a reply begins with +OK or -ERR".to_owned()));
    }
    let mut summary = summary_of(line);
    if !rest.is_empty() {
        let (told, more, wrong) = lines(rest, asked, is_whole);
        summary = shortened(&format!("{} {more}", summary.trim_end()));
        fields.extend(told.into_iter().map(|field| deeply_shifted(field, first)));
        malformed = malformed.or(wrong);
    }
    message(bytes, summary, meaning::reply(asked, status, code_of(line)), fields, malformed)
}

/// What a long reply brings further.
pub(super) fn rest(bytes: &[u8], asked: Asked, is_whole: bool) -> Message {
    let end = if is_whole { bytes.len() - END_OCTETS.min(bytes.len()) } else { bytes.len() };
    let mut fields = Vec::new();
    if asked.brings_message() && end > 0 {
        let text = bytes.get(..end).unwrap_or_default();
        let shown = shortened(&String::from_utf8_lossy(text));
        fields.push(Field::new("body", shown, 0..end).with_source("RFC 5322 §2.3"));
    }
    if is_whole {
        fields.push(dot(end..bytes.len()));
    }
    let summary = format!("{} octets more", bytes.len());
    message(bytes, summary, meaning::rest(), fields, None)
}

/// What was held when octets went missing.
pub(super) fn missing(held: &[u8], count: u64) -> Message {
    let malformed = Some(format!("{count} octets of the stream are missing"));
    message(held, "…".to_owned(), meaning::missing(), Vec::new(), malformed)
}

fn first_line(line: &[u8], asked: Asked, status: Status) -> Vec<Field> {
    let body = body_of(line);
    let mut fields = Vec::new();
    if status == Status::Strange {
        fields.push(Field::new("text", text_of(line, body.clone()), body.clone()));
        fields.push(end_of(line, body.end));
        return fields;
    }
    let word = words(line, body.clone()).first().cloned().unwrap_or(0..0);
    let source = if status == Status::Challenge { "RFC 5034 §4" } else { "RFC 1939 §3" };
    fields
        .push(Field::new("status", text_of(line, word.clone()), word.clone()).with_source(source));
    let mut at = (word.end + 1).min(body.end);
    if let Some(place) = code_place(line) {
        let inside = place.start + 1..place.end - 1;
        let code = Field::new("code", text_of(line, inside), place.clone());
        fields.push(code.with_source("RFC 2449 §8"));
        at = (place.end + 1).min(body.end);
    }
    let names = match (asked, status) {
        (Asked::Stat, Status::Ok) => ["count", "size"],
        (Asked::Size, Status::Ok) => ["number", "size"],
        (Asked::Name, Status::Ok) => ["number", "unique_id"],
        _ => ["", ""],
    };
    if !names[0].is_empty() {
        for (name, place) in names.into_iter().zip(words(line, at..body.end)) {
            at = (place.end + 1).min(body.end);
            fields
                .push(Field::new(name, text_of(line, place.clone()), place).with_source(
                    if name == "unique_id" { "RFC 1939 §7" } else { "RFC 1939 §5" },
                ));
        }
    }
    let rest = line.get(at..body.end).unwrap_or_default();
    let shown = match status {
        Status::Challenge => decoded(rest),
        _ => String::from_utf8_lossy(rest).into_owned(),
    };
    fields.push(Field::new("text", shown, at..body.end));
    fields.push(end_of(line, body.end));
    fields
}

/// The lines behind the first, how the summary counts them, and what is wrong.
fn lines(bytes: &[u8], asked: Asked, is_whole: bool) -> (Vec<Field>, String, Option<String>) {
    let end = if is_whole { bytes.len() - END_OCTETS.min(bytes.len()) } else { bytes.len() };
    let text = bytes.get(..end).unwrap_or_default();
    let (mut fields, more, wrong) = if asked.brings_message() {
        let (fields, subject) = content(text);
        let about = subject.map(|subject| format!(": {subject}")).unwrap_or_default();
        let wrong = has_bare_end(text).then(|| "a bare CR or LF in the message".to_owned());
        (fields, format!("(message of {end} octets{about})"), wrong)
    } else {
        let mut fields = Vec::new();
        let mut start = 0;
        for line in text.split_inclusive(|byte| *byte == b'\n').take(LINES_MAX) {
            let told = listed(line, asked);
            fields.extend(told.into_iter().map(|field| shifted(field, start)));
            start += line.len();
        }
        let count = text.split_inclusive(|byte| *byte == b'\n').count();
        (fields, format!("(+{count} lines)"), None)
    };
    if is_whole {
        fields.push(dot(end..bytes.len()));
    }
    (fields, more, wrong)
}

/// One line of a list.
fn listed(line: &[u8], asked: Asked) -> Vec<Field> {
    let body = body_of(line);
    let mut fields = Vec::new();
    let names = match asked {
        Asked::Sizes => [("number", "RFC 1939 §5"), ("size", "RFC 1939 §5")],
        Asked::Names => [("number", "RFC 1939 §7"), ("unique_id", "RFC 1939 §7")],
        _ => {
            let name = if asked == Asked::Mechanisms { "mechanism" } else { "capability" };
            let text = text_of(line, body.clone());
            fields.push(Field::new(name, text, body.clone()).with_source("RFC 2449 §5"));
            fields.push(end_of(line, body.end));
            return fields;
        }
    };
    for ((name, source), place) in names.into_iter().zip(words(line, body.clone())) {
        fields.push(Field::new(name, text_of(line, place.clone()), place).with_source(source));
    }
    fields.push(end_of(line, body.end));
    fields
}

/// The code in brackets of a reply (RFC 2449 §8).
pub(super) fn code_of(line: &[u8]) -> String {
    let Some(place) = code_place(line) else { return String::new() };
    text_of(line, place.start + 1..place.end - 1).to_ascii_uppercase()
}

fn code_place(line: &[u8]) -> Option<Range<usize>> {
    let start = line.iter().position(|byte| *byte == b' ')? + 1;
    let rest = line.get(start..body_of(line).end)?;
    if rest.first() != Some(&b'[') {
        return None;
    }
    let close = rest.iter().position(|byte| *byte == b']')?;
    Some(start..start + close + 1)
}

/// The words of a range, separated by spaces.
fn words(line: &[u8], range: Range<usize>) -> Vec<Range<usize>> {
    let (mut places, mut begin) = (Vec::new(), None);
    for at in range.clone() {
        match (line.get(at), begin) {
            (Some(b' '), Some(start)) => {
                places.push(start..at);
                begin = None;
            }
            (Some(b' '), None) => {}
            (_, None) => begin = Some(at),
            _ => {}
        }
    }
    places.extend(begin.map(|start| start..range.end));
    places
}

fn dot(place: Range<usize>) -> Field {
    Field::new("end", ".", place).with_source("RFC 1939 §3")
}

fn end_of(line: &[u8], at: usize) -> Field {
    line_end(line, at).with_source("RFC 1939 §3")
}

fn deeply_shifted(mut field: Field, by: usize) -> Field {
    field.children = field.children.into_iter().map(|child| shifted(child, by)).collect();
    shifted(field, by)
}

fn text_of(bytes: &[u8], range: Range<usize>) -> String {
    String::from_utf8_lossy(bytes.get(range).unwrap_or_default()).into_owned()
}

fn summary_of(line: &[u8]) -> String {
    shortened(String::from_utf8_lossy(line).trim_end())
}

fn shortened(text: &str) -> String {
    text.chars().take(SUMMARY_CHARACTERS).collect()
}

fn message(
    bytes: &[u8],
    summary: String,
    said: Said,
    fields: Vec<Field>,
    malformed: Option<String>,
) -> Message {
    Message {
        summary,
        meaning: said.text,
        source: said.source,
        fields: filled(fields, bytes),
        malformed,
    }
}

/// Lines of a list that are told apart; the rest is shown as it is.
const LINES_MAX: usize = 1_000;
