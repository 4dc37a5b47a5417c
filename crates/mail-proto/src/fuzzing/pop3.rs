//! Claims about POP3.

use capa7_dissect::{Cause, Direction, Dissector as _};

use crate::dissect::pop3::Pop3Dissector;
use crate::fuzzing::explained;
use crate::pop3::client::{self, Client, ClientConfig, Privacy, Request};
use crate::pop3::command::Command;
use crate::pop3::server::{Channel, ClearPasswords, Input, Listed, Session, SessionConfig, What};
use crate::sasl::Password;

/// Any line is a command or an error, whichever letters its keyword has.
pub fn pop3_commands(line: &[u8]) {
    let keyword = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
    let mut other = line.to_vec();
    other.iter_mut().take(keyword).for_each(|byte| {
        *byte = if byte.is_ascii_lowercase() {
            byte.to_ascii_uppercase()
        } else {
            byte.to_ascii_lowercase()
        };
    });
    assert_eq!(Command::parse(line), Command::parse(&other));
}

/// Whatever a client sends: the same comes out however the stream is cut; each
/// message that goes was marked, once, and goes at QUIT; nothing follows the
/// end; every octet of the dialogue is explained, the server's as replies.
pub fn pop3_session(bytes: &[u8]) {
    let bytes = bytes.get(..OCTETS_MAX).unwrap_or(bytes);
    let whole = Run::of(bytes, bytes.len().max(1));
    let cut = usize::from(bytes.first().copied().unwrap_or_default() % 13) + 1;
    assert_eq!(Run::of(bytes, cut).outcome(), whole.outcome(), "cut at {cut}");
    if let Some(deleted) = whole.deleted.as_ref().filter(|deleted| !deleted.is_empty()) {
        let upper = bytes.to_ascii_uppercase();
        let said = |word: &[u8]| upper.windows(word.len()).filter(|it| *it == word).count();
        assert!(said(b"QUIT") > 0 && said(b"DELE") >= deleted.len(), "{deleted:?}");
        assert!(deleted.is_sorted_by(|one, two| one < two), "{deleted:?}");
        assert!(deleted.iter().all(|index| *index < MESSAGES.len()), "{deleted:?}");
    }
}

/// Whatever a server says to what our client asks, and however it is cut: a
/// message has no more octets than came; what is had is had after a `+OK`;
/// nothing follows the end.
pub fn pop3_replies(bytes: &[u8]) {
    let bytes = bytes.get(..OCTETS_MAX).unwrap_or(bytes);
    let cut = usize::from(bytes.first().copied().unwrap_or_default() % 13) + 2;
    [1, cut, bytes.len().max(1)].into_iter().for_each(|cut| visit(bytes, cut));
}

const MESSAGES: [&str; 3] = ["Subject: 1\r\n\r\n.dot\r\n", "A: b\r\n\r\n", "no header"];
/// Longer streams are for the bounds of lines, which tests look at.
const OCTETS_MAX: usize = 4_096;

#[derive(Debug)]
struct Run {
    session: Session,
    dissector: Pop3Dissector,
    /// What the server said.
    said: Vec<u8>,
    deleted: Option<Vec<usize>>,
    /// What is left of the message on its way.
    reading: &'static [u8],
    is_closed: bool,
}

impl Run {
    fn of(bytes: &[u8], cut: usize) -> Self {
        let mut run = Self {
            session: Session::new(SessionConfig {
                name: "pop.example".to_owned(),
                // The octets behind a STLS would be TLS.
                channel: Channel::Clear,
                passwords: ClearPasswords::Allowed,
                nonce: [7; 18],
                login_failures_max: 3,
                errors_max: 5,
            }),
            dissector: Pop3Dissector::new(),
            said: Vec::new(),
            deleted: None,
            reading: &[],
            is_closed: false,
        };
        run.session.handle(Cause::NONE, Input::Begin);
        run.poll();
        let mut heard = 0;
        for bytes in bytes.chunks(cut) {
            let told = run.dissector.push(Direction::ToServer, heard as u64, bytes);
            told.iter().for_each(explained);
            heard += bytes.len();
            run.session.handle(Cause::NONE, Input::Bytes(bytes));
            run.poll();
        }
        run
    }

    /// What must not depend on the cut.
    fn outcome(&self) -> (&[u8], &Option<Vec<usize>>, bool) {
        (&self.said, &self.deleted, self.is_closed)
    }

    fn poll(&mut self) {
        loop {
            self.obey();
            if !self.session.is_waiting() {
                return;
            }
            // The next piece, once what the last one made is done: a `TOP` may
            // have enough, and another message be asked for.
            let (piece, rest) = self.reading.split_at(self.reading.len().min(3));
            self.reading = rest;
            let input = if piece.is_empty() { Input::ContentEnd } else { Input::Content(piece) };
            self.session.handle(Cause::NONE, input);
        }
    }

    fn obey(&mut self) {
        while let Some(output) = self.session.poll() {
            assert!(!self.is_closed, "nothing follows the end");
            match output.what {
                What::Send(bytes) => {
                    let at = self.said.len() as u64;
                    for message in self.dissector.push(Direction::ToClient, at, &bytes) {
                        explained(&message);
                        assert_eq!(message.malformed, None, "{message:?}");
                    }
                    self.said.extend(bytes);
                }
                What::StartTls => panic!("TLS is not offered"),
                What::CheckPassword { user, .. } => {
                    self.session
                        .handle(Cause::NONE, Input::Checked((user.len() % 2 == 1).then_some(user)));
                }
                What::NeedScram { .. } => self.session.handle(Cause::NONE, Input::Scram(None)),
                What::Open { .. } => {
                    let listed = MESSAGES.iter().zip(b'a'..).map(|(message, name)| Listed {
                        size: message.len() as u64,
                        unique_id: char::from(name).to_string(),
                    });
                    self.session.handle(Cause::NONE, Input::Opened(Ok(listed.collect())));
                }
                What::Read { index } => self.reading = MESSAGES[index].as_bytes(),
                What::Update { deleted } => {
                    assert!(self.deleted.replace(deleted).is_none(), "removed twice");
                    self.session.handle(Cause::NONE, Input::Updated(Ok(())));
                }
                What::Close => self.is_closed = true,
            }
        }
    }
}

/// A client that asks for one thing after the other.
fn visit(bytes: &[u8], cut: usize) {
    let mut machine = Client::new(ClientConfig {
        user: "mrose".to_owned(),
        password: Password::new("secret word").expect("a password"),
        privacy: Privacy::None,
        passwords: ClearPasswords::Allowed,
        nonce: [8; 18],
    });
    let requests = [
        Request::Stat,
        Request::List,
        Request::Retrieve(1),
        Request::Top(2, 0),
        Request::Delete(1),
        Request::Reset,
        Request::Quit,
    ];
    let mut requests = requests.into_iter().cycle();
    let (mut octets, mut had, mut is_over) = (0, 0, false);
    for piece in bytes.chunks(cut) {
        machine.handle(Cause::NONE, client::Input::Bytes(piece));
        while let Some(output) = machine.poll() {
            assert!(!is_over, "nothing follows the end");
            match output.what {
                client::What::Send(_) | client::What::StartTls => continue,
                client::What::Content(content) => {
                    octets += content.len();
                    continue;
                }
                client::What::Failed(_) => {
                    is_over = true;
                    continue;
                }
                client::What::Refused(_) => {}
                client::What::Done => {
                    (is_over, had) = (true, had + 1);
                    continue;
                }
                client::What::Ready
                | client::What::Total { .. }
                | client::What::Listing(_)
                | client::What::ContentEnd
                | client::What::Deleted
                | client::What::AllKept => had += 1,
            }
            let next = requests.next().expect("they go on for ever");
            machine.handle(Cause::NONE, client::Input::Request(next));
        }
    }
    let granted = bytes.windows(3).filter(|three| *three == b"+OK").count();
    assert!(octets <= bytes.len() && had <= granted, "{had} of {granted}");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What hostile dialogues are made of.
    const PIECES: [&str; 44] = [
        "USER mrose\r\nPASS x\r\n",
        "USER rose\r\n",
        "PASS a b \r\n",
        "CAPA\r\n",
        "AUTH\r\n",
        "AUTH PLAIN\r\n",
        "AUTH LOGIN\r\n",
        "AUTH SCRAM-SHA-256\r\n",
        "AG1yb3NlAHg=\r\n",
        "*\r\n",
        "STLS\r\n",
        "STAT\r\n",
        "LIST\r\n",
        "LIST 1\r\n",
        "UIDL\r\n",
        "UIDL 2\r\n",
        "RETR 1\r\n",
        "TOP 3 0\r\n",
        "TOP 1 9\r\n",
        "DELE 1\r\n",
        "DELE 2\r\n",
        "RSET\r\n",
        "NOOP\r\n",
        "QUIT\r\n",
        "+OK\r\n",
        "+OK 2 3\r\n",
        "+OK\r\nUSER\r\n.\r\n",
        "+OK\r\n+OK\r\nUSER\r\n.\r\n+OK\r\n",
        "+OK\r\n1 9\r\n.\r\n",
        "+OK\r\n1 a\r\n.\r\n",
        "+OK\r\nA: b\r\n\r\n..c\r\n.\r\n",
        "-ERR [AUTH] no\r\n",
        "-ERR",
        "+ \r\n",
        "+ cj1h\r\n",
        ".\r\n",
        "..\r\n",
        "\r\n",
        "\n",
        "\r",
        "\0",
        "1 99999999999999999999\r\n",
        "0 1\r\n",
        "ñ",
    ];

    fn hostile() -> impl Strategy<Value = Vec<u8>> {
        let piece = (0..PIECES.len()).prop_map(|index| PIECES[index].as_bytes().to_vec());
        let begin = prop_oneof![
            2 => Just(&b""[..]),
            2 => Just(&b"USER mrose\r\nPASS x\r\n"[..]),
            2 => Just(&b"+OK\r\n+OK\r\nUSER\r\n.\r\n+OK\r\n+OK\r\n"[..]),
        ];
        let pieces = proptest::collection::vec(piece, 0..30);
        (begin, pieces).prop_map(|(begin, pieces)| [begin, &pieces.concat()].concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn pop3_dialogues_of_hostile_pieces_hold(bytes in hostile()) {
            pop3_session(&bytes);
            pop3_replies(&bytes);
        }

        #[test]
        fn pop3_dialogues_of_random_bytes_hold(bytes: Vec<u8>) {
            pop3_session(&bytes);
            pop3_replies(&bytes);
            pop3_commands(&bytes);
        }
    }
}
