//! The data of a record: octets without compressed names, and typed views of them.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use crate::message::layout::layout;
use crate::message::{ParseError, Reader, Record};
use crate::{Name, RecordType};

/// The data of a record in wire form, every name in it uncompressed; cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rdata(Arc<[u8]>);

/// The data of an MX record (RFC 1035 §3.3.9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mx {
    /// The lower is tried first.
    pub preference: u16,
    /// The mail server.
    pub exchange: Name,
}

/// The data of an SRV record (RFC 2782).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Srv {
    /// The lower is tried first.
    pub priority: u16,
    /// Share among those of one priority.
    pub weight: u16,
    /// The service's port.
    pub port: u16,
    /// The host.
    pub target: Name,
}

/// The data of an SOA record (RFC 1035 §3.3.13); times are in seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Soa {
    /// The primary server.
    pub mname: Name,
    /// The mailbox of who is responsible, its first dot standing for `@`.
    pub rname: Name,
    /// The version of the zone.
    pub serial: u32,
    /// When secondaries look for a new version.
    pub refresh: u32,
    /// When they try again after a failure.
    pub retry: u32,
    /// When they stop answering without contact.
    pub expire: u32,
    /// The most for which an absence is kept (RFC 2308 §4).
    pub minimum: u32,
}

impl Rdata {
    /// Takes octets as they are; the caller knows that they are data of the record's type.
    pub fn from_wire(octets: &[u8]) -> Self {
        Self(octets.into())
    }

    /// Takes uncompressed octets after checking them against the form of the type; unknown
    /// types take anything (RFC 3597 §3).
    ///
    /// # Errors
    /// When the octets end early or go on.
    pub fn parse(rtype: RecordType, octets: &[u8]) -> Result<Self, ParseError> {
        Self::read(rtype, &mut Reader::new(octets), octets.len())
    }

    /// Reads data that ends at `end`, decompressing names of the types that have them.
    pub(crate) fn read(
        rtype: RecordType,
        reader: &mut Reader<'_>,
        end: usize,
    ) -> Result<Self, ParseError> {
        let start = reader.at();
        let mut octets = Vec::with_capacity(end.saturating_sub(start));
        for part in layout(rtype) {
            let piece = reader.piece(part.kind, end)?;
            match piece.name {
                Some(name) => octets.extend_from_slice(name.as_wire()),
                None => octets.extend_from_slice(reader.between(piece.bytes)),
            }
        }
        if reader.at() != end {
            return Err(ParseError::RdataLength { offset: start, rtype });
        }
        Ok(Self(octets.into()))
    }

    /// The octets with every name in lower case, by which data are compared; data that are not
    /// of the type's form stay as they are.
    pub(crate) fn with_names_in_lower_case(&self, rtype: RecordType) -> Vec<u8> {
        let mut reader = Reader::new(&self.0);
        let mut octets = Vec::with_capacity(self.0.len());
        for part in layout(rtype) {
            let Ok(piece) = reader.piece(part.kind, self.0.len()) else { return self.0.to_vec() };
            match piece.name {
                Some(name) => octets.extend_from_slice(name.to_lowercase().as_wire()),
                None => octets.extend_from_slice(reader.between(piece.bytes)),
            }
        }
        octets
    }

    /// The octets.
    pub fn as_wire(&self) -> &[u8] {
        &self.0
    }

    /// Data of an A record.
    pub fn a(address: Ipv4Addr) -> Self {
        Self(Arc::from(address.octets()))
    }

    /// Data of an AAAA record.
    pub fn aaaa(address: Ipv6Addr) -> Self {
        Self(Arc::from(address.octets()))
    }

    /// Data that is one name: NS, CNAME, PTR, DNAME.
    pub fn name(target: &Name) -> Self {
        Self(target.as_wire().into())
    }

    /// Data of an MX record.
    pub fn mx(preference: u16, exchange: &Name) -> Self {
        Self([preference.to_be_bytes().as_slice(), exchange.as_wire()].concat().into())
    }

    /// Data of an SOA record.
    pub fn soa(soa: &Soa) -> Self {
        let mut octets = [soa.mname.as_wire(), soa.rname.as_wire()].concat();
        for number in [soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum] {
            octets.extend_from_slice(&number.to_be_bytes());
        }
        Self(octets.into())
    }

    /// Data of a TXT record: each text is cut into strings of at most 255 octets.
    pub fn txt(texts: &[&[u8]]) -> Self {
        let mut octets = Vec::new();
        for text in texts {
            if text.is_empty() {
                octets.push(0);
            }
            for chunk in text.chunks(usize::from(u8::MAX)) {
                octets.push(u8::try_from(chunk.len()).unwrap_or(u8::MAX));
                octets.extend_from_slice(chunk);
            }
        }
        Self(octets.into())
    }
}

/// Typed views: each is none when the record is of another type or its data is broken.
impl Record {
    /// The address of an A record.
    pub fn a(&self) -> Option<Ipv4Addr> {
        let octets: [u8; 4] = self.octets_of(RecordType::A)?.try_into().ok()?;
        Some(octets.into())
    }

    /// The address of an AAAA record.
    pub fn aaaa(&self) -> Option<Ipv6Addr> {
        let octets: [u8; 16] = self.octets_of(RecordType::AAAA)?.try_into().ok()?;
        Some(octets.into())
    }

    /// The server of an NS record.
    pub fn ns(&self) -> Option<Name> {
        Name::from_wire(self.octets_of(RecordType::NS)?).ok()
    }

    /// The canonical name of a CNAME record.
    pub fn cname(&self) -> Option<Name> {
        Name::from_wire(self.octets_of(RecordType::CNAME)?).ok()
    }

    /// The target of a DNAME record.
    pub fn dname(&self) -> Option<Name> {
        Name::from_wire(self.octets_of(RecordType::DNAME)?).ok()
    }

    /// The target of a PTR record.
    pub fn ptr(&self) -> Option<Name> {
        Name::from_wire(self.octets_of(RecordType::PTR)?).ok()
    }

    /// The data of an MX record.
    pub fn mx(&self) -> Option<Mx> {
        let mut reader = Reader::new(self.octets_of(RecordType::MX)?);
        let preference = reader.u16("preference").ok()?;
        let exchange = reader.name().ok()?;
        Some(Mx { preference, exchange })
    }

    /// The data of an SRV record.
    pub fn srv(&self) -> Option<Srv> {
        let mut reader = Reader::new(self.octets_of(RecordType::SRV)?);
        Some(Srv {
            priority: reader.u16("priority").ok()?,
            weight: reader.u16("weight").ok()?,
            port: reader.u16("port").ok()?,
            target: reader.name().ok()?,
        })
    }

    /// The data of an SOA record.
    pub fn soa(&self) -> Option<Soa> {
        let mut reader = Reader::new(self.octets_of(RecordType::SOA)?);
        Some(Soa {
            mname: reader.name().ok()?,
            rname: reader.name().ok()?,
            serial: reader.u32("serial").ok()?,
            refresh: reader.u32("refresh").ok()?,
            retry: reader.u32("retry").ok()?,
            expire: reader.u32("expire").ok()?,
            minimum: reader.u32("minimum").ok()?,
        })
    }

    /// The strings of a TXT record.
    pub fn txt(&self) -> Option<Vec<&[u8]>> {
        let mut reader = Reader::new(self.octets_of(RecordType::TXT)?);
        let mut texts = Vec::new();
        while reader.remaining() > 0 {
            let length = reader.u8("text").ok()?;
            texts.push(reader.take(usize::from(length), "text").ok()?);
        }
        Some(texts)
    }

    fn octets_of(&self, rtype: RecordType) -> Option<&[u8]> {
        (self.rtype == rtype).then(|| self.rdata.as_wire())
    }
}

impl fmt::Debug for Rdata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rdata(")?;
        for octet in self.as_wire() {
            write!(f, "{octet:02x}")?;
        }
        write!(f, ")")
    }
}
