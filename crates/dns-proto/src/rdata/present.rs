//! Wire form to text, so that a master file reads the same record back.

use std::fmt::{self, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr};

use domain::base::ParsedName;
use domain::base::iana::Rtype;
use domain::base::rdata::ParseRecordData;
use domain::base::zonefile_fmt::{DisplayKind, ZonefileFmt};
use domain::dep::octseq::Parser;
use domain::rdata::ZoneRecordData;
use domain::utils::{base16, base32, base64};

use crate::message::layout::{PartKind, layout};
use crate::{Name, RecordType};

use super::generic::{is_opaque, is_well_formed, part_octets};
use super::{location, parse_rdata};

/// Shows uncompressed record data in presentation form.
///
/// Data that do not have the form of their type, and unknown types, are shown in generic form
/// (RFC 3597 §5).
#[derive(Clone, Copy, Debug)]
pub struct RdataText<'a> {
    /// The type of the record.
    pub record_type: RecordType,
    /// Its data in wire form, without compression.
    pub data: &'a [u8],
}

impl fmt::Display for RdataText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { record_type, data } = *self;
        match record_type {
            RecordType::SVCB | RecordType::HTTPS | RecordType::IPSECKEY => {
                by_domain_crate(record_type, data, f)
            }
            RecordType::LOC if location::is_presentable(data) => location::present(data, f),
            _ if is_opaque(record_type) || !is_well_formed(record_type, data) => generic(data, f),
            _ => by_layout(record_type, data, f),
        }
    }
}

fn by_layout(record_type: RecordType, data: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut rest = data;
    for (index, part) in layout(record_type).iter().enumerate() {
        let (value, after) =
            rest.split_at(part_octets(part.kind, rest).unwrap_or(0).min(rest.len()));
        rest = after;
        if index > 0 && !(value.is_empty() && part.kind == PartKind::TypeBitmap) {
            f.write_char(' ')?;
        }
        match part.name {
            "expiration" | "inception" => timestamp(value, f)?,
            "next_hash" => {
                f.write_str(&base32::encode_string_hex(value.get(1..).unwrap_or(&[])))?
            }
            _ => present_part(part.kind, value, f)?,
        }
    }
    Ok(())
}

fn present_part(kind: PartKind, value: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match kind {
        PartKind::U8 | PartKind::U16 | PartKind::U32 | PartKind::Seconds => {
            write!(f, "{}", number(value))
        }
        PartKind::TypeCode => write!(f, "{}", record_type(value)),
        PartKind::Ipv4 => match <[u8; 4]>::try_from(value) {
            Ok(octets) => write!(f, "{}", Ipv4Addr::from(octets)),
            Err(_) => Err(fmt::Error),
        },
        PartKind::Ipv6 => match <[u8; 16]>::try_from(value) {
            Ok(octets) => write!(f, "{}", Ipv6Addr::from(octets)),
            Err(_) => Err(fmt::Error),
        },
        PartKind::Name | PartKind::CompressibleName => match Name::from_wire(value) {
            Ok(name) => write!(f, "{name}"),
            Err(_) => Err(fmt::Error),
        },
        PartKind::Text => quoted(value.get(1..).unwrap_or(&[]), f),
        PartKind::Texts => texts(value, f),
        PartKind::RestText => quoted(value, f),
        PartKind::LengthHex if value.len() <= 1 => f.write_char('-'),
        PartKind::LengthHex => f.write_str(&base16::encode_string(value.get(1..).unwrap_or(&[]))),
        PartKind::Octets(8) => {
            for (index, pair) in value.chunks(2).enumerate() {
                let colon = if index > 0 { ":" } else { "" };
                write!(f, "{colon}{:04x}", number(pair))?;
            }
            Ok(())
        }
        PartKind::Octets(_) => {
            for (index, octet) in value.iter().enumerate() {
                let dash = if index > 0 { "-" } else { "" };
                write!(f, "{dash}{octet:02x}")?;
            }
            Ok(())
        }
        PartKind::Hex | PartKind::ServiceParameters => f.write_str(&base16::encode_string(value)),
        PartKind::Base64 => f.write_str(&base64::encode_string(value)),
        PartKind::TypeBitmap => bitmap(value, f),
    }
}

fn generic(data: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "\\# {}", data.len())?;
    if !data.is_empty() {
        write!(f, " {}", base16::encode_string(data))?;
    }
    Ok(())
}

fn by_domain_crate(rtype: RecordType, data: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut parser = Parser::from_ref(data);
    let parsed = ZoneRecordData::<&[u8], ParsedName<&[u8]>>::parse_rdata(
        Rtype::from_int(rtype.0),
        &mut parser,
    );
    let Ok(Some(known)) = parsed else { return generic(data, f) };
    let text = known.display_zonefile(DisplayKind::Simple).to_string();
    // That crate does not quote every octet that a master file gives a meaning to.
    if parse_rdata(rtype, &text, &Name::root()).is_ok_and(|read| read == data) {
        f.write_str(&text)
    } else {
        generic(data, f)
    }
}

fn number(value: &[u8]) -> u64 {
    value.iter().fold(0, |number, &octet| number << 8 | u64::from(octet))
}

fn record_type(value: &[u8]) -> RecordType {
    RecordType(u16::try_from(number(value)).unwrap_or(0))
}

fn texts(mut value: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut space = "";
    while let Some((&length, rest)) = value.split_first() {
        let (text, after) = rest.split_at(usize::from(length).min(rest.len()));
        f.write_str(space)?;
        quoted(text, f)?;
        space = " ";
        value = after;
    }
    Ok(())
}

fn quoted(text: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_char('"')?;
    for &octet in text {
        match octet {
            b'"' | b'\\' => write!(f, "\\{}", char::from(octet))?,
            0x20..=0x7e => f.write_char(char::from(octet))?,
            _ => write!(f, "\\{octet:03}")?,
        }
    }
    f.write_char('"')
}

/// The types of windows of bits (RFC 4034 §4.1.2).
fn bitmap(mut value: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut space = "";
    while let [window, octets, rest @ ..] = value {
        let (bits, after) = rest.split_at(usize::from(*octets).min(rest.len()));
        for (low, _) in (0..=u8::MAX).zip(0..bits.len() * 8) {
            if bits[usize::from(low / 8)] & (0x80 >> (low % 8)) != 0 {
                write!(f, "{space}{}", RecordType(u16::from_be_bytes([*window, low])))?;
                space = " ";
            }
        }
        value = after;
    }
    Ok(())
}

/// Seconds since 1970 as `YYYYMMDDHHmmSS` (RFC 4034 §3.2).
fn timestamp(value: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let seconds = number(value);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil_date(days);
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    write!(f, "{year:04}{month:02}{day:02}{hour:02}{minute:02}{:02}", second % 60)
}

/// The date of a day since 1970-01-01 in the Gregorian calendar, counted in eras of 400
/// years that start in March, so that the leap day is the last one of a year.
fn civil_date(days: u64) -> (u64, u64, u64) {
    let shifted = days + DAYS_FROM_YEAR_ZERO;
    let (era, day_of_era) = (shifted / DAYS_PER_ERA, shifted % DAYS_PER_ERA);
    let leap_days = day_of_era / 1_460 - day_of_era / 36_524 + day_of_era / (DAYS_PER_ERA - 1);
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

/// Days from 0000-03-01 to 1970-01-01.
const DAYS_FROM_YEAR_ZERO: u64 = 719_468;
/// Days of 400 Gregorian years.
const DAYS_PER_ERA: u64 = 146_097;
