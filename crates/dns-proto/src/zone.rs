//! A zone compiled for answering: immutable, compact, and looked up by hash.
//!
//! ```text
//!   index  hash of a name ──> node number
//!   nodes  one per name, in canonical order: parent, cut above, wildcard, wire form,
//!          record sets; data near wire form, each name in them a node number
//! ```
//!
//! Names that only stand in record data have nodes too, so that following an alias, finding
//! an address and compressing a name need no comparison of strings.

mod arena;
mod compile;
mod hash;
mod intern;
mod layout;
mod records;
mod set;

use crate::Name;

use arena::Arena;
use hash::SearchName;

pub use compile::ZoneError;
pub use records::{NameStatus, ZoneRecord};
pub use set::{DuplicateZone, ZoneSet};

pub(crate) use arena::{Node, RecordSet};
pub(crate) use hash::SearchName as QueryName;
pub(crate) use records::{Shape, stored_name};

/// A zone ready to answer from; see the module.
pub struct Zone {
    nodes: Arena,
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
        self.nodes.nodes().filter(|(_, node)| node.exists()).count()
    }

    /// Number of records, duplicates not counted.
    pub fn record_count(&self) -> usize {
        self.records as usize
    }

    /// Octets of memory that the zone takes.
    pub fn memory_octets(&self) -> usize {
        size_of::<Self>() + self.nodes.memory_octets() + self.index.memory_octets()
    }

    pub(crate) fn apex_node(&self) -> NodeId {
        self.apex
    }

    pub(crate) fn node(&self, id: NodeId) -> Node<'_> {
        self.nodes.node(id)
    }

    /// The wire form of a node's name.
    pub(crate) fn wire(&self, id: NodeId) -> &[u8] {
        self.node(id).wire()
    }

    pub(crate) fn name_of(&self, id: NodeId) -> Name {
        Name::from_wire(self.wire(id)).unwrap_or(Name::root())
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
            if let Some(id) = self.index.find(name.hash(label), |id| name.is(label, self.wire(id)))
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
