//! Datagrams that left and were not received yet: the place where the two ends'
//! records of one message meet.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::time::Duration;

use capa7_dissect::Cause;

use crate::capture::{Fate, HostId};
use crate::time::Time;

/// Datagrams remembered at most; the oldest are forgotten first.
const RECORDS_MAX: usize = 16_384;

/// A datagram that the kernel has not handed over by then was dropped there.
const AGE_MAX: Duration = Duration::from_secs(10);

/// What the sending side knows of a datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Its number in the capture.
    pub(crate) cause: Cause,
    /// The host that it is for.
    pub(crate) to_host: Option<HostId>,
    /// What its arrival will mean.
    pub(crate) fate: Fate,
}

/// The bounded table, joined by source, destination and bytes.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    records: BTreeMap<Key, VecDeque<(u64, Sent, usize)>>,
    ages: VecDeque<(Time, u64, Key)>,
    next_number: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    from: SocketAddr,
    to: SocketAddr,
    length: usize,
    hash: u64,
}

impl Key {
    fn new(from: SocketAddr, to: SocketAddr, bytes: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        Self { from, to, length: bytes.len(), hash: hasher.finish() }
    }
}

impl InFlight {
    /// Remembers a datagram that leaves at `now`.
    pub(crate) fn leave(
        &mut self,
        now: Time,
        from: SocketAddr,
        to: SocketAddr,
        bytes: &[u8],
        sent: Sent,
    ) {
        self.leave_with_load(now, from, to, bytes, (sent, 0));
    }

    /// The same for one that puts a load on its receiver's kernel queue.
    pub(crate) fn leave_with_load(
        &mut self,
        now: Time,
        from: SocketAddr,
        to: SocketAddr,
        bytes: &[u8],
        (sent, load): (Sent, usize),
    ) {
        self.forget(now);
        let key = Key::new(from, to, bytes);
        let number = self.next_number;
        self.next_number += 1;
        self.records.entry(key).or_default().push_back((number, sent, load));
        self.ages.push_back((now, number, key));
    }

    /// Finds, and forgets, the oldest equal datagram.
    pub(crate) fn arrive(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        bytes: &[u8],
    ) -> Option<Sent> {
        self.arrive_with_load(from, to, bytes).map(|(sent, _)| sent)
    }

    /// The same, with the load that it takes off the kernel queue.
    pub(crate) fn arrive_with_load(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        bytes: &[u8],
    ) -> Option<(Sent, usize)> {
        let key = Key::new(from, to, bytes);
        let equal = self.records.get_mut(&key)?;
        let (_, sent, load) = equal.pop_front()?;
        if equal.is_empty() {
            self.records.remove(&key);
        }
        Some((sent, load))
    }

    fn forget(&mut self, now: Time) {
        while let Some((since, number, key)) = self.ages.front().copied() {
            if now.since(since) < AGE_MAX && self.ages.len() < RECORDS_MAX {
                return;
            }
            self.ages.pop_front();
            if let Some(equal) = self.records.get_mut(&key) {
                equal.retain(|(other, ..)| *other != number);
                if equal.is_empty() {
                    self.records.remove(&key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(number: u64) -> Sent {
        Sent { cause: Cause(number), to_host: None, fate: Fate::Delivered }
    }

    fn addr(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[test]
    fn equal_datagrams_are_joined_in_their_order_and_each_once() {
        let mut table = InFlight::default();
        for number in 1..=2 {
            table.leave(Time::ZERO, addr(1), addr(2), b"same", sent(number));
        }
        table.leave(Time::ZERO, addr(1), addr(2), b"other", sent(3));
        let arrive = |table: &mut InFlight, bytes| {
            table.arrive(addr(1), addr(2), bytes).map(|sent| sent.cause.0)
        };
        assert_eq!(arrive(&mut table, b"other"), Some(3));
        assert_eq!(arrive(&mut table, b"same"), Some(1));
        assert_eq!(arrive(&mut table, b"same"), Some(2));
        assert_eq!(arrive(&mut table, b"same"), None);
        assert_eq!(table.arrive(addr(2), addr(1), b"same"), None);
    }

    #[test]
    fn the_table_forgets_by_age_and_by_number() {
        let mut table = InFlight::default();
        table.leave(Time::ZERO, addr(1), addr(2), b"old", sent(1));
        table.leave(Time::ZERO + AGE_MAX, addr(1), addr(2), b"young", sent(2));
        assert_eq!(table.arrive(addr(1), addr(2), b"old"), None);
        for number in 0..2 * RECORDS_MAX as u64 {
            let bytes = number.to_le_bytes();
            table.leave(Time::ZERO + AGE_MAX, addr(1), addr(2), &bytes, sent(number));
        }
        assert!(table.ages.len() <= RECORDS_MAX && table.records.len() <= RECORDS_MAX);
    }
}
