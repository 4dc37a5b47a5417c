//! Streams in memory, as programs hold them.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use capa7_dissect::{Cause, Causes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Core;
use super::connection::{
    CLIENT, Closing, Connection, End, Limits, Phase, Pipe, SERVER, TcpTable, Welcome, direction,
};
use super::datagram::other_family;
use super::slab::Key;
use crate::capture::{ConnectionChange, ConnectionId, HostId, Layer, Packet, What};
use crate::host::Host;
use crate::tls::Way;

/// A welcoming socket in memory.
#[derive(Debug)]
pub(crate) struct TcpListener {
    core: Arc<Core>,
    host: HostId,
    key: Key,
    local: SocketAddr,
}

/// One end of a connection in memory.
#[derive(Debug)]
pub(crate) struct TcpStream {
    core: Arc<Core>,
    key: Key,
    end: usize,
    number: ConnectionId,
    local: SocketAddr,
    peer: SocketAddr,
    read_cause: Cause,
    write_cause: Cause,
    layer: Layer,
}

impl Core {
    pub(crate) fn listen_tcp(
        self: &Arc<Self>,
        host: &Host,
        at: SocketAddr,
    ) -> io::Result<TcpListener> {
        let mut tcp = self.tcp();
        let local = tcp.ports.choose(host.identity(), at)?;
        let welcome = Welcome {
            room: host.room(),
            waiting: std::collections::VecDeque::new(),
            acceptors: Vec::new(),
        };
        let key = tcp.welcomes.insert(welcome);
        tcp.ports.take(host.id(), local, Some(key));
        drop(tcp);
        Ok(TcpListener { core: Arc::clone(self), host: host.id(), key, local })
    }

    pub(crate) async fn connect_tcp(
        self: &Arc<Self>,
        host: &Host,
        from: IpAddr,
        to: SocketAddr,
        cause: Cause,
    ) -> io::Result<TcpStream> {
        let stream = self.start_connect(host, from, to, cause)?;
        poll_fn(|cx| stream.poll_open(cx)).await?;
        Ok(stream)
    }

    fn start_connect(
        self: &Arc<Self>,
        host: &Host,
        from: IpAddr,
        to: SocketAddr,
        cause: Cause,
    ) -> io::Result<TcpStream> {
        let from = if to.ip().is_loopback() { to.ip() } else { from };
        if from.is_ipv4() != to.is_ipv4() {
            return Err(other_family());
        }
        let nearest = self.shared.topology().nearest(host.id(), to.ip());
        let mut tcp = self.tcp();
        let local = tcp.ports.choose(host.identity(), SocketAddr::new(from, 0))?;
        tcp.ports.take(host.id(), local, None);
        let packet = Packet {
            room: host.room(),
            from_host: Some(host.id()),
            to_host: nearest,
            from: local,
            to,
            bytes: Bytes::new(),
        };
        let verdict = self.shared.faults.judge_connection(&packet);
        let number = self.shared.capture.new_connection();
        let asked =
            What::Connection { connection: number, change: ConnectionChange::Asked, packet };
        let asked = self.shared.capture.record(self.now(), Causes::from(cause), asked);
        for note in verdict.notes {
            self.shared.capture.note(self.now(), None, note.because(asked));
        }
        let limits = Limits {
            refused: verdict.refused,
            // Nobody has the address: no packet ever comes back.
            silent: verdict.silent || nearest.is_none(),
            reset_after: verdict.reset_after,
            slow_close: verdict.slow_close,
            rate_bps: verdict.rate_bps,
        };
        let server = nearest.unwrap_or(host.id());
        let key = tcp.connections.insert(Connection {
            number,
            asked,
            phase: Phase::Asked,
            syn_sent: self.now(),
            syn_tries: 0,
            welcome: None,
            accepted: false,
            ends: [
                End::new(host.id(), local, host.room(), true),
                End::new(server, to, host.room(), false),
            ],
            pipes: [Pipe::default(), Pipe::default()],
            limits,
        });
        self.ask(&mut tcp, key);
        drop(tcp);
        Ok(self.stream(key, CLIENT, number, local, to, asked))
    }

    fn stream(
        self: &Arc<Self>,
        key: Key,
        end: usize,
        number: ConnectionId,
        local: SocketAddr,
        peer: SocketAddr,
        asked: Cause,
    ) -> TcpStream {
        TcpStream {
            core: Arc::clone(self),
            key,
            end,
            number,
            local,
            peer,
            read_cause: asked,
            write_cause: asked,
            layer: Layer::Clear,
        }
    }
}

impl TcpListener {
    pub(crate) async fn accept(&self) -> io::Result<TcpStream> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    fn poll_accept(&self, cx: &Context<'_>) -> Poll<io::Result<TcpStream>> {
        let mut tcp = self.core.tcp();
        let TcpTable { connections, welcomes, .. } = &mut *tcp;
        let Some(welcome) = welcomes.get_mut(self.key) else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        while let Some(key) = welcome.waiting.pop_front() {
            let Some(found) = connections.get(key) else { continue };
            let (local, peer) = (found.ends[SERVER].at, found.ends[CLIENT].at);
            let (number, asked) = (found.number, found.asked);
            drop(tcp);
            return Poll::Ready(Ok(self.core.stream(key, SERVER, number, local, peer, asked)));
        }
        if !welcome.acceptors.iter().any(|acceptor| acceptor.will_wake(cx.waker())) {
            welcome.acceptors.push(cx.waker().clone());
        }
        Poll::Pending
    }

    pub(crate) const fn local_addr(&self) -> SocketAddr {
        self.local
    }
}

impl Drop for TcpListener {
    fn drop(&mut self) {
        let mut tcp = self.core.tcp();
        tcp.ports.release(self.host, self.local);
        let Some(welcome) = tcp.welcomes.remove(self.key) else { return };
        for key in welcome.waiting {
            if let Some(connection) = tcp.connections.get_mut(key) {
                connection.ends[SERVER].open = false;
            }
            self.core.tear_down(&mut tcp, key, SERVER);
            self.core.remove_if_over(&mut tcp, key);
        }
    }
}

impl TcpStream {
    pub(crate) const fn peer_addr(&self) -> SocketAddr {
        self.peer
    }

    pub(crate) const fn local_addr(&self) -> SocketAddr {
        self.local
    }

    pub(crate) const fn connection(&self) -> Option<ConnectionId> {
        Some(self.number)
    }

    pub(crate) fn way(&self) -> Option<Way> {
        let tcp = self.core.tcp();
        let connection = tcp.connections.get(self.key)?;
        let (own, other) = (&connection.ends[self.end], &connection.ends[1 - self.end]);
        let packet = Packet {
            room: own.room,
            from_host: Some(own.host),
            to_host: Some(other.host),
            from: self.local,
            to: self.peer,
            bytes: Bytes::new(),
        };
        Some(Way { connection: self.number, writes: direction(self.end), packet })
    }

    pub(crate) const fn read_cause(&self) -> Cause {
        self.read_cause
    }

    pub(crate) fn set_write_cause(&mut self, cause: Cause) {
        self.write_cause = cause;
    }

    pub(crate) fn set_sealed(&mut self, sealed: bool) {
        self.layer = if sealed { Layer::Sealed } else { Layer::Clear };
    }

    /// Waits for the end of the handshake.
    fn poll_open(&self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        let mut tcp = self.core.tcp();
        let Some(connection) = tcp.connections.get_mut(self.key) else {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        };
        let end = &mut connection.ends[self.end];
        if let Some(why) = end.failure.take() {
            return Poll::Ready(Err(why.into()));
        }
        if connection.phase == Phase::Open {
            return Poll::Ready(Ok(()));
        }
        end.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl AsyncRead for TcpStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let core = Arc::clone(&self.core);
        let mut tcp = core.tcp();
        let Some(connection) = tcp.connections.get_mut(self.key) else {
            return Poll::Ready(Ok(()));
        };
        let pipe = &mut connection.pipes[1 - self.end];
        if let Some((bytes, cause)) = pipe.ready.front_mut() {
            let size = bytes.len().min(buf.remaining());
            buf.put_slice(&bytes[..size]);
            bytes.advance(size);
            self.read_cause = *cause;
            if bytes.is_empty() {
                pipe.ready.pop_front();
            }
            core.credit(&mut tcp, self.key, self.end, size as u64);
            return Poll::Ready(Ok(()));
        }
        let over = pipe.closing == Closing::Arrived;
        let end = &mut connection.ends[self.end];
        if let Some(why) = end.failure.take() {
            return Poll::Ready(Err(why.into()));
        }
        if over || end.dead {
            return Poll::Ready(Ok(()));
        }
        end.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut tcp = self.core.tcp();
        let Some(connection) = tcp.connections.get_mut(self.key) else {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        };
        let end = &mut connection.ends[self.end];
        let pipe = &mut connection.pipes[self.end];
        if let Some(why) = end.failure.take() {
            return Poll::Ready(Err(why.into()));
        }
        if end.dead || pipe.closing != Closing::Open {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let taken = pipe.push(buf, self.write_cause, self.layer);
        if taken == 0 && !buf.is_empty() {
            end.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        self.core.offer(&mut tcp, self.key, self.end);
        Poll::Ready(Ok(taken))
    }

    /// What was written is on its way as soon as the link lets it.
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut tcp = self.core.tcp();
        self.core.finish(&mut tcp, self.key, self.end);
        Poll::Ready(Ok(()))
    }
}

impl Drop for TcpStream {
    fn drop(&mut self) {
        let mut tcp = self.core.tcp();
        self.core.close_end(&mut tcp, self.key, self.end);
    }
}
