//! What a message may hold, checked while it comes (RFC 5321 §4.5.3.1).
//!
//! ```text
//!   DATA ─▶ data ─┐
//!                 ├─▶ Content: size, lines, null bytes, hops ─▶ queue
//!   BDAT ─────────┘   completes the header of submitted mail
//! ```
//!
//! A message that breaks a rule is read to its end, which is sure, and then
//! refused.

/// The bounds of one message.
#[derive(Clone, Debug)]
pub struct ContentLimits {
    /// Octets (RFC 1870).
    pub octets_max: u64,
    /// `Received:` lines, from which on it is a loop (RFC 5321 §6.3).
    pub hops_max: u32,
    /// Whether bytes beyond ASCII may come (RFC 6152).
    pub eight_bit: bool,
}

/// Header fields for a submitted message that lacks them (RFC 6409 §8), each as
/// it stands in a header, with CR LF.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// `Date: …`.
    pub date: String,
    /// `Message-ID: …`.
    pub message_id: String,
}

/// Why a message is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContentFault {
    /// It is larger than it may be.
    #[error("the message is larger than {0} octets")]
    TooLarge(u64),
    /// A line is longer than 998 octets.
    #[error("a line is longer than 998 octets")]
    LongLine,
    /// It holds a null byte.
    #[error("a null byte")]
    Nul,
    /// A CR or LF that stands alone: in a chunk.
    #[error("a bare CR or LF")]
    BareEnd,
    /// It went through too many servers.
    #[error("it went through {0} servers or more")]
    Loop(u32),
    /// Bytes beyond ASCII, which were not offered.
    #[error("bytes beyond ASCII")]
    EightBit,
}

/// A message on its way in.
#[derive(Debug)]
pub struct Content {
    limits: ContentLimits,
    octets: u64,
    /// Octets of the current line so far.
    line: usize,
    ends_with_cr: bool,
    is_ascii: bool,
    fault: Option<ContentFault>,
    /// While the header comes.
    header: Option<Header>,
}

#[derive(Debug)]
struct Header {
    /// The current line so far.
    line: Vec<u8>,
    hops: u32,
    has_date: bool,
    has_message_id: bool,
    completion: Option<Completion>,
}

/// What is known of a message at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentSummary {
    /// Octets that came.
    pub octets: u64,
    /// Whether all of them are ASCII.
    pub is_ascii: bool,
}

impl Content {
    /// An empty message.
    #[must_use]
    pub const fn new(limits: ContentLimits, completion: Option<Completion>) -> Self {
        let header = Header {
            line: Vec::new(),
            hops: 0,
            has_date: false,
            has_message_id: false,
            completion,
        };
        Self {
            limits,
            octets: 0,
            line: 0,
            ends_with_cr: false,
            is_ascii: true,
            fault: None,
            header: Some(header),
        }
    }

    /// Octets that came.
    #[must_use]
    pub const fn octets(&self) -> u64 {
        self.octets
    }

    /// What is wrong with it so far.
    #[must_use]
    pub const fn fault(&self) -> Option<ContentFault> {
        self.fault
    }

    /// Takes bytes without doubled dots; appends to `out` what is to be kept.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.octets = self.octets.saturating_add(bytes.len() as u64);
        if self.fault.is_none() {
            self.fault = self.look(bytes).err();
        }
        if self.fault.is_some() {
            self.header = None;
            return;
        }
        let mut rest = bytes;
        while let Some(header) = &mut self.header {
            let end = rest.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
            let (part, after) = rest.split_at(end.unwrap_or(rest.len()));
            header.line.extend_from_slice(part);
            rest = after;
            if end.is_none() {
                return;
            }
            if header.on_line(out) {
                self.header = None;
            } else if header.hops >= self.limits.hops_max {
                self.fault = Some(ContentFault::Loop(self.limits.hops_max));
                self.header = None;
                return;
            }
        }
        out.extend_from_slice(rest);
    }

    /// Ends the message.
    ///
    /// # Errors
    /// When it breaks a rule.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<ContentSummary, ContentFault> {
        // A CR LF is missing only after a last chunk (RFC 3030 §2).
        if self.fault.is_none() && (self.line > 0 || self.ends_with_cr) {
            let end: &[u8] = if self.ends_with_cr { b"\n" } else { b"\r\n" };
            self.push(end, out);
        }
        if let Some(mut header) = self.header.take() {
            header.complete(out);
        }
        match self.fault {
            Some(fault) => Err(fault),
            None => Ok(ContentSummary { octets: self.octets, is_ascii: self.is_ascii }),
        }
    }

    fn look(&mut self, bytes: &[u8]) -> Result<(), ContentFault> {
        if self.octets > self.limits.octets_max {
            return Err(ContentFault::TooLarge(self.limits.octets_max));
        }
        if bytes.contains(&0) {
            return Err(ContentFault::Nul);
        }
        if self.is_ascii && !bytes.is_ascii() {
            self.is_ascii = false;
            if !self.limits.eight_bit {
                return Err(ContentFault::EightBit);
            }
        }
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.look_at_line(line)?;
        }
        Ok(())
    }

    /// A line, or a part of one.
    fn look_at_line(&mut self, line: &[u8]) -> Result<(), ContentFault> {
        let text = match line {
            [text @ .., b'\r', b'\n'] if !self.ends_with_cr => text,
            [b'\n'] if self.ends_with_cr => &[],
            [.., b'\n'] => return Err(ContentFault::BareEnd),
            _ if self.ends_with_cr => return Err(ContentFault::BareEnd),
            [text @ .., b'\r'] => text,
            text => text,
        };
        if text.contains(&b'\r') {
            return Err(ContentFault::BareEnd);
        }
        self.line += text.len();
        // RFC 5321 §4.5.3.1.6; RFC 5322 §2.1.1.
        if self.line > LINE_OCTETS_MAX {
            return Err(ContentFault::LongLine);
        }
        self.ends_with_cr = line.last() == Some(&b'\r');
        if line.last() == Some(&b'\n') {
            self.line = 0;
        }
        Ok(())
    }
}

impl Header {
    /// The current line is whole; whether the header is over.
    fn on_line(&mut self, out: &mut Vec<u8>) -> bool {
        let line = std::mem::take(&mut self.line);
        let is_folded = matches!(line.first(), Some(b' ' | b'\t'));
        let name = line.iter().position(|byte| *byte == b':').and_then(|at| line.get(..at));
        let Some(name) = name.filter(|name| is_folded || is_field_name(name)) else {
            if is_folded {
                out.extend_from_slice(&line);
                return false;
            }
            let added = self.complete(out);
            // Text that follows what was added must not become part of it.
            if added && line != b"\r\n" {
                out.extend_from_slice(b"\r\n");
            }
            out.extend_from_slice(&line);
            return true;
        };
        if !is_folded {
            let name = name.trim_ascii_end();
            self.hops += u32::from(name.eq_ignore_ascii_case(b"Received"));
            self.has_date |= name.eq_ignore_ascii_case(b"Date");
            self.has_message_id |= name.eq_ignore_ascii_case(b"Message-ID");
        }
        out.extend_from_slice(&line);
        false
    }

    /// Adds what is missing; whether anything was.
    fn complete(&mut self, out: &mut Vec<u8>) -> bool {
        out.append(&mut self.line);
        let Some(completion) = self.completion.take() else { return false };
        if !self.has_date {
            out.extend_from_slice(completion.date.as_bytes());
        }
        if !self.has_message_id {
            out.extend_from_slice(completion.message_id.as_bytes());
        }
        !self.has_date || !self.has_message_id
    }
}

/// RFC 5322 §2.2: printable ASCII without colon; blanks before the colon are of
/// the obsolete syntax (RFC 5322 §4.5).
fn is_field_name(name: &[u8]) -> bool {
    let name = name.trim_ascii_end();
    !name.is_empty() && name.iter().all(u8::is_ascii_graphic)
}

/// Octets of a line without its CR LF (RFC 5321 §4.5.3.1.6).
pub const LINE_OCTETS_MAX: usize = 998;

#[cfg(test)]
mod tests {
    use super::*;

    fn completion() -> Completion {
        Completion { date: "Date: D\r\n".into(), message_id: "Message-ID: <m>\r\n".into() }
    }

    fn run(
        message: &[u8],
        cut: usize,
        completion: Option<Completion>,
    ) -> Result<String, ContentFault> {
        let limits = ContentLimits { octets_max: 4_000, hops_max: 3, eight_bit: true };
        let (mut content, mut out) = (Content::new(limits, completion), Vec::new());
        message.chunks(cut).for_each(|part| content.push(part, &mut out));
        content.finish(&mut out).map(|_| String::from_utf8(out).unwrap())
    }

    fn check(message: &[u8], expect: Result<&str, ContentFault>) {
        for cut in [1, 2, 3, 7, 4_096] {
            let expect = expect.map(str::to_owned);
            assert_eq!(run(message, cut, Some(completion())), expect, "cut at {cut}");
        }
    }

    #[test]
    fn a_submitted_message_gets_what_its_header_lacks() {
        // RFC 6409 §8.1, §8.2.
        check(b"From: a\r\n\r\nhi\r\n", Ok("From: a\r\nDate: D\r\nMessage-ID: <m>\r\n\r\nhi\r\n"));
        check(
            b"date: x\r\nSubject: a\r\n b: c\r\n\r\nDate: y\r\n",
            Ok("date: x\r\nSubject: a\r\n b: c\r\nMessage-ID: <m>\r\n\r\nDate: y\r\n"),
        );
        let whole = "Message-ID: <1>\r\nDate: x\r\n\r\nhi\r\n";
        check(whole.as_bytes(), Ok(whole));
        check(b"hello there\r\n", Ok("Date: D\r\nMessage-ID: <m>\r\n\r\nhello there\r\n"));
        check(b"\r\nhello\r\n", Ok("Date: D\r\nMessage-ID: <m>\r\n\r\nhello\r\n"));
        check(b"A: b\r\n", Ok("A: b\r\nDate: D\r\nMessage-ID: <m>\r\n"));
        check(b"", Ok("Date: D\r\nMessage-ID: <m>\r\n"));
        check(b"A: b\r\n\r\nno end", Ok("A: b\r\nDate: D\r\nMessage-ID: <m>\r\n\r\nno end\r\n"));
    }

    #[test]
    fn every_limit_of_a_message_holds() {
        // RFC 5321 §4.5.3.1.6, §6.3; RFC 1870 §6.1.
        check(&[b"A: ", &[b'a'; 996][..], b"\r\n"].concat(), Err(ContentFault::LongLine));
        check(&[&[b'a'; 999][..], b"\r\n"].concat(), Err(ContentFault::LongLine));
        assert!(run(&[&[b'a'; 998][..], b"\r\n"].concat(), 5, None).is_ok());
        check(&b"0123456789\r\n".repeat(400), Err(ContentFault::TooLarge(4_000)));
        check(b"A: b\0\r\n", Err(ContentFault::Nul));
        check(&b"Received: x\r\n".repeat(3), Err(ContentFault::Loop(3)));
        let body = [&b"Received: x\r\n".repeat(2)[..], b"\r\nReceived: x\r\n"].concat();
        assert!(run(&body, 5, None).is_ok(), "a body may say what it wants");
    }

    #[test]
    fn a_bare_end_of_line_is_refused_in_chunks_too() {
        // RFC 3030 §2 carries any bytes; the next server may not.
        for message in [&b"a\n.\nb"[..], b"a\rb\r\n", b"\n", b"a\r\r\n", b"A: b\n\r\n"] {
            check(message, Err(ContentFault::BareEnd));
        }
    }

    #[test]
    fn bytes_beyond_ascii_are_refused_where_they_were_not_offered() {
        let limits = ContentLimits { octets_max: 99, hops_max: 9, eight_bit: false };
        let (mut content, mut out) = (Content::new(limits, None), Vec::new());
        content.push("A: ñ\r\n".as_bytes(), &mut out);
        assert_eq!(content.finish(&mut out), Err(ContentFault::EightBit));
    }
}
