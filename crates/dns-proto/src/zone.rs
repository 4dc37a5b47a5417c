//! A zone compiled for answering: immutable, compact, and looked up by hash.
//!
//! ```text
//!   index  hash of a name ──> node number
//!   nodes  one per name, in canonical order: parent, record sets, wildcard, cut above
//!   sets   (type, ttl, count, where) of each record set, a node's side by side
//!   data   record data near wire form; each name in them is a node number
//!   names  the names' wire forms
//! ```
//!
//! Names that only stand in record data have nodes too, so that following an alias, finding
//! an address and compressing a name need no comparison of strings.

mod compile;
mod hash;
mod intern;
mod records;
mod set;

use crate::{Name, RecordType};

use hash::SearchName;

pub use compile::ZoneError;
pub use records::{NameStatus, ZoneRecord};
pub use set::{DuplicateZone, ZoneSet};

pub(crate) use hash::SearchName as QueryName;
pub(crate) use records::{Shape, stored_name};

/// A zone ready to answer from; see the module.
pub struct Zone {
    nodes: Vec<Node>,
    names: Vec<u8>,
    sets: Vec<RecordSet>,
    data: Vec<u8>,
    index: hash::Index,
    apex: NodeId,
    apex_labels: u8,
    records: u32,
}

/// The number of a node; numbers follow the canonical order of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NodeId(pub(crate) u32);

impl NodeId {
    /// No node.
    pub(crate) const NONE: Self = Self(u32::MAX);

    /// The number, unless it is [`NodeId::NONE`].
    pub(crate) fn some(self) -> Option<Self> {
        (self != Self::NONE).then_some(self)
    }
}

/// A name of the zone, or one that its data mention.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    /// Where the wire form starts in `names`.
    name: u32,
    /// The node without the leftmost label; none for the root.
    pub(crate) parent: NodeId,
    /// The first of this node's sets.
    first_set: u32,
    /// The highest proper ancestor with a zone cut or a DNAME, if any.
    pub(crate) covered_by: NodeId,
    /// The child `*`, if it exists (RFC 4592 §2.1.1).
    pub(crate) wildcard: NodeId,
    set_count: u16,
    pub(crate) labels: u8,
    flags: u8,
}

impl Node {
    /// The name exists in the zone: it owns records or is above a name that does
    /// (RFC 4592 §2.2.2).
    const EXISTS: u8 = 1;
    /// NS records below the apex: authority ends here (RFC 1034 §4.2).
    const CUT: u8 = 2;
    /// A DNAME record (RFC 6672 §2.1).
    const DNAME: u8 = 4;

    pub(crate) fn exists(&self) -> bool {
        self.flags & Self::EXISTS != 0
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.flags & Self::CUT != 0
    }

    pub(crate) fn has_dname(&self) -> bool {
        self.flags & Self::DNAME != 0
    }
}

/// Records of one type at one name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecordSet {
    /// Where the first record starts in `data`.
    pub(crate) data: u32,
    pub(crate) ttl: u32,
    pub(crate) record_type: RecordType,
    pub(crate) count: u16,
}

impl Zone {
    /// Compiles the records of a file.
    ///
    /// # Errors
    /// What makes the zone unservable: no SOA record or several, records outside the zone,
    /// a CNAME beside other data.
    pub fn compile(file: &crate::zone_file::ZoneFile) -> Result<Self, ZoneError> {
        compile::compile(file)
    }

    /// The zone's name.
    pub fn apex(&self) -> Name {
        self.name_of(self.apex)
    }

    /// Number of names that exist, empty ones included.
    pub fn name_count(&self) -> usize {
        self.nodes.iter().filter(|node| node.exists()).count()
    }

    /// Number of records, duplicates not counted.
    pub fn record_count(&self) -> usize {
        self.records as usize
    }

    /// Octets of memory that the zone takes.
    pub fn memory_octets(&self) -> usize {
        size_of::<Self>()
            + self.nodes.capacity() * size_of::<Node>()
            + self.names.capacity()
            + self.sets.capacity() * size_of::<RecordSet>()
            + self.data.capacity()
            + self.index.memory_octets()
    }

    pub(crate) fn apex_node(&self) -> NodeId {
        self.apex
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// The wire form of a node's name.
    pub(crate) fn wire(&self, id: NodeId) -> &[u8] {
        // Wire forms stand in the order of nodes, so the next one's start is this one's end.
        let start = self.node(id).name as usize;
        let end = self.nodes.get(id.0 as usize + 1).map_or(self.names.len(), |n| n.name as usize);
        &self.names[start..end]
    }

    pub(crate) fn name_of(&self, id: NodeId) -> Name {
        Name::from_wire(self.wire(id)).unwrap_or(Name::root())
    }

    /// The record sets of a node, sorted by type.
    pub(crate) fn sets(&self, node: &Node) -> &[RecordSet] {
        let first = node.first_set as usize;
        &self.sets[first..first + usize::from(node.set_count)]
    }

    pub(crate) fn set(&self, node: &Node, record_type: RecordType) -> Option<&RecordSet> {
        self.sets(node).iter().find(|set| set.record_type == record_type)
    }

    /// The octets of a set's records and of all sets after it.
    pub(crate) fn data_from(&self, set: &RecordSet) -> &[u8] {
        &self.data[set.data as usize..]
    }

    /// Whether a node lies at or below the apex.
    pub(crate) fn contains(&self, id: NodeId) -> bool {
        // Canonical order keeps a subtree side by side; labels bound it on both sides.
        let (node, apex) = (self.node(id), self.node(self.apex));
        if id < self.apex || node.labels < apex.labels {
            return false;
        }
        let mut at = id;
        while at > self.apex {
            at = self.node(at).parent;
        }
        at == self.apex
    }

    /// Finds the node of a name below the apex, or its closest encloser (RFC 4592 §3.3.1).
    pub(crate) fn locate(&self, name: &SearchName) -> Located {
        let depth = name.labels().saturating_sub(usize::from(self.apex_labels));
        for label in 0..depth {
            if let Some(id) = self
                .index
                .find(name.hash(label), |id| self.wire(id).eq_ignore_ascii_case(name.suffix(label)))
            {
                return Located { node: id, exact: label == 0 };
            }
        }
        Located { node: self.apex, exact: depth == 0 }
    }
}

/// Where a name is in the zone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Located {
    /// The name's node, or its closest encloser.
    pub(crate) node: NodeId,
    /// Whether the node is the name itself.
    pub(crate) exact: bool,
}

impl std::fmt::Debug for Zone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Zone")
            .field("apex", &self.apex())
            .field("records", &self.records)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
