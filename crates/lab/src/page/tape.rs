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

/// The views of a network's events: the newest, at most [`VIEWS_MAX`] and about
/// [`VIEWS_BYTES_MAX`].
#[derive(Debug, Default)]
pub(super) struct Tape {
    teller: Teller,
    views: VecDeque<Arc<EventView>>,
    /// What the views hold, about.
    bytes: usize,
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
                let view = self.teller.tell(event);
                self.keep(view);
            }
        }
    }

    fn keep(&mut self, view: EventView) {
        self.bytes += view.weight();
        self.views.push_back(Arc::new(view));
        while self.views.len() > VIEWS_MAX || self.bytes > VIEWS_BYTES_MAX {
            let Some(oldest) = self.views.pop_front() else { break };
            self.bytes -= oldest.weight();
        }
    }

    /// Events that were told and are not here any more, or were gone before they
    /// could be told.
    pub(super) fn gone(&self) -> u64 {
        self.views.front().map_or(self.told, |view| view.id.saturating_sub(1))
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
/// What they hold at most: a decoded DNS message is some two kilobytes, so that
/// this is about as many of those.
const VIEWS_BYTES_MAX: usize = 32 << 20;
/// Events told in one go.
const STEP: usize = 1_000;

#[cfg(test)]
mod tests {
    use capa7_dissect::Room;
    use capa7_net::{HostConfig, NetworkConfig, Note, VirtualNetwork};

    use super::*;

    fn network_with_notes(count: usize, capture_bytes: usize) -> VirtualNetwork {
        let config = NetworkConfig { capture_bytes, ..NetworkConfig::default() };
        let network = VirtualNetwork::new(config);
        let host = HostConfig { name: "host".to_owned(), ..HostConfig::default() };
        let host = network.network().add_host(host).unwrap();
        for number in 0..count {
            host.note(Note::new(Room::Lab, "counted", number.to_string()));
        }
        network
    }

    #[test]
    fn every_watcher_reads_all_events_in_order_at_its_own_pace() {
        let network = network_with_notes(2_500, 64 << 20);
        let mut tape = Tape::default();
        tape.catch_up(network.network().capture());
        let mut cursor = 0;
        let mut read = Vec::new();
        loop {
            let reading = tape.after(cursor, 300);
            assert_eq!(reading.skipped, 0);
            if reading.views.is_empty() {
                break;
            }
            cursor = reading.cursor;
            read.extend(reading.views.iter().map(|view| view.id));
        }
        assert_eq!(read, (1..=2_500).collect::<Vec<u64>>());
    }

    #[test]
    fn a_watcher_that_comes_late_is_told_how_much_it_missed() {
        let network = network_with_notes(20_000, 64 << 10);
        let capture = network.network().capture();
        assert!(capture.evicted() > 0, "the record is small");
        let mut tape = Tape::default();
        tape.catch_up(capture);
        let reading = tape.after(0, 10);
        assert_eq!(reading.skipped, capture.evicted());
        assert_eq!(reading.views[0].id, capture.evicted() + 1);
        let next = tape.after(reading.cursor, 10);
        assert_eq!(next.skipped, 0);
    }

    #[test]
    fn the_tape_holds_no_more_than_a_page_shows() {
        let network = network_with_notes(VIEWS_MAX + 500, 64 << 20);
        let mut tape = Tape::default();
        tape.catch_up(network.network().capture());
        assert_eq!(tape.views().count(), VIEWS_MAX);
        assert_eq!(tape.after(0, 1).skipped, 500);
    }

    #[test]
    fn the_tape_holds_no_more_bytes_than_it_may() {
        let config = NetworkConfig { capture_bytes: 256 << 20, ..NetworkConfig::default() };
        let network = VirtualNetwork::new(config);
        let host = HostConfig { name: "host".to_owned(), ..HostConfig::default() };
        let host = network.network().add_host(host).unwrap();
        let (count, long) = (1_000, "x".repeat(64 << 10));
        for _ in 0..count {
            host.note(Note::new(Room::Lab, "said", long.clone()));
        }
        let mut tape = Tape::default();
        tape.catch_up(network.network().capture());
        let held: usize = tape.views().map(|view| view.weight()).sum();
        assert_eq!(held, tape.bytes);
        assert!(held <= VIEWS_BYTES_MAX);
        let kept = tape.views().count() as u64;
        assert!(kept > 0 && kept < count);
        assert_eq!(tape.gone(), count - kept);
        assert_eq!(tape.after(0, 1).skipped, count - kept);
    }
}
