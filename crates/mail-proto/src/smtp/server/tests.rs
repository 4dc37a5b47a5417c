use std::net::IpAddr;

use super::*;
use crate::address::Address;
use crate::envelope::{BodyKind, Envelope};

mod hostile;
mod log_in;

/// A session with a world around it: carlos is ours, other.example is not.
pub(super) struct Driver {
    session: Session,
    said: String,
    message: Vec<u8>,
    taken: Vec<(Envelope, String)>,
    is_closed: bool,
    tls_asked: u32,
    /// What the policy says next.
    policy: VecDeque<Option<Reply>>,
    asked: Vec<Stage>,
}

impl Driver {
    pub(super) fn new(config: SessionConfig) -> Self {
        Self::with_policy(config, VecDeque::new())
    }

    /// A session whose policy says this, one after the other.
    fn with_policy(config: SessionConfig, policy: VecDeque<Option<Reply>>) -> Self {
        let peer = Peer {
            address: IpAddr::from([192, 0, 2, 7]),
            tls: None,
            session: "s".to_owned(),
            seed: [7; 32],
        };
        let mut driver = Self {
            session: Session::new(Arc::new(config), peer),
            said: String::new(),
            message: Vec::new(),
            taken: Vec::new(),
            is_closed: false,
            tls_asked: 0,
            policy,
            asked: Vec::new(),
        };
        driver.run();
        driver
    }

    fn mx() -> Self {
        Self::new(SessionConfig::new("mx.example", Role::Mx))
    }

    /// A session in which a message to carlos has begun.
    fn in_mail(config: SessionConfig) -> Self {
        let mut driver = Self::new(config);
        driver.say(
            "EHLO a.example\r\nMAIL FROM:<andrea@a.example>\r\nRCPT TO:<carlos@x.example>\r\n",
        );
        driver.said.clear();
        driver
    }

    fn in_data(config: SessionConfig) -> Self {
        let mut driver = Self::in_mail(config);
        assert!(driver.say("DATA\r\n").starts_with("354 "));
        driver
    }

    pub(super) fn handle(&mut self, input: Input<'_>) {
        self.session.handle(1_801_440_003, input);
        self.run();
    }

    fn run(&mut self) {
        while let Some(output) = self.session.poll() {
            assert!(!self.is_closed, "nothing follows the end: {output:?}");
            self.obey(output);
        }
    }

    fn obey(&mut self, output: Output) {
        let answer = match output {
            Output::Write(bytes) => {
                self.said.push_str(str::from_utf8(&bytes).unwrap());
                return;
            }
            Output::CheckRecipient { address, .. } => Input::Recipient(whose(&address)),
            Output::AskPolicy { stage, .. } => {
                self.asked.push(stage);
                Input::Policy(self.policy.pop_front().flatten())
            }
            Output::CheckSender { user, from } => {
                let own = from.0.is_none_or(|from| from.local() == user);
                Input::Sender(if own { SenderVerdict::Own } else { SenderVerdict::Foreign })
            }
            Output::CheckPassword { user, password, .. } => {
                let right = user == "carlos" && password.as_str() == "secret";
                Input::Password(if right { PasswordVerdict::Right } else { PasswordVerdict::Wrong })
            }
            Output::NeedScram { user } => Input::Scram(log_in::credentials(&user)),
            Output::EndMessage { envelope, .. } => {
                let message = String::from_utf8(std::mem::take(&mut self.message)).unwrap();
                self.taken.push((envelope, message));
                Input::Message(Acceptance::Kept("id".to_owned()))
            }
            Output::Data(bytes) => return self.message.extend_from_slice(&bytes),
            Output::BeginMessage { .. } => return assert!(self.message.is_empty()),
            Output::AbandonMessage => return self.message.clear(),
            Output::LoggedIn { .. } => return,
            Output::StartTls => return self.tls_asked += 1,
            Output::Close => return self.is_closed = true,
        };
        self.session.handle(1_801_440_003, answer);
    }

    /// Says something; what the server answers.
    pub(super) fn say(&mut self, text: &str) -> String {
        self.say_bytes(text.as_bytes())
    }

    pub(super) fn say_bytes(&mut self, bytes: &[u8]) -> String {
        self.said.clear();
        self.handle(Input::Bytes { bytes, cause: Cause(1) });
        self.said.clone()
    }

    /// Says it and expects a reply that begins so.
    pub(super) fn expect(&mut self, text: &str, reply: &str) {
        let said = self.say(text);
        assert!(said.starts_with(reply), "{text:?} was answered by {said:?}, not {reply:?}");
    }

    fn expect_end(&mut self, bytes: &[u8], reply: &str) {
        let said = self.say_bytes(bytes);
        let bytes = String::from_utf8_lossy(bytes.get(..80).unwrap_or(bytes));
        assert!(said.starts_with(reply), "{bytes:?} was answered by {said:?}, not {reply:?}");
        assert!(self.is_closed, "{said:?} did not end the session");
        assert!(self.taken.is_empty() && self.message.is_empty());
    }
}

fn whose(address: &Address) -> RecipientVerdict {
    match (address.domain(), address.local()) {
        ("x.example", "carlos" | "diana" | "josé") | (_, "postmaster") => RecipientVerdict::Local,
        ("x.example", "busy") => RecipientVerdict::TryLater,
        ("x.example", local) if local.starts_with("user") => RecipientVerdict::Local,
        ("x.example", _) => RecipientVerdict::Unknown,
        _ => RecipientVerdict::Elsewhere,
    }
}

#[test]
fn a_typical_session_goes_as_in_the_standard() {
    // RFC 5321 §D.1: one recipient of three is unknown; 220 250 250 250 550 250 354 250 221.
    let mut driver = Driver::mx();
    assert!(driver.said.starts_with("220 mx.example "));
    let offered = driver.say("EHLO bar.com\r\n");
    let lines: Vec<_> = offered.lines().collect();
    assert_eq!(lines.first(), Some(&"250-mx.example greets bar.com"));
    for line in ["PIPELINING", "SIZE 52428800", "8BITMIME", "SMTPUTF8", "CHUNKING", "DSN"] {
        assert!(
            lines.contains(&format!("250-{line}").as_str()) || offered.trim_end().ends_with(line),
            "{line}"
        );
    }
    driver.expect("MAIL FROM:<Smith@bar.com>\r\n", "250 ");
    driver.expect("RCPT TO:<carlos@x.example>\r\n", "250 ");
    driver.expect("RCPT TO:<green@x.example>\r\n", "550 5.1.1 ");
    driver.expect("RCPT TO:<diana@x.example>\r\n", "250 ");
    driver.expect("DATA\r\n", "354 ");
    driver.expect("Blah blah blah...\r\n...etc. etc. etc.\r\n", "");
    driver.expect(".\r\n", "250 ");
    driver.expect("QUIT\r\n", "221 ");
    assert!(driver.is_closed);
    let [(envelope, message)] = driver.taken.as_slice() else { panic!("one message") };
    assert_eq!(envelope.from.to_string(), "<Smith@bar.com>");
    assert_eq!(envelope.recipients.len(), 2);
    let (trace, text) = message.split_once("+0000\r\n").unwrap();
    assert_eq!(text, "Blah blah blah...\r\n..etc. etc. etc.\r\n");
    let expected = "Received: from bar.com ([192.0.2.7])\r\n\tby mx.example with ESMTP id s.1;";
    assert!(trace.starts_with(expected), "{trace}");
}

#[test]
fn an_aborted_transaction_leaves_nothing_behind() {
    // RFC 5321 §D.2.
    let mut driver = Driver::mx();
    driver.expect("EHLO bar.com\r\n", "250-");
    driver.expect("MAIL FROM:<Smith@bar.com>\r\n", "250 ");
    driver.expect("RCPT TO:<carlos@x.example>\r\n", "250 ");
    driver.expect("RCPT TO:<green@x.example>\r\n", "550 ");
    driver.expect("RSET\r\n", "250 ");
    driver.expect("RCPT TO:<carlos@x.example>\r\n", "503 5.5.1 ");
    driver.expect("QUIT\r\n", "221 ");
    assert!(driver.taken.is_empty());
}

#[test]
fn relayed_mail_is_refused_but_to_those_who_have_logged_in() {
    // RFC 5321 §D.3 relays; to strangers that is an open relay.
    let mut driver = Driver::in_mail(SessionConfig::new("mx.example", Role::Mx));
    driver.expect("RCPT TO:<jones@other.example>\r\n", "554 5.7.1 ");
    driver.expect("RCPT TO:<@mx.example:jones@other.example>\r\n", "554 5.7.1 ");
    driver.expect("RCPT TO:<\"jones@other.example\"@x.example>\r\n", "550 5.1.1 ");
    driver.expect("RCPT TO:<busy@x.example>\r\n", "451 4.3.0 ");
}

#[test]
fn verification_tells_nothing_and_expansion_is_not_offered() {
    // RFC 5321 §D.4, §3.5.3, §7.3.
    let mut driver = Driver::mx();
    driver.expect("VRFY carlos\r\n", "252 ");
    driver.expect("EXPN staff\r\n", "502 5.5.1 ");
    driver.expect("NOOP\r\n", "250 ");
    driver.expect("HELP\r\n", "214-");
    driver.expect("XYZZY\r\n", "500 5.5.1 ");
}

#[test]
fn a_greeting_must_come_first_and_helo_will_do() {
    // RFC 5321 §4.1.4.
    let mut driver = Driver::mx();
    driver.expect("MAIL FROM:<a@b.example>\r\n", "503 5.5.1 ");
    driver.expect("HELO a.example\r\n", "250 mx.example greets a.example\r\n");
    driver.expect("MAIL FROM:<a@b.example>\r\n", "250 ");
    driver.expect("MAIL FROM:<a@b.example>\r\n", "503 ");
    driver.expect("DATA\r\n", "554 ");
    driver.expect("EHLO a.example\r\n", "250-");
    driver.expect("DATA\r\n", "503 ");
}

#[test]
fn a_group_of_commands_is_answered_in_order() {
    // RFC 2920 §3.1.
    let mut driver = Driver::mx();
    let group = "EHLO a.example\r\nMAIL FROM:<>\r\nRCPT TO:<carlos@x.example>\r\n\
        RCPT TO:<nobody@x.example>\r\nRCPT TO:<carlos@x.example>\r\nDATA\r\nhi\r\n.\r\nQUIT\r\n";
    let said = driver.say(group);
    let codes: Vec<_> = said.lines().filter(|line| line.get(3..4) == Some(" ")).collect();
    let codes: Vec<_> = codes.iter().filter_map(|line| line.get(..3)).collect();
    assert_eq!(codes, ["250", "250", "250", "550", "250", "354", "250", "221"]);
    let [(envelope, message)] = driver.taken.as_slice() else { panic!("one message") };
    assert_eq!(envelope.recipients.len(), 1, "who is named twice gets it once");
    assert!(message.contains("for <carlos@x.example>;"));
}

#[test]
fn a_session_says_the_same_however_the_stream_is_cut() {
    let text = "EHLO a.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<carlos@x.example>\r\n\
        DATA\r\nA: b\r\n\r\n..x\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<diana@x.example>\r\n\
        BDAT 6\r\nA: b\r\nBDAT 4 LAST\r\n\r\nhi\r\nQUIT\r\n";
    let run = |cut: usize| {
        let (mut driver, mut said) = (Driver::mx(), String::new());
        for part in text.as_bytes().chunks(cut) {
            said.push_str(&driver.say_bytes(part));
        }
        (said, driver.taken)
    };
    let whole = run(text.len());
    assert_eq!(whole.1.len(), 2, "{}", whole.0);
    for cut in 1..40 {
        assert_eq!(run(cut), whole, "cut at {cut}");
    }
}

#[test]
fn chunks_make_a_message() {
    // RFC 3030 §4.2; a chunk may end anywhere, also between CR and LF.
    let mut driver = Driver::in_mail(SessionConfig::new("mx.example", Role::Mx));
    driver.expect("BDAT 5\r\nA: b\r", "250 2.0.0 5 octets");
    driver.expect("RCPT TO:<diana@x.example>\r\n", "503 ");
    driver.expect("DATA\r\n", "503 ");
    driver.expect("BDAT 0\r\n", "250 2.0.0 0 octets");
    driver.expect("BDAT 7\r\n\n\r\n.\r\n.", "250 ");
    driver.expect("BDAT 0 LAST\r\n", "250 2.0.0 kept as id");
    let [(_, message)] = driver.taken.as_slice() else { panic!("one message") };
    assert!(message.ends_with("+0000\r\nA: b\r\n\r\n.\r\n.\r\n"), "{message:?}");
    driver.expect("BDAT 2 LAST\r\nhi", "503 5.5.1 ");
}

#[test]
fn a_refused_chunk_is_read_to_its_end_and_only_reset_helps() {
    // RFC 3030 §2.
    let mut driver = Driver::in_mail(SessionConfig::new("mx.example", Role::Mx));
    driver.expect("BDAT 5\r\na\nb\0", "");
    driver.expect("c", "554 5.6.0 ");
    driver.expect("BDAT 6 LAST\r\nQUIT\r\n", "503 5.5.1 ");
    driver.expect("MAIL FROM:<>\r\n", "503 ");
    driver.expect("RSET\r\n", "250 ");
    assert!(driver.taken.is_empty() && driver.message.is_empty() && !driver.is_closed);
}

#[test]
fn an_old_server_offers_less_and_means_it() {
    // Course M7; RFC 6152 §3, RFC 5321 §4.1.1.11.
    let config =
        SessionConfig { offers: Offers::NONE, ..SessionConfig::new("old.example", Role::Mx) };
    let mut driver = Driver::new(config.clone());
    let offered = driver.say("EHLO a.example\r\n");
    for absent in ["PIPELINING", "8BITMIME", "SMTPUTF8", "CHUNKING"] {
        assert!(!offered.contains(absent), "{absent}");
    }
    driver.expect("MAIL FROM:<a@b.example> BODY=8BITMIME\r\n", "555 5.5.4 ");
    driver.expect("MAIL FROM:<a@b.example> SMTPUTF8\r\n", "555 5.5.4 ");
    driver.expect("MAIL FROM:<a@b.example>\r\n", "250 ");
    driver.expect("RCPT TO:<carlos@x.example>\r\n", "250 ");
    driver.expect("BDAT 3 LAST\r\nabc", "502 5.5.1 ");
    driver.expect("DATA\r\n", "354 ");
    driver.expect("A: ñ\r\n.\r\n", "554 5.6.1 ");
}

#[test]
fn every_wish_of_the_envelope_is_kept() {
    // RFC 3461 §4, RFC 6531 §3.4, RFC 1870 §6.
    let mut driver = Driver::mx();
    driver.expect("EHLO a.example\r\n", "250-");
    let mail = "MAIL FROM:<josé@b.example> SMTPUTF8 BODY=8BITMIME RET=HDRS ENVID=q1 SIZE=99\r\n";
    driver.expect(mail, "250 ");
    driver.expect("RCPT TO:<josé@x.example> NOTIFY=NEVER ORCPT=utf-8;josé@x\r\n", "250 ");
    driver.expect("DATA\r\nA: ñ\r\n.\r\n", "354 ");
    let [(envelope, message)] = driver.taken.as_slice() else { panic!("one message") };
    assert!(envelope.smtputf8 && envelope.body == BodyKind::EightBit);
    assert_eq!(envelope.envelope_id.as_deref(), Some("q1"));
    assert_eq!(envelope.recipients[0].original.as_deref(), Some("utf-8;josé@x"));
    assert!(message.contains("with UTF8SMTP id"));
}

#[test]
fn the_postmaster_is_always_there() {
    // RFC 5321 §4.5.1.
    let mut driver = Driver::in_mail(SessionConfig::new("mx.example", Role::Mx));
    driver.expect("RCPT TO:<PostMaster>\r\n", "250 2.1.5 to <postmaster@mx.example>");
}

#[test]
fn a_stopping_server_finishes_what_was_begun() {
    // RFC 5321 §3.8.
    let mut driver = Driver::in_data(SessionConfig::new("mx.example", Role::Mx));
    driver.handle(Input::Stopping);
    assert!(!driver.is_closed);
    let said = driver.say("hi\r\n.\r\n");
    assert!(said.starts_with("250 2.0.0 kept") && said.contains("\r\n421 4.3.2 "), "{said}");
    assert!(driver.is_closed && driver.taken.len() == 1);
    let mut idle = Driver::mx();
    idle.said.clear();
    idle.handle(Input::Stopping);
    assert!(idle.is_closed && idle.said.starts_with("421 4.3.2 "));
}

/// RFC 5321 §4.2.1: a policy may say "not now" or "no" at each point of a
/// transaction, and the session goes on where it was, also in a group of
/// commands (RFC 2920 §3.1).
#[test]
fn a_policy_refuses_a_command_and_the_transaction_stays_as_it_was() {
    let no = |code| Some(Reply::new(code, Some((7, 1)), "not today"));
    let config = SessionConfig { asks_policy: true, ..SessionConfig::new("mx.example", Role::Mx) };
    let mut driver = Driver::new(config);
    driver.policy = [no(550), None, no(451), None, no(550), None, no(451)].into();
    driver.expect("EHLO a.example\r\n", "550 5.7.1 not today");
    driver.say("HELO a.example\r\n");
    driver.expect("MAIL FROM:<andrea@a.example>\r\n", "451 4.7.1 not today");
    let said = driver.say(
        "MAIL FROM:<andrea@a.example>\r\nRCPT TO:<carlos@x.example>\r\n\
         RCPT TO:<carlos@x.example>\r\nDATA\r\n",
    );
    let codes: Vec<&str> = said.lines().map(|line| &line[..3]).collect();
    assert_eq!(codes, ["250", "550", "250", "451"]);
    driver.expect("DATA\r\n", "354 ");
    driver.expect("Subject: x\r\n\r\nx\r\n.\r\n", "250 ");
    assert_eq!(driver.taken.len(), 1);
    let (mail, to, data) = (Stage::Mail, Stage::Recipient, Stage::Data);
    let hello = Stage::Hello;
    let asked = [Stage::Greeting, hello, hello, mail, mail, to, to, data, data];
    assert_eq!(driver.asked, asked);
}

/// RFC 5321 §3.1: who is greeted with 554 may say QUIT and nothing else; after
/// 421 the server closes.
#[test]
fn a_client_that_is_turned_away_is_told_at_the_greeting() {
    let config =
        || SessionConfig { asks_policy: true, ..SessionConfig::new("mx.example", Role::Mx) };
    let no = |code| [Some(Reply::new(code, None, "no mail here"))].into();
    let mut driver = Driver::with_policy(config(), no(554));
    assert_eq!(driver.said, "554 no mail here\r\n");
    driver.expect("EHLO a.example\r\n", "503 5.5.1 ");
    driver.expect("MAIL FROM:<andrea@a.example>\r\n", "503 5.5.1 ");
    driver.expect_end(b"QUIT\r\n", "221 ");
    let driver = Driver::with_policy(config(), no(421));
    assert_eq!(driver.said, "421 no mail here\r\n");
    assert!(driver.is_closed);
    let mut stopped = Driver::with_policy(config(), no(554));
    stopped.handle(Input::Stopping);
    assert!(stopped.is_closed);
}

/// RFC 5321 §3.8: 421 is the last word.
#[test]
fn a_policy_that_says_421_closes() {
    let config = SessionConfig { asks_policy: true, ..SessionConfig::new("mx.example", Role::Mx) };
    let mut driver = Driver::new(config);
    driver.policy = [None, None, Some(Reply::new(421, Some((3, 2)), "closing"))].into();
    driver.say("EHLO a.example\r\nMAIL FROM:<andrea@a.example>\r\n");
    driver.expect_end(b"RCPT TO:<carlos@x.example>\r\nQUIT\r\n", "421 4.3.2 closing");
}
