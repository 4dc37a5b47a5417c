//! Answering a query from a set of zones: a pure function without allocation.
//!
//! ```text
//!   query ──> header, question, EDNS ──> zone ──> name in the zone ──> records
//!               |                          |        |
//!               FORMERR, NOTIMP, BADVERS   REFUSED  alias, DNAME: again with the new name
//!                                                   cut: referral    nothing: SOA
//! ```
//!
//! The algorithm is RFC 1034 §4.3.2, with wildcards by RFC 4592, DNAME by RFC 6672,
//! negative answers by RFC 2308, EDNS by RFC 6891 and questions for ANY by RFC 8482.

mod query;
mod search;
mod sections;
mod writer;

use crate::zone::ZoneSet;
use crate::{Opcode, Rcode, RecordClass, RecordType};

use query::{Edns, EdnsFault, Request, RequestFault};
use search::Search;
use writer::Writer;

pub use search::ReplyKind;

/// How the query came, which bounds the reply (RFC 1035 §4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A datagram: 512 octets, or what EDNS allows up to [`AnswerSettings::datagram_octets_max`].
    Datagram,
    /// A stream: 65,535 octets.
    Stream,
}

/// The order in which the addresses of a set are given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AddressOrder {
    /// Each answer starts with the next address, so that load spreads (course D1).
    #[default]
    Rotate,
    /// As in the zone file.
    Fixed,
}

/// What an operator chooses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerSettings {
    /// The order of addresses.
    pub address_order: AddressOrder,
    /// What is said to a client that asks for the server's identifier (RFC 5001); empty for
    /// nothing.
    pub server_identifier: Vec<u8>,
    /// Largest datagram, also for clients that allow more; at least 512.
    pub datagram_octets_max: u16,
}

impl Default for AnswerSettings {
    fn default() -> Self {
        Self {
            address_order: AddressOrder::Rotate,
            server_identifier: Vec::new(),
            datagram_octets_max: DATAGRAM_OCTETS_MAX,
        }
    }
}

/// A worker's settings and scratch memory; one per worker, used again for each query.
#[derive(Debug)]
pub struct AnswerContext {
    settings: AnswerSettings,
    /// Where the rotation of address sets stands.
    rotation: u32,
    name: Box<crate::zone::QueryName>,
    compression: Box<writer::Compression>,
    original: Box<[u8; crate::NAME_OCTETS_MAX]>,
}

impl AnswerContext {
    /// Scratch memory for one worker.
    pub fn new(settings: AnswerSettings) -> Self {
        Self {
            settings,
            rotation: 0,
            name: Box::new(crate::zone::QueryName::new()),
            compression: Box::new(writer::Compression::new()),
            original: Box::new([0; crate::NAME_OCTETS_MAX]),
        }
    }

    /// The settings.
    pub fn settings(&self) -> &AnswerSettings {
        &self.settings
    }
}

impl Default for AnswerContext {
    fn default() -> Self {
        Self::new(AnswerSettings::default())
    }
}

/// What was written, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Octets of the reply in the output.
    pub octets: usize,
    /// The response code with the bits of EDNS.
    pub rcode: Rcode,
    /// What kind of reply it is.
    pub kind: ReplyKind,
    /// Whether the client is told to ask again over a stream.
    pub truncated: bool,
}

/// Answers `query` into `out`; none when nothing must be sent.
///
/// No answer goes to a message that is itself a response or that is shorter than a header: two
/// servers must not answer each other for ever. `out` should have room for 65,535 octets
/// on a stream, and for the largest datagram otherwise.
pub fn answer(
    zones: &ZoneSet,
    query: &[u8],
    transport: Transport,
    out: &mut [u8],
    context: &mut AnswerContext,
) -> Option<Reply> {
    let header: &[u8; 12] = query.first_chunk()?;
    // RFC 1035 §4.1.1: QR is set in responses.
    if header[2] & 0x80 != 0 {
        return None;
    }
    let opcode = Opcode(header[2] >> 3 & 0x0f);
    if opcode != Opcode::QUERY {
        return bare(header, Rcode::NOTIMP, ReplyKind::NotImplemented, out);
    }
    let request = match Request::parse(query, &mut context.name) {
        Ok(request) => request,
        Err(RequestFault) => return bare(header, Rcode::FORMERR, ReplyKind::Malformed, out),
    };
    let settings = &context.settings;
    let limit = octets_max(transport, &request, settings).min(out.len());
    let opt_octets = opt_octets(&request, settings);
    let mut writer = Writer::new(out, limit.checked_sub(opt_octets)?, &mut context.compression);
    writer.start(query.get(..request.question_end)?)?;
    let (rcode, kind) = match early_answer(&request) {
        Some(early) => early,
        None => match zones.find_for(&context.name, request.record_type) {
            // RFC 8906 §3.1.3: a server that does not serve the name refuses.
            None => (Rcode::REFUSED, ReplyKind::Refused),
            Some(zone) => {
                context.rotation = context.rotation.wrapping_add(1);
                let rotation = match settings.address_order {
                    AddressOrder::Rotate => context.rotation,
                    AddressOrder::Fixed => 0,
                };
                Search {
                    zone,
                    writer: &mut writer,
                    name: &mut context.name,
                    original: &mut context.original,
                    record_type: request.record_type,
                    transport,
                    rotation,
                    wants_dnssec: request.edns.is_some_and(|edns| edns.wants_dnssec),
                }
                .run()
            }
        },
    };
    let truncated = writer.finish(header, rcode, opcode);
    if let Some(edns) = request.edns {
        writer.opt(limit, rcode, &edns, settings);
    }
    Some(Reply { octets: writer.octets(), rcode, kind, truncated })
}

/// What is answered before any zone is looked at.
fn early_answer(request: &Request) -> Option<(Rcode, ReplyKind)> {
    match request.edns_fault {
        // RFC 6891 §6.1.3.
        Some(EdnsFault::Version) => return Some((Rcode::BADVERS, ReplyKind::BadVersion)),
        // RFC 6891 §6.1.1: more than one OPT record, or one that is not at the root.
        Some(EdnsFault::Form) => return Some((Rcode::FORMERR, ReplyKind::Malformed)),
        None => {}
    }
    if request.class != RecordClass::IN {
        return Some((Rcode::REFUSED, ReplyKind::Refused));
    }
    match request.record_type {
        // Transfers are for the secondaries that are named in the configuration.
        RecordType::AXFR | RecordType::IXFR => Some((Rcode::REFUSED, ReplyKind::Refused)),
        // RFC 6895 §3.1: neither a question nor data.
        RecordType::OPT | RecordType(0) => Some((Rcode::FORMERR, ReplyKind::Malformed)),
        kind if kind.is_meta() && kind != RecordType::ANY => {
            Some((Rcode::NOTIMP, ReplyKind::NotImplemented))
        }
        _ => None,
    }
}

/// A reply of a header alone, to a query that cannot be read or is not understood.
fn bare(header: &[u8; 12], rcode: Rcode, kind: ReplyKind, out: &mut [u8]) -> Option<Reply> {
    let out: &mut [u8; 12] = out.first_chunk_mut()?;
    *out = [0; 12];
    out[..2].copy_from_slice(&header[..2]);
    // QR set; opcode and RD as they came (RFC 1035 §4.1.1).
    out[2] = 0x80 | header[2] & 0x79;
    out[3] = rcode.0.to_be_bytes()[1] & 0x0f;
    Some(Reply { octets: out.len(), rcode, kind, truncated: false })
}

fn octets_max(transport: Transport, request: &Request, settings: &AnswerSettings) -> usize {
    match transport {
        Transport::Stream => usize::from(u16::MAX),
        // RFC 6891 §6.2.3: sizes below 512 mean 512; without EDNS it is 512 as well.
        Transport::Datagram => {
            let stated = request.edns.map_or(0, |edns| edns.datagram_octets);
            let most = settings.datagram_octets_max.max(PLAIN_DATAGRAM_OCTETS_MAX);
            usize::from(stated.clamp(PLAIN_DATAGRAM_OCTETS_MAX, most))
        }
    }
}

fn opt_octets(request: &Request, settings: &AnswerSettings) -> usize {
    request
        .edns
        .map_or(0, |edns| OPT_OCTETS + identifier(&edns, settings).map_or(0, |id| 4 + id.len()))
}

/// The server's identifier, when the client asks for it and there is one that fits.
fn identifier<'a>(edns: &Edns, settings: &'a AnswerSettings) -> Option<&'a [u8]> {
    let identifier = settings.server_identifier.get(..).filter(|_| edns.wants_identifier);
    identifier.filter(|id| !id.is_empty() && id.len() <= IDENTIFIER_OCTETS_MAX)
}

/// Largest datagram without EDNS (RFC 1035 §4.2.1).
const PLAIN_DATAGRAM_OCTETS_MAX: u16 = 512;
/// Largest datagram with EDNS that passes everywhere without fragments (RFC 9715 §3.1 and the
/// DNS flag day of 2020).
pub const DATAGRAM_OCTETS_MAX: u16 = 1232;
/// An OPT record without options.
const OPT_OCTETS: usize = 11;
/// Longest server identifier, so that small datagrams keep room for the answer.
pub const IDENTIFIER_OCTETS_MAX: usize = 128;

#[cfg(test)]
mod tests;
