//! What messages can be searched by (RFC 9051 §6.4.4).

use crate::imap::command::Numbering;
use crate::imap::date::Date;
use crate::imap::sequence::MessageSet;
use crate::mailbox::{Flag, ModSeq};

mod evaluate;

pub use evaluate::Candidate;

/// A `SEARCH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchCommand {
    /// Whether it answers with numbers or identifiers.
    pub numbering: Numbering,
    /// What it answers (RFC 4731 §3); none for the form of RFC 3501.
    pub returns: Option<Vec<SearchReturn>>,
    /// All must hold.
    pub key: SearchKey,
}

/// What an extended search answers (RFC 9051 §6.4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SearchReturn {
    /// The lowest number.
    Min,
    /// The highest number.
    Max,
    /// All numbers.
    All,
    /// How many there are.
    Count,
    /// Nothing, but `$` becomes the result (RFC 9051 §6.4.4.1).
    Save,
}

/// One criterion. Texts are in UTF-8: the parser has decoded their charset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SearchKey {
    /// All of these.
    And(Vec<SearchKey>),
    /// One of two.
    Or(Box<SearchKey>, Box<SearchKey>),
    /// Not this.
    Not(Box<SearchKey>),
    /// Every message.
    All,
    /// Messages with these numbers.
    Numbers(MessageSet),
    /// Messages with these identifiers.
    Uids(MessageSet),
    /// `ANSWERED`, `KEYWORD x` and so on: the flag is there.
    Flag(Flag),
    /// `RECENT`, `NEW`: this server has no recent messages (RFC 9051 §2.3.2),
    /// so no message matches.
    Recent,
    /// Internal date before a day.
    Before(Date),
    /// Internal date on a day.
    On(Date),
    /// Internal date on a day or later.
    Since(Date),
    /// `Date:` before a day.
    SentBefore(Date),
    /// `Date:` on a day.
    SentOn(Date),
    /// `Date:` on a day or later.
    SentSince(Date),
    /// More octets than this.
    Larger(u64),
    /// Fewer octets than this.
    Smaller(u64),
    /// A header field with this name has this text; also `BCC`, `CC`, `FROM`,
    /// `SUBJECT`, `TO`.
    Header(String, String),
    /// The body has this text.
    Body(String),
    /// Header or body have this text.
    Text(String),
    /// Changed at this modseq or later (RFC 7162 §3.1.5).
    ModSeq(ModSeq),
}

impl SearchKey {
    /// Whether the criterion, or a part of it, is of modseqs: then the answer
    /// has the highest of those found (RFC 7162 §3.1.5).
    #[must_use]
    pub fn has_mod_seq(&self) -> bool {
        match self {
            Self::ModSeq(_) => true,
            Self::And(keys) => keys.iter().any(Self::has_mod_seq),
            Self::Or(one, other) => one.has_mod_seq() || other.has_mod_seq(),
            Self::Not(key) => key.has_mod_seq(),
            _ => false,
        }
    }

    /// Whether the message itself is needed to decide.
    #[must_use]
    pub fn needs_text(&self) -> bool {
        match self {
            Self::SentBefore(_)
            | Self::SentOn(_)
            | Self::SentSince(_)
            | Self::Header(..)
            | Self::Body(_)
            | Self::Text(_) => true,
            Self::And(keys) => keys.iter().any(Self::needs_text),
            Self::Or(one, other) => one.needs_text() || other.needs_text(),
            Self::Not(key) => key.needs_text(),
            _ => false,
        }
    }
}
