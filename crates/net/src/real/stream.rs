//! One end of a lab's connection, and how it is opened.
//!
//! ```text
//!   client                                   server
//!     │ Asked ──── first segment, links ────▶ │ kernel connects
//!     │ ◀─── second segment, links ────────── │
//!     │ Open ───── third segment ───────────▶ │ accept returns
//! ```

#![allow(clippy::disallowed_types, reason = "this is the door")]

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use capa7_dissect::{Cause, Causes, Direction, Room};
use tokio::io::ReadBuf;
use tokio::net;
use tokio::sync::oneshot;

use super::Core;
use super::bare;
use super::connection::{Connection, FIRST_RETRANSMISSION};
use super::front::{addresses_of, any_port};
use super::listener::Asker;
use super::tap::{Ends, Scope, Tap, opposite};
use crate::capture::{ConnectionChange, ConnectionId, HostId, What};
use crate::fault::{ConnectionVerdict, MessageVerdict, MessageView, Transport};
use crate::host::Host;
use crate::time::Time;

/// The most that one write takes: connections on one link take turns by it.
const CHUNK_BYTES_MAX: usize = 16 * 1024;

/// How long a first segment is repeated before the peer counts as absent: Linux
/// repeats it six times (net.ipv4.tcp_syn_retries) with a doubling wait.
const OPEN_TIMEOUT: Duration = Duration::from_secs(127);

/// One end of a lab's connection.
#[derive(Debug)]
pub(crate) struct TcpStream {
    socket: Arc<net::TcpStream>,
    tap: Tap,
    writes: Direction,
    /// None when the other end is a program that is not ours.
    connection: Option<Arc<Connection>>,
}

impl TcpStream {
    /// The end of a connection between two hosts of the lab.
    pub(super) fn inside(
        connection: Arc<Connection>,
        room: Room,
        socket: net::TcpStream,
        writes: Direction,
    ) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        let socket = Arc::new(socket);
        let ends = match writes {
            Direction::ToServer => connection.ends,
            Direction::ToClient => connection.ends.reversed(),
        };
        let tap = Tap::new(&connection.core, room, ends, writes, Scope::Lab).of(connection.id);
        connection.open(writes, Arc::clone(&socket));
        Ok(Self { socket, tap, writes, connection: Some(connection) })
    }

    /// The end of a connection with a program that is not ours.
    pub(super) fn outside(
        core: &Arc<Core>,
        room: Room,
        ends: Ends,
        socket: net::TcpStream,
        writes: Direction,
    ) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        let tap = Tap::new(core, room, ends, writes, Scope::Lab);
        Ok(Self { socket: Arc::new(socket), tap, writes, connection: None })
    }

    pub(super) const fn tap(&self) -> &Tap {
        &self.tap
    }

    pub(super) const fn tap_mut(&mut self) -> &mut Tap {
        &mut self.tap
    }

    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.socket.poll_read_ready(cx))?;
            let read = match &self.connection {
                Some(connection) => {
                    let read = connection.read(opposite(self.writes), &self.socket, buf);
                    read.map(|cause| self.tap.read_cause = cause.unwrap_or(self.tap.read_cause))
                }
                None => self.read_outside(buf),
            };
            match read {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    }

    fn read_outside(&mut self, buf: &mut ReadBuf<'_>) -> io::Result<()> {
        let before = buf.filled().len();
        let length = self.socket.try_read(buf.initialize_unfilled())?;
        buf.advance(length);
        self.tap.read(buf.filled().get(before..).unwrap_or_default());
        Ok(())
    }

    pub(super) fn poll_write(&mut self, cx: &Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let Some(connection) = &self.connection else { return self.poll_write_outside(cx, buf) };
        let room = ready!(connection.poll_room(self.writes, cx))?;
        let length = buf.len().min(room).min(CHUNK_BYTES_MAX);
        if length == 0 {
            return Poll::Ready(Ok(0));
        }
        let bytes = Bytes::copy_from_slice(buf.get(..length).unwrap_or_default());
        let packet = self.tap.packet(bytes.clone());
        let faults = &connection.core.shared.faults;
        let verdict = if faults.are_any() {
            let view = MessageView { transport: Transport::Tcp, packet: &packet };
            faults.judge_message(&view)
        } else {
            MessageVerdict::default()
        };
        let cause = self.tap.wrote(packet);
        connection.write(self.writes, bytes, cause, verdict);
        Poll::Ready(Ok(length))
    }

    fn poll_write_outside(&mut self, cx: &Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let mut cx = Context::from_waker(cx.waker());
        loop {
            ready!(self.socket.poll_write_ready(&mut cx))?;
            match self.socket.try_write(buf) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
                Ok(length) => {
                    self.tap.handed_over(buf.get(..length).unwrap_or_default());
                    return Poll::Ready(Ok(length));
                }
            }
        }
    }

    pub(super) fn shut_down(&mut self) -> io::Result<()> {
        match &self.connection {
            Some(connection) => {
                connection.finish(self.writes);
                Ok(())
            }
            None => {
                self.tap.changed(ConnectionChange::HalfClosed, Cause::NONE);
                socket2::SockRef::from(&*self.socket).shutdown(std::net::Shutdown::Write)
            }
        }
    }
}

impl Drop for TcpStream {
    /// What was written still arrives, and then the end.
    fn drop(&mut self) {
        match &self.connection {
            Some(connection) => connection.finish(self.writes),
            None => {
                self.tap.changed(ConnectionChange::Closed, Cause::NONE);
            }
        }
    }
}

/// Opening.
impl Core {
    pub(super) async fn open_stream(
        self: &Arc<Self>,
        host: &Host,
        from: IpAddr,
        to: SocketAddr,
        cause: Cause,
    ) -> io::Result<TcpStream> {
        self.permit(from)?;
        self.permit(to.ip())?;
        addresses_of(self, host.identity(), from)?;
        let server = self.shared.topology().nearest(host.id(), to.ip());
        let (socket, local) = self.bind_client(from, to)?;
        let ends = Ends { local, peer: to, local_host: Some(host.id()), peer_host: server };
        let is_ours = |server| {
            !self.is_foreign(server)
                && (!self.is_neighbour(to.ip()) || self.listener_of(to, server).is_some())
        };
        match server {
            Some(server) if is_ours(server) => {
                let asking = Asking { core: Arc::clone(self), ends, room: host.room(), server };
                asking.open(host.id(), socket, cause).await
            }
            Some(_) => self.dial_outside(host.room(), ends, socket, cause).await,
            None if self.is_neighbour(to.ip()) => {
                self.dial_outside(host.room(), ends, socket, cause).await
            }
            None => {
                let mut tap = Tap::new(self, host.room(), ends, Direction::ToServer, Scope::Lab);
                let asked = tap.changed(ConnectionChange::Asked, cause);
                self.wait(self.now() + OPEN_TIMEOUT).await;
                tap.changed(ConnectionChange::TimedOut, asked);
                Err(io::ErrorKind::TimedOut.into())
            }
        }
    }

    /// A kernel socket on a port that no other connection of the address has.
    fn bind_client(
        &self,
        from: IpAddr,
        to: SocketAddr,
    ) -> io::Result<(net::TcpSocket, SocketAddr)> {
        any_port(|port| {
            let local = SocketAddr::new(from, port);
            let socket = bare::open_tcp(to)?;
            socket.bind(self.to_machine(local))?;
            Ok((socket, local))
        })
    }

    async fn dial_outside(
        self: &Arc<Self>,
        room: Room,
        ends: Ends,
        socket: net::TcpSocket,
        cause: Cause,
    ) -> io::Result<TcpStream> {
        let mut tap = Tap::new(self, room, ends, Direction::ToServer, Scope::Lab);
        let asked = tap.changed(ConnectionChange::Asked, cause);
        match socket.connect(self.to_machine(ends.peer)).await {
            Ok(socket) => {
                tap.changed(ConnectionChange::Open, asked);
                socket.set_nodelay(true)?;
                let writes = Direction::ToServer;
                Ok(TcpStream { socket: Arc::new(socket), tap, writes, connection: None })
            }
            Err(error) => {
                tap.changed(change_of(&error), asked);
                Err(error)
            }
        }
    }

    /// Waits for a moment on the wheel, which is exact.
    pub(super) async fn wait(&self, at: Time) {
        let (come, wait) = oneshot::channel::<()>();
        self.at(at, move || {
            // Nobody waits any more: then nobody needs to be told.
            let _ = come.send(());
        });
        let _ = wait.await;
    }
}

/// The event that an error of connecting is.
fn change_of(error: &io::Error) -> ConnectionChange {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => ConnectionChange::Refused,
        io::ErrorKind::TimedOut => ConnectionChange::TimedOut,
        _ => ConnectionChange::Reset,
    }
}

/// A connection that is being asked for.
struct Asking {
    core: Arc<Core>,
    ends: Ends,
    room: Room,
    server: HostId,
}

impl Asking {
    async fn open(
        self,
        client: HostId,
        socket: net::TcpSocket,
        cause: Cause,
    ) -> io::Result<TcpStream> {
        let (core, server) = (&self.core, self.server);
        let id = core.capture().new_connection();
        let asked = self.changed(id, ConnectionChange::Asked, cause);
        let verdict =
            core.shared.faults.judge_connection(&self.ends.packet(self.room, Bytes::new()));
        self.tell(&verdict, asked);
        let arrived = self.segment(client, server, verdict.silent).await;
        if !arrived {
            self.changed(id, ConnectionChange::TimedOut, asked);
            return Err(io::ErrorKind::TimedOut.into());
        }
        let hosts = (client, server);
        let connection = Connection::new(core, id, self.ends, hosts, (self.room, asked), &verdict);
        let connection = Arc::new(connection);
        let listens = core.listener_of(self.ends.peer, server).is_some();
        let asker = Asker::ask(&connection);
        let outcome = if verdict.refused || !listens {
            Err(io::ErrorKind::ConnectionRefused.into())
        } else {
            socket.connect(core.to_machine(self.ends.peer)).await
        };
        // The answer, yes or no, takes its way back.
        self.segment(server, client, false).await;
        match outcome {
            Ok(socket) => {
                connection.changed(ConnectionChange::Open, asked);
                asker.done();
                let third = core.now() + core.shared.topology().one_way(client, server);
                let welcomed = Arc::clone(&connection);
                core.at(third, move || welcomed.core.acknowledged(&welcomed));
                TcpStream::inside(connection, self.room, socket, Direction::ToServer)
            }
            Err(error) => {
                asker.forget();
                connection.changed(change_of(&error), asked);
                Err(error)
            }
        }
    }

    /// An empty segment's way, repeated until it arrives: RFC 6298 §5.7. Says
    /// whether it did.
    async fn segment(&self, from: HostId, to: HostId, silent: bool) -> bool {
        let begin = self.core.now();
        let mut wait = FIRST_RETRANSMISSION;
        loop {
            let sent = self.core.now();
            if !silent && self.try_segment(from, to).await {
                return true;
            }
            let again = sent + wait;
            self.core.wait(again.min(begin + OPEN_TIMEOUT)).await;
            if self.core.now().since(begin) >= OPEN_TIMEOUT {
                return false;
            }
            wait *= 2;
        }
    }

    async fn try_segment(&self, from: HostId, to: HostId) -> bool {
        let core = &self.core;
        let (at, lost) = core.shared.topology().leave_stream(core.now(), from, to, 0, 1);
        if lost > 0 {
            return false;
        }
        core.wait(at).await;
        let (at, lost) = core.shared.topology().reach_stream(core.now(), from, to, 0, 1);
        if lost > 0 {
            return false;
        }
        core.wait(at).await;
        true
    }

    fn tell(&self, verdict: &ConnectionVerdict, asked: Cause) {
        for note in &verdict.notes {
            self.core.capture().note(self.core.now(), None, note.clone().because(asked));
        }
    }

    fn changed(&self, connection: ConnectionId, change: ConnectionChange, cause: Cause) -> Cause {
        let packet = self.ends.packet(self.room, Bytes::new());
        let what = What::Connection { connection, change, packet };
        self.core.capture().record(self.core.now(), Causes::from(cause), what)
    }
}
