//! The search for the records of one name and type, from zone to zone.
//!
//! ```text
//!            +--------------- alias: new name ----------------+
//!            v                                                |
//!   Ready: cache? --yes--> Done        +--> reply: answer ----+--> Done
//!            | no                      |    reply: referral --> Ready, closer zone
//!            v                         |    reply: error    --> Ready, next server
//!        choose a server --asked--> Asking   silence        --> Ready, next server
//!            | none has an address
//!            v
//!        Fetching (their addresses, each a lookup of its own) --> Ready
//! ```

use std::net::IpAddr;
use std::sync::Arc;

use capa7_dissect::Cause;

use crate::cache::{Delegation, HeldAbsence, addresses_of};
use crate::instant::Instant;
use crate::message::Rdata;
use crate::resolve::servers::Candidate;
use crate::resolve::{FailureReason, Minimisation};
use crate::{Name, Rcode, RecordType};

/// One search.
#[derive(Debug)]
pub(crate) struct Lookup {
    pub(crate) purpose: Purpose,
    /// Lookups above this one that wait for addresses of servers.
    pub(crate) depth: u32,
    /// The name searched, which aliases change.
    pub(crate) name: Name,
    pub(crate) rtype: RecordType,
    /// What belongs into the answer so far.
    pub(crate) found: Vec<FoundSet>,
    pub(crate) aliases: u32,
    pub(crate) minimised: Minimised,
    pub(crate) walk: Option<Walk>,
    pub(crate) state: State,
    /// The message because of which it goes on.
    pub(crate) because: Cause,
}

/// What a search is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To answer clients.
    Clients,
    /// To learn the root's own list of servers.
    Priming,
    /// To learn the address of a server.
    ServerAddress,
}

/// Where a search stands.
#[derive(Clone, Debug)]
pub(crate) enum State {
    /// It can go on.
    Ready,
    /// A query is under way.
    Asking(Asking),
    /// So many lookups of addresses are under way.
    Fetching(usize),
    /// It has ended.
    Done(Outcome),
}

/// The query that a search waits for.
#[derive(Clone, Debug)]
pub(crate) struct Asking {
    pub(crate) exchange: u64,
    pub(crate) name: Name,
    pub(crate) rtype: RecordType,
    pub(crate) address: IpAddr,
}

/// How a search ended.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// With what is in [`Lookup::found`], and the proof of an absence if there is one.
    Answer {
        /// NOERROR, NXDOMAIN or YXDOMAIN.
        rcode: Rcode,
        /// The proof.
        absence: Option<HeldAbsence>,
    },
    /// Without an answer.
    Failed(FailureReason),
}

/// A record set that belongs into the answer.
#[derive(Clone, Debug)]
pub(crate) struct FoundSet {
    pub(crate) name: Name,
    pub(crate) rtype: RecordType,
    pub(crate) data: Arc<[Rdata]>,
    pub(crate) expires: Instant,
}

/// The servers of the zone that a search has come to.
#[derive(Debug)]
pub(crate) struct Walk {
    pub(crate) delegation: Arc<Delegation>,
    pub(crate) candidates: Vec<Candidate>,
    /// For each server of the delegation: its addresses were looked up or need not be.
    pub(crate) looked_up: Vec<bool>,
    /// At least one server was reached.
    pub(crate) reached: bool,
}

/// How much of the name the servers are told (RFC 9156 §2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Minimised {
    /// Only one label more than is known to exist.
    pub(crate) active: bool,
    /// Shortened questions so far, over all zones of the search.
    pub(crate) questions: u32,
    /// So many of the name's labels, from the right, are known to exist.
    pub(crate) known_labels: usize,
}

impl Minimised {
    /// The beginning of a search.
    pub(crate) fn new(minimisation: Minimisation) -> Self {
        let active = minimisation == Minimisation::OneLabelMore;
        Self { active, questions: 0, known_labels: 0 }
    }

    /// What to ask next: the whole question, or whether some name between the zone and the
    /// whole name exists.
    pub(crate) fn question(&self, name: &Name, rtype: RecordType) -> (Name, RecordType) {
        let total = name.label_count();
        let left = total.saturating_sub(self.known_labels);
        if !self.active || self.questions >= MINIMISED_QUESTIONS_MAX || left <= 1 {
            return (name.clone(), rtype);
        }
        let step = if self.questions < ONE_LABEL_QUESTIONS {
            1
        } else {
            let questions_left = (MINIMISED_QUESTIONS_MAX - self.questions).max(1);
            left.div_ceil(usize::try_from(questions_left).unwrap_or(1))
        };
        let mut labels = self.known_labels + step;
        let mut shorter = name.suffix(labels);
        // RFC 9156 §2.3: a label such as `_tcp` is no place for a delegation.
        while labels < total && shorter.labels().next().is_some_and(|l| l.starts_with(b"_")) {
            labels += 1;
            shorter = name.suffix(labels);
        }
        if labels >= total { (name.clone(), rtype) } else { (shorter, RecordType::A) }
    }
}

impl Walk {
    /// Begins at a zone; glue that has expired is left out.
    pub(crate) fn new(
        now: Instant,
        delegation: Arc<Delegation>,
        usable: impl Fn(IpAddr) -> bool,
    ) -> Self {
        let mut walk = Self {
            candidates: Vec::new(),
            looked_up: vec![false; delegation.servers.len()],
            reached: false,
            delegation: delegation.clone(),
        };
        for (server, name_server) in delegation.servers.iter().enumerate() {
            for (address, expires) in &name_server.addresses {
                if *expires > now && usable(*address) {
                    walk.add(server, *address);
                }
            }
        }
        walk
    }

    /// Adds an address of a server, unless it is known or there are too many.
    pub(crate) fn add(&mut self, server: usize, address: IpAddr) {
        let known = self.candidates.iter().any(|candidate| candidate.address == address);
        if known || self.candidates.len() >= CANDIDATES_MAX {
            return;
        }
        self.candidates.push(Candidate { address, server, attempts: 0, dead: false });
    }

    /// The next server without an address whose address was not looked up.
    pub(crate) fn next_to_look_up(&self) -> Option<usize> {
        let has_address =
            |server: usize| self.candidates.iter().any(|candidate| candidate.server == server);
        (0..self.looked_up.len())
            .find(|server| self.looked_up.get(*server) == Some(&false) && !has_address(*server))
    }

    /// Another question is asked of the same servers: silence and failure start over.
    pub(crate) fn ask_anew(&mut self) {
        for candidate in &mut self.candidates {
            candidate.attempts = 0;
            candidate.dead = false;
        }
    }

    /// The candidate of an address.
    pub(crate) fn candidate_mut(&mut self, address: IpAddr) -> Option<&mut Candidate> {
        self.candidates.iter_mut().find(|candidate| candidate.address == address)
    }
}

impl Lookup {
    /// A search that begins.
    pub(crate) fn new(
        purpose: Purpose,
        (name, rtype): (Name, RecordType),
        minimised: Minimised,
        because: Cause,
    ) -> Self {
        Self {
            purpose,
            depth: 0,
            minimised,
            name,
            rtype,
            found: Vec::new(),
            aliases: 0,
            walk: None,
            state: State::Ready,
            because,
        }
    }

    /// Goes on at another name.
    pub(crate) fn restart_at(&mut self, name: Name) {
        self.name = name;
        self.walk = None;
        self.minimised = Minimised { questions: 0, known_labels: 0, ..self.minimised };
    }

    /// Goes on at the servers of another zone.
    pub(crate) fn walk_at(&mut self, walk: Walk) {
        let labels = walk.delegation.zone.label_count();
        self.minimised.known_labels = self.minimised.known_labels.max(labels);
        self.walk = Some(walk);
    }

    /// The addresses found for the name that was searched, aliases not followed: the name of a
    /// server must not be one (RFC 2181 §10.3).
    pub(crate) fn addresses(&self) -> Vec<IpAddr> {
        match (&self.state, self.found.as_slice()) {
            (State::Done(Outcome::Answer { .. }), [set]) => addresses_of(set.rtype, &set.data),
            _ => Vec::new(),
        }
    }

    /// Whether an alias was followed from this name before.
    pub(crate) fn has_left(&self, name: &Name) -> bool {
        self.found.iter().any(|set| set.rtype == RecordType::CNAME && set.name == *name)
    }
}

/// Shortened questions per search (RFC 9156 §2.3, MAX_MINIMISE_COUNT).
const MINIMISED_QUESTIONS_MAX: u32 = 10;
/// The first of them add one label each (RFC 9156 §2.3, MINIMISE_ONE_LAB).
const ONE_LABEL_QUESTIONS: u32 = 4;
/// Addresses of one zone's servers that are used.
const CANDIDATES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_told_in_ten_questions() {
        // Goal: RFC 9156 §2.3: four single labels, then even shares, the tenth is not exceeded.
        let name = Name::parse(&"a.".repeat(120)).unwrap();
        let mut minimised = Minimised::new(Minimisation::OneLabelMore);
        let mut told = Vec::new();
        for _ in 0..20 {
            let (question, rtype) = minimised.question(&name, RecordType::MX);
            told.push(question.label_count());
            if question == name {
                assert_eq!(rtype, RecordType::MX);
                break;
            }
            assert_eq!(rtype, RecordType::A);
            minimised.questions += 1;
            minimised.known_labels = question.label_count();
        }
        assert_eq!(told, [1, 2, 3, 4, 24, 44, 63, 82, 101, 120]);
    }

    #[test]
    fn labels_with_an_underscore_are_told_together() {
        let name = Name::parse("_25._tcp.mail.example").unwrap();
        let mut minimised = Minimised::new(Minimisation::OneLabelMore);
        minimised.known_labels = 1;
        let (question, _) = minimised.question(&name, RecordType::TLSA);
        assert_eq!(question, Name::parse("mail.example").unwrap());
        minimised.known_labels = 2;
        assert_eq!(minimised.question(&name, RecordType::TLSA), (name.clone(), RecordType::TLSA));
    }
}
