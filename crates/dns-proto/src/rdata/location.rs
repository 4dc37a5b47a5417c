//! The text form of LOC records (RFC 1876 §3).
//!
//! ```text
//!   42 21 54 N  71 06 18 W  -24m 30m 10m 10m
//!   latitude    longitude   altitude, size, precisions
//! ```

use std::fmt;

use crate::zone_file::Problem;
use crate::zone_file::tokens::Words;

use super::RdataFault;
use super::generic::bad;

pub(super) fn scan(words: Words<'_>, out: &mut Vec<u8>) -> Result<(), RdataFault> {
    let (latitude, next) = angle(words, 0, ['N', 'S'], 90)?;
    let (longitude, next) = angle(words, next, ['E', 'W'], 180)?;
    let mut lengths = [None; 4];
    for (index, length) in lengths.iter_mut().enumerate() {
        if next + index < words.tokens.len() {
            *length = Some(centimetres(words, next + index)?);
        }
    }
    if words.tokens.len() > next + lengths.len() {
        return Err(RdataFault { word: next + lengths.len(), problem: Problem::ExtraWord });
    }
    let [altitude, size, horizontal, vertical] = lengths;
    let fault = |word: usize, expected| RdataFault { word, problem: bad(words, word, expected) };
    let altitude = altitude.ok_or_else(|| fault(next, "an altitude"))?;
    let altitude = u32::try_from(altitude + ALTITUDE_ZERO_CM);
    let altitude = altitude.map_err(|_| fault(next, "an altitude in range"))?;
    out.push(0);
    for (index, (length, default)) in
        [(size, SIZE_CM), (horizontal, HORIZONTAL_CM), (vertical, VERTICAL_CM)]
            .into_iter()
            .enumerate()
    {
        let power = power_of_ten(length.unwrap_or(default));
        out.push(power.ok_or_else(|| fault(next + 1 + index, "a length up to 90000000 m"))?);
    }
    out.extend_from_slice(&latitude.to_be_bytes());
    out.extend_from_slice(&longitude.to_be_bytes());
    out.extend_from_slice(&altitude.to_be_bytes());
    Ok(())
}

/// Degrees, minutes and seconds up to a letter; gives the wire value and the next word.
fn angle(
    words: Words<'_>,
    first: usize,
    [plus, minus]: [char; 2],
    degrees_max: i64,
) -> Result<(u32, usize), RdataFault> {
    let mut parts = [0_i64; 3];
    for index in 0..=3 {
        let word = first + index;
        let fault = |expected| RdataFault { word, problem: bad(words, word, expected) };
        let text = words.text(word).ok_or_else(|| fault("degrees, minutes, seconds, letter"))?;
        let letter = text.chars().next().map(|letter| letter.to_ascii_uppercase());
        if text.len() == 1 && index > 0 && (letter == Some(plus) || letter == Some(minus)) {
            let total = parts[0] * 3_600_000 + parts[1] * 60_000 + parts[2];
            if total > degrees_max * 3_600_000 {
                return Err(fault("an angle in range"));
            }
            let signed = if letter == Some(plus) { total } else { -total };
            let wire = u32::try_from(EQUATOR + signed).map_err(|_| fault("an angle in range"))?;
            return Ok((wire, word + 1));
        }
        let limit = [degrees_max * 1_000, 59_000, 59_999].get(index).copied();
        let thousandths = decimal(text, 3).filter(|value| Some(*value) <= limit && *value >= 0);
        let thousandths = thousandths.ok_or_else(|| fault("a part of an angle in range"))?;
        let whole = index == 2 || thousandths % 1_000 == 0;
        if !whole {
            return Err(fault("a whole number"));
        }
        parts[index] = if index == 2 { thousandths } else { thousandths / 1_000 };
    }
    let word = first + 3;
    Err(RdataFault { word, problem: bad(words, word, "one of the letters N, S, E, W") })
}

fn centimetres(words: Words<'_>, word: usize) -> Result<i64, RdataFault> {
    let text = words.text(word).map(|text| text.strip_suffix(['m', 'M']).unwrap_or(text));
    text.and_then(|text| decimal(text, 2))
        .ok_or_else(|| RdataFault { word, problem: bad(words, word, "a length in metres") })
}

/// A decimal number times 10 to the power of `digits`.
fn decimal(text: &str, digits: usize) -> Option<i64> {
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let all_digits = |text: &str| text.bytes().all(|octet| octet.is_ascii_digit());
    if whole.is_empty() || whole.len() > 10 || fraction.len() > digits {
        return None;
    }
    if !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let padded = format!("{whole}{fraction:0<digits$}");
    padded.parse::<i64>().ok().map(|value| sign * value)
}

/// A length as one digit and a power of ten, each four bits (RFC 1876 §2).
fn power_of_ten(centimetres: i64) -> Option<u8> {
    let (mut mantissa, mut exponent) = (u64::try_from(centimetres).ok()?, 0_u8);
    while mantissa > 9 {
        mantissa /= 10;
        exponent += 1;
    }
    (exponent <= 9).then_some(u8::try_from(mantissa).ok()? << 4 | exponent)
}

/// Whether the octets have version 0 and numbers in range.
pub(super) fn is_presentable(data: &[u8]) -> bool {
    let Ok([version, lengths @ .., _, _, _, _, _, _, _, _, _, _, _, _]) =
        <[u8; 16]>::try_from(data)
    else {
        return false;
    };
    version == 0 && lengths.iter().all(|length| length >> 4 <= 9 && length & 15 <= 9)
}

/// Writes sixteen octets for which [`is_presentable`] holds.
pub(super) fn present(data: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let word = |at: usize| {
        data.get(at..at + 4)
            .unwrap_or(&[])
            .iter()
            .fold(0, |sum, &octet| sum << 8 | i64::from(octet))
    };
    for (value, [plus, minus]) in [(word(4), ['N', 'S']), (word(8), ['E', 'W'])] {
        let thousandths = (value - EQUATOR).abs();
        let letter = if value >= EQUATOR { plus } else { minus };
        let (degrees, minutes) = (thousandths / 3_600_000, thousandths / 60_000 % 60);
        let (seconds, rest) = (thousandths / 1_000 % 60, thousandths % 1_000);
        write!(f, "{degrees} {minutes} {seconds}.{rest:03} {letter} ")?;
    }
    let altitude = word(12) - ALTITUDE_ZERO_CM;
    let sign = if altitude < 0 { "-" } else { "" };
    write!(f, "{sign}{}.{:02}m", altitude.abs() / 100, altitude.abs() % 100)?;
    for &length in data.get(1..4).unwrap_or(&[]) {
        let centimetres = u64::from(length >> 4) * 10_u64.pow(u32::from(length & 15));
        write!(f, " {}.{:02}m", centimetres / 100, centimetres % 100)?;
    }
    Ok(())
}

/// The wire value of the equator and of the prime meridian, in thousandths of a second of arc.
const EQUATOR: i64 = 1 << 31;
/// The wire value 0 lies 100,000 m below the reference spheroid.
const ALTITUDE_ZERO_CM: i64 = 10_000_000;
/// Default diameter of the place, 1 m.
const SIZE_CM: i64 = 100;
/// Default horizontal precision, 10,000 m.
const HORIZONTAL_CM: i64 = 1_000_000;
/// Default vertical precision, 10 m.
const VERTICAL_CM: i64 = 1_000;
