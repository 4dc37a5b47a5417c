//! Claims about whole sessions.

use std::sync::Arc;
use std::time::Duration;

use capa7_dissect::{Cause, Direction, Dissector as _};

use crate::dissect::imap::ImapDissector;
use crate::fuzzing::explained;
use crate::imap::client::read_responses;
use crate::imap::fuzzing::model::{Model, Staged};
use crate::imap::response::{Response, Status, Untagged};
use crate::imap::session::{CleartextLogin, Input, Output, Session, SessionConfig, Tls};
use crate::imap::store::StoreReply;
use crate::mailbox::MailboxName;

/// Whatever a client says, and however it is cut, the same comes out: whole
/// responses that our client can read, at most one with a tag for each line that
/// begins with it; all of the dialogue is explained. With news and TLS on the way
/// the session does not ask for what it did not wait for.
pub fn session(octets: &[u8]) {
    let octets = octets.get(..OCTETS_MAX).unwrap_or(octets);
    let whole = Dialogue::of(octets, octets.len().max(1), Around::Quiet);
    let cut = usize::from(octets.first().copied().unwrap_or_default() % 13) + 1;
    let pieces = Dialogue::of(octets, cut, Around::Quiet);
    assert_eq!(pieces.outcome(), whole.outcome(), "cut at {cut}");
    Dialogue::of(octets, 97, Around::Busy);
}

/// Longer streams are for the bounds of lines, which tests look at.
const OCTETS_MAX: usize = 4_096;
/// A client can double a mailbox with a line.
const MESSAGES_MAX: usize = 48;
/// What is in the mailbox at first, and what arrives.
const MESSAGE: &[u8] =
    b"From: a@x\r\nSubject: s\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
    --b\r\n\r\nbody\r\n--b\r\nContent-Transfer-Encoding: base64\r\n\r\nw6E=\r\n--b--\r\n";

/// What happens beside the client.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Around {
    Quiet,
    /// Messages arrive while it idles, and TLS is offered.
    Busy,
}

#[derive(Debug)]
struct Dialogue {
    session: Session,
    model: Model,
    staged: Staged,
    dissector: ImapDissector,
    said: Vec<u8>,
    is_closed: bool,
    is_within_tls: bool,
}

impl Dialogue {
    fn of(octets: &[u8], cut: usize, around: Around) -> Self {
        let mut config = SessionConfig::new("fuzz".to_owned());
        config.cleartext_login = CleartextLogin::Allowed;
        config.bad_commands_max = 1_000;
        config.append_octets_max = 4_096;
        let tls = if around == Around::Busy { Tls::Offered } else { Tls::Never };
        let mut dialogue = Self {
            session: Session::new(Arc::new(config), tls, [7; 18]),
            model: Model::default(),
            staged: Staged::default(),
            dissector: ImapDissector::new(),
            said: Vec::new(),
            is_closed: false,
            is_within_tls: false,
        };
        dialogue.model.messages_max = MESSAGES_MAX;
        dialogue.deliver();
        dialogue.give(Input::Connected { cause: Cause::NONE });
        dialogue.hear(octets, cut, around);
        dialogue.check(octets);
        dialogue
    }

    fn hear(&mut self, octets: &[u8], cut: usize, around: Around) {
        let mut heard = 0;
        for (turn, octets) in octets.chunks(cut).enumerate() {
            if around == Around::Busy && self.session.is_idling() && turn % 2 == 0 {
                self.deliver();
                self.give(Input::Changed { cause: Cause(3) });
            }
            if self.is_closed {
                return;
            }
            assert!(self.session.is_reading(), "with nothing left to do a session reads");
            if !self.is_within_tls {
                let told = self.dissector.push(Direction::ToServer, heard, octets);
                told.iter().for_each(explained);
                heard += octets.len() as u64;
            }
            self.give(Input::Octets { octets, cause: Cause(2) });
        }
    }

    /// What must not depend on the cut.
    fn outcome(&self) -> (String, bool, u64) {
        let said = String::from_utf8_lossy(&self.said).into_owned();
        (said, self.is_closed, self.model.mod_seq())
    }

    fn deliver(&mut self) {
        self.model.deliver(&MailboxName::inbox(), MESSAGE, Default::default());
    }

    fn give(&mut self, input: Input<'_>) {
        let before = self.said.len();
        self.session.handle(Duration::ZERO, input);
        self.obey();
        if self.is_within_tls {
            return;
        }
        let said = self.said.get(before..).unwrap_or_default();
        for message in self.dissector.push(Direction::ToClient, before as u64, said) {
            explained(&message);
            assert_eq!(message.malformed, None, "{message:?}");
        }
    }

    /// Does what the session wants, until it waits for its client.
    fn obey(&mut self) {
        while let Some(output) = self.session.poll() {
            assert!(!self.is_closed, "nothing follows the end");
            let input = match output {
                Output::Send { octets, .. } => {
                    self.said.extend_from_slice(&octets);
                    continue;
                }
                Output::StartTls => {
                    self.is_within_tls = true;
                    Input::TlsStarted
                }
                Output::CheckPassword { user, .. } => Input::PasswordChecked(Some(user)),
                Output::NeedScram { .. } => Input::Scram(None),
                Output::OpenAccount { .. } => Input::AccountOpened(Ok(StoreReply::Done)),
                Output::Store { request, .. } => {
                    Input::Stored(self.model.handle(&mut self.staged, request))
                }
                Output::Wake { .. } => continue,
                Output::Close => {
                    self.is_closed = true;
                    continue;
                }
            };
            self.session.handle(Duration::ZERO, input);
        }
    }

    fn check(&self, heard: &[u8]) {
        let shown = String::from_utf8_lossy(&self.said);
        let responses = read_responses(&self.said).expect("our client reads what our server says");
        let greets =
            |told: &Untagged| matches!(told, Untagged::Status(it) if it.status == Status::Ok);
        let is_greeted = matches!(responses.first(), Some(Response::Untagged(it)) if greets(it));
        assert!(is_greeted, "{shown}");
        let mut tags: Vec<&str> = Vec::new();
        for response in &responses {
            match response {
                Response::Tagged { tag, .. } => tags.push(tag),
                Response::Untagged(told) => {
                    assert!(!matches!(told, Untagged::Other(_)), "{told:?} in {shown}");
                }
                Response::Continue { .. } => {}
            }
        }
        // What was slipped in behind STARTTLS is not heard: lines begin anew.
        if self.is_within_tls {
            return;
        }
        tags.sort_unstable();
        for same in tags.chunk_by(|one, other| one == other) {
            let tag = same.first().copied().unwrap_or_default();
            let begun = begun_with(heard, tag.as_bytes());
            assert!(same.len() <= begun, "{tag} ends {} of {begun} commands", same.len());
        }
    }
}

/// Lines that begin with that tag: no more commands can have it.
fn begun_with(heard: &[u8], tag: &[u8]) -> usize {
    heard.split(|byte| *byte == b'\n').filter(|line| line.starts_with(tag)).count()
}
