//! From bytes to whole responses: a line, with the literals that it announces
//! (RFC 9051 §4.3).

use bytes::{Buf as _, Bytes, BytesMut};

/// Why bytes are no frame. Each is the server's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// It is longer than allowed.
    #[error("a response is longer than {0} octets")]
    TooLong(usize),
}

/// Collects bytes until a response is whole.
#[derive(Debug)]
pub(crate) struct Framer {
    buffer: BytesMut,
    /// Where the line begins that has no end yet.
    line: usize,
    /// How far its end was looked for.
    searched: usize,
    bytes_max: usize,
}

impl Framer {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { buffer: BytesMut::new(), line: 0, searched: 0, bytes_max }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// The next response without its last line end; none when more must come.
    pub(crate) fn take(&mut self) -> Result<Option<Bytes>, FrameError> {
        loop {
            let rest = self.buffer.get(self.searched..).unwrap_or_default();
            let Some(found) = rest.iter().position(|byte| *byte == b'\n') else {
                self.searched = self.searched.max(self.buffer.len());
                if self.buffer.len() > self.bytes_max {
                    return Err(FrameError::TooLong(self.bytes_max));
                }
                return Ok(None);
            };
            let end = self.searched + found;
            let text = self.buffer.get(self.line..end).unwrap_or_default();
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            let literal = if self.line == 0 && is_text(text) { None } else { literal(text) };
            match literal {
                Some(octets) => {
                    let next = end.saturating_add(1).saturating_add(octets);
                    if next > self.bytes_max {
                        return Err(FrameError::TooLong(self.bytes_max));
                    }
                    (self.line, self.searched) = (next, next);
                }
                None => {
                    let length = self.line + text.len();
                    let mut frame = self.buffer.split_to(end + 1).freeze();
                    frame.truncate(length);
                    (self.line, self.searched) = (0, 0);
                    if frame.has_remaining() {
                        return Ok(Some(frame));
                    }
                }
            }
        }
    }
}

/// Whether a response is a status or `+`, whose text may end like a literal.
fn is_text(line: &[u8]) -> bool {
    let mut words = line.split(|byte| *byte == b' ');
    let first = words.next().unwrap_or_default();
    let second = words.next().unwrap_or_default();
    let statuses: [&[u8]; 5] = [b"OK", b"NO", b"BAD", b"BYE", b"PREAUTH"];
    first == b"+" || statuses.iter().any(|status| second.eq_ignore_ascii_case(status))
}

/// The octets that a line announces at its end: `{42}`, `{42+}`, `~{42}`.
pub(crate) fn literal(line: &[u8]) -> Option<usize> {
    let inner = line.strip_suffix(b"}")?;
    let open = inner.iter().rposition(|byte| *byte == b'{')?;
    let digits = inner.get(open + 1..)?;
    let digits = digits.strip_suffix(b"+").unwrap_or(digits);
    let plain = !digits.is_empty() && digits.len() < 19 && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| plain)?.parse().ok()
}
