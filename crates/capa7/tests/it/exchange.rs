//! Mail between our server and another's: Postfix and Dovecot, in both
//! directions, found through our name server.

mod two_sites;

use capa7_mail_proto::message::report::{self, Action};

use two_sites::{ANDREA, DORA, JOSE, MARIA, Person, TwoSites};

/// Lines that travel badly: dots, spaces at the end, a line of 998 octets, text
/// beyond ASCII (RFC 6152), an empty line at the end.
fn difficult_text() -> String {
    let long = "x".repeat(998);
    format!("¡Hola!\r\n.\r\n..two dots\r\nFrom here on \t \r\n{long}\r\nEl año, el señor.\r\n\r\n")
}

fn letter(subject: &str, body: &str) -> Vec<u8> {
    format!(
        "From: <sender@a.test>\r\nTo: <to@b.test>\r\nSubject: {subject}\r\nMessage-ID: \
         <{subject}@letters.test>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; \
         charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{body}"
    )
    .into_bytes()
}

/// A message with a file of about three megabytes that nothing compresses away.
fn letter_with_file(subject: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut state = 7_u32;
    let mut file = Vec::new();
    for _ in 0..40_000 {
        for _ in 0..76 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            file.push(ALPHABET[(state >> 26) as usize]);
        }
        file.extend_from_slice(b"\r\n");
    }
    let mut letter = format!(
        "From: <sender@a.test>\r\nTo: <to@b.test>\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=\"=_cut\"\r\n\r\n--=_cut\r\n\r\nSee it.\r\n\
         --=_cut\r\nContent-Type: application/octet-stream; name=\"file.bin\"\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n"
    )
    .into_bytes();
    letter.extend(file);
    letter.extend_from_slice(b"--=_cut--\r\n");
    letter
}

fn body(message: &[u8]) -> &[u8] {
    let end = message.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    &message[end + 4..]
}

fn header(message: &[u8]) -> String {
    let end = message.len() - body(message).len();
    String::from_utf8_lossy(&message[..end]).replace("\r\n\t", " ").replace("\r\n ", " ")
}

fn sends(sites: &TwoSites, from: Person, to: &[&str], message: &[u8], notify: &str) {
    let said = sites.send(from, to, message, notify);
    assert_eq!(said.code, Some(0), "{said:?}");
}

/// The trace line of the server that took a message from another one.
fn trace(message: &[u8], by: &str) -> String {
    let header = header(message);
    let lines: Vec<&str> = header.lines().filter(|line| line.starts_with("Received:")).collect();
    let by = format!("by {by}");
    let found = lines.iter().find(|line| line.contains(&by));
    found.unwrap_or_else(|| panic!("{by} in {header}")).to_string()
}

// RFC 5321 §3.6, RFC 3207, RFC 6152, RFC 6531: what one wrote is what the other
// reads, octet for octet, and nobody between them could have read it.
#[test]
fn mail_goes_both_ways_within_tls_octet_for_octet() {
    let Some(sites) = TwoSites::start("") else { return };
    for (from, to, there) in [(ANDREA, DORA, "mail.theirs.test"), (DORA, ANDREA, "mail.ours.test")]
    {
        let sent = letter("dificil", &difficult_text());
        sends(&sites, from, &[to.user], &sent, "-");
        let read = sites.fetch(to, "dificil");
        assert_eq!(String::from_utf8_lossy(body(&read)), difficult_text());
        // RFC 3848: ESMTPS was ESMTP within TLS.
        let trace = trace(&read, there);
        assert!(trace.contains("with ESMTPS"), "{trace}");

        let sent = letter_with_file("long-file");
        sends(&sites, from, &[to.user], &sent, "-");
        let read = sites.fetch(to, "long-file");
        assert!(body(&read) == body(&sent), "{} of {} octets", read.len(), sent.len());
    }
    // RFC 6531: addresses and header fields beyond ASCII.
    let maria = (DORA, MARIA, MARIA.user, "mail.ours.test");
    for (from, to, address, there) in
        [(ANDREA, JOSE, "josé@theirs.test", "mail.theirs.test"), maria]
    {
        let sent = letter("camión", &difficult_text());
        sends(&sites, from, &[address], &sent, "-");
        let read = sites.fetch(to, "letters.test");
        assert!(header(&read).contains("\r\nSubject: camión\r\n"), "{}", header(&read));
        assert_eq!(body(&read), body(&sent));
        let trace = trace(&read, there);
        assert!(trace.contains("with UTF8SMTPS"), "{trace}");
        assert!(header(&read).contains(address), "{}", header(&read));
    }
}

// RFC 3461, RFC 3464: who writes to nobody hears of it, who asks for a receipt
// gets it, and each side understands what the other's server wrote.
#[test]
fn bounces_and_receipts_of_one_are_understood_by_the_other() {
    let Some(sites) = TwoSites::start("") else { return };
    let ours = |report: &[u8]| {
        let text = String::from_utf8_lossy(report).into_owned();
        report::parse(report).unwrap_or_else(|| panic!("no notification: {text}"))
    };

    // Refused at RCPT by Postfix: our server writes the notification.
    sends(&sites, ANDREA, &["nobody@theirs.test"], &letter("to-nobody", "x\r\n"), "-");
    let bounce = sites.fetch(ANDREA, "to-nobody");
    let read = sites.python_reads(&bounce);
    assert_eq!(read, "failed 5.1.1 rfc822; nobody@theirs.test\n");
    assert!(String::from_utf8_lossy(&bounce).contains("mail.theirs.test"));

    // Refused at RCPT by us: Postfix writes it, and we read it.
    sends(&sites, DORA, &["nobody@ours.test"], &letter("to-nobody-of-ours", "x\r\n"), "-");
    let parsed = ours(&sites.fetch(DORA, "to-nobody-of-ours"));
    let [one] = parsed.recipients.as_slice() else { panic!("{parsed:?}") };
    assert_eq!((one.action, one.status.as_str()), (Action::Failed, "5.1.1"), "{parsed:?}");
    assert_eq!(one.final_recipient, "rfc822; nobody@ours.test");
    assert!(one.remote_mta.as_ref().unwrap().contains("mail.ours.test"), "{parsed:?}");
    assert!(one.diagnostic.as_ref().unwrap().contains("550 5.1.1"), "{parsed:?}");
    assert_eq!(parsed.message_id.as_deref(), Some("<to-nobody-of-ours@letters.test>"));

    // Taken by Postfix, whose delivery fails: its bounce crosses to us, from
    // nobody (RFC 5321 §4.5.5).
    sends(&sites, ANDREA, &["ghost@theirs.test"], &letter("to-a-ghost", "x\r\n"), "-");
    let bounce = sites.fetch(ANDREA, "to-a-ghost");
    assert!(header(&bounce).contains("Return-Path: <>"), "{}", header(&bounce));
    assert!(trace(&bounce, "mail.ours.test").contains("with ESMTPS"));
    let parsed = ours(&bounce);
    assert_eq!(parsed.recipients[0].action, Action::Failed, "{parsed:?}");

    // A receipt that is asked for, from Postfix to us and from us to Postfix.
    sends(&sites, ANDREA, &[DORA.user], &letter("receipt-of-theirs", "x\r\n"), "SUCCESS,FAILURE");
    sites.fetch(DORA, "receipt-of-theirs");
    let parsed = ours(&sites.fetch(ANDREA, "receipt-of-theirs"));
    assert_eq!(parsed.recipients[0].action, Action::Delivered, "{parsed:?}");
    assert_eq!(parsed.reporting_mta.as_deref(), Some("dns; mail.theirs.test"));

    sends(&sites, DORA, &[ANDREA.user], &letter("receipt-of-ours", "x\r\n"), "SUCCESS,FAILURE");
    sites.fetch(ANDREA, "receipt-of-ours");
    let receipt = sites.fetch(DORA, "receipt-of-ours");
    assert!(trace(&receipt, "mail.theirs.test").contains("with ESMTPS"));
    let read = sites.python_reads(&receipt);
    assert_eq!(read, "delivered 2.0.0 rfc822; andrea@ours.test\n");

    // Who wants to hear nothing hears nothing.
    sends(&sites, ANDREA, &["nobody@theirs.test"], &letter("quietly", "x\r\n"), "NEVER");
    sends(&sites, ANDREA, &[ANDREA.user], &letter("afterwards", "x\r\n"), "-");
    sites.fetch(ANDREA, "afterwards");
    assert!(sites.folder.run(&["mail", "queue", "list", "--all"]).text().trim().is_empty());
    assert_eq!(sites.count(ANDREA, "quietly"), "0");
}

// RFC 5321 §6.1: whoever answered 250 tells the sender when it cannot deliver
// after all. Our notification crosses to them, from nobody (§4.5.5).
#[test]
fn what_a_mailbox_of_ours_cannot_take_comes_back_to_whoever_wrote_it_there() {
    let Some(sites) = TwoSites::start("give_up_after = \"3s\"\n") else { return };
    sends(&sites, DORA, &[ANDREA.user], &letter("while-it-works", "x\r\n"), "-");
    sites.fetch(ANDREA, "while-it-works");
    let bodies = sites.folder.path().join("data/mailboxes").join(ANDREA.user).join("bodies");
    let away = sites.folder.path().join("away");
    std::fs::rename(&bodies, &away).unwrap();
    let to = [ANDREA.user, MARIA.user];
    sends(&sites, DORA, &to, &letter("too-late", "x\r\n"), "-");
    sites.fetch(MARIA, "too-late");
    let bounce = sites.fetch(DORA, "too-late");
    let trace = trace(&bounce, "mail.theirs.test");
    assert!(trace.contains("from mail.ours.test") && trace.contains("with ESMTPS"), "{trace}");
    // So Postfix's pipe(8) writes the null reverse-path.
    let nobody = "Return-Path: <MAILER-DAEMON>";
    assert!(header(&bounce).starts_with(nobody), "{}", header(&bounce));
    let parsed = report::parse(&bounce).unwrap();
    let [one] = parsed.recipients.as_slice() else { panic!("{parsed:?}") };
    assert_eq!((one.action, one.status.as_str()), (Action::Failed, "5.4.7"), "{parsed:?}");
    assert_eq!(parsed.reporting_mta.as_deref(), Some("dns; mail.ours.test"));
    assert_eq!(parsed.message_id.as_deref(), Some("<too-late@letters.test>"));
    let read = sites.python_reads(&bounce);
    assert_eq!(read, "failed 5.4.7 rfc822; andrea@ours.test\n");
    // Nothing of it comes later.
    std::fs::rename(&away, &bodies).unwrap();
    assert!(sites.folder.run(&["mail", "queue", "list", "--all"]).text().trim().is_empty());
    assert_eq!(sites.count(ANDREA, "too-late"), "0");
}

// RFC 5321 §4.5.4.1: a 4yz reply puts a message off, and it is tried again.
#[test]
fn what_is_put_off_is_tried_again_by_both() {
    let Some(mut sites) = TwoSites::start("[limits]\nrecipients = 1\n") else { return };
    sites.postfix_defers(&["late"]);
    sends(&sites, ANDREA, &["late@theirs.test"], &letter("come-again", "x\r\n"), "-");
    let said = sites.our_queue_says("450 4.2.0");
    assert!(said.contains("deferred") && said.contains("late@theirs.test"), "{said}");
    sites.postfix_defers(&[]);
    let late = Person { user: "late@theirs.test", password: "late", ..DORA };
    sites.fetch(late, "come-again");
    assert_eq!(sites.count(late, "come-again"), "1");

    // RFC 5321 §4.5.3.1.10: one recipient more than we take at once gets 452.
    let both = [ANDREA.user, MARIA.user];
    sends(&sites, DORA, &both, &letter("one-by-one", "x\r\n"), "-");
    for person in [ANDREA, MARIA] {
        sites.fetch(person, "one-by-one");
        assert_eq!(sites.count(person, "one-by-one"), "1");
    }
    sites.postfix_says("452 ");

    // A server that is not there is waited for.
    sites.stop_ours();
    sends(&sites, DORA, &[ANDREA.user], &letter("while-away", "x\r\n"), "-");
    let line = sites.postfix_says("status=deferred");
    assert!(line.contains("ours.test"), "{line}");
    sites.start_ours();
    sites.fetch(ANDREA, "while-away");
}

// RFC 5321 §4.5.3.1.10: those that were one too many for Postfix follow in the same
// session, not five minutes later.
#[test]
fn recipients_that_are_too_many_for_postfix_follow_at_once() {
    let Some(sites) = TwoSites::start("") else { return };
    sites.postfix_takes(1);
    let late = Person { user: "late@theirs.test", password: "late", ..DORA };
    let three = [DORA.user, JOSE.user, late.user];
    sends(&sites, ANDREA, &three, &letter("one-by-one", "x\r\n"), "-");
    for person in [DORA, JOSE, late] {
        sites.fetch(person, "one-by-one");
        assert_eq!(sites.count(person, "one-by-one"), "1");
    }
    // One session: three transactions, six recipients asked for, one taken in each.
    sites.postfix_says("mail=3 rcpt=6 data=3");
}
