//! What is broken on purpose: connections and single messages. Links and whole
//! hosts are broken through [`crate::Network::set_access`] and
//! [`crate::Network::set_host_down`].
//!
//! A rule has a matcher, which says what it applies to and how often, and an
//! action. Rules are tried in the order of their addition and all that match
//! apply. Every application is a note of kind `fault` with the message as its
//! cause.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use capa7_dissect::Room;
use rand::Rng as _;
use rand_chacha::ChaCha12Rng;

use crate::capture::{HostId, Packet};
use crate::network::derived_rng;
use crate::note::Note;

mod verdict;

pub(crate) use verdict::{ConnectionVerdict, MessageVerdict};

/// The faults of a network. Cloning shares them.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Board>);

#[derive(Debug, Default)]
struct Board {
    any: AtomicBool,
    seed: u64,
    rules: Mutex<Rules>,
}

#[derive(Debug, Default)]
struct Rules {
    last: u64,
    messages: Vec<Active<MessageRule>>,
    connections: Vec<Active<ConnectionRule>>,
    held: Vec<(RuleId, Release)>,
}

/// A rule with its history.
#[derive(Debug)]
struct Active<R> {
    id: RuleId,
    rule: R,
    seen: u64,
    applied: u64,
    /// Draws for the share.
    chance: ChaCha12Rng,
}

/// Lets a held message go.
struct Release(Box<dyn FnOnce() + Send>);

impl fmt::Debug for Release {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Release")
    }
}

/// The number of a rule in its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct RuleId(pub u64);

/// How a message travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// One datagram.
    Udp,
    /// A chunk of a stream.
    Tcp,
}

/// A message that is about to leave its host, as a rule sees it.
#[derive(Clone, Copy, Debug)]
pub struct MessageView<'a> {
    /// How it travels.
    pub transport: Transport,
    /// Its way and bytes.
    pub packet: &'a Packet,
}

/// Looks into a message. It runs while the network waits: it must be quick and
/// must not use the network.
pub type Predicate = Arc<dyn Fn(&MessageView<'_>) -> bool + Send + Sync>;

/// Makes other bytes of a message, or leaves it with none.
pub type Rewrite = Arc<dyn Fn(&MessageView<'_>) -> Option<Bytes> + Send + Sync>;

/// Makes answers to a message that its receiver never sent.
pub type Forger = Arc<dyn Fn(&MessageView<'_>) -> Vec<Forgery> + Send + Sync>;

/// A datagram in somebody else's name, sent back to the one who asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forgery {
    /// Whose name it bears.
    pub from: SocketAddr,
    /// The socket of the one who asked.
    pub to: SocketAddr,
    /// What it says.
    pub bytes: Bytes,
    /// How long after the question it is there; shorter than a round trip is
    /// before the real answer.
    pub after: Duration,
}

/// Which messages or connections a rule applies to: all fields that are given
/// must hold.
#[derive(Clone, Default)]
pub struct Matcher {
    /// The sender's room.
    pub room: Option<Room>,
    /// The sending host; for a connection the one that opens it.
    pub from: Option<HostId>,
    /// The receiving host.
    pub to: Option<HostId>,
    /// The source's or destination's port.
    pub port: Option<u16>,
    /// How it travels; connections over TCP.
    pub transport: Option<Transport>,
    /// What must be in it; a connection is asked for without any bytes.
    pub predicate: Option<Predicate>,
    /// Which share of those that match it applies to, between 0 and 1, drawn
    /// from the network's seed; none is all of them.
    pub share: Option<f64>,
    /// How many that match pass unharmed first: 1 means "from the second on".
    pub skip: u64,
    /// To how many it applies after that; none is without end.
    pub count: Option<u64>,
}

/// What happens to a message.
#[derive(Clone)]
pub enum MessageAction {
    /// It is lost; a chunk of a stream is sent again after its time-out.
    Drop,
    /// It leaves later.
    Delay(Duration),
    /// It leaves this many times more (datagrams only).
    Duplicate(u32),
    /// The byte at `offset` is combined with `mask` by exclusive or.
    Corrupt {
        /// Place in the message.
        offset: usize,
        /// The bits that change.
        mask: u8,
    },
    /// It has other bytes.
    Replace(Rewrite),
    /// It passes, and answers come back that its receiver never sent
    /// (datagrams only).
    Forge(Forger),
    /// It waits until [`Faults::release`].
    Hold,
}

/// A fault of single messages.
#[derive(Clone, Debug)]
pub struct MessageRule {
    /// What it is, in words, for notes and pages.
    pub text: String,
    /// Which messages.
    pub matcher: Matcher,
    /// What happens to them.
    pub action: MessageAction,
}

/// What happens to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionAction {
    /// It is refused, as if nobody listened.
    Refuse,
    /// Nothing answers until the time-out, as if the server was off.
    Silence,
    /// It is torn down after this many bytes in both directions together.
    ResetAfter(u64),
    /// Each end's close reaches the other this much later.
    SlowClose(Duration),
    /// Each direction carries at most this many bytes per second.
    LimitRate(u64),
}

/// A fault of connections, decided when they are asked for.
#[derive(Clone, Debug)]
pub struct ConnectionRule {
    /// What it is, in words, for notes and pages.
    pub text: String,
    /// Which connections.
    pub matcher: Matcher,
    /// What happens to them.
    pub action: ConnectionAction,
}

/// A rule as a page lists it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct RuleStatus {
    /// Its number.
    pub id: RuleId,
    /// What it is, in words.
    pub text: String,
    /// How often it matched.
    pub seen: u64,
    /// How often it was applied.
    pub applied: u64,
    /// Messages that it holds at this moment.
    pub held: usize,
}

impl Faults {
    /// Adds a fault of messages.
    pub fn add_message(&self, rule: MessageRule) -> RuleId {
        let chance = |id| self.chance(id);
        self.add(|rules, id| rules.messages.push(Active::new(id, rule, chance(id))))
    }

    /// Adds a fault of connections.
    pub fn add_connection(&self, rule: ConnectionRule) -> RuleId {
        let chance = |id| self.chance(id);
        self.add(|rules, id| rules.connections.push(Active::new(id, rule, chance(id))))
    }

    /// Takes a rule away and lets go what it holds. Says whether it was there.
    pub fn remove(&self, id: RuleId) -> bool {
        let removed = {
            let mut rules = self.lock();
            let before = rules.messages.len() + rules.connections.len();
            rules.messages.retain(|active| active.id != id);
            rules.connections.retain(|active| active.id != id);
            let after = rules.messages.len() + rules.connections.len();
            self.0.any.store(after > 0, Ordering::Relaxed);
            after < before
        };
        self.release(id);
        removed
    }

    /// Takes all rules away and lets go what they hold.
    pub fn clear(&self) {
        let ids: Vec<RuleId> = self.list().into_iter().map(|status| status.id).collect();
        for id in ids {
            self.remove(id);
        }
    }

    /// Lets go what a rule holds; says how many messages that were.
    pub fn release(&self, id: RuleId) -> usize {
        let freed = {
            let mut rules = self.lock();
            let held = std::mem::take(&mut rules.held);
            let (freed, kept): (Vec<_>, Vec<_>) = held.into_iter().partition(|(of, _)| *of == id);
            rules.held = kept;
            freed
        };
        let count = freed.len();
        for (_, release) in freed {
            (release.0)();
        }
        count
    }

    /// The rules in the order of their addition.
    #[must_use]
    pub fn list(&self) -> Vec<RuleStatus> {
        let rules = self.lock();
        let held = |id| rules.held.iter().filter(|(of, _)| *of == id).count();
        let messages = rules.messages.iter().map(|active| active.status(&active.rule.text));
        let connections = rules.connections.iter().map(|active| active.status(&active.rule.text));
        let mut all: Vec<RuleStatus> = messages.chain(connections).collect();
        for status in &mut all {
            status.held = held(status.id);
        }
        all.sort_by_key(|status| status.id);
        all
    }

    fn add(&self, push: impl FnOnce(&mut Rules, RuleId)) -> RuleId {
        let mut rules = self.lock();
        rules.last += 1;
        let id = RuleId(rules.last);
        push(&mut rules, id);
        self.0.any.store(true, Ordering::Relaxed);
        id
    }

    /// The chance of one rule: the same in each run with one seed.
    fn chance(&self, id: RuleId) -> ChaCha12Rng {
        derived_rng(self.0.seed, "fault", id.0)
    }

    fn lock(&self) -> MutexGuard<'_, Rules> {
        self.0.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For the engines.
impl Faults {
    /// No rule yet; shares are drawn from `seed`.
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(Arc::new(Board { seed, ..Board::default() }))
    }

    /// Whether there is any rule: one relaxed load.
    pub(crate) fn are_any(&self) -> bool {
        self.0.any.load(Ordering::Relaxed)
    }

    /// What the rules do to a message.
    pub(crate) fn judge_message(&self, view: &MessageView<'_>) -> MessageVerdict {
        let mut verdict = MessageVerdict::default();
        if !self.are_any() {
            return verdict;
        }
        for active in &mut self.lock().messages {
            if active.applies(|rule| rule.matcher.matches_message(view), |rule| &rule.matcher) {
                verdict.apply(active.id, &active.rule, view);
            }
        }
        verdict
    }

    /// What the rules do to a connection.
    pub(crate) fn judge_connection(&self, asked: &Packet) -> ConnectionVerdict {
        let mut verdict = ConnectionVerdict::default();
        if !self.are_any() {
            return verdict;
        }
        let view = MessageView { transport: Transport::Tcp, packet: asked };
        for active in &mut self.lock().connections {
            if active.applies(|rule| rule.matcher.matches_message(&view), |rule| &rule.matcher) {
                verdict.apply(active.id, &active.rule);
            }
        }
        verdict
    }

    /// Keeps a message until its rule is released. When the rule is gone by
    /// then it goes at once.
    pub(crate) fn hold(&self, id: RuleId, release: impl FnOnce() + Send + 'static) {
        let mut rules = self.lock();
        if rules.messages.iter().any(|active| active.id == id) {
            rules.held.push((id, Release(Box::new(release))));
            return;
        }
        drop(rules);
        release();
    }

    /// Forgets what is held: the network ends.
    pub(crate) fn abandon(&self) {
        let held = std::mem::take(&mut self.lock().held);
        drop(held);
    }
}

impl<R> Active<R> {
    const fn new(id: RuleId, rule: R, chance: ChaCha12Rng) -> Self {
        Self { id, rule, seen: 0, applied: 0, chance }
    }

    fn applies(&mut self, matches: impl Fn(&R) -> bool, matcher: impl Fn(&R) -> &Matcher) -> bool {
        if !matches(&self.rule) {
            return false;
        }
        self.seen += 1;
        let Matcher { share, skip, count, .. } = matcher(&self.rule);
        let spent = count.is_some_and(|most| self.applied >= most);
        if self.seen <= *skip || spent {
            return false;
        }
        if share.is_some_and(|share| self.chance.random::<f64>() >= share) {
            return false;
        }
        self.applied += 1;
        true
    }

    fn status(&self, text: &str) -> RuleStatus {
        let Self { id, seen, applied, .. } = *self;
        RuleStatus { id, text: text.to_owned(), seen, applied, held: 0 }
    }
}

impl Matcher {
    fn matches_message(&self, view: &MessageView<'_>) -> bool {
        self.transport.is_none_or(|transport| transport == view.transport)
            && self.matches_way(view.packet)
            && self.predicate.as_ref().is_none_or(|holds| holds(view))
    }

    fn matches_way(&self, packet: &Packet) -> bool {
        let port = |port| packet.from.port() == port || packet.to.port() == port;
        self.room.is_none_or(|room| room == packet.room)
            && self.from.is_none_or(|host| Some(host) == packet.from_host)
            && self.to.is_none_or(|host| Some(host) == packet.to_host)
            && self.port.is_none_or(port)
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Matcher")
            .field("room", &self.room)
            .field("from", &self.from)
            .field("to", &self.to)
            .field("port", &self.port)
            .field("transport", &self.transport)
            .field("predicate", &self.predicate.is_some())
            .field("share", &self.share)
            .field("skip", &self.skip)
            .field("count", &self.count)
            .finish()
    }
}

impl MessageAction {
    /// The action in a word: `drop`, `delay`, …
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Delay(_) => "delay",
            Self::Duplicate(_) => "duplicate",
            Self::Corrupt { .. } => "corrupt",
            Self::Replace(_) => "replace",
            Self::Forge(_) => "forge",
            Self::Hold => "hold",
        }
    }
}

impl fmt::Debug for MessageAction {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.word())
    }
}

impl ConnectionAction {
    /// The action in a word: `refuse`, `silence`, …
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Silence => "silence",
            Self::ResetAfter(_) => "reset_after",
            Self::SlowClose(_) => "slow_close",
            Self::LimitRate(_) => "limit_rate",
        }
    }
}

/// The note of one application.
fn note(id: RuleId, text: &str, action: &'static str) -> Note {
    Note::new(Room::Lab, "fault", text).with("rule", id.0).with("action", action)
}
