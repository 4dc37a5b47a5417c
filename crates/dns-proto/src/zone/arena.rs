//! Where the names of a compiled zone lie, with all that is known of each.
//!
//! ```text
//!   line 0            line 1            line 2            line 3
//!   [head|name|set|data    ][head|name|set|data|set|data           ][head|name…
//!   node 0                  node 1                                  node 3
//! ```
//!
//! A node is what is known of one name: links to other nodes, the name's wire form, its record
//! sets and their data, side by side from the beginning of a cache line. Questions ask for
//! random names of large zones, so what counts is how many lines each one waits for.

use crate::RecordType;

use super::NodeId;

/// The nodes of a zone; each number is that of a node's first line.
pub(super) struct Arena {
    octets: Vec<u8>,
    /// Where line 0 starts, so that lines are those of the processor.
    first: usize,
    last: usize,
}

impl Arena {
    /// Room for so many lines; none has anything in it.
    pub(super) fn with_lines(lines: usize) -> Self {
        let octets = vec![0; lines * LINE_OCTETS + LINE_OCTETS - 1];
        // Where alignment cannot be had, lines begin where the memory does.
        let first = octets.as_ptr().align_offset(LINE_OCTETS);
        let first = if first < LINE_OCTETS { first } else { 0 };
        Self { octets, first, last: first + lines * LINE_OCTETS }
    }

    /// The octets from the start of a node to the end of the last one.
    fn at(&self, id: NodeId) -> &[u8] {
        &self.octets[self.first + id.0 as usize * LINE_OCTETS..self.last]
    }

    /// The same, to be written.
    pub(super) fn at_mut(&mut self, id: NodeId) -> &mut [u8] {
        &mut self.octets[self.first + id.0 as usize * LINE_OCTETS..self.last]
    }

    /// What stands at the beginning of a line at which a node starts.
    pub(super) fn node(&self, id: NodeId) -> Node<'_> {
        let (head, rest) = self.at(id).split_at(HEAD_OCTETS);
        let link = |at: usize| {
            let octets = head[at..].first_chunk().copied().unwrap_or([0xff; 4]);
            NodeId(u32::from_le_bytes(octets))
        };
        Node {
            parent: link(0),
            covered_by: link(4),
            wildcard: link(8),
            set_count: u16::from_le_bytes([head[12], head[13]]),
            labels: head[14],
            flags: head[15],
            wire_octets: head[16],
            rest,
        }
    }

    /// All nodes in canonical order of their names.
    pub(super) fn nodes(&self) -> impl Iterator<Item = (NodeId, Node<'_>)> {
        let lines = (self.last - self.first) / LINE_OCTETS;
        let mut line = 0;
        std::iter::from_fn(move || {
            let id = NodeId(u32::try_from(line).ok().filter(|_| line < lines)?);
            let node = self.node(id);
            line += lines_for(node.octets());
            Some((id, node))
        })
    }

    /// Octets of memory.
    pub(super) fn memory_octets(&self) -> usize {
        self.octets.capacity()
    }
}

/// Lines that so many octets take.
pub(super) fn lines_for(octets: usize) -> usize {
    octets.div_ceil(LINE_OCTETS)
}

/// A name of the zone, or one that its data mention.
#[derive(Clone, Copy)]
pub(crate) struct Node<'z> {
    /// The node without the leftmost label; none for the root.
    pub(crate) parent: NodeId,
    /// The highest proper ancestor with a zone cut or a DNAME, if any.
    pub(crate) covered_by: NodeId,
    /// The child `*`, if it exists (RFC 4592 §2.1.1).
    pub(crate) wildcard: NodeId,
    pub(super) set_count: u16,
    pub(crate) labels: u8,
    pub(super) flags: u8,
    pub(super) wire_octets: u8,
    /// The wire form, the sets, and what stands behind this node.
    rest: &'z [u8],
}

impl<'z> Node<'z> {
    /// The name exists in the zone: it owns records or is above a name that does
    /// (RFC 4592 §2.2.2).
    pub(super) const EXISTS: u8 = 1;
    /// NS records below the apex: authority ends here (RFC 1034 §4.2).
    pub(super) const CUT: u8 = 2;
    /// A DNAME record (RFC 6672 §2.1).
    pub(super) const DNAME: u8 = 4;

    pub(crate) fn exists(&self) -> bool {
        self.flags & Self::EXISTS != 0
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.flags & Self::CUT != 0
    }

    pub(crate) fn has_dname(&self) -> bool {
        self.flags & Self::DNAME != 0
    }

    pub(crate) fn has_sets(&self) -> bool {
        self.set_count > 0
    }

    /// The wire form of the name, its case as in the file.
    pub(crate) fn wire(&self) -> &'z [u8] {
        &self.rest[..usize::from(self.wire_octets)]
    }

    /// The record sets, sorted by type.
    pub(crate) fn sets(&self) -> RecordSets<'z> {
        RecordSets { rest: &self.rest[usize::from(self.wire_octets)..], left: self.set_count }
    }

    /// The records of one type.
    pub(crate) fn set(&self, record_type: RecordType) -> Option<RecordSet<'z>> {
        self.sets().find(|set| set.record_type == record_type)
    }

    /// Octets from the head to the last set.
    fn octets(&self) -> usize {
        let sets = self.sets().map(|set| SET_HEAD_OCTETS + set.data.len()).sum::<usize>();
        HEAD_OCTETS + usize::from(self.wire_octets) + sets
    }
}

/// Records of one type at one name.
#[derive(Clone, Copy)]
pub(crate) struct RecordSet<'z> {
    pub(crate) record_type: RecordType,
    pub(crate) count: u16,
    pub(crate) ttl: u32,
    /// The records as they are stored, one behind the other.
    pub(crate) data: &'z [u8],
}

/// The record sets of a node.
#[derive(Clone)]
pub(crate) struct RecordSets<'z> {
    rest: &'z [u8],
    left: u16,
}

impl<'z> Iterator for RecordSets<'z> {
    type Item = RecordSet<'z>;

    fn next(&mut self) -> Option<RecordSet<'z>> {
        self.left = self.left.checked_sub(1)?;
        let ([t0, t1, c0, c1, ttl @ ..], rest) =
            self.rest.split_first_chunk::<SET_HEAD_OCTETS>()?;
        let (ttl, octets) = ttl.split_first_chunk::<4>()?;
        let octets = u32::from_le_bytes(*octets.first_chunk::<4>()?);
        let (data, rest) = rest.split_at_checked(octets as usize)?;
        self.rest = rest;
        Some(RecordSet {
            record_type: RecordType(u16::from_le_bytes([*t0, *t1])),
            count: u16::from_le_bytes([*c0, *c1]),
            ttl: u32::from_le_bytes(*ttl),
            data,
        })
    }
}

/// Octets of a line of the processor's caches.
const LINE_OCTETS: usize = 64;
/// Parent, cover, wildcard, number of sets, labels, flags, octets of the name.
pub(super) const HEAD_OCTETS: usize = 17;
/// Type, number of records, TTL, octets of the data.
pub(super) const SET_HEAD_OCTETS: usize = 12;
