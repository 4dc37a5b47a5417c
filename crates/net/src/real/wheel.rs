//! The clockwork behind shaped links: what must happen, when, in order.
//!
//! One thread for all packets of a network waits for the next moment. Tokio's
//! timers round up to the next millisecond, which a way of several links would
//! pay several times; a condition variable is exact to some 60 µs.

#![allow(clippy::disallowed_methods, reason = "this is the door")]

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};

use crate::real::clock::Clock;
use crate::time::Time;

/// What is done at a moment.
type Job = Box<dyn FnOnce() + Send>;

/// Runs jobs at their moments, those of one moment in the order of their
/// entry. The thread starts with the first job.
pub(crate) struct Wheel {
    shared: Arc<Shared>,
    thread: OnceLock<JoinHandle<()>>,
}

struct Shared {
    clock: Clock,
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    entries: BinaryHeap<Reverse<Entry>>,
    next_sequence: u64,
    stopped: bool,
}

struct Entry {
    at: Time,
    sequence: u64,
    job: Job,
}

impl Wheel {
    pub(crate) fn new(clock: Clock) -> Self {
        let shared = Shared { clock, queue: Mutex::new(Queue::default()), changed: Condvar::new() };
        Self { shared: Arc::new(shared), thread: OnceLock::new() }
    }

    /// Has `job` run at `at`, on the wheel's thread; it must not block.
    pub(crate) fn at(&self, at: Time, job: impl FnOnce() + Send + 'static) {
        self.thread.get_or_init(|| {
            let shared = Arc::clone(&self.shared);
            thread::Builder::new()
                .name("capa7-links".to_owned())
                .spawn(move || shared.turn())
                .expect("the system grants one thread per network")
        });
        let mut queue = self.shared.lock();
        let sequence = queue.next_sequence;
        queue.next_sequence += 1;
        let is_next = queue.entries.peek().is_none_or(|Reverse(first)| at < first.at);
        queue.entries.push(Reverse(Entry { at, sequence, job: Box::new(job) }));
        drop(queue);
        if is_next {
            self.shared.changed.notify_one();
        }
    }
}

impl Drop for Wheel {
    /// What is still on its way is lost with the network.
    fn drop(&mut self) {
        let entries = {
            let mut queue = self.shared.lock();
            queue.stopped = true;
            std::mem::take(&mut queue.entries)
        };
        // Jobs own sockets, whose ends may look for the wheel: not under its lock.
        drop(entries);
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
        {
            // A job that panicked has said so already.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn(&self) {
        let mut queue = self.lock();
        while !queue.stopped {
            let now = self.clock.now();
            queue = match queue.entries.peek() {
                None => self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner),
                Some(Reverse(first)) if first.at > now => {
                    let wait = first.at.since(now);
                    let woken = self.changed.wait_timeout(queue, wait);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
                Some(_) => {
                    let due = queue.entries.pop();
                    drop(queue);
                    if let Some(Reverse(due)) = due {
                        (due.job)();
                    }
                    self.lock()
                }
            };
        }
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

impl fmt::Debug for Wheel {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Wheel({} waiting)", self.shared.lock().entries.len())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn jobs_run_by_moment_then_by_entry_and_never_early() {
        let clock = Clock::start();
        let wheel = Wheel::new(clock);
        let (done, seen) = mpsc::channel();
        let begin = clock.now();
        // Nothing is done before all is entered, however long that takes.
        let (entered, all) = mpsc::channel::<()>();
        wheel.at(begin, move || all.recv().unwrap());
        for (name, delay_ms) in [("c", 30), ("a", 10), ("b1", 20), ("b2", 20), ("now", 0)] {
            let at = begin + Duration::from_millis(delay_ms);
            let done = done.clone();
            wheel.at(at, move || done.send((name, clock.now() >= at)).unwrap());
        }
        entered.send(()).unwrap();
        let order: Vec<_> =
            (0..5).map(|_| seen.recv_timeout(Duration::from_secs(120)).unwrap()).collect();
        assert_eq!(order, [("now", true), ("a", true), ("b1", true), ("b2", true), ("c", true)]);
    }

    #[test]
    fn dropping_the_wheel_drops_what_waits() {
        let clock = Clock::start();
        let wheel = Wheel::new(clock);
        let (alive, closed) = mpsc::channel::<()>();
        wheel.at(clock.now() + Duration::from_secs(3600), move || drop(alive));
        drop(wheel);
        assert_eq!(closed.try_recv(), Err(mpsc::TryRecvError::Disconnected));
    }
}
