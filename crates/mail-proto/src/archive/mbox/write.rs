//! Messages into an mbox.

use super::marks;
use super::separator::Separator;
use crate::archive::line_ends::{LineEnds, ToLf};
use crate::mailbox::Flags;

/// Writes one message: begin, pieces, end.
#[derive(Debug)]
pub struct Writer {
    ends: LineEnds,
    to_lf: ToLf,
    /// The converted piece that is being quoted.
    piece: Vec<u8>,
    line: Line,
    last: u8,
}

/// Where in a line the writer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// At its start, or behind nothing but `>`.
    Quotes,
    /// Behind so many bytes of `From `, which are not written yet.
    From(usize),
    /// Further on.
    Rest,
}

impl Writer {
    /// Begins a message: separator and flags go to `out`.
    #[must_use]
    pub fn begin(separator: &Separator, flags: &Flags, ends: LineEnds, out: &mut Vec<u8>) -> Self {
        let fields = marks::fields(flags);
        let head = format!("{separator}\n{fields}");
        match ends {
            LineEnds::Lf => out.extend_from_slice(head.as_bytes()),
            LineEnds::AsTheyAre => out.extend_from_slice(head.replace('\n', "\r\n").as_bytes()),
        }
        let (to_lf, piece) = (ToLf::default(), Vec::new());
        Self { ends, to_lf, piece, line: Line::Quotes, last: b'\n' }
    }

    /// Takes more of the message.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if self.ends == LineEnds::AsTheyAre {
            return self.quote(bytes, out);
        }
        let mut piece = std::mem::take(&mut self.piece);
        piece.clear();
        self.to_lf.push(bytes, &mut piece);
        self.quote(&piece, out);
        self.piece = piece;
    }

    /// The message is whole. A last line without an end gets one.
    pub fn end(mut self, out: &mut Vec<u8>) {
        let mut rest = Vec::new();
        std::mem::take(&mut self.to_lf).end(&mut rest);
        self.quote(&rest, out);
        if let Line::From(count) = self.line {
            out.extend_from_slice(FROM.get(..count).unwrap_or_default());
        }
        let end: &[u8] = if self.ends == LineEnds::Lf { b"\n" } else { b"\r\n" };
        if self.last != b'\n' {
            out.extend_from_slice(end);
        }
        out.extend_from_slice(end);
    }

    /// One more `>` before `>*From `: a reader takes it away again.
    fn quote(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        out.reserve(bytes.len());
        for byte in bytes {
            self.line = match self.line {
                Line::Quotes if *byte == b'>' => {
                    out.push(b'>');
                    Line::Quotes
                }
                Line::Quotes | Line::From(_) => self.from(*byte, out),
                Line::Rest => {
                    out.push(*byte);
                    Line::Rest
                }
            };
            if *byte == b'\n' {
                self.line = Line::Quotes;
            }
            self.last = *byte;
        }
    }

    fn from(&self, byte: u8, out: &mut Vec<u8>) -> Line {
        let count = if let Line::From(count) = self.line { count } else { 0 };
        let held = FROM.get(..count).unwrap_or_default();
        if FROM.get(count) != Some(&byte) {
            out.extend_from_slice(held);
            out.push(byte);
            return Line::Rest;
        }
        if count + 1 < FROM.len() {
            return Line::From(count + 1);
        }
        out.push(b'>');
        out.extend_from_slice(FROM);
        Line::Rest
    }
}

const FROM: &[u8] = b"From ";
