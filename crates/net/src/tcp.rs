//! Streams.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use capa7_dissect::Cause;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use crate::capture::ConnectionId;
use crate::passage::{self, Welcome};
use crate::tls::Way;
use crate::{real, virtual_net};

/// A welcoming socket (course K2).
#[derive(Debug)]
pub struct TcpListener(pub(crate) TcpListenerKind);

#[derive(Debug)]
pub(crate) enum TcpListenerKind {
    Real(real::TcpListener),
    Virtual(virtual_net::TcpListener),
    /// Of a passage within the program.
    Within(Welcome),
}

impl TcpListener {
    /// Waits for the next client; the stream knows its peer.
    ///
    /// # Errors
    /// As the kernel's: out of descriptors, closed.
    pub async fn accept(&self) -> io::Result<TcpStream> {
        match &self.0 {
            TcpListenerKind::Real(listener) => {
                listener.accept().await.map(TcpStreamKind::Real).map(TcpStream)
            }
            TcpListenerKind::Virtual(listener) => {
                listener.accept().await.map(TcpStreamKind::Virtual).map(TcpStream)
            }
            TcpListenerKind::Within(listener) => {
                listener.accept().await.map(TcpStreamKind::Within).map(TcpStream)
            }
        }
    }

    /// The bound address.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        match &self.0 {
            TcpListenerKind::Real(listener) => listener.local_addr(),
            TcpListenerKind::Virtual(listener) => listener.local_addr(),
            TcpListenerKind::Within(_) => passage::ADDRESS,
        }
    }
}

/// One connection's end.
#[derive(Debug)]
pub struct TcpStream(pub(crate) TcpStreamKind);

#[derive(Debug)]
pub(crate) enum TcpStreamKind {
    Real(real::TcpStream),
    Virtual(virtual_net::TcpStream),
    /// Of a passage within the program.
    Within(DuplexStream),
}

impl TcpStream {
    /// The other end's address.
    #[must_use]
    pub fn peer_addr(&self) -> SocketAddr {
        match &self.0 {
            TcpStreamKind::Real(stream) => stream.peer_addr(),
            TcpStreamKind::Virtual(stream) => stream.peer_addr(),
            TcpStreamKind::Within(_) => passage::ADDRESS,
        }
    }

    /// This end's address.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        match &self.0 {
            TcpStreamKind::Real(stream) => stream.local_addr(),
            TcpStreamKind::Virtual(stream) => stream.local_addr(),
            TcpStreamKind::Within(_) => passage::ADDRESS,
        }
    }

    /// The chunk that the last read came from.
    #[must_use]
    pub fn read_cause(&self) -> Cause {
        match &self.0 {
            TcpStreamKind::Real(stream) => stream.read_cause(),
            TcpStreamKind::Virtual(stream) => stream.read_cause(),
            TcpStreamKind::Within(_) => Cause::NONE,
        }
    }

    /// The connection's number in the capture; none on a bare machine.
    #[must_use]
    pub fn connection(&self) -> Option<ConnectionId> {
        match &self.0 {
            TcpStreamKind::Real(stream) => stream.connection(),
            TcpStreamKind::Virtual(stream) => stream.connection(),
            TcpStreamKind::Within(_) => None,
        }
    }

    /// Says whether the following writes are TLS records.
    pub fn set_sealed(&mut self, sealed: bool) {
        match &mut self.0 {
            TcpStreamKind::Real(stream) => stream.set_sealed(sealed),
            TcpStreamKind::Virtual(stream) => stream.set_sealed(sealed),
            TcpStreamKind::Within(_) => {}
        }
    }

    /// This end's view of its connection, if it is recorded.
    pub(crate) fn way(&self) -> Option<Way> {
        match &self.0 {
            TcpStreamKind::Real(stream) => stream.way(),
            TcpStreamKind::Virtual(stream) => stream.way(),
            TcpStreamKind::Within(_) => None,
        }
    }

    /// Says because of what the following writes happen.
    pub fn set_write_cause(&mut self, cause: Cause) {
        match &mut self.0 {
            TcpStreamKind::Real(stream) => stream.set_write_cause(cause),
            TcpStreamKind::Virtual(stream) => stream.set_write_cause(cause),
            TcpStreamKind::Within(_) => {}
        }
    }
}

impl AsyncRead for TcpStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            TcpStreamKind::Real(stream) => Pin::new(stream).poll_read(cx, buf),
            TcpStreamKind::Virtual(stream) => Pin::new(stream).poll_read(cx, buf),
            TcpStreamKind::Within(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().0 {
            TcpStreamKind::Real(stream) => Pin::new(stream).poll_write(cx, buf),
            TcpStreamKind::Virtual(stream) => Pin::new(stream).poll_write(cx, buf),
            TcpStreamKind::Within(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            TcpStreamKind::Real(stream) => Pin::new(stream).poll_flush(cx),
            TcpStreamKind::Virtual(stream) => Pin::new(stream).poll_flush(cx),
            TcpStreamKind::Within(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            TcpStreamKind::Real(stream) => Pin::new(stream).poll_shutdown(cx),
            TcpStreamKind::Virtual(stream) => Pin::new(stream).poll_shutdown(cx),
            TcpStreamKind::Within(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
