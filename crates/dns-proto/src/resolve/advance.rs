//! Moving a search on: the cache, the closest zone, the next question, the next server.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use capa7_dissect::{Cause, Causes};

use crate::cache::{Delegation, HeldSet, Known};
use crate::instant::Instant;
use crate::message::Rdata;
use crate::resolve::exchange::{Exchange, Opening};
use crate::resolve::lookup::{Asking, FoundSet, Lookup, Minimised, Outcome, Purpose, State, Walk};
use crate::resolve::query::Transport;
use crate::resolve::request::Request;
use crate::resolve::servers::Choice;
use crate::resolve::{
    BudgetBound, ExchangeTag, FailureReason, Output, Priming, Resolver, ResolverNote, Timer,
};
use crate::{Name, Rcode, RecordType};

impl Resolver {
    /// Moves a request on as far as it goes without a reply, and ends it when it is done.
    pub(super) fn run(&mut self, now: Instant, mut request: Request) {
        while let Some(index) = request.ready.pop_front() {
            self.advance(now, &mut request, index);
            if let Some(Lookup { state: State::Done(_), .. }) = request.first() {
                break;
            }
        }
        match request.take(0) {
            Some(first) if matches!(first.state, State::Done(_)) => {
                self.finish(now, request, first);
            }
            Some(first) => {
                request.put(0, first);
                self.requests.insert(request.id, request);
            }
            None => {}
        }
    }

    fn advance(&mut self, now: Instant, request: &mut Request, index: usize) {
        let Some(mut lookup) = request.take(index) else { return };
        while matches!(lookup.state, State::Ready) {
            if let Some(bound) = request.bound_met(now, &self.config.budget) {
                self.fail(now, request, &mut lookup, FailureReason::Budget(bound));
                break;
            }
            if lookup.walk.is_none() {
                self.look(now, request, &mut lookup);
            } else {
                self.ask(now, request, index, &mut lookup);
            }
        }
        let addresses = matches!(lookup.state, State::Done(_)).then(|| lookup.addresses());
        let host = lookup.name.clone();
        request.put(index, lookup);
        if let Some(addresses) = addresses {
            tell_waiting(request, index, &host, &addresses);
        }
    }

    /// Ends a search without an answer.
    pub(super) fn fail(
        &mut self,
        now: Instant,
        request: &mut Request,
        lookup: &mut Lookup,
        reason: FailureReason,
    ) {
        if let FailureReason::Budget(bound) = reason {
            let (name, rtype) = (request.name.clone(), request.rtype);
            let note = ResolverNote::BudgetExceeded { name, rtype, bound };
            self.note(now, request, lookup.because, note);
        }
        lookup.state = State::Done(Outcome::Failed(reason));
    }

    /// Looks into the cache; what is not there is searched from the closest zone known.
    fn look(&mut self, now: Instant, request: &mut Request, lookup: &mut Lookup) {
        if lookup.purpose == Purpose::Priming {
            lookup.walk_at(self.walk(now, self.hints.clone()));
            return;
        }
        let answer = |rcode, absence| State::Done(Outcome::Answer { rcode, absence });
        match self.cache.look(now, &lookup.name, lookup.rtype) {
            Known::Records(set) => {
                lookup.keep_found(lookup.name.clone(), lookup.rtype, set);
                lookup.state = answer(Rcode::NOERROR, None);
            }
            Known::Alias(set) => {
                let target = set.data.first().and_then(|data| Name::from_wire(data.as_wire()).ok());
                lookup.keep_found(lookup.name.clone(), RecordType::CNAME, set);
                self.follow(now, request, lookup, target);
            }
            Known::Redirection(owner, set) => self.redirect(now, request, lookup, owner, set),
            Known::NoData(absence) => lookup.state = answer(Rcode::NOERROR, Some(absence)),
            Known::NoName(absence) => lookup.state = answer(Rcode::NXDOMAIN, Some(absence)),
            Known::Nothing => {
                if self.cache.has_expired(now, &lookup.name, lookup.rtype) {
                    let note =
                        ResolverNote::Expired { name: lookup.name.clone(), rtype: lookup.rtype };
                    self.note(now, request, lookup.because, note);
                }
                let walk = self.closest_walk(now, request, lookup);
                lookup.walk_at(walk);
            }
        }
    }

    /// A redirection in the cache makes an alias of the name (RFC 6672 §3.2).
    fn redirect(
        &mut self,
        now: Instant,
        request: &mut Request,
        lookup: &mut Lookup,
        owner: Name,
        set: HeldSet,
    ) {
        let to = set.data.first().and_then(|data| Name::from_wire(data.as_wire()).ok());
        let target = to.and_then(|to| lookup.name.rebase(&owner, &to).ok());
        let expires = set.expires;
        lookup.keep_found(owner, RecordType::DNAME, set);
        let Some(target) = target else {
            // RFC 6672 §2.2: the name gets too long.
            let (rcode, absence) = (Rcode::YXDOMAIN, None);
            lookup.state = State::Done(Outcome::Answer { rcode, absence });
            return;
        };
        lookup.found.push(FoundSet {
            name: lookup.name.clone(),
            rtype: RecordType::CNAME,
            data: [Rdata::name(&target)].into(),
            expires,
        });
        if lookup.rtype == RecordType::CNAME {
            let (rcode, absence) = (Rcode::NOERROR, None);
            lookup.state = State::Done(Outcome::Answer { rcode, absence });
            return;
        }
        self.follow(now, request, lookup, Some(target));
    }

    /// Goes on at the target of an alias that was just put into the answer.
    pub(super) fn follow(
        &mut self,
        now: Instant,
        request: &mut Request,
        lookup: &mut Lookup,
        target: Option<Name>,
    ) {
        let Some(target) = target.filter(|_| lookup.purpose == Purpose::Clients) else {
            // RFC 2181 §10.3: the name of a server is no alias.
            return self.fail(now, request, lookup, FailureReason::NoServerAddress);
        };
        let alias = lookup.name.clone();
        let note = ResolverNote::Alias { name: alias, target: target.clone() };
        self.note(now, request, lookup.because, note);
        lookup.aliases += 1;
        if lookup.has_left(&target) {
            self.fail(now, request, lookup, FailureReason::AliasLoop);
        } else if lookup.aliases > self.config.budget.aliases_max {
            self.fail(now, request, lookup, FailureReason::Budget(BudgetBound::Aliases));
        } else {
            lookup.restart_at(target);
        }
    }

    /// The servers of the closest zone known to enclose the name, in the end the root's.
    fn closest_walk(&mut self, now: Instant, request: &Request, lookup: &Lookup) -> Walk {
        // RFC 4035 §3.1.4.1: DS records are the parent's.
        let from = match lookup.name.parent() {
            Some(parent) if lookup.rtype == RecordType::DS => parent,
            _ => lookup.name.clone(),
        };
        let delegation = match self.cache.closest_cut(now, &from) {
            Some((delegation, _)) => delegation,
            None => {
                if self.config.priming == Priming::WhenNeeded && !request.is_priming() {
                    self.prime(now, request.cause);
                }
                self.hints.clone()
            }
        };
        self.walk(now, delegation)
    }

    pub(super) fn walk(&self, now: Instant, delegation: Arc<Delegation>) -> Walk {
        let ipv6 = self.config.ipv6;
        Walk::new(now, delegation, |address| ipv6 || address.is_ipv4())
    }

    /// Asks the next server the next question; without a server left, the search fails.
    fn ask(&mut self, now: Instant, request: &mut Request, index: usize, lookup: &mut Lookup) {
        let (name, rtype) = match lookup.purpose {
            Purpose::Priming => (lookup.name.clone(), lookup.rtype),
            _ => lookup.minimised.question(&lookup.name, lookup.rtype),
        };
        let shortened = name != lookup.name;
        if shortened {
            match self.cache.look(now, &name, rtype) {
                Known::Nothing => {}
                // Someone else has learned that the name cannot exist.
                Known::NoName(_) => return lookup.walk = None,
                _ => return lookup.minimised.known_labels = name.label_count(),
            }
        }
        let Some(walk) = &mut lookup.walk else { return };
        let zone = &walk.delegation.zone;
        let patience = &self.config.patience;
        let choice = self.servers.choose(now, zone, &walk.candidates, patience, &mut self.rng);
        if let Some(choice) = choice {
            self.send(now, request, index, lookup, choice, (name, rtype));
            return;
        }
        if self.fetch_addresses(now, request, index, lookup) {
            return;
        }
        let Some(walk) = &mut lookup.walk else { return };
        if shortened && walk.reached {
            // RFC 9156 §2.3: some servers fail on names that they were not made for.
            walk.ask_anew();
            lookup.minimised.active = false;
            let note = ResolverNote::WholeNameInstead { name: lookup.name.clone() };
            self.note(now, request, lookup.because, note);
            return;
        }
        let reason = match walk {
            Walk { candidates, .. } if candidates.is_empty() => FailureReason::NoServerAddress,
            Walk { reached: true, .. } => FailureReason::NoAuthority,
            Walk { .. } => FailureReason::Network,
        };
        self.fail(now, request, lookup, reason);
    }

    /// Sends a query, or joins an equal one under way.
    fn send(
        &mut self,
        now: Instant,
        request: &mut Request,
        index: usize,
        lookup: &mut Lookup,
        choice: Choice,
        (name, rtype): (Name, RecordType),
    ) {
        let Some(walk) = &mut lookup.walk else { return };
        let Some(candidate) = walk.candidates.get_mut(choice.index) else { return };
        let attempts = candidate.attempts;
        candidate.attempts += 1;
        request.spent.queries += 1;
        let address = candidate.address;
        let server_name = walk.delegation.servers.get(candidate.server);
        let note = ResolverNote::ChoseServer {
            zone: walk.delegation.zone.clone(),
            server: server_name.map_or_else(Name::root, |server| server.name.clone()),
            address,
            smoothed_rtt_us: choice
                .smoothed_rtt
                .map(|rtt| u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX)),
            candidates: choice.candidates,
            reason: choice.reason,
        };
        self.note(now, request, lookup.because, note);
        let server = SocketAddr::new(address, self.config.server_port);
        let waiter = (request.id, index);
        let equal = self.exchanges.equal(server, &name, rtype);
        let tag = match equal {
            Some(tag) => {
                if let Some(exchange) = self.exchanges.get_mut(tag) {
                    exchange.waiters.push(waiter);
                }
                tag
            }
            None => {
                let wait = self.servers.patience(now, address, attempts, &self.config.patience);
                let opening = Opening {
                    server,
                    question: (&name, rtype),
                    transport: Transport::Udp,
                    edns: self.servers.knows_edns(now, address),
                    random_case: self.config.random_case,
                    now,
                    deadline: now.plus(wait),
                };
                self.open(&opening, vec![waiter], request.causes(lookup.because))
            }
        };
        let joined = equal.is_some();
        let note = ResolverNote::Asked { name: name.clone(), rtype, server, joined };
        self.note(now, request, lookup.because, note);
        lookup.state = State::Asking(Asking { exchange: tag, name, rtype, address });
    }

    /// Begins an exchange; its tag.
    pub(super) fn open(
        &mut self,
        opening: &Opening<'_>,
        waiters: Vec<(u64, usize)>,
        causes: Causes,
    ) -> u64 {
        let mut exchange = Exchange::new(opening, &mut self.rng);
        exchange.waiters = waiters;
        let (octets, server) = (exchange.query(), exchange.server);
        let tag = self.exchanges.add(exchange);
        self.timers.insert((opening.deadline, Timer::Exchange(tag)));
        let number = tag;
        let tag = ExchangeTag(number);
        self.outputs.push_back(match opening.transport {
            Transport::Udp => Output::SendUdp { tag, server, octets, causes },
            Transport::Tcp => Output::SendTcp { tag, server, octets, causes },
        });
        number
    }

    /// Looks up addresses of servers that have none; whether the search can go on or waits.
    fn fetch_addresses(
        &mut self,
        now: Instant,
        request: &mut Request,
        index: usize,
        lookup: &mut Lookup,
    ) -> bool {
        let Some(mut walk) = lookup.walk.take() else { return false };
        let (mut names, mut pending, mut added) = (0, 0, false);
        while let Some(server) = walk.next_to_look_up() {
            if let Some(looked_up) = walk.looked_up.get_mut(server) {
                *looked_up = true;
            }
            let Some(host) = walk.delegation.servers.get(server).map(|one| one.name.clone()) else {
                continue;
            };
            let known = self.known_addresses(now, &host);
            if !known.is_empty() {
                known.into_iter().for_each(|address| walk.add(server, address));
                added = true;
                break;
            }
            if lookup.depth >= self.config.budget.depth_max {
                continue;
            }
            if request.spent.server_names >= self.config.budget.server_names_max {
                // NXNSAttack: the names that a referral gives are not all worth a search.
                let (name, rtype) = (request.name.clone(), request.rtype);
                let bound = BudgetBound::ServerNames;
                let note = ResolverNote::BudgetExceeded { name, rtype, bound };
                self.note(now, request, lookup.because, note);
                break;
            }
            let begun = self.look_up_server(request, index, lookup, &host);
            if begun > 0 {
                request.spent.server_names += 1;
                let zone = walk.delegation.zone.clone();
                let note = ResolverNote::LookingUpServer { server: host, zone };
                self.note(now, request, lookup.because, note);
                pending += begun;
                names += 1;
            }
            if names >= SERVER_NAMES_AT_ONCE {
                break;
            }
        }
        lookup.walk = Some(walk);
        if !added && pending > 0 {
            lookup.state = State::Fetching(pending);
        }
        added || pending > 0
    }

    fn known_addresses(&mut self, now: Instant, host: &Name) -> Vec<IpAddr> {
        let mut addresses = self.cache.addresses(now, host, RecordType::A);
        if self.config.ipv6 {
            addresses.extend(self.cache.addresses(now, host, RecordType::AAAA));
        }
        addresses
    }

    /// Begins or joins the searches for a server's addresses; how many are waited for.
    fn look_up_server(
        &mut self,
        request: &mut Request,
        index: usize,
        lookup: &Lookup,
        host: &Name,
    ) -> usize {
        let types: &[RecordType] =
            if self.config.ipv6 { &[RecordType::A, RecordType::AAAA] } else { &[RecordType::A] };
        let mut pending = 0;
        for rtype in types {
            let question = (host.clone(), *rtype);
            let same = request.slots.iter().position(|slot| slot.question == question);
            let other = match same {
                // It would wait for itself: `ns.example` serves `example` and has no glue.
                Some(other) if request.waits_for(other, index) => continue,
                Some(other) => other,
                None => {
                    let minimised = Minimised::new(self.config.minimisation);
                    let purpose = Purpose::ServerAddress;
                    let mut begun = Lookup::new(purpose, question, minimised, lookup.because);
                    begun.depth = lookup.depth + 1;
                    request.add(begun)
                }
            };
            let Some(slot) = request.slots.get_mut(other) else { continue };
            // A search of this request that has ended left its addresses in the cache, or none.
            if !slot.lookup.as_ref().is_some_and(|one| matches!(one.state, State::Done(_))) {
                slot.waiting.push(index);
                pending += 1;
            }
        }
        pending
    }

    /// Begins to learn the root's list of servers, unless that is under way or failed lately.
    pub(super) fn prime(&mut self, now: Instant, cause: Cause) {
        if now < self.prime_after || self.cache.cut(now, &Name::root()).is_some() {
            return;
        }
        self.prime_after = now.plus(PRIMING_PAUSE);
        let minimised = Minimised::new(self.config.minimisation);
        let question = (Name::root(), RecordType::NS);
        let lookup = Lookup::new(Purpose::Priming, question, minimised, cause);
        let request = self.begin(now, lookup, cause);
        self.run(now, request);
    }

    /// A request that begins; the caller runs it.
    pub(super) fn begin(&mut self, now: Instant, first: Lookup, cause: Cause) -> Request {
        self.last_request += 1;
        let deadline = now.plus(self.config.budget.time);
        self.timers.insert((deadline, Timer::Request(self.last_request)));
        Request::new(self.last_request, first, cause, deadline)
    }
}

impl Lookup {
    /// Puts what was held into the answer.
    fn keep_found(&mut self, name: Name, rtype: RecordType, set: HeldSet) {
        let HeldSet { data, expires, origin } = set;
        if !self.because.is_some() {
            self.because = origin.learned;
        }
        self.found.push(FoundSet { name, rtype, data, expires });
    }
}

/// Gives the addresses that a search found to the searches that wait for them.
fn tell_waiting(request: &mut Request, index: usize, host: &Name, addresses: &[IpAddr]) {
    let waiting = request.slots.get_mut(index).map(|slot| std::mem::take(&mut slot.waiting));
    for parent in waiting.into_iter().flatten() {
        let Some(lookup) = request.slots.get_mut(parent).and_then(|slot| slot.lookup.as_mut())
        else {
            continue;
        };
        if let Some(walk) = &mut lookup.walk {
            let servers = &walk.delegation.servers;
            if let Some(server) = servers.iter().position(|server| server.name == *host) {
                addresses.iter().for_each(|address| walk.add(server, *address));
            }
        }
        if let State::Fetching(pending) = &mut lookup.state {
            *pending = pending.saturating_sub(1);
            if *pending == 0 || !addresses.is_empty() {
                lookup.state = State::Ready;
                request.ready.push_back(parent);
            }
        }
    }
}

/// Names of servers whose addresses are looked up at the same time.
const SERVER_NAMES_AT_ONCE: u32 = 2;
/// Priming is tried again after this time at the earliest.
const PRIMING_PAUSE: Duration = Duration::from_secs(30);
