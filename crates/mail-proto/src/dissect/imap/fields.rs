//! The fields of commands and responses, with their places.

use std::ops::Range;

use capa7_dissect::{Field, Message};

use super::meaning::{self, Said};
use super::stream::{Frame, STATUSES};
use crate::dissect::lines::{bad_end, body_of, decoded, filled, line_end};
use crate::imap::command::Command;
use crate::imap::names::Names;

/// One command with its literals.
pub(super) fn command(frame: &Frame, names: Names) -> Message {
    let (_, command) = tag_and_command(&frame.bytes);
    let mut place = 0;
    let mut is_uid = false;
    let fields = told(frame, |word, text, bytes| {
        let index = place;
        place += 1;
        match index {
            0 => return Field::new("tag", text, word).with_source("RFC 9051 §2.2.1"),
            1 if text.eq_ignore_ascii_case("UID") && command != "UID" => {
                (place, is_uid) = (1, true);
                return Field::new("numbering", "UID", word).with_source("RFC 9051 §6.4.9");
            }
            1 => return Field::new("command", command.clone(), word).with_source("RFC 9051 §6"),
            _ => {}
        }
        match (index, command.as_str()) {
            (2, "FETCH" | "STORE" | "COPY" | "MOVE" | "EXPUNGE") => {
                Field::new("sequence", text, word).with_source("RFC 9051 §9")
            }
            (
                2,
                "SELECT" | "EXAMINE" | "CREATE" | "DELETE" | "SUBSCRIBE" | "UNSUBSCRIBE" | "STATUS"
                | "APPEND",
            )
            | (2 | 3, "RENAME")
            | (3, "COPY" | "MOVE") => mailbox(bytes, word, names),
            (3, "AUTHENTICATE") => {
                Field::new("credentials", decoded(bytes), word).with_source("RFC 9051 §6.2.2")
            }
            _ => Field::new("argument", text, word),
        }
    });
    let malformed = malformed_end(frame).or_else(|| refused(frame, &command, names));
    message(frame, fields, meaning::command(&command, is_uid), malformed)
}

/// Why no server would take it. Messages of an `APPEND` are no part of its
/// grammar here.
fn refused(frame: &Frame, command: &str, names: Names) -> Option<String> {
    if command == "APPEND" || !frame.is_whole {
        return None;
    }
    let text = frame.bytes.strip_suffix(b"\r\n").unwrap_or(&frame.bytes);
    Command::parse(text, names).command.err().map(|error| error.to_string())
}

/// A line of an `AUTHENTICATE` exchange.
pub(super) fn credentials(frame: &Frame) -> Message {
    let body = body_of(&frame.bytes);
    let shown = decoded(frame.bytes.get(body.clone()).unwrap_or_default());
    let fields = vec![Field::new("credentials", shown.clone(), body.clone()), end(frame, body.end)];
    let mut message = message(frame, fields, meaning::credentials(), malformed_end(frame));
    message.summary = shortened(&format!("credentials: {shown}"));
    message
}

/// The end of an `IDLE`.
pub(super) fn done(frame: &Frame) -> Message {
    let body = body_of(&frame.bytes);
    let word = text_of(&frame.bytes, body.clone()).to_ascii_uppercase();
    let is_done = word == "DONE";
    let fields = vec![Field::new("command", word, body.clone()), end(frame, body.end)];
    let malformed =
        malformed_end(frame).or_else(|| (!is_done).then(|| "only DONE ends an IDLE".to_owned()));
    message(frame, fields, meaning::done(), malformed)
}

/// One response with its literals.
pub(super) fn response(frame: &Frame, asked: Option<&str>, names: Names) -> Message {
    let words = first_words(&frame.bytes);
    let status = words[1].to_ascii_uppercase();
    if words[0] == "+" {
        return continuation(frame, asked.unwrap_or_default());
    }
    if STATUSES.contains(&status.as_str()) {
        return state(frame, &status, asked);
    }
    if words[0] != "*" {
        let body = body_of(&frame.bytes);
        let text = Field::new("text", text_of(&frame.bytes, body.clone()), body.clone());
        let malformed = "a response begins with *, + or a tag and its status".to_owned();
        return message(
            frame,
            vec![text, end(frame, body.end)],
            meaning::strange(),
            Some(malformed),
        );
    }
    untagged(frame, &words, names)
}

fn untagged(frame: &Frame, words: &[String; 3], names: Names) -> Message {
    let is_number = !words[1].is_empty() && words[1].bytes().all(|byte| byte.is_ascii_digit());
    let kind = if is_number { &words[2] } else { &words[1] }.to_ascii_uppercase();
    let at_kind = if is_number { 2 } else { 1 };
    let mut place = 0;
    let fields = told(frame, |word, text, bytes| {
        let index = place;
        place += 1;
        if index == 0 {
            return Field::new("tag", text, word).with_source("RFC 9051 §2.2.2");
        }
        if index < at_kind {
            let is_message = matches!(kind.as_str(), "FETCH" | "EXPUNGE");
            return Field::new(if is_message { "sequence" } else { "number" }, text, word);
        }
        match (index - at_kind, kind.as_str()) {
            (0, _) => Field::new("response", kind.clone(), word).with_source("RFC 9051 §7"),
            (1, "STATUS") | (3, "LIST" | "LSUB") => mailbox(bytes, word, names),
            _ => Field::new("argument", text, word),
        }
    });
    let said = meaning::untagged(&kind, if is_number { &words[1] } else { "" });
    message(frame, fields, said, malformed_end(frame))
}

/// OK, NO, BAD, BYE and PREAUTH.
fn state(frame: &Frame, status: &str, asked: Option<&str>) -> Message {
    let bytes = &frame.bytes;
    let body = body_of(bytes);
    let mut ranges = split(bytes, body.clone()).into_iter();
    let mut fields = Vec::new();
    if let (Some(tag), Some(word)) = (ranges.next(), ranges.next()) {
        fields.push(Field::new("tag", text_of(bytes, tag.clone()), tag));
        let mut rest = (word.end + 1).min(body.end)..body.end;
        fields.push(Field::new("status", status, word).with_source("RFC 9051 §7.1"));
        if let Some(third) = ranges.next().filter(|word| bytes.get(word.start) == Some(&b'[')) {
            let inside = third.start + 1..third.end.saturating_sub(1).max(third.start + 1);
            let code = text_of(bytes, inside);
            rest = (third.end + 1).min(body.end)..body.end;
            fields.push(Field::new("code", code, third).with_source("RFC 9051 §7.1"));
        }
        fields.push(Field::new("text", text_of(bytes, rest.clone()), rest));
    }
    fields.push(end(frame, body.end));
    let is_tagged = !bytes.starts_with(b"* ");
    let said = match (is_tagged, asked) {
        (true, asked) => meaning::answered(status, asked.unwrap_or_default()),
        (false, _) => meaning::state(status),
    };
    message(frame, fields, said, malformed_end(frame))
}

fn continuation(frame: &Frame, asked: &str) -> Message {
    let body = body_of(&frame.bytes);
    let rest = 2.min(body.end)..body.end;
    let raw = frame.bytes.get(rest.clone()).unwrap_or_default();
    let shown = match asked {
        "AUTHENTICATE" => decoded(raw),
        _ => String::from_utf8_lossy(raw).into_owned(),
    };
    let fields = vec![
        Field::new("tag", "+", 0..1).with_source("RFC 9051 §7.6"),
        Field::new("text", shown, rest),
        end(frame, body.end),
    ];
    message(frame, fields, meaning::continuation(asked), malformed_end(frame))
}

/// The rest of a message that was too long to hold.
pub(super) fn part(frame: &Frame) -> Message {
    let fields = told(frame, |word, text, _| Field::new("argument", text, word));
    message(frame, fields, meaning::part(), None)
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

/// The tag, and the command in capitals without `UID`.
pub(super) fn tag_and_command(bytes: &[u8]) -> (String, String) {
    let [tag, command, after] = first_words(bytes);
    let command = command.to_ascii_uppercase();
    if command == "UID" && !after.is_empty() {
        return (tag, after.to_ascii_uppercase());
    }
    (tag, command)
}

/// The first three words; empty where there are fewer.
pub(super) fn first_words(bytes: &[u8]) -> [String; 3] {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let mut words = line
        .split(|byte| b" \r".contains(byte))
        .map(|word| String::from_utf8_lossy(word).into_owned());
    std::array::from_fn(|_| words.next().unwrap_or_default())
}

/// Words, literals with their sizes, and the end; `name` tells what a word or
/// the octets of a literal are.
fn told(frame: &Frame, mut name: impl FnMut(Range<usize>, String, &[u8]) -> Field) -> Vec<Field> {
    let bytes = &frame.bytes;
    let (mut fields, mut start) = (Vec::new(), 0);
    for literal in &frame.literals {
        let size = size_of(bytes, start..literal.start);
        for word in split(bytes, start..size.start) {
            fields.push(name(word.clone(), text_of(bytes, word.clone()), unquoted(bytes, word)));
        }
        let place = literal.start..literal.end.min(bytes.len());
        let octets = bytes.get(place.clone()).unwrap_or_default();
        let digits = text_of(bytes, size.clone());
        let digits = digits.chars().filter(char::is_ascii_digit).collect::<String>();
        fields.push(Field::new("size", digits, size).with_source("RFC 9051 §4.3"));
        let named = name(place.clone(), String::new(), octets);
        // A mailbox may be written as a literal; all else keeps the name.
        if named.name == "mailbox" {
            fields.push(named);
        } else {
            let shown = shortened(&String::from_utf8_lossy(octets));
            fields.push(Field::new("literal", shown, place.clone()).with_source("RFC 9051 §4.3"));
        }
        start = place.end;
    }
    if !frame.is_whole || start >= bytes.len() {
        return fields;
    }
    let stop = body_of(bytes).end.max(start);
    for word in split(bytes, start..stop) {
        fields.push(name(word.clone(), text_of(bytes, word.clone()), unquoted(bytes, word)));
    }
    fields.push(end(frame, stop));
    fields
}

/// Where `{n}` CR LF stands at the end of a range.
fn size_of(bytes: &[u8], range: Range<usize>) -> Range<usize> {
    let line = bytes.get(range.clone()).unwrap_or_default();
    let brace = line.iter().rposition(|byte| *byte == b'{').unwrap_or(line.len());
    let is_binary = brace > 0 && line.get(brace - 1) == Some(&b'~');
    range.start + brace - usize::from(is_binary)..range.end
}

/// The words of a range; lists, brackets and quoted strings are one word.
fn split(bytes: &[u8], range: Range<usize>) -> Vec<Range<usize>> {
    let (mut words, mut begin, mut depth) = (Vec::new(), None, 0_u32);
    let (mut is_quoted, mut is_escaped) = (false, false);
    for at in range.clone() {
        let byte = bytes.get(at).copied().unwrap_or_default();
        if is_quoted {
            is_quoted = is_escaped || byte != b'"';
            is_escaped = byte == b'\\' && !is_escaped;
            continue;
        }
        match byte {
            b'"' => is_quoted = true,
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth = depth.saturating_sub(1),
            b' ' if depth == 0 => {
                words.extend(begin.take().map(|begin| begin..at));
                continue;
            }
            _ => {}
        }
        begin = begin.or(Some(at));
    }
    words.extend(begin.map(|begin| begin..range.end));
    words
}

fn mailbox(octets: &[u8], place: Range<usize>, names: Names) -> Field {
    let shown =
        names.decode(octets).unwrap_or_else(|_| String::from_utf8_lossy(octets).into_owned());
    Field::new("mailbox", shown, place).with_source("RFC 9051 §5.1")
}

/// A word without its quotation marks.
fn unquoted(bytes: &[u8], word: Range<usize>) -> &[u8] {
    let word = bytes.get(word).unwrap_or_default();
    word.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(word)
}

fn text_of(bytes: &[u8], range: Range<usize>) -> String {
    String::from_utf8_lossy(bytes.get(range).unwrap_or_default()).into_owned()
}

fn end(frame: &Frame, at: usize) -> Field {
    line_end(&frame.bytes, at).with_source("RFC 9051 §2.2")
}

fn malformed_end(frame: &Frame) -> Option<String> {
    if !frame.is_whole {
        return None;
    }
    bad_end(&frame.bytes, body_of(&frame.bytes).end)
}

fn message(frame: &Frame, fields: Vec<Field>, said: Said, malformed: Option<String>) -> Message {
    Message {
        summary: summary(frame),
        meaning: said.text,
        source: said.source,
        fields: filled(fields, &frame.bytes),
        malformed,
    }
}

/// The message in one line: `…` stands for the octets of a literal.
fn summary(frame: &Frame) -> String {
    let (mut line, mut start) = (String::new(), 0);
    for literal in &frame.literals {
        line += text_of(&frame.bytes, start..literal.start).trim_end();
        line.push('…');
        start = literal.end.min(frame.bytes.len());
    }
    line += text_of(&frame.bytes, start..frame.bytes.len()).trim_end();
    shortened(&line)
}

fn shortened(text: &str) -> String {
    text.chars().take(SUMMARY_CHARACTERS).collect()
}

/// Characters of a line, of a literal's beginning, that are shown.
const SUMMARY_CHARACTERS: usize = 160;
