//! Records of one owner among themselves.

use std::collections::BTreeMap;

use crate::RecordType;
use crate::zone_file::ZoneFileRecord;

use super::{Content, Findings};

pub(super) fn check(content: &Content<'_>, findings: &mut Findings) {
    for records in content.names.values() {
        check_alone(records, findings);
        if records.len() > 1 {
            check_equal(records, findings);
        }
    }
}

/// RFC 1034 §3.6.2 and RFC 2181 §10.1: a CNAME has no other data beside it but those of
/// DNSSEC (RFC 4034 §2.5). RFC 6672 §2.4: one DNAME.
fn check_alone(records: &[ZoneFileRecord<'_>], findings: &mut Findings) {
    for kind in [RecordType::CNAME, RecordType::DNAME] {
        let of_kind = || records.iter().filter(move |r| r.record_type == kind);
        let Some(first) = of_kind().next() else { continue };
        for second in of_kind().filter(|second| second.data != first.data) {
            let text = format!("{} has a second {kind} record; keep one", second.owner);
            findings.error(second.position, text);
        }
        if kind != RecordType::CNAME {
            continue;
        }
        let other = records.iter().find(|record| {
            !matches!(
                record.record_type,
                RecordType::CNAME | RecordType::RRSIG | RecordType::NSEC | RecordType::KEY
            )
        });
        if let Some(other) = other {
            let (owner, other_type) = (other.owner, other.record_type);
            let text = format!(
                "{owner} is an alias (CNAME, line {}) and has {other_type} data; remove one",
                first.position.line
            );
            findings.error(other.position, text);
        }
    }
}

/// RFC 2181 §5 and §5.2: no record twice, one TTL for a set.
fn check_equal(records: &[ZoneFileRecord<'_>], findings: &mut Findings) {
    let mut firsts: BTreeMap<RecordType, &ZoneFileRecord<'_>> = BTreeMap::new();
    let mut seen: BTreeMap<(RecordType, &[u8]), u32> = BTreeMap::new();
    for record in records {
        let kind = record.record_type;
        let line = record.position.line;
        if let Some(first) = seen.get(&(kind, record.data)) {
            let text = format!("the same record as in line {first}; remove it");
            findings.warning(record.position, text);
            continue;
        }
        seen.insert((kind, record.data), line);
        match firsts.get(&kind) {
            None => drop(firsts.insert(kind, record)),
            Some(first) if first.ttl != record.ttl => findings.warning(
                record.position,
                format!(
                    "TTL {} differs from {} in line {}; records of a set share the lowest",
                    record.ttl, first.ttl, first.position.line
                ),
            ),
            Some(_) => {}
        }
    }
}
