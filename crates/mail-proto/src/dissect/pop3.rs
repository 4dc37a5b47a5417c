//! POP3 as people read it: each command, and each reply with what it brings.
//!
//! ```text
//!   to the server:   command ─ command ─ (+) response ─ …
//!   to the client:   greeting ─ reply ─ reply and lines, ended by a dot ─ …
//!                    each answers what was asked longest ago
//! ```

use std::collections::VecDeque;

use capa7_dissect::{Direction, Dissector, Message};

use crate::dissect::pop3::asked::Asked;
use crate::dissect::stream::Stream;

mod asked;
mod fields;
mod meaning;

/// Reads both directions of one connection.
#[derive(Debug)]
pub struct Pop3Dissector {
    to_server: Stream,
    to_client: Stream,
    /// The client's next line is part of a log-in.
    responds: bool,
    /// What the server has not answered yet.
    asked: VecDeque<Asked>,
    /// The reply that goes on: it was too long to hold.
    continues: Option<Asked>,
}

/// How a reply begins (RFC 1939 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Ok,
    Error,
    /// A step of a log-in (RFC 5034 §4).
    Challenge,
    Strange,
}

impl Status {
    fn of(line: &[u8]) -> Self {
        let word = line.split(|byte| b" \r\n".contains(byte)).next().unwrap_or_default();
        match word {
            b"+OK" => Self::Ok,
            b"-ERR" => Self::Error,
            b"+" => Self::Challenge,
            _ => Self::Strange,
        }
    }
}

impl Pop3Dissector {
    /// For a connection from its beginning.
    #[must_use]
    pub fn new() -> Self {
        Self {
            to_server: Stream::default(),
            to_client: Stream::default(),
            responds: false,
            asked: VecDeque::from([Asked::Connection]),
            continues: None,
        }
    }

    fn client_message(&mut self) -> Option<Message> {
        let line = self.to_server.line()?;
        if std::mem::take(&mut self.responds) {
            self.ask(Asked::LogIn);
            return Some(fields::response(&line));
        }
        let asked = Asked::by(&line);
        self.ask(asked);
        Some(fields::command(&line, asked))
    }

    fn ask(&mut self, asked: Asked) {
        if self.asked.len() < ASKED_MAX {
            self.asked.push_back(asked);
        }
    }

    fn server_message(&mut self) -> Option<Message> {
        if let Some(asked) = self.continues {
            let (bytes, is_whole) = self.to_client.dotted()?;
            if is_whole {
                self.continues = None;
            }
            return Some(fields::rest(&bytes, asked, is_whole));
        }
        let first = self.to_client.line_octets()?;
        let status = Status::of(self.to_client.held());
        let asked = self.asked.front().copied().unwrap_or(Asked::Other);
        if !(status == Status::Ok && asked.brings_lines()) {
            let line = self.to_client.take(first);
            self.answered(asked, status);
            return Some(fields::reply(&line, line.len(), asked, status, true));
        }
        let (bytes, is_whole) = match self.to_client.dot_end(first) {
            Some(end) => (self.to_client.take(end), true),
            None => (self.to_client.part()?, false),
        };
        if !is_whole {
            self.continues = Some(asked);
        }
        self.answered(asked, status);
        Some(fields::reply(&bytes, first, asked, status, is_whole))
    }

    fn answered(&mut self, asked: Asked, status: Status) {
        self.asked.pop_front();
        match (asked, status) {
            (Asked::LogIn, Status::Challenge) => match self.asked.front_mut() {
                // It was sent before the challenge came, and read as a command.
                Some(response) => *response = Asked::LogIn,
                None => self.responds = true,
            },
            // RFC 2595 §4: the dialogue goes on within TLS, without a greeting.
            (Asked::Stls, Status::Ok) => {
                self.to_server.restart();
                self.to_client.restart();
                self.asked.clear();
            }
            _ => {}
        }
    }

    /// Octets of the server were not seen: what was held was the beginning of
    /// a reply that goes on behind them.
    fn on_gap(&mut self, held: &[u8]) {
        let asked = self.asked.front().copied().unwrap_or(Asked::Other);
        if self.continues.is_none() && Status::of(held) == Status::Ok && asked.brings_lines() {
            self.asked.pop_front();
            self.continues = Some(asked);
        }
    }
}

impl Default for Pop3Dissector {
    fn default() -> Self {
        Self::new()
    }
}

impl Dissector for Pop3Dissector {
    fn push(&mut self, direction: Direction, offset: u64, bytes: &[u8]) -> Vec<Message> {
        let stream = match direction {
            Direction::ToServer => &mut self.to_server,
            Direction::ToClient => &mut self.to_client,
        };
        let mut messages = Vec::new();
        if let Some((held, count)) = stream.push(offset, bytes) {
            if direction == Direction::ToClient {
                self.on_gap(&held);
            }
            messages.push(fields::missing(&held, count));
        }
        loop {
            let message = match direction {
                Direction::ToServer => self.client_message(),
                Direction::ToClient => self.server_message(),
            };
            match message {
                Some(message) => messages.push(message),
                None => return messages,
            }
        }
    }
}

/// Commands whose replies are awaited.
const ASKED_MAX: usize = 4_096;

#[cfg(test)]
mod tests;
