//! Messages out of an mbox, piece by piece, in bounded memory.

use super::marks::Field;
use super::separator::Separator;
use crate::mailbox::Flags;

/// Reads an mbox.
#[derive(Debug, Default)]
pub struct Reader {
    /// Bytes of the file so far.
    at: u64,
    /// The beginning of a piece whose end has not come yet.
    held: Vec<u8>,
    /// Whether the next piece goes on in a line.
    in_line: bool,
    /// An empty line, which is the message's if another line follows.
    blank: Option<Vec<u8>>,
    message: Option<Message>,
    content: Vec<u8>,
}

/// What a file is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A message begins.
    Begin {
        /// Where its separator is in the file, in bytes.
        offset: u64,
        /// What the separator says.
        separator: Separator,
    },
    /// More of the message, with CR LF.
    Content(Vec<u8>),
    /// The message is whole; its flags.
    End(Flags),
}

/// A file that is no mbox.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset} should begin a line `From ADDRESS DATE`: this is no mbox")]
pub struct NotMbox {
    /// Where the file's first line is.
    pub offset: u64,
}

/// The message that is being read.
#[derive(Debug)]
struct Message {
    /// LF alone stands for CR LF.
    adds_cr: bool,
    in_header: bool,
    flags: Flags,
    /// Fields of flags that were found: of each name the first one counts.
    fields: Vec<Field>,
    last: u8,
}

impl Reader {
    /// Takes more of the file; what it is made of is added to `events`.
    ///
    /// # Errors
    /// [`NotMbox`], at its first line.
    pub fn push(&mut self, bytes: &[u8], events: &mut Vec<Event>) -> Result<(), NotMbox> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = PIECE_BYTES_MAX - self.held.len();
            let near = rest.get(..room).unwrap_or(rest);
            let end = near.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
            let (taken, after) = rest.split_at(end.unwrap_or(near.len()));
            rest = after;
            if end.is_none() && taken.len() < room {
                self.held.extend_from_slice(taken);
                break;
            }
            if self.held.is_empty() {
                self.piece(taken, events)?;
            } else {
                let mut piece = std::mem::take(&mut self.held);
                piece.extend_from_slice(taken);
                self.piece(&piece, events)?;
                piece.clear();
                self.held = piece;
            }
        }
        self.flush(events);
        Ok(())
    }

    /// The file is at its end.
    ///
    /// # Errors
    /// As [`Reader::push`].
    pub fn end(mut self, events: &mut Vec<Event>) -> Result<(), NotMbox> {
        let piece = std::mem::take(&mut self.held);
        if !piece.is_empty() {
            self.piece(&piece, events)?;
        }
        // A last empty line is the separator's, as all others are.
        self.finish(events);
        Ok(())
    }

    /// A line, or a part of a very long one.
    fn piece(&mut self, piece: &[u8], events: &mut Vec<Event>) -> Result<(), NotMbox> {
        let offset = self.at;
        self.at += piece.len() as u64;
        let is_whole = piece.ends_with(b"\n");
        if std::mem::replace(&mut self.in_line, !is_whole) {
            self.take(piece);
            return Ok(());
        }
        if let Some(separator) = self.separator(piece) {
            self.finish(events);
            let adds_cr = !piece.ends_with(b"\r\n");
            let (flags, fields) = (Flags::new(), Vec::new());
            self.message = Some(Message { adds_cr, in_header: true, flags, fields, last: b'\n' });
            events.push(Event::Begin { offset, separator });
            return Ok(());
        }
        let is_blank = matches!(piece, b"\n" | b"\r\n");
        let Some(message) = &mut self.message else {
            return if is_blank { Ok(()) } else { Err(NotMbox { offset }) };
        };
        if is_blank {
            message.in_header = false;
        }
        if message.in_header
            && is_whole
            && let Some((field, value)) = Field::of(piece)
            && !message.fields.contains(&field)
        {
            message.fields.push(field);
            field.read(value, &mut message.flags);
            return Ok(());
        }
        if let Some(blank) = self.blank.take() {
            self.take(&blank);
        }
        if is_blank {
            self.blank = Some(piece.to_vec());
        } else {
            self.take(unquoted(piece));
        }
        Ok(())
    }

    /// RFC 4155 §2: a separator stands at the beginning or behind an empty
    /// line. Inside of a file it bears a date.
    fn separator(&self, piece: &[u8]) -> Option<Separator> {
        let is_first = self.message.is_none();
        if !piece.starts_with(FROM) || !(is_first || self.blank.is_some()) {
            return None;
        }
        let found = Separator::parse(piece.trim_ascii_end())?;
        (is_first || found.date.is_some()).then_some(found)
    }

    /// Bytes of the message.
    fn take(&mut self, bytes: &[u8]) {
        let Some(message) = &mut self.message else { return };
        for byte in bytes {
            if message.adds_cr && *byte == b'\n' && message.last != b'\r' {
                self.content.push(b'\r');
            }
            self.content.push(*byte);
            message.last = *byte;
        }
    }

    fn flush(&mut self, events: &mut Vec<Event>) {
        if !self.content.is_empty() {
            events.push(Event::Content(std::mem::take(&mut self.content)));
        }
    }

    fn finish(&mut self, events: &mut Vec<Event>) {
        self.flush(events);
        self.blank = None;
        if let Some(message) = self.message.take() {
            events.push(Event::End(message.flags));
        }
    }
}

/// `mboxrd`: one `>` less before `>*From `.
fn unquoted(line: &[u8]) -> &[u8] {
    match line.split_first() {
        Some((b'>', rest)) => {
            let quotes = rest.iter().take_while(|byte| **byte == b'>').count();
            let is_quoted = rest.get(quotes..).is_some_and(|rest| rest.starts_with(FROM));
            if is_quoted { rest } else { line }
        }
        _ => line,
    }
}

const FROM: &[u8] = b"From ";
/// Longer lines are read in pieces, and only their first piece is looked at.
const PIECE_BYTES_MAX: usize = 64 * 1024;
