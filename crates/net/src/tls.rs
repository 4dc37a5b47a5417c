//! TLS over the door's streams, with a certificate authority for the lab.
//!
//! ```text
//!   program ── plaintext ──▶ TlsStream ── records ──▶ TcpStream ──▶ …
//!                 │ Layer::Plaintext          │ Layer::Sealed
//!                 └────────▶ capture ◀────────┘      keys ─▶ Authority::key_log
//! ```
//!
//! In a virtual network every key follows from the seed (Ed25519, whose
//! signatures have one length), so that two runs differ in the bytes of their
//! TLS records only, which the digest does not count. In a real one keys are
//! fresh (ECDSA P-256, which every browser takes).

mod authority;
mod identity;
mod join;
mod opportunistic;
mod roots;
mod stream;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::network::Network;
use crate::tcp::TcpStream;

pub use authority::Authority;
pub use identity::{IdentityError, ServerIdentity};
pub(crate) use join::PlaintextJoin;
pub use roots::TrustedRoots;
pub use stream::TlsStream;
pub(crate) use stream::Way;

/// Why a certificate or a configuration was not made.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A name or key that certificates cannot have.
    #[error("the lab's certificate authority cannot sign this: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A configuration that rustls refuses.
    #[error("this TLS configuration does not work: {0}")]
    Config(#[from] rustls::Error),
}

/// The server's side: one identity, any number of connections.
#[derive(Clone)]
pub struct TlsServer {
    acceptor: TlsAcceptor,
    network: Network,
}

/// The client's side: whom it trusts.
#[derive(Clone)]
pub struct TlsClient {
    connector: TlsConnector,
    network: Network,
}

impl TlsServer {
    /// A server with a configuration of one's own, such as certificates from
    /// files.
    #[must_use]
    pub fn with_config(network: &Network, config: Arc<ServerConfig>) -> Self {
        Self { acceptor: TlsAcceptor::from(config), network: network.clone() }
    }

    /// Answers a client's handshake on a stream that is clear so far (implicit
    /// TLS from its first byte on, or after STARTTLS).
    ///
    /// # Errors
    /// When the stream breaks or the client does not agree.
    pub async fn accept(&self, mut stream: TcpStream) -> io::Result<TlsStream> {
        stream.set_sealed(true);
        let inner = self.acceptor.accept(stream).await?;
        Ok(TlsStream::new(&self.network, inner.into()))
    }
}

impl TlsClient {
    /// A client with a configuration of one's own, such as other roots.
    #[must_use]
    pub fn with_config(network: &Network, config: Arc<ClientConfig>) -> Self {
        Self { connector: TlsConnector::from(config), network: network.clone() }
    }

    /// Begins TLS on a stream that is clear so far; the server must prove to be
    /// `name`, a host name or an address.
    ///
    /// # Errors
    /// `InvalidInput` for a name that no certificate has; otherwise when the
    /// stream breaks or the server's certificate is not accepted.
    pub async fn connect(&self, name: &str, mut stream: TcpStream) -> io::Result<TlsStream> {
        let name = ServerName::try_from(name.to_owned())
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        stream.set_sealed(true);
        let inner = self.connector.connect(name, stream).await?;
        Ok(TlsStream::new(&self.network, inner.into()))
    }
}

impl std::fmt::Debug for TlsServer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("TlsServer")
    }
}

impl std::fmt::Debug for TlsClient {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("TlsClient")
    }
}

/// Secrets of the connections so far, as lines of an NSS key log.
#[derive(Clone, Default)]
pub(crate) struct KeyLines(Arc<Mutex<String>>);

/// Text that is kept at most: about 5,000 connections.
const KEY_LOG_BYTES_MAX: usize = 4 << 20;

impl KeyLines {
    fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl rustls::KeyLog for KeyLines {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let line = format!("{label} {} {}\n", hex(client_random), hex(secret));
        if lines.len() + line.len() <= KEY_LOG_BYTES_MAX {
            lines.push_str(&line);
        }
    }
}

impl std::fmt::Debug for KeyLines {
    /// Secrets do not get into logs by accident.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("KeyLines(…)")
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
