use std::net::IpAddr;
use std::sync::Arc;

use capa7_dissect::Cause;

use super::*;
use crate::address::{ForwardPath, ReversePath};
use crate::envelope::{BodyKind, Notify, Recipient, Returns};
use crate::sasl::{Password, ScramCredentials};
use crate::smtp::server;
use crate::smtp::server::{Acceptance, AuthPolicy, Offers, RecipientVerdict, Role, SessionConfig};

fn config() -> ClientConfig {
    ClientConfig {
        helo: "a.example".to_owned(),
        tls: TlsPolicy::Never,
        within_tls: false,
        credentials: None,
        chunking: false,
        nonce: [9; 18],
    }
}

fn envelope(recipients: &[&str]) -> Envelope {
    let to = |text: &&str| Recipient::new(ForwardPath(text.parse().unwrap()));
    Envelope {
        from: ReversePath(Some("andrea@a.example".parse().unwrap())),
        recipients: recipients.iter().map(to).collect(),
        body: BodyKind::SevenBit,
        smtputf8: false,
        returns: Returns::Unsaid,
        envelope_id: None,
    }
}

/// Our client against replies as written; what it said, and its other outputs.
struct Script {
    client: Client,
    said: String,
    outputs: Vec<Output>,
}

impl Script {
    fn new(config: ClientConfig) -> Self {
        Self { client: Client::new(config), said: String::new(), outputs: Vec::new() }
    }

    fn handle(&mut self, input: Input<'_>) {
        self.client.handle(input);
        while let Some(output) = self.client.poll() {
            match output {
                Output::Write(bytes) => self.said.push_str(str::from_utf8(&bytes).unwrap()),
                other => self.outputs.push(other),
            }
        }
    }

    /// The server says this; what the client says to it.
    fn hears(&mut self, text: &str) -> String {
        self.said.clear();
        self.handle(Input::Bytes(text.as_bytes()));
        self.said.clone()
    }

    fn send(&mut self, envelope: Envelope, message: &'static str) -> String {
        self.said.clear();
        self.handle(Input::Send { envelope, message: Bytes::from_static(message.as_bytes()) });
        self.said.clone()
    }

    fn ready(extensions: &str, config: ClientConfig) -> Self {
        let mut script = Self::new(config);
        assert_eq!(script.hears("220 x.example\r\n"), "EHLO a.example\r\n");
        script.hears(&format!("250-x.example\r\n{extensions}250 HELP\r\n"));
        assert_eq!(script.outputs, [Output::Ready]);
        script.outputs.clear();
        script
    }

    fn outcomes(&self) -> Vec<String> {
        let sent = self.outputs.iter().find_map(|output| match output {
            Output::Sent(outcomes) => Some(outcomes),
            _ => None,
        });
        let text = |one: &RecipientOutcome| match &one.outcome {
            Outcome::Delivered(reply) => format!("delivered {reply}"),
            Outcome::Deferred(reason) => format!("deferred {}", reason.reply()),
            Outcome::Failed(reason) => format!("failed {}", reason.reply()),
        };
        sent.expect("the message was sent").iter().map(text).collect()
    }

    fn failure(&self) -> Option<&Failure> {
        self.outputs.iter().find_map(|output| match output {
            Output::Failed(failure) => Some(failure),
            _ => None,
        })
    }
}

#[test]
fn a_server_without_pipelining_is_asked_one_by_one() {
    let mut script = Script::ready("", config());
    let said = script.send(envelope(&["a@x", "b@x"]), "A: b\r\n\r\n.\r\n");
    assert_eq!(said, "MAIL FROM:<andrea@a.example>\r\n");
    assert_eq!(script.hears("250 ok\r\n"), "RCPT TO:<a@x>\r\n");
    assert_eq!(script.hears("550 5.1.1 no\r\n"), "RCPT TO:<b@x>\r\n");
    assert_eq!(script.hears("250 ok\r\n"), "DATA\r\n");
    assert_eq!(script.hears("354 go\r\n"), "A: b\r\n\r\n..\r\n.\r\n");
    script.hears("250 2.0.0 kept\r\n");
    assert_eq!(script.outcomes(), ["failed 550 5.1.1 no", "delivered 250 2.0.0 kept"]);
    script.outputs.clear();
    // The session goes on, without RSET after a 250.
    assert!(script.send(envelope(&["c@x"]), "A: b\r\n").starts_with("MAIL "));
    assert_eq!(script.hears("250 ok\r\n"), "RCPT TO:<c@x>\r\n");
    assert_eq!(script.hears("450 later\r\n"), "");
    assert_eq!(script.outcomes(), ["deferred 450 later"]);
    assert_eq!(script.send(envelope(&["c@x"]), "A: b\r\n"), "RSET\r\n");
}

#[test]
fn a_server_with_pipelining_gets_one_group() {
    // RFC 2920 §3.1: also when nobody was taken, DATA is ended.
    let mut script = Script::ready("250-PIPELINING\r\n250-SIZE 99\r\n", config());
    let said = script.send(envelope(&["a@x", "b@x"]), "A: b\r\n");
    let group = "MAIL FROM:<andrea@a.example> SIZE=6\r\nRCPT TO:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\n";
    assert_eq!(said, group);
    assert_eq!(script.hears("250 ok\r\n550 no\r\n551 no\r\n354 go\r\n"), ".\r\n");
    script.hears("554 nobody\r\n");
    assert_eq!(script.outcomes(), ["failed 550 no", "failed 551 no"]);
}

#[test]
fn a_refused_sender_is_everybodys_outcome() {
    let mut script = Script::ready("250-PIPELINING\r\n", config());
    script.send(envelope(&["a@x", "b@x"]), "A: b\r\n");
    script.hears("451 4.7.1 greylisted\r\n503 no\r\n503 no\r\n503 no\r\n");
    assert_eq!(script.outcomes(), ["deferred 451 4.7.1 greylisted"; 2]);
}

#[test]
fn wishes_are_passed_on_where_they_are_understood() {
    // RFC 3461 §5.1; RFC 6152 §2.
    let mut wishes = envelope(&["a@x"]);
    wishes.returns = Returns::Headers;
    wishes.envelope_id = Some("a=b".to_owned());
    wishes.recipients[0].notify = Some(Notify { success: true, failure: true, delay: false });
    wishes.recipients[0].original = Some("rfc822;a@x".to_owned());
    let offered = "250-PIPELINING\r\n250-8BITMIME\r\n250-DSN\r\n";
    let said = Script::ready(offered, config()).send(wishes.clone(), "A: \u{f1}\r\n");
    let expected = "MAIL FROM:<andrea@a.example> BODY=8BITMIME RET=HDRS ENVID=a+3Db\r\n\
        RCPT TO:<a@x> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a@x\r\nDATA\r\n";
    assert_eq!(said, expected);
    let said = Script::ready("", config()).send(wishes, "A: b\r\n");
    assert_eq!(said, "MAIL FROM:<andrea@a.example>\r\n");
}

#[test]
fn what_the_server_cannot_take_is_not_sent() {
    let mut script = Script::ready("250-SIZE 10\r\n", config());
    assert_eq!(script.send(envelope(&["a@x"]), "A: 0123456789\r\n"), "");
    assert_eq!(script.outcomes()[0].get(..16), Some("failed 552 5.3.4"));
    let mut script = Script::ready("", config());
    script.send(envelope(&["a@x"]), "A: b\n");
    assert_eq!(script.outcomes()[0].get(..16), Some("failed 550 5.6.0"));
    // RFC 6531 §3.2: one recipient needs SMTPUTF8, the other does not.
    let mut script = Script::ready("250-PIPELINING\r\n", config());
    let said = script.send(envelope(&["josé@x", "b@x"]), "A: b\r\n");
    assert!(!said.contains("jos") && said.contains("RCPT TO:<b@x>"));
    script.hears("250 ok\r\n250 ok\r\n354 go\r\n250 kept\r\n");
    assert_eq!(script.outcomes()[0].get(..16), Some("failed 553 5.6.7"));
    assert_eq!(script.outcomes()[1], "delivered 250 kept");
}

#[test]
fn a_server_of_7_bits_gets_7_bits_or_nothing() {
    // Course M7; RFC 6152 §3.
    let mut script = Script::ready("", config());
    assert_eq!(script.send(envelope(&["a@x"]), "A: ñ\r\n"), "");
    assert!(matches!(script.outputs.as_slice(), [Output::Downgrade(_)]));
    script.handle(Input::Downgraded(Some(Bytes::from_static(b"A: n\r\n"))));
    assert_eq!(script.said, "MAIL FROM:<andrea@a.example>\r\n");
    let mut script = Script::ready("", config());
    script.send(envelope(&["a@x"]), "A: ñ\r\n");
    script.handle(Input::Downgraded(None));
    assert_eq!(script.outcomes()[0].get(..16), Some("failed 554 5.6.3"));
}

#[test]
fn an_old_server_is_greeted_the_old_way() {
    // RFC 5321 §3.2.
    let mut script = Script::new(config());
    script.hears("220-hello\r\n220 there\r\n");
    assert_eq!(script.hears("502 what?\r\n"), "HELO a.example\r\n");
    script.hears("250 hello\r\n");
    assert_eq!(script.outputs, [Output::Ready]);
}

#[test]
fn replies_slipped_in_before_tls_end_the_session() {
    // RFC 3207 §4.2, §6.
    let begin = || {
        let mut script = Script::new(ClientConfig { tls: TlsPolicy::Required, ..config() });
        script.hears("220 x\r\n");
        assert_eq!(script.hears("250-x\r\n250 STARTTLS\r\n"), "STARTTLS\r\n");
        script
    };
    let mut script = begin();
    script.hears("220 go\r\n250 evil\r\n");
    assert!(matches!(script.failure(), Some(Failure::Garbage(_))));
    let mut script = begin();
    script.hears("220 go\r\n");
    assert_eq!(script.outputs, [Output::StartTls]);
    script.said.clear();
    script.handle(Input::TlsBegan);
    assert_eq!(script.said, "EHLO a.example\r\n");
    let mut script = Script::new(ClientConfig { tls: TlsPolicy::Required, ..config() });
    script.hears("220 x\r\n");
    script.hears("250 x\r\n");
    assert_eq!(script.failure(), Some(&Failure::NoTls));
}

#[test]
fn a_server_that_lies_fails_and_never_hangs() {
    let cases = ["HTTP/1.1 400 Bad\r\n", "554 go away\r\n", "421 busy\r\n", "354 data\r\n"];
    for said in cases {
        let mut script = Script::new(config());
        script.hears(said);
        assert!(script.failure().is_some(), "{said}");
    }
    let mut script = Script::ready("250-PIPELINING\r\n", config());
    script.send(envelope(&["a@x"]), "A: b\r\n");
    script.hears("250 1\r\n250 2\r\n354 3\r\n250 4\r\n250 5\r\n");
    assert_eq!(script.outcomes(), ["delivered 250 4"]);
    assert!(script.failure().is_some(), "nobody asked for the last reply");
    let mut script = Script::ready("", config());
    script.send(envelope(&["a@x"]), "A: b\r\n");
    assert_eq!(script.client.patience(), Duration::from_secs(300));
    script.handle(Input::TimedOut);
    assert_eq!(script.failure(), Some(&Failure::TimedOut("MAIL")));
    let mut script = Script::ready("", config());
    script.send(envelope(&["a@x", "b@x"]), "A: b\r\n");
    script.hears("421 4.3.2 stopping\r\n");
    assert_eq!(script.outcomes(), ["deferred 421 4.3.2 stopping"; 2]);
    assert!(script.client.is_closed());
}

#[test]
fn the_patience_is_that_of_the_standard() {
    // RFC 5321 §4.5.3.2.
    let minutes = |script: &Script| script.client.patience().as_secs() / 60;
    let mut script = Script::new(config());
    assert_eq!(minutes(&script), 5);
    script.hears("220 x\r\n");
    script.hears("250 x\r\n");
    script.send(envelope(&["a@x"]), "A: b\r\n");
    assert_eq!(minutes(&script), 5);
    script.hears("250 ok\r\n");
    assert_eq!(minutes(&script), 5);
    script.hears("250 ok\r\n");
    assert_eq!(minutes(&script), 2);
    script.hears("354 ok\r\n");
    assert_eq!(minutes(&script), 10);
}

/// Runs our client against our server; the envelopes and messages that arrived.
fn pair(
    mut session: server::Session,
    mut client: Client,
    letters: Vec<(Envelope, Bytes)>,
) -> (Vec<(Envelope, Vec<u8>)>, Vec<Output>) {
    let (mut letters, mut outputs) = (letters.into_iter(), Vec::new());
    let (mut message, mut taken) = (Vec::new(), Vec::new());
    for _ in 0..10_000 {
        let mut is_quiet = true;
        while let Some(output) = session.poll() {
            is_quiet = false;
            let answer = match output {
                server::Output::Write(bytes) => {
                    // In pieces of 7, as a stream may cut them.
                    bytes.chunks(7).for_each(|part| client.handle(Input::Bytes(part)));
                    continue;
                }
                server::Output::CheckRecipient { .. } => {
                    server::Input::Recipient(RecipientVerdict::Elsewhere)
                }
                server::Output::NeedScram { .. } => {
                    let password = Password::new("secret").unwrap();
                    let credentials = ScramCredentials::derive(&password, &[2; 16], 4_096);
                    server::Input::Scram(Some(credentials))
                }
                server::Output::Data(bytes) => {
                    message.extend_from_slice(&bytes);
                    continue;
                }
                server::Output::EndMessage { envelope, .. } => {
                    taken.push((envelope, std::mem::take(&mut message)));
                    server::Input::Message(Acceptance::Kept("id".to_owned()))
                }
                _ => continue,
            };
            session.handle(0, answer);
        }
        while let Some(output) = client.poll() {
            is_quiet = false;
            match output {
                Output::Write(bytes) => {
                    let cause = Cause::NONE;
                    session.handle(0, server::Input::Bytes { bytes: &bytes, cause });
                }
                Output::Ready | Output::Sent(_) => {
                    outputs.push(output);
                    match letters.next() {
                        Some((envelope, message)) => {
                            client.handle(Input::Send { envelope, message });
                        }
                        None => client.handle(Input::Quit),
                    }
                }
                other => outputs.push(other),
            }
        }
        if is_quiet {
            return (taken, outputs);
        }
    }
    panic!("the pair does not come to an end");
}

#[test]
fn client_and_server_pass_several_messages_in_every_way() {
    let everything = [Offers::ALL, Offers::NONE, Offers { chunking: false, ..Offers::ALL }];
    for (offers, chunking) in everything.into_iter().flat_map(|o| [(o, true), (o, false)]) {
        let session = SessionConfig {
            offers,
            auth: AuthPolicy::InClear,
            ..SessionConfig::new("x.example", Role::Submission)
        };
        let peer = server::Peer {
            address: IpAddr::from([192, 0, 2, 1]),
            tls: None,
            session: "s".to_owned(),
            seed: [5; 32],
        };
        let credentials = Credentials {
            user: "andrea".to_owned(),
            password: "secret".to_owned(),
            in_clear: false,
        };
        let client = ClientConfig { chunking, credentials: Some(credentials), ..config() };
        let names: Vec<_> = (0..250).map(|number| format!("u{number}@x.example")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let header = "Date: x\r\nMessage-ID: <1>\r\n\r\n";
        let long = format!("{header}{}", ".dots\r\n..\r\n".repeat(20_000));
        let letters = vec![
            (envelope(&["a@x.example"]), Bytes::from(format!("{header}.\r\n.."))),
            (envelope(&names), Bytes::from(long.clone())),
        ];
        let session = server::Session::new(Arc::new(session), peer);
        let (taken, outputs) = pair(session, Client::new(client), letters);
        assert_eq!(outputs.last(), Some(&Output::Close));
        let [first, second] = taken.as_slice() else { panic!("{offers:?}: {outputs:?}") };
        assert!(first.1.ends_with(format!("{header}.\r\n..\r\n").as_bytes()));
        assert!(second.1.ends_with(long.as_bytes()));
        assert_eq!(second.0.recipients.len(), 250);
    }
}

#[test]
fn a_server_that_takes_recipients_of_a_refused_sender_gets_no_message() {
    // RFC 2920 §3.1: the group is answered in order, and DATA is ended empty.
    let mut script = Script::ready("250-PIPELINING\r\n", config());
    script.send(envelope(&["a@x", "b@x"]), "A: b\r\n");
    assert_eq!(script.hears("451 4.7.1 greylisted\r\n250 ok\r\n250 ok\r\n354 go\r\n"), ".\r\n");
    script.hears("250 an empty one\r\n");
    assert_eq!(script.outcomes(), ["deferred 451 4.7.1 greylisted"; 2]);
}

#[test]
fn only_354_asks_for_a_message() {
    // RFC 5321 §4.3.2.
    for answer in ["250 thank you\r\n", "220 go\r\n", "334 go\r\n"] {
        let mut script = Script::ready("", config());
        script.send(envelope(&["a@x"]), "A: b\r\n");
        script.hears("250 ok\r\n");
        assert_eq!(script.hears("250 ok\r\n"), "DATA\r\n");
        assert_eq!(script.hears(answer), "");
        assert!(matches!(script.failure(), Some(Failure::Garbage(_))), "{answer}");
        assert!(!script.client.is_in_doubt());
    }
}

#[test]
fn doubt_begins_with_the_final_dot_and_ends_with_the_answer() {
    // RFC 5321 §6.1, RFC 1047: only there is it unknown who has the message.
    let steps = [("", "MAIL "), ("250 ok\r\n", "RCPT "), ("250 ok\r\n", "DATA\r\n")];
    for cut in 0..=steps.len() {
        let mut script = Script::ready("", config());
        let mut said = script.send(envelope(&["a@x"]), "A: b\r\n");
        for (answer, expected) in steps.iter().take(cut) {
            if !answer.is_empty() {
                said = script.hears(answer);
            }
            assert!(said.starts_with(expected), "{said}");
        }
        if cut == steps.len() {
            assert_eq!(script.hears("354 go\r\n"), "A: b\r\n.\r\n");
        }
        script.handle(Input::Closed);
        assert_eq!(script.failure(), Some(&Failure::Closed));
        assert_eq!(script.client.is_in_doubt(), cut == steps.len(), "{cut}");
    }
}

#[test]
fn one_recipient_too_many_is_not_refused_for_good() {
    // RFC 5321 §4.5.3.1.10; a mailbox that is full is another matter.
    let check = |first: &str, second: &str| {
        let mut script = Script::ready("250-PIPELINING\r\n", config());
        script.send(envelope(&["a@x", "b@x"]), "A: b\r\n");
        script.hears(&format!("250 ok\r\n{first}\r\n{second}\r\n354 go\r\n"));
        script.hears("250 kept\r\n");
        script.outcomes()[1].clone()
    };
    assert_eq!(check("250 ok", "552 too many"), "deferred 552 too many");
    assert_eq!(check("250 ok", "552 5.5.3 too many"), "deferred 552 5.5.3 too many");
    assert_eq!(check("250 ok", "552 5.2.2 full"), "failed 552 5.2.2 full");
    assert_eq!(check("550 no", "552 too many"), "failed 552 too many");
}
