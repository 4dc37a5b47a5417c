//! What a program gets from its machine.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use capa7_dissect::{Cause, Room};
use rand_chacha::ChaCha12Rng;

use crate::capture::{Capture, HostId};
use crate::network::{Engine, Network};
use crate::note::Note;
use crate::signals::Signals;
use crate::task::{Task, TaskKind};
use crate::tcp::{TcpListener, TcpListenerKind, TcpStream, TcpStreamKind};
use crate::time::{Time, UnixTime};
use crate::topology::Identity;
use crate::udp::{UdpSocket, UdpSocketKind};
use crate::{real, virtual_net};

/// A machine of a network, as seen by the programs on it. Cheap to clone.
///
/// A host speaks for a [`Room`]: sockets and notes made through it carry that
/// room's name. [`Host::in_room`] gives the same machine for another room.
#[derive(Clone)]
pub struct Host {
    network: Network,
    identity: Arc<Identity>,
    room: Room,
}

/// What a wait that was too long returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no answer in time")]
pub struct Elapsed;

/// Who the host is.
impl Host {
    pub(crate) const fn new(network: Network, identity: Arc<Identity>, room: Room) -> Self {
        Self { network, identity, room }
    }

    pub(crate) fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }

    /// The host's name, unique in its network: `dns.cs.umass.edu`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.identity.name
    }

    /// The host's number in its network.
    #[must_use]
    pub fn id(&self) -> HostId {
        self.identity.id
    }

    /// The host's own addresses, in the order of its configuration. A replica
    /// of an anycast address has that address too.
    #[must_use]
    pub fn addresses(&self) -> &[IpAddr] {
        &self.identity.addresses
    }

    /// The region that the host stands in.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.identity.region
    }

    /// The same machine for a program of another room.
    #[must_use]
    pub fn in_room(&self, room: Room) -> Self {
        Self { room, ..self.clone() }
    }

    /// The room that this handle speaks for.
    #[must_use]
    pub const fn room(&self) -> Room {
        self.room
    }

    /// The network that the host is part of.
    #[must_use]
    pub fn network(&self) -> Network {
        self.network.clone()
    }

    /// The record of the host's network.
    #[must_use]
    pub fn capture(&self) -> &Capture {
        self.network.capture()
    }

    /// The plain machine that this process runs on, without shaping: what
    /// `serve` and the command line use. Its capture is off until somebody
    /// watches.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn machine(room: Room) -> Self {
        real::machine(room)
    }
}

/// Sockets.
impl Host {
    /// Binds a UDP socket. Port 0 takes a free one at random; an unspecified
    /// address stands for all of the host's.
    ///
    /// # Errors
    /// `AddrInUse`, and `AddrNotAvailable` for an address that is not the
    /// host's.
    pub fn bind_udp(&self, at: SocketAddr) -> io::Result<UdpSocket> {
        match self.network.engine() {
            Engine::Real(core) => core.bind_udp(self, at).map(UdpSocketKind::Real).map(UdpSocket),
            Engine::Virtual(core) => {
                core.bind_udp(self, at).map(UdpSocketKind::Virtual).map(UdpSocket)
            }
        }
    }

    /// Opens a welcoming socket. Port 0 and unspecified addresses as for
    /// [`Host::bind_udp`].
    ///
    /// # Errors
    /// `AddrInUse`, and `AddrNotAvailable` for an address that is not the
    /// host's.
    pub fn listen_tcp(&self, at: SocketAddr) -> io::Result<TcpListener> {
        match self.network.engine() {
            Engine::Real(core) => {
                core.listen_tcp(self, at).map(TcpListenerKind::Real).map(TcpListener)
            }
            Engine::Virtual(core) => {
                core.listen_tcp(self, at).map(TcpListenerKind::Virtual).map(TcpListener)
            }
        }
    }

    /// Opens a connection from the host's first address of the same family.
    ///
    /// # Errors
    /// `ConnectionRefused` after a round trip, `TimedOut` when nothing answers,
    /// `AddrNotAvailable` when the host has no address of that family.
    pub async fn connect_tcp(&self, to: SocketAddr, cause: Cause) -> io::Result<TcpStream> {
        let from = self.identity.source_for(to.ip())?;
        self.connect_tcp_from(from, to, cause).await
    }

    /// Opens a connection from one of the host's addresses.
    ///
    /// # Errors
    /// As [`Host::connect_tcp`].
    pub async fn connect_tcp_from(
        &self,
        from: IpAddr,
        to: SocketAddr,
        cause: Cause,
    ) -> io::Result<TcpStream> {
        match self.network.engine() {
            Engine::Real(core) => core
                .connect_tcp(self, from, to, cause)
                .await
                .map(TcpStreamKind::Real)
                .map(TcpStream),
            Engine::Virtual(core) => core
                .connect_tcp(self, from, to, cause)
                .await
                .map(TcpStreamKind::Virtual)
                .map(TcpStream),
        }
    }
}

/// Clocks, randomness and notes.
impl Host {
    /// The time since the network began.
    #[must_use]
    pub fn now(&self) -> Time {
        self.network.now()
    }

    /// The calendar time.
    #[must_use]
    pub fn wall_clock(&self) -> UnixTime {
        self.network.wall_clock()
    }

    /// Waits for a moment; a past one is over at once.
    pub fn sleep_until(&self, at: Time) -> Sleep {
        Sleep(match self.network.engine() {
            Engine::Real(core) => SleepKind::Real(Box::pin(core.sleep_until(at))),
            Engine::Virtual(core) => SleepKind::Virtual(core.sleep_until(at)),
        })
    }

    /// Waits for a while.
    pub fn sleep(&self, long: Duration) -> Sleep {
        self.sleep_until(self.now() + long)
    }

    /// Waits for `work`, but not longer than `limit`. Work that is done at the
    /// very moment of the limit counts as done.
    ///
    /// # Errors
    /// [`Elapsed`] when the limit came first; `work` is dropped.
    pub async fn timeout<F: Future>(&self, limit: Duration, work: F) -> Result<F::Output, Elapsed> {
        let mut work = pin!(work);
        let mut alarm = self.sleep(limit);
        poll_fn(|cx| {
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(Ok(done));
            }
            Pin::new(&mut alarm).poll(cx).map(|()| Err(Elapsed))
        })
        .await
    }

    /// A fresh stream of random numbers. In a virtual network it follows from
    /// the seed, the host's name and the number of calls before; on a real
    /// machine from the operating system.
    #[must_use]
    pub fn rng(&self) -> ChaCha12Rng {
        self.network.stream(&self.identity)
    }

    /// The operator's signals from now on.
    ///
    /// # Errors
    /// `Unsupported` in a virtual network, which nobody signals.
    pub fn signals(&self) -> io::Result<Signals> {
        match self.network.engine() {
            Engine::Real(_) => Signals::watch(),
            Engine::Virtual(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Whether notes are kept: without a record they need not be made.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        self.network.shared.capture.is_on()
    }

    /// Records what a program says of itself, and returns the note's number,
    /// a cause for what follows from it. None when nobody records.
    pub fn note(&self, note: Note) -> Cause {
        let shared = &self.network.shared;
        if !shared.capture.is_on() {
            return Cause::NONE;
        }
        shared.capture.note(self.now(), Some(self.id()), note)
    }
}

/// Work.
impl Host {
    /// Starts a task that the caller owns.
    pub fn spawn<F, T>(&self, name: &'static str, work: F) -> Task<T>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        match self.network.engine() {
            Engine::Real(core) => Task(TaskKind::Real(core.spawn(self, name, work))),
            Engine::Virtual(core) => Task(TaskKind::Virtual(core.spawn(name, work))),
        }
    }

    /// Runs work that blocks: on a pool of threads, or in place in a virtual
    /// network, which has none.
    pub async fn blocking<F, T>(&self, work: F) -> T
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        match self.network.engine() {
            Engine::Real(core) => core.blocking(work).await,
            Engine::Virtual(_) => work(),
        }
    }

    /// Starts `count` workers that share nothing: each a thread of its own with
    /// its own scheduler, or a task in a virtual network. `work` gets the
    /// worker's index.
    pub fn workers<F, W>(&self, name: &'static str, count: usize, work: F) -> Vec<Task<()>>
    where
        F: Fn(usize) -> W + Send + Sync + 'static,
        W: Future<Output = ()> + Send + 'static,
    {
        let work = Arc::new(work);
        let worker = |index| {
            let work = Arc::clone(&work);
            self.worker(name, move || work(index))
        };
        (0..count).map(worker).collect()
    }

    /// Starts one worker as [`Host::workers`] does. It may wait for a disk in
    /// place: no other work shares its thread.
    pub fn worker<F, W>(&self, name: &'static str, work: F) -> Task<()>
    where
        F: FnOnce() -> W + Send + 'static,
        W: Future<Output = ()> + Send + 'static,
    {
        match self.network.engine() {
            Engine::Real(core) => Task(TaskKind::Real(core.worker(self, name, work))),
            Engine::Virtual(core) => Task(TaskKind::Virtual(core.spawn(name, work()))),
        }
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Host({}, {})", self.identity.name, self.room.name())
    }
}

/// A wait for a moment, from [`Host::sleep_until`].
#[derive(Debug)]
#[must_use = "a wait does nothing unless awaited"]
pub struct Sleep(SleepKind);

#[derive(Debug)]
enum SleepKind {
    Real(Pin<Box<real::Sleep>>),
    Virtual(virtual_net::Sleep),
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.get_mut().0 {
            SleepKind::Real(sleep) => sleep.as_mut().poll(cx),
            SleepKind::Virtual(sleep) => Pin::new(sleep).poll(cx),
        }
    }
}
