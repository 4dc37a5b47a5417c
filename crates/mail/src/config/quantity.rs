//! Sizes as people write them.

use std::fmt;
use std::str::FromStr;

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

/// Names and powers of two.
const UNITS: [(&str, u32); 4] = [("", 0), ("KiB", 10), ("MiB", 20), ("GiB", 30)];

#[cfg(test)]
mod tests {
    use super::*;

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
