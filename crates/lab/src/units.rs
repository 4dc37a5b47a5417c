//! Durations, rates and sizes as people write them in worlds, scenarios and
//! on the command line: `30s`, `2.5ms`, `10Mbit/s`, `256KiB`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// The text is not a quantity of the wanted kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {kind}: write {examples}")]
pub struct UnitError {
    text: String,
    kind: &'static str,
    examples: &'static str,
}

/// A length of time: a number and one of `ns us ms s m h d`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// Bytes per second: a plain number, or one with a suffix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(pub u64);

/// Bytes: a plain number, or one with a suffix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

const SPANS: [(&str, f64); 7] =
    [("ns", 1.0), ("us", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 6e10), ("h", 3.6e12), ("d", 8.64e13)];

const SIZES: [(&str, f64); 8] = [
    ("", 1.0),
    ("B", 1.0),
    ("kB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
];

const RATES: [(&str, f64); 11] = [
    ("", 1.0),
    ("B/s", 1.0),
    ("kB/s", 1e3),
    ("MB/s", 1e6),
    ("GB/s", 1e9),
    ("KiB/s", 1024.0),
    ("MiB/s", 1_048_576.0),
    ("bit/s", 0.125),
    ("kbit/s", 125.0),
    ("Mbit/s", 125_000.0),
    ("Gbit/s", 125_000_000.0),
];

/// The largest quantity that keeps its last digit in the arithmetic here: 2^53.
const LARGEST: f64 = 9_007_199_254_740_992.0;

fn quantity(text: &str, units: &[(&str, f64)]) -> Option<u64> {
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.parse().ok()?;
    let factor = units.iter().find(|(name, _)| *name == unit.trim_start())?.1;
    let value = (number * factor).round();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 0..=2^53")]
    (0.0..=LARGEST).contains(&value).then_some(value as u64)
}

impl FromStr for Span {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        quantity(text, &SPANS).map(Duration::from_nanos).map(Self).ok_or_else(|| UnitError {
            text: text.to_owned(),
            kind: "duration",
            examples: "30s, 250ms, 5m, 1h",
        })
    }
}

impl FromStr for Rate {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        quantity(text, &RATES).map(Self).ok_or_else(|| UnitError {
            text: text.to_owned(),
            kind: "rate",
            examples: "10Mbit/s, 256KiB/s, or bytes per second",
        })
    }
}

impl FromStr for Size {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        quantity(text, &SIZES).map(Self).ok_or_else(|| UnitError {
            text: text.to_owned(),
            kind: "size",
            examples: "256KiB, 1GiB, or bytes",
        })
    }
}

impl fmt::Display for Span {
    /// The largest unit that gives a figure of at least one: `1.5ms`, `2h`.
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos() as f64;
        let unit = SPANS.iter().rev().find(|(_, factor)| nanos >= *factor).unwrap_or(&SPANS[3]);
        let figure = format!("{:.3}", nanos / unit.1);
        write!(out, "{}{}", figure.trim_end_matches('0').trim_end_matches('.'), unit.0)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Reads a share, from 0 to 1.
pub(crate) fn share<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<f64>, D::Error> {
    let share = f64::deserialize(reader)?;
    if (0.0..=1.0).contains(&share) {
        return Ok(Some(share));
    }
    Err(de::Error::custom(format!("a share lies between 0 and 1, not at {share}")))
}

/// Reads the rate of a line, which carries something.
pub(crate) fn rate<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<Rate>, D::Error> {
    let rate = Rate::deserialize(reader)?;
    if rate.0 > 0 {
        return Ok(Some(rate));
    }
    Err(de::Error::custom(
        "a line of this rate carries nothing: leave it out for one without bound",
    ))
}

/// Reads degrees north of the equator.
pub(crate) fn latitude<'de, D: Deserializer<'de>>(reader: D) -> Result<f64, D::Error> {
    degrees(f64::deserialize(reader)?, 90.0)
}

/// Reads degrees east of Greenwich.
pub(crate) fn longitude<'de, D: Deserializer<'de>>(reader: D) -> Result<f64, D::Error> {
    degrees(f64::deserialize(reader)?, 180.0)
}

fn degrees<E: de::Error>(degrees: f64, most: f64) -> Result<f64, E> {
    if (-most..=most).contains(&degrees) {
        return Ok(degrees);
    }
    Err(E::custom(format!("degrees lie between -{most} and {most}, not at {degrees}")))
}

/// Reads a quantity from a string, or from a plain number where that has a
/// meaning of its own.
struct QuantityVisitor<T> {
    expects: &'static str,
    plain: Option<fn(u64) -> T>,
}

impl<T: FromStr<Err = UnitError>> Visitor<'_> for QuantityVisitor<T> {
    type Value = T;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.expects)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        match (u64::try_from(number), self.plain) {
            (Ok(number), Some(plain)) => Ok(plain(number)),
            _ => Err(E::invalid_value(de::Unexpected::Signed(number), &self)),
        }
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        match self.plain {
            Some(plain) => Ok(plain(number)),
            None => Err(E::invalid_value(de::Unexpected::Unsigned(number), &self)),
        }
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expects = "a duration such as \"30s\" or \"250ms\"";
        deserializer.deserialize_any(QuantityVisitor::<Self> { expects, plain: None })
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expects = "a rate such as \"10Mbit/s\", or bytes per second";
        deserializer.deserialize_any(QuantityVisitor { expects, plain: Some(Rate) })
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expects = "a size such as \"256KiB\", or bytes";
        deserializer.deserialize_any(QuantityVisitor { expects, plain: Some(Size) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_read_as_people_write_them() {
        let spans = [("30s", 30_000_000_000), ("2.5ms", 2_500_000), ("1h", 3_600_000_000_000)];
        for (text, nanos) in spans {
            assert_eq!(text.parse(), Ok(Span(Duration::from_nanos(nanos))), "{text}");
        }
        assert_eq!("10Mbit/s".parse(), Ok(Rate(1_250_000)));
        assert_eq!("100".parse(), Ok(Rate(100)));
        assert_eq!("256KiB".parse(), Ok(Size(262_144)));
    }

    #[test]
    fn a_wrong_quantity_says_what_to_write() {
        for text in ["", "s", "-1s", "1 fortnight", "1e9s", "30", "99999999999999d"] {
            let error = text.parse::<Span>().unwrap_err().to_string();
            assert!(error.contains("30s, 250ms, 5m, 1h"), "{text}: {error}");
        }
    }

    #[test]
    fn a_span_prints_in_its_largest_unit_and_reads_back() {
        for text in ["1.5ms", "2h", "30s", "250us", "0s", "999ns"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
    }
}
