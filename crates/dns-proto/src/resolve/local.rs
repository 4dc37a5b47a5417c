//! Names that are answered without asking anybody (RFC 6761).

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::instant::Instant;
use crate::message::{ExtendedError, Rdata, Record, Section, Soa};
use crate::resolve::packed::Findings;
use crate::{Name, Rcode, RecordType};

/// The findings about a name that never leaves the host; none for all other names.
pub(crate) fn local_findings(now: Instant, name: &Name, rtype: RecordType) -> Option<Findings> {
    if rtype == RecordType::ANY {
        return Some(any_findings(now, name));
    }
    let top = name.suffix(1);
    let loopback = [LOOPBACK_REVERSE_V4, LOOPBACK_REVERSE_V6]
        .iter()
        .any(|wire| name.as_wire().eq_ignore_ascii_case(wire));
    if top.as_wire() == b"\x09localhost\0" {
        // RFC 6761 §6.3: loopback addresses, and nothing of any other type.
        return Some(match rtype {
            RecordType::A => one(now, name, rtype, Rdata::a(Ipv4Addr::LOCALHOST)),
            RecordType::AAAA => one(now, name, rtype, Rdata::aaaa(Ipv6Addr::LOCALHOST)),
            _ => absent(now, &top, Rcode::NOERROR),
        });
    }
    if loopback {
        let Ok(localhost) = Name::from_wire(b"\x09localhost\0") else { return None };
        return Some(match rtype {
            RecordType::PTR => one(now, name, rtype, Rdata::name(&localhost)),
            _ => absent(now, name, Rcode::NOERROR),
        });
    }
    // RFC 6761 §6.4 and RFC 7686 §2: these names never exist.
    let never: [&[u8]; 2] = [b"\x07invalid\0", b"\x05onion\0"];
    never.contains(&top.as_wire()).then(|| absent(now, &top, Rcode::NXDOMAIN))
}

/// A question for records of any type gets one record that says so (RFC 8482 §4.2).
fn any_findings(now: Instant, name: &Name) -> Findings {
    one(now, name, RecordType::HINFO, Rdata::from_wire(b"\x07RFC8482\x00"))
}

fn one(now: Instant, name: &Name, rtype: RecordType, rdata: Rdata) -> Findings {
    let mut findings = Findings::empty(Rcode::NOERROR);
    let record = Record::new(name.clone(), rtype, LOCAL_TTL_S, rdata);
    findings.push(Section::Answer, record, now.plus_seconds(LOCAL_TTL_S));
    findings
}

fn absent(now: Instant, zone: &Name, rcode: Rcode) -> Findings {
    let soa = Soa {
        mname: zone.clone(),
        rname: zone.clone(),
        serial: 1,
        refresh: LOCAL_TTL_S,
        retry: LOCAL_TTL_S,
        expire: LOCAL_TTL_S,
        minimum: LOCAL_TTL_S,
    };
    let mut findings = Findings::empty(rcode);
    let record = Record::new(zone.clone(), RecordType::SOA, LOCAL_TTL_S, Rdata::soa(&soa));
    findings.push(Section::Authority, record, now.plus_seconds(LOCAL_TTL_S));
    let code = ExtendedError::SYNTHESIZED;
    findings.extended = Some(ExtendedError { code, text: String::new() });
    findings
}

/// The TTL of answers that the resolver makes itself.
const LOCAL_TTL_S: u32 = 3600;
/// `1.0.0.127.in-addr.arpa.`
const LOOPBACK_REVERSE_V4: &[u8] = b"\x011\x010\x010\x03127\x07in-addr\x04arpa\0";
/// The reverse name of `::1`.
const LOOPBACK_REVERSE_V6: &[u8] = b"\x011\x010\x010\x010\x010\x010\x010\x010\x010\x010\x010\x010\
\x010\x010\x010\x010\x010\x010\x010\x010\x010\x010\x010\x010\x010\x010\x010\x010\x010\x010\x010\
\x010\x03ip6\x04arpa\0";
