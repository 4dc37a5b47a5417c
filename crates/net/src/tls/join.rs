//! Where the two ends of a TLS connection find one plaintext's number.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use capa7_dissect::{Cause, Direction};

use crate::capture::ConnectionId;

/// Directions of connections that are remembered at most; the oldest are
/// forgotten first.
const WAYS_MAX: usize = 8_192;

/// Plaintext that was written and not read yet, by connection and direction.
#[derive(Debug, Default)]
pub(crate) struct PlaintextJoin(Mutex<Ways>);

/// The table behind its lock.
#[derive(Debug, Default)]
pub(super) struct Ways(BTreeMap<(ConnectionId, Direction), Way>);

/// Where each written piece ends, and its number.
#[derive(Debug, Default)]
struct Way {
    written: u64,
    pieces: VecDeque<(u64, Cause)>,
}

impl PlaintextJoin {
    pub(super) fn lock(&self) -> MutexGuard<'_, Ways> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ways {
    /// One end has written `length` bytes, recorded as `cause`; returns where in
    /// the stream they begin.
    pub(super) fn wrote(
        &mut self,
        way: (ConnectionId, Direction),
        length: usize,
        record: impl FnOnce(u64) -> Cause,
    ) -> Cause {
        while self.0.len() >= WAYS_MAX && !self.0.contains_key(&way) {
            self.0.pop_first();
        }
        let way = self.0.entry(way).or_default();
        let cause = record(way.written);
        way.written += length as u64;
        way.pieces.push_back((way.written, cause));
        cause
    }

    /// The other end has read up to `offset`: the pieces that this completes,
    /// and the number of the last that it touched. None when the writer is not
    /// one of ours.
    pub(super) fn read(
        &mut self,
        way: (ConnectionId, Direction),
        offset: u64,
    ) -> Option<(Vec<Cause>, Cause)> {
        let way = self.0.get_mut(&way)?;
        let mut complete = Vec::new();
        let mut last = Cause::NONE;
        while let Some((end, cause)) = way.pieces.front().copied() {
            last = cause;
            if end > offset {
                break;
            }
            complete.push(cause);
            way.pieces.pop_front();
            if end == offset {
                break;
            }
        }
        Some((complete, last))
    }

    /// Nobody reads any more.
    pub(super) fn forget(&mut self, way: (ConnectionId, Direction)) {
        self.0.remove(&way);
    }
}
