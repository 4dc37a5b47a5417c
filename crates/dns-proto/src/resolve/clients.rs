//! Clients: their queries, the short way through the cache, and their answers.

use std::net::IpAddr;

use capa7_dissect::{Cause, Causes};

use crate::cache::{Key, Kind, Known};
use crate::instant::Instant;
use crate::message::{ExtendedError, Rdata, Record, Section};
use crate::resolve::local::local_findings;
use crate::resolve::lookup::{Lookup, Minimised, Outcome, Purpose, State};
use crate::resolve::packed::{Findings, Packed};
use crate::resolve::query::{ClientQuery, Transport, Unusable};
use crate::resolve::request::{Request, Story, Waiter};
use crate::resolve::{
    BudgetBound, ClientId, FailureReason, Notes, Output, RefusalReason, Resolver, ResolverNote,
    Timer, WithoutRecursion,
};
use crate::{Name, Rcode, RecordType};

impl Resolver {
    /// A client asks.
    pub(super) fn on_query(
        &mut self,
        now: Instant,
        client: ClientId,
        transport: Transport,
        octets: &[u8],
        cause: Cause,
    ) {
        let query = match ClientQuery::parse(octets, transport) {
            Ok(query) => query,
            Err(unusable) => return self.refuse(client, cause, unusable),
        };
        if self.answer_whole(now, client, &query, cause) {
            return;
        }
        let (name, rtype) = (query.name(), query.qtype);
        if rtype.is_meta() && rtype != RecordType::ANY {
            // Transfers and the like are no questions for a resolver.
            let unusable = query.head.refuse(Rcode::NOTIMP, RefusalReason::QueryType);
            return self.refuse(client, cause, unusable);
        }
        if let Some(findings) = local_findings(now, &name, rtype) {
            let note = ResolverNote::AnsweredLocally { name: name.clone(), rtype };
            self.tell(note, Causes::from(cause));
            let waiter = Waiter::new(client, cause, &query.head);
            self.answer(now, (&name, rtype), &findings, &[waiter]);
            return;
        }
        if !query.head.rd {
            return self.answer_without_recursion(now, client, &query, cause);
        }
        if let Some(failure) = self.cache.failure(now, &name, rtype) {
            // RFC 9520 §2.2: what just failed is not tried again for each client.
            let text = format!("try again in {} s", failure.expires.seconds_left(now));
            let code = ExtendedError::CACHED_ERROR;
            let mut findings = Findings::empty(Rcode::SERVFAIL);
            findings.extended = Some(ExtendedError { code, text });
            let reason = FailureReason::CachedFailure;
            let note = ResolverNote::Failed { name: name.clone(), rtype, reason };
            self.tell(note, Causes::from(cause));
            let waiter = Waiter::new(client, cause, &query.head);
            return self.answer(now, (&name, rtype), &findings, &[waiter]);
        }
        self.resolve(now, client, &query, cause);
    }

    /// Joins the request for the same question, or begins one.
    fn resolve(&mut self, now: Instant, client: ClientId, query: &ClientQuery<'_>, cause: Cause) {
        let question = (query.name(), query.qtype);
        let waiter = Waiter::new(client, cause, &query.head);
        let overload = || query.head.refuse(Rcode::SERVFAIL, RefusalReason::Overload);
        let open = self.by_question.get(&question).and_then(|id| self.requests.get_mut(id));
        if let Some(request) = open {
            if request.waiters.len() >= self.config.clients_per_request_max {
                return self.refuse(client, cause, overload());
            }
            request.waiters.push(waiter);
            let clients = request.waiters.len();
            let mut causes = Causes::from(cause);
            causes.push(request.cause);
            let (name, rtype) = question;
            self.tell(ResolverNote::Deduplicated { name, rtype, clients }, causes);
            return;
        }
        if self.requests.len() >= self.config.requests_max {
            return self.refuse(client, cause, overload());
        }
        let minimised = Minimised::new(self.config.minimisation);
        let lookup = Lookup::new(Purpose::Clients, question.clone(), minimised, Cause::NONE);
        let mut request = self.begin(now, lookup, cause);
        request.waiters.push(waiter);
        self.by_question.insert(question, request.id);
        self.run(now, request);
    }

    /// A client that is turned down gets a reply that says so, unless it sent no query at all.
    fn refuse(&mut self, client: ClientId, cause: Cause, unusable: Unusable) {
        if let Unusable::Reply { octets, rcode, reason } = unusable {
            self.tell(ResolverNote::Refused { rcode, reason }, Causes::from(cause));
            self.outputs.push_back(Output::Answer { client, octets, causes: Causes::from(cause) });
        }
    }

    /// Answers from a whole answer that is still alive; whether there was one.
    fn answer_whole(
        &mut self,
        now: Instant,
        client: ClientId,
        query: &ClientQuery<'_>,
        cause: Cause,
    ) -> bool {
        let refused = self.config.without_recursion == WithoutRecursion::Refused;
        if !query.head.rd && refused {
            return false;
        }
        let Some(packed) = self.answers.find(&query.answer_key()) else { return false };
        if packed.expires <= now {
            return false;
        }
        self.turn = self.turn.wrapping_add(1);
        let mut octets = Vec::with_capacity(REPLY_OCTETS);
        packed.write(now, &query.head, self.turn, &mut octets);
        let seconds_left = packed.expires.seconds_left(now);
        let mut causes = Causes::from(cause);
        causes.push(packed.learned);
        if self.config.notes == Notes::Told {
            let (name, rtype) = (query.name(), query.qtype);
            let note = ResolverNote::AnsweredFromCache { name, rtype, seconds_left };
            self.tell(note, causes.clone());
        }
        self.outputs.push_back(Output::Answer { client, octets, causes });
        true
    }

    /// See [`Resolver::answer_from_cache`].
    pub(super) fn try_answers(
        &mut self,
        now: Instant,
        transport: Transport,
        octets: &[u8],
        out: &mut Vec<u8>,
    ) -> bool {
        let Ok(query) = ClientQuery::parse(octets, transport) else { return false };
        if !query.head.rd {
            return false;
        }
        match self.answers.find(&query.answer_key()) {
            Some(packed) if packed.expires > now => {
                self.turn = self.turn.wrapping_add(1);
                packed.write(now, &query.head, self.turn, out);
                true
            }
            _ => false,
        }
    }

    /// A client that does not want recursion gets what is known (RFC 1034 §4.3.1): the records,
    /// else a referral to the closest servers.
    fn answer_without_recursion(
        &mut self,
        now: Instant,
        client: ClientId,
        query: &ClientQuery<'_>,
        cause: Cause,
    ) {
        let (name, rtype) = (query.name(), query.qtype);
        let known = match self.config.without_recursion {
            WithoutRecursion::Refused => None,
            WithoutRecursion::CacheOrReferral => self.known_findings(now, &name, rtype),
        };
        let Some(findings) = known else {
            let unusable = query.head.refuse(Rcode::REFUSED, RefusalReason::NoRecursion);
            return self.refuse(client, cause, unusable);
        };
        let waiter = Waiter::new(client, cause, &query.head);
        if let Some(packed) = Packed::new(&name, rtype, &findings) {
            self.send_packed(now, &packed, &[waiter]);
        }
    }

    fn known_findings(&mut self, now: Instant, name: &Name, rtype: RecordType) -> Option<Findings> {
        let mut findings = Findings::empty(Rcode::NOERROR);
        match self.cache.look(now, name, rtype) {
            Known::Records(set) => {
                for rdata in set.data.iter() {
                    let record = Record::new(name.clone(), rtype, 0, rdata.clone());
                    findings.push(Section::Answer, record, set.expires);
                }
            }
            Known::Alias(set) => {
                for rdata in set.data.iter() {
                    let record = Record::new(name.clone(), RecordType::CNAME, 0, rdata.clone());
                    findings.push(Section::Answer, record, set.expires);
                }
            }
            Known::NoData(absence) => {
                findings.push(Section::Authority, absence.soa, absence.expires);
            }
            Known::NoName(absence) => {
                findings.rcode = Rcode::NXDOMAIN;
                findings.push(Section::Authority, absence.soa, absence.expires);
            }
            Known::Redirection(..) | Known::Nothing => {
                let (delegation, expires) = self.cache.closest_cut(now, name)?;
                for server in &delegation.servers {
                    let zone = delegation.zone.clone();
                    let record = Record::new(zone, RecordType::NS, 0, Rdata::name(&server.name));
                    findings.push(Section::Authority, record, expires);
                    for (address, until) in &server.addresses {
                        let (rtype, rdata) = match address {
                            IpAddr::V4(v4) => (RecordType::A, Rdata::a(*v4)),
                            IpAddr::V6(v6) => (RecordType::AAAA, Rdata::aaaa(*v6)),
                        };
                        let record = Record::new(server.name.clone(), rtype, 0, rdata);
                        findings.push(Section::Additional, record, *until.min(&expires));
                    }
                }
            }
        }
        Some(findings)
    }

    /// Ends a request: its clients get what was found.
    pub(super) fn finish(&mut self, now: Instant, mut request: Request, first: Lookup) {
        self.timers.remove(&(request.deadline, Timer::Request(request.id)));
        let question = (request.name.clone(), request.rtype);
        if self.by_question.get(&question) == Some(&request.id) {
            self.by_question.remove(&question);
        }
        let (because, from_cache) = (first.because, request.spent.queries == 0);
        let mut findings = match first.state {
            State::Done(Outcome::Failed(reason)) => {
                self.record_failure(now, &mut request, because, reason)
            }
            State::Done(Outcome::Answer { rcode, absence }) => {
                let mut findings = Findings::empty(rcode);
                for set in first.found {
                    for rdata in set.data.iter() {
                        let record = Record::new(set.name.clone(), set.rtype, 0, rdata.clone());
                        findings.push(Section::Answer, record, set.expires);
                    }
                }
                if let Some(absence) = absence {
                    findings.push(Section::Authority, absence.soa, absence.expires);
                }
                findings
            }
            State::Ready | State::Asking(_) | State::Fetching(_) => return,
        };
        findings.learned = because;
        if from_cache && !request.waiters.is_empty() {
            let ends = findings.sections.iter().flatten().map(|held| held.expires);
            let seconds_left = ends.min().map_or(0, |end| end.seconds_left(now));
            let (name, rtype) = question.clone();
            let note = ResolverNote::AnsweredFromCache { name, rtype, seconds_left };
            self.note(now, &mut request, because, note);
        }
        self.answer(now, (&question.0, question.1), &findings, &request.waiters);
    }

    /// Keeps a failure, its story and its reason.
    fn record_failure(
        &mut self,
        now: Instant,
        request: &mut Request,
        because: Cause,
        reason: FailureReason,
    ) -> Findings {
        let extended = extended_error(reason);
        let (name, rtype) = (request.name.clone(), request.rtype);
        if !request.is_priming() {
            self.cache.store_failure(now, &name, rtype, extended.code);
        }
        self.note(now, request, because, ResolverNote::Failed { name, rtype, reason });
        if self.stories.len() >= self.config.stories_max {
            self.stories.pop_front();
        }
        self.stories.push_back(Story {
            name: request.name.clone(),
            rtype,
            at: now,
            reason,
            steps: std::mem::take(&mut request.steps),
        });
        let mut findings = Findings::empty(Rcode::SERVFAIL);
        findings.extended = Some(extended);
        findings
    }

    /// Packs findings, keeps them while they live, and answers clients.
    fn answer(
        &mut self,
        now: Instant,
        (name, rtype): (&Name, RecordType),
        findings: &Findings,
        waiters: &[Waiter],
    ) {
        if waiters.is_empty() {
            return;
        }
        let packed = Packed::new(name, rtype, findings).or_else(|| {
            // More than 65,535 octets: a hostile zone. The client still gets an answer.
            Packed::new(name, rtype, &Findings::empty(Rcode::SERVFAIL))
        });
        let Some(packed) = packed else { return };
        self.send_packed(now, &packed, waiters);
        if packed.expires > now {
            let octets = packed.octets() + name.wire_len();
            self.answers.insert(Key::new(name.clone(), Kind::Answer(rtype)), packed, octets);
        }
    }

    fn send_packed(&mut self, now: Instant, packed: &Packed, waiters: &[Waiter]) {
        for waiter in waiters {
            self.turn = self.turn.wrapping_add(1);
            let mut octets = Vec::with_capacity(REPLY_OCTETS);
            packed.write(now, &waiter.head(), self.turn, &mut octets);
            let mut causes = Causes::from(waiter.cause);
            causes.push(packed.learned);
            self.outputs.push_back(Output::Answer { client: waiter.client, octets, causes });
        }
    }
}

/// What a client is told about a failure (RFC 8914): the one place where reasons become codes.
fn extended_error(reason: FailureReason) -> ExtendedError {
    let (code, text) = match reason {
        FailureReason::NoAuthority => {
            (ExtendedError::NO_REACHABLE_AUTHORITY, "no server of the zone gave a usable answer")
        }
        FailureReason::Network => (ExtendedError::NETWORK_ERROR, "no server of the zone replied"),
        FailureReason::NoServerAddress => (
            ExtendedError::NO_REACHABLE_AUTHORITY,
            "no address was found for any server of the zone",
        ),
        FailureReason::CachedFailure => (ExtendedError::CACHED_ERROR, "it failed a moment ago"),
        FailureReason::AliasLoop => (ExtendedError::INVALID_DATA, "its aliases form a loop"),
        FailureReason::Budget(bound) => match bound {
            BudgetBound::Queries => (ExtendedError::OTHER, "it takes too many queries"),
            BudgetBound::Octets => (ExtendedError::OTHER, "its servers answer with too much"),
            BudgetBound::Time => (ExtendedError::NO_REACHABLE_AUTHORITY, "it takes too long"),
            BudgetBound::ServerNames => (ExtendedError::OTHER, "it has too many server names"),
            BudgetBound::Aliases => (ExtendedError::INVALID_DATA, "it has too many aliases"),
        },
    };
    ExtendedError { code, text: text.to_owned() }
}

/// Room set aside for a reply; most need no more.
const REPLY_OCTETS: usize = 512;
