//! Reading a query: header, one question, and the OPT record (RFC 1035 §4.1, RFC 6891 §6.1).

use crate::zone::QueryName;
use crate::{RecordClass, RecordType};

/// A query that can be answered. Its name is in the search name that was filled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) record_type: RecordType,
    pub(super) class: RecordClass,
    /// Where the question ends in the query.
    pub(super) question_end: usize,
    /// Present also when it is faulty in a way that the reply must name.
    pub(super) edns: Option<Edns>,
    pub(super) edns_fault: Option<EdnsFault>,
}

/// What the OPT record says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edns {
    pub(super) datagram_octets: u16,
    /// The DO bit (RFC 3225 §3).
    pub(super) wants_dnssec: bool,
    /// The NSID option (RFC 5001 §2.1).
    pub(super) wants_identifier: bool,
}

/// A fault of EDNS that gets an answer of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EdnsFault {
    Version,
    Form,
}

/// The octets are not a query with one question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RequestFault;

impl Request {
    pub(super) fn parse(query: &[u8], name: &mut QueryName) -> Result<Self, RequestFault> {
        let count = |at| be16(query, at).ok_or(RequestFault);
        // RFC 9619 §3: a query has exactly one question.
        if count(4)? != 1 {
            return Err(RequestFault);
        }
        let octets = query.get(HEADER_OCTETS..).ok_or(RequestFault)?;
        let length = name.load(octets).ok_or(RequestFault)?;
        let mut at = HEADER_OCTETS + length;
        let record_type = RecordType(be16(query, at).ok_or(RequestFault)?);
        let class = RecordClass(be16(query, at + 2).ok_or(RequestFault)?);
        at += 4;
        let mut request =
            Self { record_type, class, question_end: at, edns: None, edns_fault: None };
        for _ in 0..count(6)?.saturating_add(count(8)?) {
            at = skip_record(query, at).ok_or(RequestFault)?;
        }
        for _ in 0..count(10)? {
            let end = skip_record(query, at).ok_or(RequestFault)?;
            request.additional(query.get(at..end).ok_or(RequestFault)?)?;
            at = end;
        }
        // Octets behind the last record belong to nothing.
        if at == query.len() { Ok(request) } else { Err(RequestFault) }
    }

    /// Takes a record of the additional section if it is the OPT record.
    fn additional(&mut self, record: &[u8]) -> Result<(), RequestFault> {
        let name_octets = skip_name(record, 0).ok_or(RequestFault)?;
        let fixed = record.get(name_octets..).ok_or(RequestFault)?;
        let (fixed, options) = fixed.split_first_chunk::<10>().ok_or(RequestFault)?;
        if u16::from_be_bytes([fixed[0], fixed[1]]) != RecordType::OPT.0 {
            return Ok(());
        }
        if name_octets != 1 || self.edns.is_some() {
            self.edns_fault = Some(EdnsFault::Form);
        } else if fixed[5] != 0 {
            self.edns_fault = Some(EdnsFault::Version);
        }
        self.edns = Some(Edns {
            datagram_octets: u16::from_be_bytes([fixed[2], fixed[3]]),
            wants_dnssec: fixed[6] & 0x80 != 0,
            wants_identifier: has_option(options, NSID).ok_or(RequestFault)?,
        });
        Ok(())
    }
}

/// Whether an option is among the options, all of which must be whole.
fn has_option(mut options: &[u8], wanted: u16) -> Option<bool> {
    let mut found = false;
    while !options.is_empty() {
        let (head, rest) = options.split_first_chunk::<4>()?;
        found |= u16::from_be_bytes([head[0], head[1]]) == wanted;
        options = rest.get(usize::from(u16::from_be_bytes([head[2], head[3]]))..)?;
    }
    Some(found)
}

fn be16(octets: &[u8], at: usize) -> Option<u16> {
    let pair = octets.get(at..)?.first_chunk::<2>()?;
    Some(u16::from_be_bytes(*pair))
}

/// The octet behind the record that starts at `at`.
fn skip_record(query: &[u8], at: usize) -> Option<usize> {
    let fixed = skip_name(query, at)?;
    let end = fixed + 10 + usize::from(be16(query, fixed + 8)?);
    (end <= query.len()).then_some(end)
}

/// The octet behind the name that starts at `at`; pointers are not followed.
fn skip_name(query: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let octet = *query.get(at)?;
        match octet {
            0 => return Some(at + 1),
            1..=63 => at += usize::from(octet) + 1,
            0xc0..=0xff => return Some(at + 2),
            // RFC 6891 §5: the other label types are gone.
            _ => return None,
        }
    }
}

/// Octets of a header (RFC 1035 §4.1.1).
const HEADER_OCTETS: usize = 12;
/// The number of the NSID option (RFC 5001 §2.3).
pub(super) const NSID: u16 = 3;
