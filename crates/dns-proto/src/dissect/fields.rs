//! The fields of a message, as far as it can be read.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use capa7_dissect::Field;

use crate::dissect::options::{opt_fields, service_parameters};
use crate::message::layout::{PartKind, layout};
use crate::message::{HEADER_OCTETS, Header, ParseError, Rdata, Reader, Section, lacks_data};
use crate::rdata::RdataText;
use crate::{Opcode, Rcode, RecordClass, RecordType};

/// The fields in wire order, and what is wrong when they could not all be read; what follows
/// the last readable field is then the field `unread`.
pub(super) fn fields(octets: &[u8]) -> (Vec<Field>, Option<String>) {
    let mut walk =
        Walk { octets, reader: Reader::new(octets), fields: Vec::new(), opcode: Opcode::QUERY };
    let outcome = walk.message();
    let Walk { reader, mut fields, .. } = walk;
    let read = fields.last().map_or(0, |field| field.bytes.end);
    let error = match outcome {
        Ok(()) if reader.remaining() == 0 => return (fields, None),
        Ok(()) => ParseError::Trailing { offset: reader.at(), octets: reader.remaining() },
        Err(error) => error,
    };
    if read < octets.len() {
        let value = format!("{} octets", octets.len() - read);
        fields.push(Field::new("unread", value, read..octets.len()));
    }
    (fields, Some(error.to_string()))
}

#[derive(Debug)]
struct Walk<'m> {
    octets: &'m [u8],
    reader: Reader<'m>,
    fields: Vec<Field>,
    opcode: Opcode,
}

impl Walk<'_> {
    fn message(&mut self) -> Result<(), ParseError> {
        let counts = self.header()?;
        let [questions, answers, authorities, additionals] = counts;
        for _ in 0..questions {
            self.question()?;
        }
        let names = [
            (Section::Answer, "answer", answers),
            (Section::Authority, "authority", authorities),
            (Section::Additional, "additional", additionals),
        ];
        for (section, name, count) in names {
            for _ in 0..count {
                if self.fields.len() >= FIELDS_MAX {
                    let offset = self.reader.at();
                    return Err(ParseError::Truncated { offset, part: section.name() });
                }
                self.record(section, name)?;
            }
        }
        Ok(())
    }

    /// RFC 1035 §4.1.1, course D8.
    fn header(&mut self) -> Result<[u16; 4], ParseError> {
        let source = "RFC 1035 §4.1.1";
        let id = self.reader.u16("header")?;
        self.fields.push(Field::new("id", id.to_string(), 0..2).with_source(source));
        self.reader.u16("header")?;
        let mut head = [0; HEADER_OCTETS];
        head[..4].copy_from_slice(self.octets.get(..4).unwrap_or(&[0; 4]));
        let header = Header::parse(&head)?;
        self.opcode = header.opcode;
        self.fields.push(flags(&header));
        let mut counts = [0; 4];
        let names = ["qdcount", "ancount", "nscount", "arcount"];
        for (name, count) in names.into_iter().zip(&mut counts) {
            let start = self.reader.at();
            *count = self.reader.u16("header")?;
            let bytes = start..self.reader.at();
            self.fields.push(Field::new(name, count.to_string(), bytes).with_source(source));
        }
        Ok(counts)
    }

    fn question(&mut self) -> Result<(), ParseError> {
        let start = self.reader.at();
        let name = self.reader.name()?;
        let name_end = self.reader.at();
        let qtype = RecordType(self.reader.u16("question section")?);
        let type_end = self.reader.at();
        let class = RecordClass(self.reader.u16("question section")?);
        let end = self.reader.at();
        let value = format!("{name} {class} {qtype}");
        let children = vec![
            Field::new("qname", name.to_string(), start..name_end),
            Field::new("qtype", qtype.to_string(), name_end..type_end),
            Field::new("qclass", class.to_string(), type_end..end),
        ];
        let field = Field::new("question", value, start..end).with_source("RFC 1035 §4.1.2");
        self.fields.push(field.with_children(children));
        Ok(())
    }

    fn record(&mut self, section: Section, field: &'static str) -> Result<(), ParseError> {
        let part = section.name();
        let start = self.reader.at();
        if self.reader.remaining() == 0 {
            return Err(ParseError::Truncated { offset: start, part });
        }
        let name = self.reader.name()?;
        let name_end = self.reader.at();
        let rtype = RecordType(self.reader.u16(part)?);
        let class = self.reader.u16(part)?;
        let ttl = self.reader.u32(part)?;
        let length = self.reader.u16(part)?;
        let data = self.reader.at();
        let end = data + usize::from(length);
        let at = |from: usize, octets: usize| name_end + from..name_end + from + octets;
        let mut children = vec![
            Field::new("name", name.to_string(), start..name_end),
            Field::new("type", rtype.to_string(), at(0, 2)),
        ];
        if rtype == RecordType::OPT {
            children.extend(opt_fields(class, ttl, name_end));
        } else {
            let class = RecordClass(class).to_string();
            children.push(Field::new("class", class, at(2, 2)));
            let ttl = Field::new("ttl", ttl.to_string(), at(4, 4));
            children.push(ttl.with_source("RFC 1035 §3.2.1, RFC 2181 §8"));
        }
        children.push(Field::new("rdlength", length.to_string(), at(8, 2)));
        if self.octets.len() < end {
            self.fields.push(Field::new(field, "…", start..data).with_children(children));
            return Err(ParseError::Truncated { offset: self.octets.len(), part: "record data" });
        }
        let (value, source, parts) = if rtype == RecordType::OPT {
            let options = super::options::options(self.octets, data..end)?;
            (format!("EDNS, {} options", options.len()), "RFC 6891 §6.1", options)
        } else if length == 0 && lacks_data(self.opcode, RecordClass(class)) {
            (String::new(), "RFC 2136 §2.5", Vec::new())
        } else {
            self.data(rtype, data..end)?
        };
        if length > 0 {
            let rdata = Field::new("rdata", value.clone(), data..end);
            children.push(rdata.with_source(source).with_children(parts));
        }
        self.reader = Reader::new_at(self.octets, end);
        let whole = match rtype {
            RecordType::OPT => value,
            _ => format!("{name} {ttl} {} {rtype} {value}", RecordClass(class)),
        };
        let record = Field::new(field, whole, start..end).with_source("RFC 1035 §4.1.3");
        self.fields.push(record.with_children(children));
        Ok(())
    }

    /// The parts of a record's data, and the data as a zone file shows it.
    fn data(
        &mut self,
        rtype: RecordType,
        bytes: Range<usize>,
    ) -> Result<(String, &'static str, Vec<Field>), ParseError> {
        let mut parts = Vec::new();
        let mut reader = Reader::new_at(self.octets, bytes.start);
        for part in layout(rtype) {
            let piece = reader.piece(part.kind, bytes.end)?;
            if piece.bytes.is_empty() {
                continue;
            }
            let octets = self.octets.get(piece.bytes.clone()).unwrap_or(&[]);
            let value = piece
                .name
                .as_ref()
                .map_or_else(|| part_text(part.kind, octets), ToString::to_string);
            let field = Field::new(part.name, value, piece.bytes.clone());
            parts.push(match part.kind {
                PartKind::ServiceParameters => {
                    field.with_children(service_parameters(octets, piece.bytes.start))
                }
                _ => field,
            });
        }
        let mut reader = Reader::new_at(self.octets, bytes.start);
        let rdata = Rdata::read(rtype, &mut reader, bytes.end)?;
        let text = RdataText { record_type: rtype, data: rdata.as_wire() }.to_string();
        Ok((text, data_source(rtype), parts))
    }
}

fn flags(header: &Header) -> Field {
    let flag = |name: &'static str, set: bool, at: usize| {
        Field::new(name, if set { "1" } else { "0" }, at..at + 1)
    };
    let opcode = match header.opcode {
        Opcode::QUERY => "QUERY".to_owned(),
        other => other.to_string(),
    };
    let rcode = Rcode(header.rcode.0 & 0xf).to_string();
    let children = vec![
        flag("qr", header.qr, 2),
        Field::new("opcode", opcode, 2..3),
        flag("aa", header.aa, 2),
        flag("tc", header.tc, 2),
        flag("rd", header.rd, 2),
        flag("ra", header.ra, 3),
        flag("ad", header.ad, 3).with_source("RFC 4035 §3.2.3"),
        flag("cd", header.cd, 3).with_source("RFC 4035 §3.2.2"),
        Field::new("rcode", rcode, 3..4),
    ];
    let value = header.flag_names().join(" ");
    Field::new("flags", value, 2..4).with_source("RFC 1035 §4.1.1").with_children(children)
}

/// A part of a record's data as a person writes it.
fn part_text(kind: PartKind, octets: &[u8]) -> String {
    let number = || octets.iter().fold(0_u64, |sum, octet| sum << 8 | u64::from(*octet));
    match kind {
        PartKind::U8 | PartKind::U16 | PartKind::U32 | PartKind::Seconds => number().to_string(),
        PartKind::TypeCode => RecordType(u16::try_from(number()).unwrap_or_default()).to_string(),
        PartKind::Ipv4 => <[u8; 4]>::try_from(octets)
            .map_or_else(|_| hex(octets), |octets| Ipv4Addr::from(octets).to_string()),
        PartKind::Ipv6 => <[u8; 16]>::try_from(octets)
            .map_or_else(|_| hex(octets), |octets| Ipv6Addr::from(octets).to_string()),
        PartKind::Text => text(octets.get(1..).unwrap_or(&[])),
        PartKind::Texts => texts(octets),
        PartKind::RestText => text(octets),
        PartKind::TypeBitmap => types(octets),
        PartKind::LengthHex => hex(octets.get(1..).unwrap_or(&[])),
        PartKind::Octets(_)
        | PartKind::Hex
        | PartKind::Base64
        | PartKind::ServiceParameters
        | PartKind::Name
        | PartKind::CompressibleName => hex(octets),
    }
}

/// Octets in hexadecimal, cut when there are many.
pub(super) fn hex(octets: &[u8]) -> String {
    let mut value: String =
        octets.iter().take(HEX_OCTETS_MAX).map(|octet| format!("{octet:02x}")).collect();
    if octets.len() > HEX_OCTETS_MAX {
        value.push('…');
    }
    value
}

/// Text with what is not ASCII escaped.
pub(super) fn text(octets: &[u8]) -> String {
    octets.escape_ascii().to_string()
}

fn texts(octets: &[u8]) -> String {
    let mut reader = Reader::new(octets);
    let mut values = Vec::new();
    while let Ok(length) = reader.u8("") {
        let Ok(string) = reader.take(usize::from(length), "") else { break };
        values.push(format!("\"{}\"", text(string)));
    }
    values.join(" ")
}

/// The types of a bitmap: windows of 256 types (RFC 4034 §4.1.2).
fn types(octets: &[u8]) -> String {
    let mut reader = Reader::new(octets);
    let mut names = Vec::new();
    while let (Ok(window), Ok(length)) = (reader.u8(""), reader.u8("")) {
        let Ok(bits) = reader.take(usize::from(length), "") else { break };
        for (index, octet) in bits.iter().enumerate().take(32) {
            for bit in (0..8_u16).filter(|bit| octet & (0x80 >> bit) != 0) {
                let low = u16::try_from(index * 8).unwrap_or_default() + bit;
                names.push(RecordType(u16::from(window) << 8 | low).to_string());
            }
        }
    }
    names.join(" ")
}

/// The section that defines a type's data.
const fn data_source(rtype: RecordType) -> &'static str {
    match rtype {
        RecordType::A => "RFC 1035 §3.4.1",
        RecordType::NS => "RFC 1035 §3.3.11",
        RecordType::CNAME => "RFC 1035 §3.3.1",
        RecordType::SOA => "RFC 1035 §3.3.13",
        RecordType::PTR => "RFC 1035 §3.3.12",
        RecordType::HINFO => "RFC 1035 §3.3.2",
        RecordType::MX => "RFC 1035 §3.3.9",
        RecordType::TXT => "RFC 1035 §3.3.14",
        RecordType::AAAA => "RFC 3596 §2.2",
        RecordType::SRV => "RFC 2782",
        RecordType::NAPTR => "RFC 3403 §4.1",
        RecordType::DNAME => "RFC 6672 §2.1",
        RecordType::DS => "RFC 4034 §5.1",
        RecordType::DNSKEY => "RFC 4034 §2.1",
        RecordType::RRSIG => "RFC 4034 §3.1",
        RecordType::NSEC => "RFC 4034 §4.1",
        RecordType::NSEC3 => "RFC 5155 §3.2",
        RecordType::NSEC3PARAM => "RFC 5155 §4.2",
        RecordType::TLSA => "RFC 6698 §2.1",
        RecordType::CAA => "RFC 8659 §4.1",
        RecordType::SVCB | RecordType::HTTPS => "RFC 9460 §2.2",
        _ => "RFC 3597 §3",
    }
}

/// Octets shown of a long value.
const HEX_OCTETS_MAX: usize = 64;
/// Records shown of one message; the rest of a huge one is left as octets.
const FIELDS_MAX: usize = 6000;
