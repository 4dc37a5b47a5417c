//! Some due rows of one destination on their way.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;

use capa7_dissect::{Cause, Causes};

use crate::smtp::client::Outcome;

use super::{Destination, Exchange, MessageId, Moment, Row, Work};

/// One batch.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) destination: Destination,
    pub(super) stage: Stage,
    /// Rows without outcome, each with its planned next attempt.
    pub(super) rows: BTreeMap<(MessageId, u32), (Row, Moment)>,
    /// Servers not tried yet, the next one first.
    pub(super) exchanges: VecDeque<Exchange>,
    /// The server being tried, and its addresses not tried yet.
    pub(super) host: String,
    pub(super) addresses: VecDeque<IpAddr>,
    /// The address being spoken to.
    pub(super) address: Option<IpAddr>,
    /// What the servers tried so far said, each with its name.
    failures: Vec<(String, Outcome)>,
    pub(super) tried: usize,
    /// Messages given to the open session.
    pub(super) given: usize,
    /// Whether that session took or refused any for good.
    pub(super) has_progress: bool,
    /// Whether the address has another session only for the sake of those that
    /// waited behind a message at which one broke.
    pub(super) is_second: bool,
    /// Messages at which a session with this address broke: they come last.
    pub(super) postponed: BTreeSet<MessageId>,
    /// The answers of DNS that led here.
    pub(super) named_by: Cause,
}

/// Where a batch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Its rows are being loaded.
    Loading(Session),
    /// Their next attempts are being written down.
    Recording(Session),
    /// The MX records are asked for.
    Exchanges,
    /// A server's addresses are asked for.
    Addresses,
    /// A session works.
    Delivering,
}

/// Whether the batch has a session that may take more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Session {
    None,
    Open,
}

impl Batch {
    pub(super) fn new(destination: Destination) -> Self {
        Self {
            destination,
            stage: Stage::Loading(Session::None),
            rows: BTreeMap::new(),
            exchanges: VecDeque::new(),
            host: String::new(),
            addresses: VecDeque::new(),
            address: None,
            failures: Vec::new(),
            tried: 0,
            given: 0,
            has_progress: false,
            is_second: false,
            postponed: BTreeSet::new(),
            named_by: Cause::NONE,
        }
    }

    /// Because of what the batch is under way: its first row.
    pub(super) fn cause(&self) -> Cause {
        self.rows.values().next().map_or(Cause::NONE, |(row, _)| row.cause)
    }

    /// The rows by message, at most so many recipients in one transaction
    /// (RFC 5321 §4.5.3.1.8: every server takes 100).
    pub(super) fn work(&self) -> Vec<Work> {
        let mut work: Vec<Work> = Vec::new();
        let is_last = |row: &&(MessageId, u32)| self.postponed.contains(&row.0);
        let (last, first): (Vec<_>, Vec<_>) = self.rows.keys().partition(is_last);
        for key in first.into_iter().chain(last) {
            let (Some((row, _)), (message, index)) = (self.rows.get(key), key) else { continue };
            match work.last_mut() {
                Some(last) if last.message == *message && last.indexes.len() < RECIPIENTS_MAX => {
                    last.indexes.push(*index);
                }
                _ => {
                    let mut causes = Causes::from(row.cause);
                    if self.named_by.is_some() {
                        causes.push(self.named_by);
                    }
                    work.push(Work { message: *message, indexes: vec![*index], causes });
                }
            }
        }
        work
    }

    /// This address is next; none before it counts any more.
    pub(super) fn begin(&mut self, address: IpAddr) {
        if self.address != Some(address) {
            self.is_second = false;
            self.postponed.clear();
        }
        (self.address, self.given, self.has_progress) = (Some(address), 0, false);
    }

    /// A session broke; the address is first in the line again when another one
    /// may do better. A server that takes a few messages in each session takes
    /// the next ones in another, and one message at which it always breaks must
    /// not keep back the others.
    pub(super) fn on_broken(&mut self, during: MessageId) {
        self.postponed.insert(during);
        let has_others = self.rows.keys().any(|(message, _)| *message != during);
        if !self.has_progress && (self.is_second || !has_others) {
            return;
        }
        self.is_second = !self.has_progress;
        if let Some(address) = self.address {
            self.addresses.push_front(address);
            self.tried = self.tried.saturating_sub(1);
        }
    }

    /// The server being tried was of no use.
    pub(super) fn fail(&mut self, outcome: Outcome) {
        self.failures.push((self.host.clone(), outcome));
    }

    /// What all servers together say, and who of them: never, when each said never.
    pub(super) fn verdict(&self) -> (String, Outcome) {
        let is_transient = |one: &&(String, Outcome)| matches!(one.1, Outcome::Deferred(_));
        let transient = self.failures.iter().rev().find(is_transient);
        let last = transient.or_else(|| self.failures.last());
        last.cloned().unwrap_or_else(|| {
            let why = "no server could be tried".to_owned();
            (self.host.clone(), super::route::deferred((4, 4), why))
        })
    }
}

/// Recipients of one transaction.
const RECIPIENTS_MAX: usize = 100;
