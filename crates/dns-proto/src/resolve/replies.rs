//! What comes back from servers: checking it, keeping it, moving the searches on.

use std::net::SocketAddr;
use std::sync::Arc;

use capa7_dissect::{Cause, Causes};

use crate::cache::{HeldAbsence, Origin, Rank, negative_ttl};
use crate::instant::Instant;
use crate::message::Message;
use crate::resolve::exchange::{Exchange, Opening};
use crate::resolve::lookup::{Asking, FoundSet, Lookup, Outcome, Purpose, State};
use crate::resolve::query::Transport;
use crate::resolve::reading::{Absence, Asked, Reading, Set, Verdict, priming_list};
use crate::resolve::request::Request;
use crate::resolve::{
    BudgetBound, ExchangeTag, FailureReason, IgnoreReason, Output, Resolver, ResolverNote, Silence,
    TcpReason, Timer,
};
use crate::{Name, Rcode, RecordType};

/// A reply that was accepted.
#[derive(Clone, Copy, Debug)]
struct Reply<'r> {
    message: &'r Message,
    octets: usize,
    server: SocketAddr,
    cause: Cause,
}

impl Resolver {
    /// A datagram came to the socket of an exchange.
    pub(super) fn on_udp_reply(
        &mut self,
        now: Instant,
        tag: ExchangeTag,
        from: SocketAddr,
        octets: &[u8],
        cause: Cause,
    ) {
        let Some(exchange) = self.exchanges.get_mut(tag.0) else {
            let reason = IgnoreReason::NotAsked;
            self.tell(ResolverNote::Ignored { from, reason }, Causes::from(cause));
            return;
        };
        let reason = match exchange.accept(from, octets) {
            Ok(message) => return self.on_reply(now, tag.0, &message, octets.len(), cause),
            Err(reason) => reason,
        };
        exchange.false_replies += 1;
        let suspicious = exchange.false_replies >= FALSE_REPLIES_MAX;
        // A reply that cannot be read but has the right source and id is the server's own.
        let broken = reason == IgnoreReason::Unreadable;
        self.tell(ResolverNote::Ignored { from, reason }, Causes::from(cause));
        if broken {
            self.on_unusable(now, tag.0, cause);
        } else if suspicious {
            self.retry_over_tcp(now, tag.0, TcpReason::FalseReplies, cause);
        }
    }

    /// A message came over the connection of an exchange.
    pub(super) fn on_tcp_reply(
        &mut self,
        now: Instant,
        tag: ExchangeTag,
        octets: &[u8],
        cause: Cause,
    ) {
        let Some(exchange) = self.exchanges.get_mut(tag.0) else { return };
        let server = exchange.server;
        match exchange.accept(server, octets) {
            Ok(message) => self.on_reply(now, tag.0, &message, octets.len(), cause),
            Err(reason) => {
                let note = ResolverNote::Ignored { from: server, reason };
                self.tell(note, Causes::from(cause));
                self.on_unusable(now, tag.0, cause);
            }
        }
    }

    fn on_reply(&mut self, now: Instant, tag: u64, message: &Message, octets: usize, cause: Cause) {
        let Some(exchange) = self.exchanges.get_mut(tag) else { return };
        let (server, transport) = (exchange.server, exchange.transport);
        let complains = exchange.is_complaint_about_edns(message);
        let round_trip = now.since(exchange.sent);
        if transport == Transport::Udp {
            self.servers.heard(server.ip(), round_trip);
        }
        if message.header.tc && transport == Transport::Udp {
            return self.retry_over_tcp(now, tag, TcpReason::Truncated, cause);
        }
        if complains {
            self.servers.lacks_edns(now, server.ip());
            self.tell(ResolverNote::WithoutEdns { server }, Causes::from(cause));
            return self.ask_again(now, tag, transport, cause);
        }
        let Some(exchange) = self.end(tag) else { return };
        let reply = Reply { message, octets, server, cause };
        for (request, index) in exchange.waiters {
            self.deliver(now, (request, index), tag, |resolver, request, lookup, asking| {
                resolver.take_in(now, request, lookup, asking, reply);
            });
        }
    }

    /// The server answered with something that is no answer.
    fn on_unusable(&mut self, now: Instant, tag: u64, cause: Cause) {
        let Some(exchange) = self.end(tag) else { return };
        let server = exchange.server;
        for waiter in exchange.waiters {
            self.deliver(now, waiter, tag, |resolver, request, lookup, asking| {
                lookup.because = cause;
                resolver.give_up_server(now, request, lookup, asking, server, None);
            });
        }
    }

    /// No reply came.
    pub(super) fn on_no_reply(&mut self, now: Instant, tag: u64, silence: Silence) {
        let Some(exchange) = self.end(tag) else { return };
        let server = exchange.server;
        self.servers.was_silent(now, server.ip());
        let waited_ms = u64::try_from(now.since(exchange.sent).as_millis()).unwrap_or(u64::MAX);
        let unreachable = silence == Silence::Unreachable;
        for waiter in exchange.waiters {
            self.deliver(now, waiter, tag, |resolver, request, lookup, asking| {
                let walk = lookup.walk.as_mut();
                if let Some(candidate) = walk.and_then(|walk| walk.candidate_mut(asking.address)) {
                    candidate.dead |= unreachable;
                }
                let note = ResolverNote::NoReply { server, waited_ms, unreachable };
                resolver.note(now, request, lookup.because, note);
            });
        }
    }

    /// A question's time is up: its clients are told, whatever is still under way.
    pub(super) fn on_time_up(&mut self, now: Instant, id: u64) {
        let Some(mut request) = self.requests.remove(&id) else { return };
        let Some(mut first) = request.take(0) else { return };
        let reason = FailureReason::Budget(BudgetBound::Time);
        self.fail(now, &mut request, &mut first, reason);
        self.finish(now, request, first);
    }

    /// Ends an exchange: its socket is to be closed.
    fn end(&mut self, tag: u64) -> Option<Exchange> {
        let exchange = self.exchanges.remove(tag)?;
        self.timers.remove(&(exchange.deadline, Timer::Exchange(tag)));
        self.outputs.push_back(Output::Close { tag: ExchangeTag(tag) });
        Some(exchange)
    }

    /// Lets a search that waits for an exchange react to its end, and moves it on.
    fn deliver(
        &mut self,
        now: Instant,
        (id, index): (u64, usize),
        tag: u64,
        react: impl FnOnce(&mut Self, &mut Request, &mut Lookup, &Asking),
    ) {
        let Some(mut request) = self.requests.remove(&id) else { return };
        if let Some(mut lookup) = request.take(index) {
            if let State::Asking(asking) = lookup.state.clone()
                && asking.exchange == tag
            {
                lookup.state = State::Ready;
                react(self, &mut request, &mut lookup, &asking);
                request.ready.push_back(index);
            }
            request.put(index, lookup);
        }
        self.run(now, request);
    }

    /// Asks the same over TCP (RFC 7766 §5).
    fn retry_over_tcp(&mut self, now: Instant, tag: u64, reason: TcpReason, cause: Cause) {
        if let Some(exchange) = self.exchanges.get_mut(tag) {
            let note = ResolverNote::TcpFallback { server: exchange.server, reason };
            self.tell(note, Causes::from(cause));
        }
        self.ask_again(now, tag, Transport::Tcp, cause);
    }

    /// Replaces an exchange by another one for the same question, server and waiters.
    fn ask_again(&mut self, now: Instant, tag: u64, transport: Transport, cause: Cause) {
        let Some(exchange) = self.end(tag) else { return };
        let address = exchange.server.ip();
        let patience = &self.config.patience;
        let wait = match transport {
            Transport::Udp => self.servers.patience(now, address, 0, patience),
            Transport::Tcp => patience.tcp,
        };
        let mut causes = Causes::default();
        for (id, _) in &exchange.waiters {
            if let Some(request) = self.requests.get_mut(id) {
                request.spent.queries += 1;
                causes.push(request.cause);
            }
        }
        causes.push(cause);
        let opening = Opening {
            server: exchange.server,
            question: (&exchange.name, exchange.rtype),
            transport,
            edns: self.servers.knows_edns(now, address),
            random_case: self.config.random_case,
            now,
            deadline: now.plus(wait),
        };
        let waiters = exchange.waiters.clone();
        let again = self.open(&opening, waiters, causes);
        for (id, index) in exchange.waiters {
            let slot = self.requests.get_mut(&id).and_then(|one| one.slots.get_mut(index));
            if let Some(Lookup { state: State::Asking(asking), because, .. }) =
                slot.and_then(|slot| slot.lookup.as_mut())
                && asking.exchange == tag
            {
                asking.exchange = again;
                *because = cause;
            }
        }
    }

    /// A server is of no use for the zone: another one is tried.
    fn give_up_server(
        &mut self,
        now: Instant,
        request: &mut Request,
        lookup: &mut Lookup,
        asking: &Asking,
        server: SocketAddr,
        rcode: Option<Rcode>,
    ) {
        let Some(walk) = &mut lookup.walk else { return };
        walk.reached = true;
        if let Some(candidate) = walk.candidate_mut(asking.address) {
            candidate.dead = true;
        }
        let zone = walk.delegation.zone.clone();
        let note = ResolverNote::ServerFailed { zone, server, rcode };
        self.note(now, request, lookup.because, note);
    }

    /// A reply to a search's query.
    fn take_in(
        &mut self,
        now: Instant,
        request: &mut Request,
        lookup: &mut Lookup,
        asking: &Asking,
        reply: Reply<'_>,
    ) {
        request.spent.octets += reply.octets;
        lookup.because = reply.cause;
        let Some(walk) = &mut lookup.walk else { return };
        walk.reached = true;
        if lookup.purpose == Purpose::Priming {
            return self.take_in_priming(now, request, lookup, asking, reply);
        }
        let zone = walk.delegation.zone.clone();
        let asked = Asked { zone: &zone, name: &asking.name, rtype: asking.rtype };
        let reading = Reading::of(now, reply.message, asked);
        let server = reply.server;
        if let Some((name, records)) = reading.out_of_zone {
            let note = ResolverNote::OutOfZone { name, records, zone: zone.clone(), server };
            self.note(now, request, lookup.because, note);
        }
        if let Some(set) = reading.beside {
            self.store(now, request, set, reply);
        }
        let whole = asking.name == lookup.name && asking.rtype == lookup.rtype;
        match reading.verdict {
            Verdict::Failed(rcode) => {
                self.give_up_server(now, request, lookup, asking, server, Some(rcode));
            }
            Verdict::Lame => {
                self.servers.is_no_authority(now, asking.address, &zone);
                if let Some(candidate) =
                    lookup.walk.as_mut().and_then(|walk| walk.candidate_mut(asking.address))
                {
                    candidate.dead = true;
                }
                let note = ResolverNote::Lame { zone, server };
                self.note(now, request, lookup.because, note);
            }
            Verdict::Referral(delegation, ttl) => {
                let glue = delegation.servers.iter().map(|one| one.addresses.len()).sum();
                let note = ResolverNote::Referral {
                    from: zone,
                    zone: delegation.zone.clone(),
                    servers: delegation.servers.iter().map(|one| one.name.clone()).collect(),
                    glue,
                    ttl_s: ttl,
                };
                self.note(now, request, lookup.because, note);
                let delegation = Arc::new(delegation);
                let origin = origin(reply, Rank::Referral);
                self.cache.store_cut(now, delegation.clone(), ttl, origin);
                lookup.walk_at(self.walk(now, delegation));
            }
            verdict if whole => self.take_in_answer(now, request, lookup, verdict, reply),
            verdict => self.take_in_shortened(now, request, lookup, asking, verdict, reply),
        }
    }

    /// The answer to the whole question.
    fn take_in_answer(
        &mut self,
        now: Instant,
        request: &mut Request,
        lookup: &mut Lookup,
        verdict: Verdict,
        reply: Reply<'_>,
    ) {
        let rtype = lookup.rtype;
        let (sets, end) = match verdict {
            Verdict::Answer(sets) => (sets, Ok((Rcode::NOERROR, None))),
            Verdict::NameTooLong(sets) => (sets, Ok((Rcode::YXDOMAIN, None))),
            Verdict::NoData(sets, absence) => {
                (sets, Ok((Rcode::NOERROR, Some((absence, Some(rtype))))))
            }
            Verdict::NoName(sets, absence) => (sets, Ok((Rcode::NXDOMAIN, Some((absence, None))))),
            Verdict::Alias(sets, target) => (sets, Err(target)),
            Verdict::Referral(..) | Verdict::Lame | Verdict::Failed(_) => return,
        };
        let sets_are_aliases = sets.iter().any(|set| set.rtype == RecordType::CNAME);
        if sets_are_aliases && lookup.purpose != Purpose::Clients {
            return self.follow(now, request, lookup, None);
        }
        for set in &sets {
            lookup.found.push(FoundSet {
                name: set.name.clone(),
                rtype: set.rtype,
                data: set.data.clone().into(),
                expires: now.plus_seconds(set.ttl.min(self.config.cache.ttl_max_s)),
            });
            if set.rtype == RecordType::CNAME && rtype != RecordType::CNAME {
                lookup.aliases += 1;
                let target = set.data.first().and_then(|data| Name::from_wire(data.as_wire()).ok());
                let (name, target) = (set.name.clone(), target.unwrap_or_else(Name::root));
                let note = ResolverNote::Alias { name, target };
                self.note(now, request, lookup.because, note);
            }
        }
        self.store_chain(now, request, sets, reply);
        match end {
            Ok((rcode, absence)) => {
                let absence =
                    absence.and_then(|absence| self.store_absence(now, request, absence, reply));
                lookup.state = State::Done(Outcome::Answer { rcode, absence });
            }
            Err(target) if lookup.has_left(&target) => {
                self.fail(now, request, lookup, FailureReason::AliasLoop);
            }
            Err(_) if lookup.aliases > self.config.budget.aliases_max => {
                let reason = FailureReason::Budget(BudgetBound::Aliases);
                self.fail(now, request, lookup, reason);
            }
            Err(target) => lookup.restart_at(target),
        }
    }

    /// The answer about a name between the zone and the whole name (RFC 9156 §2.3).
    fn take_in_shortened(
        &mut self,
        now: Instant,
        request: &mut Request,
        lookup: &mut Lookup,
        asking: &Asking,
        verdict: Verdict,
        reply: Reply<'_>,
    ) {
        lookup.minimised.questions += 1;
        let sets = match verdict {
            Verdict::NoName(sets, absence) if sets.is_empty() => {
                // RFC 8020 §2: below it nothing exists, the name asked for neither.
                let absence = self.store_absence(now, request, (absence, None), reply);
                let rcode = Rcode::NXDOMAIN;
                lookup.state = State::Done(Outcome::Answer { rcode, absence });
                return;
            }
            Verdict::NoData(sets, absence) => {
                let rtype = Some(asking.rtype);
                self.store_absence(now, request, (absence, rtype), reply);
                sets
            }
            Verdict::Answer(sets)
            | Verdict::Alias(sets, _)
            | Verdict::NameTooLong(sets)
            | Verdict::NoName(sets, _) => sets,
            Verdict::Referral(..) | Verdict::Lame | Verdict::Failed(_) => return,
        };
        let redirects = sets.iter().any(|set| set.rtype == RecordType::DNAME);
        self.store_chain(now, request, sets, reply);
        lookup.minimised.known_labels = asking.name.label_count();
        if redirects {
            // The cache applies it to the whole name.
            lookup.walk = None;
        } else if let Some(walk) = &mut lookup.walk {
            walk.ask_anew();
        }
    }

    /// The root's own list of servers (RFC 9609 §4).
    fn take_in_priming(
        &mut self,
        now: Instant,
        request: &mut Request,
        lookup: &mut Lookup,
        asking: &Asking,
        reply: Reply<'_>,
    ) {
        let Some((mut list, ttl)) = priming_list(now, reply.message) else {
            let rcode = Some(reply.message.header.rcode);
            return self.give_up_server(now, request, lookup, asking, reply.server, rcode);
        };
        for server in list.servers.iter_mut().filter(|server| server.addresses.is_empty()) {
            // RFC 9609 §4.2: not every address need fit into the reply.
            if let Some(hint) = self.hints.servers.iter().find(|hint| hint.name == server.name) {
                server.addresses.clone_from(&hint.addresses);
            }
        }
        let addresses = list.servers.iter().map(|server| server.addresses.len()).sum();
        let note = ResolverNote::Primed { servers: list.servers.len(), addresses, ttl_s: ttl };
        self.note(now, request, lookup.because, note);
        self.cache.store_cut(now, Arc::new(list), ttl, origin(reply, Rank::AuthoritativeAnswer));
        let (rcode, absence) = (Rcode::NOERROR, None);
        lookup.state = State::Done(Outcome::Answer { rcode, absence });
    }

    /// Keeps the sets of an answer in their order.
    fn store_chain(
        &mut self,
        now: Instant,
        request: &mut Request,
        sets: Vec<Set>,
        reply: Reply<'_>,
    ) {
        let mut redirection: Option<Name> = None;
        for set in sets {
            let is_made = redirection.as_ref().is_some_and(|from| set.is_made_from(from));
            redirection = (set.rtype == RecordType::DNAME).then(|| set.name.clone());
            if !is_made {
                self.store(now, request, set, reply);
            }
        }
    }

    fn store(&mut self, now: Instant, request: &mut Request, set: Set, reply: Reply<'_>) {
        let Set { name, rtype, ttl, data, rank } = set;
        let origin = origin(reply, rank);
        if self.cache.store_set(now, (&name, rtype), ttl, data.into(), origin) {
            let ttl_s = ttl.min(self.config.cache.ttl_max_s);
            let note = ResolverNote::Cached { name, rtype, ttl_s, rank, server: reply.server };
            self.note(now, request, reply.cause, note);
        }
    }

    /// Keeps an absence and gives its proof for the answer; without an SOA record there is none
    /// and nothing is kept (RFC 2308 §5).
    fn store_absence(
        &mut self,
        now: Instant,
        request: &mut Request,
        (absence, rtype): (Absence, Option<RecordType>),
        reply: Reply<'_>,
    ) -> Option<HeldAbsence> {
        let Absence { name, soa } = absence;
        let soa = soa?;
        let ttl_s = negative_ttl(&soa)?.min(self.config.cache.negative_ttl_max_s);
        let origin = origin(reply, Rank::AuthoritySection);
        if self.cache.store_absence(now, (&name, rtype), &soa, origin) {
            let server = reply.server;
            let note = ResolverNote::CachedAbsence { name, rtype, ttl_s, server };
            self.note(now, request, reply.cause, note);
        }
        Some(HeldAbsence { soa, expires: now.plus_seconds(ttl_s), origin })
    }
}

fn origin(reply: Reply<'_>, rank: Rank) -> Origin {
    Origin { server: Some(reply.server), rank, learned: reply.cause }
}

/// So many replies with a wrong id, source or question to one query look like forgery.
const FALSE_REPLIES_MAX: u32 = 16;
