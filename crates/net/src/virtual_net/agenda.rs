//! What will happen, in the order of (nanosecond, number).

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::task::Waker;

use super::datagram::Flight;
use super::slab::{Key, Slab};
use super::travel::Travel;
use crate::capture::HostId;
use crate::time::Time;

/// One thing that will happen.
#[derive(Debug)]
pub(super) enum Happening {
    /// A sleep is over.
    Wake(Waker),
    /// A datagram is at its receiver's access, or through it.
    Datagram(Box<Flight>),
    /// A piece of a stream is there, or to be sent again.
    Stream(Box<Travel>),
    /// A host's access has sent what it took: the next stream's turn.
    Uplink(HostId),
    /// Something may go on in a stream's direction.
    Pump(Key, usize),
}

/// All of them. Equal moments keep the order of insertion.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    heap: BinaryHeap<Reverse<Entry>>,
    happenings: Slab<Happening>,
    entries: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    at: Time,
    number: u64,
    key: Key,
}

/// Cancelled entries stay in the heap until their moment, unless they are more
/// than the living ones and this many.
const CANCELLED_MAX: usize = 4096;

impl Agenda {
    pub(super) fn add(&mut self, at: Time, happening: Happening) -> Key {
        let key = self.happenings.insert(happening);
        self.heap.push(Reverse(Entry { at, number: self.entries, key }));
        self.entries += 1;
        key
    }

    pub(super) fn cancel(&mut self, key: Key) -> Option<Happening> {
        let cancelled = self.happenings.remove(key);
        let dead = self.heap.len() - self.happenings.len();
        if dead > CANCELLED_MAX && dead > self.happenings.len() {
            let happenings = &self.happenings;
            self.heap.retain(|Reverse(entry)| happenings.get(entry.key).is_some());
        }
        cancelled
    }

    /// Whom to wake at a sleep's end, to be replaced.
    pub(super) fn waker(&mut self, key: Key) -> Option<&mut Waker> {
        match self.happenings.get_mut(key) {
            Some(Happening::Wake(waker)) => Some(waker),
            _ => None,
        }
    }

    /// The next happening that is not after `until`. Cancelled ones cost no
    /// time.
    pub(super) fn next(&mut self, until: Time) -> Option<(Time, Happening)> {
        loop {
            let Reverse(entry) = *self.heap.peek()?;
            let living = self.happenings.get(entry.key).is_some();
            if living && (entry.at > until || entry.at == Time::NEVER) {
                return None;
            }
            self.heap.pop();
            if let Some(happening) = self.happenings.remove(entry.key) {
                return Some((entry.at, happening));
            }
        }
    }

    /// Empties the agenda; what was in it is for the caller to drop.
    pub(super) fn clear(&mut self) -> Self {
        std::mem::take(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uplink(agenda: &mut Agenda, at: u64, host: u32) -> Key {
        agenda.add(Time(at), Happening::Uplink(HostId(host)))
    }

    fn order(agenda: &mut Agenda) -> Vec<(u64, u32)> {
        let mut seen = Vec::new();
        while let Some((at, Happening::Uplink(host))) = agenda.next(Time::NEVER) {
            seen.push((at.0, host.0));
        }
        seen
    }

    #[test]
    fn equal_moments_keep_the_order_of_insertion() {
        let mut agenda = Agenda::default();
        for (at, host) in [(5, 1), (3, 2), (5, 3), (3, 4)] {
            uplink(&mut agenda, at, host);
        }
        assert_eq!(order(&mut agenda), [(3, 2), (3, 4), (5, 1), (5, 3)]);
    }

    #[test]
    fn a_million_cancelled_waits_leave_no_heap_behind() {
        let mut agenda = Agenda::default();
        for at in 0..1_000_000 {
            let key = uplink(&mut agenda, at, 0);
            agenda.cancel(key);
        }
        assert!(agenda.heap.len() <= CANCELLED_MAX + 1, "{}", agenda.heap.len());
        assert!(agenda.next(Time::NEVER).is_none());
    }
}
