//! The zones that one server answers for.

use std::sync::Arc;

use thiserror::Error;

use crate::{Name, RecordType};

use super::hash::{Index, SearchName};
use super::{NodeId, Zone};

/// An immutable set of zones, found by the name of a question.
#[derive(Clone, Debug)]
pub struct ZoneSet {
    zones: Vec<Arc<Zone>>,
    index: Index,
    /// Bit n is set when the apex of some zone has n labels.
    depths: u128,
}

/// Two zones of a set have one name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("zone {0} is given twice; remove one of its files")]
pub struct DuplicateZone(pub Name);

impl ZoneSet {
    /// Makes a set of zones.
    ///
    /// # Errors
    /// When two zones have one name.
    pub fn new(zones: impl IntoIterator<Item = Arc<Zone>>) -> Result<Self, DuplicateZone> {
        let zones: Vec<_> = zones.into_iter().collect();
        let mut set = Self { index: Index::with_room_for(zones.len()), zones, depths: 0 };
        let mut search = SearchName::new();
        for (number, zone) in (0_u32..).zip(set.zones.clone()) {
            let apex = zone.apex();
            if search.load(apex.as_wire()).is_none() || set.at_depth(&search, 0).is_some() {
                return Err(DuplicateZone(apex));
            }
            set.index.insert(search.hash(0), NodeId(number));
            set.depths |= 1 << search.labels();
        }
        Ok(set)
    }

    /// A set of one zone.
    pub fn single(zone: Arc<Zone>) -> Self {
        let mut search = SearchName::new();
        let mut index = Index::with_room_for(1);
        let loaded = search.load(zone.wire(zone.apex_node()));
        debug_assert!(loaded.is_some(), "an apex is a valid name");
        index.insert(search.hash(0), NodeId(0));
        Self { zones: vec![zone], index, depths: 1 << search.labels() }
    }

    /// The same set with a zone in the place of the one with its name, if there is one.
    #[must_use]
    pub fn with_replaced(&self, zone: &Arc<Zone>) -> Self {
        let mut set = self.clone();
        let apex = zone.apex();
        if let Some(place) = set.zones.iter_mut().find(|known| known.apex() == apex) {
            *place = Arc::clone(zone);
        }
        set
    }

    /// The zones in the order in which they were given.
    pub fn zones(&self) -> &[Arc<Zone>] {
        &self.zones
    }

    /// The zone that answers for a name: the one with the longest apex at or above it.
    pub fn find(&self, name: &Name) -> Option<&Arc<Zone>> {
        let mut search = SearchName::new();
        search.load(name.as_wire())?;
        self.find_for(&search, RecordType::A)
    }

    /// The zone that answers a question. DS records live on the parent's side of a cut
    /// (RFC 4035 §3.1.4.1), so for them a zone above the name goes first.
    pub(crate) fn find_for(
        &self,
        name: &SearchName,
        record_type: RecordType,
    ) -> Option<&Arc<Zone>> {
        let own = record_type == RecordType::DS;
        let above = (usize::from(own)..=name.labels()).find_map(|label| self.at_depth(name, label));
        above.or_else(|| if own { self.at_depth(name, 0) } else { None })
    }

    fn at_depth(&self, name: &SearchName, label: usize) -> Option<&Arc<Zone>> {
        let depth = name.labels().checked_sub(label)?;
        if self.depths & 1 << depth == 0 {
            return None;
        }
        let found = self.index.find(name.hash(label), |NodeId(number)| {
            let zone = self.zones.get(number as usize);
            zone.is_some_and(|zone| name.is(label, zone.wire(zone.apex_node())))
        });
        self.zones.get(found?.0 as usize)
    }
}
