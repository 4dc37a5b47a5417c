//! Record data near wire form, and reading the zone record by record.

use crate::{Name, RecordType};

use super::{Located, NodeId, RecordSet, SearchName, Zone};

/// How the data of a type are stored: octets, node numbers, octets.
///
/// Types without a shape are stored as a two-octet length and their wire form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Octets before the names.
    pub(crate) prefix: usize,
    /// Number of names.
    pub(crate) names: usize,
    /// Octets after the names.
    pub(crate) suffix: usize,
    /// Whether the names may be compressed: types of RFC 1035 only (RFC 3597 §4).
    pub(crate) compress: bool,
}

impl Shape {
    /// The shape of a type's data, if it has one.
    pub(crate) const fn of(record_type: RecordType) -> Option<Self> {
        let (prefix, names, suffix, compress) = match record_type {
            RecordType::NS
            | RecordType::CNAME
            | RecordType::PTR
            | RecordType::MB
            | RecordType::MD
            | RecordType::MF
            | RecordType::MG
            | RecordType::MR => (0, 1, 0, true),
            RecordType::DNAME => (0, 1, 0, false),
            RecordType::MX => (2, 1, 0, true),
            RecordType::SOA => (0, 2, 20, true),
            RecordType::MINFO => (0, 2, 0, true),
            RecordType::SRV => (6, 1, 0, false),
            RecordType::KX | RecordType::RT | RecordType::AFSDB => (2, 1, 0, false),
            _ => return None,
        };
        Some(Self { prefix, names, suffix, compress })
    }

    /// Octets of one stored record.
    pub(crate) const fn stored_octets(self) -> usize {
        self.prefix + self.names * 4 + self.suffix
    }
}

/// The stored octets of each record of a set.
#[derive(Clone, Debug)]
pub(crate) struct StoredRecords<'a> {
    rest: &'a [u8],
    left: u16,
    fixed: Option<usize>,
}

impl<'a> Iterator for StoredRecords<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.left = self.left.checked_sub(1)?;
        let octets = match self.fixed {
            Some(octets) => octets,
            None => {
                let (length, rest) = self.rest.split_first_chunk::<2>()?;
                self.rest = rest;
                usize::from(u16::from_be_bytes(*length))
            }
        };
        let (record, rest) = self.rest.split_at_checked(octets)?;
        self.rest = rest;
        Some(record)
    }
}

impl<'a> RecordSet<'a> {
    /// The stored octets of each record.
    pub(crate) fn records(&self) -> StoredRecords<'a> {
        StoredRecords {
            rest: self.data,
            left: self.count,
            fixed: Shape::of(self.record_type).map(Shape::stored_octets),
        }
    }
}

/// The node number at the start of `octets`.
pub(crate) fn stored_name(octets: &[u8]) -> Option<NodeId> {
    octets.first_chunk::<4>().map(|number| NodeId(u32::from_be_bytes(*number)))
}

/// One record of a [`Zone`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneRecord {
    /// The owner.
    pub owner: Name,
    /// The type; the class is IN.
    pub record_type: RecordType,
    /// Seconds to live.
    pub ttl: u32,
    /// The data in wire form, without compression.
    pub data: Vec<u8>,
}

/// What a name is in a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameStatus {
    /// Not at or below the zone's apex.
    Outside,
    /// It owns records that the zone answers with.
    Data,
    /// It owns none but is above names that do (RFC 4592 §2.2.2).
    EmptyNonTerminal,
    /// It is at or below a zone cut: the name of the cut.
    Delegated(Name),
    /// It is below a DNAME: the owner of the DNAME.
    Redirected(Name),
    /// It does not exist, but a wildcard answers for it: the name of the wildcard.
    Wildcard(Name),
    /// It does not exist: its closest encloser.
    Missing(Name),
}

impl Zone {
    /// The records in canonical order, without duplicates.
    pub fn records(&self) -> impl Iterator<Item = ZoneRecord> + '_ {
        self.nodes.nodes().filter(|(_, node)| node.exists()).flat_map(move |(id, node)| {
            let owner = self.name_of(id);
            node.sets().flat_map(move |set| {
                let owner = owner.clone();
                set.records().map(move |stored| ZoneRecord {
                    owner: owner.clone(),
                    record_type: set.record_type,
                    ttl: set.ttl,
                    data: self.expand(set.record_type, stored),
                })
            })
        })
    }

    /// The records of one name and type as they stand in the zone, without following
    /// anything; empty when there are none.
    pub fn find(&self, name: &Name, record_type: RecordType) -> Vec<ZoneRecord> {
        let Some(Located { node, exact: true }) = self.search(name) else { return Vec::new() };
        let Some(set) = self.node(node).set(record_type) else { return Vec::new() };
        let owner = self.name_of(node);
        set.records()
            .map(|stored| ZoneRecord {
                owner: owner.clone(),
                record_type,
                ttl: set.ttl,
                data: self.expand(record_type, stored),
            })
            .collect()
    }

    /// What a name is in this zone.
    pub fn status(&self, name: &Name) -> NameStatus {
        let Some(Located { node: id, exact }) = self.search(name) else {
            return NameStatus::Outside;
        };
        let node = self.node(id);
        let above = node.covered_by.some();
        let above = above.or((!exact && (node.is_cut() || node.has_dname())).then_some(id));
        match above.or((exact && node.is_cut()).then_some(id)) {
            Some(cut) if self.node(cut).is_cut() => NameStatus::Delegated(self.name_of(cut)),
            Some(dname) => NameStatus::Redirected(self.name_of(dname)),
            None if exact && !node.has_sets() => NameStatus::EmptyNonTerminal,
            None if exact => NameStatus::Data,
            None => match node.wildcard.some() {
                Some(wildcard) => NameStatus::Wildcard(self.name_of(wildcard)),
                None => NameStatus::Missing(self.name_of(id)),
            },
        }
    }

    /// The serial number of the SOA record (RFC 1035 §3.3.13).
    pub fn serial(&self) -> u32 {
        let soa = self.node(self.apex).set(RecordType::SOA);
        let stored = soa.and_then(|soa| soa.records().next());
        let numbers = stored.and_then(|stored| stored.get(8..12)?.first_chunk::<4>());
        numbers.map_or(0, |serial| u32::from_be_bytes(*serial))
    }

    /// The wire form of a stored record's data.
    fn expand(&self, record_type: RecordType, stored: &[u8]) -> Vec<u8> {
        let Some(shape) = Shape::of(record_type) else { return stored.to_vec() };
        let (prefix, rest) = stored.split_at(shape.prefix);
        let (names, suffix) = rest.split_at(shape.names * 4);
        let mut data = prefix.to_vec();
        for number in names.chunks_exact(4).filter_map(stored_name) {
            data.extend_from_slice(self.wire(number));
        }
        data.extend_from_slice(suffix);
        data
    }

    fn search(&self, name: &Name) -> Option<Located> {
        if !name.is_subdomain_of(&self.apex()) {
            return None;
        }
        let mut search = SearchName::new();
        search.load(name.as_wire())?;
        Some(self.locate(&search))
    }
}
