//! Sockets without shaping: of a machine that serves, and those that lead out
//! of a lab. Recording them costs one relaxed load while nobody watches.

#![allow(clippy::disallowed_types, reason = "this is the door")]

use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use capa7_dissect::{Cause, Causes, Direction, Room};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net;

use crate::capture::{Fate, Packet, What};
use crate::real::Core;
use crate::real::tap::{Ends, Scope, Tap};
use crate::udp::Datagram;

/// Connections that the kernel keeps waiting for `accept`.
pub(super) const BACKLOG: i32 = 1024;

/// The longest datagram that IP carries, and one byte to notice a longer one.
const DATAGRAM_BYTES: usize = 65_536;

thread_local! {
    /// Where a thread receives: one datagram at a time, copied out at once.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; DATAGRAM_BYTES]);
}

/// Waits for a datagram on a kernel socket.
pub(super) async fn receive(socket: &net::UdpSocket) -> io::Result<(Bytes, SocketAddr)> {
    loop {
        socket.readable().await?;
        match try_receive(socket) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            // An earlier datagram met nobody: not an error of this wait.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            outcome => return outcome,
        }
    }
}

/// Takes a datagram that waits in the kernel.
pub(super) fn try_receive(socket: &net::UdpSocket) -> io::Result<(Bytes, SocketAddr)> {
    SCRATCH.with_borrow_mut(|buffer| {
        let (length, from) = socket.try_recv_from(buffer)?;
        Ok((Bytes::copy_from_slice(buffer.get(..length).unwrap_or_default()), from))
    })
}

/// A datagram socket of the machine.
#[derive(Debug)]
pub(crate) struct UdpSocket {
    core: Arc<Core>,
    room: Room,
    socket: net::UdpSocket,
    local: SocketAddr,
}

impl UdpSocket {
    pub(super) fn new(
        core: &Arc<Core>,
        room: Room,
        socket: std::net::UdpSocket,
    ) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let local = socket.local_addr()?;
        let _context = core.runtime().enter();
        let socket = net::UdpSocket::from_std(socket)?;
        Ok(Self { core: Arc::clone(core), room, socket, local })
    }

    pub(super) const fn local_addr(&self) -> SocketAddr {
        self.local
    }

    pub(super) async fn send_to(
        &self,
        bytes: Bytes,
        to: SocketAddr,
        causes: Causes,
    ) -> io::Result<Cause> {
        self.socket.send_to(&bytes, to).await?;
        if !self.core.records_bare() {
            return Ok(Cause::NONE);
        }
        let packet = self.packet(bytes, self.local, to);
        Ok(self.core.capture().record(self.core.now(), causes, What::Datagram(packet)))
    }

    pub(super) async fn recv_from(&self) -> io::Result<Datagram> {
        let (bytes, from) = receive(&self.socket).await?;
        let mut cause = Cause::NONE;
        if self.core.records_bare() {
            let (capture, now) = (self.core.capture(), self.core.now());
            let packet = self.packet(bytes.clone(), from, self.local);
            cause = capture.record(now, Causes::NONE, What::Datagram(packet));
            capture.end(now, cause, Fate::Delivered);
        }
        Ok(Datagram { bytes, from, to: self.local, cause })
    }

    fn packet(&self, bytes: Bytes, from: SocketAddr, to: SocketAddr) -> Packet {
        Packet { room: self.room, from_host: None, to_host: None, from, to, bytes }
    }
}

/// A listener of the machine.
#[derive(Debug)]
pub(crate) struct TcpListener {
    core: Arc<Core>,
    room: Room,
    listener: net::TcpListener,
    local: SocketAddr,
}

impl TcpListener {
    pub(super) fn new(
        core: &Arc<Core>,
        room: Room,
        listener: std::net::TcpListener,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let local = listener.local_addr()?;
        let _context = core.runtime().enter();
        let listener = net::TcpListener::from_std(listener)?;
        Ok(Self { core: Arc::clone(core), room, listener, local })
    }

    pub(super) const fn local_addr(&self) -> SocketAddr {
        self.local
    }

    pub(super) async fn accept(&self) -> io::Result<TcpStream> {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    return TcpStream::new(&self.core, self.room, stream, Direction::ToClient);
                }
                // The client was gone before we looked: RFC 9293 §3.5.3.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// A connection of the machine.
#[derive(Debug)]
pub(crate) struct TcpStream {
    stream: net::TcpStream,
    tap: Tap,
}

impl TcpStream {
    fn new(
        core: &Arc<Core>,
        room: Room,
        stream: net::TcpStream,
        writes: Direction,
    ) -> io::Result<Self> {
        // Programs of the house write whole messages; waiting for more only
        // delays them.
        stream.set_nodelay(true)?;
        let (local, peer) = (stream.local_addr()?, stream.peer_addr()?);
        let ends = Ends { local, peer, local_host: None, peer_host: None };
        Ok(Self { stream, tap: Tap::new(core, room, ends, writes, Scope::Bare) })
    }

    pub(super) async fn connect(
        core: &Arc<Core>,
        room: Room,
        from: IpAddr,
        to: SocketAddr,
    ) -> io::Result<Self> {
        let socket = open_tcp(to)?;
        if !from.is_unspecified() {
            socket.bind(SocketAddr::new(from, 0))?;
        }
        let stream = socket.connect(to).await?;
        Self::new(core, room, stream, Direction::ToServer)
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
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        self.tap.read(buf.filled().get(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }

    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, buf))?;
        self.tap.handed_over(buf.get(..written).unwrap_or_default());
        Poll::Ready(Ok(written))
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// An unconnected TCP socket of the right family.
pub(super) fn open_tcp(to: SocketAddr) -> io::Result<net::TcpSocket> {
    if to.is_ipv4() { net::TcpSocket::new_v4() } else { net::TcpSocket::new_v6() }
}

/// A kernel socket for datagrams, bound.
pub(super) fn bind_udp(at: SocketAddr) -> io::Result<std::net::UdpSocket> {
    let socket = Socket::new(Domain::for_address(at), Type::DGRAM, Some(Protocol::UDP))?;
    if at.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&at.into())?;
    Ok(socket.into())
}

/// A kernel socket that listens.
pub(super) fn listen_tcp(at: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(at), Type::STREAM, Some(Protocol::TCP))?;
    // A restarted server must not wait for its old connections' TIME-WAIT.
    socket.set_reuse_address(true)?;
    if at.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&at.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
