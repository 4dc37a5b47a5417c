//! Records that no answer will ever show.

use std::collections::BTreeSet;

use crate::{Name, RecordType};

use super::{Content, Findings, target};

pub(super) fn check(content: &Content<'_>, findings: &mut Findings) {
    let needed = needed_hosts(content);
    for (&owner, records) in &content.names {
        if let Some(dname) = content.dname_over(owner) {
            // RFC 6672 §2.4.
            for record in records {
                let text = format!("{owner} is hidden: the DNAME at {dname} redirects it away");
                findings.warning(record.position, text);
            }
            continue;
        }
        let Some(cut) = content.cut_of(owner) else {
            for record in records.iter().filter(|r| r.record_type == RecordType::DS) {
                if owner != content.apex {
                    let text = format!("a DS record, but {owner} has no NS records");
                    findings.warning(record.position, text);
                }
            }
            continue;
        };
        for record in records {
            let at_cut = *owner == cut;
            let kind = record.record_type;
            let shown = match kind {
                RecordType::A | RecordType::AAAA => needed.contains(owner),
                RecordType::NS | RecordType::DS | RecordType::NSEC | RecordType::RRSIG => at_cut,
                _ => false,
            };
            if !shown {
                // RFC 1034 §4.2.1: below a cut there is glue and nothing else.
                let text = format!(
                    "{owner} {kind} is hidden: {cut} is delegated, and this is no address of \
                     a name server"
                );
                findings.warning(record.position, text);
            }
        }
    }
}

/// The hosts that NS records name.
fn needed_hosts(content: &Content<'_>) -> BTreeSet<Name> {
    let servers = content.file.records().filter(|r| r.record_type == RecordType::NS);
    servers.filter_map(|record| target(&record, 0)).collect()
}
