//! What a reader of the lab sees of a connection's bytes.

use std::collections::VecDeque;
use std::ops::Range;

use capa7_dissect::{Direction, Dissector, Field, Message};

use crate::body::{BodyDecoder, Framing};
use crate::head::{HeadLimits, Lines, RequestHead, ResponseHead, field_at};

/// Decodes both directions of a connection.
#[derive(Debug, Default)]
pub struct HttpDissector {
    to_server: Side,
    to_client: Side,
    /// What was asked and not answered yet: method and target.
    asked: VecDeque<(String, String)>,
}

/// One direction.
#[derive(Debug, Default)]
struct Side {
    next: u64,
    waiting: Vec<u8>,
    /// A body that is too long to wait for: its decoder, and what it belongs to.
    body: Option<(BodyDecoder, String)>,
    /// After bytes that are not HTTP nothing more is told.
    lost: bool,
}

impl HttpDissector {
    /// A dissector of a connection's first bytes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn side(&mut self, direction: Direction) -> &mut Side {
        match direction {
            Direction::ToServer => &mut self.to_server,
            Direction::ToClient => &mut self.to_client,
        }
    }

    /// The next whole message of a direction, taken from what is waiting.
    fn next(&mut self, direction: Direction) -> Option<Message> {
        let side = self.side(direction);
        if side.lost || side.waiting.is_empty() {
            return None;
        }
        if let Some((mut decoder, of)) = side.body.take() {
            return self.more_body(direction, &mut decoder, of).map(|(message, done)| {
                if !done {
                    self.side(direction).body = Some((decoder, message.summary.clone()));
                }
                message
            });
        }
        let bytes = std::mem::take(&mut side.waiting);
        let read = match direction {
            Direction::ToServer => self.request(&bytes),
            Direction::ToClient => self.response(&bytes),
        };
        let side = self.side(direction);
        match read {
            Ok(Some((message, taken))) => {
                side.waiting = bytes.get(taken..).unwrap_or_default().to_vec();
                Some(message)
            }
            Ok(None) => {
                side.waiting = bytes;
                None
            }
            Err(problem) => {
                side.lost = true;
                Some(malformed(&bytes, problem))
            }
        }
    }

    fn request(&mut self, bytes: &[u8]) -> Result<Option<(Message, usize)>, String> {
        let Some((head, end)) = RequestHead::parse(bytes, &LIMITS).map_err(|e| e.to_string())?
        else {
            return Ok(None);
        };
        let framing = Framing::of_request(&head).map_err(|error| error.to_string())?;
        let summary = format!("{} {}", head.method, short(&head.target));
        let Some(body) = self.body(Direction::ToServer, framing, &bytes[end..], &summary)? else {
            return Ok(None);
        };
        let mut fields = first_line(bytes, ["method", "target", "version"]);
        fields.extend(field_lines(bytes));
        fields.extend(body_field(end, body));
        let meaning = vec![
            ("en", format!("The client asks for {} with {}.", head.path(), head.method)),
            ("es", format!("El cliente pide {} con {}.", head.path(), head.method)),
        ];
        self.asked.push_back((head.method, short(&head.target)));
        if self.asked.len() > ASKED_MAX {
            self.asked.pop_front();
        }
        let source = "RFC 9112 §3";
        Ok(Some((Message { summary, meaning, source, fields, malformed: None }, end + body)))
    }

    fn response(&mut self, bytes: &[u8]) -> Result<Option<(Message, usize)>, String> {
        let Some((head, end)) = ResponseHead::parse(bytes, &LIMITS).map_err(|e| e.to_string())?
        else {
            return Ok(None);
        };
        let asked = self.asked.front().cloned();
        let method = asked.as_ref().map_or("GET", |(method, _)| method.as_str());
        let framing = Framing::of_response(&head, method).map_err(|error| error.to_string())?;
        let summary = match &asked {
            Some((method, target)) => format!("{method} {target} → {}", head.status),
            None => format!("→ {} {}", head.status, head.reason),
        };
        let Some(body) = self.body(Direction::ToClient, framing, &bytes[end..], &summary)? else {
            return Ok(None);
        };
        if !head.status.is_interim() {
            self.asked.pop_front();
        }
        let mut fields = first_line(bytes, ["version", "status", "reason"]);
        fields.extend(field_lines(bytes));
        fields.extend(body_field(end, body));
        let (english, spanish) = status_meaning(head.status.code());
        let meaning = vec![
            ("en", format!("The server answers {}: {english}.", head.status)),
            ("es", format!("El servidor responde {}: {spanish}.", head.status)),
        ];
        let source = "RFC 9112 §4";
        Ok(Some((Message { summary, meaning, source, fields, malformed: None }, end + body)))
    }

    /// How much of a body goes with its head: all of it, or nothing yet. A body
    /// without end in sight goes as far as it is here; the rest is told later.
    fn body(
        &mut self,
        direction: Direction,
        framing: Framing,
        bytes: &[u8],
        of: &str,
    ) -> Result<Option<usize>, String> {
        let mut decoder = BodyDecoder::new(framing, u64::MAX).map_err(|e| e.to_string())?;
        let mut content = Vec::new();
        let taken = decoder.decode(bytes, &mut content).map_err(|error| error.to_string())?;
        if decoder.is_done() {
            return Ok(Some(taken));
        }
        if matches!(framing, Framing::Length(length) if length <= WAIT_BYTES_MAX) {
            return Ok(None);
        }
        self.side(direction).body = Some((decoder, format!("body of {of}")));
        Ok(Some(taken))
    }

    fn more_body(
        &mut self,
        direction: Direction,
        decoder: &mut BodyDecoder,
        summary: String,
    ) -> Option<(Message, bool)> {
        let side = self.side(direction);
        let bytes = std::mem::take(&mut side.waiting);
        let mut content = Vec::new();
        match decoder.decode(&bytes, &mut content) {
            Ok(taken) => {
                side.waiting = bytes.get(taken..).unwrap_or_default().to_vec();
                let meaning = vec![
                    ("en", format!("{} bytes more of a body.", content.len())),
                    ("es", format!("{} bytes más de un cuerpo.", content.len())),
                ];
                let fields = body_field(0, taken).into_iter().collect();
                let source = "RFC 9112 §6";
                let message = Message { summary, meaning, source, fields, malformed: None };
                Some((message, decoder.is_done()))
            }
            Err(problem) => {
                side.lost = true;
                Some((malformed(&bytes, problem.to_string()), true))
            }
        }
    }
}

impl Dissector for HttpDissector {
    fn push(&mut self, direction: Direction, offset: u64, bytes: &[u8]) -> Vec<Message> {
        let side = self.side(direction);
        if offset != side.next {
            // Bytes are missing: what was waiting has no end.
            side.waiting.clear();
            side.body = None;
        }
        side.next = offset + bytes.len() as u64;
        if !side.lost {
            side.waiting.extend_from_slice(bytes);
        }
        let mut messages = Vec::new();
        while let Some(message) = self.next(direction) {
            messages.push(message);
        }
        messages
    }
}

fn malformed(bytes: &[u8], problem: String) -> Message {
    Message {
        summary: "not HTTP".to_owned(),
        meaning: vec![
            ("en", "These bytes are not a message of HTTP.".to_owned()),
            ("es", "Estos bytes no son un mensaje de HTTP.".to_owned()),
        ],
        source: "RFC 9112 §2.1",
        fields: vec![Field::new("bytes", format!("{} bytes", bytes.len()), 0..bytes.len())],
        malformed: Some(problem),
    }
}

/// The three parts of the first line, each with the byte that ends it.
fn first_line(bytes: &[u8], names: [&'static str; 3]) -> Vec<Field> {
    let Ok(Some(lines)) = Lines::find(bytes, &LIMITS) else { return Vec::new() };
    let mut fields = Vec::new();
    let mut at = lines.first.start;
    for (index, name) in names.into_iter().enumerate() {
        let rest = bytes.get(at..lines.first.end).unwrap_or_default();
        let blank = rest.iter().position(|byte| *byte == b' ').filter(|_| index < 2);
        let length = blank.unwrap_or(rest.len());
        let until = at + length + if blank.is_some() { 1 } else { 2 };
        let value = show(bytes, at..at + length);
        // The first part has the empty line before it, if there was one.
        let start = if index == 0 { 0 } else { at };
        fields.push(Field::new(name, value, start..until));
        at = until;
        if at >= lines.first.end + 2 {
            break;
        }
    }
    fields
}

/// The field lines with names and values, and the empty line.
fn field_lines(bytes: &[u8]) -> Vec<Field> {
    let Ok(Some(lines)) = Lines::find(bytes, &LIMITS) else { return Vec::new() };
    let mut fields = Vec::new();
    for line in &lines.rest {
        let Ok((name, value)) = field_at(bytes, line) else { continue };
        let known = show(bytes, name.clone());
        let lower = known.to_ascii_lowercase();
        let secret = SECRET.contains(&lower.as_str());
        let shown = if secret { "(kept secret)".to_owned() } else { show(bytes, value.clone()) };
        let children = vec![
            Field::new("name", known.clone(), name.start..value.start),
            Field::new("value", shown.clone(), value.start..line.end + 2),
        ];
        let whole = line.start..line.end + 2;
        let field = Field::new(field_name(&lower), format!("{known}: {shown}"), whole);
        fields.push(field.with_source("RFC 9112 §5").with_children(children));
    }
    fields.push(Field::new("end_of_head", "", lines.end - 2..lines.end));
    fields
}

fn body_field(start: usize, length: usize) -> Option<Field> {
    let field = Field::new("body", format!("{length} bytes"), start..start + length);
    (length > 0).then(|| field.with_source("RFC 9112 §6"))
}

fn show(bytes: &[u8], range: Range<usize>) -> String {
    String::from_utf8_lossy(bytes.get(range).unwrap_or_default()).into_owned()
}

/// Names that filters use; the others are all `field`.
fn field_name(lower: &str) -> &'static str {
    NAMED.iter().find(|(name, _)| *name == lower).map_or("field", |(_, field)| field)
}

fn short(target: &str) -> String {
    match target.char_indices().nth(TARGET_CHARS_MAX) {
        Some((at, _)) => format!("{}…", target.get(..at).unwrap_or_default()),
        None => target.to_owned(),
    }
}

fn status_meaning(code: u16) -> (&'static str, &'static str) {
    match code {
        100..200 => ("go on", "siga"),
        204 => ("done, there is nothing to say", "hecho, no hay nada que decir"),
        200..300 => ("here it is", "aquí está"),
        304 => ("what you have is current", "lo que usted tiene está al día"),
        300..400 => ("it is elsewhere", "está en otra parte"),
        401 => ("say first who you are", "diga primero quién es"),
        403 => ("that is not allowed", "eso no está permitido"),
        404 => ("there is no such thing", "no existe"),
        400..500 => ("the request is at fault", "la petición tiene un error"),
        _ => ("the server could not do it", "el servidor no pudo hacerlo"),
    }
}

const LIMITS: HeadLimits =
    HeadLimits { line_bytes_max: 64 << 10, head_bytes_max: 256 << 10, fields_max: 1_000 };
/// A body of a known length up to this is told together with its head.
const WAIT_BYTES_MAX: u64 = 64 << 10;
/// Requests that may wait for their responses.
const ASKED_MAX: usize = 256;
/// Characters of a target in a summary.
const TARGET_CHARS_MAX: usize = 48;
/// Fields whose values let somebody in.
const SECRET: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "set-cookie"];
const NAMED: [(&str, &str); 11] = [
    ("host", "host"),
    ("content-type", "content_type"),
    ("content-length", "content_length"),
    ("transfer-encoding", "transfer_encoding"),
    ("connection", "connection"),
    ("cookie", "cookie"),
    ("set-cookie", "set_cookie"),
    ("etag", "etag"),
    ("location", "location"),
    ("user-agent", "user_agent"),
    ("cache-control", "cache_control"),
];
