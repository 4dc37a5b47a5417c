//! How far the journal is done with.
//!
//! ```text
//!   journal   │ 1 │ 2 │ 3 │ 4 │ 5 │
//!                   ▲   │   └──── in the rows: known beyond the mark
//!                  mark └──────── on its way to a mailbox
//! ```
//!
//! The mark in the rows stands in front of the first record that is neither in
//! the rows nor in the mailboxes of all its recipients. A beginning replays
//! what is behind it, but for those that the rows know.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::spool::Mark;

/// What is under way between the journal and the rows' mark.
#[derive(Debug, Default)]
pub(super) struct Progress(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// In the order of the journal, which is that of their ids.
    open: VecDeque<Under>,
    reached: Option<Reached>,
    /// Records that were passed since the mark was last written down, and the
    /// segment in which it stood then.
    unwritten: usize,
    segment: u64,
}

#[derive(Debug)]
struct Under {
    id: u64,
    mark: Mark,
    is_done: bool,
}

/// A mark, and the last message in front of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reached {
    pub(crate) mark: Mark,
    pub(crate) last: u64,
}

impl Progress {
    /// A record is in the journal. Told in the journal's order.
    pub(super) fn begin(&self, id: u64, mark: Mark) {
        self.inner().open.push_back(Under { id, mark, is_done: false });
    }

    /// Where the mark stands once these are done with; they are in rising
    /// order. None when nothing was done with yet.
    pub(super) fn reached_with(&self, ids: &[u64]) -> Option<Reached> {
        let inner = self.inner();
        let is_done = |one: &&Under| one.is_done || ids.binary_search(&one.id).is_ok();
        let last = inner.open.iter().take_while(is_done).last();
        last.map(|one| Reached { mark: one.mark, last: one.id }).or(inner.reached)
    }

    /// These are in the rows, or in the mailboxes of all their recipients.
    pub(super) fn done(&self, ids: &[u64]) {
        let mut inner = self.inner();
        for id in ids {
            if let Ok(at) = inner.open.binary_search_by_key(id, |one| one.id)
                && let Some(one) = inner.open.get_mut(at)
            {
                one.is_done = true;
            }
        }
        while let Some(one) = inner.open.pop_front_if(|one| one.is_done) {
            inner.reached = Some(Reached { mark: one.mark, last: one.id });
            inner.unwritten += 1;
        }
    }

    /// The segment of the journal in which the mark stands; 0 before any.
    pub(super) fn segment(&self) -> u64 {
        self.inner().reached.map_or(0, |reached| reached.mark.segment)
    }

    /// The mark was written down as it stands.
    pub(super) fn written(&self) {
        let mut inner = self.inner();
        inner.unwritten = 0;
        inner.segment = inner.reached.map_or(0, |reached| reached.mark.segment);
    }

    /// Whether the mark is to be written down: a crash would replay many that
    /// are done with, or a segment is done with and can go.
    pub(super) fn is_behind(&self) -> bool {
        let inner = self.inner();
        let segment = inner.reached.map_or(0, |reached| reached.mark.segment);
        inner.unwritten >= REPLAYED_MAX || (inner.unwritten > 0 && segment != inner.segment)
    }

    /// Whether a crash would replay any that is done with.
    pub(super) fn has_unwritten(&self) -> bool {
        self.inner().unwritten > 0
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Deliveries that a crash repeats at most, to no effect.
const REPLAYED_MAX: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    const fn mark(offset: u64) -> Mark {
        Mark { segment: 1, offset }
    }

    fn of(count: u64) -> Progress {
        let progress = Progress::default();
        for id in 1..=count {
            progress.begin(id, mark(10 * id));
        }
        progress
    }

    #[test]
    fn the_mark_stands_in_front_of_the_first_that_is_under_way() {
        let progress = of(5);
        assert_eq!(progress.reached_with(&[]), None);
        progress.done(&[2, 3]);
        assert_eq!(progress.reached_with(&[]), None);
        progress.done(&[1]);
        assert_eq!(progress.reached_with(&[]), Some(Reached { mark: mark(30), last: 3 }));
    }

    #[test]
    fn the_mark_is_written_down_when_much_would_be_replayed_or_a_segment_can_go() {
        let progress = of(600);
        progress.done(&[1]);
        assert!(progress.is_behind() && progress.has_unwritten());
        progress.written();
        progress.done(&(2..=500).collect::<Vec<_>>());
        assert!(!progress.is_behind() && progress.has_unwritten());
        progress.done(&[501]);
        assert!(progress.is_behind());
        progress.written();
        assert!(!progress.has_unwritten());
        progress.begin(601, Mark { segment: 2, offset: 10 });
        progress.done(&(502..=601).collect::<Vec<_>>());
        assert!(progress.is_behind());
    }

    // What a commit would reach is asked before it: nothing changes by asking.
    #[test]
    fn a_commit_reaches_over_what_it_writes_itself() {
        let progress = of(4);
        progress.done(&[2]);
        assert_eq!(progress.reached_with(&[1]), Some(Reached { mark: mark(20), last: 2 }));
        assert_eq!(progress.reached_with(&[3, 4]), None);
        assert_eq!(progress.reached_with(&[]), None);
    }
}
