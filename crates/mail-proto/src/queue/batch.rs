//! Some due rows of one destination on their way.

use std::collections::{BTreeMap, VecDeque};
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
    /// What the servers tried so far said.
    pub(super) failures: Vec<Outcome>,
    pub(super) tried: usize,
    /// Messages given to the open session.
    pub(super) given: usize,
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
        for ((message, index), (row, _)) in &self.rows {
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

    /// What all servers together say: never, when each said never.
    pub(super) fn verdict(&self) -> Outcome {
        let transient = self.failures.iter().rev().find(|one| matches!(one, Outcome::Deferred(_)));
        let last = transient.or_else(|| self.failures.last());
        last.cloned().unwrap_or_else(|| {
            super::route::deferred((4, 4), "no server could be tried".to_owned())
        })
    }
}

/// Recipients of one transaction.
const RECIPIENTS_MAX: usize = 100;
