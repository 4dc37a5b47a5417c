//! Where CNAME records lead.

use std::collections::BTreeSet;

use crate::{Name, RecordType};

use super::{Content, Findings, target};

pub(super) fn check(content: &Content<'_>, findings: &mut Findings) {
    let mut in_circle: BTreeSet<Name> = BTreeSet::new();
    for record in content.file.records().filter(|r| r.record_type == RecordType::CNAME) {
        if in_circle.contains(record.owner) {
            continue;
        }
        let Some(first) = target(&record, 0) else { continue };
        if let Some(circle) = circle_from(content, record.owner) {
            let path: Vec<String> = circle.iter().map(Name::to_string).collect();
            let text = format!("aliases in a circle: {}; point one at a host", path.join(" -> "));
            findings.error(record.position, text);
            in_circle.extend(circle);
            continue;
        }
        let inside = first.is_subdomain_of(content.apex);
        let known = content.exists(&first) || content.wildcard_for(&first).is_some();
        let hidden = content.cut_of(&first).is_some() || content.dname_over(&first).is_some();
        if inside && !known && !hidden {
            let text = format!("{} leads to {first}, which does not exist", record.owner);
            findings.warning(record.position, text);
        }
    }
}

/// The names of the circle that starts and ends at `start`.
fn circle_from(content: &Content<'_>, start: &Name) -> Option<Vec<Name>> {
    let mut path = vec![start.clone()];
    let mut seen = BTreeSet::from([start.clone()]);
    loop {
        let last = path.last()?;
        let source =
            if content.exists(last) { Some(last.clone()) } else { content.wildcard_for(last) };
        let source = source?;
        let alias = content.at(&source).iter().find(|r| r.record_type == RecordType::CNAME)?;
        let next = target(alias, 0)?;
        if next == *start {
            path.push(next);
            return Some(path);
        }
        if !seen.insert(next.clone()) {
            return None;
        }
        path.push(next);
    }
}
