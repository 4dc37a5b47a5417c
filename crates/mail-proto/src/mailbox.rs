//! The words of mailboxes that store, IMAP and POP3 share.

use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

/// A message's number in its mailbox, never used twice (RFC 9051 §2.3.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Uid(pub NonZeroU32);

/// Changes when UIDs of a mailbox begin anew (RFC 9051 §2.3.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UidValidity(pub NonZeroU32);

/// The order of changes in an account: 1 to 2^63 − 1 (RFC 7162 §3.1).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct ModSeq(pub u64);

/// A mailbox's full name in UTF-8, levels separated by `/`; `INBOX` in capitals
/// (RFC 9051 §5.1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MailboxName(String);

/// What a reader or the server says of a message (RFC 9051 §2.3.2). Compared
/// without case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Flag(String);

/// The flags of one message, in order, without `\Recent`.
pub type Flags = BTreeSet<Flag>;

/// What a mailbox is for (RFC 6154 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SpecialUse {
    /// Messages put aside.
    Archive,
    /// Messages not yet sent.
    Drafts,
    /// Messages taken for spam.
    Junk,
    /// Messages that were sent.
    Sent,
    /// Messages that were thrown away.
    Trash,
}

/// Why a text is no mailbox name or flag.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` {problem}")]
pub struct MailboxNameError {
    /// What was given.
    pub text: String,
    /// What is wrong.
    pub problem: &'static str,
}

impl MailboxName {
    /// Where messages arrive.
    #[must_use]
    pub fn inbox() -> Self {
        Self("INBOX".to_owned())
    }

    /// A name in UTF-8. `inbox` in any case is `INBOX`, also as a first level.
    ///
    /// # Errors
    /// Empty, longer than 1,000 bytes, with an empty level, a control
    /// character, `*` or `%`.
    pub fn parse(text: &str) -> Result<Self, MailboxNameError> {
        let wrong = |problem| MailboxNameError { text: text.to_owned(), problem };
        if text.is_empty() || text.len() > MAILBOX_NAME_BYTES_MAX {
            return Err(wrong("is no mailbox name: it has 1 to 1,000 bytes"));
        }
        if text.chars().any(|c| c.is_control() || matches!(c, '*' | '%')) {
            return Err(wrong("is no mailbox name: it has a control character, * or %"));
        }
        if text.split(SEPARATOR).any(str::is_empty) {
            return Err(wrong("is no mailbox name: a level is empty"));
        }
        let (first, rest) = text.split_once(SEPARATOR).map_or((text, None), |(a, b)| (a, Some(b)));
        if first.eq_ignore_ascii_case("inbox") {
            return Ok(Self(rest.map_or("INBOX".to_owned(), |rest| format!("INBOX/{rest}"))));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether messages arrive here.
    #[must_use]
    pub fn is_inbox(&self) -> bool {
        self.0 == "INBOX"
    }
}

impl fmt::Display for MailboxName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl Flag {
    /// A system flag, with its backslash and usual case, or a keyword. System
    /// flags that the server does not know, and `\Recent`, are refused.
    ///
    /// # Errors
    /// When the text is no flag (RFC 9051 §9, `flag`).
    pub fn parse(text: &str) -> Result<Self, MailboxNameError> {
        let wrong = |problem| MailboxNameError { text: text.to_owned(), problem };
        if text.starts_with('\\') {
            let known = SYSTEM_FLAGS.iter().find(|flag| flag.eq_ignore_ascii_case(text));
            return known
                .map(|flag| Self((*flag).to_owned()))
                .ok_or_else(|| wrong("is no flag of this server"));
        }
        let is_atom = |c: char| c.is_ascii_graphic() && !"(){%*\"\\]".contains(c);
        if text.is_empty() || text.len() > FLAG_BYTES_MAX || !text.chars().all(is_atom) {
            return Err(wrong("is no keyword"));
        }
        Ok(Self(text.to_owned()))
    }

    /// `\Seen`, `\Answered`, `\Flagged`, `\Deleted` or `\Draft`.
    ///
    /// # Panics
    /// When `name` is none of these with its backslash.
    #[must_use]
    pub fn system(name: &'static str) -> Self {
        Self::parse(name).expect("a system flag of RFC 9051 §2.3.2")
    }

    /// The flag as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Flag {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl SpecialUse {
    /// The attribute as `LIST` shows it.
    #[must_use]
    pub const fn attribute(self) -> &'static str {
        match self {
            Self::Archive => "\\Archive",
            Self::Drafts => "\\Drafts",
            Self::Junk => "\\Junk",
            Self::Sent => "\\Sent",
            Self::Trash => "\\Trash",
        }
    }
}

/// Between the levels of a mailbox name.
pub const SEPARATOR: char = '/';

/// The system flags that can be stored (RFC 9051 §2.3.2).
pub const SYSTEM_FLAGS: [&str; 5] = ["\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft"];

/// Longer names are refused.
const MAILBOX_NAME_BYTES_MAX: usize = 1_000;
/// Longer keywords are refused.
const FLAG_BYTES_MAX: usize = 255;
