//! A resolver that asks from the root downwards, without sockets, clock or tasks.
//!
//! ```text
//!   client --- Query ---> +----------+ --- SendUdp, SendTcp ---> servers
//!          <-- Answer --- | Resolver | <-- UdpReply, TcpReply --
//!                         +----------+
//!          Timer, Failed ---^      +---> Note, Close, Wake
//! ```
//!
//! Give it what happened through [`Resolver::handle`], then take what it wants done from
//! [`Resolver::poll`] until there is nothing more. It keeps one budget per client question and
//! everything that this question causes; whatever servers answer, each client gets its answer or
//! SERVFAIL within [`Budget::time`].
//!
//! Iteration is RFC 1034 §5.3.3 with minimised names (RFC 9156), records believed only within
//! the zone of which the server was asked, and delegations taken from parents alone.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use capa7_dissect::{Cause, Causes};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha12Rng;

use crate::cache::{Cache, ClockMap, Delegation, Key, NameServer};
use crate::instant::Instant;
use crate::{Name, RecordType};

mod advance;
mod clients;
mod config;
mod exchange;
mod local;
mod lookup;
mod note;
mod note_text;
mod packed;
mod query;
mod reading;
mod replies;
mod request;
mod servers;

pub use config::{
    Budget, Minimisation, Notes, Patience, Priming, ResolverConfig, WithoutRecursion,
};
pub use note::{
    BudgetBound, ChoiceReason, FailureReason, IgnoreReason, RefusalReason, ResolverNote, TcpReason,
};
pub use query::Transport;
pub use request::{STEPS_MAX, Step, Story};

use exchange::Exchanges;
use packed::Packed;
use request::Request;
use servers::Servers;

/// A client's question, as the caller numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub u64);

/// A query under way, as the resolver numbers them: the caller opens a socket of its own, with
/// a random port, for each (RFC 5452 §9.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExchangeTag(pub u64);

/// What happened.
#[derive(Clone, Copy, Debug)]
pub enum Input<'i> {
    /// A client asks.
    Query {
        /// The number that [`Output::Answer`] will have.
        client: ClientId,
        /// How it asked.
        transport: Transport,
        /// The message.
        octets: &'i [u8],
        /// The message's event.
        cause: Cause,
    },
    /// A datagram came to the socket of an exchange.
    UdpReply {
        /// The exchange.
        tag: ExchangeTag,
        /// Where it came from.
        from: SocketAddr,
        /// The message.
        octets: &'i [u8],
        /// The message's event.
        cause: Cause,
    },
    /// A message came over the connection of an exchange.
    TcpReply {
        /// The exchange.
        tag: ExchangeTag,
        /// The message, without its length prefix.
        octets: &'i [u8],
        /// The message's event.
        cause: Cause,
    },
    /// The network says that the exchange cannot succeed: unreachable, refused, reset, closed.
    Failed {
        /// The exchange.
        tag: ExchangeTag,
    },
    /// The time of the last [`Output::Wake`] has come.
    Timer,
    /// Learn the root's list of servers before anybody asks (RFC 9609 §3.1).
    Prime {
        /// Why.
        cause: Cause,
    },
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send a datagram from a new socket and pass on what comes back to it.
    SendUdp {
        /// The exchange.
        tag: ExchangeTag,
        /// Where to.
        server: SocketAddr,
        /// The message.
        octets: Vec<u8>,
        /// The client's question first, then the referral that named the server.
        causes: Causes,
    },
    /// Open a connection, send the message with its length prefix, pass on what comes back.
    SendTcp {
        /// The exchange.
        tag: ExchangeTag,
        /// Where to.
        server: SocketAddr,
        /// The message, without its length prefix.
        octets: Vec<u8>,
        /// The client's question first, then the reply that was cut.
        causes: Causes,
    },
    /// The exchange has ended: close its socket.
    Close {
        /// The exchange.
        tag: ExchangeTag,
    },
    /// Answer a client.
    Answer {
        /// The client's question.
        client: ClientId,
        /// The message.
        octets: Vec<u8>,
        /// The client's question first, then the message that completed the answer.
        causes: Causes,
    },
    /// A decision.
    Note {
        /// What was decided.
        note: ResolverNote,
        /// Because of what.
        causes: Causes,
    },
    /// Give [`Input::Timer`] at this time, if not woken earlier.
    Wake {
        /// When.
        at: Instant,
        /// What is waited for.
        why: &'static str,
    },
}

/// The resolver.
#[derive(Debug)]
pub struct Resolver {
    config: ResolverConfig,
    rng: ChaCha12Rng,
    cache: Cache,
    answers: ClockMap<Key, Packed>,
    servers: Servers,
    exchanges: Exchanges,
    requests: BTreeMap<u64, Request>,
    by_question: BTreeMap<(Name, RecordType), u64>,
    last_request: u64,
    timers: BTreeSet<(Instant, Timer)>,
    told_wake: Option<Instant>,
    outputs: VecDeque<Output>,
    stories: VecDeque<Story>,
    hints: Arc<Delegation>,
    /// Priming is not tried again before.
    prime_after: Instant,
    /// Counts answers, so that sets of addresses rotate.
    turn: usize,
}

/// What a point in time is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// An exchange has waited long enough.
    Exchange(u64),
    /// A request's time is up.
    Request(u64),
}

impl Resolver {
    /// A resolver that knows nothing yet. The seed makes its ids and choices: a deployed one
    /// needs 32 octets that nobody can predict, a lab repeats a run with the same.
    pub fn new(config: ResolverConfig, seed: [u8; 32]) -> Self {
        let mut rng = ChaCha12Rng::from_seed(seed);
        let always = Instant(u64::MAX);
        let servers = config.hints.servers.iter().map(|(name, addresses)| NameServer {
            name: name.clone(),
            addresses: addresses.iter().map(|address| (*address, always)).collect(),
        });
        let hints = Delegation { zone: Name::root(), servers: servers.collect() };
        Self {
            cache: Cache::new(config.cache, rng.next_u64()),
            answers: ClockMap::new(config.cache.octets_max, rng.next_u64()),
            servers: Servers::new(rng.next_u64(), config.explore_every),
            exchanges: Exchanges::default(),
            requests: BTreeMap::new(),
            by_question: BTreeMap::new(),
            last_request: 0,
            timers: BTreeSet::new(),
            told_wake: None,
            outputs: VecDeque::new(),
            stories: VecDeque::new(),
            hints: Arc::new(hints),
            prime_after: Instant::default(),
            turn: 0,
            rng,
            config,
        }
    }

    /// Takes in what happened.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        self.fire(now);
        match input {
            Input::Query { client, transport, octets, cause } => {
                self.on_query(now, client, transport, octets, cause);
            }
            Input::UdpReply { tag, from, octets, cause } => {
                self.on_udp_reply(now, tag, from, octets, cause);
            }
            Input::TcpReply { tag, octets, cause } => self.on_tcp_reply(now, tag, octets, cause),
            Input::Failed { tag } => self.on_no_reply(now, tag.0, Silence::Unreachable),
            // A caller woken too early is told again.
            Input::Timer => self.told_wake = None,
            Input::Prime { cause } => self.prime(now, cause),
        }
    }

    /// What is to be done next; none when nothing is until the next input.
    pub fn poll(&mut self) -> Option<Output> {
        if let Some(output) = self.outputs.pop_front() {
            return Some(output);
        }
        let (at, timer) = *self.timers.first()?;
        if self.told_wake == Some(at) {
            return None;
        }
        self.told_wake = Some(at);
        let why = match timer {
            Timer::Exchange(_) => "a server's reply",
            Timer::Request(_) => "the end of a question's time",
        };
        Some(Output::Wake { at, why })
    }

    /// Appends the answer to a client's query when the cache holds it whole; whether it did.
    ///
    /// This is the short way for a server under load: nothing is allocated, noted or waited
    /// for. What it does not answer goes to [`Resolver::handle`].
    pub fn answer_from_cache(
        &mut self,
        now: Instant,
        transport: Transport,
        query: &[u8],
        out: &mut Vec<u8>,
    ) -> bool {
        self.try_answers(now, transport, query, out)
    }

    /// What was learned, for people to look at.
    pub const fn cache(&self) -> &Cache {
        &self.cache
    }

    /// The smoothed round trip of each server that was heard.
    pub fn round_trips(&self) -> impl Iterator<Item = (IpAddr, Duration)> {
        self.servers.round_trips()
    }

    /// Questions being worked on.
    pub fn requests_open(&self) -> usize {
        self.requests.len()
    }

    /// Queries under way.
    pub fn exchanges_open(&self) -> usize {
        self.exchanges.len()
    }

    /// Octets held by cached records and whole answers together, at most twice
    /// [`crate::cache::CacheLimits::octets_max`].
    pub fn cache_octets(&self) -> usize {
        self.cache.octets() + self.answers.octets()
    }

    /// Forgets everything learned, round trips included: a cold start.
    pub fn clear(&mut self) {
        self.cache.clear();
        self.answers.clear();
        self.servers.clear();
        self.prime_after = Instant::default();
    }

    /// Forgets a name and all below it; the number of entries dropped.
    pub fn flush(&mut self, name: &Name) -> usize {
        // A whole answer may pass through the name by an alias.
        self.answers.clear();
        self.cache.flush(name)
    }

    /// The story of the last failure of a name, the newest first (`capa7 dns why`).
    pub fn why<'s>(&'s self, name: &'s Name) -> impl Iterator<Item = &'s Story> {
        self.stories.iter().rev().filter(move |story| story.name == *name)
    }

    /// All stories kept, the newest first.
    pub fn stories(&self) -> impl Iterator<Item = &Story> {
        self.stories.iter().rev()
    }

    /// Ends what has waited long enough.
    fn fire(&mut self, now: Instant) {
        while let Some((at, timer)) = self.timers.first().copied() {
            if at > now {
                break;
            }
            self.timers.remove(&(at, timer));
            match timer {
                Timer::Exchange(tag) => self.on_no_reply(now, tag, Silence::TimeUp),
                Timer::Request(id) => self.on_time_up(now, id),
            }
        }
    }

    /// Tells a decision that belongs to no request.
    fn tell(&mut self, note: ResolverNote, causes: Causes) {
        if self.config.notes == Notes::Told {
            self.outputs.push_back(Output::Note { note, causes });
        }
    }

    /// Tells a decision of a request and adds it to the request's story.
    fn note(&mut self, now: Instant, request: &mut Request, because: Cause, note: ResolverNote) {
        request.remember(now, &note);
        if self.config.notes == Notes::Told {
            let causes = request.causes(because);
            self.outputs.push_back(Output::Note { note, causes });
        }
    }
}

/// How an exchange ended without a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Silence {
    /// Its time was up.
    TimeUp,
    /// The network said so.
    Unreachable,
}

#[cfg(test)]
mod tests;
