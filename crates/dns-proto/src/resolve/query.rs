//! A client's query, read without allocation, and the head of its reply.

use crate::cache::{KeyRef, Kind};
use crate::message::{
    CD_BIT, DATAGRAM_OCTETS_MIN, ExtendedError, HEADER_OCTETS, Header, MESSAGE_OCTETS_MAX,
    PAYLOAD_OCTETS, QR_BIT, RA_BIT, RD_BIT, Reader, TC_BIT,
};
use crate::resolve::RefusalReason;
use crate::{NAME_OCTETS_MAX, Name, Opcode, Rcode, RecordClass, RecordType};

/// How a client's query came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// In a datagram: the answer is cut to what the client takes.
    Udp,
    /// Over a stream: the answer is whole.
    Tcp,
}

/// A query that can be answered.
#[derive(Debug)]
pub(crate) struct ClientQuery<'q> {
    pub(crate) head: ReplyHead<'q>,
    pub(crate) qtype: RecordType,
    lower: [u8; NAME_OCTETS_MAX],
    length: usize,
}

/// What a reply repeats of its query.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReplyHead<'q> {
    pub(crate) id: u16,
    pub(crate) opcode: Opcode,
    /// Recursion was wanted.
    pub(crate) rd: bool,
    pub(crate) cd: bool,
    /// Name, type and class as sent; empty when they could not be read.
    pub(crate) question: &'q [u8],
    pub(crate) edns: Option<ClientEdns>,
    /// Octets that the reply may have.
    pub(crate) limit: usize,
}

/// What the OPT record of a query says that matters for its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClientEdns {
    payload_octets: u16,
    version: u8,
    dnssec_ok: bool,
}

/// A query that gets no answer from the resolver's work.
#[derive(Debug)]
pub(crate) enum Unusable {
    /// Not even a reply: too short to have an id, or a reply itself (RFC 1035 §7.3).
    Silence,
    /// A reply that says what is wrong.
    Reply {
        /// The whole reply.
        octets: Vec<u8>,
        rcode: Rcode,
        reason: RefusalReason,
    },
}

impl<'q> ClientQuery<'q> {
    /// Reads a query.
    ///
    /// # Errors
    /// Tells what to reply when it cannot be answered.
    pub(crate) fn parse(octets: &'q [u8], transport: Transport) -> Result<Self, Unusable> {
        let Ok(header) = Header::parse(octets) else { return Err(Unusable::Silence) };
        if header.qr {
            return Err(Unusable::Silence);
        }
        let mut head = ReplyHead {
            id: header.id,
            opcode: header.opcode,
            rd: header.rd,
            cd: header.cd,
            question: &[],
            edns: None,
            limit: match transport {
                Transport::Udp => DATAGRAM_OCTETS_MIN,
                Transport::Tcp => MESSAGE_OCTETS_MAX,
            },
        };
        if header.opcode != Opcode::QUERY {
            return Err(head.refuse(Rcode::NOTIMP, RefusalReason::Opcode));
        }
        let malformed =
            |head: &ReplyHead<'_>| head.refuse(Rcode::FORMERR, RefusalReason::Malformed);
        let mut lower = [0; NAME_OCTETS_MAX];
        let Some((length, question)) = read_question(octets, &mut lower) else {
            return Err(malformed(&head));
        };
        head.question = question;
        match read_edns(octets, HEADER_OCTETS + question.len()) {
            Some(edns) => head.edns = edns,
            None => return Err(malformed(&head)),
        }
        if let (Some(edns), Transport::Udp) = (head.edns, transport) {
            // A reply of more than 1232 octets may be lost in fragments (RFC 9715 §3.1).
            let takes = usize::from(edns.payload_octets.min(PAYLOAD_OCTETS));
            head.limit = takes.max(DATAGRAM_OCTETS_MIN);
        }
        if head.edns.is_some_and(|edns| edns.version > 0) {
            return Err(head.refuse(Rcode::BADVERS, RefusalReason::EdnsVersion));
        }
        let mut reader = Reader::new_at(question, length);
        let (Ok(qtype), Ok(class)) = (reader.u16(""), reader.u16("")) else {
            return Err(malformed(&head));
        };
        if RecordClass(class) != RecordClass::IN {
            return Err(head.refuse(Rcode::REFUSED, RefusalReason::Class));
        }
        Ok(Self { head, qtype: RecordType(qtype), lower, length })
    }

    /// The name in lower case.
    pub(crate) fn lower_wire(&self) -> &[u8] {
        self.lower.get(..self.length).unwrap_or(&[])
    }

    /// The name in lower case.
    pub(crate) fn name(&self) -> Name {
        Name::from_wire(self.lower_wire()).unwrap_or_else(|_| Name::root())
    }

    /// What a whole answer to it is found by.
    pub(crate) fn answer_key(&self) -> KeyRef<'_> {
        KeyRef::of_wire(self.lower_wire(), Kind::Answer(self.qtype))
    }
}

/// Checks that there is exactly one question (RFC 9619 §4) with an uncompressed name; puts the
/// name in lower case into `lower` and gives its length and the question's octets.
fn read_question<'q>(
    octets: &'q [u8],
    lower: &mut [u8; NAME_OCTETS_MAX],
) -> Option<(usize, &'q [u8])> {
    if octets.get(4..6)? != [0, 1] {
        return None;
    }
    let rest = octets.get(HEADER_OCTETS..)?;
    let mut length = 0;
    loop {
        let label = usize::from(*rest.get(length)?);
        if label > 63 {
            return None;
        }
        length += label + 1;
        if label == 0 {
            break;
        }
    }
    let name = lower.get_mut(..length)?;
    name.copy_from_slice(rest.get(..length)?);
    name.make_ascii_lowercase();
    Some((length, rest.get(..length + 4)?))
}

/// Looks for the OPT record among the records behind the question; none when they are
/// malformed, or there are two of them, or octets follow.
fn read_edns(octets: &[u8], at: usize) -> Option<Option<ClientEdns>> {
    let counts = octets.get(6..HEADER_OCTETS)?;
    if counts == [0; 6] {
        return (octets.len() == at).then_some(None);
    }
    let mut reader = Reader::new_at(octets, at);
    let records: u32 =
        counts.chunks(2).map(|pair| pair.iter().fold(0, |sum, o| sum << 8 | u32::from(*o))).sum();
    let mut edns = None;
    for _ in 0..records {
        // The owner of an OPT record is the root, a single octet.
        let is_root = octets.get(reader.at()) == Some(&0);
        if is_root {
            reader.take(1, "").ok()?;
        } else {
            reader.name().ok()?;
        }
        let rtype = RecordType(reader.u16("").ok()?);
        let class = reader.u16("").ok()?;
        let [_, version, high, _] = reader.u32("").ok()?.to_be_bytes();
        let length = usize::from(reader.u16("").ok()?);
        let end = reader.at() + length;
        if rtype == RecordType::OPT {
            if edns.is_some() || !is_root {
                return None;
            }
            edns = Some(ClientEdns { payload_octets: class, version, dnssec_ok: high & 0x80 != 0 });
            while reader.at() < end {
                reader.u16("").ok()?;
                let option = usize::from(reader.u16("").ok()?);
                reader.take(option, "").ok()?;
            }
            if reader.at() != end {
                return None;
            }
        } else {
            reader.take(length, "").ok()?;
        }
    }
    (reader.remaining() == 0).then_some(edns)
}

impl ReplyHead<'_> {
    /// A reply without records.
    pub(crate) fn refuse(&self, rcode: Rcode, reason: RefusalReason) -> Unusable {
        let extended = match reason {
            RefusalReason::Malformed | RefusalReason::EdnsVersion => None,
            RefusalReason::Opcode | RefusalReason::Class | RefusalReason::QueryType => {
                Some(ExtendedError::NOT_SUPPORTED)
            }
            RefusalReason::NoRecursion => Some(ExtendedError::NOT_AUTHORITATIVE),
            RefusalReason::Overload => Some(ExtendedError::NOT_READY),
        };
        let extended = extended.map(|code| ExtendedError { code, text: String::new() });
        let mut octets = Vec::with_capacity(64);
        self.write(rcode, [0; 3], &mut octets);
        self.write_edns(rcode, extended.as_ref(), &mut octets);
        Unusable::Reply { octets, rcode, reason }
    }

    /// Writes header and question; the header counts the OPT record that
    /// [`ReplyHead::write_edns`] appends after the records.
    pub(crate) fn write(&self, rcode: Rcode, counts: [u16; 3], out: &mut Vec<u8>) {
        let header = Header { id: self.id, opcode: self.opcode, rcode, ..Header::default() };
        let mut flags = header.flags() | QR_BIT | RA_BIT;
        for (set, bit) in [(self.rd, RD_BIT), (self.cd, CD_BIT)] {
            flags |= if set { bit } else { 0 };
        }
        let [answers, authorities, additionals] = counts;
        let additionals = additionals + u16::from(self.edns.is_some());
        let questions = u16::from(!self.question.is_empty());
        for number in [self.id, flags, questions, answers, authorities, additionals] {
            out.extend_from_slice(&number.to_be_bytes());
        }
        out.extend_from_slice(self.question);
    }

    /// Appends the OPT record when the query had one (RFC 6891 §6.1.1).
    pub(crate) fn write_edns(
        &self,
        rcode: Rcode,
        extended: Option<&ExtendedError>,
        out: &mut Vec<u8>,
    ) {
        let Some(edns) = self.edns else { return };
        let [high, low] = rcode.0.to_be_bytes();
        let dnssec_ok = if edns.dnssec_ok { 0x80 } else { 0 };
        out.extend_from_slice(&[0, 0, 41]);
        out.extend_from_slice(&PAYLOAD_OCTETS.to_be_bytes());
        out.extend_from_slice(&[high << 4 | low >> 4, 0, dnssec_ok, 0]);
        let text = extended.map_or(&[] as &[u8], |error| error.text.as_bytes());
        let length = u16::try_from(text.len() + 2).unwrap_or(u16::MAX);
        match extended {
            Some(error) => {
                for number in [length + 4, 15, length, error.code] {
                    out.extend_from_slice(&number.to_be_bytes());
                }
                out.extend_from_slice(text);
            }
            None => out.extend_from_slice(&[0, 0]),
        }
    }

    /// Octets that [`ReplyHead::write_edns`] appends.
    pub(crate) fn edns_len(&self, extended: Option<&ExtendedError>) -> usize {
        match (self.edns, extended) {
            (None, _) => 0,
            (Some(_), None) => 11,
            (Some(_), Some(error)) => 17 + error.text.len(),
        }
    }

    /// Marks the reply that starts at `start` as cut.
    pub(crate) fn set_truncated(out: &mut [u8], start: usize) {
        if let Some(upper) = out.get_mut(start + 2) {
            *upper |= TC_BIT.to_be_bytes()[0];
        }
    }
}
