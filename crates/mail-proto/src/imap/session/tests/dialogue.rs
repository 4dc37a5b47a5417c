//! Several clients at one account, and what they say, as text:
//!
//! ```text
//!   1C: a NOOP           client 1 says this and CR LF
//!   1S: a OK …           and hears exactly this
//! ```

use std::sync::Arc;
use std::time::Duration;

use capa7_dissect::Cause;

use crate::imap::fuzzing::model::{Model, Staged};
use crate::imap::session::{CleartextLogin, Input, Output, Session, SessionConfig, Tls};
use crate::imap::store::StoreReply;

/// Sessions on one store.
pub(in super::super) struct Table {
    pub(in super::super) model: Model,
    pub(in super::super) clients: Vec<Client>,
    pub(in super::super) now: Duration,
}

pub(in super::super) struct Client {
    pub(in super::super) session: Session,
    staged: Staged,
    pub(in super::super) heard: Vec<u8>,
    pub(in super::super) is_closed: bool,
    seen: u64,
}

impl Table {
    /// `count` clients that have heard the greeting.
    pub(in super::super) fn new(count: usize) -> Self {
        Self::with(count, Self::config(), Tls::Offered)
    }

    fn config() -> SessionConfig {
        let mut config = SessionConfig::new("mail.example".to_owned());
        config.cleartext_login = CleartextLogin::Allowed;
        config.append_octets_max = 100_000;
        config
    }

    pub(in super::super) fn with(count: usize, config: SessionConfig, tls: Tls) -> Self {
        let config = Arc::new(config);
        let client = |_| Client {
            session: Session::new(Arc::clone(&config), tls, [3; 18]),
            staged: Staged::default(),
            heard: Vec::new(),
            is_closed: false,
            seen: 0,
        };
        let clients = (0..count).map(client).collect();
        let mut table = Self { model: Model::default(), clients, now: Duration::ZERO };
        for client in 0..count {
            table.give(client, Input::Connected { cause: Cause(1) });
            table.clients[client].heard.clear();
        }
        table
    }

    /// Clients that have logged in.
    pub(in super::super) fn users(count: usize) -> Self {
        Self::new(count).logged_in()
    }

    /// Clients that have logged in and may be wrong as often as they like.
    pub(in super::super) fn clumsy_users(count: usize) -> Self {
        let mut config = Self::config();
        config.bad_commands_max = u32::MAX;
        Self::with(count, config, Tls::Offered).logged_in()
    }

    fn logged_in(mut self) -> Self {
        for client in 0..self.clients.len() {
            self.say(client, b"l LOGIN andrea secret\r\n");
            self.clients[client].heard.clear();
        }
        self
    }

    pub(in super::super) fn give(&mut self, client: usize, input: Input<'_>) {
        self.clients[client].session.handle(self.now, input);
        self.drain(client);
    }

    pub(in super::super) fn say(&mut self, client: usize, octets: &[u8]) {
        self.notify(client);
        self.give(client, Input::Octets { octets, cause: Cause(2) });
        for client in 0..self.clients.len() {
            if self.clients[client].session.is_idling() {
                self.notify(client);
            }
        }
    }

    /// Tells a client's session that the store changed since it was told last.
    pub(in super::super) fn notify(&mut self, client: usize) {
        let mod_seq = self.model.mod_seq();
        if std::mem::replace(&mut self.clients[client].seen, mod_seq) != mod_seq {
            self.give(client, Input::Changed { cause: Cause(9) });
        }
    }

    fn drain(&mut self, index: usize) {
        let client = &mut self.clients[index];
        while let Some(output) = client.session.poll() {
            let input = match output {
                Output::Send { octets, .. } => {
                    client.heard.extend_from_slice(&octets);
                    continue;
                }
                Output::Wake { .. } => continue,
                Output::Close => {
                    client.is_closed = true;
                    continue;
                }
                Output::StartTls => Input::TlsStarted,
                Output::CheckPassword { user, password } => {
                    let is_right = password.as_str() == "secret";
                    Input::PasswordChecked(is_right.then_some(user))
                }
                Output::NeedScram { .. } => Input::Scram(None),
                Output::OpenAccount { .. } => Input::AccountOpened(Ok(StoreReply::Done)),
                Output::Store { request, .. } => {
                    Input::Stored(self.model.handle(&mut client.staged, request))
                }
            };
            client.session.handle(self.now, input);
        }
    }

    /// Plays a dialogue of lines; every line that a client hears is written.
    pub(in super::super) fn play(&mut self, dialogue: &str) {
        let mut expected = vec![String::new(); self.clients.len()];
        let lines = dialogue.lines().map(str::trim).filter(|line| !line.is_empty());
        for line in lines {
            let (who, text) = line.split_once(' ').unwrap_or((line, ""));
            let (number, side) = who.split_at(who.len() - 2);
            let client = number.parse::<usize>().map_or(0, |number| number - 1);
            if side == "S:" {
                expected[client].push_str(&format!("{text}\n"));
                continue;
            }
            self.compare(&mut expected);
            self.say(client, format!("{text}\r\n").as_bytes());
        }
        self.compare(&mut expected);
    }

    fn compare(&mut self, expected: &mut [String]) {
        for (client, expected) in self.clients.iter_mut().zip(expected) {
            let heard =
                String::from_utf8_lossy(&client.heard).replace("\r\n", "\n").replace("+ \n", "+\n");
            assert_eq!(heard, *expected);
            (client.heard, *expected) = (Vec::new(), String::new());
        }
    }

    /// What a client hears when it says something.
    pub(in super::super) fn ask(&mut self, client: usize, line: &str) -> String {
        self.say(client, format!("{line}\r\n").as_bytes());
        let heard = std::mem::take(&mut self.clients[client].heard);
        String::from_utf8(heard).expect("text")
    }
}
