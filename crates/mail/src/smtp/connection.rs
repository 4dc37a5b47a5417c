//! A client's connection to one server, for any number of messages.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use capa7_mail_proto::envelope::{Envelope, Recipient};
use capa7_mail_proto::message::downgrade::downgrade_to_7bit;
use capa7_mail_proto::sasl::NONCE_BYTES;
use capa7_mail_proto::smtp::client::{
    Client, ClientConfig, Credentials, Extensions, Failure, Input, Outcome, Output, Reason,
    RecipientOutcome, TlsPolicy, is_too_many,
};
use capa7_mail_proto::smtp::reply::Reply;
use capa7_net::tls::TlsClient;
use capa7_net::{Cause, Elapsed, Host, Place, Stream};
use rand::RngCore as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

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
    /// Nobody took the connection in time.
    #[error("no connection within {} s", .0.as_secs_f64())]
    NotConnected(Duration),
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
    host: Host,
    /// None while TLS begins, and after that failed.
    stream: Option<Stream>,
    client: Client,
    tls: TlsUse,
}

/// What [`Connection::run`] came to.
enum Reached {
    Ready,
    Sent(Vec<RecipientOutcome>),
    Closed,
}

impl Connection {
    /// Connects, greets, begins TLS and logs in, as the settings say; a server
    /// may take a minute to accept the connection.
    ///
    /// # Errors
    /// When any of it fails.
    pub async fn open(
        host: &Host,
        to: impl Into<Place>,
        settings: ClientSettings,
        cause: Cause,
    ) -> Result<Self, ConnectionError> {
        Self::open_within(host, to, settings, CONNECT, cause).await
    }

    /// The same, for somebody who waits otherwise for the connection, and for
    /// its handshake where TLS begins with the first byte. Once it is there, the
    /// times of SMTP hold (RFC 5321 §4.5.3.2).
    ///
    /// # Errors
    /// When any of it fails.
    pub async fn open_within(
        host: &Host,
        to: impl Into<Place>,
        settings: ClientSettings,
        connect_time: Duration,
        cause: Cause,
    ) -> Result<Self, ConnectionError> {
        let to = to.into();
        match Self::open_once(host, &to, settings.clone(), connect_time, cause).await {
            // RFC 7435 §3: rather in clear than not at all.
            Err(why @ (ConnectionError::Tls(_) | ConnectionError::TimedOut(TLS_HANDSHAKE)))
                if is_optional(&settings.tls) =>
            {
                tracing::debug!(?to, %why, "in clear, for the handshake failed");
                let settings = ClientSettings { tls: TlsUse::Never, ..settings };
                Self::open_once(host, &to, settings, connect_time, cause).await
            }
            other => other,
        }
    }

    async fn open_once(
        host: &Host,
        to: &Place,
        settings: ClientSettings,
        connect_time: Duration,
        cause: Cause,
    ) -> Result<Self, ConnectionError> {
        let connecting = host.timeout(connect_time, host.connect(to, cause)).await;
        let stream =
            connecting.map_err(|Elapsed| ConnectionError::NotConnected(connect_time))??;
        let mut stream = Stream::from(stream);
        stream.set_write_cause(cause);
        if let TlsUse::Implicit { client, name } = &settings.tls {
            stream = begin_tls(host, stream, (client, name), connect_time).await?;
        }
        let mut nonce = [0; NONCE_BYTES];
        host.rng().fill_bytes(&mut nonce);
        let config = ClientConfig {
            helo: settings.helo,
            tls: policy(&settings.tls),
            within_tls: stream.is_tls(),
            credentials: settings.credentials,
            chunking: settings.chunking,
            nonce,
        };
        let client = Client::new(config);
        let stream = Some(stream);
        let mut connection = Self { host: host.clone(), stream, client, tls: settings.tls };
        match connection.run().await? {
            Reached::Ready => Ok(connection),
            Reached::Sent(_) | Reached::Closed => Err(closed()),
        }
    }

    /// What the server offers.
    #[must_use]
    pub const fn extensions(&self) -> &Extensions {
        self.client.extensions()
    }

    /// Whether the session is within TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.stream.as_ref().is_some_and(Stream::is_tls)
    }

    /// The event of the last bytes that came: the reply to the last message.
    #[must_use]
    pub fn reply_cause(&self) -> Cause {
        self.stream.as_ref().map_or(Cause::NONE, Stream::read_cause)
    }

    /// Whether the server has the last message nobody knows: the session broke
    /// between the message and its reply.
    #[must_use]
    pub const fn is_in_doubt(&self) -> bool {
        self.client.is_in_doubt()
    }

    /// Whether no more messages can be sent.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.client.is_closed()
    }

    /// Sends one message, with CR LF at the end of every line; one outcome for
    /// each recipient, in order. Recipients that were too many for the server go
    /// in further transactions (RFC 5321 §4.5.3.1.10).
    ///
    /// # Errors
    /// When the session breaks; nothing is known of any recipient then.
    pub async fn send(
        &mut self,
        envelope: &Envelope,
        message: Bytes,
        cause: Cause,
    ) -> Result<Vec<RecipientOutcome>, ConnectionError> {
        let mut outcomes = self.send_once(envelope, message.clone(), cause).await?;
        let mut left = too_many(&outcomes);
        while !left.is_empty() && !self.is_over() {
            let recipients = left.iter().filter_map(|index| envelope.recipients.get(*index));
            let rest = Envelope { recipients: recipients.cloned().collect(), ..envelope.clone() };
            let sent = match self.send_once(&rest, message.clone(), cause).await {
                Ok(sent) => sent,
                // What is known of the others stays known.
                Err(error) => rest.recipients.iter().map(|one| lost(one, &error)).collect(),
            };
            let again = too_many(&sent).into_iter().filter_map(|at| left.get(at).copied());
            let again = again.collect();
            for (index, one) in left.into_iter().zip(sent) {
                if let Some(outcome) = outcomes.get_mut(index) {
                    *outcome = one;
                }
            }
            left = again;
        }
        Ok(outcomes)
    }

    async fn send_once(
        &mut self,
        envelope: &Envelope,
        message: Bytes,
        cause: Cause,
    ) -> Result<Vec<RecipientOutcome>, ConnectionError> {
        if let Some(stream) = &mut self.stream {
            stream.set_write_cause(cause);
        }
        self.client.handle(Input::Send { envelope: envelope.clone(), message });
        match self.run().await? {
            Reached::Sent(outcomes) => Ok(outcomes),
            Reached::Ready | Reached::Closed => Err(closed()),
        }
    }

    /// Says goodbye (RFC 5321 §4.1.1.10).
    pub async fn quit(mut self) {
        self.client.handle(Input::Quit);
        let _ = self.run().await;
        if let Some(mut stream) = self.stream {
            let _ = self.host.timeout(GOODBYE, stream.shutdown()).await;
        }
    }

    /// Does what the machine wants until it comes to something.
    async fn run(&mut self) -> Result<Reached, ConnectionError> {
        let mut buffer = vec![0; READ_OCTETS];
        let mut heard = (self.host.now(), self.client.replies());
        loop {
            while let Some(output) = self.client.poll() {
                heard.0 = self.host.now();
                match output {
                    Output::Write(bytes) => self.write(&bytes, &mut buffer).await,
                    Output::StartTls => self.start_tls().await?,
                    Output::Ready => return Ok(Reached::Ready),
                    Output::Downgrade(message) => {
                        let work = move || Bytes::from(downgrade_to_7bit(&message).into_owned());
                        let seven = self.host.blocking(work).await;
                        self.client.handle(Input::Downgraded(Some(seven)));
                    }
                    Output::Sent(outcomes) => return Ok(Reached::Sent(outcomes)),
                    Output::Failed(failure) => return Err(failure.into()),
                    Output::Close => return Ok(Reached::Closed),
                }
            }
            if self.client.is_closed() {
                return Ok(Reached::Closed);
            }
            // RFC 5321 §4.5.3.2: the time is a reply's; single octets do not prolong it.
            if self.client.replies() != heard.1 {
                heard = (self.host.now(), self.client.replies());
            }
            let waited = self.host.now().since(heard.0);
            self.read(self.client.patience().saturating_sub(waited), &mut buffer).await;
        }
    }

    async fn read(&mut self, patience: Duration, buffer: &mut [u8]) {
        let Some(stream) = &mut self.stream else { return self.client.handle(Input::Closed) };
        match self.host.timeout(patience, stream.read(buffer)).await {
            Err(Elapsed) => self.client.handle(Input::TimedOut),
            Ok(Ok(count @ 1..)) => {
                stream.set_write_cause(stream.read_cause());
                self.client.handle(Input::Bytes(buffer.get(..count).unwrap_or_default()));
            }
            Ok(Ok(0) | Err(_)) => self.client.handle(Input::Closed),
        }
    }

    /// Writes; when the server does not take it, it may have said why.
    async fn write(&mut self, bytes: &[u8], buffer: &mut [u8]) {
        let Some(stream) = &mut self.stream else { return };
        match self.host.timeout(self.client.patience(), stream.write_all(bytes)).await {
            Ok(Ok(())) => {
                let _ = stream.flush().await;
            }
            Ok(Err(_)) => self.read(GOODBYE, buffer).await,
            Err(Elapsed) => self.client.handle(Input::TimedOut),
        }
    }

    async fn start_tls(&mut self) -> Result<(), ConnectionError> {
        let (TlsUse::WhenOffered { client, name } | TlsUse::Required { client, name }) = &self.tls
        else {
            return Err(ConnectionError::Tls("nobody is trusted".to_owned()));
        };
        let Some(stream) = self.stream.take() else { return Err(closed()) };
        self.stream = Some(begin_tls(&self.host, stream, (client, name), HANDSHAKE).await?);
        self.client.handle(Input::TlsBegan);
        Ok(())
    }
}

impl From<Failure> for ConnectionError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(reply) => Self::Refused(reply),
            Failure::Garbage(why) => Self::Garbage(why),
            Failure::NoTls => Self::Tls("the server does not offer it".to_owned()),
            Failure::LogIn(why) => Self::LogIn(why),
            Failure::TimedOut(what) => Self::TimedOut(what),
            Failure::Closed => closed(),
        }
    }
}

/// The recipients that were too many for a transaction which delivered to others.
fn too_many(outcomes: &[RecipientOutcome]) -> Vec<usize> {
    let is_delivered = |one: &RecipientOutcome| matches!(one.outcome, Outcome::Delivered(_));
    if !outcomes.iter().any(is_delivered) {
        return Vec::new();
    }
    let is_left = |one: &RecipientOutcome| match &one.outcome {
        Outcome::Deferred(Reason::Said(reply)) => is_too_many(reply),
        _ => false,
    };
    (0..).zip(outcomes).filter(|(_, one)| is_left(one)).map(|(index, _)| index).collect()
}

/// RFC 3463 §3.5: 4.4.2, bad connection.
fn lost(recipient: &Recipient, error: &ConnectionError) -> RecipientOutcome {
    let reply = Reply::new(451, Some((4, 2)), error.to_string());
    let outcome = Outcome::Deferred(Reason::Found(reply));
    RecipientOutcome { address: recipient.path.0.clone(), outcome }
}

async fn begin_tls(
    host: &Host,
    stream: Stream,
    (client, name): (&TlsClient, &str),
    limit: Duration,
) -> Result<Stream, ConnectionError> {
    let shaking = host.timeout(limit, stream.connect_tls(client, name)).await;
    let shaken = shaking.map_err(|Elapsed| ConnectionError::TimedOut(TLS_HANDSHAKE))?;
    shaken.map_err(|error| ConnectionError::Tls(error.to_string()))
}

const fn is_optional(tls: &TlsUse) -> bool {
    matches!(tls, TlsUse::WhenOffered { .. })
}

const fn policy(tls: &TlsUse) -> TlsPolicy {
    match tls {
        TlsUse::Never | TlsUse::Implicit { .. } => TlsPolicy::Never,
        TlsUse::WhenOffered { .. } => TlsPolicy::WhenOffered,
        TlsUse::Required { .. } => TlsPolicy::Required,
    }
}

fn closed() -> ConnectionError {
    ConnectionError::Io(io::ErrorKind::ConnectionAborted.into())
}

/// What a server was silent at.
const TLS_HANDSHAKE: &str = "the TLS handshake";
/// How long a server may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(60);
/// How long the handshake of TLS may take after STARTTLS.
const HANDSHAKE: Duration = Duration::from_secs(60);
/// Nobody waits long for a goodbye.
const GOODBYE: Duration = Duration::from_secs(5);
/// What one read takes at most.
const READ_OCTETS: usize = 8 << 10;
