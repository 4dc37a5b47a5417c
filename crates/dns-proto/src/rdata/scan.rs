//! Text to wire by the layout of the type.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::message::layout::{PartKind, layout};
use crate::zone_file::Problem;
use crate::zone_file::tokens::{Symbols, Words};
use crate::{Name, RecordType};

use super::RdataFault;
use super::generic::{bad, is_opaque};

pub(super) fn scan(
    record_type: RecordType,
    words: Words<'_>,
    origin: Option<&Name>,
    out: &mut Vec<u8>,
) -> Result<(), RdataFault> {
    if is_opaque(record_type) {
        let expected = "data of an unknown type; write \\# and the octets in hexadecimal";
        return Err(RdataFault { word: 0, problem: bad(words, 0, expected) });
    }
    let mut word = 0;
    for part in layout(record_type) {
        if word >= words.tokens.len() && !may_be_empty(part.kind) {
            return Err(RdataFault { word, problem: Problem::MissingField(part.name) });
        }
        word = scan_part(part.kind, words, word, origin, out)
            .map_err(|(word, problem)| RdataFault { word, problem })?;
    }
    if word < words.tokens.len() {
        return Err(RdataFault { word, problem: Problem::ExtraWord });
    }
    Ok(())
}

fn may_be_empty(kind: PartKind) -> bool {
    matches!(kind, PartKind::TypeBitmap)
}

/// Reads one part that starts at `word`; gives the word after it.
fn scan_part(
    kind: PartKind,
    words: Words<'_>,
    word: usize,
    origin: Option<&Name>,
    out: &mut Vec<u8>,
) -> Result<usize, (usize, Problem)> {
    let at = |problem| (word, problem);
    match kind {
        PartKind::U8 => out.push(number(words, word, "a number up to 255").map_err(at)?),
        PartKind::U16 => {
            let value: u16 = number(words, word, "a number up to 65535").map_err(at)?;
            out.extend_from_slice(&value.to_be_bytes());
        }
        PartKind::U32 => {
            let value: u32 = number(words, word, "a number up to 4294967295").map_err(at)?;
            out.extend_from_slice(&value.to_be_bytes());
        }
        PartKind::Seconds => {
            let seconds = words.text(word).and_then(parse_seconds);
            let seconds = seconds.ok_or_else(|| bad(words, word, TIME)).map_err(at)?;
            out.extend_from_slice(&seconds.to_be_bytes());
        }
        PartKind::TypeCode => out.extend_from_slice(&type_code(words, word).map_err(at)?),
        PartKind::Ipv4 => {
            let address: Ipv4Addr = number(words, word, "an IPv4 address").map_err(at)?;
            out.extend_from_slice(&address.octets());
        }
        PartKind::Ipv6 => {
            let address: Ipv6Addr = number(words, word, "an IPv6 address").map_err(at)?;
            out.extend_from_slice(&address.octets());
        }
        PartKind::Name | PartKind::CompressibleName => {
            let name = words.name(word, origin).map_err(at)?;
            out.extend_from_slice(name.as_wire());
        }
        PartKind::Text => text(words, word, out).map_err(at)?,
        PartKind::LengthHex => {
            let octets = if words.raw(word) == Some(b"-") { Some(Vec::new()) } else { None };
            let octets = octets.or_else(|| hex(words.text(word)?)).filter(|hex| hex.len() < 256);
            let octets = octets.ok_or_else(|| bad(words, word, HEX)).map_err(at)?;
            out.push(u8::try_from(octets.len()).unwrap_or(u8::MAX));
            out.extend_from_slice(&octets);
        }
        PartKind::Octets(length) => {
            let octets = words.text(word).and_then(|text| separated_hex(text, length));
            out.extend(octets.ok_or_else(|| bad(words, word, "groups of hex")).map_err(at)?);
        }
        PartKind::RestText => {
            words.octets(word, out).map_err(at)?;
        }
        PartKind::Texts
        | PartKind::Hex
        | PartKind::Base64
        | PartKind::TypeBitmap
        | PartKind::ServiceParameters => {
            scan_rest(kind, words, word, out)?;
            return Ok(words.tokens.len());
        }
    }
    Ok(word + 1)
}

/// Reads a part that takes all words that are left.
fn scan_rest(
    kind: PartKind,
    words: Words<'_>,
    first: usize,
    out: &mut Vec<u8>,
) -> Result<(), (usize, Problem)> {
    let rest = first..words.tokens.len();
    match kind {
        PartKind::Texts => {
            for word in rest {
                text(words, word, out).map_err(|problem| (word, problem))?;
            }
        }
        PartKind::TypeBitmap => {
            let mut types = Vec::new();
            for word in rest {
                types.push(type_code(words, word).map_err(|problem| (word, problem))?);
            }
            write_bitmap(types, out);
        }
        PartKind::Base64 => {
            // RFC 1035 §5.1 and RFC 4034 §2.2: white space may split the text anywhere.
            let mut joined = String::new();
            for word in rest {
                let part = words.text(word);
                joined.push_str(part.ok_or_else(|| (word, bad(words, word, BASE64)))?);
            }
            let octets: Result<Vec<u8>, _> = domain::utils::base64::decode(&joined);
            out.extend(octets.map_err(|_| (first, bad(words, first, BASE64)))?);
        }
        _ => {
            let mut joined = String::new();
            for word in rest {
                let part = words.text(word);
                joined.push_str(part.ok_or_else(|| (word, bad(words, word, HEX)))?);
            }
            out.extend(hex(&joined).ok_or_else(|| (first, bad(words, first, HEX)))?);
        }
    }
    Ok(())
}

fn number<T: std::str::FromStr>(
    words: Words<'_>,
    word: usize,
    expected: &'static str,
) -> Result<T, Problem> {
    // `FromStr` of integers takes a plus sign, which no master file has.
    let text = words.text(word).filter(|text| !text.starts_with('+'));
    text.and_then(|text| text.parse().ok()).ok_or_else(|| bad(words, word, expected))
}

/// One character string (RFC 1035 §3.3): a length octet and at most 255 octets.
fn text(words: Words<'_>, word: usize, out: &mut Vec<u8>) -> Result<(), Problem> {
    let start = out.len();
    out.push(0);
    for symbol in Symbols::new(words.raw(word).ok_or(Problem::MissingWord)?) {
        out.push(symbol?.octet);
    }
    let length = u8::try_from(out.len() - start - 1).map_err(|_| Problem::StringTooLong)?;
    out[start] = length;
    Ok(())
}

fn type_code(words: Words<'_>, word: usize) -> Result<[u8; 2], Problem> {
    let text = words.text(word).ok_or_else(|| bad(words, word, "a record type"))?;
    Ok(text.parse::<RecordType>()?.0.to_be_bytes())
}

fn hex(text: &str) -> Option<Vec<u8>> {
    domain::utils::base16::decode_vec(text).ok()
}

/// Hexadecimal groups such as `00-00-5e-00-53-2a` (RFC 7043 §3.2) or `0:0:0:1`
/// (RFC 6742 §2.1.2).
fn separated_hex(text: &str, length: usize) -> Option<Vec<u8>> {
    let mut octets = Vec::with_capacity(length);
    if text.contains('-') {
        for group in text.split('-') {
            octets.push(u8::from_str_radix(group, 16).ok().filter(|_| group.len() == 2)?);
        }
    } else {
        for group in text.split(':') {
            let value = u16::from_str_radix(group, 16).ok().filter(|_| !group.starts_with('+'))?;
            octets.extend_from_slice(&value.to_be_bytes());
        }
    }
    (octets.len() == length).then_some(octets)
}

/// Writes the types as windows of bits (RFC 4034 §4.1.2).
fn write_bitmap(mut types: Vec<[u8; 2]>, out: &mut Vec<u8>) {
    types.sort_unstable();
    types.dedup();
    for window in types.chunk_by(|a, b| a[0] == b[0]) {
        let Some([number, last]) = window.last() else { continue };
        let octets = last / 8 + 1;
        out.extend_from_slice(&[*number, octets]);
        let start = out.len();
        out.resize(start + usize::from(octets), 0);
        for [_, low] in window {
            out[start + usize::from(low / 8)] |= 0x80 >> (low % 8);
        }
    }
}

/// Reads seconds, or a sum of numbers with the units w, d, h, m, s.
pub(crate) fn parse_seconds(text: &str) -> Option<u32> {
    if !text.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let (mut total, mut number) = (0_u32, None::<u32>);
    for octet in text.bytes() {
        let unit = match octet.to_ascii_lowercase() {
            digit @ b'0'..=b'9' => {
                let before = number.unwrap_or(0).checked_mul(10)?;
                number = Some(before.checked_add(u32::from(digit - b'0'))?);
                continue;
            }
            b's' => 1,
            b'm' => 60,
            b'h' => 3_600,
            b'd' => 86_400,
            b'w' => 604_800,
            _ => return None,
        };
        total = total.checked_add(number.take()?.checked_mul(unit)?)?;
    }
    total.checked_add(number.unwrap_or(0))
}

const TIME: &str = "a time in seconds, or with units like 1h30m";
const HEX: &str = "pairs of hexadecimal digits";
const BASE64: &str = "text in base 64";
