//! DNS messages: header, four sections, EDNS; parsed from octets and written back.
//!
//! ```text
//!   0         2         4         6         8         10        12
//!   +---------+---------+---------+---------+---------+---------+
//!   |   id    |  flags  | qdcount | ancount | nscount | arcount |
//!   +---------+---------+---------+---------+---------+---------+
//!   | questions | answers | authorities | additionals (with OPT) |
//!   +-----------+---------+-------------+------------------------+
//!
//!   flags   15   14..11    10   9    8    7   6   5    4    3..0
//!           qr   opcode    aa   tc   rd   ra  -   ad   cd   rcode
//! ```
//!
//! The source is RFC 1035 §4.1; ad and cd are RFC 4035 §3.1.6 and §3.2.2, the upper eight bits of
//! the response code and everything else of EDNS are RFC 6891 §6.1.

use crate::{Name, Opcode, Rcode, RecordClass, RecordType};

mod compressor;
mod edns;
mod header;
pub(crate) mod layout;
mod parse;
mod rdata;
mod reader;
mod write;

pub use edns::{Edns, EdnsOption, ExtendedError};
pub use header::{HEADER_OCTETS, Header};
pub use parse::ParseError;
pub use rdata::{Mx, Rdata, Soa, Srv};
pub use write::{MESSAGE_OCTETS_MAX, WriteError};

pub(crate) use edns::PAYLOAD_OCTETS;
pub(crate) use header::{CD_BIT, QR_BIT, RA_BIT, RD_BIT, TC_BIT};
pub(crate) use parse::lacks_data;
pub(crate) use reader::Reader;

/// A whole message.
///
/// The OPT record is not among the additional records: it is [`Message::edns`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Identifier, flags and response code.
    pub header: Header,
    /// What is asked: one question in every query of today (RFC 9619 §4).
    pub questions: Vec<Question>,
    /// Records that answer the question.
    pub answers: Vec<Record>,
    /// Records that name an authority, or the SOA that proves an absence.
    pub authorities: Vec<Record>,
    /// Records that may help with the others.
    pub additionals: Vec<Record>,
    /// The OPT record, when there is one.
    pub edns: Option<Edns>,
}

/// A question (RFC 1035 §4.1.2).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Question {
    /// The name asked about, in the case in which it was asked.
    pub name: Name,
    /// The type asked for.
    pub qtype: RecordType,
    /// The class, nearly always IN.
    pub class: RecordClass,
}

impl Question {
    /// A question of class IN.
    pub const fn new(name: Name, qtype: RecordType) -> Self {
        Self { name, qtype, class: RecordClass::IN }
    }
}

/// A resource record (RFC 1035 §4.1.3, course D7).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Record {
    /// The owner.
    pub name: Name,
    /// The type.
    pub rtype: RecordType,
    /// The class, nearly always IN.
    pub class: RecordClass,
    /// Seconds for which it may be kept; parsed values above 2^31 - 1 are 0 (RFC 2181 §8).
    pub ttl: u32,
    /// The data, without compressed names.
    pub rdata: Rdata,
}

impl Record {
    /// A record of class IN.
    pub const fn new(name: Name, rtype: RecordType, ttl: u32, rdata: Rdata) -> Self {
        Self { name, rtype, class: RecordClass::IN, ttl, rdata }
    }
}

/// One of the three sections that hold records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// Records that answer the question.
    Answer,
    /// Records that name an authority.
    Authority,
    /// Further records.
    Additional,
}

impl Section {
    /// The three, in wire order.
    pub const ALL: [Self; 3] = [Self::Answer, Self::Authority, Self::Additional];

    /// The name used in error texts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Answer => "answer section",
            Self::Authority => "authority section",
            Self::Additional => "additional section",
        }
    }
}

impl Message {
    /// A query for one question, with nothing else set.
    pub fn query(id: u16, question: Question) -> Self {
        let header = Header { id, ..Header::default() };
        Self { header, questions: vec![question], ..Self::default() }
    }

    /// The reply to this query without any data yet: same id, question, opcode and RD
    /// (RFC 1035 §4.1.1), CD copied (RFC 4035 §3.1.6).
    pub fn reply(&self, rcode: Rcode) -> Self {
        let header = Header {
            id: self.header.id,
            qr: true,
            opcode: self.header.opcode,
            rd: self.header.rd,
            cd: self.header.cd,
            rcode,
            ..Header::default()
        };
        Self { header, questions: self.questions.clone(), ..Self::default() }
    }

    /// The question, when there is exactly one.
    pub fn question(&self) -> Option<&Question> {
        match self.questions.as_slice() {
            [question] => Some(question),
            _ => None,
        }
    }

    /// The records of a section.
    pub fn section(&self, section: Section) -> &[Record] {
        match section {
            Section::Answer => &self.answers,
            Section::Authority => &self.authorities,
            Section::Additional => &self.additionals,
        }
    }

    pub(crate) fn section_mut(&mut self, section: Section) -> &mut Vec<Record> {
        match section {
            Section::Answer => &mut self.answers,
            Section::Authority => &mut self.authorities,
            Section::Additional => &mut self.additionals,
        }
    }

    /// The most octets that the sender of this query takes in one datagram: 512, or what its
    /// OPT record says (RFC 1035 §2.3.4, RFC 6891 §6.2.3).
    pub fn datagram_limit(&self) -> usize {
        self.edns.as_ref().map_or(DATAGRAM_OCTETS_MIN, |edns| {
            usize::from(edns.payload_octets).max(DATAGRAM_OCTETS_MIN)
        })
    }
}

impl Default for Opcode {
    fn default() -> Self {
        Self::QUERY
    }
}

impl Default for Rcode {
    fn default() -> Self {
        Self::NOERROR
    }
}

/// A datagram without EDNS has at most so many octets (RFC 1035 §2.3.4).
pub const DATAGRAM_OCTETS_MIN: usize = 512;

#[cfg(test)]
mod tests;
