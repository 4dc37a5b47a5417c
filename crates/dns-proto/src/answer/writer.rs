//! Writing a reply in place, names compressed by node number.
//!
//! A name that has been written is known by its node, so a pointer to it (RFC 1035 §4.1.4)
//! costs one look into a small table instead of a comparison of names.

use crate::zone::{NodeId, Zone};
use crate::{Opcode, Rcode};

use super::query::{Edns, NSID};
use super::search::QUESTION_AT;
use super::{AnswerSettings, DATAGRAM_OCTETS_MAX, identifier};

/// There is no room left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

/// The sections that records are counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Answer,
    Authority,
    Additional,
}

/// Where names of the present reply stand, by node.
///
/// Two nodes may share a slot; then the later one is found and the earlier one is written
/// again. Slots of earlier replies are told by their generation.
#[derive(Clone, Debug)]
pub(super) struct Compression {
    slots: [Slot; COMPRESSION_SLOTS],
    generation: u16,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    node: NodeId,
    generation: u16,
    offset: u16,
}

impl Compression {
    pub(super) const fn new() -> Self {
        let slot = Slot { node: NodeId::NONE, generation: 0, offset: 0 };
        Self { slots: [slot; COMPRESSION_SLOTS], generation: 0 }
    }

    fn forget(&mut self) {
        self.generation = self.generation.wrapping_add(1);
        if self.generation == 0 {
            *self = Self::new();
            self.generation = 1;
        }
    }

    fn find(&self, node: NodeId) -> Option<u16> {
        let slot = self.slots[node.0 as usize % COMPRESSION_SLOTS];
        (slot.node == node && slot.generation == self.generation).then_some(slot.offset)
    }

    fn note(&mut self, node: NodeId, offset: usize) {
        // RFC 1035 §4.1.4: a pointer has 14 bits.
        if let Some(offset) = u16::try_from(offset).ok().filter(|offset| *offset < 0x4000) {
            let generation = self.generation;
            self.slots[node.0 as usize % COMPRESSION_SLOTS] = Slot { node, generation, offset };
        }
    }
}

/// A place to which the reply can be cut back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    at: usize,
    counts: [u16; 3],
}

/// A reply that grows in a fixed buffer.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    out: &'a mut [u8],
    at: usize,
    limit: usize,
    counts: [u16; 3],
    authoritative: bool,
    truncated: bool,
    compression: &'a mut Compression,
}

impl<'a> Writer<'a> {
    /// Writes at most `limit` octets into `out`.
    pub(super) fn new(out: &'a mut [u8], limit: usize, compression: &'a mut Compression) -> Self {
        compression.forget();
        let limit = limit.min(out.len());
        Self {
            out,
            at: 0,
            limit,
            counts: [0; 3],
            authoritative: false,
            truncated: false,
            compression,
        }
    }

    /// Starts with the query's header and question.
    pub(super) fn start(&mut self, header_and_question: &[u8]) -> Option<()> {
        self.octets_of(header_and_question).ok()
    }

    pub(super) fn octets(&self) -> usize {
        self.at
    }

    /// The first octets of the question's name, as they were asked.
    pub(super) fn question(&self, octets: usize) -> &[u8] {
        &self.out[QUESTION_AT..QUESTION_AT + octets]
    }

    pub(super) fn set_authoritative(&mut self) {
        self.authoritative = true;
    }

    /// RFC 2181 §9: set when a required part did not fit.
    pub(super) fn set_truncated(&mut self) {
        self.truncated = true;
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { at: self.at, counts: self.counts }
    }

    /// Takes back what was written since `mark`; names noted since then must not be used, so
    /// nothing but the OPT record may follow.
    pub(super) fn cut(&mut self, mark: Mark) {
        self.at = mark.at;
        self.counts = mark.counts;
    }

    /// Notes that a node's name stands at `offset`.
    pub(super) fn note_name(&mut self, node: NodeId, offset: usize) {
        self.compression.note(node, offset);
    }

    pub(super) fn octets_of(&mut self, octets: &[u8]) -> Result<(), Full> {
        let end = self.at + octets.len();
        if end > self.limit {
            return Err(Full);
        }
        self.out[self.at..end].copy_from_slice(octets);
        self.at = end;
        Ok(())
    }

    pub(super) fn pointer(&mut self, offset: usize) -> Result<(), Full> {
        // Offsets come from `note`, from the question or from a name of this reply.
        let offset = u16::try_from(offset).ok().filter(|offset| *offset < 0x4000).ok_or(Full)?;
        self.octets_of(&(0xc000 | offset).to_be_bytes())
    }

    /// Writes a node's name, the part that the reply already has as a pointer.
    pub(super) fn name(&mut self, zone: &Zone, node: NodeId) -> Result<(), Full> {
        let mut wire = zone.wire(node);
        let mut node = node;
        loop {
            let label = usize::from(wire[0]);
            if label == 0 {
                return self.octets_of(&[0]);
            }
            if let Some(offset) = self.compression.find(node) {
                return self.pointer(usize::from(offset));
            }
            let at = self.at;
            self.octets_of(&wire[..=label])?;
            self.compression.note(node, at);
            wire = &wire[label + 1..];
            node = zone.node(node).parent;
        }
    }

    /// Writes type, class, TTL and room for the data's length; gives where that room is.
    pub(super) fn fixed_part(
        &mut self,
        record_type: crate::RecordType,
        ttl: u32,
    ) -> Result<usize, Full> {
        let [t0, t1] = record_type.0.to_be_bytes();
        let [a, b, c, d] = ttl.to_be_bytes();
        self.octets_of(&[t0, t1, 0, 1, a, b, c, d, 0, 0])?;
        Ok(self.at - 2)
    }

    /// Ends a record: fills in the length of its data and counts it.
    pub(super) fn end_record(&mut self, length_at: usize, section: Section) -> Result<(), Full> {
        let length = u16::try_from(self.at - length_at - 2).map_err(|_| Full)?;
        self.out[length_at..length_at + 2].copy_from_slice(&length.to_be_bytes());
        self.counts[section as usize] += 1;
        Ok(())
    }

    /// Fills in the header; gives whether the reply is truncated.
    pub(super) fn finish(&mut self, query: &[u8; 12], rcode: Rcode, opcode: Opcode) -> bool {
        let authoritative = if self.authoritative { 0x04 } else { 0 };
        let truncated = if self.truncated { 0x02 } else { 0 };
        // RD comes back as it was (RFC 1035 §4.1.1); RA is not set: no recursion here.
        let recursion_desired = query[2] & 0x01;
        self.out[2] = 0x80 | opcode.0 << 3 | authoritative | truncated | recursion_desired;
        // RFC 4035 §3.1.6: CD comes back as it was.
        self.out[3] = query[3] & 0x10 | rcode.0.to_be_bytes()[1] & 0x0f;
        self.out[4..6].copy_from_slice(&[0, 1]);
        for (count, at) in self.counts.iter().zip([6, 8, 10]) {
            self.out[at..at + 2].copy_from_slice(&count.to_be_bytes());
        }
        self.truncated
    }

    /// Appends the OPT record (RFC 6891 §6.1.2), for which room was left up to `limit`.
    pub(super) fn opt(
        &mut self,
        limit: usize,
        rcode: Rcode,
        edns: &Edns,
        settings: &AnswerSettings,
    ) {
        self.limit = limit.min(self.out.len());
        let size = settings.datagram_octets_max.max(DATAGRAM_OCTETS_MAX).to_be_bytes();
        let extended = (rcode.0 >> 4).to_be_bytes()[1];
        // RFC 3225 §3: the DO bit comes back as it was.
        let flags = if edns.wants_dnssec { 0x80 } else { 0 };
        let identifier = identifier(edns, settings);
        let length = identifier.map_or(0, |id| 4 + id.len());
        let length = u16::try_from(length).unwrap_or(0).to_be_bytes();
        let fixed = [0, 0, 41, size[0], size[1], extended, 0, flags, 0, length[0], length[1]];
        let mark = self.mark();
        if self.octets_of(&fixed).and_then(|()| self.nsid(identifier)).is_err() {
            self.cut(mark);
            return;
        }
        self.counts[Section::Additional as usize] += 1;
        let count = self.counts[Section::Additional as usize].to_be_bytes();
        self.out[10..12].copy_from_slice(&count);
    }

    fn nsid(&mut self, identifier: Option<&[u8]>) -> Result<(), Full> {
        let Some(identifier) = identifier else { return Ok(()) };
        let length = u16::try_from(identifier.len()).map_err(|_| Full)?;
        self.octets_of(&NSID.to_be_bytes())?;
        self.octets_of(&length.to_be_bytes())?;
        self.octets_of(identifier)
    }
}

/// Enough for a referral to 13 servers with their addresses; a power of two.
const COMPRESSION_SLOTS: usize = 128;
