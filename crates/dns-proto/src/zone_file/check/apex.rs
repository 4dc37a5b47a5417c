//! What stands at the zone's own name, and what does not belong into the zone.

use crate::RecordType;

use super::{Content, Findings};

pub(super) fn check(content: &Content<'_>, findings: &mut Findings) {
    let apex = content.apex;
    let mut soas = content.file.records().filter(|r| r.record_type == RecordType::SOA);
    let first = soas.next();
    // RFC 1035 §5.2.
    for second in soas {
        findings.error(second.position, "a second SOA record; keep one".to_owned());
    }
    let Some(soa) = first else { return };
    let servers = content.at(apex).iter().filter(|r| r.record_type == RecordType::NS).count();
    match servers {
        0 => findings.error(soa.position, format!("{apex} has no NS record; name its servers")),
        // RFC 2182 §5.
        1 => findings.warning(
            soa.position,
            format!("{apex} has one name server; with a second one it survives a failure"),
        ),
        _ => {}
    }
    check_timers(soa.data, |text| findings.warning(soa.position, text));
    for record in content.file.records().filter(|r| !r.owner.is_subdomain_of(apex)) {
        let text =
            format!("{} is not in zone {apex}; remove it or end it without a dot", record.owner);
        findings.error(record.position, text);
    }
    if content.dnames.contains(apex) {
        return;
    }
    for record in content.at(apex).iter().filter(|r| r.record_type == RecordType::DS) {
        let text = "a DS record at the zone's own name; it belongs into the zone above".to_owned();
        findings.warning(record.position, text);
    }
}

/// The timers of the SOA record against each other (RFC 1912 §2.2).
fn check_timers(data: &[u8], mut warn: impl FnMut(String)) {
    let Some(numbers) = data.last_chunk::<20>() else { return };
    let number = |at: usize| {
        numbers[at..at + 4].iter().fold(0_u32, |sum, &octet| sum << 8 | u32::from(octet))
    };
    let (refresh, retry, expire) = (number(4), number(8), number(12));
    if retry > refresh {
        warn(format!("retry ({retry} s) is longer than refresh ({refresh} s)"));
    }
    if u64::from(expire) < u64::from(refresh) + u64::from(retry) {
        warn(format!(
            "expire ({expire} s) is shorter than refresh and retry together; \
             a copy of the zone ends before it is tried again"
        ));
    }
}
