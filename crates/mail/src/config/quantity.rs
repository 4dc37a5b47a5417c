//! Sizes and spans of time as people write them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;

/// Bytes: `256KiB`, `50MiB`, or a plain number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "Written")]
pub struct Size(pub u64);

/// A text is no size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no size: write 256KiB, 50MiB, 1GiB or a number of bytes")]
pub struct NotAQuantity(pub String);

/// As it may stand in a file.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a size: 256KiB, 50MiB, 1GiB or a number of bytes")]
enum Written {
    Number(u64),
    Text(String),
}

impl FromStr for Size {
    type Err = NotAQuantity;

    fn from_str(text: &str) -> Result<Self, NotAQuantity> {
        let wrong = || NotAQuantity(text.to_owned());
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let shift = UNITS.iter().find(|(name, _)| *name == unit.trim()).ok_or_else(wrong)?.1;
        let number: u64 = number.parse().map_err(|_| wrong())?;
        number.checked_mul(1 << shift).map(Self).ok_or_else(wrong)
    }
}

impl TryFrom<Written> for Size {
    type Error = NotAQuantity;

    fn try_from(written: Written) -> Result<Self, NotAQuantity> {
        match written {
            Written::Number(bytes) => Ok(Self(bytes)),
            Written::Text(text) => text.parse(),
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut units = UNITS.iter().rev();
        let fits =
            units.find(|(_, shift)| self.0 >> shift << shift == self.0 && self.0 >> shift > 0);
        let (unit, shift) = fits.copied().unwrap_or(("", 0));
        write!(out, "{}{unit}", self.0 >> shift)
    }
}

/// A span of time: `30s`, `5m`, `4h`, `5d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Span(pub Duration);

/// A text is no span of time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no span of time: write 30s, 5m, 4h or 5d")]
pub struct NotASpan(pub String);

impl TryFrom<String> for Span {
    type Error = NotASpan;

    fn try_from(text: String) -> Result<Self, NotASpan> {
        let seconds = || {
            let (unit, length) = SPANS.iter().find(|(unit, _)| text.ends_with(*unit))?;
            text.strip_suffix(*unit)?.parse::<u64>().ok()?.checked_mul(*length)
        };
        let span = seconds().map(|seconds| Self(Duration::from_secs(seconds)));
        span.ok_or_else(|| NotASpan(text.clone()))
    }
}

/// Letters and seconds.
const SPANS: [(char, u64); 4] = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400)];

/// Names and powers of two.
const UNITS: [(&str, u32); 4] = [("", 0), ("KiB", 10), ("MiB", 20), ("GiB", 30)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_of_time_is_read_as_people_write_it() {
        for (text, seconds) in
            [("0s", 0), ("90s", 90), ("5m", 300), ("4h", 14_400), ("5d", 432_000)]
        {
            assert_eq!(Span::try_from(text.to_owned()), Ok(Span(Duration::from_secs(seconds))));
        }
        for text in ["", "m", "5", "1.5h", "-1s", "5 m", "999999999999999999d"] {
            assert_eq!(Span::try_from(text.to_owned()), Err(NotASpan(text.to_owned())));
        }
    }

    #[test]
    fn a_size_is_read_and_shown_as_people_write_it() {
        for (text, bytes) in [("0", 0), ("7", 7), ("256KiB", 262_144), ("50MiB", 52_428_800)] {
            assert_eq!(text.parse(), Ok(Size(bytes)));
            assert_eq!(Size(bytes).to_string(), text);
        }
        for text in ["", "MiB", "1.5MiB", "5MB", "-1", "99999999999GiB"] {
            assert_eq!(text.parse::<Size>(), Err(NotAQuantity(text.to_owned())));
        }
    }
}
