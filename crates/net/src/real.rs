//! Kernel sockets on tokio: bare on a machine that serves, shaped and tapped in
//! a lab.
//!
//! ```text
//!   Host ── bind, listen, connect ──▶ Core ─┬─ bare ──────────────▶ kernel
//!                                           └─ lab: record, faults,
//!                                              links (wheel) ─────▶ kernel
//! ```
//!
//! In a lab all hosts live in one process. What one sends to another is shaped
//! at the sending socket and then handed to the kernel, which carries it to the
//! receiving socket at once.

mod bare;
mod clock;
mod connection;
mod datagram;
mod front;
mod in_flight;
mod listener;
mod stream;
mod tap;
mod task;
mod wheel;
mod wires;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use capa7_dissect::{Cause, Causes, Room};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use crate::capture::{Capture, ConnectionId, HostId};
use crate::host::Host;
use crate::loopback::{self, LowPorts};
use crate::network::{Engine, Network, NetworkConfig, Shared};
use crate::startup::{TcpDoor, UdpDoor};
use crate::time::{Time, UnixTime};
use crate::tls::Way;
use crate::topology::HostConfig;
use crate::udp::Datagram;

pub(crate) use clock::Clock;
use front::{Fronts, Outside, lock};
use in_flight::InFlight;
pub(crate) use in_flight::Sent;
use task::Detached;
pub(crate) use task::Task;
use wheel::Wheel;

/// A wait of a real program.
pub(crate) type Sleep = tokio::time::Sleep;

/// Where a real network's sockets are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// In a network namespace of the process, on the hosts' true addresses.
    Sealed,
    /// On addresses in 127.0.0.0/8.
    Loopback(LowPorts),
    /// On the machine as it is: one host, no shaping.
    Machine,
}

/// A real network.
pub(crate) struct Core {
    shared: Arc<Shared>,
    mode: Mode,
    clock: Clock,
    runtime: Handle,
    detached: Detached,
    wheel: Wheel,
    fronts: Mutex<Fronts>,
    in_flight: Mutex<InFlight>,
    outside: Mutex<Outside>,
    welcomes: Mutex<listener::Fronts>,
    /// Connections on their way to be accepted, by client and server.
    asked: Mutex<BTreeMap<(SocketAddr, SocketAddr), listener::Asked>>,
}

/// The name of the only host of a bare machine.
const MACHINE_NAME: &str = "localhost";

/// See [`Host::machine`].
pub(crate) fn machine(room: Room) -> Host {
    let network = open(NetworkConfig::default(), Mode::Machine);
    network.capture().set_on(false);
    let unspecified = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
    let config = HostConfig {
        name: MACHINE_NAME.to_owned(),
        addresses: unspecified.to_vec(),
        ..HostConfig::default()
    };
    let host = network.add_host(config).expect("the first host's name is free");
    host.in_room(room)
}

fn open(config: NetworkConfig, mode: Mode) -> Network {
    let shared = Arc::new(Shared::new(config));
    let clock = Clock::start();
    let core = Core {
        shared: Arc::clone(&shared),
        mode,
        clock,
        runtime: Handle::current(),
        detached: Detached::default(),
        wheel: Wheel::new(clock),
        fronts: Mutex::default(),
        in_flight: Mutex::default(),
        outside: Mutex::default(),
        welcomes: Mutex::default(),
        asked: Mutex::default(),
    };
    Network::new(shared, Engine::Real(Arc::new(core)))
}

/// Real networks.
impl Network {
    /// A lab on kernel sockets at its hosts' true addresses: for a process that
    /// entered a network namespace of its own ([`crate::namespace`]).
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn sealed(config: NetworkConfig) -> Self {
        open(config, Mode::Sealed)
    }

    /// A lab on kernel sockets whose hosts have addresses in 127.0.0.0/8. It
    /// neither binds nor dials any other.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn loopback(config: NetworkConfig, low_ports: LowPorts) -> Self {
        open(config, Mode::Loopback(low_ports))
    }

    /// Where the machine has one of a real network's addresses: elsewhere only
    /// for the low ports of a loopback network.
    #[must_use]
    pub fn on_machine(&self, addr: SocketAddr) -> SocketAddr {
        match self.engine() {
            Engine::Real(core) => core.to_machine(addr),
            Engine::Virtual(_) => addr,
        }
    }

    /// Ends the detached tasks of a real network and drops the messages that
    /// faults hold. What is on its way is lost when the last handle goes.
    pub fn end_tasks(&self) {
        if let Engine::Real(core) = self.engine() {
            core.detached.abort_all();
            self.shared.faults.abandon();
        }
    }
}

/// Ending.
impl Network {
    /// Ends a network whose hosts are done: as [`Network::end_tasks`], then waits until
    /// everything that was told to end has let go of its sockets, so that the next network can
    /// have the addresses. Gives whether that came within half a minute. A virtual network
    /// has no sockets and nothing to wait for.
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    pub async fn close(self) -> bool {
        self.end_tasks();
        let Engine::Real(core) = self.engine() else { return true };
        let begin = core.clock.now();
        while lock(&core.fronts).has_open_sockets() || lock(&core.welcomes).has_open_sockets() {
            if core.clock.now().since(begin) > CLOSE_PATIENCE {
                return false;
            }
            tokio::time::sleep(CLOSE_STEP).await;
        }
        true
    }
}

/// How long the tasks of a network that ends may take to let go of their sockets.
const CLOSE_PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked whether they have.
const CLOSE_STEP: Duration = Duration::from_millis(2);

/// Listeners that were opened before the runtime.
impl Host {
    /// Makes a socket of a listener that was opened at start-up. It leads
    /// outside: a lab neither shapes nor records it.
    ///
    /// # Errors
    /// `Unsupported` in a virtual network, which has no kernel sockets.
    pub fn adopt(&self, door: TcpDoor) -> io::Result<crate::TcpListener> {
        let network = self.network();
        let Engine::Real(core) = network.engine() else { return Err(virtual_has_none()) };
        let listener = bare::TcpListener::new(core, self.room(), door.0)?;
        Ok(crate::TcpListener(crate::tcp::TcpListenerKind::Real(TcpListener::Bare(listener))))
    }

    /// Makes a socket of one that was bound at start-up, as [`Host::adopt`].
    ///
    /// # Errors
    /// `Unsupported` in a virtual network, which has no kernel sockets.
    pub fn adopt_udp(&self, door: UdpDoor) -> io::Result<crate::UdpSocket> {
        let network = self.network();
        let Engine::Real(core) = network.engine() else { return Err(virtual_has_none()) };
        let socket = bare::UdpSocket::new(core, self.room(), door.0)?;
        Ok(crate::UdpSocket(crate::udp::UdpSocketKind::Real(UdpSocket::Bare(socket))))
    }
}

fn virtual_has_none() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "a virtual network has no kernel sockets")
}

/// Sockets.
impl Core {
    pub(crate) fn bind_udp(self: &Arc<Self>, host: &Host, at: SocketAddr) -> io::Result<UdpSocket> {
        match self.mode {
            Mode::Machine => {
                bare::UdpSocket::new(self, host.room(), bare::bind_udp(at)?).map(UdpSocket::Bare)
            }
            Mode::Sealed | Mode::Loopback(_) => {
                datagram::UdpSocket::bind(self, host, at).map(UdpSocket::Lab)
            }
        }
    }

    pub(crate) fn listen_tcp(
        self: &Arc<Self>,
        host: &Host,
        at: SocketAddr,
    ) -> io::Result<TcpListener> {
        match self.mode {
            Mode::Machine => bare::TcpListener::new(self, host.room(), bare::listen_tcp(at)?)
                .map(TcpListener::Bare),
            Mode::Sealed | Mode::Loopback(_) => {
                listener::TcpListener::listen(self, host, at).map(TcpListener::Lab)
            }
        }
    }

    pub(crate) async fn connect_tcp(
        self: &Arc<Self>,
        host: &Host,
        from: IpAddr,
        to: SocketAddr,
        cause: Cause,
    ) -> io::Result<TcpStream> {
        match self.mode {
            Mode::Machine => {
                bare::TcpStream::connect(self, host.room(), from, to).await.map(TcpStream::Bare)
            }
            Mode::Sealed | Mode::Loopback(_) => {
                self.open_stream(host, from, to, cause).await.map(TcpStream::Lab)
            }
        }
    }
}

/// Clocks, tasks and what the sockets ask for.
impl Core {
    pub(crate) fn now(&self) -> Time {
        self.clock.now()
    }

    #[expect(clippy::unused_self, reason = "the virtual clock needs its network")]
    pub(crate) fn wall_clock(&self) -> UnixTime {
        Clock::wall()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    pub(crate) fn sleep_until(&self, at: Time) -> Sleep {
        let _context = self.runtime.enter();
        tokio::time::sleep_until(self.clock.instant(at).into())
    }

    pub(crate) fn spawn<F, T>(&self, _host: &Host, _name: &'static str, work: F) -> Task<T>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        Task::spawn(&self.runtime, self.detached.clone(), work)
    }

    pub(crate) async fn blocking<F, T>(&self, work: F) -> T
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        match self.runtime.spawn_blocking(work).await {
            Ok(done) => done,
            Err(failed) => std::panic::resume_unwind(failed.into_panic()),
        }
    }

    pub(crate) fn worker<F, W>(&self, _host: &Host, name: &'static str, work: F) -> Task<()>
    where
        F: FnOnce() -> W + Send + 'static,
        W: Future<Output = ()> + Send + 'static,
    {
        Task::worker(&self.runtime, self.detached.clone(), name, work)
            .expect("the system grants a thread per worker")
    }

    fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Has a task end with the network.
    fn keep(&self, task: AbortHandle) {
        self.detached.keep(task);
    }

    fn capture(&self) -> &Capture {
        &self.shared.capture
    }

    /// Whether bare sockets are recorded: on a machine, while someone watches.
    /// In a lab they lead outside, which is not its business.
    fn records_bare(&self) -> bool {
        self.mode == Mode::Machine && self.capture().is_on()
    }

    fn to_machine(&self, addr: SocketAddr) -> SocketAddr {
        match self.mode {
            Mode::Loopback(low_ports) => low_ports.to_machine(addr),
            Mode::Sealed | Mode::Machine => addr,
        }
    }

    fn inside(&self, addr: SocketAddr) -> SocketAddr {
        match self.mode {
            Mode::Loopback(low_ports) => low_ports.from_machine(addr),
            Mode::Sealed | Mode::Machine => addr,
        }
    }

    /// Whether an address may be bound or dialled at all.
    fn permit(&self, address: IpAddr) -> io::Result<()> {
        match self.mode {
            Mode::Loopback(_) => loopback::permit(address),
            Mode::Sealed | Mode::Machine => Ok(()),
        }
    }
}

/// What is ours and what is not.
impl Core {
    fn is_foreign(&self, host: HostId) -> bool {
        self.shared.foreign.contains(host)
    }

    fn is_outside(&self, address: SocketAddr) -> bool {
        lock(&self.outside).knows(address)
    }

    /// Whether an address belongs to the machine itself: in loopback mode those
    /// that no host has.
    fn is_neighbour(&self, address: IpAddr) -> bool {
        matches!(self.mode, Mode::Loopback(_))
            && self.shared.topology().by_address(address).is_none()
    }

    /// As [`Core::permit`]; the unspecified address stands for a host's own.
    fn permit_bind(&self, address: IpAddr) -> io::Result<()> {
        if address.is_unspecified() { Ok(()) } else { self.permit(address) }
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Core({:?})", self.mode)
    }
}

/// The room of a message between programs that are not ours.
const fn room_of(from: SocketAddr, to: SocketAddr) -> Room {
    match Room::of_port(to.port()) {
        Room::Other => Room::of_port(from.port()),
        room => room,
    }
}

/// A datagram socket.
#[derive(Debug)]
pub(crate) enum UdpSocket {
    /// Without shaping.
    Bare(bare::UdpSocket),
    /// Shaped and recorded.
    Lab(datagram::UdpSocket),
}

impl UdpSocket {
    pub(crate) async fn send_to(
        &self,
        bytes: Bytes,
        to: SocketAddr,
        causes: Causes,
    ) -> io::Result<Cause> {
        match self {
            Self::Bare(socket) => socket.send_to(bytes, to, causes).await,
            Self::Lab(socket) => socket.send_to(bytes, to, causes),
        }
    }

    pub(crate) async fn recv_from(&self) -> io::Result<Datagram> {
        match self {
            Self::Bare(socket) => socket.recv_from().await,
            Self::Lab(socket) => Ok(socket.recv_from().await),
        }
    }

    pub(crate) fn local_addr(&self) -> SocketAddr {
        match self {
            Self::Bare(socket) => socket.local_addr(),
            Self::Lab(socket) => socket.local_addr(),
        }
    }
}

/// A listener.
#[derive(Debug)]
pub(crate) enum TcpListener {
    /// Without shaping.
    Bare(bare::TcpListener),
    /// Shaped and recorded.
    Lab(listener::TcpListener),
}

impl TcpListener {
    pub(crate) async fn accept(&self) -> io::Result<TcpStream> {
        match self {
            Self::Bare(listener) => listener.accept().await.map(TcpStream::Bare),
            Self::Lab(listener) => Ok(TcpStream::Lab(listener.accept().await)),
        }
    }

    pub(crate) fn local_addr(&self) -> SocketAddr {
        match self {
            Self::Bare(listener) => listener.local_addr(),
            Self::Lab(listener) => listener.local_addr(),
        }
    }
}

/// One end of a connection.
#[derive(Debug)]
pub(crate) enum TcpStream {
    /// Without shaping.
    Bare(bare::TcpStream),
    /// Shaped and recorded.
    Lab(stream::TcpStream),
}

impl TcpStream {
    const fn tap(&self) -> &tap::Tap {
        match self {
            Self::Bare(stream) => stream.tap(),
            Self::Lab(stream) => stream.tap(),
        }
    }

    const fn tap_mut(&mut self) -> &mut tap::Tap {
        match self {
            Self::Bare(stream) => stream.tap_mut(),
            Self::Lab(stream) => stream.tap_mut(),
        }
    }

    pub(crate) fn way(&self) -> Option<Way> {
        self.tap().way()
    }

    pub(crate) fn peer_addr(&self) -> SocketAddr {
        self.tap().ends().peer
    }

    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.tap().ends().local
    }

    pub(crate) fn read_cause(&self) -> Cause {
        self.tap().read_cause
    }

    pub(crate) fn set_write_cause(&mut self, cause: Cause) {
        self.tap_mut().write_cause = cause;
    }

    pub(crate) fn set_sealed(&mut self, sealed: bool) {
        self.tap_mut().set_sealed(sealed);
    }

    pub(crate) fn connection(&self) -> Option<ConnectionId> {
        self.tap().connection()
    }
}

impl AsyncRead for TcpStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Bare(stream) => stream.poll_read(cx, buf),
            Self::Lab(stream) => stream.poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Bare(stream) => stream.poll_write(cx, buf),
            Self::Lab(stream) => stream.poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Bare(stream) => stream.poll_flush(cx),
            Self::Lab(_) => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Bare(stream) => stream.poll_shutdown(cx),
            Self::Lab(stream) => Poll::Ready(stream.shut_down()),
        }
    }
}
