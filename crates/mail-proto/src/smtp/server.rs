//! A server's side of one session, without sockets (RFC 5321 §3).
//!
//! ```text
//!                 EHLO, HELO       MAIL            DATA, BDAT
//!   (greeting) ──▶ Commands ──────▶ Commands ─────▶ Data, Chunk
//!                   ▲  │ no message  ▲ │ a message     │
//!     STARTTLS,     │  ▼             │ ▼ RCPT          │ CRLF.CRLF, LAST
//!     AUTH        Tls, LogIn      Recipient          Deciding ── 250 ──▶ Commands
//! ```
//!
//! Bytes go in through [`Session::handle`]; what is to be done comes out of
//! [`Session::poll`]. After an output that asks something, nothing more is
//! read until its answer is an input.

use std::collections::VecDeque;
use std::sync::Arc;

use capa7_dissect::Cause;

use super::command::{self, Command, CommandError, RecipientPath};
use super::line::Inbox;
use super::refusal::Refusal;
use super::reply::Reply;
use crate::address::Address;

mod config;
mod greeting;
mod input;
mod login;
mod taking;
mod transaction;

pub use config::{AuthPolicy, Offers, Peer, Role, SenderPolicy, SessionConfig};
pub use input::{
    Acceptance, Input, Output, PasswordVerdict, RecipientVerdict, SenderVerdict, Stage,
};

use login::LogIn;
use taking::{Chunk, Data};
use transaction::{AskedRecipient, Transaction};

/// One session of a server.
#[derive(Debug)]
pub struct Session {
    config: Arc<SessionConfig>,
    peer: Peer,
    state: State,
    inbox: Inbox,
    outbox: VecDeque<Output>,
    hello: Option<Hello>,
    user: Option<String>,
    counts: Counts,
    is_stopping: bool,
    /// The greeting said that nothing is taken from this client.
    is_turned_away: bool,
    /// The event of the last bytes.
    cause: Cause,
    /// Seconds since 1970.
    now_s: i64,
}

/// Where the session is. A state that waits for an answer takes no bytes.
#[derive(Debug)]
enum State {
    /// Waits for [`Input::Policy`] about the greeting.
    Greeting,
    /// A command is next; perhaps a message has begun.
    Commands(Option<Transaction>),
    /// Waits for [`Input::Policy`] about the command.
    Policy(Box<Command>, Option<Transaction>),
    /// Waits for [`Input::Sender`].
    Sender(Transaction),
    /// Waits for [`Input::Recipient`].
    Recipient(Transaction, AskedRecipient),
    /// Data come, until CRLF.CRLF.
    Data(Data),
    /// A chunk comes, until its last octet.
    Chunk(Chunk),
    /// Waits for [`Input::Message`].
    Deciding,
    /// A log-in is under way.
    LogIn(LogIn),
    /// Waits for [`Input::TlsBegan`].
    Tls,
    /// Over.
    Closed,
}

/// How the client greeted.
#[derive(Debug)]
struct Hello {
    name: String,
    extended: bool,
}

#[derive(Debug, Default)]
struct Counts {
    errors: u32,
    idle_commands: u32,
    auth_failures: u32,
    messages: u64,
    /// Commands, and pieces of data.
    steps: u64,
    nonces: u32,
}

/// What a step of the session leads to.
enum Next {
    /// Another step may be possible.
    Again(State),
    /// Bytes or an answer must come first.
    Wait(State),
}

impl Session {
    /// A session that has just begun: its greeting is the first output.
    #[must_use]
    pub fn new(config: Arc<SessionConfig>, peer: Peer) -> Self {
        let asks_policy = config.asks_policy;
        let mut session = Self {
            config,
            peer,
            state: State::Greeting,
            inbox: Inbox::default(),
            outbox: VecDeque::new(),
            hello: None,
            user: None,
            counts: Counts::default(),
            is_stopping: false,
            is_turned_away: false,
            cause: Cause::NONE,
            now_s: 0,
        };
        if asks_policy {
            session.ask_policy(Stage::Greeting, None);
        } else {
            session.state = session.greet(None);
        }
        session
    }

    /// Something happened, at a moment in seconds since 1970.
    pub fn handle(&mut self, now_s: i64, input: Input<'_>) {
        self.now_s = now_s;
        let state = std::mem::replace(&mut self.state, State::Closed);
        self.state = match (input, state) {
            (_, State::Closed) => State::Closed,
            (Input::Bytes { bytes, cause }, state) => {
                self.cause = cause;
                self.inbox.push(bytes);
                state
            }
            (Input::Policy(refusal), State::Greeting) => self.greet(refusal),
            (Input::Policy(refusal), State::Policy(command, begun)) => {
                self.on_policy(refusal, *command, begun)
            }
            (Input::Sender(verdict), State::Sender(begun)) => self.on_sender(verdict, begun),
            (Input::Recipient(verdict), State::Recipient(begun, asked)) => {
                self.on_recipient(verdict, begun, asked)
            }
            (Input::Password(verdict), State::LogIn(login)) => self.on_password(verdict, login),
            (Input::Scram(credentials), State::LogIn(login)) => self.on_scram(credentials, login),
            (Input::Message(acceptance), State::Deciding) => self.on_acceptance(acceptance),
            (Input::TlsBegan(version), State::Tls) => self.on_tls(version),
            (Input::TimedOut, state) => self.end(&Refusal::TimedOut, state),
            (Input::Stopping, state) => {
                self.is_stopping = true;
                state
            }
            (_, state) => state,
        };
        self.advance();
    }

    /// What is to be done next.
    pub fn poll(&mut self) -> Option<Output> {
        self.outbox.pop_front()
    }

    /// Grows with every command, and with every KiB of data: a client for whom it
    /// stands still is idle.
    #[must_use]
    pub const fn steps(&self) -> u64 {
        self.counts.steps
    }

    /// Whether the session is over.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    fn advance(&mut self) {
        loop {
            let state = std::mem::replace(&mut self.state, State::Closed);
            let next = match state {
                State::Commands(begun) if self.is_stopping => {
                    Next::Wait(self.end(&Refusal::Stopping, State::Commands(begun)))
                }
                State::LogIn(login) if self.is_stopping && login.waits_for_line() => {
                    Next::Wait(self.end(&Refusal::Stopping, State::LogIn(login)))
                }
                State::Commands(begun) => self.on_command(begun),
                State::Data(data) => self.on_data(data),
                State::Chunk(chunk) => self.on_chunk(chunk),
                State::LogIn(login) => self.on_login_line(login),
                waiting => Next::Wait(waiting),
            };
            match next {
                Next::Again(state) => self.state = state,
                Next::Wait(state) => {
                    self.state = state;
                    return;
                }
            }
        }
    }

    fn on_command(&mut self, begun: Option<Transaction>) -> Next {
        let line = match self.inbox.next_line(command::line_octets_max) {
            Ok(None) => return Next::Wait(State::Commands(begun)),
            Ok(Some(line)) => line,
            Err(fault) => return self.refuse(&Refusal::Line(fault), State::Commands(begun)),
        };
        self.counts.steps += 1;
        let command = match Command::parse(&line) {
            Ok(command) => command,
            // What follows a request is text that whoever wrote the form has chosen.
            Err(CommandError::Unknown(_)) if is_web_request(&line) => {
                return self.refuse(&Refusal::WebClient, State::Commands(begun));
            }
            Err(error) => return self.refuse(&Refusal::Command(error), State::Commands(begun)),
        };
        // RFC 5321 §3.1: after a greeting of 554 only QUIT is obeyed.
        if self.is_turned_away && command != Command::Quit {
            let refusal = Refusal::Sequence("no mail is taken from you here; say QUIT");
            return self.refuse(&refusal, State::Commands(begun));
        }
        if is_idle(&command) {
            self.counts.idle_commands += 1;
            if self.counts.idle_commands > self.config.idle_commands_max {
                return self.refuse(&Refusal::ManyIdleCommands, State::Commands(begun));
            }
        }
        if let Some(stage) = stage_of(&command).filter(|_| self.config.asks_policy) {
            let recipient = match &command {
                Command::Rcpt(RecipientPath::Path(path), _) => Some(path.0.clone()),
                _ => None,
            };
            self.ask_policy(stage, recipient);
            return Next::Wait(State::Policy(Box::new(command), begun));
        }
        self.obey(command, begun)
    }

    fn ask_policy(&mut self, stage: Stage, recipient: Option<Address>) {
        self.outbox.push_back(Output::AskPolicy { stage, recipient, cause: self.cause });
    }

    fn on_policy(
        &mut self,
        refusal: Option<Reply>,
        command: Command,
        begun: Option<Transaction>,
    ) -> State {
        let Some(reply) = refusal else {
            return match self.obey(command, begun) {
                Next::Again(state) | Next::Wait(state) => state,
            };
        };
        self.say(&reply);
        // RFC 5321 §3.8: 421 is said when the server closes.
        if reply.is_closing() {
            self.abandon(begun);
            return self.close();
        }
        State::Commands(begun)
    }

    fn obey(&mut self, command: Command, begun: Option<Transaction>) -> Next {
        match command {
            // RFC 5321 §4.1.4: a new greeting ends what was begun, as RSET does.
            Command::Helo(name) => self.on_hello(Hello { name, extended: false }, begun),
            Command::Ehlo(name) => self.on_hello(Hello { name, extended: true }, begun),
            Command::Mail(from, parameters) => self.on_mail(from, parameters, begun),
            Command::Rcpt(to, parameters) => self.on_rcpt(to, parameters, begun),
            Command::Data => self.on_data_command(begun),
            Command::Bdat(chunk) => self.on_bdat(chunk, begun),
            Command::Reset => {
                self.abandon(begun);
                self.say(&Reply::new(250, Some((0, 0)), "begin anew"));
                Next::Again(State::Commands(None))
            }
            Command::Noop => {
                self.say(&Reply::new(250, Some((0, 0)), "nothing done"));
                Next::Again(State::Commands(begun))
            }
            Command::Quit => {
                self.abandon(begun);
                let goodbye = format!("{} closes; goodbye", self.config.hostname);
                self.say(&Reply::new(221, Some((0, 0)), goodbye));
                Next::Wait(self.close())
            }
            // RFC 5321 §3.5.3, §7.3: who exists is not told to everybody.
            Command::Verify(_) => {
                let text = "that is not told here; send, and RCPT will say";
                self.say(&Reply::new(252, Some((5, 2)), text));
                Next::Again(State::Commands(begun))
            }
            Command::Expand(_) => self.refuse(&Refusal::NotOffered("EXPN"), State::Commands(begun)),
            Command::Help => {
                self.say(&help());
                Next::Again(State::Commands(begun))
            }
            Command::StartTls => self.on_starttls(begun),
            Command::Auth { mechanism, initial } => self.on_auth(&mechanism, initial, begun),
        }
    }

    /// Says no and goes on in `state`, or ends the session.
    fn refuse(&mut self, refusal: &Refusal, state: State) -> Next {
        if refusal.ends_session() {
            return Next::Wait(self.end(refusal, state));
        }
        self.say(&refusal.reply());
        self.counts.errors += 1;
        if self.counts.errors > self.config.errors_max {
            return Next::Wait(self.end(&Refusal::ManyErrors, state));
        }
        Next::Again(state)
    }

    fn end(&mut self, refusal: &Refusal, state: State) -> State {
        match state {
            State::Commands(begun) | State::Policy(_, begun) => self.abandon(begun),
            State::Data(_) => self.outbox.push_back(Output::AbandonMessage),
            State::Chunk(chunk) if chunk.has_begun() => {
                self.outbox.push_back(Output::AbandonMessage);
            }
            _ => {}
        }
        self.say(&refusal.reply());
        self.close()
    }

    fn close(&mut self) -> State {
        self.inbox.clear();
        self.outbox.push_back(Output::Close);
        State::Closed
    }

    /// Forgets a message that has begun.
    fn abandon(&mut self, begun: Option<Transaction>) {
        if begun.is_some_and(|begun| begun.holds_content()) {
            self.outbox.push_back(Output::AbandonMessage);
        }
    }

    /// Replies that follow each other leave together (RFC 2920 §3.2).
    fn say(&mut self, reply: &Reply) {
        if let Some(Output::Write(bytes)) = self.outbox.back_mut() {
            reply.write(bytes);
            return;
        }
        let mut bytes = Vec::new();
        reply.write(&mut bytes);
        self.outbox.push_back(Output::Write(bytes));
    }
}

/// Which commands a policy may refuse.
const fn stage_of(command: &Command) -> Option<Stage> {
    match command {
        Command::Helo(_) | Command::Ehlo(_) => Some(Stage::Hello),
        Command::Mail(..) => Some(Stage::Mail),
        Command::Rcpt(..) => Some(Stage::Recipient),
        Command::Data => Some(Stage::Data),
        _ => None,
    }
}

/// Whether a command brings no message nearer.
const fn is_idle(command: &Command) -> bool {
    !matches!(
        command,
        Command::Mail(..) | Command::Rcpt(..) | Command::Data | Command::Bdat(_) | Command::Quit
    )
}

/// Whether a line is the first one of HTTP: `POST / HTTP/1.1`.
fn is_web_request(line: &[u8]) -> bool {
    line.windows(6).any(|some| some == b" HTTP/")
}

fn help() -> Reply {
    let mut reply = Reply::new(214, Some((0, 0)), "one message after the other, each with:");
    reply.lines.push("MAIL FROM:<you@your.domain>".to_owned());
    reply.lines.push("RCPT TO:<name@domain>   as often as you like".to_owned());
    reply.lines.push("DATA                    then the text, then a line with one dot".to_owned());
    reply.lines.push("Others: EHLO HELO BDAT RSET NOOP VRFY STARTTLS AUTH QUIT".to_owned());
    reply
}

#[cfg(test)]
mod tests;
