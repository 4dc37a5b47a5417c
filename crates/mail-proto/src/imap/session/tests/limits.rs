use std::time::Duration;

use capa7_dissect::Cause;

use super::Table;
use crate::imap::session::{Input, SessionConfig, Tls};

/// RFC 9051 §6.2.1, §6.2.3: before TLS no password; what was slipped in before
/// it is gone within it.
#[test]
fn starttls_forgets_what_came_with_it() {
    let mut table = Table::with(1, SessionConfig::new("m".to_owned()), Tls::Offered);
    table.play(
        "C: a CAPABILITY
         S: * CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR ENABLE ID IDLE STARTTLS \
             LOGINDISABLED AUTH=SCRAM-SHA-256
         S: a OK CAPABILITY completed
         C: b LOGIN andrea secret
         S: b NO [PRIVACYREQUIRED] passwords are taken within TLS only
         C: c AUTHENTICATE PLAIN AGFuZHJlYQBzZWNyZXQ=
         S: c NO [PRIVACYREQUIRED] this mechanism is for TLS only",
    );
    table.say(0, b"d STARTTLS\r\ne NOOP\r\nf LOG");
    assert_eq!(table.clients[0].heard, b"d OK begin TLS\r\n");
    table.clients[0].heard.clear();
    table.play(
        "C: g CAPABILITY
         S: * CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR ENABLE ID IDLE AUTH=SCRAM-SHA-256 \
             AUTH=PLAIN AUTH=LOGIN
         S: g OK CAPABILITY completed
         C: h STARTTLS
         S: h BAD TLS cannot begin here
         C: i SELECT INBOX
         S: i BAD this command is not for this state",
    );
}

/// RFC 9051 §6.2.2, RFC 4959: in one step, in several, given up, failed.
#[test]
fn mechanisms_prove_who_a_client_is() {
    let mut table = Table::new(4);
    assert!(table.ask(0, "a AUTHENTICATE PLAIN AGFuZHJlYQBzZWNyZXQ=").starts_with("a OK [CAPA"));
    table.play(
        "2C: a AUTHENTICATE LOGIN
         2S: + VXNlcm5hbWU6
         2C: YW5kcmVh
         2S: + UGFzc3dvcmQ6
         2C: *
         2S: a BAD AUTHENTICATE was cancelled
         3C: b AUTHENTICATE PLAIN
         3S: +
         3C: !
         3S: b BAD the response is not in base64
         3C: c AUTHENTICATE GSSAPI
         3S: c NO [CANNOT] the mechanism is not known",
    );
    let fails = "NO [AUTHENTICATIONFAILED] name or password is wrong\r\n";
    assert_eq!(table.ask(3, "a LOGIN andrea wrong"), format!("a {fails}"));
    assert_eq!(table.ask(3, "b LOGIN andrea {5+}\r\nwrong"), format!("b {fails}"));
    let last = table.ask(3, "c LOGIN andrea wrong");
    assert_eq!(last, format!("c {fails}* BYE too many failed attempts\r\n"));
    assert!(table.clients[3].is_closed);
}

/// A client that cannot be understood is told so, and left in the end.
#[test]
fn bad_commands_are_counted() {
    let mut table = Table::users(1);
    table.play(
        "C: a FROBNICATE
         S: a BAD unknown command FROBNICATE
         C: NOOP
         S: NOOP BAD a space expected at octet 4
         C: 
         S: * BAD a tag expected at octet 0
         C: b SELECT {300000}
         S: b BAD [TOOBIG] the literal is too long
         C: c SELECT {99999+}
         S: c BAD [TOOBIG] the literal is too long",
    );
    table.say(0, &[b'x'; 99_999]);
    table.say(0, b" ");
    table.play(
        "C: y
         C: d NOOP
         S: d OK NOOP completed",
    );
    table.say(0, b"e NOOP\nf NOOP\r\n");
    let heard = String::from_utf8_lossy(&table.clients[0].heard).into_owned();
    assert!(heard.starts_with("e BAD lines end with CR LF"), "{heard}");
    assert!(heard.ends_with("f OK NOOP completed\r\n"));
    table.clients[0].heard.clear();
    (0..10).for_each(|_| table.say(0, b"x\r\n"));
    assert!(table.clients[0].heard.ends_with(b"* BYE too many bad commands\r\n"));
    assert!(table.clients[0].is_closed);
}

/// RFC 9051 §5.4: strangers have a minute, users half an hour.
#[test]
fn silent_clients_are_sent_away_after_their_time() {
    for (mut table, minutes) in [(Table::new(1), 1), (Table::users(1), 30)] {
        let limit = Duration::from_secs(60 * minutes);
        table.now = limit.saturating_sub(Duration::from_secs(1));
        table.give(0, Input::Timer);
        assert!(table.clients[0].heard.is_empty());
        table.now = limit;
        table.give(0, Input::Timer);
        assert_eq!(table.clients[0].heard, b"* BYE idle for too long\r\n");
    }
}

#[test]
fn a_server_that_stops_says_so() {
    let mut table = Table::users(2);
    table.ask(1, "a IDLE");
    for client in 0..2 {
        table.give(client, Input::Shutdown);
        let bye = b"* BYE [UNAVAILABLE] the server is shutting down\r\n";
        assert_eq!(table.clients[client].heard, bye);
        table.give(client, Input::Octets { octets: b"b NOOP\r\n", cause: Cause::NONE });
        assert_eq!(table.clients[client].heard, bye);
    }
}

/// RFC 9051 §5.5: pipelined commands are done in their order.
#[test]
fn pipelined_commands_are_answered_in_their_order() {
    let mut table = Table::users(1);
    let heard = table.ask(0, "a CREATE x\r\nb STATUS x (MESSAGES)\r\nc DELETE x\r\nd DELETE x");
    assert_eq!(
        heard,
        "a OK CREATE completed\r\n* STATUS x (MESSAGES 0)\r\nb OK STATUS completed\r\n\
         c OK DELETE completed\r\nd NO [NONEXISTENT] there is no such mailbox\r\n"
    );
}
