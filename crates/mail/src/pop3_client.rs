//! The client's side of POP3 on a host: connects, begins TLS, logs in, takes
//! messages.
//!
//! ```text
//!   mail fetch · people of the lab
//!   ──────────────────────────────   requests with their causes
//!   this module                      stream, timers, bounds
//!   pop3::client                     the machine
//! ```

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use capa7_dissect::Room;
use capa7_mail_proto::pop3::client::{
    Client, ClientConfig, ClientError, Input, Output, Privacy, Remote, Request, What,
};
use capa7_mail_proto::pop3::server::ClearPasswords;
use capa7_mail_proto::sasl::{NONCE_BYTES, Password};
use capa7_net::{Cause, Host, Stream, Time};
use rand::RngCore as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::smtp::connection::TlsUse;

/// How a connection is made.
#[derive(Clone, Debug)]
pub struct Pop3Settings {
    /// Whether and how TLS is used.
    pub tls: TlsUse,
    /// Whether the password may be told where others can read it.
    pub passwords: ClearPasswords,
    /// How long the server may take to accept the connection, and for its
    /// handshake where TLS begins with the first byte.
    pub connect_time: Duration,
    /// How long the server may be silent while it is awaited.
    pub answer_time: Duration,
    /// How long an answer may take from its first octet to its last.
    pub whole_time: Duration,
    /// Octets of a message that are taken, whatever size the server told.
    pub message_octets_max: usize,
}

impl Default for Pop3Settings {
    /// Without TLS and so without a password in clear; 60 s each, one hour, 150 MiB.
    fn default() -> Self {
        Self {
            tls: TlsUse::Never,
            passwords: ClearPasswords::Refused,
            connect_time: Duration::from_secs(60),
            answer_time: Duration::from_secs(60),
            whole_time: Duration::from_secs(3_600),
            message_octets_max: 150 << 20,
        }
    }
}

/// Why nothing came of it.
#[derive(Debug, thiserror::Error)]
pub enum Pop3Error {
    /// The network failed, or the server closed.
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
    /// The server was silent too long, or went on too long.
    #[error("no answer in time")]
    TimedOut,
    /// The handshake failed, or TLS is not offered.
    #[error("no TLS: {0}")]
    Tls(String),
    /// The server said no to a request; the connection is as good as before.
    #[error("{0}")]
    Refused(ClientError),
    /// The session failed.
    #[error("{0}")]
    Session(ClientError),
    /// A message goes on beyond the bound.
    #[error("the message has more than {0} octets")]
    TooLong(usize),
    /// No command line can carry this name.
    #[error("the user's name has a control character")]
    UserName,
}

impl Pop3Error {
    /// Whether the connection can go on.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused(_))
    }
}

/// A connection of one user, its owner's alone. Dropped without
/// [`Pop3Connection::quit`], nothing is removed (RFC 1939 §6).
#[derive(Debug)]
pub struct Pop3Connection {
    host: Host,
    /// None for the time of a handshake, and after it failed.
    stream: Option<Stream>,
    machine: Client,
    settings: Pop3Settings,
    cause: Cause,
}

impl Pop3Connection {
    /// Connects, begins TLS as the settings say, and logs in.
    ///
    /// # Errors
    /// When any of it fails.
    pub async fn open(
        host: &Host,
        to: SocketAddr,
        settings: &Pop3Settings,
        user: &str,
        password: &Password,
        cause: Cause,
    ) -> Result<Self, Pop3Error> {
        match Self::open_once(host, to, settings.clone(), user, password, cause).await {
            // RFC 7435 §3: rather in clear than not at all; the password is
            // told only where the settings allow it.
            Err(Pop3Error::Tls(_)) if matches!(settings.tls, TlsUse::WhenOffered { .. }) => {
                let settings = Pop3Settings { tls: TlsUse::Never, ..settings.clone() };
                Self::open_once(host, to, settings, user, password, cause).await
            }
            other => other,
        }
    }

    async fn open_once(
        host: &Host,
        to: SocketAddr,
        settings: Pop3Settings,
        user: &str,
        password: &Password,
        cause: Cause,
    ) -> Result<Self, Pop3Error> {
        if user.chars().any(char::is_control) {
            return Err(Pop3Error::UserName);
        }
        let host = host.in_room(Room::Mail);
        let limit = settings.connect_time;
        let connected = host.timeout(limit, host.connect_tcp(to, cause)).await;
        let mut stream = Stream::from(connected.map_err(|_| Pop3Error::TimedOut)??);
        if let TlsUse::Implicit { client, name } = &settings.tls {
            let begun = host.timeout(limit, stream.connect_tls(client, name)).await;
            let begun = begun.map_err(|_| Pop3Error::TimedOut)?;
            stream = begun.map_err(|error| Pop3Error::Tls(error.to_string()))?;
        }
        let mut nonce = [0; NONCE_BYTES];
        host.rng().fill_bytes(&mut nonce);
        let machine = Client::new(ClientConfig {
            user: user.to_owned(),
            password: password.clone(),
            privacy: match settings.tls {
                TlsUse::Never => Privacy::None,
                TlsUse::Implicit { .. } => Privacy::Tls,
                TlsUse::WhenOffered { .. } | TlsUse::Required { .. } => Privacy::Stls,
            },
            passwords: settings.passwords,
            nonce,
        });
        let mut connection = Self { host, stream: Some(stream), machine, settings, cause };
        let until = connection.limit();
        loop {
            match connection.next(until).await? {
                What::Ready => return Ok(connection),
                other => unexpected(other)?,
            }
        }
    }

    /// The event that brought the last answer.
    #[must_use]
    pub const fn cause(&self) -> Cause {
        self.cause
    }

    /// How many messages there are, and how many octets they have, as the
    /// server says.
    ///
    /// # Errors
    /// [`Pop3Error::Refused`] when the server says no; with another error the
    /// connection is of no use any more.
    pub async fn total(&mut self, cause: Cause) -> Result<(u32, u64), Pop3Error> {
        let until = self.ask(Request::Stat, cause);
        loop {
            match self.next(until).await? {
                What::Total { count, octets } => return Ok((count, octets)),
                other => unexpected(other)?,
            }
        }
    }

    /// The messages, with their sizes and lasting names.
    ///
    /// # Errors
    /// As [`Pop3Connection::total`].
    pub async fn list(&mut self, cause: Cause) -> Result<Vec<Remote>, Pop3Error> {
        let until = self.ask(Request::List, cause);
        loop {
            match self.next(until).await? {
                What::Listing(listing) => return Ok(listing),
                other => unexpected(other)?,
            }
        }
    }

    /// A whole message; on the server it stays.
    ///
    /// # Errors
    /// As [`Pop3Connection::total`].
    pub async fn retrieve(&mut self, number: u32, cause: Cause) -> Result<Vec<u8>, Pop3Error> {
        self.read_message(Request::Retrieve(number), cause).await
    }

    /// The header of a message and so many lines of its body.
    ///
    /// # Errors
    /// As [`Pop3Connection::total`]; a server need not know it (RFC 1939 §7).
    pub async fn top(
        &mut self,
        number: u32,
        lines: u32,
        cause: Cause,
    ) -> Result<Vec<u8>, Pop3Error> {
        self.read_message(Request::Top(number, lines), cause).await
    }

    /// Marks a message: it goes with [`Pop3Connection::quit`].
    ///
    /// # Errors
    /// As [`Pop3Connection::total`].
    pub async fn delete(&mut self, number: u32, cause: Cause) -> Result<(), Pop3Error> {
        let until = self.ask(Request::Delete(number), cause);
        loop {
            match self.next(until).await? {
                What::Deleted => return Ok(()),
                other => unexpected(other)?,
            }
        }
    }

    /// Takes all marks back.
    ///
    /// # Errors
    /// As [`Pop3Connection::total`].
    pub async fn reset(&mut self, cause: Cause) -> Result<(), Pop3Error> {
        let until = self.ask(Request::Reset, cause);
        loop {
            match self.next(until).await? {
                What::AllKept => return Ok(()),
                other => unexpected(other)?,
            }
        }
    }

    /// Has the marked messages removed and ends the session.
    ///
    /// # Errors
    /// When the server does not confirm it: marked messages may be there still
    /// (RFC 1939 §6).
    pub async fn quit(mut self, cause: Cause) -> Result<(), Pop3Error> {
        let until = self.ask(Request::Quit, cause);
        loop {
            match self.next(until).await? {
                What::Done => break,
                other => unexpected(other)?,
            }
        }
        if let Some(stream) = &mut self.stream {
            let _ = self.host.timeout(GOODBYE, stream.shutdown()).await;
        }
        Ok(())
    }

    async fn read_message(&mut self, request: Request, cause: Cause) -> Result<Vec<u8>, Pop3Error> {
        let until = self.ask(request, cause);
        let mut message = Vec::new();
        loop {
            match self.next(until).await? {
                What::Content(piece) => {
                    let bound = self.settings.message_octets_max;
                    if message.len() + piece.len() > bound {
                        // Its end is not waited for: the session is over.
                        self.stream = None;
                        return Err(Pop3Error::TooLong(bound));
                    }
                    message.extend_from_slice(&piece);
                }
                What::ContentEnd => return Ok(message),
                other => unexpected(other)?,
            }
        }
    }

    /// Hands a request to the machine; until when its answer is awaited.
    fn ask(&mut self, request: Request, cause: Cause) -> Time {
        self.machine.handle(cause, Input::Request(request));
        self.limit()
    }

    fn limit(&self) -> Time {
        self.host.now() + self.settings.whole_time
    }

    /// Does what the machine wants until it says something to the caller.
    async fn next(&mut self, until: Time) -> Result<What, Pop3Error> {
        loop {
            while let Some(Output { cause, what }) = self.machine.poll() {
                match what {
                    What::Send(bytes) => self.write(&bytes, cause).await?,
                    What::StartTls => self.start_tls(cause).await?,
                    other => return Ok(other),
                }
            }
            self.read(until).await?;
        }
    }

    async fn read(&mut self, until: Time) -> Result<(), Pop3Error> {
        let stream = self.stream.as_mut().ok_or_else(gone)?;
        let left = until.since(self.host.now()).min(self.settings.answer_time);
        let mut bytes = Vec::with_capacity(READ_OCTETS);
        let read = self.host.timeout(left, stream.read_buf(&mut bytes)).await;
        let count = read.map_err(|_| Pop3Error::TimedOut)??;
        if count == 0 {
            self.machine.handle(self.cause, Input::Closed);
            return Ok(());
        }
        self.cause = stream.read_cause();
        self.machine.handle(self.cause, Input::Bytes(&bytes));
        Ok(())
    }

    async fn write(&mut self, bytes: &[u8], cause: Cause) -> Result<(), Pop3Error> {
        let stream = self.stream.as_mut().ok_or_else(gone)?;
        stream.set_write_cause(cause);
        let written = async {
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        let limit = self.settings.answer_time;
        Ok(self.host.timeout(limit, written).await.map_err(|_| Pop3Error::TimedOut)??)
    }

    async fn start_tls(&mut self, cause: Cause) -> Result<(), Pop3Error> {
        let (TlsUse::WhenOffered { client, name } | TlsUse::Required { client, name }) =
            &self.settings.tls
        else {
            return Err(Pop3Error::Tls("not asked for".to_owned()));
        };
        let stream = self.stream.take().ok_or_else(gone)?;
        let begun = self.host.timeout(self.settings.answer_time, stream.connect_tls(client, name));
        let begun = begun.await.map_err(|_| Pop3Error::TimedOut)?;
        self.stream = Some(begun.map_err(|error| Pop3Error::Tls(error.to_string()))?);
        self.machine.handle(cause, Input::TlsStarted);
        Ok(())
    }
}

/// What the machine says that no request asked for.
fn unexpected(what: What) -> Result<(), Pop3Error> {
    Err(match what {
        What::Refused(refusal) => Pop3Error::Refused(refusal),
        What::Failed(ClientError::Closed) => gone().into(),
        What::Failed(error @ ClientError::NoTls) => Pop3Error::Tls(error.to_string()),
        What::Failed(error) => Pop3Error::Session(error),
        _ => return Ok(()),
    })
}

fn gone() -> io::Error {
    io::ErrorKind::ConnectionAborted.into()
}

/// Octets asked for at once.
const READ_OCTETS: usize = 32 << 10;
/// Nobody waits long for a goodbye.
const GOODBYE: Duration = Duration::from_secs(5);
