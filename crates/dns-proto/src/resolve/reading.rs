//! What a reply means to someone who asked a server as an authority of a zone.
//!
//! ```text
//!   reply --- records outside the zone thrown away --->
//!      answer for the name, through aliases    -> Answer | Alias
//!      NXDOMAIN or SOA                         -> NoName | NoData
//!      NS of a zone between ours and the name  -> Referral
//!      anything else                           -> Lame
//! ```

use std::net::IpAddr;

use crate::cache::{Delegation, NameServer, Rank};
use crate::instant::Instant;
use crate::message::{Message, Rdata, Record};
use crate::{Name, Rcode, RecordClass, RecordType};

/// What was asked, and of whose authority.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) zone: &'a Name,
    pub(crate) name: &'a Name,
    pub(crate) rtype: RecordType,
}

/// Records of one name and type in a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Set {
    pub(crate) name: Name,
    pub(crate) rtype: RecordType,
    /// The least of the records' (RFC 2181 §5.2).
    pub(crate) ttl: u32,
    pub(crate) data: Vec<Rdata>,
    pub(crate) rank: Rank,
}

impl Set {
    /// Whether this is the alias that a redirection before it in the answer makes. It is not
    /// kept: the redirection is, and makes it again, so that both are always told
    /// (RFC 6672 §3.2).
    pub(crate) fn is_made_from(&self, redirection: &Name) -> bool {
        self.rtype == RecordType::CNAME && self.name.is_subdomain_of(redirection)
    }
}

/// The meaning of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Aliases, if any, and the records at their end.
    Answer(Vec<Set>),
    /// Aliases whose end is not in the reply.
    Alias(Vec<Set>, Name),
    /// After aliases, if any, a name without records of the type.
    NoData(Vec<Set>, Absence),
    /// After aliases, if any, a name that does not exist.
    NoName(Vec<Set>, Absence),
    /// A redirection makes the name too long (RFC 6672 §2.2).
    NameTooLong(Vec<Set>),
    /// The servers of a zone closer to the name.
    Referral(Delegation, u32),
    /// The server is no authority for the zone.
    Lame,
    /// The server has failed or does not want to answer.
    Failed(Rcode),
}

/// The name that something is absent from, with the proof when it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Absence {
    pub(crate) name: Name,
    pub(crate) soa: Option<Record>,
}

/// A reply that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) verdict: Verdict,
    /// The zone's own NS records beside an answer, which may be kept.
    pub(crate) beside: Option<Set>,
    /// The first owner outside the zone, and how many records that concerned.
    pub(crate) out_of_zone: Option<(Name, usize)>,
}

impl Reading {
    /// Reads a reply whose id and question were checked.
    pub(crate) fn of(now: Instant, reply: &Message, asked: Asked<'_>) -> Self {
        let inside = |record: &&Record| {
            record.class == RecordClass::IN && record.name.is_subdomain_of(asked.zone)
        };
        let sections = [&reply.answers, &reply.authorities, &reply.additionals];
        let mut outside = sections.into_iter().flatten().filter(|record| !inside(record));
        let out_of_zone = outside.next().map(|first| (first.name.clone(), 1 + outside.count()));
        let filter = |records: &'_ [Record]| -> Vec<Record> {
            records.iter().filter(inside).cloned().collect()
        };
        let scrubbed = Scrubbed {
            authoritative: reply.header.aa,
            rcode: reply.header.rcode,
            answers: filter(&reply.answers),
            authorities: filter(&reply.authorities),
            additionals: filter(&reply.additionals),
        };
        let verdict = scrubbed.verdict(now, asked);
        let beside = scrubbed.beside(asked, &verdict);
        Self { verdict, beside, out_of_zone }
    }
}

/// A reply without what its server has no say about.
#[derive(Debug)]
struct Scrubbed {
    authoritative: bool,
    rcode: Rcode,
    answers: Vec<Record>,
    authorities: Vec<Record>,
    additionals: Vec<Record>,
}

/// Where following aliases within one reply came to.
#[derive(Debug)]
enum End {
    Records,
    Open(Name),
    TooLong,
}

impl Scrubbed {
    fn verdict(&self, now: Instant, asked: Asked<'_>) -> Verdict {
        if ![Rcode::NOERROR, Rcode::NXDOMAIN, Rcode::YXDOMAIN].contains(&self.rcode) {
            return Verdict::Failed(self.rcode);
        }
        let (chain, end) = self.follow(asked);
        let name = match end {
            End::Records if self.authoritative => return Verdict::Answer(chain),
            End::TooLong if self.authoritative => return Verdict::NameTooLong(chain),
            End::Open(name) => name,
            // An answer without AA is hearsay: the server was asked as an authority.
            End::Records | End::TooLong => return Verdict::Lame,
        };
        if !chain.is_empty() && !self.authoritative {
            return Verdict::Lame;
        }
        let soa = self.soa_for(&name, asked.zone);
        let is_alias = !chain.is_empty();
        if name.is_subdomain_of(asked.zone) && (soa.is_some() || self.authoritative) {
            let absence = Absence { name: name.clone(), soa };
            // RFC 6604 §3: the response code speaks of the last name of the chain.
            if self.rcode == Rcode::NXDOMAIN && (self.authoritative || absence.soa.is_some()) {
                return Verdict::NoName(chain, absence);
            }
            if absence.soa.is_some() {
                return Verdict::NoData(chain, absence);
            }
        }
        if is_alias {
            return Verdict::Alias(chain, name);
        }
        if self.rcode == Rcode::NOERROR
            && let Some((delegation, ttl)) = self.referral(now, asked)
        {
            return Verdict::Referral(delegation, ttl);
        }
        // RFC 2308 §2.2: NODATA of the third kind has neither SOA nor NS records.
        if self.authoritative && self.rcode == Rcode::NOERROR {
            return Verdict::NoData(chain, Absence { name, soa: None });
        }
        Verdict::Lame
    }

    /// Follows aliases from the name asked for, as far as the reply goes.
    fn follow(&self, asked: Asked<'_>) -> (Vec<Set>, End) {
        let mut chain: Vec<Set> = Vec::new();
        let mut name = asked.name.clone();
        for _ in 0..ALIASES_PER_REPLY_MAX {
            let Some(set) = self.redirection(&name) else {
                if let Some(set) = self.answer_set(&name, asked.rtype) {
                    chain.push(set);
                    return (chain, End::Records);
                }
                let Some(set) = self.answer_set(&name, RecordType::CNAME) else { break };
                let target = set.data.first().and_then(|data| Name::from_wire(data.as_wire()).ok());
                let Some(target) = target else { break };
                chain.push(Set { data: set.data.into_iter().take(1).collect(), ..set });
                name = target;
                continue;
            };
            let to = set.data.first().and_then(|data| Name::from_wire(data.as_wire()).ok());
            let Some(to) = to else { break };
            let (from, ttl) = (set.name.clone(), set.ttl);
            chain.push(set);
            let Ok(target) = name.rebase(&from, &to) else { return (chain, End::TooLong) };
            let data = vec![Rdata::name(&target)];
            let rank = Rank::AuthoritativeAnswer;
            chain.push(Set { name, rtype: RecordType::CNAME, ttl, data, rank });
            if asked.rtype == RecordType::CNAME {
                return (chain, End::Records);
            }
            name = target;
        }
        (chain, End::Open(name))
    }

    /// The DNAME record above a name. The alias that it makes is ours to make, whatever the
    /// server made of it (RFC 6672 §3.2): nothing else can be at that name.
    fn redirection(&self, name: &Name) -> Option<Set> {
        if !self.answers.iter().any(|record| record.rtype == RecordType::DNAME) {
            return None;
        }
        let parent = name.parent()?;
        parent.ancestors().find_map(|owner| self.answer_set(&owner, RecordType::DNAME))
    }

    fn answer_set(&self, name: &Name, rtype: RecordType) -> Option<Set> {
        set_of(&self.answers, name, rtype, Rank::AuthoritativeAnswer)
    }

    /// The SOA record of the zone that the name is in, as far as the server may speak of it.
    fn soa_for(&self, name: &Name, zone: &Name) -> Option<Record> {
        let soas = self.authorities.iter().filter(|record| record.soa().is_some());
        soas.filter(|record| {
            name.is_subdomain_of(&record.name) && record.name.is_subdomain_of(zone)
        })
        .max_by_key(|record| record.name.label_count())
        .cloned()
    }

    /// The deepest delegation between the zone asked and the name, with its TTL.
    ///
    /// Glue is taken for servers whose names the asked server has a say about, which are those
    /// in the delegated zone and its siblings below the asked zone.
    fn referral(&self, now: Instant, asked: Asked<'_>) -> Option<(Delegation, u32)> {
        let zone = self
            .authorities
            .iter()
            .filter(|record| record.rtype == RecordType::NS)
            .map(|record| &record.name)
            .filter(|owner| *owner != asked.zone && asked.name.is_subdomain_of(owner))
            .max_by_key(|owner| owner.label_count())?;
        self.delegation(now, zone, &self.authorities)
    }

    fn delegation(&self, now: Instant, zone: &Name, from: &[Record]) -> Option<(Delegation, u32)> {
        let set = set_of(from, zone, RecordType::NS, Rank::Referral)?;
        let names = set.data.iter().filter_map(|data| Name::from_wire(data.as_wire()).ok());
        let servers = names.take(SERVERS_PER_ZONE_MAX).map(|name| {
            let own = self.additionals.iter().filter(|record| record.name == name);
            let addresses = own.filter_map(|record| {
                let address = match record.rtype {
                    RecordType::A => record.a().map(IpAddr::V4),
                    RecordType::AAAA => record.aaaa().map(IpAddr::V6),
                    _ => None,
                };
                address.map(|address| (address, now.plus_seconds(record.ttl)))
            });
            let addresses = addresses.take(ADDRESSES_PER_SERVER_MAX).collect();
            NameServer { name, addresses }
        });
        let delegation = Delegation { zone: zone.clone(), servers: servers.collect() };
        Some((delegation, set.ttl))
    }

    /// The NS records of the zone that an authoritative answer carries along.
    fn beside(&self, asked: Asked<'_>, verdict: &Verdict) -> Option<Set> {
        if !self.authoritative || !matches!(verdict, Verdict::Answer(_)) {
            return None;
        }
        let owner = &self.authorities.iter().find(|record| record.rtype == RecordType::NS)?.name;
        asked
            .name
            .is_subdomain_of(owner)
            .then(|| set_of(&self.authorities, owner, RecordType::NS, Rank::AuthoritySection))?
    }
}

/// The root's own list in the answer to a priming query (RFC 9609 §4): the servers with the
/// addresses that came along.
pub(crate) fn priming_list(now: Instant, reply: &Message) -> Option<(Delegation, u32)> {
    let scrubbed = Scrubbed {
        authoritative: reply.header.aa,
        rcode: reply.header.rcode,
        answers: reply.answers.clone(),
        authorities: Vec::new(),
        additionals: reply.additionals.clone(),
    };
    let usable = scrubbed.authoritative && scrubbed.rcode == Rcode::NOERROR;
    let list = scrubbed.delegation(now, &Name::root(), &scrubbed.answers)?;
    usable.then_some(list)
}

fn set_of(records: &[Record], name: &Name, rtype: RecordType, rank: Rank) -> Option<Set> {
    let own = || records.iter().filter(|record| record.rtype == rtype && record.name == *name);
    let ttl = own().map(|record| record.ttl).min()?;
    let mut data: Vec<Rdata> = Vec::new();
    for record in own() {
        // RFC 2181 §5: a set has no equal records.
        if !data.contains(&record.rdata) && data.len() < RECORDS_PER_SET_MAX {
            data.push(record.rdata.clone());
        }
    }
    Some(Set { name: name.clone(), rtype, ttl, data, rank })
}

/// Aliases followed within one reply; further ones are asked for.
const ALIASES_PER_REPLY_MAX: usize = 16;
/// Servers of a delegation that are used.
const SERVERS_PER_ZONE_MAX: usize = 26;
/// Glue addresses of a server that are used.
const ADDRESSES_PER_SERVER_MAX: usize = 8;
/// Records of one set that are used.
const RECORDS_PER_SET_MAX: usize = 512;

#[cfg(test)]
mod tests;
