//! SMTP as people read it: each line, reply and message with its fields.
//!
//! ```text
//!   to the server:   command ─ command ─ (354) message ─ command ─ BDAT chunk …
//!   to the client:   reply ─ reply ─ …     each answers what was asked longest ago
//! ```

use std::collections::VecDeque;

use capa7_dissect::{Direction, Dissector, Message};

use crate::dissect::stream::{LINE_OCTETS_MAX, MESSAGE_OCTETS_MAX, Stream};
use crate::smtp::command::Command;
use crate::smtp::reply::REPLY_LINES_MAX;

mod fields;
mod meaning;

/// Reads both directions of one connection.
#[derive(Debug)]
pub struct SmtpDissector {
    to_server: Stream,
    to_client: Stream,
    mode: Mode,
    /// What the server has not answered yet.
    asked: VecDeque<Asked>,
}

/// What the client's next bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Commands,
    /// An AUTH exchange.
    Responses,
    /// A message until CRLF.CRLF.
    Message,
    /// So many octets of a chunk.
    Chunk(usize),
}

/// What a reply answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Connection,
    Hello,
    Mail,
    Recipient,
    Data,
    Message,
    StartTls,
    LogIn,
    Reset,
    Quit,
    Other,
}

impl SmtpDissector {
    /// For a connection from its beginning.
    #[must_use]
    pub fn new() -> Self {
        Self {
            to_server: Stream::default(),
            to_client: Stream::default(),
            mode: Mode::Commands,
            asked: VecDeque::from([Asked::Connection]),
        }
    }

    fn client_messages(&mut self) -> Vec<Message> {
        let mut messages = Vec::new();
        loop {
            let message = match self.mode {
                Mode::Commands => self.to_server.line().map(|line| self.command(&line)),
                Mode::Responses => self.to_server.line().map(|line| {
                    self.ask(Asked::LogIn);
                    fields::response(&line)
                }),
                Mode::Message => self.to_server.dotted().map(|(bytes, is_whole)| {
                    if is_whole {
                        self.mode = Mode::Commands;
                    }
                    fields::message(&bytes, is_whole)
                }),
                Mode::Chunk(octets) => self.to_server.octets(octets).map(|bytes| {
                    self.mode = match octets - bytes.len() {
                        0 => Mode::Commands,
                        left => Mode::Chunk(left),
                    };
                    fields::chunk(&bytes)
                }),
            };
            match message {
                Some(message) => messages.push(message),
                None => return messages,
            }
        }
    }

    fn command(&mut self, line: &[u8]) -> Message {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let parsed = Command::parse(text.strip_suffix(b"\r").unwrap_or(text));
        let asked = match &parsed {
            Ok(Command::Helo(_) | Command::Ehlo(_)) => Asked::Hello,
            Ok(Command::Mail(..)) => Asked::Mail,
            Ok(Command::Rcpt(..)) => Asked::Recipient,
            Ok(Command::Data) => Asked::Data,
            Ok(Command::Bdat(chunk)) => {
                let octets = usize::try_from(chunk.octets).unwrap_or(usize::MAX);
                if octets > 0 {
                    self.mode = Mode::Chunk(octets);
                }
                Asked::Message
            }
            Ok(Command::StartTls) => Asked::StartTls,
            Ok(Command::Auth { .. }) => Asked::LogIn,
            Ok(Command::Reset) => Asked::Reset,
            Ok(Command::Quit) => Asked::Quit,
            Ok(Command::Noop | Command::Verify(_) | Command::Expand(_) | Command::Help)
            | Err(_) => Asked::Other,
        };
        self.ask(asked);
        fields::command(line, &parsed)
    }

    fn ask(&mut self, asked: Asked) {
        if self.asked.len() < ASKED_MAX {
            self.asked.push_back(asked);
        }
    }

    fn server_messages(&mut self) -> Vec<Message> {
        let mut messages = Vec::new();
        while let Some(reply) = self.to_client.reply() {
            let asked = self.asked.pop_front().unwrap_or(Asked::Other);
            let code = fields::code(&reply);
            match (asked, code) {
                (Asked::Data, Some(354)) => {
                    self.mode = Mode::Message;
                    self.asked.push_front(Asked::Message);
                }
                (Asked::LogIn, Some(334)) => self.mode = Mode::Responses,
                (Asked::LogIn, _) => self.mode = Mode::Commands,
                (Asked::StartTls, Some(220)) => {
                    self.to_server.restart();
                    self.to_client.restart();
                    self.asked.clear();
                }
                // Refused in the middle: no end of the message will come.
                (Asked::Message, Some(400..)) if self.mode == Mode::Message => {
                    self.mode = Mode::Commands;
                    self.to_server.abandon();
                }
                _ => {}
            }
            messages.push(fields::reply(&reply, asked));
        }
        messages
    }
}

impl Default for SmtpDissector {
    fn default() -> Self {
        Self::new()
    }
}

impl Dissector for SmtpDissector {
    fn push(&mut self, direction: Direction, offset: u64, bytes: &[u8]) -> Vec<Message> {
        let stream = match direction {
            Direction::ToServer => &mut self.to_server,
            Direction::ToClient => &mut self.to_client,
        };
        let missing = stream.push(offset, bytes);
        let missing = missing.map(|(held, count)| fields::missing(&held, count));
        let mut messages: Vec<_> = missing.into_iter().collect();
        messages.extend(match direction {
            Direction::ToServer => self.client_messages(),
            Direction::ToClient => self.server_messages(),
        });
        messages
    }
}

impl Stream {
    /// The lines of a whole reply.
    fn reply(&mut self) -> Option<Vec<u8>> {
        let mut end = 0;
        for (index, line) in self.held().split_inclusive(|byte| *byte == b'\n').enumerate() {
            let is_line = line.ends_with(b"\n");
            if !is_line && line.len() <= LINE_OCTETS_MAX {
                return None;
            }
            end += line.len();
            if line.get(3) != Some(&b'-') || index >= REPLY_LINES_MAX {
                return Some(self.take(end));
            }
        }
        None
    }

    fn octets(&mut self, count: usize) -> Option<Vec<u8>> {
        if self.held().len() < count.min(MESSAGE_OCTETS_MAX) {
            return None;
        }
        Some(self.take(count))
    }
}

/// Commands whose replies are awaited; a client sends about 100 at once.
const ASKED_MAX: usize = 4_096;

#[cfg(test)]
mod tests;
