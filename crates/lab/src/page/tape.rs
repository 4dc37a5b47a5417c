//! The events of the running network as views, for those who watch.
//!
//! Telling an event means decoding it, and a stream's chunk needs the chunks
//! before it. So the tape tells each event once, when the first watcher asks,
//! and keeps the views in a bounded ring from which every watcher reads at its
//! own pace. While nobody watches, nothing is decoded.

use std::collections::VecDeque;
use std::sync::Arc;

use capa7_net::{Capture, Cause};

use crate::story::{EventView, Teller};

/// The views of a network's events, the newest [`VIEWS_MAX`].
#[derive(Debug, Default)]
pub(super) struct Tape {
    teller: Teller,
    views: VecDeque<Arc<EventView>>,
    /// The newest event that was told.
    told: u64,
}

/// What a watcher reads at one time.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// Events that the watcher missed: they were gone before it came to them.
    pub(super) skipped: u64,
    /// The events after its cursor, oldest first.
    pub(super) views: Vec<Arc<EventView>>,
    /// Its next cursor.
    pub(super) cursor: u64,
}

impl Tape {
    /// Tells what the capture has recorded since the last time.
    pub(super) fn catch_up(&mut self, capture: &Capture) {
        loop {
            let events = capture.since(Cause(self.told), STEP);
            let Some(last) = events.last() else { return };
            self.told = last.id.0;
            for event in &events {
                self.views.push_back(Arc::new(self.teller.tell(event)));
            }
            while self.views.len() > VIEWS_MAX {
                self.views.pop_front();
            }
        }
    }

    /// Up to `limit` events after the one that `cursor` names.
    #[must_use]
    pub(super) fn after(&self, cursor: u64, limit: usize) -> Reading {
        let start = self.views.partition_point(|view| view.id <= cursor);
        let views: Vec<Arc<EventView>> = self.views.range(start..).take(limit).cloned().collect();
        let skipped = match views.first() {
            Some(first) => first.id.saturating_sub(cursor + 1),
            None => 0,
        };
        let cursor = views.last().map_or(cursor, |last| last.id);
        Reading { skipped, views, cursor }
    }

    /// All that is here, oldest first.
    pub(super) fn views(&self) -> impl Iterator<Item = &Arc<EventView>> {
        self.views.iter()
    }
}

/// Views kept: what a page shows at most.
pub(super) const VIEWS_MAX: usize = 20_000;
/// Events told in one go.
const STEP: usize = 1_000;
