//! From the records of a file to a compiled zone.

use std::collections::BTreeSet;

use thiserror::Error;

use crate::RecordType;
use crate::name::Name;
use crate::zone_file::{ZoneFile, ZoneFileRecord};

use super::arena::Node;
use super::intern::Interner;
use super::layout::{self, Draft, DraftNode, DraftSet};
use super::records::Shape;
use super::{NodeId, Zone};

/// Why a zone cannot be served, with the place in its file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{position}: {problem}")]
pub struct ZoneError {
    /// `file:line:column`, or what the zone as a whole is called.
    pub position: String,
    /// What is wrong and what to do.
    pub problem: String,
}

impl ZoneError {
    pub(super) fn too_large() -> Self {
        let problem = "too many names or data for one zone; split it".to_owned();
        Self { position: "zone".to_owned(), problem }
    }

    fn at(record: &ZoneFileRecord<'_>, problem: String) -> Self {
        Self { position: record.position.to_string(), problem }
    }
}

pub(super) fn compile(file: &ZoneFile) -> Result<Zone, ZoneError> {
    let apex = check_soa(file)?;
    let mut interner = Interner::new();
    let mut rows = intern_all(file, &apex, &mut interner)?;
    let (order, numbers) = canonical_order(&interner);
    for row in &mut rows {
        row.owner = numbers[row.owner.0 as usize];
    }
    rows.sort_unstable_by_key(|row| (row.owner, row.record_type, row.number));
    let apex = numbers[interner.intern(apex.as_wire())?.0 as usize];
    let mut draft = Draft { nodes: Vec::new(), sets: Vec::new(), data: Vec::new(), apex };
    number_names(&mut draft, &interner, &order, &numbers);
    let records = write_sets(&mut draft, file, &mut interner, &numbers, &rows)?;
    drop((rows, numbers));
    mark(&mut draft, &interner);
    layout::lay_out(&draft, &interner, records)
}

/// A zone has one SOA record (RFC 1035 §5.2); its owner is the apex.
fn check_soa(file: &ZoneFile) -> Result<Name, ZoneError> {
    let mut apex: Option<ZoneFileRecord<'_>> = None;
    for record in file.records().filter(|record| record.record_type == RecordType::SOA) {
        match apex {
            Some(first) if first.owner != record.owner || first.data != record.data => {
                let problem = format!("a second SOA record; the first is at {}", first.position);
                return Err(ZoneError::at(&record, problem));
            }
            _ => apex = Some(record),
        }
    }
    match apex {
        Some(record) => Ok(record.owner.clone()),
        None => {
            let position = file.records().next().map(|record| record.position.file.to_owned());
            Err(ZoneError {
                position: position.unwrap_or_else(|| "zone".to_owned()),
                problem: "no SOA record; add one at the zone's name".to_owned(),
            })
        }
    }
}

/// A record, by its place in the file.
struct Row {
    owner: NodeId,
    record_type: RecordType,
    number: u32,
}

fn intern_all(
    file: &ZoneFile,
    apex: &Name,
    interner: &mut Interner,
) -> Result<Vec<Row>, ZoneError> {
    let mut rows = Vec::with_capacity(file.len());
    for (number, record) in (0_u32..).zip(file.records()) {
        if !record.owner.is_subdomain_of(apex) {
            let problem = format!("{} is not in zone {apex}; remove it", record.owner);
            return Err(ZoneError::at(&record, problem));
        }
        let owner = interner.intern(record.owner.as_wire())?;
        for_each_name(&record, |wire| interner.intern(wire).map(drop))?;
        rows.push(Row { owner, record_type: record.record_type, number });
    }
    Ok(rows)
}

/// Calls `op` with the wire form of each name that is stored as a number.
fn for_each_name(
    record: &ZoneFileRecord<'_>,
    mut op: impl FnMut(&[u8]) -> Result<(), ZoneError>,
) -> Result<(), ZoneError> {
    let Some(shape) = Shape::of(record.record_type) else { return Ok(()) };
    let mut rest = record.data.get(shape.prefix..).ok_or_else(|| malformed(record))?;
    for _ in 0..shape.names {
        let name = Name::from_wire_prefix(rest).map_err(|_| malformed(record))?;
        let (wire, after) = rest.split_at(name.wire_len());
        op(wire)?;
        rest = after;
    }
    if rest.len() != shape.suffix {
        return Err(malformed(record));
    }
    Ok(())
}

fn malformed(record: &ZoneFileRecord<'_>) -> ZoneError {
    let problem = format!("the data do not have the form of {} data", record.record_type);
    ZoneError::at(record, problem)
}

/// Sorts the names canonically (RFC 4034 §6.1): the old numbers in their new order, and the
/// new number of each old one.
fn canonical_order(interner: &Interner) -> (Vec<NodeId>, Vec<NodeId>) {
    let mut keys = Vec::with_capacity(interner.names.len() + interner.names.len() / 8);
    let mut spans = Vec::with_capacity(interner.entries.len());
    let mut labels: Vec<&[u8]> = Vec::new();
    for (number, entry) in (0_u32..).zip(&interner.entries) {
        let start = keys.len();
        let wire = interner.wire(NodeId(number));
        labels.clear();
        let mut at = 0;
        for _ in 0..entry.labels {
            let end = at + 1 + usize::from(wire[at]);
            labels.push(&wire[at + 1..end]);
            at = end;
        }
        for label in labels.iter().rev() {
            for octet in label.iter().map(u8::to_ascii_lowercase) {
                // Zero ends a label and sorts before all octets, so 0 and 1 are escaped.
                match octet {
                    0 | 1 => keys.extend_from_slice(&[1, octet + 1]),
                    _ => keys.push(octet),
                }
            }
            keys.push(0);
        }
        spans.push((start, keys.len(), NodeId(number)));
    }
    spans.sort_unstable_by(|a, b| keys[a.0..a.1].cmp(&keys[b.0..b.1]));
    let mut numbers = vec![NodeId::NONE; spans.len()];
    for (new, (_, _, old)) in (0_u32..).zip(&spans) {
        numbers[old.0 as usize] = NodeId(new);
    }
    (spans.into_iter().map(|(_, _, old)| old).collect(), numbers)
}

fn number_names(draft: &mut Draft, interner: &Interner, order: &[NodeId], numbers: &[NodeId]) {
    draft.nodes = order
        .iter()
        .map(|old| {
            let entry = interner.entries[old.0 as usize];
            let parent = entry.parent.some().map(|old| numbers[old.0 as usize]);
            DraftNode {
                name: *old,
                parent: parent.unwrap_or(NodeId::NONE),
                first_set: 0,
                covered_by: NodeId::NONE,
                wildcard: NodeId::NONE,
                set_count: 0,
                labels: entry.labels,
                flags: 0,
            }
        })
        .collect();
}

/// Writes the record sets of all names; gives the number of records.
fn write_sets(
    draft: &mut Draft,
    file: &ZoneFile,
    interner: &mut Interner,
    numbers: &[NodeId],
    rows: &[Row],
) -> Result<u32, ZoneError> {
    let (mut stored, mut records) = (Vec::new(), 0);
    for node_rows in rows.chunk_by(|a, b| a.owner == b.owner) {
        let Some(owner) = node_rows.first().map(|row| row.owner) else { continue };
        let first_set = u32::try_from(draft.sets.len()).map_err(|_| ZoneError::too_large())?;
        for set_rows in node_rows.chunk_by(|a, b| a.record_type == b.record_type) {
            let start = u32::try_from(draft.data.len()).map_err(|_| ZoneError::too_large())?;
            let mut set = DraftSet {
                start,
                end: start,
                ttl: u32::MAX,
                record_type: set_rows.first().map_or(RecordType(0), |row| row.record_type),
                count: 0,
            };
            let mut seen = BTreeSet::new();
            for row in set_rows {
                let Some(record) = file.record(row.number) else { continue };
                stored.clear();
                store(&record, interner, numbers, &mut stored)?;
                // RFC 2181 §5.2: one TTL for the set; the lowest one is on the safe side.
                set.ttl = set.ttl.min(record.ttl);
                // RFC 2181 §5: no two records of a set are equal.
                if set_rows.len() > 1 && !seen.insert(stored.clone()) {
                    continue;
                }
                set.count = set.count.checked_add(1).ok_or_else(ZoneError::too_large)?;
                draft.data.extend_from_slice(&stored);
            }
            check_alone(file, set_rows, node_rows, &set)?;
            set.end = u32::try_from(draft.data.len()).map_err(|_| ZoneError::too_large())?;
            records += u32::from(set.count);
            draft.sets.push(set);
        }
        let count = draft.sets.len() - first_set as usize;
        let node = &mut draft.nodes[owner.0 as usize];
        node.first_set = first_set;
        node.set_count = u16::try_from(count).map_err(|_| ZoneError::too_large())?;
    }
    Ok(records)
}

/// A CNAME stands alone at its name (RFC 1034 §3.6.2, RFC 2181 §10.1) but for the records
/// of DNSSEC (RFC 4034 §2.5); there is one DNAME at a name (RFC 6672 §2.4).
fn check_alone(
    file: &ZoneFile,
    set_rows: &[Row],
    node_rows: &[Row],
    set: &DraftSet,
) -> Result<(), ZoneError> {
    if set.record_type != RecordType::CNAME && set.record_type != RecordType::DNAME {
        return Ok(());
    }
    let last = set_rows.last().and_then(|row| file.record(row.number));
    if let Some(record) = last.filter(|_| set.count > 1) {
        let (kind, owner) = (record.record_type, record.owner);
        let problem = format!("{owner} has {} {kind} records; keep one", set.count);
        return Err(ZoneError::at(&record, problem));
    }
    let other = node_rows.iter().find(|row| {
        !matches!(
            row.record_type,
            RecordType::CNAME | RecordType::RRSIG | RecordType::NSEC | RecordType::KEY
        )
    });
    match other.and_then(|row| file.record(row.number)) {
        Some(record) if set.record_type == RecordType::CNAME => {
            let (kind, owner) = (record.record_type, record.owner);
            let problem = format!("{owner} is an alias (CNAME) and has {kind} data; remove one");
            Err(ZoneError::at(&record, problem))
        }
        _ => Ok(()),
    }
}

/// Writes a record as it is stored; see [`Shape`].
fn store(
    record: &ZoneFileRecord<'_>,
    interner: &mut Interner,
    numbers: &[NodeId],
    out: &mut Vec<u8>,
) -> Result<(), ZoneError> {
    let Some(shape) = Shape::of(record.record_type) else {
        let length = u16::try_from(record.data.len()).map_err(|_| malformed(record))?;
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(record.data);
        return Ok(());
    };
    out.extend_from_slice(record.data.get(..shape.prefix).ok_or_else(|| malformed(record))?);
    for_each_name(record, |wire| {
        let number = numbers[interner.intern(wire)?.0 as usize];
        out.extend_from_slice(&number.0.to_be_bytes());
        Ok(())
    })?;
    let suffix = record.data.len() - shape.suffix;
    out.extend_from_slice(record.data.get(suffix..).ok_or_else(|| malformed(record))?);
    Ok(())
}

/// Sets flags and links. Parents have lower numbers than their children, so one pass down
/// the list hands on what covers a name and one pass up makes ancestors exist.
fn mark(draft: &mut Draft, interner: &Interner) {
    for index in 0..draft.nodes.len() {
        let node = draft.nodes[index];
        let has = |record_type| draft.sets(&node).iter().any(|set| set.record_type == record_type);
        let is_apex = index == draft.apex.0 as usize;
        let mut flags = 0;
        if node.set_count > 0 {
            flags |= Node::EXISTS;
        }
        if !is_apex && has(RecordType::NS) {
            flags |= Node::CUT;
        }
        if has(RecordType::DNAME) {
            flags |= Node::DNAME;
        }
        let parent = node.parent.some().map(|parent| &draft.nodes[parent.0 as usize]);
        let covered_by = match parent {
            Some(parent) if parent.covered_by.some().is_some() => parent.covered_by,
            Some(parent) if parent.flags & (Node::CUT | Node::DNAME) != 0 => node.parent,
            _ => NodeId::NONE,
        };
        let node = &mut draft.nodes[index];
        node.flags = flags;
        node.covered_by = covered_by;
    }
    for index in (0..draft.nodes.len()).rev() {
        let node = draft.nodes[index];
        let (Some(parent), true) = (node.parent.some(), node.flags & Node::EXISTS != 0) else {
            continue;
        };
        if index == draft.apex.0 as usize {
            continue;
        }
        let id = NodeId(u32::try_from(index).unwrap_or(u32::MAX));
        let is_wildcard = interner.wire(node.name).starts_with(b"\x01*");
        let parent = &mut draft.nodes[parent.0 as usize];
        parent.flags |= Node::EXISTS;
        if is_wildcard {
            parent.wildcard = id;
        }
    }
}
