//! The server's side of IMAP4rev1 and IMAP4rev2 (RFC 3501, RFC 9051), without
//! sockets, clock or store.
//!
//! ```text
//!               greeting
//!                  │
//!          NotAuthenticated ── LOGIN, AUTHENTICATE ──▶ Authenticated
//!                  │                                    │         ▲
//!                  │                     SELECT, EXAMINE│         │CLOSE,
//!                  │                                    ▼         │UNSELECT
//!                LOGOUT ◀───────────────────────────── Selected ──┘
//! ```
//!
//! A session does one command at a time, in the order in which they came, so
//! that pipelined commands are never ambiguous (RFC 9051 §5.5). What it wants
//! from outside is an output, answered by an input before it reads on. What
//! other sessions changed is told at the end of commands, and at once in `IDLE`;
//! numbers change only where the client expects it (RFC 9051 §7.5.1).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use capa7_dissect::Cause;

use crate::imap::frame::{Frame, FrameLimits, Framer, LineKind};
use crate::imap::names::Names;
use crate::imap::response::{Code, Status, StatusText};
use crate::imap::store::{StoreRequest, StoreResult};
use crate::sasl::{NONCE_BYTES, Password, ScramCredentials};

mod append;
mod authenticate;
mod capability;
mod command;
mod config;
mod fetch;
mod list;
mod mailboxes;
mod messages;
mod outbox;
mod refusal;
mod run;
mod search;
mod selected;
mod view;
mod write;

pub use config::{CleartextLogin, SessionConfig, Tls};

use append::Append;
use authenticate::Exchange;
use outbox::Outbox;
use run::Run;
use selected::Selected;

/// What happened.
#[derive(Debug)]
pub enum Input<'i> {
    /// The client is connected.
    Connected {
        /// The connection.
        cause: Cause,
    },
    /// Octets came. Give them when there are no outputs left to do, and only
    /// while [`Session::is_reading`].
    Octets {
        /// Them.
        octets: &'i [u8],
        /// The chunk they came in.
        cause: Cause,
    },
    /// TLS has begun, as [`Output::StartTls`] asked.
    TlsStarted,
    /// Answers [`Output::CheckPassword`]: whose password it is.
    PasswordChecked(Option<String>),
    /// Answers [`Output::NeedScram`].
    Scram(Option<ScramCredentials>),
    /// Answers [`Output::OpenAccount`].
    AccountOpened(StoreResult),
    /// Answers [`Output::Store`].
    Stored(StoreResult),
    /// Somebody changed something in the account.
    Changed {
        /// Because of what: a delivery, another session's command.
        cause: Cause,
    },
    /// The time of the last [`Output::Wake`] has come.
    Timer,
    /// The server is about to stop.
    Shutdown,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send octets. Take the next output when they are on their way.
    Send {
        /// Them.
        octets: Bytes,
        /// Because of what.
        cause: Cause,
    },
    /// Begin TLS, then give [`Input::TlsStarted`].
    StartTls,
    /// Check a password, then give [`Input::PasswordChecked`].
    CheckPassword {
        /// Who says so.
        user: String,
        /// The password.
        password: Password,
    },
    /// Look up a user's credentials, then give [`Input::Scram`].
    NeedScram {
        /// Who says so.
        user: String,
    },
    /// Open a user's mailboxes, then give [`Input::AccountOpened`].
    OpenAccount {
        /// Who.
        user: String,
        /// The command's.
        cause: Cause,
    },
    /// Ask the store, then give [`Input::Stored`].
    Store {
        /// What.
        request: StoreRequest,
        /// The command's.
        cause: Cause,
    },
    /// Give [`Input::Timer`] at this time since the network's beginning.
    Wake {
        /// When.
        at: Duration,
        /// What is waited for.
        why: &'static str,
    },
    /// Close the connection.
    Close,
}

/// One client's session.
#[derive(Debug)]
pub struct Session {
    config: Arc<SessionConfig>,
    tls: Tls,
    nonce: [u8; NONCE_BYTES],
    framer: Framer,
    out: Outbox,
    dialect: Dialect,
    state: State,
    doing: Doing,
    /// Something changed since the mailbox was last looked at.
    changed: Option<Cause>,
    strikes: Strikes,
    /// When the client last got on: with a whole command or line, or with
    /// [`STEP_OCTETS`] of a message. A drip of octets is no sign of life.
    heard: Duration,
    /// Octets of a message that came since then.
    unheard_octets: usize,
    stopping: bool,
}

/// What the client has enabled.
#[derive(Clone, Copy, Debug, Default)]
struct Dialect {
    /// `ENABLE IMAP4rev2` (RFC 9051 §6.3.1).
    rev2: bool,
    /// A command of CONDSTORE was used (RFC 7162 §3.1).
    condstore: bool,
}

#[derive(Debug)]
enum State {
    NotAuthenticated,
    Authenticated,
    Selected(Box<Selected>),
    Logout,
}

/// What the session is busy with.
#[derive(Debug)]
enum Doing {
    /// Reading commands.
    Reading,
    /// `IDLE`, with its tag.
    Idling(String),
    /// Waiting for TLS.
    StartingTls,
    /// Proving who the client is.
    Authenticating(Box<Exchange>),
    /// Taking messages.
    Appending(Box<Append>),
    /// Waiting for the store.
    Waiting(Box<Run>),
}

#[derive(Clone, Copy, Debug, Default)]
struct Strikes {
    bad_commands: u32,
    failed_logins: u32,
}

impl Session {
    /// A session that has not begun. `nonce` is random, new each time.
    #[must_use]
    pub fn new(config: Arc<SessionConfig>, tls: Tls, nonce: [u8; NONCE_BYTES]) -> Self {
        Self {
            config,
            tls,
            nonce,
            framer: Framer::new(FrameLimits::STRANGER),
            out: Outbox::default(),
            dialect: Dialect::default(),
            state: State::NotAuthenticated,
            doing: Doing::Reading,
            changed: None,
            strikes: Strikes::default(),
            heard: Duration::ZERO,
            unheard_octets: 0,
            stopping: false,
        }
    }

    /// Whether octets of the client are wanted.
    #[must_use]
    pub const fn is_reading(&self) -> bool {
        match &self.doing {
            Doing::Reading | Doing::Idling(_) => true,
            Doing::Authenticating(exchange) => exchange.is_reading(),
            Doing::Appending(append) => append.is_reading(),
            Doing::StartingTls | Doing::Waiting(_) => false,
        }
    }

    /// Whether changes in the account are told at once (RFC 9051 §6.3.13).
    #[must_use]
    pub const fn is_idling(&self) -> bool {
        matches!(self.doing, Doing::Idling(_))
    }

    /// Takes what happened; `now` is the time since the network's beginning.
    pub fn handle(&mut self, now: Duration, input: Input<'_>) {
        if matches!(self.state, State::Logout) {
            return;
        }
        match input {
            Input::Connected { cause } => self.greet(now, cause),
            Input::Octets { octets, cause } => {
                self.out.set_cause(cause);
                self.framer.push(octets);
            }
            Input::TlsStarted => self.on_tls_started(now),
            Input::PasswordChecked(user) => self.on_password_checked(user),
            Input::Scram(credentials) => self.on_scram(credentials),
            Input::AccountOpened(result) => self.on_account_opened(&result),
            Input::Stored(result) => self.on_stored(result),
            Input::Changed { cause } => self.on_changed(cause),
            Input::Timer => self.on_timer(now),
            Input::Shutdown => self.on_shutdown(),
        }
        self.read_on(now);
    }

    fn hear(&mut self, now: Duration) {
        self.heard = now;
        self.unheard_octets = 0;
    }

    /// The next thing to do; none when the session waits for an input.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop()
    }

    fn greet(&mut self, now: Duration, cause: Cause) {
        self.heard = now;
        self.out.set_cause(cause);
        let code = Code::Capability(self.capabilities());
        let text = format!("{} is ready", self.config.host);
        self.out.writer().status(&StatusText::with_code(Status::Ok, code, text));
        self.wake();
    }

    const fn is_stranger(&self) -> bool {
        matches!(self.state, State::NotAuthenticated)
    }

    fn names(&self) -> Names {
        self.out.names()
    }

    /// Handles what the client has sent, as far as it can be handled.
    fn read_on(&mut self, now: Duration) {
        while !matches!(self.state, State::Logout) && self.is_reading() {
            let kind = match &self.doing {
                Doing::Idling(_) | Doing::Authenticating(_) => LineKind::Plain,
                _ => LineKind::Command,
            };
            let Some(frame) = self.framer.next(kind) else { return };
            match &frame {
                Frame::Streamed(octets) => {
                    self.unheard_octets = self.unheard_octets.saturating_add(octets.len());
                    if self.unheard_octets >= STEP_OCTETS {
                        self.hear(now);
                    }
                }
                _ => self.hear(now),
            }
            match &self.doing {
                Doing::Reading => self.on_command_frame(frame),
                Doing::Idling(_) => self.on_idle_frame(&frame),
                Doing::Authenticating(_) => self.on_exchange_frame(frame),
                Doing::Appending(_) => self.on_append_frame(frame),
                Doing::StartingTls | Doing::Waiting(_) => return,
            }
        }
    }

    fn on_tls_started(&mut self, now: Duration) {
        // What came before TLS is not believed within it (RFC 9051 §6.2.1).
        self.framer.clear();
        self.tls = Tls::Active;
        self.heard = now;
        self.doing = Doing::Reading;
    }

    fn on_changed(&mut self, cause: Cause) {
        self.changed = Some(cause);
        if let Doing::Idling(tag) = &self.doing {
            let tag = tag.clone();
            self.out.set_cause(cause);
            self.look(run::Then::Idle { tag }, selected::Expunges::Told);
        }
    }

    /// The time after which a silent client is sent away.
    fn patience(&self) -> Duration {
        match self.state {
            State::NotAuthenticated => self.config.login_time,
            _ => self.config.idle_time,
        }
    }

    fn wake(&mut self) {
        let at = self.heard + self.patience();
        self.out.push(Output::Wake { at, why: "a silent client" });
    }

    fn on_timer(&mut self, now: Duration) {
        if now < self.heard + self.patience() {
            self.wake();
        } else if self.is_reading() {
            // RFC 9051 §5.4: a server that ends an idle session says so.
            self.farewell(StatusText::new(Status::Bye, "idle for too long"));
        } else {
            self.heard = now;
            self.wake();
        }
    }

    fn on_shutdown(&mut self) {
        self.stopping = true;
        if self.is_reading() && !matches!(self.doing, Doing::Appending(_)) {
            self.stop();
        }
    }

    fn stop(&mut self) {
        let text = "the server is shutting down";
        self.farewell(StatusText::with_code(Status::Bye, Code::Unavailable, text));
    }

    /// Says `BYE` and ends the connection (RFC 9051 §7.1.5).
    fn farewell(&mut self, status: StatusText) {
        if matches!(self.doing, Doing::Appending(_)) {
            let cause = self.out.cause();
            self.out.push(Output::Store { request: StoreRequest::AppendAbort, cause });
        }
        self.out.writer().status(&status);
        self.out.push(Output::Close);
        self.state = State::Logout;
        self.doing = Doing::Reading;
    }

    /// Asks the store; `run` takes the answer.
    fn ask(&mut self, request: StoreRequest, run: Run) {
        let cause = self.out.cause();
        self.out.push(Output::Store { request, cause });
        self.doing = Doing::Waiting(Box::new(run));
    }
}

/// Octets of a message that show that its client gets on.
const STEP_OCTETS: usize = 64 << 10;

#[cfg(test)]
mod tests;
