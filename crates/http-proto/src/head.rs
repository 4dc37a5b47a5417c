//! Heads of requests and responses (RFC 9112 §2 to §5).
//!
//! ```text
//!   GET /inbox?page=2 HTTP/1.1 CR LF      the first line
//!   Host: mail.urosario.edu.co CR LF      field lines
//!   CR LF                                 the end of the head
//! ```
//!
//! What two readers could understand in two ways is refused, so that no request
//! can be smuggled behind another one (RFC 9112 §11.2).

use std::fmt;
use std::ops::Range;

use crate::fields::{Fields, is_token, is_value_byte};
use crate::status::Status;

/// The head of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHead {
    /// The method, a token with its case (RFC 9110 §9.1).
    pub method: String,
    /// The target as written: `/inbox?page=2`.
    pub target: String,
    /// The version.
    pub version: Version,
    /// The field lines.
    pub fields: Fields,
}

/// The head of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// The version.
    pub version: Version,
    /// The status.
    pub status: Status,
    /// The phrase after it, which means nothing.
    pub reason: String,
    /// The field lines.
    pub fields: Fields,
}

/// The versions that share this format (RFC 9112 §2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0 (RFC 1945).
    Http10,
    /// HTTP/1.1.
    Http11,
}

/// How much a head may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// Bytes of the first line, without CR LF; 8,000 are recommended
    /// (RFC 9112 §3).
    pub line_bytes_max: usize,
    /// Bytes of the whole head.
    pub head_bytes_max: usize,
    /// Field lines.
    pub fields_max: usize,
}

/// Why bytes are no head. Each is the peer's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// A CR without LF or a LF without CR (RFC 9112 §2.2).
    #[error("a line end that is not CR LF at byte {0}")]
    BareLineEnd(usize),
    /// The first line is not made of its three parts.
    #[error("the first line is malformed")]
    FirstLine,
    /// The first line is longer than allowed.
    #[error("the first line is too long")]
    LineTooLong,
    /// The head is longer than allowed, or has too many lines.
    #[error("the head is too large")]
    TooLarge,
    /// Not HTTP/1.
    #[error("a version that is not HTTP/1")]
    Version,
    /// A line whose name is no token, or has white space before its colon
    /// (RFC 9112 §5.1).
    #[error("a field name is malformed at byte {0}")]
    FieldName(usize),
    /// A value with a control character.
    #[error("a field value is malformed at byte {0}")]
    FieldValue(usize),
    /// A line that begins with white space (RFC 9112 §5.2).
    #[error("a folded field line at byte {0}")]
    Folded(usize),
    /// Not exactly one `Host` (RFC 9112 §3.2).
    #[error("a request of HTTP/1.1 has exactly one Host")]
    Host,
}

impl HeadError {
    /// The status that a server answers with.
    #[must_use]
    pub const fn status(&self) -> Status {
        match self {
            // RFC 9112 §3: a request line longer than any target we parse.
            Self::LineTooLong => Status::URI_TOO_LONG,
            // RFC 6585 §5.
            Self::TooLarge => Status::FIELDS_TOO_LARGE,
            Self::Version => Status::VERSION_NOT_SUPPORTED,
            _ => Status::BAD_REQUEST,
        }
    }
}

impl Default for HeadLimits {
    /// 8,000 bytes of first line, 32 KiB of head, 100 fields.
    fn default() -> Self {
        Self { line_bytes_max: 8_000, head_bytes_max: 32 << 10, fields_max: 100 }
    }
}

impl RequestHead {
    /// A request of HTTP/1.1 for a host.
    #[must_use]
    pub fn new(method: &str, target: &str, host: &str) -> Self {
        let fields = Fields::new().with("Host", host);
        let (method, target) = (method.to_owned(), target.to_owned());
        Self { method, target, version: Version::Http11, fields }
    }

    /// The head at the beginning of `bytes` and its length; none when more bytes
    /// are needed.
    ///
    /// # Errors
    /// [`HeadError`] as soon as the bytes show it.
    pub fn parse(bytes: &[u8], limits: &HeadLimits) -> Result<Option<(Self, usize)>, HeadError> {
        let Some(lines) = Lines::find(bytes, limits)? else { return Ok(None) };
        let line = text(bytes, &lines.first).ok_or(HeadError::FirstLine)?;
        // RFC 9112 §3: single spaces; anything else could be read in two ways.
        let mut parts = line.split(' ');
        let (Some(method), Some(target), Some(version), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(HeadError::FirstLine);
        };
        if !is_token(method.as_bytes()) || target.is_empty() {
            return Err(HeadError::FirstLine);
        }
        let version = Version::parse(version)?;
        let fields = lines.fields(bytes)?;
        let hosts = fields.all("host").count();
        // RFC 9112 §3.2: 400 without Host, or with more than one.
        if hosts > 1 || (hosts == 0 && version == Version::Http11) {
            return Err(HeadError::Host);
        }
        let (method, target) = (method.to_owned(), target.to_owned());
        Ok(Some((Self { method, target, version, fields }, lines.end)))
    }

    /// Writes the head with its empty line. A method or target that could begin
    /// a line of its own is the caller's fault and is cut at that place.
    pub fn write(&self, out: &mut Vec<u8>) {
        let plain =
            |word: &str| -> String { word.chars().take_while(|c| c.is_ascii_graphic()).collect() };
        let line = format!("{} {} {}\r\n", plain(&self.method), plain(&self.target), self.version);
        out.extend_from_slice(line.as_bytes());
        self.fields.write(out);
        out.extend_from_slice(b"\r\n");
    }

    /// The target's path, still percent-encoded.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path)
    }

    /// The target's query, still percent-encoded.
    #[must_use]
    pub fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    /// Whether the connection stays open after this exchange, as far as the
    /// client is concerned (RFC 9112 §9.3).
    #[must_use]
    pub fn is_persistent(&self) -> bool {
        persistent(self.version, &self.fields)
    }
}

impl ResponseHead {
    /// A response of HTTP/1.1.
    #[must_use]
    pub fn new(status: Status) -> Self {
        let reason = status.reason().to_owned();
        Self { version: Version::Http11, status, reason, fields: Fields::new() }
    }

    /// As [`RequestHead::parse`].
    ///
    /// # Errors
    /// As there.
    pub fn parse(bytes: &[u8], limits: &HeadLimits) -> Result<Option<(Self, usize)>, HeadError> {
        let Some(lines) = Lines::find(bytes, limits)? else { return Ok(None) };
        let line = bytes.get(lines.first.clone()).unwrap_or_default();
        if !line.iter().copied().all(is_value_byte) {
            return Err(HeadError::FirstLine);
        }
        let line = String::from_utf8_lossy(line).into_owned();
        let (version, rest) = line.split_once(' ').ok_or(HeadError::FirstLine)?;
        let version = Version::parse(version)?;
        // RFC 9112 §4: the phrase may be missing; a client takes it with or
        // without the space before it.
        let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        let digits = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_digit());
        let status = code.parse().ok().filter(|_| digits).and_then(Status::new);
        let status = status.ok_or(HeadError::FirstLine)?;
        let fields = lines.fields(bytes)?;
        Ok(Some((Self { version, status, reason: reason.to_owned(), fields }, lines.end)))
    }

    /// Writes the head with its empty line.
    pub fn write(&self, out: &mut Vec<u8>) {
        // RFC 9112 §4: tabs, spaces, visible characters and what is beyond ASCII.
        let belongs = |c: &char| !c.is_ascii_control() || *c == '\t';
        let reason: String = self.reason.chars().filter(belongs).collect();
        let line = format!("{} {} {reason}\r\n", self.version, self.status);
        out.extend_from_slice(line.as_bytes());
        self.fields.write(out);
        out.extend_from_slice(b"\r\n");
    }

    /// Whether the connection stays open after this exchange, as far as the
    /// server is concerned (RFC 9112 §9.3).
    #[must_use]
    pub fn is_persistent(&self) -> bool {
        persistent(self.version, &self.fields)
    }
}

fn persistent(version: Version, fields: &Fields) -> bool {
    let keeps = version == Version::Http11 || fields.list_has("connection", "keep-alive");
    keeps && !fields.list_has("connection", "close")
}

impl Version {
    fn parse(text: &str) -> Result<Self, HeadError> {
        match text {
            "HTTP/1.1" => Ok(Self::Http11),
            "HTTP/1.0" => Ok(Self::Http10),
            // RFC 9110 §2.5: a higher minor version is to be read as ours.
            _ if text.len() == 8 && text.starts_with("HTTP/1.") => Ok(Self::Http11),
            _ if text.starts_with("HTTP/") => Err(HeadError::Version),
            _ => Err(HeadError::FirstLine),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
        })
    }
}

/// Where the lines of a head are, without their CR LF.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    pub(crate) first: Range<usize>,
    pub(crate) rest: Vec<Range<usize>>,
    /// The length of the head with its empty line.
    pub(crate) end: usize,
}

impl Lines {
    /// Finds the frame before anything is parsed; none when it is not complete.
    pub(crate) fn find(bytes: &[u8], limits: &HeadLimits) -> Result<Option<Self>, HeadError> {
        // RFC 9112 §2.2: one empty line before the first is passed over.
        let mut at = if bytes.starts_with(b"\r\n") { 2 } else { 0 };
        let mut first = None;
        let mut rest = Vec::new();
        loop {
            let Some(line) = line_at(bytes, at)? else {
                let longest = limits.line_bytes_max;
                if first.is_none() && bytes.len().saturating_sub(at) > longest + 1 {
                    return Err(HeadError::LineTooLong);
                }
                let full = bytes.len() > limits.head_bytes_max;
                return if full { Err(HeadError::TooLarge) } else { Ok(None) };
            };
            at = line.end + 2;
            if at > limits.head_bytes_max && first.is_some() {
                return Err(HeadError::TooLarge);
            }
            match first {
                None if line.is_empty() => return Err(HeadError::FirstLine),
                None if line.len() > limits.line_bytes_max => return Err(HeadError::LineTooLong),
                None => first = Some(line),
                Some(first) if line.is_empty() => return Ok(Some(Self { first, rest, end: at })),
                Some(_) if rest.len() == limits.fields_max => return Err(HeadError::TooLarge),
                Some(_) => rest.push(line),
            }
        }
    }

    fn fields(&self, bytes: &[u8]) -> Result<Fields, HeadError> {
        let mut fields = Fields::new();
        for line in &self.rest {
            let (name, value) = field_at(bytes, line)?;
            let name = text(bytes, &name).ok_or(HeadError::FieldName(line.start))?;
            fields.push_parsed(name.to_owned(), bytes.get(value).unwrap_or_default().to_vec());
        }
        Ok(fields)
    }
}

/// Where the name and the value of a field line are.
pub(crate) fn field_at(
    bytes: &[u8],
    line: &Range<usize>,
) -> Result<(Range<usize>, Range<usize>), HeadError> {
    let whole = bytes.get(line.clone()).unwrap_or_default();
    // RFC 9112 §5.2: a server refuses a folded line.
    if whole.first().is_some_and(|byte| matches!(byte, b' ' | b'\t')) {
        return Err(HeadError::Folded(line.start));
    }
    let colon = whole.iter().position(|byte| *byte == b':');
    let colon = colon.ok_or(HeadError::FieldName(line.start))?;
    let (name, value) = whole.split_at(colon);
    // RFC 9112 §5.1: no white space between name and colon.
    if !is_token(name) {
        return Err(HeadError::FieldName(line.start));
    }
    if let Some(wrong) = value.iter().position(|byte| !is_value_byte(*byte)) {
        return Err(HeadError::FieldValue(line.start + colon + wrong));
    }
    let after_colon = value.get(1..).unwrap_or_default();
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let leading = after_colon.iter().take_while(|byte| is_space(byte)).count();
    let trailing = after_colon.iter().rev().take_while(|byte| is_space(byte)).count();
    let start = line.start + colon + 1 + leading;
    let end = (line.end - trailing).max(start);
    Ok((line.start..line.start + colon, start..end))
}

/// The line that begins at `at`, without CR LF; none when it has no end yet.
pub(crate) fn line_at(bytes: &[u8], at: usize) -> Result<Option<Range<usize>>, HeadError> {
    let rest = bytes.get(at..).unwrap_or_default();
    let Some(found) = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else {
        return Ok(None);
    };
    let place = at + found;
    match (rest.get(found), rest.get(found + 1)) {
        (Some(b'\r'), None) => Ok(None),
        (Some(b'\r'), Some(b'\n')) => Ok(Some(at..place)),
        // RFC 9112 §2.2: a bare CR is invalid; a bare LF may be taken for a line
        // end by some, so nobody may.
        _ => Err(HeadError::BareLineEnd(place)),
    }
}

fn text<'a>(bytes: &'a [u8], range: &Range<usize>) -> Option<&'a str> {
    let bytes = bytes.get(range.clone())?;
    let plain = bytes.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ');
    std::str::from_utf8(bytes).ok().filter(|_| plain)
}
