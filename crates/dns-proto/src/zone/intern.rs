//! Numbers for names while a zone is compiled.

use super::hash::{Index, SearchName};
use super::{NodeId, ZoneError};

/// Gives each name, and each of its ancestors, one number in the order of first sight.
pub(super) struct Interner {
    pub(super) names: Vec<u8>,
    pub(super) entries: Vec<Entry>,
    index: Index,
    search: Box<SearchName>,
}

/// A name with the number of its parent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) start: u32,
    pub(super) length: u8,
    pub(super) labels: u8,
    pub(super) parent: NodeId,
    hash: u64,
}

impl Interner {
    pub(super) fn new() -> Self {
        Self {
            names: Vec::new(),
            entries: Vec::new(),
            index: Index::with_room_for(INDEX_NAMES_MIN),
            search: Box::new(SearchName::new()),
        }
    }

    /// The number of the name with this wire form.
    pub(super) fn intern(&mut self, wire: &[u8]) -> Result<NodeId, ZoneError> {
        self.search.load(wire).ok_or_else(ZoneError::too_large)?;
        let labels = self.search.labels();
        let mut known = None;
        let mut label = 0;
        while label <= labels {
            known = self.find(label);
            if known.is_some() {
                break;
            }
            label += 1;
        }
        let mut id = known.unwrap_or(NodeId::NONE);
        for label in (0..label.min(labels + 1)).rev() {
            id = self.add(wire, label, id)?;
        }
        Ok(id)
    }

    fn find(&self, label: usize) -> Option<NodeId> {
        let search = &self.search;
        self.index.find(search.hash(label), |id| search.is(label, self.wire(id)))
    }

    /// The wire form of a name.
    pub(super) fn wire(&self, id: NodeId) -> &[u8] {
        let entry = &self.entries[id.0 as usize];
        let start = entry.start as usize;
        &self.names[start..start + usize::from(entry.length)]
    }

    fn add(&mut self, wire: &[u8], label: usize, parent: NodeId) -> Result<NodeId, ZoneError> {
        let number = u32::try_from(self.entries.len()).map_err(|_| ZoneError::too_large())?;
        let start = u32::try_from(self.names.len()).map_err(|_| ZoneError::too_large())?;
        let name = &wire[self.search.start(label)..self.search.wire_len()];
        self.names.extend_from_slice(name);
        let labels = self.search.labels() - label;
        let hash = self.search.hash(label);
        self.entries.push(Entry {
            start,
            length: u8::try_from(name.len()).map_err(|_| ZoneError::too_large())?,
            labels: u8::try_from(labels).map_err(|_| ZoneError::too_large())?,
            parent,
            hash,
        });
        if self.entries.len() > self.index.room() {
            let mut larger = Index::with_room_for(self.entries.len() * 2);
            for (id, entry) in (0..number).zip(&self.entries) {
                larger.insert(entry.hash, NodeId(id));
            }
            self.index = larger;
        }
        self.index.insert(hash, NodeId(number));
        Ok(NodeId(number))
    }

    /// The hash of a name, as [`SearchName::hash`] gives it.
    pub(super) fn hash(&self, id: NodeId) -> u64 {
        self.entries[id.0 as usize].hash
    }
}

/// Names for which the first table has room.
const INDEX_NAMES_MIN: usize = 64;
