//! IMAP as people read it: each command and each response with its fields.
//!
//! ```text
//!   to the server:   command ─ command {n} literal ─ IDLE ─ DONE ─ …
//!   to the client:   * untagged ─ tag OK … ─ + continuation ─ …
//! ```

use std::collections::BTreeMap;

use capa7_dissect::{Direction, Dissector, Message};

use crate::dissect::imap::stream::{Frame, Literals, Stream};
use crate::imap::names::Names;

mod fields;
mod meaning;
mod stream;

/// Reads both directions of one connection.
#[derive(Debug)]
pub struct ImapDissector {
    to_server: Stream,
    to_client: Stream,
    mode: Mode,
    names: Names,
    /// Commands that the server has not answered, by tag.
    asked: BTreeMap<String, String>,
}

/// What the client's next line is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Mode {
    Commands,
    /// `AUTHENTICATE` waits for a continuation, or its end.
    LogIn,
    /// The answer to a continuation of `AUTHENTICATE`.
    Credentials,
    /// `DONE` (RFC 9051 §6.3.13).
    Idle,
}

impl ImapDissector {
    /// For a connection from its beginning.
    #[must_use]
    pub fn new() -> Self {
        Self {
            to_server: Stream::default(),
            to_client: Stream::default(),
            mode: Mode::Commands,
            names: Names::default(),
            asked: BTreeMap::new(),
        }
    }

    fn client_message(&mut self) -> Option<Message> {
        let literals = match self.mode {
            Mode::Commands | Mode::LogIn => Literals::InCommands,
            Mode::Credentials | Mode::Idle => Literals::Never,
        };
        let frame = self.to_server.frame(literals)?;
        if !frame.is_begin {
            return Some(fields::part(&frame));
        }
        match self.mode {
            Mode::Credentials => {
                self.mode = Mode::LogIn;
                return Some(fields::credentials(&frame));
            }
            Mode::Idle => {
                self.mode = Mode::Commands;
                return Some(fields::done(&frame));
            }
            Mode::Commands | Mode::LogIn => {}
        }
        let (tag, command) = fields::tag_and_command(&frame.bytes);
        match command.as_str() {
            "AUTHENTICATE" => self.mode = Mode::LogIn,
            "IDLE" => self.mode = Mode::Idle,
            _ => {}
        }
        if self.asked.len() < ASKED_MAX {
            self.asked.insert(tag, command);
        }
        Some(fields::command(&frame, self.names))
    }

    fn server_message(&mut self) -> Option<Message> {
        let frame = self.to_client.frame(Literals::InResponses)?;
        if !frame.is_begin {
            return Some(fields::part(&frame));
        }
        let words = fields::first_words(&frame.bytes);
        let (tag, status) = (words[0].as_str(), words[1].to_ascii_uppercase());
        let asked = match tag {
            "*" => None,
            "+" => {
                if self.mode == Mode::LogIn {
                    self.mode = Mode::Credentials;
                }
                Some(self.continued())
            }
            _ => self.asked.remove(tag),
        };
        match (tag, asked.as_deref()) {
            ("*", _) if status == "ENABLED" => self.on_enabled(&frame),
            ("*" | "+", _) => {}
            (_, Some("STARTTLS")) if status == "OK" => {
                self.to_server.restart();
                self.to_client.restart();
                self.asked.clear();
            }
            (_, Some("AUTHENTICATE" | "IDLE")) => self.mode = Mode::Commands,
            // Refused before its literal was sent: the literal will not come
            // (RFC 9051 §4.3).
            (tag, None) => self.to_server.abandon(tag.as_bytes()),
            _ => {}
        }
        Some(fields::response(&frame, asked.as_deref(), self.names))
    }

    /// What a continuation asks for.
    fn continued(&self) -> String {
        let word = match self.mode {
            Mode::Credentials => "AUTHENTICATE",
            Mode::Idle => "IDLE",
            Mode::Commands | Mode::LogIn => "",
        };
        word.to_owned()
    }

    /// Names travel in UTF-8 from here on (RFC 9051 §5.1, RFC 6855 §3).
    fn on_enabled(&mut self, frame: &Frame) {
        let text = String::from_utf8_lossy(&frame.bytes).to_ascii_uppercase();
        if text.split_whitespace().any(|word| matches!(word, "IMAP4REV2" | "UTF8=ACCEPT")) {
            self.names = Names::Utf8;
        }
    }
}

impl Default for ImapDissector {
    fn default() -> Self {
        Self::new()
    }
}

impl Dissector for ImapDissector {
    fn push(&mut self, direction: Direction, offset: u64, bytes: &[u8]) -> Vec<Message> {
        let stream = match direction {
            Direction::ToServer => &mut self.to_server,
            Direction::ToClient => &mut self.to_client,
        };
        let missing = stream.push(offset, bytes);
        let missing = missing.map(|(held, count)| fields::missing(&held, count));
        let mut messages: Vec<_> = missing.into_iter().collect();
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

/// Commands whose answers are awaited.
const ASKED_MAX: usize = 4_096;

#[cfg(test)]
mod tests;
