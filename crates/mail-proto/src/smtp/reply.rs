//! What a server says (RFC 5321 §4.2): a code, perhaps an enhanced one, text.
//!
//! ```text
//!   250-mail.urosario.edu.co at your service     "-": more lines follow
//!   250-PIPELINING
//!   250 SMTPUTF8                                 " ": the last line
//!   550 5.1.1 nobody here has that name
//!   └┬┘ └─┬─┘ └──────────┬────────────┘
//!   code  enhanced (RFC 3463)   text
//! ```

use std::fmt;

use serde::{Deserialize, Serialize};

/// One whole reply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The three digits.
    pub code: Code,
    /// The enhanced status code (RFC 2034 §4).
    pub enhanced: Option<Enhanced>,
    /// The text, line by line, without codes; at least one line.
    pub lines: Vec<String>,
}

/// The three digits of a reply: 200 to 599 (RFC 5321 §4.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Code(u16);

/// What the first digit of a reply says (RFC 5321 §4.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// 2: done.
    Completion,
    /// 3: go on.
    Intermediate,
    /// 4: not this time; the same may work later.
    Transient,
    /// 5: no; the same will not work later.
    Permanent,
}

/// An enhanced status code: `5.1.1` (RFC 3463 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enhanced {
    /// 2, 4 or 5, as the reply's first digit.
    pub class: u8,
    /// What it is about: 1 addresses, 2 mailboxes, 3 the system, 4 routing,
    /// 5 the protocol, 6 the content, 7 policy.
    pub subject: u16,
    /// What exactly.
    pub detail: u16,
}

/// Why a line is no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// It does not begin with three digits, `-` or a blank.
    #[error("`{0}` is no reply")]
    NoReply(String),
    /// The lines of one reply have different codes (RFC 5321 §4.2.1).
    #[error("a reply changes its code from {} to {}", .0.number(), .1.number())]
    CodeChanges(Code, Code),
    /// A line that is too long.
    #[error("a reply's line is longer than {REPLY_LINE_OCTETS_MAX} octets")]
    LongLine,
    /// A reply that does not end.
    #[error("a reply has more than {REPLY_LINES_MAX} lines")]
    ManyLines,
}

/// Gathers the replies of a stream; holds one reply and one read at most.
#[derive(Debug, Default)]
pub struct ReplyReader {
    held: Vec<u8>,
    started: Option<(Code, Vec<String>)>,
}

impl Reply {
    /// A reply of one line.
    #[must_use]
    pub fn new(code: u16, enhanced: Option<(u16, u16)>, text: impl Into<String>) -> Self {
        let code = Code(code);
        let class = code.first_digit();
        let enhanced = enhanced.map(|(subject, detail)| Enhanced { class, subject, detail });
        Self { code, enhanced, lines: vec![text.into()] }
    }

    /// The text in one line.
    #[must_use]
    pub fn text(&self) -> String {
        self.lines.join(" ")
    }

    /// Whether it says yes or go on.
    #[must_use]
    pub const fn is_positive(&self) -> bool {
        matches!(self.code.severity(), Severity::Completion | Severity::Intermediate)
    }

    /// Whether the same may work later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self.code.severity(), Severity::Transient)
    }

    /// Whether the server closes after it (RFC 5321 §3.8).
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.code.number() == CLOSING
    }

    /// Appends the reply as it travels: every line with its code, and with the
    /// enhanced code (RFC 2034 §4). Text is cut so that a line keeps within 512
    /// octets (RFC 5321 §4.5.3.1.5); control characters become blanks, so that
    /// nobody's words make lines of their own.
    pub fn write(&self, out: &mut Vec<u8>) {
        let last = self.lines.len().saturating_sub(1);
        for (index, line) in self.lines.iter().enumerate() {
            let mut begin = self.code.0.to_string();
            begin.push(if index == last { ' ' } else { '-' });
            if let Some(enhanced) = self.enhanced {
                begin.push_str(&enhanced.to_string());
                begin.push(' ');
            }
            let room = WRITTEN_LINE_OCTETS_MAX - 2 - begin.len();
            out.extend_from_slice(begin.as_bytes());
            out.extend(clean(line, room).bytes());
            out.extend_from_slice(b"\r\n");
        }
    }
}

fn clean(line: &str, room: usize) -> String {
    let cut = line.char_indices().take_while(|(at, c)| at + c.len_utf8() <= room);
    cut.map(|(_, c)| if c.is_control() { ' ' } else { c }).collect()
}

impl fmt::Display for Reply {
    /// In one line: `550 5.1.1 nobody here has that name`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.code.0)?;
        if let Some(enhanced) = self.enhanced {
            write!(out, " {enhanced}")?;
        }
        write!(out, " {}", self.text())
    }
}

impl Code {
    /// A code, when the number is one.
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        // RFC 5321 §4.2.1: the first digit is 2 to 5, the second 0 to 5; later
        // documents use other second digits, which clients take too.
        if number >= 200 && number <= 599 { Some(Self(number)) } else { None }
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// What its first digit says.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self.0 / 100 {
            2 => Severity::Completion,
            3 => Severity::Intermediate,
            4 => Severity::Transient,
            _ => Severity::Permanent,
        }
    }

    const fn first_digit(self) -> u8 {
        match self.severity() {
            Severity::Completion => 2,
            Severity::Intermediate => 3,
            Severity::Transient => 4,
            Severity::Permanent => 5,
        }
    }
}

impl Enhanced {
    /// Reads the code at a text's beginning; also returns what follows it.
    #[must_use]
    pub fn parse(text: &str) -> Option<(Self, &str)> {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        let mut parts = word.split('.');
        let number = |part: Option<&str>| -> Option<u16> {
            let digits = part?;
            let fits =
                (1..=3).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
            if fits { digits.parse().ok() } else { None }
        };
        let class = match parts.next()? {
            "2" => 2,
            "4" => 4,
            "5" => 5,
            _ => return None,
        };
        let (subject, detail) = (number(parts.next())?, number(parts.next())?);
        parts.next().is_none().then_some((Self { class, subject, detail }, rest))
    }
}

impl fmt::Display for Enhanced {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

impl ReplyReader {
    /// Adds what a read brought.
    pub fn push(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
    }

    /// Whether bytes wait that no reply has taken.
    #[must_use]
    pub fn holds_more(&self) -> bool {
        !self.held.is_empty() || self.started.is_some()
    }

    /// Forgets what is held: replies in clear do not count within TLS
    /// (RFC 3207 §4.2).
    pub fn clear(&mut self) {
        self.held.clear();
        self.started = None;
    }

    /// The next whole reply; none when more bytes must come.
    ///
    /// # Errors
    /// When what came is no reply, or does not end within the bounds.
    pub fn next_reply(&mut self) -> Result<Option<Reply>, ReplyError> {
        while let Some(end) = self.held.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.held.drain(..=end).collect();
            if line.len() > REPLY_LINE_OCTETS_MAX {
                return Err(ReplyError::LongLine);
            }
            if let Some(reply) = self.on_line(&line)? {
                return Ok(Some(reply));
            }
        }
        if self.held.len() > REPLY_LINE_OCTETS_MAX {
            return Err(ReplyError::LongLine);
        }
        Ok(None)
    }

    fn on_line(&mut self, line: &[u8]) -> Result<Option<Reply>, ReplyError> {
        let (code, is_last, text) = match (parse_line(line), &self.started) {
            // Some servers break a line of their text. What it says counts when
            // the reply ends: after a message, doubt would send it twice.
            (Err(ReplyError::NoReply(text)), Some((code, _))) => (*code, false, text),
            (parsed, _) => parsed?,
        };
        let mut lines = match self.started.take() {
            Some((first, _)) if first != code => return Err(ReplyError::CodeChanges(first, code)),
            Some((_, lines)) if lines.len() >= REPLY_LINES_MAX => {
                return Err(ReplyError::ManyLines);
            }
            Some((_, lines)) => lines,
            None => Vec::new(),
        };
        lines.push(text);
        if !is_last {
            self.started = Some((code, lines));
            return Ok(None);
        }
        Ok(Some(split_enhanced(code, lines)))
    }
}

/// Code, whether it is the last line, text. A line feed alone ends a reply
/// too: it is only read, and nothing follows from where it ends.
fn parse_line(line: &[u8]) -> Result<(Code, bool, String), ReplyError> {
    let text = String::from_utf8_lossy(line);
    let text = text.trim_end_matches(['\r', '\n']);
    let no_reply = || ReplyError::NoReply(text.chars().take(80).collect());
    let digits = text.get(..3).ok_or_else(no_reply)?;
    let number = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok());
    let code = number.flatten().and_then(Code::new).ok_or_else(no_reply)?;
    match text.get(3..).unwrap_or_default().split_at_checked(1) {
        // RFC 5321 §4.2: a code without text counts as a last line.
        None => Ok((code, true, String::new())),
        Some((" ", rest)) => Ok((code, true, rest.to_owned())),
        Some(("-", rest)) => Ok((code, false, rest.to_owned())),
        Some(_) => Err(no_reply()),
    }
}

/// Takes the enhanced code off the lines when the first line has one of the
/// reply's own class.
fn split_enhanced(code: Code, lines: Vec<String>) -> Reply {
    let first = lines.first().and_then(|line| Enhanced::parse(line)).map(|(enhanced, _)| enhanced);
    let Some(enhanced) = first.filter(|enhanced| enhanced.class == code.first_digit()) else {
        return Reply { code, enhanced: None, lines };
    };
    let bare = |line: String| match Enhanced::parse(&line) {
        Some((same, rest)) if same == enhanced => rest.to_owned(),
        _ => line,
    };
    Reply { code, enhanced: Some(enhanced), lines: lines.into_iter().map(bare).collect() }
}

/// What we write keeps to RFC 5321 §4.5.3.1.5: 512 octets with CR LF.
const WRITTEN_LINE_OCTETS_MAX: usize = 512;
/// What we read may be four times as long: other servers are generous.
pub const REPLY_LINE_OCTETS_MAX: usize = 2_048;
/// Lines of one reply; an EHLO reply of a large server has about 20.
pub const REPLY_LINES_MAX: usize = 128;

/// `421`: the server closes (RFC 5321 §4.2.2).
const CLOSING: u16 = 421;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Option<Reply>, ReplyError> {
        let mut reader = ReplyReader::default();
        reader.push(bytes);
        reader.next_reply()
    }

    #[test]
    fn a_reply_of_several_lines_is_written_and_read_back() {
        let mut reply = Reply::new(550, Some((1, 1)), "nobody here");
        reply.lines.push("has that name".to_owned());
        let mut bytes = Vec::new();
        reply.write(&mut bytes);
        assert_eq!(bytes, b"550-5.1.1 nobody here\r\n550 5.1.1 has that name\r\n");
        for cut in 0..bytes.len() {
            let (one, two) = bytes.split_at(cut);
            let mut reader = ReplyReader::default();
            reader.push(one);
            assert_eq!(reader.next_reply(), Ok(None), "cut at {cut}");
            reader.push(two);
            assert_eq!(reader.next_reply(), Ok(Some(reply.clone())), "cut at {cut}");
            assert!(!reader.holds_more());
        }
    }

    #[test]
    fn a_text_cannot_make_lines_of_its_own_and_is_cut() {
        let mut bytes = Vec::new();
        Reply::new(550, None, format!("a\r\n250 b{}", "ñ".repeat(400))).write(&mut bytes);
        assert!(bytes.len() <= 512 && bytes.starts_with(b"550 a  250 b"));
        assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), 1);
        assert!(String::from_utf8(bytes).is_ok());
    }

    #[test]
    fn garbage_and_endless_replies_are_errors() {
        assert!(matches!(read(b"HTTP/1.1 400\r\n"), Err(ReplyError::NoReply(_))));
        assert!(matches!(read(b"199 low\r\n"), Err(ReplyError::NoReply(_))));
        assert!(matches!(read(b"250x\r\n"), Err(ReplyError::NoReply(_))));
        assert!(matches!(read(b"250-a\r\n550 b\r\n"), Err(ReplyError::CodeChanges(..))));
        assert!(matches!(read(b"what\r\n250 ok\r\n"), Err(ReplyError::NoReply(_))));
        assert_eq!(read(&[b'2'; 3_000]), Err(ReplyError::LongLine));
        assert_eq!(read(&b"250-a\r\n".repeat(200)), Err(ReplyError::ManyLines));
    }

    // A text with a line break of its own: what the reply says is not in doubt.
    #[test]
    fn a_line_without_a_code_within_a_reply_is_text() {
        let reply = read(b"250-2.0.0 kept\r\nby cron\r\n250 2.0.0 as 17\r\n").unwrap().unwrap();
        assert_eq!(reply.to_string(), "250 2.0.0 kept by cron as 17");
        let garbage = [&b"250-a\r\n"[..], &b"garbage\r\n".repeat(200)].concat();
        assert_eq!(read(&garbage), Err(ReplyError::ManyLines));
    }

    #[test]
    fn a_code_without_text_is_a_reply() {
        // RFC 5321 §4.2: clients must take it.
        let reply = read(b"250\r\n").unwrap().unwrap();
        assert_eq!((reply.code.number(), reply.text()), (250, String::new()));
    }

    #[test]
    fn an_enhanced_code_of_another_class_is_text() {
        let reply = read(b"250 5.1.1 strange\r\n").unwrap().unwrap();
        assert_eq!((reply.enhanced, reply.text().as_str()), (None, "5.1.1 strange"));
    }
}
