use super::{Action, RecipientReport, Report, parse, write};
use crate::envelope::Returns;
use crate::message::compose::Person;
use crate::message::date::MessageDate;
use crate::message::decode::part_text;
use crate::message::structure::scan;

const ORIGINAL: &[u8] = "From: a@umass.edu\r\nMessage-ID: <1@umass.edu>\r\nSubject: señal\r\n\r\n\
    cuerpo señal\r\n"
    .as_bytes();

fn report(action: Action) -> Report {
    let date = MessageDate::from_unix_seconds(1_750_000_000);
    Report {
        reporting_mta: "mail.umass.edu".to_owned(),
        to: Person::new("andrea@umass.edu".parse().unwrap()),
        date,
        message_id: "dsn.1@mail.umass.edu".to_owned(),
        boundary: "x1".to_owned(),
        arrival: Some(date),
        envelope_id: Some("envelope 7".to_owned()),
        recipients: vec![RecipientReport {
            original: Some("rfc822;carlos@urosario.edu.co".to_owned()),
            recipient: "carlos@mail.urosario.edu.co".to_owned(),
            action,
            status: "5.1.1".to_owned(),
            remote_mta: Some("mail.urosario.edu.co".to_owned()),
            diagnostic: Some("550 5.1.1 no such user\r\nStatus: 2.0.0".to_owned()),
            finding: None,
            last_attempt: Some(date),
            will_retry_until: Some(MessageDate::from_unix_seconds(1_750_400_000)),
        }],
    }
}

/// RFC 3464 §2: what is written is read again, and no server's words add fields.
#[test]
fn a_notification_is_read_again() {
    for action in [Action::Failed, Action::Delayed, Action::Delivered, Action::Relayed] {
        let message = write(&report(action), ORIGINAL, Returns::Unsaid);
        assert!(message.is_ascii());
        let read = parse(&message).unwrap();
        assert_eq!(read.reporting_mta.as_deref(), Some("dns; mail.umass.edu"));
        assert_eq!(read.envelope_id.as_deref(), Some("envelope 7"));
        assert_eq!(read.message_id.as_deref(), Some("<1@umass.edu>"));
        let [recipient] = read.recipients.as_slice() else { panic!("{read:?}") };
        assert_eq!(recipient.action, action);
        assert_eq!(recipient.status, "5.1.1");
        assert_eq!(recipient.final_recipient, "rfc822; carlos@mail.urosario.edu.co");
        let diagnostic = "smtp; 550 5.1.1 no such user  Status: 2.0.0";
        assert_eq!(recipient.diagnostic.as_deref(), Some(diagnostic));
        let text = String::from_utf8(message).unwrap();
        // RFC 3464 §2.3.9
        assert_eq!(text.contains("Will-Retry-Until"), action == Action::Delayed);
        assert!(text.contains("Auto-Submitted: auto-replied\r\n"));
    }
}

/// RFC 3461 §4.3: RET decides what comes back, and only failures bring it all.
#[test]
fn the_sender_decides_what_comes_back() {
    let third = |action, returns| {
        let message = write(&report(action), ORIGINAL, returns);
        let structure = scan(&message);
        let part = structure.numbered(&[3]).unwrap();
        String::from_utf8(message[part.header.start..part.body.end].to_vec()).unwrap()
    };
    let whole = third(Action::Failed, Returns::Full);
    assert!(whole.starts_with("Content-Type: message/rfc822") && whole.contains("cuerpo"));
    for headers in [
        third(Action::Failed, Returns::Headers),
        third(Action::Delayed, Returns::Full),
        third(Action::Delivered, Returns::Unsaid),
    ] {
        assert!(headers.starts_with("Content-Type: text/rfc822-headers"), "{headers}");
        assert!(headers.contains("Message-ID: <1@umass.edu>") && !headers.contains("cuerpo"));
    }
}

/// RFC 2046 §5.1.1: a delimiter is in no part, whatever the message quotes.
#[test]
fn a_message_that_guesses_the_delimiter_stays_in_its_part() {
    let original = b"Subject: x\r\n\r\n--=_x1.1--\r\n--=_x1x.1\r\nAction: delivered\r\n";
    let message = write(&report(Action::Failed), original, Returns::Full);
    let structure = scan(&message);
    assert_eq!(structure.numbered(&[4]).map(|part| part.body.clone()), None);
    assert_eq!(parse(&message).unwrap().recipients[0].action, Action::Failed);
}

/// RFC 6533 §3: people read an address as it is, programs its letters by number.
#[test]
fn an_address_beyond_ascii_is_told_to_people_and_programs() {
    let mut report = report(Action::Failed);
    report.recipients[0].recipient = "añil@urosario.edu.co".to_owned();
    let message = write(&report, ORIGINAL, Returns::Headers);
    let structure = scan(&message);
    let text = part_text(&message, structure.numbered(&[1]).unwrap()).unwrap();
    assert!(text.contains("añil@urosario.edu.co"), "{text}");
    let read = parse(&message).unwrap();
    assert_eq!(read.recipients[0].final_recipient, "utf-8; a\\x{F1}il@urosario.edu.co");
}

/// RFC 3464 appendix E.1, its groups: several recipients, other servers' forms.
#[test]
fn groups_of_other_servers_are_read() {
    let message =
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n\
        --b\r\n\r\nsorry\r\n--b\r\ncontent-type: message/delivery-status\r\n\r\n\
        Reporting-MTA: dns; cs.utk.edu\r\n\r\n\
        Original-Recipient: rfc822;arathib@vnet.ibm.com\r\n\
        Final-Recipient: rfc822;arathib@vnet.ibm.com\r\nAction: failed\r\n\
        Status: 5.0.0 (permanent failure)\r\n\
        Diagnostic-Code: smtp;\r\n 550 'arathib@vnet.IBM.COM' is not a registered gateway user\r\n\
        Remote-MTA: dns; vnet.ibm.com\r\n\r\n\r\n\
        Final-Recipient: rfc822;wsnell@sdcc13.ucsd.edu\r\nAction: DELAYED\r\nStatus: 4.0.0\r\n\
        --b--\r\n";
    let read = parse(message).unwrap();
    assert_eq!(read.recipients.len(), 2);
    assert_eq!(read.recipients[0].status, "5.0.0 (permanent failure)");
    assert_eq!(read.recipients[1].action, Action::Delayed);
    assert_eq!(parse(b"Subject: x\r\n\r\nno report\r\n"), None);
}

/// RFC 3461 §4.2: the address "prior to encoding as xtext"; RFC 6533 §3: one beyond ASCII in
/// its own form.
#[test]
fn the_original_recipient_is_told_as_it_was_before_its_encoding() {
    let check = |parameter: &str, expected: &str| {
        let mut report = report(Action::Failed);
        report.recipients[0].original = Some(parameter.to_owned());
        let message = write(&report, b"Subject: x\r\n\r\n", Returns::Full);
        let message = String::from_utf8(message).unwrap();
        assert!(message.contains(&format!("\nOriginal-Recipient: {expected}\r\n")), "{message}");
    };
    check("rfc822;carlos+2Bnews@x.example", "rfc822; carlos+news@x.example");
    check("rfc822;a+0D+0AB:+20c@x.example", "rfc822; a  B: c@x.example");
    check("utf-8;jos\\x{E9}@x.example", "utf-8; jos\\x{E9}@x.example");
    check("rfc822;a+zz@x.example", "rfc822; a+zz@x.example");
}
