//! Cache entries as people look at them.

use std::net::{IpAddr, SocketAddr};

use capa7_dissect::Cause;
use serde::Serialize;

use crate::cache::{Content, Key, Kind, Rank};
use crate::instant::Instant;
use crate::message::{Rdata, Record};
use crate::{Name, RecordType};

/// One row of a cache as shown: a record set, a server's glue, an absence or a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheEntry {
    /// The owner.
    pub name: Name,
    /// The type; for a name that does not exist, ANY.
    pub rtype: RecordType,
    /// What is known.
    pub state: CacheState,
    /// The records, or the SOA record of an absence; their TTL is not set.
    pub records: Vec<Record>,
    /// When it ends.
    pub expires: Instant,
    /// The server that said so.
    pub server: Option<SocketAddr>,
    /// How far it is believed; none for a failure.
    pub rank: Option<Rank>,
    /// The message that brought it.
    pub learned: Cause,
}

/// What a cache entry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheState {
    /// Records that answer clients.
    Records,
    /// The servers of a zone, from its parent; they lead the resolver and answer nobody.
    Delegation,
    /// The address of such a server, from the parent.
    Glue,
    /// The name has no records of the type.
    NoData,
    /// The name does not exist.
    NoName,
    /// Finding out failed and is not tried again yet.
    Failure,
}

/// The rows of one entry: several for a delegation with glue.
pub(super) fn entries_of(key: &Key, content: &Content) -> Vec<CacheEntry> {
    let row = |rtype, state| CacheEntry {
        name: key.name.clone(),
        rtype,
        state,
        records: Vec::new(),
        expires: content.expires(),
        server: None,
        rank: content.rank(),
        learned: Cause::NONE,
    };
    let rtype = match key.kind {
        Kind::Set(rtype) | Kind::Failure(rtype) | Kind::Answer(rtype) => rtype,
        Kind::NoName => RecordType::ANY,
        Kind::Cut => RecordType::NS,
    };
    match content {
        Content::Set(set) => {
            let record = |data: &Rdata| Record::new(key.name.clone(), rtype, 0, data.clone());
            let (server, learned) = (set.origin.server, set.origin.learned);
            let records = set.data.iter().map(record).collect();
            vec![CacheEntry { records, server, learned, ..row(rtype, CacheState::Records) }]
        }
        Content::Absence(absence) => {
            let state =
                if key.kind == Kind::NoName { CacheState::NoName } else { CacheState::NoData };
            let (server, learned) = (absence.origin.server, absence.origin.learned);
            let records = vec![absence.soa.clone()];
            vec![CacheEntry { records, server, learned, ..row(rtype, state) }]
        }
        Content::Failure(_) => vec![row(rtype, CacheState::Failure)],
        Content::Cut { delegation, origin, .. } => {
            let server = origin.server;
            let records = delegation
                .servers
                .iter()
                .map(|server| Record::new(key.name.clone(), rtype, 0, Rdata::name(&server.name)));
            let mut rows = vec![CacheEntry {
                records: records.collect(),
                server,
                learned: origin.learned,
                ..row(rtype, CacheState::Delegation)
            }];
            for name_server in &delegation.servers {
                for (address, expires) in &name_server.addresses {
                    let (rtype, rdata) = match address {
                        IpAddr::V4(address) => (RecordType::A, Rdata::a(*address)),
                        IpAddr::V6(address) => (RecordType::AAAA, Rdata::aaaa(*address)),
                    };
                    rows.push(CacheEntry {
                        name: name_server.name.clone(),
                        records: vec![Record::new(name_server.name.clone(), rtype, 0, rdata)],
                        expires: (*expires).min(content.expires()),
                        server,
                        rank: Some(Rank::Glue),
                        learned: origin.learned,
                        ..row(rtype, CacheState::Glue)
                    });
                }
            }
            rows
        }
    }
}
