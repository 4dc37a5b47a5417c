//! The words of mailboxes that store, IMAP and POP3 share.

use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;

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

/// A set of UIDs as ranges, in order, that neither touch nor overlap: `1:3,7`
/// (RFC 9051 §9, `sequence-set`, without `*`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct UidSet(Vec<RangeInclusive<u32>>);

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

    /// The mailbox one level above; none at the top.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        self.0.rsplit_once(SEPARATOR).map(|(above, _)| Self(above.to_owned()))
    }

    /// Whether the mailbox is below `other`, at any depth.
    #[must_use]
    pub fn is_below(&self, other: &Self) -> bool {
        self.0.strip_prefix(other.as_str()).is_some_and(|rest| rest.starts_with(SEPARATOR))
    }

    /// The name that a mailbox at or below `from` gets when `from` becomes `to`.
    ///
    /// # Errors
    /// When the new name is too long.
    pub fn moved(&self, from: &Self, to: &Self) -> Result<Self, MailboxNameError> {
        let rest = self.0.strip_prefix(from.as_str()).unwrap_or_default();
        Self::parse(&format!("{to}{rest}"))
    }
}

impl fmt::Display for MailboxName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl Uid {
    /// The UID with this number; none for 0 (RFC 9051 §2.3.1.1).
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        match NonZeroU32::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl UidValidity {
    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for UidValidity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl fmt::Display for ModSeq {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl UidSet {
    /// All UIDs.
    #[must_use]
    pub fn all() -> Self {
        Self(vec![1..=u32::MAX])
    }

    /// The set of all ranges together, whatever their order; a range may be
    /// given with its larger end first, and 0 is left out.
    #[must_use]
    pub fn from_ranges(ranges: impl IntoIterator<Item = RangeInclusive<u32>>) -> Self {
        let ordered = |range: RangeInclusive<u32>| {
            let (one, other) = range.into_inner();
            (one.min(other).max(1), one.max(other))
        };
        let mut ranges: Vec<(u32, u32)> =
            ranges.into_iter().map(ordered).filter(|(first, last)| first <= last).collect();
        ranges.sort_unstable();
        let mut joined: Vec<RangeInclusive<u32>> = Vec::new();
        for (first, last) in ranges {
            match joined.last_mut() {
                Some(before) if first <= before.end().saturating_add(1) => {
                    *before = *before.start()..=last.max(*before.end());
                }
                _ => joined.push(first..=last),
            }
        }
        Self(joined)
    }

    /// The ranges, in order.
    #[must_use]
    pub fn ranges(&self) -> &[RangeInclusive<u32>] {
        &self.0
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `uid` is one of them.
    #[must_use]
    pub fn contains(&self, uid: Uid) -> bool {
        let after = self.0.partition_point(|range| *range.start() <= uid.get());
        after.checked_sub(1).and_then(|at| self.0.get(at)).is_some_and(|r| r.contains(&uid.get()))
    }
}

impl FromIterator<Uid> for UidSet {
    fn from_iter<I: IntoIterator<Item = Uid>>(uids: I) -> Self {
        Self::from_ranges(uids.into_iter().map(|uid| uid.get()..=uid.get()))
    }
}

impl fmt::Display for UidSet {
    /// As IMAP writes it: `1:3,7`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            if range.start() == range.end() {
                write!(out, "{comma}{}", range.start())?;
            } else {
                write!(out, "{comma}{}:{}", range.start(), range.end())?;
            }
        }
        Ok(())
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
    /// All, in the order of their names.
    pub const ALL: [Self; 5] = [Self::Archive, Self::Drafts, Self::Junk, Self::Sent, Self::Trash];

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

#[cfg(test)]
mod tests;
