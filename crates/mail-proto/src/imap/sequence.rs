//! Sets of message numbers (RFC 9051 §9, `sequence-set`).

use std::fmt;
use std::num::NonZeroU32;

/// Numbers and ranges of numbers, as a client writes them: `1,3:5,7:*`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SequenceSet(Vec<SequenceRange>);

/// A part of a [`SequenceSet`]; its ends may be in either order
/// (RFC 9051 §9, `seq-range`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequenceRange {
    /// One end.
    pub first: SequenceNumber,
    /// The other end; the same for a single number.
    pub last: SequenceNumber,
}

/// One number of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SequenceNumber {
    /// A number.
    Number(NonZeroU32),
    /// `*`: the largest number in use.
    Largest,
}

/// The messages that a command is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageSet {
    /// Numbers.
    Numbers(SequenceSet),
    /// `$`: what the last search saved (RFC 9051 §6.4.4.1).
    Saved,
}

impl SequenceSet {
    /// A set of the given ranges.
    #[must_use]
    pub const fn new(ranges: Vec<SequenceRange>) -> Self {
        Self(ranges)
    }

    /// The smallest set of ascending ranges with these numbers, which must
    /// ascend.
    pub fn of(numbers: impl IntoIterator<Item = NonZeroU32>) -> Self {
        let mut runs: Vec<(NonZeroU32, NonZeroU32)> = Vec::new();
        for number in numbers {
            match runs.last_mut() {
                Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
                _ => runs.push((number, number)),
            }
        }
        let range = |(first, last)| SequenceRange {
            first: SequenceNumber::Number(first),
            last: SequenceNumber::Number(last),
        };
        Self(runs.into_iter().map(range).collect())
    }

    /// Reads a set.
    ///
    /// # Errors
    /// When the text is none, or has more than 10,000 ranges.
    pub fn parse(text: &[u8]) -> Result<Self, SequenceSetError> {
        let mut ranges = Vec::new();
        for part in text.split(|byte| *byte == b',') {
            if ranges.len() == RANGES_MAX {
                return Err(SequenceSetError::TooMany);
            }
            let mut ends = part.splitn(2, |byte| *byte == b':');
            let first = number(ends.next().unwrap_or_default())?;
            let last = ends.next().map_or(Ok(first), number)?;
            ranges.push(SequenceRange { first, last });
        }
        Ok(Self(ranges))
    }

    /// The ranges, as written.
    #[must_use]
    pub fn ranges(&self) -> &[SequenceRange] {
        &self.0
    }

    /// Whether there is no range.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The ranges as ascending, disjoint pairs of ends, both included, where
    /// `*` is `largest`. A range without `*` may lie beyond it.
    #[must_use]
    pub fn resolve(&self, largest: u32) -> Vec<(u32, u32)> {
        let end = |number| match number {
            SequenceNumber::Number(number) => number.get(),
            SequenceNumber::Largest => largest,
        };
        let ordered = |range: &SequenceRange| {
            let (first, last) = (end(range.first), end(range.last));
            (first.min(last), first.max(last))
        };
        let mut pairs: Vec<(u32, u32)> = self.0.iter().map(ordered).collect();
        pairs.sort_unstable();
        let mut merged: Vec<(u32, u32)> = Vec::with_capacity(pairs.len());
        for (first, last) in pairs {
            match merged.last_mut() {
                Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
                _ => merged.push((first, last)),
            }
        }
        merged
    }
}

impl fmt::Display for SequenceSet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.0.iter().enumerate() {
            if index > 0 {
                out.write_str(",")?;
            }
            write!(out, "{range}")?;
        }
        Ok(())
    }
}

impl fmt::Display for SequenceRange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(out, "{}", self.first)
        } else {
            write!(out, "{}:{}", self.first, self.last)
        }
    }
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(out, "{number}"),
            Self::Largest => out.write_str("*"),
        }
    }
}

impl fmt::Display for MessageSet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Numbers(set) => write!(out, "{set}"),
            Self::Saved => out.write_str("$"),
        }
    }
}

/// Why a text is no set of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SequenceSetError {
    /// Something that is no number from 1 to 2^32 − 1 and no `*`.
    #[error("a message number is 1 to 4294967295 or *")]
    Number,
    /// More than 10,000 ranges.
    #[error("a set has at most 10000 ranges")]
    TooMany,
}

fn number(text: &[u8]) -> Result<SequenceNumber, SequenceSetError> {
    if text == b"*" {
        return Ok(SequenceNumber::Largest);
    }
    // `nz-number` begins with a digit from 1 on (RFC 9051 §9).
    let is_number = text.first().is_some_and(|byte| matches!(byte, b'1'..=b'9'))
        && text.iter().all(u8::is_ascii_digit);
    let parsed = std::str::from_utf8(text).ok().filter(|_| is_number);
    parsed
        .and_then(|text| text.parse().ok())
        .map(SequenceNumber::Number)
        .ok_or(SequenceSetError::Number)
}

/// Ranges that one set may have.
const RANGES_MAX: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9051 §9, `sequence-set`: order and overlap do not matter.
    #[test]
    fn a_set_resolves_to_ascending_disjoint_ranges() {
        let resolve = |text: &str, largest| {
            SequenceSet::parse(text.as_bytes()).expect("a set").resolve(largest)
        };
        assert_eq!(resolve("2,4:7,9,12:*", 15), [(2, 2), (4, 7), (9, 9), (12, 15)]);
        assert_eq!(resolve("*:4,5:7", 10), [(4, 10)]);
        assert_eq!(resolve("5:7,1,2", 10), [(1, 2), (5, 7)]);
        // RFC 9051 §6.4.9: a range with * always has the last message.
        assert_eq!(resolve("559:*", 3), [(3, 559)]);
        assert_eq!(resolve("*", 3), [(3, 3)]);
    }

    #[test]
    fn what_is_no_set_is_refused() {
        for text in ["", "0", "1,", ",1", "1:", "01", "-1", "4294967296", "1:2:3", "a", "1 2"] {
            assert!(SequenceSet::parse(text.as_bytes()).is_err(), "{text}");
        }
        let long = vec!["1"; RANGES_MAX + 1].join(",");
        assert_eq!(SequenceSet::parse(long.as_bytes()), Err(SequenceSetError::TooMany));
    }

    #[test]
    fn numbers_become_the_shortest_set() {
        let numbers = [1, 2, 3, 5, 9, 10].map(|n| NonZeroU32::new(n).expect("not 0"));
        assert_eq!(SequenceSet::of(numbers).to_string(), "1:3,5,9:10");
    }
}
