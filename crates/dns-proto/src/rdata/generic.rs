//! Record data of any type as octets: `\# 4 0a000001` (RFC 3597 §5).

use crate::message::layout::{Part, PartKind, layout};
use crate::zone_file::Problem;
use crate::zone_file::tokens::Words;
use crate::{Name, RecordType};

use super::RdataFault;

pub(super) fn scan(
    record_type: RecordType,
    words: Words<'_>,
    out: &mut Vec<u8>,
) -> Result<(), RdataFault> {
    let stated: u16 = words
        .text(1)
        .and_then(|word| word.parse().ok())
        .ok_or_else(|| RdataFault { word: 1, problem: bad(words, 1, "a number of octets") })?;
    let start = out.len();
    for word in 2..words.tokens.len() {
        let hex = words.text(word).and_then(|text| domain::utils::base16::decode_vec(text).ok());
        let octets = hex.ok_or_else(|| RdataFault {
            word,
            problem: bad(words, word, "pairs of hexadecimal digits"),
        })?;
        out.extend_from_slice(&octets);
    }
    let found = out.len() - start;
    if found != usize::from(stated) {
        let problem = Problem::BadGenericLength { stated: stated.into(), found };
        return Err(RdataFault { word: 1, problem });
    }
    // RFC 3597 §5: a known type in generic form must still have its own form.
    if !is_well_formed(record_type, &out[start..]) {
        return Err(RdataFault { word: 2, problem: Problem::BadGenericData });
    }
    Ok(())
}

pub(super) fn bad(words: Words<'_>, word: usize, expected: &'static str) -> Problem {
    match words.raw(word) {
        Some(raw) => {
            Problem::BadField { word: String::from_utf8_lossy(raw).into_owned(), expected }
        }
        None => Problem::MissingField(expected),
    }
}

/// Whether the data of the type have no text form here but the generic one.
pub(super) fn is_opaque(record_type: RecordType) -> bool {
    matches!(record_type, RecordType::LOC | RecordType::NXT)
        || matches!(layout(record_type), [Part { name: "data", kind: PartKind::Hex }])
}

/// Whether uncompressed octets have the form of their type's data.
pub(crate) fn is_well_formed(record_type: RecordType, data: &[u8]) -> bool {
    let mut rest = data;
    for part in layout(record_type) {
        let Some(octets) = part_octets(part.kind, rest) else { return false };
        let Some(after) = rest.get(octets..) else { return false };
        rest = after;
    }
    rest.is_empty()
}

/// Octets that a part takes of uncompressed data; none when it has not its form.
pub(crate) fn part_octets(kind: PartKind, rest: &[u8]) -> Option<usize> {
    Some(match kind {
        PartKind::U8 => 1,
        PartKind::U16 | PartKind::TypeCode => 2,
        PartKind::U32 | PartKind::Seconds | PartKind::Ipv4 => 4,
        PartKind::Ipv6 => 16,
        PartKind::Octets(octets) => octets,
        PartKind::Name | PartKind::CompressibleName => {
            Name::from_wire_prefix(rest).ok()?.wire_len()
        }
        PartKind::Text | PartKind::LengthHex => usize::from(*rest.first()?) + 1,
        PartKind::Texts => {
            let mut at = 0;
            while at < rest.len() {
                at += usize::from(rest[at]) + 1;
            }
            // RFC 1035 §3.3.14: one string or more.
            (at > 0).then_some(at)?
        }
        PartKind::TypeBitmap => is_bitmap(rest).then_some(rest.len())?,
        PartKind::Hex | PartKind::Base64 | PartKind::RestText | PartKind::ServiceParameters => {
            rest.len()
        }
    })
}

/// Whether octets are windows in rising order, none of them empty or with a zero at its end
/// (RFC 4034 §4.1.2).
fn is_bitmap(mut rest: &[u8]) -> bool {
    let mut before = None;
    while let Some((&[window, octets], bits)) = rest.split_first_chunk::<2>() {
        let bits_octets = usize::from(octets);
        let last = bits_octets.checked_sub(1).and_then(|last| bits.get(last));
        if bits_octets > 32 || last.is_none_or(|&last| last == 0) || before >= Some(window) {
            return false;
        }
        before = Some(window);
        rest = bits.get(bits_octets..).unwrap_or(&[]);
    }
    rest.is_empty()
}
