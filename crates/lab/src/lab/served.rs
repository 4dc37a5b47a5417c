//! The zones that the lab's servers answer from, and their changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use capa7_dns_proto::rdata::RdataText;
use capa7_dns_proto::zone::{Zone, ZoneSet};
use capa7_dns_proto::{Name, RecordType};

use super::{LabError, RecordShown};
use crate::world::{World, WorldZone, ZoneEdit};

/// Every zone with its records, and the sets of them that are served. Servers
/// with the same zones share one set.
#[derive(Debug)]
pub(super) struct ServedZones {
    zones: BTreeMap<Name, (WorldZone, Arc<Zone>)>,
    sets: Vec<(Vec<Name>, Arc<ArcSwap<ZoneSet>>)>,
}

impl ServedZones {
    pub(super) fn new(world: &World) -> Result<Self, LabError> {
        let mut zones = BTreeMap::new();
        for zone in &world.zones {
            zones.insert(zone.origin.clone(), (zone.clone(), compile(zone)?));
        }
        Ok(Self { zones, sets: Vec::new() })
    }

    /// The set of these zones, for a server to answer from.
    pub(super) fn set(&mut self, origins: &[String]) -> Result<Arc<ArcSwap<ZoneSet>>, LabError> {
        let mut names = Vec::with_capacity(origins.len());
        for origin in origins {
            names.push(Name::parse(origin).map_err(|_| LabError::NoZone(origin.clone()))?);
        }
        if let Some((_, set)) = self.sets.iter().find(|(known, _)| *known == names) {
            return Ok(Arc::clone(set));
        }
        let set = Arc::new(ArcSwap::from_pointee(self.collect(&names)?));
        self.sets.push((names, Arc::clone(&set)));
        Ok(set)
    }

    fn collect(&self, names: &[Name]) -> Result<ZoneSet, LabError> {
        let mut zones = Vec::with_capacity(names.len());
        for name in names {
            let (_, zone) =
                self.zones.get(name).ok_or_else(|| LabError::NoZone(name.to_string()))?;
            zones.push(Arc::clone(zone));
        }
        ZoneSet::new(zones).map_err(|error| LabError::Zone(error.to_string()))
    }

    /// Changes a zone; every server that holds it answers from the new one
    /// from its next query on. A change that fails leaves the zone as it is.
    pub(super) fn change(&mut self, origin: &Name, edit: &ZoneEdit) -> Result<(), LabError> {
        let (zone, _) =
            self.zones.get(origin).ok_or_else(|| LabError::NoZone(origin.to_string()))?;
        let mut changed = zone.clone();
        changed.change(edit).map_err(LabError::Zone)?;
        let compiled = compile(&changed)?;
        self.zones.insert(origin.clone(), (changed, compiled));
        for (names, set) in self.sets.iter().filter(|(names, _)| names.contains(origin)) {
            set.store(Arc::new(self.collect(names)?));
        }
        Ok(())
    }

    /// The records of a zone as text.
    pub(super) fn records(&self, origin: &Name) -> Vec<RecordShown> {
        let Some((zone, _)) = self.zones.get(origin) else { return Vec::new() };
        let shown = |record: capa7_dns_proto::zone_file::ZoneFileRecord<'_>| RecordShown {
            name: record.owner.to_string(),
            ttl: record.ttl,
            record_type: record.record_type.to_string(),
            data: data_text(record.record_type, record.data),
        };
        zone.records.records().map(shown).collect()
    }
}

fn compile(zone: &WorldZone) -> Result<Arc<Zone>, LabError> {
    Zone::compile(&zone.records).map(Arc::new).map_err(|error| LabError::Zone(error.to_string()))
}

/// Record data as a master file writes it.
pub(super) fn data_text(record_type: RecordType, data: &[u8]) -> String {
    RdataText { record_type, data }.to_string()
}
