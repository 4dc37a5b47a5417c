//! Hosts in memory on virtual time.
//!
//! ```text
//!   run ─▶ poll every woken task, in order ─▶ none left ─▶ next of the agenda
//!            ▲                                              (moves the clock)
//!            └───────────── wakes ◀──────────────────────────────┘
//! ```
//!
//! One thread, the caller's. The clock moves only when no task can go on, and
//! then to the very nanosecond of the next happening, so idle time is free.

use std::cell::Cell;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use crate::network::{Engine, Network, NetworkConfig, Shared};
use crate::time::Time;

mod agenda;
mod connection;
mod datagram;
mod executor;
mod handshake;
mod ports;
mod slab;
mod stream;
mod travel;
mod turns;

use agenda::{Agenda, Happening};
use connection::TcpTable;
use datagram::UdpTable;
use executor::{Executor, Turn, poll_freely};
use slab::Key;

pub(crate) use datagram::UdpSocket;
pub(crate) use executor::Task;
pub(crate) use stream::{TcpListener, TcpStream};

/// A virtual network's inside.
#[derive(Debug)]
pub(crate) struct Core {
    me: Weak<Self>,
    shared: Arc<Shared>,
    now: AtomicU64,
    agenda: Mutex<Agenda>,
    udp: Mutex<UdpTable>,
    tcp: Mutex<TcpTable>,
    executor: Executor,
    running: AtomicBool,
}

impl Core {
    fn new(shared: Arc<Shared>) -> Arc<Self> {
        let seed = shared.config.seed;
        Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            shared,
            now: AtomicU64::new(0),
            agenda: Mutex::default(),
            udp: Mutex::new(UdpTable::new(seed)),
            tcp: Mutex::new(TcpTable::new(seed)),
            executor: Executor::default(),
            running: AtomicBool::new(false),
        })
    }

    pub(crate) fn now(&self) -> Time {
        Time(self.now.load(Ordering::Relaxed))
    }

    pub(crate) fn spawn<F, T>(&self, name: &'static str, work: F) -> Task<T>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        self.executor.spawn(Weak::clone(&self.me), name, work)
    }

    pub(crate) fn sleep_until(self: &Arc<Self>, at: Time) -> Sleep {
        Sleep { core: Arc::clone(self), at, alarm: None }
    }

    fn agenda(&self) -> MutexGuard<'_, Agenda> {
        self.agenda.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn udp(&self) -> MutexGuard<'_, UdpTable> {
        self.udp.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tcp(&self) -> MutexGuard<'_, TcpTable> {
        self.tcp.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn perform(self: &Arc<Self>, happening: Happening) {
        match happening {
            Happening::Wake(waker) => waker.wake(),
            Happening::Datagram(flight) => self.on_datagram(flight),
            Happening::Stream(travel) => self.on_travel(*travel),
            Happening::Uplink(host) => self.on_uplink(host),
            Happening::Pump(connection, direction) => self.on_pump(connection, direction),
        }
    }

    /// Runs until `root` says that it is done, nothing is left to do up to
    /// `until`, or the moment `until` is over.
    fn drive(self: &Arc<Self>, until: Time, mut root: impl FnMut() -> bool) -> bool {
        assert!(!self.running.swap(true, Ordering::AcqRel), "a network runs once at a time");
        let _running = Running(&self.running);
        loop {
            while let Some(turn) = self.executor.next() {
                match turn {
                    Turn::Root if root() => return true,
                    Turn::Root => {}
                    Turn::Task(task, bell) => self.executor.poll(task, bell),
                }
            }
            let next = self.agenda().next(until);
            let Some((at, happening)) = next else { return false };
            self.now.store(at.0.max(self.now().0), Ordering::Relaxed);
            self.perform(happening);
        }
    }
}

/// Says that the network runs, until it is dropped.
struct Running<'a>(&'a AtomicBool);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// The owner of a virtual network: runs it, and ends it when dropped.
#[derive(Debug)]
pub struct VirtualNetwork {
    core: Arc<Core>,
    network: Network,
    // One thread at a time may run the network.
    _single: PhantomData<Cell<()>>,
}

/// Nothing can ever happen again, and the work is not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nothing can happen any more; tasks that wait: {}", .waiting.join(", "))]
pub struct Stalled {
    /// The names of the tasks that wait for each other.
    pub waiting: Vec<&'static str>,
}

impl VirtualNetwork {
    /// An empty network.
    #[must_use]
    pub fn new(config: NetworkConfig) -> Self {
        let shared = Arc::new(Shared::new(config));
        let core = Core::new(Arc::clone(&shared));
        let network = Network::new(shared, Engine::Virtual(Arc::clone(&core)));
        Self { core, network, _single: PhantomData }
    }

    /// A handle on the network.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Runs `work` and everything else in the network until `work` is done.
    ///
    /// # Errors
    /// [`Stalled`] when it cannot be done: every task waits and nothing is on
    /// its way.
    ///
    /// # Panics
    /// When called from within the network.
    pub fn run<F: Future>(&self, work: F) -> Result<F::Output, Stalled> {
        let mut work = pin!(work);
        let waker = self.core.executor.root();
        let mut done = None;
        let finished = self.core.drive(Time::NEVER, || {
            let mut cx = Context::from_waker(&waker);
            if let Poll::Ready(output) = poll_freely(work.as_mut(), &mut cx) {
                done = Some(output);
            }
            done.is_some()
        });
        debug_assert_eq!(finished, done.is_some(), "the root ends the run");
        done.ok_or_else(|| Stalled { waiting: self.core.executor.names() })
    }

    /// Runs the network for a while.
    ///
    /// # Panics
    /// When called from within the network.
    pub fn run_for(&self, long: Duration) {
        self.run_until(self.core.now() + long);
    }

    /// Runs the network until a moment, that moment's happenings included.
    ///
    /// # Panics
    /// When called from within the network.
    pub fn run_until(&self, at: Time) {
        self.core.drive(at, || false);
        self.core.now.fetch_max(at.0, Ordering::Relaxed);
    }

    /// Ends every task and forgets what is on its way. A host of the network
    /// starts no task any more.
    pub fn shutdown(&self) {
        self.core.shared.faults.abandon();
        self.core.executor.close();
        let agenda = self.core.agenda().clear();
        drop(agenda);
    }
}

impl Drop for VirtualNetwork {
    fn drop(&mut self) {
        self.shutdown();
    }
}

/// A wait on virtual time, exact to the nanosecond.
#[derive(Debug)]
pub(crate) struct Sleep {
    core: Arc<Core>,
    at: Time,
    alarm: Option<Key>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.core.now() >= self.at {
            return Poll::Ready(());
        }
        let core = Arc::clone(&self.core);
        let mut agenda = core.agenda();
        if let Some(waker) = self.alarm.and_then(|alarm| agenda.waker(alarm)) {
            waker.clone_from(cx.waker());
            return Poll::Pending;
        }
        self.alarm = Some(agenda.add(self.at, Happening::Wake(cx.waker().clone())));
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(alarm) = self.alarm {
            let cancelled = self.core.agenda().cancel(alarm);
            drop(cancelled);
        }
    }
}
