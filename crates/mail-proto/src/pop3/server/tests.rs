//! A session against its table of lines.

use capa7_dissect::Cause;

use super::{
    Channel, ClearPasswords, Input, Listed, OpenRefusal, Session, SessionConfig, UpdateFailed, What,
};
use crate::pop3::client::{self, Client, ClientConfig, ClientError, Privacy, Request};
use crate::sasl::{Password, ScramCredentials};

const MESSAGES: [&str; 2] = ["Subject: one\r\n\r\n.dot\r\nend\r\n", "Subject: two\r\n\r\n2\r\n"];

/// A server with two messages and one user: mrose, password "secret word".
struct Server {
    session: Session,
    said: String,
    updated: Option<Vec<usize>>,
    is_closed: bool,
    opening: Result<(), OpenRefusal>,
    updating: Result<(), UpdateFailed>,
    is_starting_tls: bool,
}

impl Server {
    fn new(channel: Channel, passwords: ClearPasswords) -> Self {
        let config = SessionConfig {
            name: "pop.example".to_owned(),
            channel,
            passwords,
            nonce: [7; 18],
            login_failures_max: 3,
            errors_max: 5,
        };
        let mut server = Self {
            session: Session::new(config),
            said: String::new(),
            updated: None,
            is_closed: false,
            opening: Ok(()),
            updating: Ok(()),
            is_starting_tls: false,
        };
        server.handle(Input::Begin);
        server.said.clear();
        server
    }

    fn open() -> Self {
        let mut server = Self::new(Channel::Clear, ClearPasswords::Allowed);
        server.say("USER mrose\r\nPASS secret word\r\n");
        server
    }

    fn handle(&mut self, input: Input<'_>) {
        self.session.handle(Cause::NONE, input);
        while let Some(output) = self.session.poll() {
            match output.what {
                What::Send(bytes) => self.said.push_str(&String::from_utf8_lossy(&bytes)),
                What::StartTls => self.is_starting_tls = true,
                What::CheckPassword { user, password } => {
                    let right = user == "mrose" && password.as_str() == "secret word";
                    self.session.handle(Cause::NONE, Input::Checked(right.then_some(user)));
                }
                What::NeedScram { user } => {
                    let credentials = ScramCredentials::derive(&password(), b"salt", 4_096);
                    let found = (user == "mrose").then_some(credentials);
                    self.session.handle(Cause::NONE, Input::Scram(found));
                }
                What::Open { .. } => {
                    let listed = MESSAGES.iter().enumerate().map(|(index, text)| Listed {
                        size: text.len() as u64,
                        unique_id: format!("9.{index}"),
                    });
                    let opened = self.opening.map(|()| listed.collect());
                    self.session.handle(Cause::NONE, Input::Opened(opened));
                }
                What::Read { index } => {
                    for chunk in MESSAGES[index].as_bytes().chunks(5) {
                        self.session.handle(Cause::NONE, Input::Content(chunk));
                    }
                    self.session.handle(Cause::NONE, Input::ContentEnd);
                }
                What::Update { deleted } => {
                    self.updated = Some(deleted);
                    self.session.handle(Cause::NONE, Input::Updated(self.updating));
                }
                What::Close => self.is_closed = true,
            }
        }
    }

    /// What the server says to what the client says.
    fn say(&mut self, text: &str) -> String {
        self.handle(Input::Bytes(text.as_bytes()));
        std::mem::take(&mut self.said)
    }
}

fn password() -> Password {
    Password::new("secret word").expect("a password")
}

/// Where each line of a reply begins.
fn first_words(text: &str) -> Vec<&str> {
    text.lines().map(|line| line.split(' ').next().unwrap_or_default()).collect()
}

#[test]
fn the_standards_own_session_goes_as_written() {
    // RFC 1939 §10, with the sizes of our messages.
    let mut server = Server::open();
    assert_eq!(server.say("STAT\r\n"), "+OK 2 46\r\n");
    assert_eq!(server.say("LIST\r\n"), "+OK 2 messages (46 octets)\r\n1 27\r\n2 19\r\n.\r\n");
    assert_eq!(
        server.say("RETR 1\r\n"),
        "+OK 27 octets\r\nSubject: one\r\n\r\n..dot\r\nend\r\n.\r\n"
    );
    assert_eq!(server.say("DELE 1\r\n"), "+OK message 1 is marked as deleted\r\n");
    assert_eq!(server.say("DELE 1\r\n"), "-ERR there is no message 1\r\n");
    assert_eq!(server.say("LIST\r\n"), "+OK 1 messages (19 octets)\r\n2 19\r\n.\r\n");
    assert_eq!(server.say("UIDL 2\r\n"), "+OK 2 9.1\r\n");
    assert_eq!(server.say("QUIT\r\n"), "+OK good bye\r\n");
    assert_eq!(server.updated, Some(vec![0]));
    assert!(server.is_closed);
}

#[test]
fn top_and_rset_and_numbers_out_of_range() {
    // RFC 1939 §5, §7.
    let mut server = Server::open();
    assert_eq!(
        server.say("TOP 1 1\r\n"),
        "+OK the top of the message follows\r\nSubject: one\r\n\r\n..dot\r\n.\r\n"
    );
    assert_eq!(server.say("DELE 2\r\nRSET\r\nSTAT\r\n").lines().last(), Some("+OK 2 46"));
    for line in ["RETR 0", "RETR 3", "LIST 99999999999999999999", "UIDL 3", "TOP 3 1", "DELE 0"] {
        assert!(server.say(&format!("{line}\r\n")).starts_with("-ERR "), "{line}");
    }
    server.say("QUIT\r\n");
    assert_eq!(server.updated, Some(vec![]));
}

#[test]
fn pipelined_commands_are_answered_in_order() {
    // RFC 2449 §6.6.
    let mut server = Server::new(Channel::Clear, ClearPasswords::Allowed);
    let said = server.say("USER mrose\r\nPASS secret word\r\nSTAT\r\nRETR 2\r\nNOOP\r\nQUIT\r\n");
    let expect = ["+OK", "+OK", "+OK", "+OK", "Subject:", "", "2", ".", "+OK", "+OK"];
    assert_eq!(first_words(&said), expect);
}

#[test]
fn a_session_that_ends_without_quit_deletes_nothing() {
    // RFC 1939 §3, §6.
    for input in [Input::Idle, Input::Shutdown] {
        let mut server = Server::open();
        server.say("DELE 1\r\n");
        server.handle(input);
        assert!(server.is_closed && server.said.starts_with("-ERR [SYS/TEMP]"));
        assert_eq!(server.updated, None);
    }
}

#[test]
fn what_came_in_clear_behind_stls_is_thrown_away() {
    // RFC 2595 §2.4, §4: nothing learnt in clear is kept.
    let mut server = Server::new(Channel::StlsOffered, ClearPasswords::Refused);
    assert!(server.say("CAPA\r\n").contains("\r\nSTLS\r\n"));
    let said = server.say("STLS\r\nUSER mallory\r\nCAPA\r\n");
    assert_eq!(said, "+OK begin TLS\r\n");
    assert!(server.is_starting_tls && server.session.is_waiting());
    server.handle(Input::TlsStarted);
    assert_eq!(server.said, "");
    assert!(server.say("PASS secret word\r\n").starts_with("-ERR USER"));
    let said = server.say("CAPA\r\n");
    assert!(!said.contains("STLS") && said.contains("\r\nUSER\r\n"), "{said}");
    assert!(server.say("STLS\r\n").starts_with("-ERR"));
}

#[test]
fn no_password_is_taken_in_clear() {
    // RFC 2595 §2.3.
    let mut server = Server::new(Channel::StlsOffered, ClearPasswords::Refused);
    let said = server.say("CAPA\r\n");
    assert!(said.contains("SASL SCRAM-SHA-256\r\n") && !said.contains("USER"), "{said}");
    for line in ["USER mrose", "PASS secret word", "AUTH PLAIN", "AUTH LOGIN"] {
        assert!(server.say(&format!("{line}\r\n")).starts_with("-ERR [AUTH]"), "{line}");
    }
}

#[test]
fn wrong_passwords_end_the_session() {
    // RFC 3206 §4; a bound of ours.
    let mut server = Server::new(Channel::Clear, ClearPasswords::Allowed);
    for _ in 0..3 {
        let said = server.say("USER mrose\r\nPASS wrong\r\n");
        assert!(said.contains("-ERR [AUTH]"), "{said}");
    }
    assert!(server.is_closed);
}

#[test]
fn plain_with_and_without_an_initial_response() {
    // RFC 5034 §4, §6.
    let mut server = Server::new(Channel::Tls, ClearPasswords::Refused);
    assert_eq!(server.say("AUTH PLAIN\r\n"), "+ \r\n");
    assert!(server.say("*\r\n").starts_with("-ERR"));
    let response = "AG1yb3NlAHNlY3JldCB3b3Jk";
    assert!(server.say(&format!("AUTH PLAIN {response}\r\n")).starts_with("+OK the maildrop"));
    let mut server = Server::new(Channel::Tls, ClearPasswords::Refused);
    let said = server.say(&format!("AUTH PLAIN\r\n{response}\r\nSTAT\r\n"));
    assert_eq!(first_words(&said), ["+", "+OK", "+OK"]);
}

#[test]
fn a_maildrop_in_use_or_out_of_order_says_which() {
    // RFC 2449 §8.1.1, RFC 3206 §4.
    let mut server = Server::new(Channel::Tls, ClearPasswords::Refused);
    server.opening = Err(OpenRefusal::InUse);
    assert!(server.say("USER mrose\r\nPASS secret word\r\n").contains("-ERR [IN-USE]"));
    server.opening = Err(OpenRefusal::Unavailable);
    assert!(server.say("USER mrose\r\nPASS secret word\r\n").contains("-ERR [SYS/TEMP]"));
    // RFC 1939 §6: the client learns that messages are still there.
    let mut server = Server::open();
    server.updating = Err(UpdateFailed);
    assert!(server.say("DELE 1\r\nQUIT\r\n").contains("-ERR [SYS/TEMP]"));
}

#[test]
fn long_lines_and_bare_line_feeds_and_noise_are_bounded() {
    // RFC 2449 §4: 255 octets with CR LF.
    let mut server = Server::new(Channel::Clear, ClearPasswords::Allowed);
    let fits = format!("USER {}\r\n", "x".repeat(248));
    assert!(server.say(&fits).starts_with("+OK"));
    let long = format!("USER {}\r\n", "x".repeat(249));
    assert!(server.say(&long).starts_with("-ERR the line is too long"));
    assert!(server.say("NOOP\r\n").starts_with("-ERR log in"));
    assert!(server.say("CAPA\n").starts_with("-ERR a line ends with CR LF"));
    assert!(server.is_closed);
    let mut server = Server::new(Channel::Clear, ClearPasswords::Allowed);
    for _ in 0..5 {
        server.say("\u{1}\r\n");
    }
    assert!(server.is_closed);
    let mut server = Server::new(Channel::Clear, ClearPasswords::Allowed);
    for _ in 0..100 {
        server.say(&"x".repeat(1_000));
    }
    assert!(server.is_closed, "a line without end");
}

/// Lets a client talk to a server until both are silent.
fn talk(client: &mut Client, server: &mut Server, heard: &mut Vec<client::What>) {
    loop {
        let said = std::mem::take(&mut server.said);
        if !said.is_empty() {
            client.handle(Cause::NONE, client::Input::Bytes(said.as_bytes()));
        }
        let Some(output) = client.poll() else {
            if said.is_empty() && server.said.is_empty() {
                return;
            }
            continue;
        };
        match output.what {
            client::What::Send(bytes) => server.handle(Input::Bytes(&bytes)),
            client::What::StartTls => {
                server.handle(Input::TlsStarted);
                client.handle(Cause::NONE, client::Input::TlsStarted);
            }
            other => heard.push(other),
        }
    }
}

fn client(privacy: Privacy, passwords: ClearPasswords, word: &str) -> Client {
    Client::new(ClientConfig {
        user: "mrose".to_owned(),
        password: Password::new(word).expect("a password"),
        privacy,
        passwords,
        nonce: [8; 18],
    })
}

#[test]
fn our_client_takes_the_mail_from_our_server() {
    // RFC 1939 §5, RFC 5034 §4 with SCRAM, RFC 2595 §4.
    let cases = [
        (Channel::StlsOffered, Privacy::Stls, ClearPasswords::Refused),
        (Channel::Clear, Privacy::None, ClearPasswords::Refused),
        (Channel::Tls, Privacy::Tls, ClearPasswords::Allowed),
    ];
    for (channel, privacy, passwords) in cases {
        let mut server = Server::new(channel, ClearPasswords::Refused);
        server.said = "+OK hello\r\n".to_owned();
        let (mut client, mut heard) = (client(privacy, passwords, "secret word"), Vec::new());
        talk(&mut client, &mut server, &mut heard);
        assert_eq!(heard, [client::What::Ready], "{channel:?}");
        for request in [Request::List, Request::Retrieve(1), Request::Delete(1), Request::Quit] {
            client.handle(Cause::NONE, client::Input::Request(request));
            talk(&mut client, &mut server, &mut heard);
        }
        let content: Vec<u8> = heard
            .iter()
            .filter_map(|what| match what {
                client::What::Content(bytes) => Some(bytes.clone()),
                _ => None,
            })
            .flatten()
            .collect();
        assert_eq!(content, MESSAGES[0].as_bytes());
        let client::What::Listing(listing) = &heard[1] else { panic!("{heard:?}") };
        assert_eq!(listing[1].unique_id.as_deref(), Some("9.1"));
        assert_eq!(heard.last(), Some(&client::What::Done));
        assert_eq!(server.updated, Some(vec![0]));
    }
}

#[test]
fn our_client_sends_no_password_in_clear_and_leaves_without_tls() {
    // RFC 2595 §2.2, §2.3.
    let hear = |client: &mut Client, text: &str| {
        client.handle(Cause::NONE, client::Input::Bytes(text.as_bytes()));
        std::iter::from_fn(|| client.poll()).map(|output| output.what).last()
    };
    let mut old = client(Privacy::None, ClearPasswords::Refused, "secret word");
    let failed = hear(&mut old, "+OK\r\n-ERR what?\r\n");
    assert_eq!(failed, Some(client::What::Failed(ClientError::NoMechanism)));
    let mut stripped = client(Privacy::Stls, ClearPasswords::Refused, "secret word");
    let failed = hear(&mut stripped, "+OK\r\n+OK\r\nUSER\r\nSASL PLAIN\r\n.\r\n");
    assert_eq!(failed, Some(client::What::Failed(ClientError::NoTls)));
    let mut lied_to = client(Privacy::Tls, ClearPasswords::Refused, "secret word");
    let failed = hear(&mut lied_to, &"x".repeat(10_000));
    assert!(matches!(failed, Some(client::What::Failed(ClientError::Protocol(_)))));
    let mut server = Server::new(Channel::Tls, ClearPasswords::Refused);
    server.said = "+OK hello\r\n".to_owned();
    let (mut wrong, mut heard) =
        (client(Privacy::Tls, ClearPasswords::Refused, "wrong"), Vec::new());
    talk(&mut wrong, &mut server, &mut heard);
    assert!(matches!(heard[..], [client::What::Failed(ClientError::Refused { .. })]), "{heard:?}");
}

#[test]
fn our_client_asks_for_the_total_and_a_top_and_goes_on_after_a_no() {
    // RFC 1939 §5, §7: a message that is not there ends no session; RSET takes
    // the marks back.
    let mut server = Server::new(Channel::Tls, ClearPasswords::Refused);
    server.said = "+OK hello\r\n".to_owned();
    let (mut client, mut heard) =
        (client(Privacy::Tls, ClearPasswords::Refused, "secret word"), Vec::new());
    talk(&mut client, &mut server, &mut heard);
    let octets: usize = MESSAGES.iter().map(|message| message.len()).sum();
    let refused = |command, text: &str| {
        client::What::Refused(ClientError::Refused { command, text: text.to_owned() })
    };
    let total = client::What::Total { count: 2, octets: octets as u64 };
    let cases = [
        (Request::Stat, vec![total]),
        (Request::Retrieve(9), vec![refused("RETR", "there is no message 9")]),
        (Request::Delete(1), vec![client::What::Deleted]),
        (Request::Top(1, 0), vec![refused("TOP", "there is no message 1")]),
        (Request::Reset, vec![client::What::AllKept]),
    ];
    for (request, expected) in cases {
        heard.clear();
        client.handle(Cause::NONE, client::Input::Request(request));
        talk(&mut client, &mut server, &mut heard);
        assert_eq!(heard, expected, "{request:?}");
    }
    client.handle(Cause::NONE, client::Input::Request(Request::Top(1, 0)));
    talk(&mut client, &mut server, &mut heard);
    let header = MESSAGES[0].split_inclusive("\r\n\r\n").next().unwrap_or_default();
    let told = heard.iter().any(|what| *what == client::What::Content(header.into()));
    assert!(told && heard.last() == Some(&client::What::ContentEnd), "{heard:?}");
}

#[test]
fn a_server_that_lists_without_end_is_left() {
    // The bound of a listing, in both of its commands; RFC 1939 §7 on names.
    let listed = client::LISTED_MAX;
    let mut client = client(Privacy::Tls, ClearPasswords::Allowed, "secret word");
    let hear = |client: &mut Client, text: &str| {
        client.handle(Cause::NONE, client::Input::Bytes(text.as_bytes()));
        std::iter::from_fn(|| client.poll()).map(|output| output.what).last()
    };
    hear(&mut client, "+OK\r\n+OK\r\nUSER\r\n.\r\n+OK\r\n+OK\r\n");
    client.handle(Cause::NONE, client::Input::Request(Request::List));
    let long = "x".repeat(71);
    hear(&mut client, "+OK\r\n1 18446744073709551615\r\n2 1\r\n.\r\n+OK\r\n");
    hear(&mut client, &format!("1 {long}\r\n2 a\u{e9}\r\n"));
    for _ in 0..listed / 1_000 {
        let failed = hear(&mut client, &"7 name\r\n".repeat(1_000));
        if failed.is_some() {
            assert_eq!(failed, Some(client::What::Failed(ClientError::TooMany)));
            return;
        }
    }
    panic!("it listens on");
}
