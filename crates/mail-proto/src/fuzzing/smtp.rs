//! Claims about SMTP.

use std::net::IpAddr;
use std::sync::Arc;

use capa7_dissect::{Cause, Direction, Dissector as _};

use crate::address::{Address, PathText, read_path};
use crate::dissect::smtp::SmtpDissector;
use crate::envelope::Envelope;
use crate::fuzzing::explained;
use crate::smtp::command::{Command, RecipientPath};
use crate::smtp::reply::ReplyReader;
use crate::smtp::server::{
    Acceptance, AuthPolicy, Input, Output, PasswordVerdict, Peer, RecipientVerdict, Role, Session,
    SessionConfig,
};

/// Any line is a command or an error; the addresses of a command, written out,
/// are read back.
pub fn smtp_commands(line: &[u8]) {
    let address = match Command::parse(line) {
        Ok(Command::Mail(from, _)) => from.0,
        Ok(Command::Rcpt(RecipientPath::Path(to), _)) => Some(to.0),
        _ => None,
    };
    if let Some(address) = address {
        assert_eq!(address.to_string().parse::<Address>().as_ref(), Ok(&address));
        let path = format!("<{address}>");
        assert_eq!(read_path(&path), Ok((PathText::Mailbox(address), "")));
    }
}

/// Whatever a client sends: the same comes out however the stream is cut; a
/// message is taken only after CRLF.CRLF or a last chunk, with a recipient, and
/// holds no bare CR, LF or null byte; every reply is one; nothing follows the
/// end; every octet of the dialogue is explained, the server's as replies.
pub fn smtp_session(bytes: &[u8]) {
    let whole = run(bytes, bytes.len().max(1));
    let cut = usize::from(bytes.first().copied().unwrap_or_default() % 13) + 1;
    let in_pieces = run(bytes, cut);
    assert!(whole.taken.starts_with(&in_pieces.taken), "cut at {cut}");
    // Of several faults of one message the cut decides which is found first, and
    // how soon a message over the limit ends the session.
    if bytes.len() <= OCTETS_MAX {
        assert_eq!(in_pieces.outline(), whole.outline(), "cut at {cut}");
    }
    let ends = bytes.windows(5).filter(|five| *five == b"\r\n.\r\n").count();
    let upper = bytes.to_ascii_uppercase();
    let last = upper.windows(5).filter(|five| *five == b" LAST").count();
    assert!(whole.taken.len() <= ends + last, "more messages than ends");
    let mut replies = ReplyReader::default();
    replies.push(&whole.said);
    while let Some(_reply) = replies.next_reply().expect("a server says replies") {}
    assert!(!replies.holds_more(), "half a reply");
    // What a server could say to somebody else's commands.
    let mut dissector = SmtpDissector::new();
    dissector.push(Direction::ToServer, 0, &whole.said).iter().for_each(explained);
    dissector.push(Direction::ToClient, 0, bytes).iter().for_each(explained);
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Run {
    said: Vec<u8>,
    taken: Vec<(Envelope, Vec<u8>)>,
    is_closed: bool,
}

impl Run {
    /// What must not depend on the cut: messages, kinds of replies, the end.
    fn outline(&self) -> (usize, Vec<u8>, bool) {
        let lines = self.said.split_inclusive(|byte| *byte == b'\n');
        let kinds = lines.filter_map(|line| line.first().copied()).collect();
        (self.taken.len(), kinds, self.is_closed)
    }
}

/// A message in a claim has at most so many octets.
const OCTETS_MAX: usize = 4_096;

fn run(bytes: &[u8], cut: usize) -> Run {
    let config = SessionConfig {
        auth: AuthPolicy::InClear,
        message_octets_max: OCTETS_MAX as u64,
        recipients_max: 3,
        starttls: true,
        asks_policy: true,
        ..SessionConfig::new("mx.example", Role::Mx)
    };
    let peer = Peer {
        address: IpAddr::from([192, 0, 2, 1]),
        tls: None,
        session: "s".to_owned(),
        seed: [0; 32],
    };
    let mut session = Session::new(Arc::new(config), peer);
    let (mut run, mut message) = (Run::default(), None);
    let (mut dissector, mut heard, mut told) = (SmtpDissector::new(), 0, 0);
    poll(&mut session, &mut run, &mut message);
    for bytes in bytes.chunks(cut) {
        dissector.push(Direction::ToServer, heard, bytes).iter().for_each(explained);
        heard += bytes.len() as u64;
        session.handle(0, Input::Bytes { bytes, cause: Cause::NONE });
        poll(&mut session, &mut run, &mut message);
        let said = run.said.get(told..).unwrap_or_default();
        for message in dissector.push(Direction::ToClient, told as u64, said) {
            explained(&message);
            assert_eq!(message.malformed, None, "{message:?}");
        }
        told = run.said.len();
    }
    run
}

fn poll(session: &mut Session, run: &mut Run, message: &mut Option<Vec<u8>>) {
    while let Some(output) = session.poll() {
        assert!(!run.is_closed, "nothing follows the end");
        let answer = match output {
            Output::Write(bytes) => {
                run.said.extend(bytes);
                continue;
            }
            Output::BeginMessage { .. } => {
                assert!(message.replace(Vec::new()).is_none(), "a message within a message");
                continue;
            }
            Output::Data(bytes) => {
                message.as_mut().expect("data belong to a message").extend(bytes);
                continue;
            }
            Output::AbandonMessage => {
                assert!(message.take().is_some(), "there is a message to abandon");
                continue;
            }
            Output::EndMessage { envelope, .. } => {
                let message = message.take().expect("a message has begun");
                check(&envelope, &message);
                run.taken.push((envelope, message));
                Input::Message(Acceptance::Kept("id".to_owned()))
            }
            Output::CheckRecipient { address, .. } => {
                Input::Recipient(match address.local().len() % 4 {
                    0 => RecipientVerdict::Unknown,
                    1 => RecipientVerdict::Elsewhere,
                    _ => RecipientVerdict::Local,
                })
            }
            Output::AskPolicy { .. } => Input::Policy(None),
            Output::CheckPassword { .. } => Input::Password(PasswordVerdict::Right),
            Output::NeedScram { .. } => Input::Scram(None),
            // What was slipped in behind STARTTLS depends on the cut, and is not
            // obeyed in any: the session waits from here on.
            Output::CheckSender { .. } | Output::LoggedIn { .. } | Output::StartTls => continue,
            Output::Close => {
                run.is_closed = true;
                continue;
            }
        };
        session.handle(0, answer);
    }
}

fn check(envelope: &Envelope, message: &[u8]) {
    assert!((1..=3).contains(&envelope.recipients.len()));
    assert!(message.starts_with(b"Received: ") && message.ends_with(b"\r\n"));
    assert!(!message.contains(&0));
    let mut previous = 0;
    for byte in message {
        assert_eq!(*byte == b'\n', previous == b'\r', "a bare CR or LF");
        previous = *byte;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What hostile sessions are made of.
    const PIECES: [&str; 32] = [
        "EHLO a\r\n",
        "HELO a\r\n",
        "MAIL FROM:<a@b>\r\n",
        "MAIL FROM:<>\r\n",
        "RCPT TO:<xx@x>\r\n",
        "RCPT TO:<yyy@x>\r\n",
        "RCPT TO:<q@x>\r\n",
        "DATA\r\n",
        "RSET\r\n",
        "NOOP\r\n",
        "QUIT\r\n",
        "BDAT 3\r\n",
        "BDAT 0 LAST\r\n",
        "BDAT 5 LAST\r\n",
        "BDAT 1\r\n",
        "AUTH LOGIN\r\n",
        "YQ==\r\n",
        "*\r\n",
        "STARTTLS\r\n",
        ".\r\n",
        "\r\n.\r\n",
        "\r\n",
        "\n.\n",
        "\r.\r",
        "\n",
        "\r",
        ".",
        "a",
        "\0",
        "A: b\r\n",
        "..x\r\n",
        "ñ",
    ];

    fn hostile() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            4 => (0..24_usize).prop_map(|index| PIECES[index].as_bytes().to_vec()),
            1 => (24..PIECES.len()).prop_map(|index| PIECES[index].as_bytes().to_vec()),
            1 => Just(b"EHLO a\r\nMAIL FROM:<a@b>\r\nRCPT TO:<xx@x>\r\nDATA\r\n".to_vec()),
            1 => Just(b"EHLO a\r\nMAIL FROM:<a@b>\r\nRCPT TO:<xx@x>\r\nBDAT 4\r\n".to_vec()),
        ];
        proptest::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn sessions_of_hostile_pieces_hold(bytes in hostile()) {
            smtp_session(&bytes);
        }

        #[test]
        fn sessions_of_random_bytes_hold(bytes: Vec<u8>) {
            smtp_session(&bytes);
            smtp_commands(&bytes);
        }
    }
}
