//! The last step of compiling: from numbered names to nodes in lines.

use crate::RecordType;

use super::arena::{Arena, HEAD_OCTETS, Node, SET_HEAD_OCTETS, lines_for};
use super::hash::Index;
use super::intern::Interner;
use super::records::{Shape, stored_name};
use super::{NodeId, Zone, ZoneError};

/// A zone whose names are numbered one by one in canonical order.
pub(super) struct Draft {
    pub(super) nodes: Vec<DraftNode>,
    pub(super) sets: Vec<DraftSet>,
    /// Stored records; see [`Shape`].
    pub(super) data: Vec<u8>,
    pub(super) apex: NodeId,
}

/// What becomes a [`super::Node`].
#[derive(Clone, Copy)]
pub(super) struct DraftNode {
    /// The name's number in the interner.
    pub(super) name: NodeId,
    pub(super) parent: NodeId,
    pub(super) covered_by: NodeId,
    pub(super) wildcard: NodeId,
    /// The first of this node's sets; they are side by side.
    pub(super) first_set: u32,
    pub(super) set_count: u16,
    pub(super) labels: u8,
    pub(super) flags: u8,
}

/// What becomes a [`super::RecordSet`].
pub(super) struct DraftSet {
    /// Where its records are in [`Draft::data`].
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) ttl: u32,
    pub(super) record_type: RecordType,
    pub(super) count: u16,
}

impl Draft {
    /// The sets of a node, sorted by type.
    pub(super) fn sets(&self, node: &DraftNode) -> &[DraftSet] {
        let first = node.first_set as usize;
        &self.sets[first..first + usize::from(node.set_count)]
    }

    fn octets(&self, node: &DraftNode, interner: &Interner) -> usize {
        let sets = self.sets(node).iter().map(|set| SET_HEAD_OCTETS + set.data_octets());
        HEAD_OCTETS + interner.wire(node.name).len() + sets.sum::<usize>()
    }
}

impl DraftNode {
    fn exists(&self) -> bool {
        self.flags & Node::EXISTS != 0
    }
}

impl DraftSet {
    fn data_octets(&self) -> usize {
        (self.end - self.start) as usize
    }
}

/// Gives each node its lines and writes it there.
pub(super) fn lay_out(draft: &Draft, interner: &Interner, records: u32) -> Result<Zone, ZoneError> {
    let mut next = 0;
    let mut lines = Vec::with_capacity(draft.nodes.len());
    for node in &draft.nodes {
        let line = u32::try_from(next).ok().filter(|line| *line != NodeId::NONE.0);
        lines.push(NodeId(line.ok_or_else(ZoneError::too_large)?));
        next += lines_for(draft.octets(node, interner));
    }
    let existing = draft.nodes.iter().filter(|node| node.exists()).count();
    let mut index = Index::with_room_for(existing);
    let mut nodes = Arena::with_lines(next);
    for (node, line) in draft.nodes.iter().zip(&lines) {
        if node.exists() {
            index.insert(interner.hash(node.name), *line);
        }
        write(draft, node, &lines, interner.wire(node.name), nodes.at_mut(*line))?;
    }
    let apex = &draft.nodes[draft.apex.0 as usize];
    let apex_labels = apex.labels;
    Ok(Zone { nodes, index, apex: lines[draft.apex.0 as usize], apex_labels, records })
}

/// Writes a node as [`Arena::node`] reads it.
fn write(
    draft: &Draft,
    node: &DraftNode,
    lines: &[NodeId],
    wire: &[u8],
    mut out: &mut [u8],
) -> Result<(), ZoneError> {
    let mut put = |octets: &[u8]| {
        let (here, rest) = std::mem::take(&mut out).split_at_mut(octets.len());
        here.copy_from_slice(octets);
        out = rest;
    };
    let line = |number: NodeId| number.some().map_or(NodeId::NONE, |some| lines[some.0 as usize]);
    for link in [node.parent, node.covered_by, node.wildcard] {
        put(&line(link).0.to_le_bytes());
    }
    put(&node.set_count.to_le_bytes());
    let wire_octets = u8::try_from(wire.len()).map_err(|_| ZoneError::too_large())?;
    put(&[node.labels, node.flags, wire_octets]);
    put(wire);
    for set in draft.sets(node) {
        put(&set.record_type.0.to_le_bytes());
        put(&set.count.to_le_bytes());
        put(&set.ttl.to_le_bytes());
        put(&(set.end - set.start).to_le_bytes());
        let data = &draft.data[set.start as usize..set.end as usize];
        let Some(shape) = Shape::of(set.record_type).filter(|shape| shape.names > 0) else {
            put(data);
            continue;
        };
        for record in data.chunks_exact(shape.stored_octets()) {
            let (prefix, rest) = record.split_at(shape.prefix);
            let (names, suffix) = rest.split_at(shape.names * 4);
            put(prefix);
            for number in names.chunks_exact(4).filter_map(stored_name) {
                put(&line(number).0.to_be_bytes());
            }
            put(suffix);
        }
    }
    Ok(())
}
