//! Which bytes of a message are header, body and part (RFC 2046 §5).
//!
//! ```text
//!   From: …                   header of part 0, with its empty line
//!   Content-Type: multipart/mixed; boundary=b
//!
//!   preamble ─┐
//!   --b       │               delimiter: its line, and the line end before it
//!   header, body of part 1    │
//!   --b--                     │  body of part 0
//!   epilogue ─────────────────┘
//! ```
//! One pass over the lines, with a stack of open parts instead of calls. A
//! message of any form has a structure: what is malformed is somebody's body.

mod scan;

use std::ops::Range;

pub use scan::scan;

/// The parts of a message, the message itself first, each before its children
/// and in the order of the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Structure {
    parts: Vec<Part>,
}

/// One part: a header and a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The header with the empty line that ends it.
    pub header: Range<usize>,
    /// What follows, to the line end before the next delimiter, which belongs
    /// to that (RFC 2046 §5.1.1).
    pub body: Range<usize>,
    /// Line ends in the body.
    pub lines: usize,
    /// What is in the body.
    pub kind: PartKind,
    /// The type that holds when the header names none.
    pub default_type: DefaultType,
}

/// What is in a part's body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartKind {
    /// Anything but parts.
    Leaf,
    /// Parts between delimiters; none when no delimiter comes.
    Multipart(Vec<PartId>),
    /// A whole message (RFC 2046 §5.2.1), whose header begins with the body.
    Message(PartId),
    /// A multipart or message too deep inside, or too far behind, to be looked
    /// into.
    Opaque,
}

/// A part's place in [`Structure::parts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartId(usize);

/// The type of a part whose header names none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultType {
    /// `text/plain; charset=us-ascii` (RFC 2045 §5.2).
    Text,
    /// `message/rfc822`, within `multipart/digest` (RFC 2046 §5.1.5).
    Message,
}

impl Structure {
    /// The message as a part.
    #[must_use]
    pub fn root(&self) -> &Part {
        self.parts.first().expect("the scan begins with the message")
    }

    /// All parts.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The part of that number.
    ///
    /// # Panics
    /// When `id` comes from another structure.
    #[must_use]
    pub fn part(&self, id: PartId) -> &Part {
        self.parts.get(id.0).expect("an id of this structure")
    }

    /// The part that IMAP numbers so: `[1, 2]` is `BODY[1.2]` (RFC 9051 §6.4.5).
    /// Numbers below a message go on in its multipart; what is no multipart has
    /// itself as number 1.
    #[must_use]
    pub fn numbered(&self, path: &[u32]) -> Option<&Part> {
        let mut at = self.root();
        let mut is_itself = false;
        for (level, number) in path.iter().enumerate() {
            let index = usize::try_from(*number).ok()?.checked_sub(1)?;
            if level > 0
                && let PartKind::Message(id) = &at.kind
            {
                at = self.part(*id);
                is_itself = false;
            }
            match &at.kind {
                PartKind::Multipart(children) => {
                    at = self.part(*children.get(index)?);
                    is_itself = false;
                }
                // RFC 9051 §6.4.5: "Every message has at least one part number."
                _ if index == 0 && !is_itself => is_itself = true,
                _ => return None,
            }
        }
        Some(at)
    }
}

/// Further parts are not told apart: they are the last one's body. Real
/// messages have some dozens; ten thousand beside each other are within it.
pub const PARTS_MAX: usize = 10_240;
/// Parts inside parts; what is deeper is opaque.
pub const DEPTH_MAX: usize = 100;
