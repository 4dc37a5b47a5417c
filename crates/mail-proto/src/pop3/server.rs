//! The server's side of a session.
//!
//! ```text
//!          ┌─▶ AUTHORIZATION ──▶ TRANSACTION ──QUIT──▶ UPDATE ──▶ over
//!   begin ─┘    │  ▲   │ QUIT      │ ▲
//!               ▼  │   └──▶ over   ▼ │
//!          checking, opening     reading a message
//! ```
//!
//! While the session waits for an answer it takes no further command; they
//! wait in its line buffer (PIPELINING, RFC 2449 §6.6).

use std::collections::VecDeque;
use std::mem;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use capa7_dissect::Cause;

use super::command::{COMMAND_OCTETS_MAX, Command, mechanism_names};
use super::lines::DotWriter;
use crate::sasl::{
    MESSAGE_BYTES_MAX, Mechanism, NONCE_BYTES, Password, ScramCredentials, ServerExchange,
};
use crate::smtp::line::{Inbox, LineFault};

mod authorization;
mod transaction;

pub use transaction::Listed;
use transaction::Transaction;

/// The knobs of a session.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// The server's name, told in the greeting.
    pub name: String,
    /// How the connection began.
    pub channel: Channel,
    /// Whether passwords may be sent where others can read them.
    pub passwords: ClearPasswords,
    /// Random, new for each session: what SCRAM proves to be fresh.
    pub nonce: [u8; NONCE_BYTES],
    /// Failed attempts to log in before the session ends.
    pub login_failures_max: u32,
    /// Commands in a row that are none before the session ends.
    pub errors_max: u32,
}

/// How private a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// In clear, without TLS on offer.
    Clear,
    /// In clear, with STLS on offer (RFC 2595 §4).
    StlsOffered,
    /// Within TLS.
    Tls,
}

/// Passwords in clear (RFC 2595 §2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClearPasswords {
    /// Only within TLS.
    Refused,
    /// Everywhere: for laboratories.
    Allowed,
}

/// What happened.
#[derive(Debug)]
pub enum Input<'i> {
    /// The connection is there.
    Begin,
    /// The client sent bytes. Not while [`Session::is_waiting`].
    Bytes(&'i [u8]),
    /// TLS is there, as [`What::StartTls`] asked.
    TlsStarted,
    /// The answer to [`What::CheckPassword`]: who it is.
    Checked(Option<String>),
    /// The answer to [`What::NeedScram`].
    Scram(Option<ScramCredentials>),
    /// The answer to [`What::Open`].
    Opened(Result<Vec<Listed>, OpenRefusal>),
    /// More of the message that [`What::Read`] asked for.
    Content(&'i [u8]),
    /// The message has ended.
    ContentEnd,
    /// The message cannot be read (further).
    ContentFailed,
    /// The answer to [`What::Update`].
    Updated(Result<(), UpdateFailed>),
    /// The client was silent too long (RFC 1939 §3: at least 10 minutes).
    Idle,
    /// The server ends.
    Shutdown,
}

/// Why a maildrop does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenRefusal {
    /// Another session has it (RFC 1939 §4).
    InUse,
    /// The store failed; it may help to try again.
    Unavailable,
}

/// The deleted messages could not be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpdateFailed;

/// What is to be done, and because of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Because of what.
    pub cause: Cause,
    /// What.
    pub what: What,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Send this.
    Send(Vec<u8>),
    /// Begin TLS after what was sent.
    StartTls,
    /// Is this the password?
    CheckPassword {
        /// The name to log in by.
        user: String,
        /// What was given.
        password: Password,
    },
    /// Look up credentials.
    NeedScram {
        /// The name to log in by.
        user: String,
    },
    /// Lock and list the maildrop of a user who is logged in.
    Open {
        /// The account's name.
        user: String,
    },
    /// Hand in the contents of a message, in pieces, until the session no longer
    /// [waits](Session::is_waiting) for them.
    Read {
        /// Its place in what was handed in by [`Input::Opened`].
        index: usize,
    },
    /// Remove messages and unlock the maildrop.
    Update {
        /// Their places in what was handed in by [`Input::Opened`].
        deleted: Vec<usize>,
    },
    /// Close the connection after what was sent.
    Close,
}

/// A session.
#[derive(Debug)]
pub struct Session {
    config: SessionConfig,
    channel: Channel,
    state: State,
    inbox: Inbox,
    outputs: VecDeque<Output>,
    cause: Cause,
    login_failures: u32,
    errors: u32,
    steps: u64,
}

#[derive(Debug)]
enum State {
    /// Before the greeting.
    New,
    Authorization {
        user: Option<String>,
    },
    /// The client's next line is a message of the exchange.
    Exchange(Box<ServerExchange>),
    /// STLS was granted.
    StartingTls,
    /// Somebody is asked whether the password is right.
    Checking,
    /// Somebody looks for credentials.
    LookingUp(Box<ServerExchange>),
    /// The maildrop is being opened.
    Opening,
    Transaction(Transaction),
    /// A message is on its way.
    Reading {
        transaction: Transaction,
        writer: DotWriter,
        /// The first line of the reply, until it is said.
        opening: Option<String>,
    },
    Updating,
    Over,
}

impl Session {
    /// A session that has not begun.
    #[must_use]
    pub fn new(config: SessionConfig) -> Self {
        Self {
            channel: config.channel,
            config,
            state: State::New,
            inbox: Inbox::default(),
            outputs: VecDeque::new(),
            cause: Cause::NONE,
            login_failures: 0,
            errors: 0,
            steps: 0,
        }
    }

    /// Takes what happened, and because of what.
    pub fn handle(&mut self, cause: Cause, input: Input<'_>) {
        self.cause = cause;
        match (mem::replace(&mut self.state, State::Over), input) {
            (State::Over, _) => {}
            (State::New, Input::Begin) => {
                self.state = State::Authorization { user: None };
                self.ok(&format!("{} POP3 ready", self.config.name));
            }
            (state, Input::Bytes(bytes)) => {
                self.state = state;
                self.inbox.push(bytes);
            }
            (State::StartingTls, Input::TlsStarted) => {
                self.channel = Channel::Tls;
                self.state = State::Authorization { user: None };
            }
            (State::Checking, Input::Checked(user)) => self.on_checked(user),
            (State::LookingUp(mut exchange), Input::Scram(credentials)) => {
                let step = exchange.give_scram(credentials);
                self.on_step(exchange, step);
            }
            (State::Opening, Input::Opened(opened)) => self.on_opened(opened),
            (State::Reading { transaction, writer, opening }, input) => {
                self.on_content(transaction, writer, opening, &input);
            }
            (State::Updating, Input::Updated(done)) => self.on_updated(done),
            (_, Input::Idle) => {
                // RFC 1939 §3: without entering UPDATE, nothing is removed.
                self.err("[SYS/TEMP]", "you were silent too long; nothing was deleted");
                self.close();
            }
            (_, Input::Shutdown) => {
                self.err("[SYS/TEMP]", "the server ends; nothing was deleted");
                self.close();
            }
            // An answer that nobody waits for any more.
            (state, _) => self.state = state,
        }
        self.take_lines();
    }

    /// What is to be done next.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Whether the session waits for an answer: then nothing is to be read from
    /// the client.
    #[must_use]
    pub const fn is_waiting(&self) -> bool {
        matches!(
            self.state,
            State::StartingTls
                | State::Checking
                | State::LookingUp(_)
                | State::Opening
                | State::Reading { .. }
                | State::Updating
        )
    }

    /// Grows with every whole line: a client for whom it stands still is idle,
    /// whatever octets it drips (RFC 1939 §3).
    #[must_use]
    pub const fn steps(&self) -> u64 {
        self.steps
    }

    /// Whether the session is over.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    fn take_lines(&mut self) {
        while !self.is_waiting() && !self.is_over() {
            let octets_max = match self.state {
                State::Exchange(_) => |_: &[u8]| RESPONSE_OCTETS_MAX,
                _ => command_octets_max,
            };
            match self.inbox.next_line(octets_max) {
                Ok(Some(line)) => self.on_line(&line),
                Ok(None) => return,
                Err(LineFault::TooLong) => {
                    self.err("", "the line is too long: 255 octets are allowed");
                    self.count_error();
                }
                Err(LineFault::Nul) => {
                    self.err("", "the line has a null byte");
                    self.count_error();
                }
                Err(LineFault::BareLf | LineFault::BareCr | LineFault::Endless) => {
                    self.err("", "a line ends with CR LF, and only with it");
                    self.close();
                }
            }
        }
    }

    fn on_line(&mut self, line: &[u8]) {
        self.steps += 1;
        if let State::Exchange(exchange) = &mut self.state {
            let step = match line {
                b"*" => exchange.cancel(),
                _ => match STANDARD.decode(line) {
                    Ok(response) => exchange.handle(&response),
                    Err(_) => exchange.cancel(),
                },
            };
            if let State::Exchange(exchange) = mem::replace(&mut self.state, State::Over) {
                self.on_step(exchange, step);
            }
            return;
        }
        match Command::parse(line) {
            Ok(command) => {
                self.errors = 0;
                match mem::replace(&mut self.state, State::Over) {
                    State::Authorization { user } => self.in_authorization(user, command),
                    State::Transaction(transaction) => self.in_transaction(transaction, command),
                    state => self.state = state,
                }
            }
            Err(error) => {
                self.err("", &error.to_string());
                self.count_error();
            }
        }
    }

    /// RFC 2449 §5, §6.
    fn capabilities(&mut self) {
        let mut text = String::from("+OK what this server can do\r\nTOP\r\nUIDL\r\nRESP-CODES\r\n");
        // RFC 3206 §4; RFC 2449 §6.6, §6.7: messages stay until they are deleted.
        text.push_str("AUTH-RESP-CODE\r\nPIPELINING\r\nEXPIRE NEVER\r\nIMPLEMENTATION capa7\r\n");
        if self.channel == Channel::StlsOffered {
            text.push_str("STLS\r\n");
        }
        let mechanisms = self.mechanisms();
        if mechanisms.contains(&Mechanism::Plain) {
            text.push_str("USER\r\n");
        }
        text.push_str(&format!("SASL {}\r\n.\r\n", mechanism_names(&mechanisms).join(" ")));
        self.send(text.into_bytes());
    }

    /// RFC 2595 §2.3: no password in clear, if so configured.
    fn mechanisms(&self) -> Vec<Mechanism> {
        let is_private =
            self.channel == Channel::Tls || self.config.passwords == ClearPasswords::Allowed;
        let offered = |mechanism: &Mechanism| is_private || !mechanism.shows_password();
        Mechanism::ALL.into_iter().filter(offered).collect()
    }

    fn count_error(&mut self) {
        self.errors += 1;
        if self.errors >= self.config.errors_max {
            self.err("", "too many errors");
            self.close();
        }
    }

    fn ok(&mut self, text: &str) {
        self.send(format!("+OK {text}\r\n").into_bytes());
    }

    fn err(&mut self, code: &str, text: &str) {
        let space = if code.is_empty() { "" } else { " " };
        self.send(format!("-ERR {code}{space}{text}\r\n").into_bytes());
    }

    fn send(&mut self, bytes: Vec<u8>) {
        self.output(What::Send(bytes));
    }

    fn output(&mut self, what: What) {
        self.outputs.push_back(Output { cause: self.cause, what });
    }

    fn close(&mut self) {
        self.state = State::Over;
        self.output(What::Close);
    }
}

/// RFC 2449 §4: 255 octets; AUTH has an initial response (RFC 5034 §4).
fn command_octets_max(line: &[u8]) -> usize {
    let is_auth = line.get(..5).is_some_and(|word| word.eq_ignore_ascii_case(b"AUTH "));
    if is_auth { RESPONSE_OCTETS_MAX } else { COMMAND_OCTETS_MAX }
}

/// A message of an exchange in base64, with what is around it.
const RESPONSE_OCTETS_MAX: usize = MESSAGE_BYTES_MAX / 3 * 4 + 64;

#[cfg(test)]
mod tests;
