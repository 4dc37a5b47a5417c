//! The bounded ring behind a capture.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use capa7_dissect::{Cause, Causes};
use tokio::sync::Notify;

use super::digest::RunDigest;
use super::{ConnectionId, Event, Fate, What};
use crate::time::Time;

/// The ring with its doorbell.
#[derive(Debug)]
pub(super) struct Ring {
    on: AtomicBool,
    newest: AtomicU64,
    connections: AtomicU64,
    changed: Notify,
    kept: Mutex<Kept>,
}

/// What the ring holds.
#[derive(Debug)]
pub(super) struct Kept {
    slots: VecDeque<Slot>,
    /// The number of the first slot's event, held or not.
    first: u64,
    held: usize,
    bytes: usize,
    bytes_max: usize,
    evicted: u64,
    by_connection: BTreeMap<ConnectionId, Vec<u64>>,
    digest: RunDigest,
}

/// A place of the ring; it stays, empty, when its event left with its
/// connection.
#[derive(Debug, Default)]
struct Slot {
    event: Option<Event>,
    fate: Option<(Time, Fate)>,
}

impl Ring {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            on: AtomicBool::new(true),
            newest: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            changed: Notify::new(),
            kept: Mutex::new(Kept {
                slots: VecDeque::new(),
                first: 1,
                held: 0,
                bytes: 0,
                bytes_max,
                evicted: 0,
                by_connection: BTreeMap::new(),
                digest: RunDigest::default(),
            }),
        }
    }

    pub(super) fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    pub(super) fn set_on(&self, on: bool) {
        self.on.store(on, Ordering::Relaxed);
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn record(&self, at: Time, causes: Causes, what: What) -> Cause {
        let id = {
            let mut kept = self.lock();
            let id = kept.push(at, causes, what);
            self.newest.store(id.0, Ordering::Release);
            id
        };
        self.changed.notify_waiters();
        id
    }

    pub(super) fn new_connection(&self) -> ConnectionId {
        ConnectionId(self.connections.fetch_add(1, Ordering::Relaxed) + 1)
    }

    pub(super) async fn wait_past(&self, past: Cause) {
        loop {
            let changed = self.changed.notified();
            let mut changed = std::pin::pin!(changed);
            // Listen before looking: what is recorded in between rings too.
            changed.as_mut().enable();
            if self.newest.load(Ordering::Acquire) > past.0 {
                return;
            }
            changed.await;
        }
    }
}

impl Kept {
    pub(super) const fn len(&self) -> usize {
        self.held
    }

    pub(super) const fn evicted(&self) -> u64 {
        self.evicted
    }

    pub(super) fn first_id(&self) -> Cause {
        Cause(self.first)
    }

    pub(super) fn next_id(&self) -> Cause {
        Cause(self.first + self.slots.len() as u64)
    }

    pub(super) fn digest(&self) -> [u8; 32] {
        self.digest.value()
    }

    pub(super) fn get(&self, id: Cause) -> Option<&Event> {
        self.slot(id)?.event.as_ref()
    }

    pub(super) fn fate(&self, of: Cause) -> Option<(Time, Fate)> {
        self.slot(of)?.fate.clone()
    }

    pub(super) fn since(&self, past: Cause, limit: usize) -> Vec<Event> {
        let skip = (past.0 + 1).saturating_sub(self.first);
        let skip = usize::try_from(skip).unwrap_or(usize::MAX).min(self.slots.len());
        let newer = self.slots.range(skip..).filter_map(|slot| slot.event.as_ref());
        newer.take(limit).cloned().collect()
    }

    fn slot(&self, id: Cause) -> Option<&Slot> {
        let place = id.0.checked_sub(self.first)?;
        self.slots.get(usize::try_from(place).ok()?)
    }

    fn push(&mut self, at: Time, causes: Causes, what: What) -> Cause {
        let id = self.next_id();
        let event = Event { id, at, causes, what };
        self.digest.add(&event);
        if let Some(connection) = event.connection() {
            self.by_connection.entry(connection).or_default().push(id.0);
        }
        if let What::Fate { of, at, fate } = &event.what {
            self.set_fate(*of, *at, fate.clone());
        }
        self.bytes += event.weight();
        self.held += 1;
        self.slots.push_back(Slot { event: Some(event), fate: None });
        while self.bytes > self.bytes_max && self.held > 1 {
            self.evict_oldest();
        }
        id
    }

    fn set_fate(&mut self, of: Cause, at: Time, fate: Fate) {
        let Some(place) = of.0.checked_sub(self.first) else { return };
        let Ok(place) = usize::try_from(place) else { return };
        if let Some(slot) = self.slots.get_mut(place) {
            slot.fate = Some((at, fate));
        }
    }

    /// Drops the oldest event; with an event of a connection the whole
    /// connection goes, since a stream without its beginning tells nothing.
    fn evict_oldest(&mut self) {
        let Some(slot) = self.slots.pop_front() else { return };
        self.first += 1;
        if let Some(event) = slot.event {
            self.forget(&event);
            let connection = event.connection();
            let rest = connection.and_then(|number| self.by_connection.remove(&number));
            for id in rest.into_iter().flatten() {
                self.take(id);
            }
        }
        while self.slots.front().is_some_and(|slot| slot.event.is_none()) {
            self.slots.pop_front();
            self.first += 1;
        }
    }

    fn take(&mut self, id: u64) {
        let Some(place) = id.checked_sub(self.first) else { return };
        let Ok(place) = usize::try_from(place) else { return };
        let taken = self.slots.get_mut(place).and_then(|slot| slot.event.take());
        if let Some(event) = taken {
            self.forget(&event);
        }
    }

    fn forget(&mut self, event: &Event) {
        self.bytes -= event.weight();
        self.held -= 1;
        self.evicted += 1;
    }
}

impl Event {
    /// The connection that the event belongs to.
    #[must_use]
    pub const fn connection(&self) -> Option<ConnectionId> {
        match &self.what {
            What::Chunk { connection, .. } | What::Connection { connection, .. } => {
                Some(*connection)
            }
            What::Datagram(_) | What::Note { .. } | What::Fate { .. } => None,
        }
    }

    /// The way and bytes of a message.
    #[must_use]
    pub const fn packet(&self) -> Option<&super::Packet> {
        match &self.what {
            What::Datagram(packet)
            | What::Chunk { packet, .. }
            | What::Connection { packet, .. } => Some(packet),
            What::Note { .. } | What::Fate { .. } => None,
        }
    }

    /// What the event costs the ring, about.
    fn weight(&self) -> usize {
        let more = match &self.what {
            What::Datagram(packet)
            | What::Chunk { packet, .. }
            | What::Connection { packet, .. } => packet.bytes.len(),
            What::Note { note, .. } => NOTE_WEIGHT + note.reason.len() * 2,
            What::Fate { .. } => 0,
        };
        size_of::<Slot>() + self.causes.also.len() * size_of::<Cause>() + more
    }
}

/// A note's map of facts, about.
const NOTE_WEIGHT: usize = 400;
