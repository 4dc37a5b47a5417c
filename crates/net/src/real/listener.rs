//! A lab's welcoming sockets: one kernel socket per address and port, for all
//! hosts that have the address.

#![allow(clippy::disallowed_types, reason = "this is the door")]

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use capa7_dissect::{Cause, Direction, Room};
use tokio::net;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::connection::Connection;
use super::front::{addresses_of, any_port, lock};
use super::stream::TcpStream;
use super::tap::Ends;
use super::{Core, bare};
use crate::capture::{ConnectionChange, HostId};
use crate::host::Host;

/// Connections that may wait for a program's `accept`.
const WAITING_MAX: usize = 1024;

/// How long a listener waits when the system has run short.
const SHORTAGE_PAUSE: Duration = Duration::from_millis(100);

/// A lab host's welcoming socket.
#[derive(Debug)]
pub(crate) struct TcpListener {
    core: Arc<Core>,
    local: SocketAddr,
    fronts: Vec<Arc<Front>>,
    queue: Arc<Welcome>,
}

/// Connections that wait for one program.
#[derive(Debug)]
pub(super) struct Welcome {
    room: Room,
    waiting: Mutex<VecDeque<TcpStream>>,
    arrived: Notify,
}

/// All welcoming sockets of a network.
#[derive(Debug, Default)]
pub(super) struct Fronts {
    open: BTreeMap<SocketAddr, Arc<Front>>,
    /// A closed socket lives until its acceptor has noticed; who listens again
    /// meanwhile gets the same one.
    sockets: BTreeMap<SocketAddr, Weak<net::TcpListener>>,
}

impl Fronts {
    /// Whether the kernel still has a socket of these.
    pub(super) fn has_open_sockets(&self) -> bool {
        self.sockets.values().any(|socket| socket.strong_count() > 0)
    }

    /// Whether a program listens at any port of an address.
    pub(super) fn has_any_at(&self, address: IpAddr) -> bool {
        let first = SocketAddr::new(address, 0);
        self.open.range(first..).next().is_some_and(|(at, _)| at.ip() == address)
    }
}

#[derive(Debug)]
struct Front {
    at: SocketAddr,
    members: Mutex<Vec<(HostId, Arc<Welcome>)>>,
    acceptor: Mutex<Option<AbortHandle>>,
}

/// A connection between its client's asking and its server's accepting: the
/// kernel's news of it and its third segment come in any order.
#[derive(Debug)]
pub(super) struct Asked {
    connection: Arc<Connection>,
    socket: Option<net::TcpStream>,
    state: AskedState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AskedState {
    /// The third segment has not come.
    Half,
    /// It has.
    Acknowledged,
    /// It never will: the client gave up.
    Abandoned,
}

/// Undoes an asking unless it is acknowledged: its client may stop waiting.
#[derive(Debug)]
pub(super) struct Asker {
    core: Arc<Core>,
    key: (SocketAddr, SocketAddr),
    is_done: bool,
}

impl Asker {
    pub(super) fn ask(connection: &Arc<Connection>) -> Self {
        let core = Arc::clone(&connection.core);
        let key = (connection.ends.local, connection.ends.peer);
        lock(&core.asked).insert(key, Asked::new(connection));
        Self { core, key, is_done: false }
    }

    /// There is no connection: the kernel has no news to come.
    pub(super) fn forget(mut self) {
        self.is_done = true;
        let gone = lock(&self.core.asked).remove(&self.key);
        drop(gone);
    }

    /// The third segment is on its way.
    pub(super) fn done(mut self) {
        self.is_done = true;
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        let mut asked = lock(&self.core.asked);
        let Some(ours) = asked.get_mut(&self.key) else { return };
        ours.state = AskedState::Abandoned;
        // Without a socket the kernel's news may still come, and finds this.
        let gone = ours.socket.is_some().then(|| asked.remove(&self.key));
        drop(asked);
        drop(gone);
    }
}

impl Asked {
    pub(super) fn new(connection: &Arc<Connection>) -> Self {
        let connection = Arc::clone(connection);
        Self { connection, socket: None, state: AskedState::Half }
    }
}

impl TcpListener {
    pub(super) fn listen(core: &Arc<Core>, host: &Host, at: SocketAddr) -> io::Result<Self> {
        core.permit_bind(at.ip())?;
        let addresses = addresses_of(core, host.identity(), at.ip())?;
        let take = |port, alone| {
            let at = SocketAddr::new(at.ip(), port);
            Self::take_port(core, host, at, &addresses, alone)
        };
        if at.port() == 0 {
            any_port(|port| take(port, Company::None))
        } else {
            take(at.port(), Company::Replicas)
        }
    }

    fn take_port(
        core: &Arc<Core>,
        host: &Host,
        local: SocketAddr,
        addresses: &[IpAddr],
        company: Company,
    ) -> io::Result<Self> {
        let queue = Arc::new(Welcome {
            room: host.room(),
            waiting: Mutex::default(),
            arrived: Notify::new(),
        });
        // Dropped on the way by an error, it gives up what it took so far.
        let mut listener = Self { core: Arc::clone(core), local, fronts: Vec::new(), queue };
        for ip in addresses {
            let at = SocketAddr::new(*ip, local.port());
            let member = (host.id(), Arc::clone(&listener.queue));
            listener.fronts.push(core.join_welcome(at, member, company)?);
        }
        Ok(listener)
    }

    pub(super) const fn local_addr(&self) -> SocketAddr {
        self.local
    }

    pub(super) async fn accept(&self) -> TcpStream {
        loop {
            {
                let mut waiting = lock(&self.queue.waiting);
                if let Some(stream) = waiting.pop_front() {
                    if !waiting.is_empty() {
                        self.queue.arrived.notify_one();
                    }
                    return stream;
                }
            }
            self.queue.arrived.notified().await;
        }
    }
}

impl Drop for TcpListener {
    fn drop(&mut self) {
        let mut fronts = lock(&self.core.welcomes);
        for front in &self.fronts {
            let mut members = lock(&front.members);
            members.retain(|(_, queue)| !Arc::ptr_eq(queue, &self.queue));
            if members.is_empty() {
                fronts.open.remove(&front.at);
                if let Some(acceptor) = lock(&front.acceptor).take() {
                    acceptor.abort();
                }
            }
        }
    }
}

/// Who may be behind a socket already when a program takes its place there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Company {
    Replicas,
    None,
}

impl Core {
    fn join_welcome(
        self: &Arc<Self>,
        at: SocketAddr,
        member: (HostId, Arc<Welcome>),
        company: Company,
    ) -> io::Result<Arc<Front>> {
        let mut fronts = lock(&self.welcomes);
        if let Some(front) = fronts.open.get(&at) {
            let mut members = lock(&front.members);
            let taken = members.iter().any(|(host, _)| *host == member.0);
            if taken || company == Company::None {
                return Err(io::ErrorKind::AddrInUse.into());
            }
            members.push(member);
            drop(members);
            return Ok(Arc::clone(front));
        }
        let socket = match fronts.sockets.get(&at).and_then(Weak::upgrade) {
            Some(closing) => closing,
            None => {
                let socket = bare::listen_tcp(self.to_machine(at))?;
                let _context = self.runtime().enter();
                Arc::new(net::TcpListener::from_std(socket)?)
            }
        };
        fronts.sockets.retain(|_, socket| socket.strong_count() > 0);
        fronts.sockets.insert(at, Arc::downgrade(&socket));
        let members = Mutex::new(vec![member]);
        let front = Arc::new(Front { at, members, acceptor: Mutex::default() });
        fronts.open.insert(at, Arc::clone(&front));
        drop(fronts);
        let acceptor = accept(Arc::downgrade(self), Arc::downgrade(&front), socket);
        *lock(&front.acceptor) = Some(self.runtime().spawn(acceptor).abort_handle());
        Ok(front)
    }

    /// Where a host's program welcomes connections to an address.
    pub(super) fn listener_of(&self, at: SocketAddr, host: HostId) -> Option<Arc<Welcome>> {
        let front = lock(&self.welcomes).open.get(&at).cloned()?;
        front.welcome_of(host)
    }

    /// The kernel has connected a client.
    fn connected(self: &Arc<Self>, front: &Front, socket: net::TcpStream, peer: SocketAddr) {
        let key = (peer, front.at);
        {
            let mut asked = lock(&self.asked);
            if let Some(ours) = asked.get_mut(&key) {
                ours.socket = Some(socket);
                let ready = match ours.state {
                    AskedState::Half => return,
                    AskedState::Acknowledged | AskedState::Abandoned => asked.remove(&key),
                };
                drop(asked);
                if let Some(ready) = ready {
                    self.welcome(ready);
                }
                return;
            }
        }
        self.welcome_outside(front, socket, peer);
    }

    /// The third segment of a connection has arrived: its server may know.
    pub(super) fn acknowledged(&self, connection: &Connection) {
        let key = (connection.ends.local, connection.ends.peer);
        let mut asked = lock(&self.asked);
        let Some(ours) = asked.get_mut(&key) else { return };
        ours.state = AskedState::Acknowledged;
        let is_ready =
            ours.socket.is_some() || self.listener_of(key.1, ours.connection.server).is_none();
        let ready = is_ready.then(|| asked.remove(&key)).flatten();
        drop(asked);
        if let Some(ready) = ready {
            self.welcome(ready);
        }
    }

    fn welcome(&self, asked: Asked) {
        let Asked { connection, socket: Some(socket), state } = asked else { return };
        if state != AskedState::Acknowledged {
            return;
        }
        // A listener that closed meanwhile resets what waited for it.
        let Some(queue) = self.listener_of(connection.ends.peer, connection.server) else { return };
        match TcpStream::inside(connection, queue.room, socket, Direction::ToClient) {
            Ok(stream) => queue.put(stream),
            Err(error) => tracing::debug!(%error, "a client was gone before it was welcomed"),
        }
    }

    /// A client that is not ours: it has no link here.
    fn welcome_outside(self: &Arc<Self>, front: &Front, socket: net::TcpStream, peer: SocketAddr) {
        let topology = self.shared.topology();
        let client = topology.by_address(peer.ip()).map(|identity| identity.id);
        let nearest = client.and_then(|client| topology.nearest(client, front.at.ip()));
        drop(topology);
        let found = nearest.and_then(|host| Some((host, front.welcome_of(host)?)));
        let Some((host, queue)) = found.or_else(|| lock(&front.members).first().cloned()) else {
            return;
        };
        let ends = Ends { local: front.at, peer, local_host: Some(host), peer_host: client };
        let writes = Direction::ToClient;
        match TcpStream::outside(self, queue.room, ends, socket, writes) {
            Ok(mut stream) => {
                let asked = stream.tap_mut().changed(ConnectionChange::Asked, Cause::NONE);
                stream.tap_mut().changed(ConnectionChange::Open, asked);
                queue.put(stream);
            }
            Err(error) => tracing::debug!(%error, "a client was gone before it was welcomed"),
        }
    }
}

impl Front {
    fn welcome_of(&self, host: HostId) -> Option<Arc<Welcome>> {
        let members = lock(&self.members);
        members.iter().find(|(member, _)| *member == host).map(|(_, queue)| Arc::clone(queue))
    }
}

impl Welcome {
    /// A full queue turns the client away, as a kernel's does.
    fn put(&self, stream: TcpStream) {
        let mut waiting = lock(&self.waiting);
        if waiting.len() < WAITING_MAX {
            waiting.push_back(stream);
            drop(waiting);
            self.arrived.notify_one();
        }
    }
}

/// Takes what the kernel connects, as long as somebody listens.
async fn accept(core: Weak<Core>, front: Weak<Front>, socket: Arc<net::TcpListener>) {
    loop {
        let outcome = socket.accept().await;
        let (Some(core), Some(front)) = (core.upgrade(), front.upgrade()) else { return };
        match outcome {
            Ok((stream, peer)) => core.connected(&front, stream, core.inside(peer)),
            // The client was gone before we looked: RFC 9293 §3.5.3.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            // Descriptors or memory ran out: who waits is served when some are
            // free again.
            Err(error) => {
                tracing::warn!(address = %front.at, %error, "a listener of the lab must wait");
                core.wait(core.now() + SHORTAGE_PAUSE).await;
            }
        }
    }
}
