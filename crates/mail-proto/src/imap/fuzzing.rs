//! What the fuzz targets claim, so that tests replay their corpora on the
//! stable toolchain, and the model of a store that the tests share.
//!
//! Each function panics when its claim is broken.

use std::sync::Arc;
use std::time::Duration;

use capa7_dissect::Cause;

use crate::imap::command::{AppendPart, Command};
use crate::imap::frame::{Frame, FrameLimits, Framer, LineKind};
use crate::imap::names::Names;
use crate::imap::session::{CleartextLogin, Input, Output, Session, SessionConfig, Tls};
use crate::imap::store::StoreReply;

pub mod model;

use model::{Model, Staged};

/// Any octets are frames that hold no more than their bounds, whatever pieces
/// they come in, and every frame is a command or an error.
pub fn commands(octets: &[u8]) {
    let whole = frames(octets, octets.len().max(1));
    for piece in [1, 5] {
        assert_eq!(frames(octets, piece), whole, "pieces do not matter");
    }
    for frame in whole {
        let Frame::Command(command) = frame else { continue };
        for names in [Names::ModifiedUtf7, Names::Utf8] {
            let parsed = Command::parse(&command, names);
            assert!(parsed.tag.is_some() || parsed.command.is_err());
        }
        let begin = [&command, b"\r\n".as_slice()].concat();
        if let Some((tag, _)) = AppendPart::parse_begin(&begin, Names::Utf8) {
            assert!(!tag.is_empty());
        }
    }
}

fn frames(octets: &[u8], piece: usize) -> Vec<Frame> {
    let limits = FrameLimits {
        line_octets_max: 512,
        literal_octets_max: 256,
        literals_max: 4,
        command_octets_max: 1_024,
    };
    let mut framer = Framer::new(limits);
    let mut found = Vec::new();
    for octets in octets.chunks(piece) {
        framer.push(octets);
        while let Some(frame) = framer.next(LineKind::Command) {
            if let Frame::Literal(_) = frame
                && framer.hold().is_err()
            {
                framer.refuse();
            }
            if let Frame::Command(command) = &frame {
                assert!(command.len() <= limits.command_octets_max);
            }
            // How much of a line that is too long is known depends on pieces.
            found.push(if let Frame::TooLong(_) = frame {
                Frame::TooLong(Vec::new())
            } else {
                frame
            });
        }
        assert!(framer.command().len() <= limits.command_octets_max);
    }
    found
}

/// Whatever a client says, its session answers in whole lines, holds little,
/// and does not ask for what it did not wait for.
pub fn session(octets: &[u8]) {
    let mut config = SessionConfig::new("fuzz".to_owned());
    config.cleartext_login = CleartextLogin::Allowed;
    config.bad_commands_max = 1_000;
    config.append_octets_max = 4_096;
    let mut session = Session::new(Arc::new(config), Tls::Offered, [7; 18]);
    let (mut model, mut staged) = (Model::default(), Staged::default());
    let message = b"From: a@x\r\nSubject: s\r\n\r\nbody\r\n";
    model.deliver(&crate::mailbox::MailboxName::inbox(), message, Default::default());
    session.handle(Duration::ZERO, Input::Connected { cause: Cause::NONE });
    let mut said = Vec::new();
    if drain(&mut session, &mut model, &mut staged, &mut said) {
        return;
    }
    for (turn, octets) in octets.chunks(97).enumerate() {
        if session.is_idling() && turn % 2 == 0 {
            model.deliver(&crate::mailbox::MailboxName::inbox(), message, Default::default());
            session.handle(Duration::ZERO, Input::Changed { cause: Cause(3) });
            if drain(&mut session, &mut model, &mut staged, &mut said) {
                break;
            }
        }
        assert!(session.is_reading(), "with nothing left to do a session reads");
        session.handle(Duration::ZERO, Input::Octets { octets, cause: Cause(2) });
        if drain(&mut session, &mut model, &mut staged, &mut said) {
            break;
        }
    }
    assert!(said.ends_with(b"\r\n"), "a server ends its lines");
}

/// Does what the session wants; whether it has ended.
fn drain(
    session: &mut Session,
    model: &mut Model,
    staged: &mut Staged,
    said: &mut Vec<u8>,
) -> bool {
    while let Some(output) = session.poll() {
        let now = Duration::ZERO;
        match output {
            Output::Send { octets, .. } => {
                said.extend_from_slice(&octets);
                let old = said.len().saturating_sub(1_024);
                said.drain(..old);
            }
            Output::StartTls => session.handle(now, Input::TlsStarted),
            Output::CheckPassword { user, .. } => {
                session.handle(now, Input::PasswordChecked(Some(user)));
            }
            Output::NeedScram { .. } => session.handle(now, Input::Scram(None)),
            Output::OpenAccount { .. } => {
                session.handle(now, Input::AccountOpened(Ok(StoreReply::Done)));
            }
            Output::Store { request, .. } => {
                let reply = model.handle(staged, request);
                session.handle(now, Input::Stored(reply));
            }
            Output::Wake { .. } => {}
            Output::Close => return true,
        }
    }
    false
}

#[cfg(test)]
mod tests;
