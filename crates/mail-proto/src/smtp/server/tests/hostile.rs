//! Smuggling, slipped-in commands, limits.

use super::*;
use crate::smtp::line::SKIPPED_OCTETS_MAX;

fn config() -> SessionConfig {
    SessionConfig::new("mx.example", Role::Mx)
}

#[test]
fn every_smuggling_form_ends_the_session_without_a_message() {
    // RFC 5321 §2.3.8, §4.1.1.4: what one server takes for text must not be the
    // end of data for the next.
    let hidden = "MAIL FROM:<evil@b.example>\r\nRCPT TO:<carlos@x.example>\r\nDATA\r\nx\r\n.\r\n";
    let forms =
        ["\n.\n", "\n.\r\n", "\r.\r", "\r.\r\n", "\r\n.\n", "\r\n.\r", "\n.\r", "\r\r\n.\r\n"];
    for form in forms {
        let mut driver = Driver::in_data(config());
        let bytes = format!("A: b\r\n\r\ntext{form}{hidden}");
        driver.expect_end(bytes.as_bytes(), "554 5.6.0 a bare ");
        assert!(driver.said.contains("nc sends it with -C"), "{}", driver.said);
    }
}

#[test]
fn a_bare_line_feed_or_carriage_return_in_a_command_ends_the_session() {
    // RFC 5321 §2.3.8; the reply helps who types by hand.
    for command in ["EHLO a.example\n", "EHLO a.example\rNOOP\r\n", "NOOP\r\r\n"] {
        let mut driver = Driver::mx();
        driver.expect_end(command.as_bytes(), "500 5.5.2 a bare ");
        assert!(driver.said.contains("-C"));
    }
    let mut driver = Driver::in_mail(config());
    driver.expect_end(b"NOOP\nRCPT TO:<diana@x.example>\r\n", "500 5.5.2 ");
}

#[test]
fn a_null_byte_is_refused() {
    let mut driver = Driver::mx();
    assert!(driver.say_bytes(b"EHLO a\0b\r\n").starts_with("500 5.5.2 a null byte"));
    let mut driver = Driver::in_data(config());
    assert!(driver.say_bytes(b"A: b\0\r\n.\r\n").starts_with("554 5.6.0 a null byte"));
    assert!(driver.taken.is_empty() && !driver.is_closed);
}

#[test]
fn commands_slipped_in_before_tls_are_not_obeyed() {
    // RFC 3207 §4.2, §5.
    let config = SessionConfig { starttls: true, ..config() };
    let mut driver = Driver::in_mail(config);
    driver.expect("EHLO a.example\r\n", "250-");
    let said =
        driver.say("STARTTLS\r\nMAIL FROM:<evil@b.example>\r\nRCPT TO:<carlos@x.example>\r\n");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.starts_with("220 ") && driver.tls_asked == 1);
    // Also what comes while the handshake is under way.
    assert_eq!(driver.say("EHLO evil.example\r\n"), "");
    driver.handle(Input::TlsBegan("TLSv1_3".to_owned()));
    driver.expect("MAIL FROM:<a@b.example>\r\n", "503 5.5.1 say EHLO");
    let offered = driver.say("EHLO a.example\r\n");
    assert!(!offered.contains("STARTTLS"), "{offered}");
    driver.expect("STARTTLS\r\n", "503 ");
    driver.expect("DATA\r\n", "503 ");
    driver.expect("MAIL FROM:<a@b.example>\r\n", "250 ");
    driver.expect("RCPT TO:<carlos@x.example>\r\nDATA\r\n.\r\n", "250 ");
    assert!(driver.taken[0].1.contains("with ESMTPS id"));
}

#[test]
fn an_overlong_line_is_refused_and_the_next_one_read() {
    // RFC 5321 §4.5.3.1.4, §4.5.3.1.10.
    let mut driver = Driver::mx();
    driver.expect(&format!("NOOP {}\r\n", "a".repeat(505)), "250 ");
    driver.expect(&format!("NOOP {}\r\n", "a".repeat(506)), "500 5.5.2 the line is too long");
    driver.expect(&format!("NOOP {}", "a".repeat(9_000)), "500 5.5.2 ");
    driver.expect("aaaa\r\nNOOP\r\n", "250 ");
    let mut driver = Driver::mx();
    let said = driver.say(&"a".repeat(SKIPPED_OCTETS_MAX - 2_000));
    assert!(said.starts_with("500 "), "{said}");
    driver.expect_end(&vec![b'a'; SKIPPED_OCTETS_MAX + 2_000], "500 5.5.2 the line does not end");
}

#[test]
fn a_line_of_data_has_at_most_998_octets() {
    // RFC 5321 §4.5.3.1.6: 1,000 with CR LF, the doubled dot not counted.
    let mut driver = Driver::in_data(config());
    driver.expect(&format!("\r\n..{}\r\n.\r\n", "a".repeat(997)), "250 ");
    let mut driver = Driver::in_data(config());
    driver.expect(&format!("\r\n{}\r\n.\r\n", "a".repeat(999)), "500 5.6.0 ");
    assert!(driver.taken.is_empty() && !driver.is_closed);
}

#[test]
fn a_message_over_the_limit_is_refused() {
    // RFC 1870 §6.1, §6.3.
    let config = SessionConfig { message_octets_max: 2_000, ..config() };
    let mut driver = Driver::new(config.clone());
    driver.expect("EHLO a.example\r\n", "250-");
    driver.expect("MAIL FROM:<a@b.example> SIZE=2001\r\n", "552 5.3.4 ");
    let mut driver = Driver::in_data(config.clone());
    driver.expect(&format!("{}.\r\n", "0123456789\r\n".repeat(200)), "552 5.3.4 ");
    assert!(!driver.is_closed && driver.taken.is_empty());
    let mut driver = Driver::in_data(config.clone());
    driver.expect_end("0123456789\r\n".repeat(400).as_bytes(), "552 5.3.4 ");
    let mut driver = Driver::in_mail(config);
    driver.expect_end(b"BDAT 99999999999999999999 LAST\r\nQUIT\r\n", "552 5.3.4 ");
}

#[test]
fn a_message_that_went_in_circles_is_refused() {
    // RFC 5321 §6.3: at least 100.
    let mut driver = Driver::in_data(config());
    driver.expect(&format!("{}.\r\n", "Received: x\r\n".repeat(99)), "250 ");
    let mut driver = Driver::in_data(config());
    driver.expect(&format!("{}.\r\n", "Received: x\r\n".repeat(100)), "554 5.4.6 ");
}

#[test]
fn recipients_over_the_limit_are_refused_and_the_others_get_the_message() {
    // RFC 5321 §4.5.3.1.8, §4.5.3.1.10.
    let mut driver = Driver::in_mail(SessionConfig { recipients_max: 100, ..config() });
    for number in 1..100 {
        driver.expect(&format!("RCPT TO:<user{number}@x.example>\r\n"), "250 ");
    }
    driver.expect("RCPT TO:<user100@x.example>\r\n", "452 4.5.3 at most 100 ");
    driver.expect("DATA\r\nhi\r\n.\r\n", "354 ");
    assert_eq!(driver.taken[0].0.recipients.len(), 100);
}

#[test]
fn too_many_errors_end_the_session() {
    let mut driver = Driver::new(SessionConfig { errors_max: 3, ..config() });
    for _ in 0..3 {
        driver.expect("XYZZY\r\n", "500 ");
    }
    let said = driver.say("XYZZY\r\n");
    assert!(said.starts_with("500 ") && said.contains("\r\n421 4.7.0 too many errors"), "{said}");
    assert!(driver.is_closed);
}

// A page that a browser shows can make it send a form to any port; the form's fields would
// be commands.
#[test]
fn a_browser_is_turned_away_before_its_form_is_read() {
    let mut driver = Driver::new(config());
    let form = "POST / HTTP/1.1\r\nHost: x\r\n\r\nEHLO x\r\nMAIL FROM:<a@b.example>\r\n";
    driver.expect_end(form.as_bytes(), "421 4.7.0 this is no web server");
}

#[test]
fn too_many_commands_without_a_message_end_the_session() {
    let mut driver = Driver::new(SessionConfig { idle_commands_max: 3, ..config() });
    for _ in 0..3 {
        driver.expect("NOOP\r\n", "250 ");
    }
    driver.expect_end(b"NOOP\r\n", "421 4.7.0 ");
}

#[test]
fn a_silent_client_is_told_and_left() {
    // RFC 5321 §4.5.3.2.7.
    let mut driver = Driver::in_data(config());
    driver.say("half a mess");
    driver.said.clear();
    driver.handle(Input::TimedOut);
    assert!(driver.said.starts_with("421 4.4.2 ") && driver.is_closed);
    assert!(driver.taken.is_empty() && driver.message.is_empty());
    driver.handle(Input::Bytes { bytes: b".\r\n", cause: Cause(2) });
    assert!(driver.taken.is_empty());
}

#[test]
fn addresses_beyond_ascii_need_smtputf8() {
    // RFC 6531 §3.5.
    let mut driver = Driver::in_mail(config());
    driver.expect("RCPT TO:<josé@x.example>\r\n", "553 5.6.7 ");
    driver.expect("RSET\r\nMAIL FROM:<josé@x.example>\r\n", "250 ");
    assert!(driver.said.contains("553 5.6.7 "));
    driver.expect("MAIL FROM:<a@b.example> BODY=BINARYMIME\r\n", "555 ");
}
