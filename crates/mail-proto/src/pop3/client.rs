//! The client's side of a session: log in, list, take, delete.
//!
//! ```text
//!   greeting ─▶ CAPA ─▶ STLS ─▶ TLS ─▶ CAPA ─▶ AUTH (or USER, PASS) ─▶ ready
//!   ready ── List ─▶ LIST, UIDL ── Retrieve ─▶ RETR ── Delete ─▶ DELE ── Quit ─▶ over
//!     ▲                                                    │ -ERR: refused
//!     └────────────────────────────────────────────────────┘
//! ```

use std::collections::VecDeque;
use std::mem;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use capa7_dissect::Cause;
use indexmap::IndexMap;

use super::lines::DotReader;
use super::server::ClearPasswords;
use crate::sasl::{ClientExchange, Mechanism, NONCE_BYTES, Password};

/// The knobs of a session.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Whose mail.
    pub user: String,
    /// The password.
    pub password: Password,
    /// How the connection is to be private.
    pub privacy: Privacy,
    /// Whether the password may be sent where others can read it.
    pub passwords: ClearPasswords,
    /// Random, new for each session.
    pub nonce: [u8; NONCE_BYTES],
}

/// How a connection is private.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privacy {
    /// Not at all.
    None,
    /// By STLS; without it the session fails (RFC 2595 §2.2).
    Stls,
    /// It is within TLS already.
    Tls,
}

/// What the caller wants of a session that is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// How many messages there are, and their size in all.
    Stat,
    /// What is there.
    List,
    /// A message by its number.
    Retrieve(u32),
    /// The header of a message, and so many lines of its body.
    Top(u32, u32),
    /// Mark a message: it goes at [`Request::Quit`].
    Delete(u32),
    /// Take all marks back.
    Reset,
    /// End the session.
    Quit,
}

/// What happened.
#[derive(Debug)]
pub enum Input<'i> {
    /// The server sent bytes.
    Bytes(&'i [u8]),
    /// TLS is there, as [`What::StartTls`] asked.
    TlsStarted,
    /// The caller wants something; only after [`What::Ready`] or the end of the
    /// last request.
    Request(Request),
    /// The connection is gone.
    Closed,
}

/// What is to be done, and because of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Because of what.
    pub cause: Cause,
    /// What.
    pub what: What,
}

/// What is to be done, or is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Send this.
    Send(Vec<u8>),
    /// Begin TLS.
    StartTls,
    /// The user is logged in.
    Ready,
    /// The answer to [`Request::Stat`].
    Total {
        /// How many messages.
        count: u32,
        /// How many octets they have, as the server says.
        octets: u64,
    },
    /// The answer to [`Request::List`].
    Listing(Vec<Remote>),
    /// A part of what [`Request::Retrieve`] or [`Request::Top`] asked for.
    Content(Vec<u8>),
    /// The message has ended.
    ContentEnd,
    /// The message is marked.
    Deleted,
    /// No message is marked.
    AllKept,
    /// The server says no to a request; the session goes on.
    Refused(ClientError),
    /// The server removed the marked messages and ended the session.
    Done,
    /// The session failed; the connection is to be closed.
    Failed(ClientError),
}

/// A message on the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Its number in this session.
    pub number: u32,
    /// Its length in octets, as the server says.
    pub size: u64,
    /// Its lasting name, if the server gives any that the standard allows: 1
    /// to 70 printable characters (RFC 1939 §7).
    pub unique_id: Option<String>,
}

/// Why a session failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The server says no.
    #[error("the server refuses {command}: {text}")]
    Refused {
        /// What was asked.
        command: &'static str,
        /// What it said, cut to a line.
        text: String,
    },
    /// The server breaks the protocol.
    #[error("this is no POP3 server's answer: {0}")]
    Protocol(&'static str),
    /// The server offers no way to be private that was wanted.
    #[error("the server offers no TLS")]
    NoTls,
    /// No common way to log in, or only with a password in clear.
    #[error("the server offers no way to log in that is safe here")]
    NoMechanism,
    /// The server did not prove itself.
    #[error("login: {0}")]
    Login(#[from] crate::sasl::ClientError),
    /// The connection went too early.
    #[error("the server closed the connection")]
    Closed,
    /// The maildrop is larger than any that makes sense.
    #[error("the server lists more than {LISTED_MAX} messages")]
    TooMany,
}

/// A session.
#[derive(Debug)]
pub struct Client {
    config: ClientConfig,
    state: State,
    privacy: Privacy,
    held: Vec<u8>,
    outputs: VecDeque<Output>,
    cause: Cause,
}

#[derive(Debug)]
enum State {
    Greeting,
    Capabilities(Option<Vec<String>>),
    Stls,
    StartingTls,
    Exchange(Box<ClientExchange>),
    User,
    Pass,
    Ready,
    Total,
    Sizes(Option<IndexMap<u32, Remote>>),
    Names(IndexMap<u32, Remote>, Reply),
    /// By which command, and the reader from the second line on.
    Retrieving(&'static str, Option<DotReader>),
    Deleting,
    Resetting,
    Quitting,
    Over,
}

/// Whether the first line of a multi-line reply was read, and how many others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reply {
    Awaited,
    Begun { lines: usize },
}

impl Client {
    /// A session on a connection that was just opened: the server speaks first.
    #[must_use]
    pub fn new(config: ClientConfig) -> Self {
        Self {
            privacy: config.privacy,
            config,
            state: State::Greeting,
            held: Vec::new(),
            outputs: VecDeque::new(),
            cause: Cause::NONE,
        }
    }

    /// Takes what happened, and because of what.
    pub fn handle(&mut self, cause: Cause, input: Input<'_>) {
        self.cause = cause;
        match input {
            Input::Bytes(bytes) => self.on_bytes(bytes),
            Input::TlsStarted => {
                if matches!(self.state, State::StartingTls) {
                    self.privacy = Privacy::Tls;
                    self.ask_capabilities();
                }
            }
            Input::Request(request) => self.on_request(request),
            Input::Closed => {
                if !matches!(self.state, State::Over) {
                    self.fail(ClientError::Closed);
                }
            }
        }
    }

    /// What is to be done next.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn on_request(&mut self, request: Request) {
        if !matches!(self.state, State::Ready) {
            return;
        }
        self.state = match request {
            Request::Stat => {
                self.send("STAT");
                State::Total
            }
            Request::List => {
                self.send("LIST");
                State::Sizes(None)
            }
            Request::Retrieve(number) => {
                self.send(&format!("RETR {number}"));
                State::Retrieving("RETR", None)
            }
            Request::Top(number, lines) => {
                self.send(&format!("TOP {number} {lines}"));
                State::Retrieving("TOP", None)
            }
            Request::Delete(number) => {
                self.send(&format!("DELE {number}"));
                State::Deleting
            }
            Request::Reset => {
                self.send("RSET");
                State::Resetting
            }
            Request::Quit => {
                self.send("QUIT");
                State::Quitting
            }
        };
    }

    fn on_bytes(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
        loop {
            match &mut self.state {
                State::Over => return self.held.clear(),
                // What came in clear behind the consent to STLS is nobody's.
                State::StartingTls => return self.held.clear(),
                State::Retrieving(_, Some(reader)) => {
                    let mut content = Vec::new();
                    let end = reader.read(&self.held, &mut content);
                    self.held.drain(..end.unwrap_or(self.held.len()));
                    if !content.is_empty() {
                        self.output(What::Content(content));
                    }
                    if end.is_none() {
                        return;
                    }
                    self.state = State::Ready;
                    self.output(What::ContentEnd);
                }
                _ => {
                    let Some(end) = self.held.windows(2).position(|two| two == b"\r\n") else {
                        if self.held.len() > REPLY_OCTETS_MAX {
                            self.fail(ClientError::Protocol("a line without end"));
                        }
                        return;
                    };
                    let line: Vec<u8> = self.held.drain(..end + 2).take(end).collect();
                    self.on_line(&String::from_utf8_lossy(&line));
                }
            }
        }
    }

    fn on_line(&mut self, line: &str) {
        match mem::replace(&mut self.state, State::Over) {
            State::Greeting => {
                if self.accept(line, "the connection") {
                    self.ask_capabilities();
                }
            }
            State::Capabilities(None) if line.starts_with("-ERR") => {
                // RFC 2449 §5: an old server does not know the command.
                self.on_capabilities(&["USER".to_owned()]);
            }
            State::Capabilities(None) => {
                if self.accept(line, "CAPA") {
                    self.state = State::Capabilities(Some(Vec::new()));
                }
            }
            State::Capabilities(Some(known)) if line == "." => self.on_capabilities(&known),
            State::Capabilities(Some(mut known)) => {
                if known.len() >= CAPABILITIES_MAX {
                    return self.fail(ClientError::Protocol("capabilities without end"));
                }
                known.push(line.to_ascii_uppercase());
                self.state = State::Capabilities(Some(known));
            }
            State::Stls => {
                if self.accept(line, "STLS") {
                    self.state = State::StartingTls;
                    self.output(What::StartTls);
                }
            }
            State::Exchange(exchange) => self.on_exchange(exchange, line),
            State::User => {
                if self.accept(line, "USER") {
                    let password = self.config.password.as_str().to_owned();
                    self.send(&format!("PASS {password}"));
                    self.state = State::Pass;
                }
            }
            State::Pass => {
                if self.accept(line, "the password") {
                    self.become_ready(What::Ready);
                }
            }
            State::Total => self.on_total(line),
            State::Deleting => {
                if self.grant(line, "DELE") {
                    self.become_ready(What::Deleted);
                }
            }
            State::Resetting => {
                if self.grant(line, "RSET") {
                    self.become_ready(What::AllKept);
                }
            }
            State::Quitting => {
                if self.accept(line, "QUIT") {
                    self.output(What::Done);
                }
            }
            State::Retrieving(command, None) => {
                if self.grant(line, command) {
                    self.state = State::Retrieving(command, Some(DotReader::default()));
                }
            }
            State::Sizes(listing) => self.on_size(listing, line),
            State::Names(listing, reply) => self.on_name(listing, reply, line),
            State::Ready => self.fail(ClientError::Protocol("it speaks without being asked")),
            state @ (State::Over | State::StartingTls | State::Retrieving(_, Some(_))) => {
                self.state = state;
            }
        }
    }

    fn on_capabilities(&mut self, known: &[String]) {
        if self.privacy == Privacy::Stls {
            if !known.iter().any(|capability| capability == "STLS") {
                return self.fail(ClientError::NoTls);
            }
            self.send("STLS");
            self.state = State::Stls;
            return;
        }
        let is_private =
            self.privacy == Privacy::Tls || self.config.passwords == ClearPasswords::Allowed;
        let sasl = known.iter().find_map(|capability| capability.strip_prefix("SASL "));
        let offered = sasl.unwrap_or_default().split_ascii_whitespace();
        let offered = offered.filter(|name| {
            is_private || !Mechanism::parse(name).is_some_and(Mechanism::shows_password)
        });
        if let Some(mechanism) = Mechanism::best(offered) {
            let ClientConfig { user, password, nonce, .. } = &self.config;
            let exchange = ClientExchange::new(mechanism, user, password, *nonce);
            // The initial response comes with the first challenge: a command
            // line has 255 octets at most (RFC 5034 §4).
            self.send(&format!("AUTH {}", mechanism.name()));
            self.state = State::Exchange(Box::new(exchange));
        } else if is_private && known.iter().any(|capability| capability == "USER") {
            let user = self.config.user.clone();
            self.send(&format!("USER {user}"));
            self.state = State::User;
        } else {
            self.fail(ClientError::NoMechanism);
        }
    }

    fn on_exchange(&mut self, mut exchange: Box<ClientExchange>, line: &str) {
        if let Some(challenge) = line.strip_prefix("+ ").or_else(|| line.strip_prefix('+'))
            && !line.starts_with("+OK")
        {
            let Ok(challenge) = STANDARD.decode(challenge.trim()) else {
                return self.fail(ClientError::Protocol("a challenge that is not in base64"));
            };
            let first = if challenge.is_empty() { exchange.initial_response() } else { None };
            match first.map_or_else(|| exchange.handle(&challenge), Ok) {
                Ok(response) => {
                    self.send(&STANDARD.encode(response));
                    self.state = State::Exchange(exchange);
                }
                Err(error) => self.fail(error.into()),
            }
        } else if self.accept(line, "the login") {
            match exchange.finish() {
                Ok(()) => self.become_ready(What::Ready),
                Err(error) => self.fail(error.into()),
            }
        }
    }

    fn on_total(&mut self, line: &str) {
        if !self.grant(line, "STAT") {
            return;
        }
        let mut numbers = line.split(' ').skip(1);
        let mut next = || numbers.next().and_then(|number| number.parse::<u64>().ok());
        match (next().and_then(|count| count.try_into().ok()), next()) {
            (Some(count), Some(octets)) => self.become_ready(What::Total { count, octets }),
            _ => self.fail(ClientError::Protocol("STAT without its two numbers")),
        }
    }

    fn on_size(&mut self, listing: Option<IndexMap<u32, Remote>>, line: &str) {
        let Some(mut listing) = listing else {
            if self.grant(line, "LIST") {
                self.state = State::Sizes(Some(IndexMap::new()));
            }
            return;
        };
        if line == "." {
            self.send("UIDL");
            self.state = State::Names(listing, Reply::Awaited);
            return;
        }
        let numbers = line.split_once(' ').and_then(|(number, size)| {
            // RFC 1939 §5: more may follow behind the size.
            let size = size.split(' ').next().unwrap_or_default();
            let number = number.parse().ok().filter(|number| *number > 0)?;
            Some((number, size.parse().ok()?))
        });
        let Some((number, size)) = numbers else {
            return self.fail(ClientError::Protocol("a size that is no number"));
        };
        if listing.len() >= LISTED_MAX {
            return self.fail(ClientError::TooMany);
        }
        listing.insert(number, Remote { number, size, unique_id: None });
        self.state = State::Sizes(Some(listing));
    }

    fn on_name(&mut self, mut listing: IndexMap<u32, Remote>, reply: Reply, line: &str) {
        match (reply, line) {
            (Reply::Awaited, _) if line.starts_with("+OK") => {
                self.state = State::Names(listing, Reply::Begun { lines: 0 });
            }
            // RFC 1939 §7: UIDL is optional.
            (Reply::Awaited, _) | (Reply::Begun { .. }, ".") => {
                self.become_ready(What::Listing(listing.into_values().collect()));
            }
            (Reply::Begun { lines: LISTED_MAX.. }, _) => self.fail(ClientError::TooMany),
            (Reply::Begun { lines }, _) => {
                let known = line.split_once(' ').and_then(|(number, unique_id)| {
                    Some((listing.get_mut(&number.parse::<u32>().ok()?)?, unique_id))
                });
                if let Some((remote, unique_id)) = known.filter(|(_, name)| is_unique_id(name)) {
                    remote.unique_id = Some(unique_id.to_owned());
                }
                self.state = State::Names(listing, Reply::Begun { lines: lines + 1 });
            }
        }
    }

    fn ask_capabilities(&mut self) {
        self.send("CAPA");
        self.state = State::Capabilities(None);
    }

    /// Whether the line says yes; otherwise the session has failed.
    fn accept(&mut self, line: &str, command: &'static str) -> bool {
        verdict(line, command).map_err(|error| self.fail(error)).is_ok()
    }

    /// Whether the line says yes to a request; after a no the session goes on.
    fn grant(&mut self, line: &str, command: &'static str) -> bool {
        match verdict(line, command) {
            Ok(()) => return true,
            Err(refusal @ ClientError::Refused { .. }) => {
                self.become_ready(What::Refused(refusal));
            }
            Err(error) => self.fail(error),
        }
        false
    }

    fn become_ready(&mut self, what: What) {
        self.state = State::Ready;
        self.output(what);
    }

    fn fail(&mut self, error: ClientError) {
        self.state = State::Over;
        self.output(What::Failed(error));
    }

    fn send(&mut self, line: &str) {
        self.output(What::Send(format!("{line}\r\n").into_bytes()));
    }

    fn output(&mut self, what: What) {
        self.outputs.push_back(Output { cause: self.cause, what });
    }
}

/// What a reply's first line says (RFC 1939 §3).
fn verdict(line: &str, command: &'static str) -> Result<(), ClientError> {
    if line == "+OK" || line.starts_with("+OK ") {
        return Ok(());
    }
    let text = line.strip_prefix("-ERR");
    let text = text.ok_or(ClientError::Protocol("neither +OK nor -ERR"))?;
    let text = text.trim().chars().filter(|c| !c.is_control()).take(REFUSAL_CHARACTERS).collect();
    Err(ClientError::Refused { command, text })
}

/// 1 to 70 printable characters (RFC 1939 §7, UIDL).
fn is_unique_id(name: &str) -> bool {
    (1..=70).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Of a longer refusal the beginning is told.
const REFUSAL_CHARACTERS: usize = 500;
/// A reply's line: 512 octets (RFC 2449 §4), and an exchange's challenge.
const REPLY_OCTETS_MAX: usize = 8_192;
/// Lines of a reply to CAPA.
const CAPABILITIES_MAX: usize = 100;
/// Messages in a maildrop.
pub const LISTED_MAX: usize = 1_000_000;
