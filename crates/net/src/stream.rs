//! A stream that may begin TLS on its way (STARTTLS).

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use capa7_dissect::Cause;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::capture::ConnectionId;
use crate::tcp::TcpStream;
use crate::tls::{TlsClient, TlsServer, TlsStream};

/// A connection's end, in clear or within TLS.
#[derive(Debug)]
pub enum Stream {
    /// In clear.
    Clear(TcpStream),
    /// Within TLS.
    Tls(Box<TlsStream>),
}

impl Stream {
    /// The other end's address.
    #[must_use]
    pub fn peer_addr(&self) -> SocketAddr {
        match self {
            Self::Clear(stream) => stream.peer_addr(),
            Self::Tls(stream) => stream.peer_addr(),
        }
    }

    /// This end's address.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        match self {
            Self::Clear(stream) => stream.local_addr(),
            Self::Tls(stream) => stream.local_addr(),
        }
    }

    /// What the last read came from.
    #[must_use]
    pub fn read_cause(&self) -> Cause {
        match self {
            Self::Clear(stream) => stream.read_cause(),
            Self::Tls(stream) => stream.read_cause(),
        }
    }

    /// Says because of what the following writes happen.
    pub fn set_write_cause(&mut self, cause: Cause) {
        match self {
            Self::Clear(stream) => stream.set_write_cause(cause),
            Self::Tls(stream) => stream.set_write_cause(cause),
        }
    }

    /// The connection's number in the capture; none on a bare machine.
    #[must_use]
    pub fn connection(&self) -> Option<ConnectionId> {
        match self {
            Self::Clear(stream) => stream.connection(),
            Self::Tls(stream) => stream.connection(),
        }
    }

    /// Whether it is within TLS.
    #[must_use]
    pub const fn is_tls(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// The version of TLS, when it is within TLS: `TLSv1_3`.
    #[must_use]
    pub fn tls_version(&self) -> Option<&'static str> {
        match self {
            Self::Clear(_) => None,
            Self::Tls(stream) => stream.version(),
        }
    }

    /// Begins TLS as the server.
    ///
    /// # Errors
    /// As [`TlsServer::accept`]; `InvalidInput` when it is within TLS already.
    pub async fn accept_tls(self, server: &TlsServer) -> io::Result<Self> {
        match self {
            Self::Clear(stream) => Ok(Self::Tls(Box::new(server.accept(stream).await?))),
            Self::Tls(_) => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    /// Begins TLS as the client; the server must prove to be `name`.
    ///
    /// # Errors
    /// As [`TlsClient::connect`]; `InvalidInput` when it is within TLS already.
    pub async fn connect_tls(self, client: &TlsClient, name: &str) -> io::Result<Self> {
        match self {
            Self::Clear(stream) => Ok(Self::Tls(Box::new(client.connect(name, stream).await?))),
            Self::Tls(_) => Err(io::ErrorKind::InvalidInput.into()),
        }
    }
}

impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Self {
        Self::Clear(stream)
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(cx),
        }
    }
}
