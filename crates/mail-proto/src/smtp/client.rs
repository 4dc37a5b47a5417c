//! A client's side of a session, without sockets (RFC 5321 §3).
//!
//! ```text
//!   220          EHLO            STARTTLS        AUTH
//!   Greeting ──▶ Hello ────────▶ Tls ─▶ Hello ─▶ LogIn ─▶ Ready ◀──────────┐
//!                  │ 5xx: HELO                              │ Send         │
//!                  └────────────────────────────────────────┼──▶ Sending ──┘
//!                                                           └──▶ Quit    one outcome
//!                                                                        a recipient
//! ```
//!
//! Whatever a server says, each [`Input::Send`] is answered by [`Output::Sent`]
//! or [`Output::Failed`]; the caller's clock bounds how long it is silent
//! ([`Client::patience`]).

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::reply::{Reply, ReplyReader, Severity};
use crate::envelope::Envelope;

mod config;
mod extensions;
mod login;
mod sending;
mod steps;

pub use config::{ClientConfig, Credentials, Outcome, Reason, RecipientOutcome, TlsPolicy};
pub use extensions::Extensions;
pub use sending::is_too_many;

use login::LogIn;
use sending::Sending;

/// What happened.
#[derive(Debug)]
pub enum Input<'i> {
    /// Bytes came, in clear or out of TLS.
    Bytes(&'i [u8]),
    /// The handshake after [`Output::StartTls`] is done.
    TlsBegan,
    /// Send this message: every line with CR LF. After [`Output::Ready`].
    Send {
        /// Its envelope.
        envelope: Envelope,
        /// Header and body.
        message: Bytes,
    },
    /// The answer to [`Output::Downgrade`]: the message in 7 bits, if it can be
    /// had.
    Downgraded(Option<Bytes>),
    /// Say goodbye.
    Quit,
    /// The server was silent longer than [`Client::patience`].
    TimedOut,
    /// The server closed.
    Closed,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send these bytes.
    Write(Vec<u8>),
    /// Begin TLS. Answer with [`Input::TlsBegan`].
    StartTls,
    /// Messages can be sent.
    Ready,
    /// The server takes 7 bits only (RFC 6152 §3). Answer with
    /// [`Input::Downgraded`].
    Downgrade(Bytes),
    /// What became of a message, one outcome for each recipient in order.
    Sent(Vec<RecipientOutcome>),
    /// The session is of no use any more.
    Failed(Failure),
    /// Close the connection.
    Close,
}

/// Why a session is of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The server said no to the session itself.
    #[error("the server says: {0}")]
    Refused(Reply),
    /// What came is not SMTP.
    #[error("the server does not speak SMTP: {0}")]
    Garbage(String),
    /// TLS is required and not offered.
    #[error("the server offers no TLS")]
    NoTls,
    /// The log-in failed.
    #[error("the log-in failed: {0}")]
    LogIn(String),
    /// The server was silent too long.
    #[error("no answer to {0} in time")]
    TimedOut(&'static str),
    /// The server closed.
    #[error("the server closed the connection")]
    Closed,
}

/// One session of a client.
#[derive(Debug)]
pub struct Client {
    config: ClientConfig,
    state: State,
    reader: ReplyReader,
    outbox: VecDeque<Output>,
    extensions: Extensions,
    is_tls: bool,
    /// The last message ended without 250: the server may hold its envelope.
    needs_reset: bool,
    /// Replies that came so far.
    replies: u64,
    /// The session failed when a whole message had left and was not answered.
    is_in_doubt: bool,
}

#[derive(Debug)]
enum State {
    Greeting,
    Ehlo,
    Helo,
    StartTls,
    Tls,
    LogIn(Box<LogIn>),
    Ready,
    /// Waits for [`Input::Downgraded`].
    Downgrading(Envelope),
    Sending(Box<Sending>),
    Quitting,
    Closed,
}

impl Client {
    /// A session that has just begun.
    #[must_use]
    pub fn new(config: ClientConfig) -> Self {
        Self {
            is_tls: config.within_tls,
            config,
            state: State::Greeting,
            reader: ReplyReader::default(),
            outbox: VecDeque::new(),
            extensions: Extensions::default(),
            needs_reset: false,
            replies: 0,
            is_in_doubt: false,
        }
    }

    /// Something happened.
    pub fn handle(&mut self, input: Input<'_>) {
        match input {
            Input::Bytes(bytes) => {
                self.reader.push(bytes);
                self.read();
            }
            Input::TlsBegan if matches!(self.state, State::Tls) => {
                // RFC 3207 §4.2: nothing learned in clear counts.
                self.reader.clear();
                self.extensions = Extensions::default();
                self.is_tls = true;
                self.greet();
            }
            Input::Send { envelope, message } if matches!(self.state, State::Ready) => {
                self.send(envelope, message);
            }
            Input::Downgraded(message) => match std::mem::replace(&mut self.state, State::Ready) {
                State::Downgrading(envelope) => self.on_downgraded(envelope, message),
                other => self.state = other,
            },
            Input::Quit if matches!(self.state, State::Ready) => {
                self.write("QUIT");
                self.state = State::Quitting;
            }
            Input::Quit => self.close(),
            Input::TimedOut => self.fail(Failure::TimedOut(self.waits_for().0)),
            Input::Closed if matches!(self.state, State::Quitting) => self.close(),
            Input::Closed => self.fail(Failure::Closed),
            Input::TlsBegan | Input::Send { .. } => {}
        }
    }

    /// What is to be done next.
    pub fn poll(&mut self) -> Option<Output> {
        if let Some(output) = self.outbox.pop_front() {
            return Some(output);
        }
        match &mut self.state {
            State::Sending(sending) => sending.next_piece().map(Output::Write),
            _ => None,
        }
    }

    /// How long the server may be silent at this point (RFC 5321 §4.5.3.2).
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.waits_for().1
    }

    /// What the server offers.
    #[must_use]
    pub const fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// How many replies came. Octets that make none are no sign of life.
    #[must_use]
    pub const fn replies(&self) -> u64 {
        self.replies
    }

    /// Whether the session failed in the one moment in which nobody knows whether
    /// the server took the message: behind its last octet, before the reply
    /// (RFC 5321 §6.1, RFC 1047).
    #[must_use]
    pub const fn is_in_doubt(&self) -> bool {
        self.is_in_doubt
    }

    /// Whether the session is over.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    fn waits_for(&self) -> (&'static str, Duration) {
        match &self.state {
            State::Greeting => ("the connection", GREETING),
            State::Ehlo | State::Helo => ("EHLO", COMMAND),
            State::StartTls | State::Tls => ("STARTTLS", COMMAND),
            State::LogIn(_) => ("AUTH", COMMAND),
            State::Ready | State::Downgrading(_) => ("nothing", COMMAND),
            State::Sending(sending) => sending.waits_for(),
            State::Quitting | State::Closed => ("QUIT", GOODBYE),
        }
    }

    fn read(&mut self) {
        while !matches!(self.state, State::Closed | State::Tls) {
            match self.reader.next_reply() {
                Ok(Some(reply)) => {
                    self.replies += 1;
                    self.on_reply(reply);
                }
                Ok(None) => return,
                Err(error) => return self.fail(Failure::Garbage(error.to_string())),
            }
        }
    }

    fn on_reply(&mut self, reply: Reply) {
        let state = std::mem::replace(&mut self.state, State::Closed);
        match state {
            State::Sending(sending) => self.on_sending_reply(reply, *sending),
            State::LogIn(login) => self.on_login_reply(&reply, *login),
            State::Greeting if reply.code.number() == 220 => self.greet(),
            State::Ehlo if reply.is_positive() => {
                self.extensions = Extensions::read(&reply);
                self.on_extensions();
            }
            // RFC 5321 §3.2: a server without EHLO gets HELO.
            State::Ehlo if reply.code.severity() == Severity::Permanent => {
                self.write(&format!("HELO {}", self.config.helo));
                self.state = State::Helo;
            }
            State::Helo if reply.is_positive() => self.on_extensions(),
            State::StartTls if reply.code.number() == 220 => {
                // RFC 3207 §4.2: replies that were slipped in are not believed.
                if self.reader.holds_more() {
                    let why = "replies came in clear after STARTTLS".to_owned();
                    return self.fail(Failure::Garbage(why));
                }
                self.outbox.push_back(Output::StartTls);
                self.state = State::Tls;
            }
            State::StartTls if self.config.tls == TlsPolicy::WhenOffered => self.log_in(),
            State::Quitting => self.close(),
            // RFC 5321 §3.8: an idle server may say goodbye.
            _ => self.fail(Failure::Refused(reply)),
        }
    }

    fn greet(&mut self) {
        self.write(&format!("EHLO {}", self.config.helo));
        self.state = State::Ehlo;
    }

    fn on_extensions(&mut self) {
        let wants_tls = !self.is_tls && self.config.tls != TlsPolicy::Never;
        if wants_tls && self.extensions.starttls {
            self.write("STARTTLS");
            self.state = State::StartTls;
        } else if wants_tls && self.config.tls == TlsPolicy::Required {
            self.fail(Failure::NoTls);
        } else {
            self.log_in();
        }
    }

    fn ready(&mut self) {
        self.state = State::Ready;
        self.outbox.push_back(Output::Ready);
    }

    fn write(&mut self, line: &str) {
        let bytes = format!("{line}\r\n").into_bytes();
        self.outbox.push_back(Output::Write(bytes));
    }

    fn fail(&mut self, failure: Failure) {
        if matches!(self.state, State::Closed) && self.outbox.contains(&Output::Close) {
            return;
        }
        if let State::Sending(sending) = &self.state {
            self.is_in_doubt = sending.is_all_said();
        }
        self.outbox.push_back(Output::Failed(failure));
        self.close();
    }

    fn close(&mut self) {
        self.state = State::Closed;
        self.outbox.push_back(Output::Close);
    }
}

/// RFC 5321 §4.5.3.2.1.
const GREETING: Duration = Duration::from_secs(300);
/// RFC 5321 §4.5.3.2.2, §4.5.3.2.3.
const COMMAND: Duration = Duration::from_secs(300);
/// Nobody waits long for a goodbye.
const GOODBYE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
