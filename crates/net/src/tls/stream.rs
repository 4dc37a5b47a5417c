//! A stream within TLS, as programs hold it.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use capa7_dissect::{Cause, Causes, Direction};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::capture::{ConnectionId, Fate, Layer, Packet, What};
use crate::network::Network;
use crate::tcp::TcpStream;

/// One end of a TLS connection.
#[derive(Debug)]
pub struct TlsStream {
    inner: tokio_rustls::TlsStream<TcpStream>,
    network: Network,
    read: u64,
    read_cause: Cause,
    write_cause: Cause,
}

/// One end's view of its connection: what it is, and what leaves it.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    pub(crate) connection: ConnectionId,
    /// The direction of what this end writes.
    pub(crate) writes: Direction,
    /// This end as the sender, without bytes.
    pub(crate) packet: Packet,
}

impl Way {
    fn outgoing(&self) -> (ConnectionId, Direction) {
        (self.connection, self.writes)
    }

    fn incoming(&self) -> (ConnectionId, Direction) {
        let direction = match self.writes {
            Direction::ToServer => Direction::ToClient,
            Direction::ToClient => Direction::ToServer,
        };
        (self.connection, direction)
    }
}

impl TlsStream {
    pub(super) fn new(network: &Network, inner: tokio_rustls::TlsStream<TcpStream>) -> Self {
        let network = network.clone();
        Self { inner, network, read: 0, read_cause: Cause::NONE, write_cause: Cause::NONE }
    }

    /// The other end's address.
    #[must_use]
    pub fn peer_addr(&self) -> SocketAddr {
        self.inner.get_ref().0.peer_addr()
    }

    /// This end's address.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.inner.get_ref().0.local_addr()
    }

    /// The connection's number in the capture.
    #[must_use]
    pub fn connection(&self) -> Option<ConnectionId> {
        self.inner.get_ref().0.connection()
    }

    /// The plaintext that the last read came from.
    #[must_use]
    pub const fn read_cause(&self) -> Cause {
        self.read_cause
    }

    /// Says because of what the following writes happen.
    pub fn set_write_cause(&mut self, cause: Cause) {
        self.write_cause = cause;
        self.inner.get_mut().0.set_write_cause(cause);
    }

    /// The protocol that both ends chose by ALPN (RFC 7301).
    #[must_use]
    pub fn protocol(&self) -> Option<&[u8]> {
        self.inner.get_ref().1.alpn_protocol()
    }

    /// The version of TLS in use: `TLSv1_3`.
    #[must_use]
    pub fn version(&self) -> Option<&'static str> {
        self.inner.get_ref().1.protocol_version()?.as_str()
    }

    /// This end's view, while somebody records.
    fn way(&self) -> Option<Way> {
        if !self.network.capture().is_on() {
            return None;
        }
        self.inner.get_ref().0.way()
    }

    fn record(&self, direction: Direction, offset: u64, cause: Cause, way: Way) -> Cause {
        let Way { connection, packet, .. } = way;
        let layer = Layer::Plaintext;
        let what = What::Chunk { connection, direction, offset, layer, packet };
        self.network.capture().record(self.network.now(), Causes::from(cause), what)
    }

    /// Bytes were decrypted: they bear the number that their writer gave them,
    /// or a fresh one when the writer is a program outside.
    fn on_read(&mut self, bytes: &[u8]) {
        let begin = self.read;
        self.read += bytes.len() as u64;
        let Some(mut way) = self.way() else { return };
        let incoming = way.incoming();
        let known = self.network.shared.plaintext.lock().read(incoming, self.read);
        let (complete, last) = known.unwrap_or_else(|| {
            let Packet { from_host, to_host, from, to, .. } = way.packet;
            way.packet = Packet {
                from_host: to_host,
                to_host: from_host,
                from: to,
                to: from,
                bytes: Bytes::copy_from_slice(bytes),
                ..way.packet
            };
            let number = self.record(incoming.1, begin, Cause::NONE, way);
            (vec![number], number)
        });
        self.read_cause = last;
        for number in complete {
            self.network.capture().end(self.network.now(), number, Fate::Delivered);
        }
    }
}

impl AsyncRead for TlsStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.inner).poll_read(cx, buf))?;
        let fresh = buf.filled().get(before..).unwrap_or_default();
        if !fresh.is_empty() {
            this.on_read(fresh);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for TlsStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let Some(mut way) = this.way() else {
            return Pin::new(&mut this.inner).poll_write(cx, buf);
        };
        // Held while the records leave, so that their reader finds the number.
        let network = this.network.clone();
        let mut ways = network.shared.plaintext.lock();
        let written = ready!(Pin::new(&mut this.inner).poll_write(cx, buf))?;
        if written > 0 {
            let outgoing = way.outgoing();
            way.packet.bytes = Bytes::copy_from_slice(buf.get(..written).unwrap_or_default());
            let cause = this.write_cause;
            ways.wrote(outgoing, written, |offset| this.record(outgoing.1, offset, cause, way));
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}

impl Drop for TlsStream {
    fn drop(&mut self) {
        if let Some(way) = self.way() {
            self.network.shared.plaintext.lock().forget(way.incoming());
        }
    }
}
