//! The client's side of IMAP as a machine (RFC 9051, RFC 3501): bytes and
//! commands in, bytes and results out.
//!
//! ```text
//!   Greeting ─▶ Ready ─▶ Busy ─▶ Ready        one command at a time
//!                 │        │ STARTTLS ─▶ Securing ─▶ Ready
//!                 │        │ IDLE ─▶ Idling ─▶ Busy
//!                 └────────┴──▶ Closed
//! ```
//!
//! It is tolerant in what a server may say: what it does not know is kept as it
//! stands. What grows is bounded.

mod command;
mod frame;
mod mirror;
mod parse;
mod value;

use std::collections::VecDeque;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use capa7_dissect::Cause;

use crate::imap::response::{Code, Response, Status, StatusText, Untagged};
use crate::sasl::ClientExchange;
use command::Piece;
use frame::Framer;

pub use command::{ClientCommand, SearchForm};
pub use frame::FrameError;
pub use mirror::Mirror;

/// What the machine is told.
#[derive(Debug)]
pub enum Input<'i> {
    /// The server sent bytes.
    Bytes(&'i [u8], Cause),
    /// The user wants something; only when [`Client::is_ready`].
    Command(ClientCommand, Cause),
    /// Idling is to end (RFC 9051 §6.3.13).
    Done(Cause),
    /// The handshake that [`Output::BeginTls`] asked for is done.
    TlsBegun,
    /// The connection ended.
    Ended,
}

/// What the machine wants or tells.
#[derive(Debug)]
pub enum Output {
    /// Bytes for the server.
    Write(Bytes, Cause),
    /// A TLS handshake is to begin.
    BeginTls(Cause),
    /// The server greets: the connection is ready.
    Greeted(StatusText, Cause),
    /// The server says that it idles.
    Idling(Cause),
    /// A command ended.
    Completed(Completed),
    /// The server told something while no command ran, or while idling.
    News(Untagged, Cause),
}

/// How a command ended.
#[derive(Clone, Debug)]
pub struct Completed {
    /// The status, with its code and text.
    pub status: StatusText,
    /// What the server said on the way, in order.
    pub untagged: Vec<Untagged>,
    /// The event that brought the end.
    pub cause: Cause,
}

/// Why the connection is of no use any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// More bytes than a response may have, or no frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The server ended what it had begun.
    #[error("the connection ended")]
    Ended,
    /// What the server said belongs to nothing that was asked.
    #[error("the server breaks the protocol: {0}")]
    Protocol(&'static str),
    /// The caller gave a command while another one ran.
    #[error("a command is running")]
    Busy,
    /// The server's proof in a SASL exchange is not right (RFC 5802 §5).
    #[error("the server did not prove that it knows the password")]
    Unproved,
}

/// Bounds of a client.
#[derive(Clone, Copy, Debug)]
pub struct ClientConfig {
    /// Octets of one response, its literals included.
    pub response_bytes_max: usize,
    /// Octets of all responses to one command.
    pub reply_bytes_max: usize,
}

impl Default for ClientConfig {
    /// 64 MiB for a response, 128 MiB for a command.
    fn default() -> Self {
        Self { response_bytes_max: 64 << 20, reply_bytes_max: 128 << 20 }
    }
}

/// The machine.
#[derive(Debug)]
pub struct Client {
    config: ClientConfig,
    framer: Framer,
    state: State,
    tags: u32,
    capabilities: Vec<String>,
    names: NameForm,
    mirror: Option<Mirror>,
    outputs: VecDeque<Output>,
    told: Vec<Untagged>,
}

/// How the names of mailboxes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameForm {
    /// Modified UTF-7 (RFC 3501 §5.1.3).
    Utf7,
    /// UTF-8, after `ENABLE` (RFC 9051 §5.1, RFC 6855 §3).
    Utf8,
}

#[derive(Debug)]
enum State {
    Greeting,
    Ready,
    Busy(Box<Running>),
    /// Bytes of the time before are not read as if they came within TLS.
    Securing(Box<Running>),
    Closed,
}

/// A command on its way.
#[derive(Debug)]
struct Running {
    tag: String,
    kind: Kind,
    /// What is still to be written, once the server says `+`.
    pieces: VecDeque<Piece>,
    untagged: Vec<Untagged>,
    bytes: usize,
    cause: Cause,
}

#[derive(Debug)]
enum Kind {
    Plain,
    StartTls,
    Authenticate(Box<ClientExchange>),
    Select(String),
    Leave,
    Idle(IdleState),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum IdleState {
    Asked,
    Idling,
    Ended,
}

impl Client {
    /// A machine for a connection that was just opened.
    #[must_use]
    pub fn new(config: ClientConfig) -> Self {
        Self {
            config,
            framer: Framer::new(config.response_bytes_max),
            state: State::Greeting,
            tags: 0,
            capabilities: Vec::new(),
            names: NameForm::Utf7,
            mirror: None,
            outputs: VecDeque::new(),
            told: Vec::new(),
        }
    }

    /// Whether a command can be given.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        matches!(self.state, State::Ready)
    }

    /// Whether the server offers something: `IDLE`, `MOVE`.
    #[must_use]
    pub fn can(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|known| known.eq_ignore_ascii_case(capability))
    }

    /// What the server offers; empty when it was not told yet.
    #[must_use]
    pub fn capabilities(&self) -> &[String] {
        &self.capabilities
    }

    /// The selected mailbox as the server has told it.
    #[must_use]
    pub const fn mailbox(&self) -> Option<&Mirror> {
        self.mirror.as_ref()
    }

    /// What the server had said of a command that has no end, because the connection
    /// ended before; it is told once.
    pub fn take_told(&mut self) -> Vec<Untagged> {
        std::mem::take(&mut self.told)
    }

    /// The next output, if there is one.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Takes an input.
    ///
    /// # Errors
    /// When the connection is of no use any more; [`ClientError::Busy`] is the
    /// caller's fault and changes nothing.
    pub fn handle(&mut self, input: Input<'_>) -> Result<(), ClientError> {
        match input {
            Input::Command(command, cause) => self.on_command(command, cause),
            Input::Done(cause) => self.on_done(cause),
            Input::TlsBegun => self.on_tls(),
            Input::Ended => {
                self.close();
                Err(ClientError::Ended)
            }
            Input::Bytes(bytes, cause) => {
                let taken = self.on_bytes(bytes, cause);
                if taken.is_err() {
                    self.close();
                }
                taken
            }
        }
    }

    fn close(&mut self) {
        if let State::Busy(running) = std::mem::replace(&mut self.state, State::Closed) {
            self.told = running.untagged;
        }
    }

    fn on_command(&mut self, command: ClientCommand, cause: Cause) -> Result<(), ClientError> {
        if !self.is_ready() {
            return Err(ClientError::Busy);
        }
        self.tags = self.tags.wrapping_add(1);
        let tag = format!("a{}", self.tags);
        let mut pieces = VecDeque::from([Piece::Text(format!("{tag} ").into_bytes())]);
        pieces.extend(command.write(self.names));
        let kind = match command {
            ClientCommand::StartTls => Kind::StartTls,
            ClientCommand::Idle => Kind::Idle(IdleState::Asked),
            ClientCommand::Select { mailbox, .. } => {
                self.mirror = None;
                Kind::Select(mailbox)
            }
            ClientCommand::Close | ClientCommand::Unselect => Kind::Leave,
            ClientCommand::Authenticate(mut exchange) => {
                // RFC 4959 §3: the first message goes with the command.
                if self.can("SASL-IR")
                    && let Some(first) = exchange.initial_response()
                {
                    let text =
                        if first.is_empty() { "=".to_owned() } else { STANDARD.encode(first) };
                    pieces.push_back(Piece::Text(format!(" {text}").into_bytes()));
                }
                Kind::Authenticate(exchange)
            }
            _ => Kind::Plain,
        };
        pieces.push_back(Piece::Text(b"\r\n".to_vec()));
        let (untagged, bytes) = (Vec::new(), 0);
        let mut running = Running { tag, kind, pieces, untagged, bytes, cause };
        self.write(&mut running, cause);
        self.state = State::Busy(Box::new(running));
        Ok(())
    }

    /// Writes what can be written now: up to a literal that needs leave.
    fn write(&mut self, running: &mut Running, cause: Cause) {
        let mut out = Vec::new();
        while let Some(piece) = running.pieces.pop_front() {
            let literal = match piece {
                Piece::Text(text) => {
                    out.extend_from_slice(&text);
                    continue;
                }
                Piece::Literal(literal) => literal,
                Piece::Octets(octets) => {
                    out.extend_from_slice(&octets);
                    continue;
                }
            };
            let length = literal.len();
            // RFC 7888 §4, §5: without leave, and up to 4,096 octets only.
            let free = self.can("LITERAL+") || (self.can("LITERAL-") && length <= 4_096);
            let plus = if free { "+" } else { "" };
            out.extend_from_slice(format!("{{{length}{plus}}}\r\n").as_bytes());
            if free {
                out.extend_from_slice(&literal);
            } else {
                running.pieces.push_front(Piece::Octets(literal));
                break;
            }
        }
        if !out.is_empty() {
            self.outputs.push_back(Output::Write(out.into(), cause));
        }
    }

    fn on_done(&mut self, cause: Cause) -> Result<(), ClientError> {
        if let State::Busy(running) = &mut self.state
            && let Kind::Idle(idle) = &mut running.kind
            && *idle == IdleState::Idling
        {
            *idle = IdleState::Ended;
            self.outputs.push_back(Output::Write(Bytes::from_static(b"DONE\r\n"), cause));
        }
        Ok(())
    }

    fn on_tls(&mut self) -> Result<(), ClientError> {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Securing(running) => {
                self.state = State::Ready;
                let status = StatusText::new(Status::Ok, "TLS has begun");
                let (untagged, cause) = (running.untagged, running.cause);
                self.outputs.push_back(Output::Completed(Completed { status, untagged, cause }));
                Ok(())
            }
            _ => Err(ClientError::Protocol("TLS was not asked for")),
        }
    }

    fn on_bytes(&mut self, bytes: &[u8], cause: Cause) -> Result<(), ClientError> {
        match self.state {
            // RFC 9051 §11.1: nothing may come between the answer to STARTTLS and
            // the handshake.
            State::Securing(_) => return Err(ClientError::Protocol("bytes before the handshake")),
            State::Closed => return Err(ClientError::Ended),
            _ => self.framer.push(bytes),
        }
        while let Some(frame) = self.framer.take()? {
            let length = frame.len();
            let Some(response) = parse::response(&frame, self.names) else {
                return Err(ClientError::Protocol("a response that cannot be read"));
            };
            self.on_response(response, length, cause)?;
        }
        Ok(())
    }

    fn on_response(
        &mut self,
        response: Response,
        length: usize,
        cause: Cause,
    ) -> Result<(), ClientError> {
        match response {
            Response::Untagged(untagged) => self.on_untagged(untagged, length, cause),
            Response::Continue { text } => self.on_continue(&text, cause),
            Response::Tagged { tag, status } => self.on_end(&tag, status, cause),
        }
    }

    fn on_untagged(
        &mut self,
        untagged: Untagged,
        length: usize,
        cause: Cause,
    ) -> Result<(), ClientError> {
        match &untagged {
            Untagged::Capability(known) => self.capabilities.clone_from(known),
            Untagged::Status(status) => self.on_code(status),
            Untagged::Enabled(enabled) => {
                let utf8 = |name: &String| {
                    ["IMAP4REV2", "UTF8=ACCEPT"].contains(&name.to_ascii_uppercase().as_str())
                };
                if enabled.iter().any(utf8) {
                    self.names = NameForm::Utf8;
                }
            }
            _ => {}
        }
        if matches!(self.state, State::Greeting) {
            let Untagged::Status(status) = untagged else {
                return Err(ClientError::Protocol("a greeting was expected"));
            };
            self.state = if status.status == Status::Bye { State::Closed } else { State::Ready };
            self.outputs.push_back(Output::Greeted(status, cause));
            return Ok(());
        }
        if let State::Busy(running) = &mut self.state
            && let Kind::Select(name) = &running.kind
            && self.mirror.is_none()
        {
            self.mirror = Some(Mirror::new(name));
        }
        if let Some(mirror) = &mut self.mirror {
            mirror.on_untagged(&untagged);
        }
        match &mut self.state {
            State::Busy(running) if !matches!(running.kind, Kind::Idle(_)) => {
                running.bytes = running.bytes.saturating_add(length + RESPONSE_BYTES);
                if running.bytes > self.config.reply_bytes_max {
                    return Err(FrameError::TooLong(self.config.reply_bytes_max).into());
                }
                running.untagged.push(untagged);
            }
            _ => self.outputs.push_back(Output::News(untagged, cause)),
        }
        Ok(())
    }

    fn on_code(&mut self, status: &StatusText) {
        if let Some(Code::Capability(known)) = &status.code {
            self.capabilities.clone_from(known);
        }
    }

    fn on_continue(&mut self, text: &str, cause: Cause) -> Result<(), ClientError> {
        let State::Busy(mut running) = std::mem::replace(&mut self.state, State::Closed) else {
            return Err(ClientError::Protocol("it asks for more of nothing"));
        };
        let why = running.cause;
        if !running.pieces.is_empty() {
            self.write(&mut running, why);
        } else if let Kind::Authenticate(exchange) = &mut running.kind {
            let challenge = STANDARD.decode(text.trim()).ok();
            let answer = challenge.and_then(|challenge| exchange.handle(&challenge).ok());
            // RFC 9051 §6.2.2: a star gives up.
            let line = answer.map_or("*".to_owned(), |answer| STANDARD.encode(answer));
            self.outputs.push_back(Output::Write(format!("{line}\r\n").into(), cause));
        } else if let Kind::Idle(idle) = &mut running.kind {
            *idle = IdleState::Idling;
            self.outputs.push_back(Output::Idling(cause));
        } else {
            return Err(ClientError::Protocol("it asks for more of nothing"));
        }
        self.state = State::Busy(running);
        Ok(())
    }

    fn on_end(&mut self, tag: &str, status: StatusText, cause: Cause) -> Result<(), ClientError> {
        let State::Busy(running) = std::mem::replace(&mut self.state, State::Closed) else {
            return Err(ClientError::Protocol("it ends a command that does not run"));
        };
        if running.tag != tag {
            return Err(ClientError::Protocol("it ends another command"));
        }
        let done = status.status == Status::Ok;
        let told = matches!(status.code, Some(Code::Capability(_)))
            || running.untagged.iter().any(|told| matches!(told, Untagged::Capability(_)));
        self.on_code(&status);
        match &running.kind {
            Kind::StartTls if done => {
                if !self.framer.is_empty() {
                    return Err(ClientError::Protocol("bytes before the handshake"));
                }
                // RFC 9051 §6.2.1: what was said in clear is forgotten.
                self.capabilities.clear();
                self.outputs.push_back(Output::BeginTls(cause));
                self.state = State::Securing(running);
                return Ok(());
            }
            Kind::Authenticate(exchange) if done => {
                exchange.finish().map_err(|_| ClientError::Unproved)?;
                self.forget_capabilities(told);
            }
            Kind::Select(_) if done => {
                if let Some(mirror) = &mut self.mirror {
                    mirror.on_selected(&status);
                }
            }
            Kind::Select(_) => self.mirror = None,
            Kind::Leave if done => self.mirror = None,
            _ => {}
        }
        self.state = State::Ready;
        let untagged = running.untagged;
        self.outputs.push_back(Output::Completed(Completed { status, untagged, cause }));
        Ok(())
    }

    /// RFC 9051 §6.2.2: after logging in they may be others.
    fn forget_capabilities(&mut self, told: bool) {
        if !told {
            self.capabilities.clear();
        }
    }
}

/// All responses of a server's whole stream.
///
/// # Errors
/// When one is not whole, or is no response.
pub(in crate::imap) fn read_responses(octets: &[u8]) -> Result<Vec<Response>, ClientError> {
    let mut framer = Framer::new(octets.len());
    framer.push(octets);
    let mut responses = Vec::new();
    while let Some(frame) = framer.take()? {
        let response = parse::response(&frame, NameForm::Utf8);
        responses.push(response.ok_or(ClientError::Protocol("a response that cannot be read"))?);
    }
    if framer.is_empty() { Ok(responses) } else { Err(ClientError::Ended) }
}

impl Completed {
    /// Whether the server did it.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.status.status == Status::Ok
    }
}

/// What a short response takes in memory beyond its octets.
const RESPONSE_BYTES: usize = 64;

#[cfg(test)]
mod tests;
