//! AUTH (RFC 4954), and what submission asks for.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::sasl::{ClientExchange, Mechanism, Password, ScramCredentials};

pub(super) fn credentials(user: &str) -> Option<ScramCredentials> {
    let password = Password::new("secret").unwrap();
    (user == "carlos").then(|| ScramCredentials::derive(&password, &[1; 16], 4_096))
}

fn submission() -> SessionConfig {
    SessionConfig { starttls: true, ..SessionConfig::new("mx.example", Role::Submission) }
}

/// A session within TLS, after EHLO.
fn within_tls() -> Driver {
    let mut driver = Driver::new(submission());
    driver.expect("STARTTLS\r\n", "220 ");
    driver.handle(Input::TlsBegan("TLSv1_3".to_owned()));
    driver.expect("EHLO a.example\r\n", "250-");
    driver
}

fn plain(user: &str, password: &str) -> String {
    STANDARD.encode(format!("\0{user}\0{password}"))
}

#[test]
fn passwords_are_not_taken_in_clear() {
    // RFC 4954 §4.
    let mut driver = Driver::new(submission());
    let offered = driver.say("EHLO a.example\r\n");
    assert!(offered.contains("AUTH SCRAM-SHA-256\r\n"), "{offered}");
    driver.expect(&format!("AUTH PLAIN {}\r\n", plain("carlos", "secret")), "538 5.7.11 ");
    driver.expect("MAIL FROM:<carlos@x.example>\r\n", "530 5.7.0 ");
    let config = SessionConfig { auth: AuthPolicy::InClear, ..submission() };
    let mut driver = Driver::new(config);
    assert!(driver.say("EHLO a.example\r\n").contains("AUTH SCRAM-SHA-256 PLAIN LOGIN\r\n"));
    driver.expect(&format!("AUTH PLAIN {}\r\n", plain("carlos", "secret")), "235 2.7.0 ");
}

#[test]
fn who_has_logged_in_may_relay_and_gets_a_whole_header() {
    // RFC 6409 §8; RFC 3848.
    let mut driver = within_tls();
    driver.expect("AUTH PLAIN\r\n", "334 \r\n");
    driver.expect(&format!("{}\r\n", plain("carlos", "secret")), "235 ");
    driver.expect("AUTH PLAIN\r\n", "503 ");
    driver.expect("MAIL FROM:<carlos@x.example> AUTH=carlos+40x.example\r\n", "250 ");
    driver.expect("RCPT TO:<jones@other.example>\r\n", "250 ");
    driver.expect("DATA\r\nSubject: hi\r\n\r\n.\r\n", "354 ");
    let message = &driver.taken[0].1;
    assert!(message.contains("with ESMTPSA id s.1\r\n"), "{message}");
    assert!(message.contains("\r\nDate: Mon, 01 Feb 2027 00:00:03 +0000\r\nMessage-ID: <"));
}

#[test]
fn login_asks_for_name_and_password() {
    let mut driver = within_tls();
    driver.expect("AUTH LOGIN\r\n", "334 VXNlcm5hbWU6\r\n");
    driver.expect(&format!("{}\r\n", STANDARD.encode("carlos")), "334 UGFzc3dvcmQ6\r\n");
    driver.expect(&format!("{}\r\n", STANDARD.encode("secret")), "235 ");
}

#[test]
fn scram_proves_both_sides_without_the_password() {
    // RFC 7677, RFC 4954 §4.
    let mut driver = Driver::new(submission());
    driver.expect("EHLO a.example\r\n", "250-");
    let password = Password::new("secret").unwrap();
    let mut client = ClientExchange::new(Mechanism::ScramSha256, "carlos", &password, [3; 18]);
    let first = STANDARD.encode(client.initial_response().unwrap());
    let mut said = driver.say(&format!("AUTH SCRAM-SHA-256 {first}\r\n"));
    while let Some(challenge) = said.strip_prefix("334 ") {
        let challenge = STANDARD.decode(challenge.trim_end()).unwrap();
        let response = STANDARD.encode(client.handle(&challenge).unwrap());
        said = driver.say(&format!("{response}\r\n"));
    }
    assert!(said.starts_with("235 "), "{said}");
    assert_eq!(client.finish(), Ok(()));
}

#[test]
fn refused_log_ins_are_counted_and_end_the_session() {
    let mut driver = within_tls();
    let wrong = format!("AUTH PLAIN {}\r\n", plain("carlos", "guess"));
    driver.expect(&wrong, "535 5.7.8 ");
    driver.expect(&wrong, "535 5.7.8 ");
    let said = driver.say(&wrong);
    assert!(said.starts_with("535 ") && said.contains("\r\n421 4.7.0 "), "{said}");
    assert!(driver.is_closed);
}

#[test]
fn a_broken_exchange_is_refused_and_the_session_goes_on() {
    // RFC 4954 §4.
    let mut driver = within_tls();
    driver.expect("AUTH PLAIN ???\r\n", "501 5.5.2 ");
    driver.expect("AUTH PLAIN\r\n*\r\n", "334 ");
    assert!(driver.said.contains("501 5.7.0 "));
    driver.expect("AUTH CRAM-MD5\r\n", "504 5.5.4 ");
    driver.expect(&format!("AUTH PLAIN\r\n{}\r\n", "A".repeat(12_290)), "334 ");
    assert!(driver.said.contains("500 5.5.2 the line is too long"), "{}", driver.said);
    driver.expect("NOOP\r\n", "250 ");
}

#[test]
fn log_ins_are_not_offered_where_nobody_may() {
    let mut driver = Driver::new(SessionConfig::new("mx.example", Role::Mx));
    assert!(!driver.say("EHLO a.example\r\n").contains("AUTH"));
    driver.expect("AUTH PLAIN\r\n", "502 5.5.1 ");
}

#[test]
fn a_foreign_sender_is_refused_where_only_own_ones_may_be() {
    // RFC 6409 §6.1.
    let config =
        SessionConfig { senders: SenderPolicy::Own, auth: AuthPolicy::InClear, ..submission() };
    let mut driver = Driver::new(config);
    driver.expect("EHLO a.example\r\n", "250-");
    driver.expect(&format!("AUTH PLAIN {}\r\n", plain("carlos", "secret")), "235 ");
    driver.expect("MAIL FROM:<rector@x.example>\r\n", "553 5.7.1 ");
    driver.expect("MAIL FROM:<>\r\n", "250 ");
    driver.expect("RSET\r\nMAIL FROM:<carlos@x.example>\r\n", "250 ");
}
