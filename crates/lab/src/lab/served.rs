//! The zones that the lab's servers answer from, and their changes.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use capa7_dns_proto::message::Message;
use capa7_dns_proto::rdata::RdataText;
use capa7_dns_proto::registry::ServerEntry;
use capa7_dns_proto::update::{process, zone_of};
use capa7_dns_proto::zone::{Zone, ZoneRecord, ZoneSet};
use capa7_dns_proto::{Name, Rcode, RecordType};

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
        self.replace(changed)
    }

    /// Carries out a DNS UPDATE (RFC 2136); whether the zone has changed.
    pub(super) fn update(&mut self, update: &Message) -> Result<bool, Rcode> {
        let origin = zone_of(update)?;
        let (zone, compiled) = self.zones.get(origin).ok_or(Rcode::NOTAUTH)?;
        let Some(records) = process(update, compiled)? else { return Ok(false) };
        let changed = WorldZone { records, ..zone.clone() };
        self.replace(changed).map_err(|_| Rcode::SERVFAIL)?;
        Ok(true)
    }

    /// Puts a zone in the place of the one with its name, wherever it is served.
    fn replace(&mut self, changed: WorldZone) -> Result<(), LabError> {
        let origin = changed.origin.clone();
        let compiled = compile(&changed)?;
        self.zones.insert(origin.clone(), (changed, compiled));
        for (names, set) in self.sets.iter().filter(|(names, _)| names.contains(&origin)) {
            set.store(Arc::new(self.collect(names)?));
        }
        Ok(())
    }

    /// The names that a zone delegates one label below it, with their servers
    /// and the addresses that it gives for those inside the name.
    pub(super) fn delegations(&self, origin: &Name) -> BTreeMap<Name, Vec<ServerEntry>> {
        let mut found: BTreeMap<Name, Vec<ServerEntry>> = BTreeMap::new();
        let Some((_, zone)) = self.zones.get(origin) else { return found };
        let below = |record: &ZoneRecord| {
            record.record_type == RecordType::NS && record.owner.parent().as_ref() == Some(origin)
        };
        for record in zone.records().filter(below) {
            let Ok(name) = Name::from_wire(&record.data) else { continue };
            let glue = zone.find(&name, RecordType::A);
            let address = glue.first().and_then(|glue| glue.data.first_chunk::<4>().copied());
            let inside = name.is_subdomain_of(&record.owner);
            let address = address.filter(|_| inside).map(IpAddr::from);
            found.entry(record.owner).or_default().push(ServerEntry { name, address });
        }
        found
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

/// The zones, whoever else works on them.
pub(super) fn lock(zones: &Mutex<ServedZones>) -> MutexGuard<'_, ServedZones> {
    zones.lock().unwrap_or_else(PoisonError::into_inner)
}

fn compile(zone: &WorldZone) -> Result<Arc<Zone>, LabError> {
    Zone::compile(&zone.records).map(Arc::new).map_err(|error| LabError::Zone(error.to_string()))
}

/// Record data as a master file writes it.
pub(super) fn data_text(record_type: RecordType, data: &[u8]) -> String {
    RdataText { record_type, data }.to_string()
}
