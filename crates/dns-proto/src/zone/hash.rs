//! Names as keys: a hash of each suffix in one pass from the right.

use crate::name::{LABELS_MAX, NAME_OCTETS_MAX};

use super::NodeId;

/// A name prepared for searching: lower case, with the start and hash of each suffix.
#[derive(Clone)]
pub(crate) struct SearchName {
    lower: [u8; PADDED_OCTETS],
    length: usize,
    starts: [u8; LABELS_MAX + 1],
    labels: usize,
    hashes: [u64; LABELS_MAX + 1],
}

impl SearchName {
    pub(crate) const fn new() -> Self {
        Self {
            lower: [0; PADDED_OCTETS],
            length: 1,
            starts: [0; LABELS_MAX + 1],
            labels: 0,
            hashes: [0; LABELS_MAX + 1],
        }
    }

    /// Takes the uncompressed name at the start of `wire`; none when it breaks a rule.
    pub(crate) fn load(&mut self, wire: &[u8]) -> Option<usize> {
        let (mut at, mut labels) = (0, 0);
        loop {
            let label = usize::from(*wire.get(at)?);
            if label == 0 {
                break;
            }
            // RFC 1035 §2.3.4; a pointer has no place in a name of a question.
            if label > 63 || labels >= LABELS_MAX {
                return None;
            }
            self.starts[labels] = u8::try_from(at).ok()?;
            labels += 1;
            at += label + 1;
        }
        let length = at + 1;
        if length > NAME_OCTETS_MAX {
            return None;
        }
        self.starts[labels] = u8::try_from(at).ok()?;
        self.lower[..length].copy_from_slice(wire.get(..length)?);
        // Length octets are below the letters, so the whole name can be lowered at once.
        self.lower[..length].make_ascii_lowercase();
        self.length = length;
        self.labels = labels;
        let mut hash = HASH_SEED;
        self.hashes[labels] = hash;
        for label in (0..labels).rev() {
            let (start, end) = (self.starts[label], self.starts[label + 1]);
            hash = self.mix(hash, usize::from(start), usize::from(end));
            self.hashes[label] = hash;
        }
        Some(length)
    }

    /// Adds the octets of one label, its length octet first, eight at a time.
    fn mix(&self, mut hash: u64, start: usize, end: usize) -> u64 {
        let mut at = start;
        while at < end {
            let mut word = [0; 8];
            word.copy_from_slice(&self.lower[at..at + 8]);
            let unused = 8_usize.saturating_sub(end - at) * 8;
            let word = u64::from_le_bytes(word) << unused;
            hash = (hash.rotate_left(29) ^ word).wrapping_mul(HASH_FACTOR);
            at += 8;
        }
        hash ^ hash >> 32
    }

    /// Number of labels, the root not counted.
    pub(crate) fn labels(&self) -> usize {
        self.labels
    }

    /// Octets of the wire form.
    pub(crate) fn wire_len(&self) -> usize {
        self.length
    }

    /// The lower-case wire form without its `label` leftmost labels.
    pub(crate) fn suffix(&self, label: usize) -> &[u8] {
        &self.lower[usize::from(self.starts[label])..self.length]
    }

    /// Whether [`SearchName::suffix`] and a wire form are one name.
    pub(crate) fn is(&self, label: usize, wire: &[u8]) -> bool {
        let suffix = self.suffix(label);
        // Files are mostly in lower case, and comparing as it stands is faster.
        suffix == wire || suffix.eq_ignore_ascii_case(wire)
    }

    /// Where the suffix starts in the wire form.
    pub(crate) fn start(&self, label: usize) -> usize {
        usize::from(self.starts[label])
    }

    /// The hash of [`SearchName::suffix`].
    pub(crate) fn hash(&self, label: usize) -> u64 {
        self.hashes[label]
    }
}

impl std::fmt::Debug for SearchName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SearchName").field(&self.suffix(0)).finish()
    }
}

/// An open-addressed table from hashes to nodes, at most half full.
///
/// Only the zone's own names are in it, so a client cannot make its chains longer.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    slots: Vec<Slot>,
    shift: u32,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    tag: u32,
    node: NodeId,
}

impl Index {
    /// A table for so many names.
    pub(crate) fn with_room_for(names: usize) -> Self {
        let slots = (names * 2).next_power_of_two().max(2);
        Self {
            slots: vec![Slot { tag: 0, node: NodeId::NONE }; slots],
            shift: u64::BITS - slots.trailing_zeros(),
        }
    }

    /// The node with this hash for which `is_equal` holds.
    pub(crate) fn find(&self, hash: u64, is_equal: impl Fn(NodeId) -> bool) -> Option<NodeId> {
        let mask = self.slots.len() - 1;
        let mut at = self.home(hash);
        loop {
            let slot = self.slots[at & mask];
            slot.node.some()?;
            if slot.tag == tag(hash) && is_equal(slot.node) {
                return Some(slot.node);
            }
            at += 1;
        }
    }

    /// Adds a node that is not in the table.
    pub(crate) fn insert(&mut self, hash: u64, node: NodeId) {
        let mask = self.slots.len() - 1;
        let mut at = self.home(hash);
        while self.slots[at & mask].node.some().is_some() {
            at += 1;
        }
        self.slots[at & mask] = Slot { tag: tag(hash), node };
    }

    /// Names that keep the table half full.
    pub(crate) fn room(&self) -> usize {
        self.slots.len() / 2
    }

    /// Octets of memory.
    pub(crate) fn memory_octets(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>()
    }

    fn home(&self, hash: u64) -> usize {
        usize::try_from(hash.wrapping_mul(HASH_FACTOR) >> self.shift).unwrap_or(0)
    }
}

fn tag(hash: u64) -> u32 {
    let [a, b, c, d, ..] = hash.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// A name and the octets that reading eight at a time may touch behind it.
const PADDED_OCTETS: usize = NAME_OCTETS_MAX + 9;
/// The fraction of the golden ratio, odd: its product spreads over the upper bits.
const HASH_FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
/// The hash of the root.
const HASH_SEED: u64 = 0x243f_6a88_85a3_08d3;
