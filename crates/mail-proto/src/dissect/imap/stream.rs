//! Where commands and responses end: lines, and literals within them
//! (RFC 9051 §2.2, §4.3).

use std::ops::Range;

use crate::dissect::stream::{MESSAGE_OCTETS_MAX, Stream as Octets};
use crate::imap::frame::{Waits, line_literal};

/// One direction: what came and is not yet read.
#[derive(Debug, Default)]
pub(super) struct Stream {
    octets: Octets,
    /// Octets held that are lines and literals seen whole.
    at: usize,
    /// Octets held that have no line's end after `at`.
    searched: usize,
    /// The literals of the message so far.
    literals: Vec<Range<usize>>,
    literal: Pending,
    /// The held octets go on with a message that was too long to hold.
    continues: bool,
}

/// The literal that `at` stands before.
#[derive(Clone, Copy, Debug, Default)]
enum Pending {
    #[default]
    None,
    /// It ends here, and its sender may wait before it comes.
    Until(usize, Waits),
    /// It will not come.
    Abandoned,
}

/// Where literals may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Literals {
    InCommands,
    /// Not in the text that people read (RFC 9051 §7.1).
    InResponses,
    Never,
}

/// One message as it travels, or a part of one.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) bytes: Vec<u8>,
    /// The octets of its literals.
    pub(super) literals: Vec<Range<usize>>,
    /// Not the rest of a long message.
    pub(super) is_begin: bool,
    /// It ends here.
    pub(super) is_whole: bool,
}

impl Stream {
    /// Begins anew within TLS.
    pub(super) fn restart(&mut self) {
        *self = Self::default();
        self.octets.restart();
    }

    /// Takes bytes; what was held before a gap comes out, with the gap's size.
    pub(super) fn push(&mut self, offset: u64, bytes: &[u8]) -> Option<(Vec<u8>, u64)> {
        let missing = self.octets.push(offset, bytes);
        if missing.is_some() {
            // What came behind the gap begins a message.
            *self = Self { octets: std::mem::take(&mut self.octets), ..Self::default() };
        }
        missing
    }

    /// The command of this tag was answered: a literal that it waits to send
    /// does not come.
    pub(super) fn abandon(&mut self, tag: &[u8]) {
        if let Pending::Until(_, Waits::ForContinuation) = self.literal
            && self.octets.held().len() == self.at
            && self.octets.held().strip_prefix(tag).is_some_and(|rest| rest.starts_with(b" "))
        {
            self.literal = Pending::Abandoned;
            self.literals.pop();
        }
    }

    /// The next message, when it is whole or too long to hold.
    pub(super) fn frame(&mut self, literals: Literals) -> Option<Frame> {
        loop {
            let held = self.octets.held();
            match self.literal {
                // It is told when its sender goes on.
                Pending::Abandoned if held.len() == self.at => return None,
                Pending::Abandoned => return Some(self.take(self.at, true)),
                Pending::Until(end, _) if held.len() < end => {
                    return (held.len() > MESSAGE_OCTETS_MAX).then(|| self.part(end));
                }
                Pending::Until(end, _) => {
                    self.at = end;
                    self.literal = Pending::None;
                }
                Pending::None => {}
            }
            let from = self.at.max(self.searched);
            let rest = held.get(from..).unwrap_or_default();
            let Some(end) = rest.iter().position(|byte| *byte == b'\n').map(|at| from + at + 1)
            else {
                self.searched = held.len();
                let is_long = self.searched - self.at > LINE_OCTETS_MAX;
                return is_long.then(|| self.take(self.searched, true));
            };
            let line = held.get(self.at..end).unwrap_or_default();
            let literal = line_literal(line).filter(|_| match literals {
                Literals::InCommands => true,
                Literals::InResponses => !is_text(held),
                Literals::Never => false,
            });
            let Some(literal) = literal.filter(|_| self.literals.len() < LITERALS_MAX) else {
                return Some(self.take(end, true));
            };
            let size = usize::try_from(literal.size).unwrap_or(usize::MAX);
            let until = end.saturating_add(size);
            self.at = end;
            self.literals.push(end..until);
            self.literal = Pending::Until(until, literal.waits);
        }
    }

    fn take(&mut self, count: usize, is_whole: bool) -> Frame {
        let frame = Frame {
            bytes: self.octets.take(count),
            literals: std::mem::take(&mut self.literals),
            is_begin: !std::mem::take(&mut self.continues),
            is_whole,
        };
        (self.at, self.searched, self.literal) = (0, 0, Pending::None);
        frame
    }

    /// All that is held of a message whose literal ends beyond it.
    fn part(&mut self, end: usize) -> Frame {
        let count = self.octets.held().len();
        if let Some(literal) = self.literals.last_mut() {
            literal.end = count;
        }
        let frame = self.take(count, false);
        let left = end - count;
        self.literals.push(0..left);
        self.literal = Pending::Until(left, Waits::No);
        self.continues = true;
        frame
    }
}

/// A response that ends in text for people: a status, or a continuation.
fn is_text(held: &[u8]) -> bool {
    let mut words = held.split(|byte| b" \r\n".contains(byte));
    let (tag, kind) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    tag != b"*" || STATUSES.iter().any(|status| kind.eq_ignore_ascii_case(status.as_bytes()))
}

/// The statuses of a response (RFC 9051 §7.1).
pub(super) const STATUSES: [&str; 5] = ["OK", "NO", "BAD", "BYE", "PREAUTH"];
/// A line that does not end for so long is shown as it is.
const LINE_OCTETS_MAX: usize = 64 << 10;
/// Literals of one message that are told apart.
const LITERALS_MAX: usize = 1_000;
