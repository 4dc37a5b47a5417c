//! What a resolver has learned, each piece until its time to live ends (course D6).
//!
//! ```text
//!   key                        content
//!   (name, type)         ->    records | "no such data", with rank and origin
//!   (name, no name)      ->    "no such name", and nothing below it (RFC 8020)
//!   (zone, cut)          ->    the zone's servers as its parent named them, with glue
//!   (name, type, failed) ->    a failure that is not tried again yet (RFC 9520)
//! ```
//!
//! Iteration follows only what parents say: a delegation comes from a referral alone, and the
//! child's own NS and address records never lengthen its life.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use capa7_dissect::Cause;
use serde::Serialize;

use crate::instant::Instant;
use crate::message::{Rdata, Record};
use crate::{Name, RecordType};

mod clock_map;
mod entry;
mod key;

pub(crate) use clock_map::ClockMap;
pub use entry::{CacheEntry, CacheState};
pub(crate) use key::{Key, KeyRef, Kind};

/// The bounds of a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheLimits {
    /// Octets of all entries together.
    pub octets_max: usize,
    /// No record is kept longer; 7 days (RFC 8767 §4).
    pub ttl_max_s: u32,
    /// No absence is kept longer; 3 hours (RFC 2308 §5).
    pub negative_ttl_max_s: u32,
    /// The first failure of a name is kept so long (RFC 9520 §3.2); each further one twice as
    /// long as the one before.
    pub failure_ttl_s: u32,
    /// No failure is kept longer; 5 minutes (RFC 9520 §3.2).
    pub failure_ttl_max_s: u32,
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self {
            octets_max: 64 << 20,
            ttl_max_s: 7 * 86_400,
            negative_ttl_max_s: 3 * 3600,
            failure_ttl_s: 5,
            failure_ttl_max_s: 300,
        }
    }
}

/// How far data is to be believed (RFC 2181 §5.4.1), the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rank {
    /// An address in the additional section, glue among them; never given as an answer.
    Glue,
    /// The servers in a referral; never given as an answer.
    Referral,
    /// The answer section of a server that is not an authority.
    NonAuthoritativeAnswer,
    /// The authority section of an authoritative answer.
    AuthoritySection,
    /// The answer section of an authoritative answer.
    AuthoritativeAnswer,
}

impl Rank {
    /// Whether data of this rank may answer a client.
    pub const fn may_answer(self) -> bool {
        matches!(
            self,
            Self::NonAuthoritativeAnswer | Self::AuthoritySection | Self::AuthoritativeAnswer
        )
    }
}

/// Where a piece of data comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The server that sent it.
    pub server: Option<SocketAddr>,
    /// How far it is believed.
    pub rank: Rank,
    /// The message that brought it.
    pub learned: Cause,
}

/// The servers of a zone as its parent named them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delegation {
    /// The zone.
    pub zone: Name,
    /// Its servers, in the order of the referral.
    pub servers: Vec<NameServer>,
}

/// One server of a delegation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameServer {
    /// The server's name.
    pub name: Name,
    /// Glue: addresses with the end of their life.
    pub addresses: Vec<(IpAddr, Instant)>,
}

/// Records of one name and type that are held until a point in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldSet {
    /// The data of each record.
    pub data: Arc<[Rdata]>,
    /// When they expire.
    pub expires: Instant,
    /// Where they come from.
    pub origin: Origin,
}

/// An absence that is held until a point in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldAbsence {
    /// The SOA record that the authority sent with it.
    pub soa: Record,
    /// When it expires.
    pub expires: Instant,
    /// Where it comes from.
    pub origin: Origin,
}

/// A failure that is held until a point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldFailure {
    /// The extended error that explained it.
    pub code: u16,
    /// When it may be tried again.
    pub expires: Instant,
    /// How many failures came one after the other.
    pub failures: u32,
}

/// What the cache knows about a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// The records asked for.
    Records(HeldSet),
    /// An alias (RFC 1034 §3.6.2).
    Alias(HeldSet),
    /// A redirection of the subtree below this owner (RFC 6672).
    Redirection(Name, HeldSet),
    /// The name has no records of this type.
    NoData(HeldAbsence),
    /// The name does not exist, nor does anything below it.
    NoName(HeldAbsence),
    /// Nothing.
    Nothing,
}

#[derive(Clone, Debug)]
enum Content {
    Set(HeldSet),
    Absence(HeldAbsence),
    Cut { delegation: Arc<Delegation>, expires: Instant, origin: Origin },
    Failure(HeldFailure),
}

impl Content {
    fn expires(&self) -> Instant {
        match self {
            Self::Set(HeldSet { expires, .. })
            | Self::Absence(HeldAbsence { expires, .. })
            | Self::Cut { expires, .. }
            | Self::Failure(HeldFailure { expires, .. }) => *expires,
        }
    }

    fn rank(&self) -> Option<Rank> {
        match self {
            Self::Set(HeldSet { origin, .. })
            | Self::Absence(HeldAbsence { origin, .. })
            | Self::Cut { origin, .. } => Some(origin.rank),
            Self::Failure(_) => None,
        }
    }
}

/// The cache.
#[derive(Debug)]
pub struct Cache {
    map: ClockMap<Key, Content>,
    limits: CacheLimits,
    evicted: u64,
}

impl Cache {
    /// An empty cache.
    pub fn new(limits: CacheLimits, seed: u64) -> Self {
        Self { map: ClockMap::new(limits.octets_max, seed), limits, evicted: 0 }
    }

    /// What is known about a question.
    ///
    /// An expired entry is as good as none (course D6: "until its TTL").
    pub fn look(&mut self, now: Instant, name: &Name, rtype: RecordType) -> Known {
        match self.fresh(now, name, Kind::Set(rtype)) {
            Some(Content::Set(set)) if set.origin.rank.may_answer() => {
                return Known::Records(set.clone());
            }
            Some(Content::Absence(absence)) => return Known::NoData(absence.clone()),
            _ => {}
        }
        if rtype != RecordType::CNAME
            && let Some(Content::Set(set)) = self.fresh(now, name, Kind::Set(RecordType::CNAME))
            && set.origin.rank.may_answer()
        {
            return Known::Alias(set.clone());
        }
        let lower = name.to_lowercase();
        for (depth, ancestor) in suffixes(lower.as_wire()).enumerate() {
            // RFC 8020 §2: below a name that does not exist nothing exists.
            if let Some(Content::Absence(absence)) = self.fresh_wire(now, ancestor, Kind::NoName) {
                return Known::NoName(absence.clone());
            }
            if depth > 0
                && let Some(Content::Set(set)) =
                    self.fresh_wire(now, ancestor, Kind::Set(RecordType::DNAME))
                && set.origin.rank.may_answer()
                && let Ok(owner) = Name::from_wire(ancestor)
            {
                return Known::Redirection(owner, set.clone());
            }
        }
        Known::Nothing
    }

    /// The closest enclosing delegation of a name that is still alive, with its end.
    pub fn closest_cut(&mut self, now: Instant, name: &Name) -> Option<(Arc<Delegation>, Instant)> {
        let lower = name.to_lowercase();
        suffixes(lower.as_wire()).find_map(|zone| self.cut_wire(now, zone))
    }

    /// The delegation of a zone if it is still alive, with its end.
    pub fn cut(&mut self, now: Instant, zone: &Name) -> Option<(Arc<Delegation>, Instant)> {
        self.cut_wire(now, zone.to_lowercase().as_wire())
    }

    fn cut_wire(&mut self, now: Instant, zone: &[u8]) -> Option<(Arc<Delegation>, Instant)> {
        match self.fresh_wire(now, zone, Kind::Cut)? {
            Content::Cut { delegation, expires, .. } => Some((delegation.clone(), *expires)),
            _ => None,
        }
    }

    /// The addresses of a host that an authority gave for itself.
    pub fn addresses(&mut self, now: Instant, host: &Name, rtype: RecordType) -> Vec<IpAddr> {
        match self.fresh(now, host, Kind::Set(rtype)) {
            Some(Content::Set(set)) => addresses_of(rtype, &set.data),
            _ => Vec::new(),
        }
    }

    /// The failure of a question that is not to be tried again yet.
    pub fn failure(&mut self, now: Instant, name: &Name, rtype: RecordType) -> Option<HeldFailure> {
        match self.fresh(now, name, Kind::Failure(rtype))? {
            Content::Failure(failure) => Some(*failure),
            _ => None,
        }
    }

    /// Whether something about the question was known and has expired.
    pub fn has_expired(&mut self, now: Instant, name: &Name, rtype: RecordType) -> bool {
        let lower = name.to_lowercase();
        self.map
            .find(&KeyRef::new(&lower, Kind::Set(rtype)))
            .is_some_and(|content| content.expires() <= now)
    }

    /// Keeps a record set; whether it was kept: data of a lower rank does not replace data of a
    /// higher one that is still alive (RFC 2181 §5.4.1).
    pub fn store_set(
        &mut self,
        now: Instant,
        (name, rtype): (&Name, RecordType),
        ttl: u32,
        data: Arc<[Rdata]>,
        origin: Origin,
    ) -> bool {
        let octets = data.iter().map(|data| data.as_wire().len() + RDATA_OVERHEAD_OCTETS).sum();
        let expires = now.plus_seconds(ttl.min(self.limits.ttl_max_s));
        let content = Content::Set(HeldSet { data, expires, origin });
        let kept = self.store(now, name, Kind::Set(rtype), content, octets);
        if kept {
            // What exists refutes an older proof that it does not.
            let lower = name.to_lowercase();
            for ancestor in suffixes(lower.as_wire()) {
                self.map.remove(&KeyRef::of_wire(ancestor, Kind::NoName));
            }
            self.map.remove(&KeyRef::new(&lower, Kind::Failure(rtype)));
        }
        kept
    }

    /// Keeps that a name has no records of a type (`Some`) or does not exist (`None`), for the
    /// lesser of the SOA record's TTL and MINIMUM (RFC 2308 §5).
    pub fn store_absence(
        &mut self,
        now: Instant,
        (name, rtype): (&Name, Option<RecordType>),
        soa: &Record,
        origin: Origin,
    ) -> bool {
        let Some(ttl) = negative_ttl(soa) else { return false };
        let ttl = ttl.min(self.limits.negative_ttl_max_s);
        let expires = now.plus_seconds(ttl);
        let soa = Record { ttl, ..soa.clone() };
        let octets = soa.rdata.as_wire().len() + soa.name.wire_len() + RDATA_OVERHEAD_OCTETS;
        let content = Content::Absence(HeldAbsence { soa, expires, origin });
        self.store(now, name, rtype.map_or(Kind::NoName, Kind::Set), content, octets)
    }

    /// Keeps the servers of a zone as its parent named them.
    pub fn store_cut(
        &mut self,
        now: Instant,
        delegation: Arc<Delegation>,
        ttl: u32,
        origin: Origin,
    ) -> Instant {
        let expires = now.plus_seconds(ttl.min(self.limits.ttl_max_s));
        let octets = delegation
            .servers
            .iter()
            .map(|server| server.name.wire_len() + 24 * server.addresses.len() + 64)
            .sum();
        let zone = delegation.zone.clone();
        let content = Content::Cut { delegation, expires, origin };
        self.store(now, &zone, Kind::Cut, content, octets);
        expires
    }

    /// Keeps a failure, longer for each that follows another (RFC 9520 §3.2).
    pub fn store_failure(&mut self, now: Instant, name: &Name, rtype: RecordType, code: u16) {
        let lower = name.to_lowercase();
        let before = match self.map.find(&KeyRef::new(&lower, Kind::Failure(rtype))) {
            Some(Content::Failure(failure)) => failure.failures,
            _ => 0,
        };
        let ttl = self.limits.failure_ttl_s.saturating_mul(1 << before.min(FAILURE_DOUBLINGS_MAX));
        let expires = now.plus_seconds(ttl.min(self.limits.failure_ttl_max_s));
        let failure = HeldFailure { code, expires, failures: before.saturating_add(1) };
        self.map.insert(Key::new(lower, Kind::Failure(rtype)), Content::Failure(failure), 0);
    }

    /// Drops everything about a name and all below it; the number of entries dropped.
    pub fn flush(&mut self, name: &Name) -> usize {
        self.map.retain(|key, _| !key.name.is_subdomain_of(name))
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        self.map.clear();
    }

    /// Number of entries, expired ones included until they are dropped.
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Octets of all entries, at most [`CacheLimits::octets_max`].
    pub fn octets(&self) -> usize {
        self.map.octets()
    }

    /// Entries dropped to make room, since the start.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// What is alive, for people to look at; an entry per record set, delegation and absence.
    pub fn entries(&self, now: Instant) -> impl Iterator<Item = CacheEntry> + '_ {
        self.map
            .iter()
            .filter(move |(_, content)| content.expires() > now)
            .flat_map(|(key, content)| entry::entries_of(key, content))
    }

    fn fresh(&mut self, now: Instant, name: &Name, kind: Kind) -> Option<&Content> {
        self.fresh_wire(now, name.to_lowercase().as_wire(), kind)
    }

    /// The same for a name in lower case.
    fn fresh_wire(&mut self, now: Instant, lower: &[u8], kind: Kind) -> Option<&Content> {
        self.map.find(&KeyRef::of_wire(lower, kind)).filter(|content| content.expires() > now)
    }

    fn store(
        &mut self,
        now: Instant,
        name: &Name,
        kind: Kind,
        content: Content,
        octets: usize,
    ) -> bool {
        if content.expires() <= now {
            return false;
        }
        if let Some(held) = self.fresh(now, name, kind)
            && held.rank() > content.rank()
        {
            return false;
        }
        let key = Key::new(name.to_lowercase(), kind);
        let octets = octets + name.wire_len();
        self.evicted += u64::try_from(self.map.insert(key, content, octets)).unwrap_or(u64::MAX);
        true
    }
}

/// A name in wire form, its parent, and so on up to the root.
fn suffixes(wire: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::successors(Some(wire), |rest| {
        let (length, _) = rest.split_first().filter(|(length, _)| **length > 0)?;
        rest.get(usize::from(*length) + 1..)
    })
}

/// The addresses in the data of A or AAAA records.
pub(crate) fn addresses_of(rtype: RecordType, data: &[Rdata]) -> Vec<IpAddr> {
    data.iter()
        .filter_map(|data| {
            let octets = data.as_wire();
            match rtype {
                RecordType::A => <[u8; 4]>::try_from(octets).ok().map(IpAddr::from),
                RecordType::AAAA => <[u8; 16]>::try_from(octets).ok().map(IpAddr::from),
                _ => None,
            }
        })
        .collect()
}

/// For how long an absence may be kept: the lesser of TTL and MINIMUM (RFC 2308 §5).
pub(crate) fn negative_ttl(soa: &Record) -> Option<u32> {
    soa.soa().map(|data| data.minimum.min(soa.ttl))
}

/// What a record's data costs besides its octets.
const RDATA_OVERHEAD_OCTETS: usize = 32;
/// A failure's life is doubled at most so often before its cap holds anyway.
const FAILURE_DOUBLINGS_MAX: u32 = 16;

#[cfg(test)]
mod tests;
