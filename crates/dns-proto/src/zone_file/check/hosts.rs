//! The hosts that NS, MX and SRV records name.

use crate::zone_file::ZoneFileRecord;
use crate::{Name, RecordType};

use super::{Content, Findings, Host, target};

pub(super) fn check(content: &Content<'_>, findings: &mut Findings) {
    for record in content.file.records() {
        let prefix = match record.record_type {
            RecordType::NS => 0,
            RecordType::MX => 2,
            RecordType::SRV => 6,
            _ => continue,
        };
        let Some(host) = target(&record, prefix) else { continue };
        // RFC 7505 §3 and RFC 2782: the root stands for "no such service".
        if host.is_root() && record.record_type != RecordType::NS {
            continue;
        }
        check_spelling(content, &record, &host, findings);
        check_host(content, &record, &host, findings);
    }
}

/// Slips that give a name which is valid and wrong.
fn check_spelling(
    content: &Content<'_>,
    record: &ZoneFileRecord<'_>,
    host: &Name,
    findings: &mut Findings,
) {
    let kind = record.record_type;
    let numbers = host.labels().take_while(|label| is_octet(label)).count();
    if numbers == 4 {
        let text =
            format!("{kind} wants a host's name, not an address; name the host {host} stands for");
        findings.error(record.position, text);
    }
    let Some(above) = content.apex.label_count().checked_sub(1) else { return };
    let front = host.label_count().checked_sub(above + 1);
    let doubled = front.and_then(|front| {
        let labels: Vec<&[u8]> = host.labels().take(front).collect();
        let mut name = crate::NameBuilder::new();
        for label in labels {
            name.push_label(label).ok()?;
        }
        name.finish().ok()
    });
    if doubled.is_some_and(|name| !content.apex.is_root() && name.is_subdomain_of(content.apex)) {
        let text = format!("{host} repeats the zone's name; is the dot at its end missing?");
        findings.warning(record.position, text);
    }
}

fn is_octet(label: &[u8]) -> bool {
    std::str::from_utf8(label).is_ok_and(|text| text.parse::<u8>().is_ok())
}

fn check_host(
    content: &Content<'_>,
    record: &ZoneFileRecord<'_>,
    host: &Name,
    findings: &mut Findings,
) {
    let kind = record.record_type;
    let position = record.position;
    match content.host(host) {
        Host::Elsewhere | Host::Addresses | Host::Delegated { has_glue: true, .. } => {}
        // RFC 2181 §10.3, RFC 2782.
        Host::Alias => findings.error(
            position,
            format!("{kind} names {host}, which is an alias (CNAME); name the host itself"),
        ),
        Host::Delegated { cut, .. }
            if kind == RecordType::NS && host.is_subdomain_of(record.owner) =>
        {
            // RFC 1034 §4.2.1: nobody could find the server without its address.
            let text = format!("{cut} is served by {host}, whose address is missing; add glue");
            findings.error(position, text);
        }
        Host::Delegated { .. } => {}
        Host::NoAddress if kind == RecordType::NS => {
            findings
                .error(position, format!("{host} is a name server without an address; add one"));
        }
        Host::NoAddress => {
            findings.warning(position, format!("{kind} names {host}, which has no address"));
        }
        Host::Missing if kind == RecordType::NS => {
            findings
                .error(position, format!("{host} is a name server that does not exist; add it"));
        }
        Host::Missing => {
            findings.warning(position, format!("{kind} names {host}, which does not exist"));
        }
    }
}
