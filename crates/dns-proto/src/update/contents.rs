//! The records of a zone while they are being changed.

use std::collections::BTreeMap;

use crate::message::{Rdata, Record};
use crate::zone::Zone;
use crate::zone_file::{Problem, ZoneFile};
use crate::{Name, RecordClass, RecordType};

/// Names with their sets, each in the order of its records.
#[derive(Clone, Debug)]
pub(super) struct Contents {
    apex: Name,
    names: BTreeMap<Name, BTreeMap<RecordType, Vec<Datum>>>,
}

/// A record's TTL and data, with the form by which data are compared.
#[derive(Clone, Debug)]
struct Datum {
    ttl: u32,
    data: Vec<u8>,
    canonical: Vec<u8>,
}

impl Contents {
    pub(super) fn empty(apex: &Name) -> Self {
        Self { apex: apex.clone(), names: BTreeMap::new() }
    }

    pub(super) fn of(zone: &Zone) -> Self {
        let mut contents = Self::empty(&zone.apex());
        for record in zone.records() {
            let set = contents.set_mut(&record.owner, record.record_type);
            set.push(Datum::new(record.record_type, record.ttl, &record.data));
        }
        contents
    }

    fn set_mut(&mut self, name: &Name, rtype: RecordType) -> &mut Vec<Datum> {
        self.names.entry(name.clone()).or_default().entry(rtype).or_default()
    }

    fn set(&self, name: &Name, rtype: RecordType) -> &[Datum] {
        self.names.get(name).and_then(|sets| sets.get(&rtype)).map_or(&[], Vec::as_slice)
    }

    /// Whether a name owns a record (RFC 2136 §2.4.4 counts empty
    /// non-terminals as not in use).
    pub(super) fn has_name(&self, name: &Name) -> bool {
        self.names.get(name).is_some_and(|sets| sets.values().any(|set| !set.is_empty()))
    }

    pub(super) fn has_set(&self, name: &Name, rtype: RecordType) -> bool {
        !self.set(name, rtype).is_empty()
    }

    /// The sets that there are.
    pub(super) fn sets(&self) -> impl Iterator<Item = (&Name, RecordType)> {
        self.names.iter().flat_map(|(name, sets)| sets.keys().map(move |rtype| (name, *rtype)))
    }

    /// Whether a set holds the same data here and there (RFC 2136 §3.2.3).
    pub(super) fn same_set(&self, other: &Self, name: &Name, rtype: RecordType) -> bool {
        let sorted = |contents: &Self| {
            let mut data: Vec<_> =
                contents.set(name, rtype).iter().map(|datum| datum.canonical.clone()).collect();
            data.sort_unstable();
            data.dedup();
            data
        };
        sorted(self) == sorted(other)
    }

    /// Puts in a record as it is.
    pub(super) fn gather(&mut self, record: &Record) {
        let datum = Datum::new(record.rtype, record.ttl, record.rdata.as_wire());
        self.set_mut(&record.name, record.rtype).push(datum);
    }

    /// One record of the update section, by its class; whether something has
    /// changed (RFC 2136 §3.4.2).
    pub(super) fn apply(&mut self, record: &Record) -> bool {
        match record.class {
            RecordClass::ANY if record.rtype == RecordType::ANY => self.delete_name(&record.name),
            RecordClass::ANY => self.delete_set(&record.name, record.rtype),
            RecordClass::NONE => self.delete_record(record),
            _ => self.add(record),
        }
    }

    /// RFC 2136 §3.4.2.2.
    fn add(&mut self, record: &Record) -> bool {
        let (name, rtype) = (&record.name, record.rtype);
        let datum = Datum::new(rtype, record.ttl, record.rdata.as_wire());
        if rtype == RecordType::SOA {
            // Only the zone's own, and only one that is newer (RFC 1982 §3.2).
            let Some(serial) = serial_of(&datum.data).filter(|_| *name == self.apex) else {
                return false;
            };
            if !is_newer(serial, self.serial()) {
                return false;
            }
            *self.set_mut(name, rtype) = vec![datum];
            return true;
        }
        // An alias has no other data, and other data have no alias; the
        // records of DNSSEC may stand beside one (RFC 4034 §2.5).
        let kinds = self.names.get(name);
        let conflict = kinds.is_some_and(|sets| {
            sets.keys().any(|other| match rtype {
                RecordType::CNAME => *other != RecordType::CNAME && !beside_alias(*other),
                _ => *other == RecordType::CNAME && !beside_alias(rtype),
            })
        });
        if conflict {
            return false;
        }
        let set = self.set_mut(name, rtype);
        if rtype == RecordType::CNAME {
            set.retain(|known| known.canonical == datum.canonical);
        }
        match set.iter_mut().find(|known| known.canonical == datum.canonical) {
            Some(known) if known.ttl == datum.ttl && known.data == datum.data => return false,
            Some(known) => *known = datum.clone(),
            None => set.push(datum.clone()),
        }
        // RFC 2181 §5.2: the records of a set have one TTL, here the new one.
        set.iter_mut().for_each(|known| known.ttl = datum.ttl);
        true
    }

    /// RFC 2136 §3.4.2.3: at the top of the zone SOA and NS stay.
    fn delete_name(&mut self, name: &Name) -> bool {
        let is_apex = *name == self.apex;
        let Some(sets) = self.names.get_mut(name) else { return false };
        let before = sets.len();
        sets.retain(|rtype, _| is_apex && keeps_the_zone(*rtype));
        let changed = sets.len() != before;
        self.tidy(name);
        changed
    }

    /// RFC 2136 §3.4.2.3.
    fn delete_set(&mut self, name: &Name, rtype: RecordType) -> bool {
        if *name == self.apex && keeps_the_zone(rtype) {
            return false;
        }
        let Some(sets) = self.names.get_mut(name) else { return false };
        let changed = sets.remove(&rtype).is_some();
        self.tidy(name);
        changed
    }

    /// RFC 2136 §3.4.2.4: never the SOA, nor the zone's last name server.
    fn delete_record(&mut self, record: &Record) -> bool {
        let (name, rtype) = (&record.name, record.rtype);
        let is_last = self.set(name, rtype).len() == 1;
        let protected =
            rtype == RecordType::SOA || (*name == self.apex && rtype == RecordType::NS && is_last);
        let Some(set) = self.names.get_mut(name).and_then(|sets| sets.get_mut(&rtype)) else {
            return false;
        };
        if protected {
            return false;
        }
        let unwanted = canonical(rtype, record.rdata.as_wire());
        let before = set.len();
        set.retain(|known| known.canonical != unwanted);
        let changed = set.len() != before;
        self.tidy(name);
        changed
    }

    /// Forgets sets and names without records.
    fn tidy(&mut self, name: &Name) {
        let Some(sets) = self.names.get_mut(name) else { return };
        sets.retain(|_, set| !set.is_empty());
        if sets.is_empty() {
            self.names.remove(name);
        }
    }

    pub(super) fn serial(&self) -> u32 {
        let soa = self.set(&self.apex, RecordType::SOA).first();
        soa.and_then(|soa| serial_of(&soa.data)).unwrap_or(0)
    }

    /// The next serial; zero is passed over, for some take it for "none"
    /// (RFC 2136 §7.11).
    pub(super) fn raise_serial(&mut self) {
        let next = self.serial().wrapping_add(1).max(1);
        let apex = self.apex.clone();
        for soa in self.set_mut(&apex, RecordType::SOA) {
            let at = soa.data.len().checked_sub(SOA_NUMBERS_OCTETS).map(|at| at..at + 4);
            if let Some(octets) = at.and_then(|range| soa.data.get_mut(range)) {
                octets.copy_from_slice(&next.to_be_bytes());
            }
        }
    }

    pub(super) fn into_file(self) -> Result<ZoneFile, Problem> {
        let mut file = ZoneFile::new();
        for (name, sets) in self.names {
            for (rtype, set) in sets {
                for datum in set {
                    file.push(name.clone(), rtype, datum.ttl, &datum.data)?;
                }
            }
        }
        Ok(file)
    }
}

impl Datum {
    fn new(rtype: RecordType, ttl: u32, data: &[u8]) -> Self {
        Self { ttl, data: data.to_vec(), canonical: canonical(rtype, data) }
    }
}

/// Data whose names are in lower case, so that equal data are equal octets
/// (RFC 2136 §1.1.2 compares names without regard to case).
fn canonical(rtype: RecordType, data: &[u8]) -> Vec<u8> {
    Rdata::from_wire(data).with_names_in_lower_case(rtype)
}

/// What a zone cannot be without.
fn keeps_the_zone(rtype: RecordType) -> bool {
    rtype == RecordType::SOA || rtype == RecordType::NS
}

fn beside_alias(rtype: RecordType) -> bool {
    matches!(rtype, RecordType::RRSIG | RecordType::NSEC | RecordType::KEY)
}

/// The first of the five numbers that end SOA data (RFC 1035 §3.3.13).
fn serial_of(data: &[u8]) -> Option<u32> {
    let numbers = data.get(data.len().checked_sub(SOA_NUMBERS_OCTETS)?..)?;
    numbers.first_chunk::<4>().map(|serial| u32::from_be_bytes(*serial))
}

/// Whether serial `a` comes after `b` on the circle of serials (RFC 1982 §3.2).
fn is_newer(a: u32, b: u32) -> bool {
    let ahead = a.wrapping_sub(b);
    ahead != 0 && ahead < 1 << 31
}

const SOA_NUMBERS_OCTETS: usize = 20;
