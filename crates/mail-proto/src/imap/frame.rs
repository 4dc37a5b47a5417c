//! Where commands end in a client's stream: lines and literals
//! (RFC 9051 §2.2.1, §4.3).
//!
//! ```text
//!   a LOGIN {5}CRLF        a literal is asked: the server says + …
//!   carlo {6+}CRLF         … and need not for this one (RFC 7888)
//!   secretCRLF             the command is whole
//! ```
//!
//! A literal is held with its command, or streamed (a message of `APPEND`), or
//! refused together with its command; who uses the framer decides which.

use bytes::{Buf as _, Bytes, BytesMut};

/// Finds commands in the stream of one client.
#[derive(Debug)]
pub struct Framer {
    limits: FrameLimits,
    /// What came and was not looked at.
    input: BytesMut,
    /// Octets of `input` that have no line's end.
    searched: usize,
    /// The command so far.
    command: Vec<u8>,
    literals: usize,
    state: State,
}

/// Bounds of one command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameLimits {
    /// Octets of a line, without its literals.
    pub line_octets_max: usize,
    /// Octets of a literal that is held.
    pub literal_octets_max: usize,
    /// Literals that are held.
    pub literals_max: usize,
    /// Octets of a command with the literals that are held.
    pub command_octets_max: usize,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A whole command, without its last CR LF; literals are in their places
    /// after `{n}` CR LF.
    Command(Vec<u8>),
    /// The command so far ends in a literal's size. Say what becomes of it by
    /// [`Framer::hold`], [`Framer::stream`] or [`Framer::refuse`].
    Literal(Literal),
    /// Octets of a literal that is streamed.
    Streamed(Bytes),
    /// The streamed literal is whole; what follows it is the command's rest.
    StreamEnd,
    /// A line that was too long, or a held literal that was; the tag, if there
    /// was one, for the answer.
    TooLong(Vec<u8>),
    /// A line that ends in LF without CR, or holds NUL or a bare CR; as far as
    /// it goes.
    BadLine(Vec<u8>),
}

/// A literal that a client wants to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Literal {
    /// Its octets.
    pub size: u64,
    /// Whether the client waits for `+`.
    pub waits: Waits,
}

/// Whether a client waits before it sends a literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waits {
    /// `{n}`: it does.
    ForContinuation,
    /// `{n+}`: it does not (RFC 7888 §4).
    No,
}

/// What the next line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineKind {
    /// A command, or the rest of one; it may have literals.
    Command,
    /// The answer to a continuation, `DONE`: it has none.
    Plain,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Line,
    /// A literal waits for a decision.
    Asked(Literal),
    /// So many octets are to be held.
    Holding(usize),
    /// So many octets are to be streamed.
    Streaming(u64),
    /// So many octets are to be dropped, then the rest of the command.
    Dropping(u64),
    /// The rest of the line is to be dropped, with the literals that follow.
    DroppingLine,
}

impl Framer {
    /// A framer of a new connection.
    #[must_use]
    pub fn new(limits: FrameLimits) -> Self {
        Self {
            limits,
            input: BytesMut::new(),
            searched: 0,
            command: Vec::new(),
            literals: 0,
            state: State::Line,
        }
    }

    /// Other bounds from the next line on.
    pub const fn set_limits(&mut self, limits: FrameLimits) {
        self.limits = limits;
    }

    /// Takes what came.
    pub fn push(&mut self, octets: &[u8]) {
        self.input.extend_from_slice(octets);
    }

    /// Forgets what came, as before TLS begins (RFC 9051 §6.2.1).
    pub fn clear(&mut self) {
        *self = Self::new(self.limits);
    }

    /// Octets that came and are in no frame yet.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.input.len()
    }

    /// The command so far.
    #[must_use]
    pub fn command(&self) -> &[u8] {
        &self.command
    }

    /// Holds the literal that was asked, when the bounds allow it.
    ///
    /// # Errors
    /// When they do not; nothing has changed.
    pub fn hold(&mut self) -> Result<(), LiteralTooLong> {
        let State::Asked(literal) = self.state else { return Ok(()) };
        let size = usize::try_from(literal.size).map_err(|_| LiteralTooLong)?;
        let limits = &self.limits;
        let total = self.command.len().saturating_add(size);
        if size > limits.literal_octets_max
            || self.literals >= limits.literals_max
            || total > limits.command_octets_max
        {
            return Err(LiteralTooLong);
        }
        self.literals += 1;
        self.state = State::Holding(size);
        Ok(())
    }

    /// Streams the literal that was asked; the command so far is forgotten.
    pub fn stream(&mut self) {
        if let State::Asked(literal) = self.state {
            self.command = Vec::new();
            self.state = State::Streaming(literal.size);
        }
    }

    /// Refuses the command with the literal that was asked. A client that waits
    /// will not send it (RFC 9051 §4.3); of one that does not, the literal and
    /// what follows are dropped (RFC 7888 §4).
    pub fn refuse(&mut self) {
        if let State::Asked(literal) = self.state {
            self.forget_command();
            self.state = match literal.waits {
                Waits::ForContinuation => State::Line,
                Waits::No => State::Dropping(literal.size),
            };
        }
    }

    /// Drops the rest of the command, of which a literal was streamed.
    pub fn drop_rest(&mut self) {
        let state = self.state;
        self.forget_command();
        self.state = match state {
            State::Streaming(left) => State::Dropping(left),
            State::Asked(Literal { size, waits: Waits::No }) => State::Dropping(size),
            State::Asked(_) => State::Line,
            _ => State::DroppingLine,
        };
    }

    /// The next frame; none when more octets are needed, or a decision about a
    /// literal.
    pub fn next(&mut self, kind: LineKind) -> Option<Frame> {
        loop {
            match self.state {
                State::Asked(_) => return None,
                State::Streaming(0) => {
                    self.state = State::Line;
                    return Some(Frame::StreamEnd);
                }
                State::Streaming(left) => {
                    let taken = self.take(left)?;
                    self.state = State::Streaming(left - taken.len() as u64);
                    return Some(Frame::Streamed(taken));
                }
                State::Holding(0) => self.state = State::Line,
                State::Holding(left) => {
                    let taken = self.take(left as u64)?;
                    self.state = State::Holding(left - taken.len());
                    self.command.extend_from_slice(&taken);
                }
                State::Dropping(0) => self.state = State::DroppingLine,
                State::Dropping(left) => {
                    let taken = self.take(left)?;
                    self.state = State::Dropping(left - taken.len() as u64);
                }
                State::DroppingLine => self.drop_line()?,
                State::Line => return self.line(kind),
            }
        }
    }

    fn line(&mut self, kind: LineKind) -> Option<Frame> {
        let Some(length) = self.line_end() else {
            if self.input.len() <= self.limits.line_octets_max {
                self.release();
                return None;
            }
            return Some(self.too_long(State::DroppingLine));
        };
        if length > self.limits.line_octets_max
            || self.command.len().saturating_add(length) > self.limits.command_octets_max
        {
            let line = self.input.get(..length).unwrap_or_default();
            let next = match line_literal(line) {
                Some(Literal { size, waits: Waits::No }) => State::Dropping(size),
                _ => State::Line,
            };
            let frame = self.too_long(next);
            self.input.advance(length);
            return Some(frame);
        }
        let line = self.input.split_to(length);
        self.command.extend_from_slice(&line);
        // A NUL is in no command (RFC 9051 §9, `CHAR`), nor is a CR or LF of
        // its own.
        let is_bad = line
            .strip_suffix(b"\r\n")
            .is_none_or(|text| text.iter().any(|byte| b"\r\n\0".contains(byte)));
        // Octets of a literal that look like a size announce nothing.
        let literal = line_literal(&line).filter(|_| kind == LineKind::Command);
        drop(line);
        if is_bad {
            let command = std::mem::take(&mut self.command);
            self.forget_command();
            return Some(Frame::BadLine(command));
        }
        if let Some(literal) = literal {
            self.state = State::Asked(literal);
            return Some(Frame::Literal(literal));
        }
        let mut command = std::mem::take(&mut self.command);
        command.truncate(command.len().saturating_sub(2));
        self.forget_command();
        self.release();
        Some(Frame::Command(command))
    }

    /// The length of the line that the input begins with, with its LF.
    fn line_end(&mut self) -> Option<usize> {
        let fresh = self.input.get(self.searched..).unwrap_or_default();
        let found = fresh.iter().position(|byte| *byte == b'\n');
        let length = found.map(|at| self.searched + at + 1);
        self.searched = if length.is_some() { 0 } else { self.input.len() };
        length
    }

    fn too_long(&mut self, next: State) -> Frame {
        if self.command.is_empty() {
            let start = self.input.len().min(TAG_OCTETS_MAX);
            self.command.extend_from_slice(self.input.get(..start).unwrap_or_default());
        }
        self.command.truncate(TAG_OCTETS_MAX);
        let command = std::mem::take(&mut self.command);
        self.forget_command();
        self.state = next;
        Frame::TooLong(command)
    }

    /// Drops a line; then the literal that it ends in, if it is coming.
    fn drop_line(&mut self) -> Option<()> {
        let Some(length) = self.line_end() else {
            // What is dropped is not kept, but for an end that may be a
            // literal's size.
            let useless = self.input.len().saturating_sub(LITERAL_SIZE_OCTETS_MAX);
            self.input.advance(useless);
            self.searched = self.input.len();
            return None;
        };
        let line = self.input.split_to(length);
        self.state = match line_literal(&line) {
            Some(Literal { size, waits: Waits::No }) => State::Dropping(size),
            _ => State::Line,
        };
        Some(())
    }

    fn take(&mut self, most: u64) -> Option<Bytes> {
        let count = usize::try_from(most).unwrap_or(usize::MAX).min(self.input.len());
        self.searched = 0;
        if count == 0 {
            self.release();
            return None;
        }
        Some(self.input.split_to(count).freeze())
    }

    fn forget_command(&mut self) {
        self.command = Vec::new();
        self.literals = 0;
        self.state = State::Line;
    }

    /// An idle connection holds no buffer.
    fn release(&mut self) {
        if self.input.is_empty() {
            self.input = BytesMut::new();
            self.searched = 0;
        }
    }
}

impl FrameLimits {
    /// Before a client has logged in: nobody needs long commands there.
    pub const STRANGER: Self = Self {
        line_octets_max: 8_192,
        literal_octets_max: 4_096,
        literals_max: 4,
        command_octets_max: 16_384,
    };
    /// After. 8,192 octets is what RFC 7162 §4 wants at least; sets of
    /// identifiers of large mailboxes are longer.
    pub const USER: Self = Self {
        line_octets_max: 65_536,
        literal_octets_max: 65_536,
        literals_max: 100,
        command_octets_max: 262_144,
    };
}

/// The literal is beyond the bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a literal or the command is too long")]
pub struct LiteralTooLong;

/// The literal whose size ends a line: `{12}`, `{12+}`, `~{12}` before CR LF
/// (RFC 9051 §4.3). A size beyond 64 bits is no literal.
#[must_use]
pub fn line_literal(line: &[u8]) -> Option<Literal> {
    let line = line.strip_suffix(b"\r\n")?.strip_suffix(b"}")?;
    let (line, waits) =
        line.strip_suffix(b"+").map_or((line, Waits::ForContinuation), |line| (line, Waits::No));
    let digits = line.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (head, digits) = line.split_at_checked(line.len() - digits)?;
    if !head.ends_with(b"{") || digits.is_empty() {
        return None;
    }
    let size = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(Literal { size, waits })
}

/// Octets that are kept of what was too long: its tag is among them.
const TAG_OCTETS_MAX: usize = 128;
/// `{18446744073709551615+}` CR LF.
const LITERAL_SIZE_OCTETS_MAX: usize = 25;

#[cfg(test)]
mod tests;
