use proptest::prelude::*;

use super::*;
use crate::envelope::{BodyKind, Notify, Returns};

fn parse(line: &str) -> Result<Command, CommandError> {
    Command::parse(line.as_bytes())
}

fn check_refused(line: &str, words: &str) {
    let error = parse(line).expect_err(line);
    assert!(error.to_string().contains(words), "{line}: {error}");
}

#[test]
fn verbs_and_keywords_have_no_case() {
    // RFC 5321 §2.4.
    assert_eq!(parse("eHlO a.example"), Ok(Command::Ehlo("a.example".to_owned())));
    assert_eq!(parse("helo [192.0.2.1]"), Ok(Command::Helo("[192.0.2.1]".to_owned())));
    assert_eq!(parse("data  "), Ok(Command::Data));
    assert_eq!(parse("noop whatever"), Ok(Command::Noop));
    assert_eq!(parse("bdat 12 last"), Ok(Command::Bdat(Chunk { octets: 12, is_last: true })));
    let Ok(Command::Mail(from, parameters)) = parse("mail from: <a@B.example> body=8bitmime")
    else {
        panic!("it is a command");
    };
    assert_eq!(from.to_string(), "<a@b.example>");
    assert_eq!(parameters.body, Some(BodyKind::EightBit));
}

#[test]
fn every_parameter_of_mail_is_read() {
    let line = "MAIL FROM:<> SIZE=1200 BODY=7BIT SMTPUTF8 RET=HDRS ENVID=a+3Db AUTH=x+40y";
    let Ok(Command::Mail(from, seen)) = parse(line) else { panic!("it is a command") };
    assert_eq!(from, ReversePath(None));
    let expected = MailParameters {
        size: Some(1200),
        body: Some(BodyKind::SevenBit),
        smtputf8: true,
        returns: Some(Returns::Headers),
        envelope_id: Some("a=b".to_owned()),
        submitter: Some("x@y".to_owned()),
    };
    assert_eq!(seen, expected);
}

#[test]
fn every_parameter_of_rcpt_is_read() {
    let line = "RCPT TO:<carlos@x> NOTIFY=SUCCESS,delay ORCPT=rfc822;c+2Ba@x";
    let Ok(Command::Rcpt(to, seen)) = parse(line) else { panic!("it is a command") };
    assert_eq!(to, RecipientPath::Path(ForwardPath("carlos@x".parse().unwrap())));
    assert_eq!(seen.notify, Some(Notify { success: true, failure: false, delay: true }));
    assert_eq!(seen.original.as_deref(), Some("rfc822;c+2Ba@x"));
    let Ok(Command::Rcpt(to, seen)) = parse("RCPT TO:<postmaster> NOTIFY=NEVER") else {
        panic!("it is a command");
    };
    assert_eq!((to, seen.notify), (RecipientPath::Postmaster, Some(Notify::default())));
}

#[test]
fn what_breaks_the_syntax_is_refused_with_the_reason() {
    check_refused("MAIL", "MAIL FROM:<");
    check_refused("MAIL FROM:a@b", "begins with <");
    check_refused("MAIL FROM:<a@b>SIZE=1", "blank");
    check_refused("MAIL FROM:<postmaster>", "no @");
    check_refused("MAIL FROM:<a@b> SIZE=", "SIZE");
    check_refused("MAIL FROM:<a@b> SIZE=123456789012345678901", "SIZE");
    check_refused("MAIL FROM:<a@b> SIZE=1 SIZE=2", "twice");
    check_refused("MAIL FROM:<a@b> SMTPUTF8=1", "no value");
    check_refused("MAIL FROM:<a@b> COLOUR=red", "COLOUR is not known");
    check_refused("RCPT TO:<>", "nobody");
    check_refused("RCPT TO:<a@b> NOTIFY=NEVER,DELAY", "NOTIFY");
    check_refused("RCPT TO:<a@b> ORCPT=rfc822", "ORCPT");
    check_refused("DATA now", "nothing may follow");
    check_refused("BDAT -1", "octets");
    check_refused("BDAT 1 FIRST", "octets");
    check_refused("EHLO", "host name");
    check_refused("EHLO a b", "host name");
    check_refused("VRFY", "name");
    check_refused("AUTH", "mechanism");
    check_refused("AUTH PLAIN a b", "mechanism");
    check_refused("GET / HTTP/1.1", "GET");
    check_refused("", "no command");
    assert_eq!(Command::parse(b"NOOP \xff"), Err(CommandError::NotUtf8));
}

#[test]
fn a_number_beyond_64_bits_is_over_every_limit() {
    let largest = Command::Bdat(Chunk { octets: u64::MAX, is_last: false });
    assert_eq!(parse("BDAT 99999999999999999999"), Ok(largest));
}

proptest! {
    #[test]
    fn no_line_makes_the_parser_fail(line: Vec<u8>, verb in "(MAIL FROM:<|RCPT TO:<|AUTH |BDAT )") {
        let _ = Command::parse(&line);
        let _ = Command::parse(&[verb.as_bytes(), &line].concat());
    }
}
