//! Where a body ends, and how it is cut into pieces (RFC 9112 §6, §7).

use crate::fields::Fields;
use crate::head::{HeadError, RequestHead, ResponseHead, Version, field_at, line_at};
use crate::status::Status;

/// How the end of a body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    None,
    /// So many bytes (RFC 9112 §6.2).
    Length(u64),
    /// Pieces with their lengths in front (RFC 9112 §7.1).
    Chunked,
    /// All that comes until the connection ends: responses only (RFC 9112 §6.3,
    /// rule 8).
    UntilClose,
}

/// Why the end of a body is not known. Each is the peer's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    /// A length and an encoding: a request smuggled (RFC 9112 §6.1).
    #[error("Content-Length and Transfer-Encoding exclude each other")]
    Both,
    /// A length that is no number, or several.
    #[error("Content-Length is not one number")]
    Length,
    /// An encoding that we do not decode.
    #[error("a Transfer-Encoding other than chunked")]
    Encoding,
    /// HTTP/1.0 has no encodings (RFC 9112 §6.1).
    #[error("Transfer-Encoding in HTTP/1.0")]
    OldVersion,
}

/// Why bytes are no body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// More bytes than allowed.
    #[error("the body is longer than {0} bytes")]
    TooLong(u64),
    /// A chunk whose length is malformed or too large.
    #[error("a chunk's length is malformed")]
    ChunkSize,
    /// A chunk that does not end where it says.
    #[error("a chunk does not end with CR LF")]
    ChunkEnd,
    /// Malformed or too many fields after the last chunk.
    #[error("the trailer is malformed: {0}")]
    Trailer(#[from] HeadError),
    /// The connection ended before the body.
    #[error("the connection ended within the body")]
    Cut,
}

impl FramingError {
    /// The status that a server answers with.
    #[must_use]
    pub const fn status(self) -> Status {
        match self {
            // RFC 9112 §6.1.
            Self::Encoding => Status::NOT_IMPLEMENTED,
            _ => Status::BAD_REQUEST,
        }
    }
}

impl BodyError {
    /// The status that a server answers with.
    #[must_use]
    pub const fn status(&self) -> Status {
        match self {
            Self::TooLong(_) => Status::CONTENT_TOO_LARGE,
            _ => Status::BAD_REQUEST,
        }
    }
}

impl Framing {
    /// Where a request's body ends (RFC 9112 §6.3).
    ///
    /// # Errors
    /// Whatever two readers could understand in two ways.
    pub fn of_request(head: &RequestHead) -> Result<Self, FramingError> {
        Ok(said(head.version, &head.fields)?.unwrap_or(Self::None))
    }

    /// Where the body of the response to `method` ends (RFC 9112 §6.3).
    ///
    /// # Errors
    /// As [`Framing::of_request`].
    pub fn of_response(head: &ResponseHead, method: &str) -> Result<Self, FramingError> {
        if head.status.has_no_body() || method == "HEAD" {
            return Ok(Self::None);
        }
        Ok(said(head.version, &head.fields)?.unwrap_or(Self::UntilClose))
    }
}

fn said(version: Version, fields: &Fields) -> Result<Option<Framing>, FramingError> {
    let mut lengths = fields.all("content-length");
    let mut encodings = fields.all("transfer-encoding");
    match (lengths.next(), lengths.next(), encodings.next(), encodings.next()) {
        (None, _, None, _) => Ok(None),
        (Some(_), _, Some(_), _) => Err(FramingError::Both),
        (Some(length), None, None, _) => {
            let digits = !length.is_empty() && length.iter().all(u8::is_ascii_digit);
            let text = std::str::from_utf8(length).ok().filter(|_| digits);
            let length = text.and_then(|text| text.parse().ok()).ok_or(FramingError::Length)?;
            Ok(Some(Framing::Length(length)))
        }
        (Some(_), Some(_), ..) => Err(FramingError::Length),
        (None, _, Some(_), _) if version == Version::Http10 => Err(FramingError::OldVersion),
        (None, _, Some(encoding), None) if encoding.eq_ignore_ascii_case(b"chunked") => {
            Ok(Some(Framing::Chunked))
        }
        (None, _, Some(_), _) => Err(FramingError::Encoding),
    }
}

/// Takes a body out of a stream of bytes.
///
/// ```text
///   chunked:  Size ─▶ Data ─▶ End ─┐
///              ▲                   │
///              └───────────────────┘   size 0: Trailer ─▶ Done
/// ```
#[derive(Debug)]
pub struct BodyDecoder {
    state: State,
    bytes: u64,
    bytes_max: u64,
    line: Vec<u8>,
    trailer: Fields,
    trailer_bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Length(u64),
    UntilClose,
    Size,
    Data(u64),
    End,
    Trailer,
    Done,
}

impl BodyDecoder {
    /// A decoder for a body of at most `bytes_max` bytes.
    ///
    /// # Errors
    /// When the length is known and too large.
    pub fn new(framing: Framing, bytes_max: u64) -> Result<Self, BodyError> {
        let state = match framing {
            Framing::None | Framing::Length(0) => State::Done,
            Framing::Length(length) if length > bytes_max => {
                return Err(BodyError::TooLong(bytes_max));
            }
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::Size,
            Framing::UntilClose => State::UntilClose,
        };
        let (line, trailer) = (Vec::new(), Fields::new());
        Ok(Self { state, bytes: 0, bytes_max, line, trailer, trailer_bytes: 0 })
    }

    /// Takes what belongs to the body from the front of `input`, appends its
    /// content to `out`, and returns how much was taken.
    ///
    /// # Errors
    /// [`BodyError`]; the stream cannot be used further.
    pub fn decode(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<usize, BodyError> {
        let mut taken = 0;
        while let Some(rest) = input.get(taken..).filter(|rest| !rest.is_empty()) {
            taken += match self.state {
                State::Done => break,
                State::Length(left) => {
                    let count = self.content(rest, left, out)?;
                    self.state = self.after(left, count, State::Done, State::Length);
                    count
                }
                State::Data(left) => {
                    let count = self.content(rest, left, out)?;
                    self.state = self.after(left, count, State::End, State::Data);
                    count
                }
                State::UntilClose => self.content(rest, u64::MAX, out)?,
                State::Size | State::End | State::Trailer => self.line_byte(rest)?,
            };
        }
        Ok(taken)
    }

    fn after(&self, left: u64, count: usize, done: State, more: fn(u64) -> State) -> State {
        match left.saturating_sub(count as u64) {
            0 => done,
            left => more(left),
        }
    }

    fn content(&mut self, rest: &[u8], left: u64, out: &mut Vec<u8>) -> Result<usize, BodyError> {
        let count = rest.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        self.bytes = self.bytes.saturating_add(count as u64);
        if self.bytes > self.bytes_max {
            return Err(BodyError::TooLong(self.bytes_max));
        }
        out.extend_from_slice(rest.get(..count).unwrap_or_default());
        Ok(count)
    }

    /// Collects a line of the chunked coding; returns the bytes taken.
    fn line_byte(&mut self, rest: &[u8]) -> Result<usize, BodyError> {
        let before = self.line.len();
        let until = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1);
        let until = until.min(CHUNK_LINE_BYTES_MAX + 2 - before);
        self.line.extend_from_slice(rest.get(..until).unwrap_or_default());
        let broken = || match self.state {
            State::Size => BodyError::ChunkSize,
            State::End => BodyError::ChunkEnd,
            _ => BodyError::Trailer(HeadError::TooLarge),
        };
        let line = match line_at(&self.line, 0) {
            Ok(Some(line)) => line,
            Ok(None) if self.line.len() >= CHUNK_LINE_BYTES_MAX + 2 => return Err(broken()),
            Ok(None) => return Ok(until),
            Err(_) => return Err(broken()),
        };
        let text = self.line.get(line).unwrap_or_default().to_vec();
        self.line.clear();
        self.state = match self.state {
            State::Size => match chunk_size(&text)? {
                0 => State::Trailer,
                size => State::Data(size),
            },
            State::End if text.is_empty() => State::Size,
            State::End => return Err(BodyError::ChunkEnd),
            _ if text.is_empty() => State::Done,
            _ => {
                self.trailer_bytes += text.len();
                if self.trailer.len() >= TRAILERS_MAX || self.trailer_bytes > TRAILER_BYTES_MAX {
                    return Err(HeadError::TooLarge.into());
                }
                let (name, value) = field_at(&text, &(0..text.len()))?;
                let name = String::from_utf8_lossy(text.get(name).unwrap_or_default());
                let value = text.get(value).unwrap_or_default().to_vec();
                self.trailer.push_parsed(name.into_owned(), value);
                State::Trailer
            }
        };
        Ok(until)
    }

    /// Says that the connection ended.
    ///
    /// # Errors
    /// When the body is not complete.
    pub fn end(&mut self) -> Result<(), BodyError> {
        match self.state {
            State::Done => Ok(()),
            State::UntilClose => {
                self.state = State::Done;
                Ok(())
            }
            _ => Err(BodyError::Cut),
        }
    }

    /// Whether the body is complete.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// The fields after the last chunk (RFC 9112 §7.1.2).
    #[must_use]
    pub const fn trailer(&self) -> &Fields {
        &self.trailer
    }
}

/// `chunk-size [ chunk-ext ]`; extensions are passed over (RFC 9112 §7.1.1).
fn chunk_size(line: &[u8]) -> Result<u64, BodyError> {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
    // Blanks are allowed only before an extension ("bad white space").
    let digits = if digits.len() < line.len() { digits.trim_ascii_end() } else { digits };
    let fits = (1..=CHUNK_DIGITS_MAX).contains(&digits.len());
    if !fits || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(BodyError::ChunkSize);
    }
    let text = std::str::from_utf8(digits).map_err(|_| BodyError::ChunkSize)?;
    u64::from_str_radix(text, 16).map_err(|_| BodyError::ChunkSize)
}

/// Writes one chunk; an empty one would end the body and is left out.
pub fn write_chunk(content: &[u8], out: &mut Vec<u8>) {
    if content.is_empty() {
        return;
    }
    out.extend_from_slice(format!("{:x}\r\n", content.len()).as_bytes());
    out.extend_from_slice(content);
    out.extend_from_slice(b"\r\n");
}

/// Writes the end of a chunked body, without trailer.
pub fn write_last_chunk(out: &mut Vec<u8>) {
    out.extend_from_slice(b"0\r\n\r\n");
}

/// Bytes of one line of the chunked coding.
const CHUNK_LINE_BYTES_MAX: usize = 4_096;
/// Digits of a chunk's length: 15 hold 2^60 − 1, so that no sum overflows.
const CHUNK_DIGITS_MAX: usize = 15;
/// Fields after the last chunk.
const TRAILERS_MAX: usize = 32;
/// Bytes of the fields after the last chunk.
const TRAILER_BYTES_MAX: usize = 16 << 10;
