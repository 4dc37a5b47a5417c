//! From a sender to the mailbox, with real clients.

use std::io::Write as _;
use std::process::Command;

use super::{
    MailServer, add_user, await_stored, certify, config, deliver, dial, expect, serve, with_input,
};
use crate::program::{Folder, Said};

#[test]
fn mail_from_outside_and_from_users_reaches_its_mailbox() {
    let Some(swaks) = capa7_peers::need("swaks") else { return };
    let mut server = MailServer::start();
    deliver(server.smtp, "carlos@a.test", "from-outside");
    let swaks = |port: u16, more: &[&str]| {
        let at = format!("127.0.0.1:{port}");
        let words = ["--server", &at, "--from", "andrea@a.test", "--to", "carlos@a.test"];
        Said::by(Command::new(&swaks).args(words).args(more))
    };
    for mechanism in ["PLAIN", "LOGIN"] {
        let login = ["--auth", mechanism, "--auth-user", "andrea@a.test"];
        let body = format!("by-{mechanism}");
        let right = ["--auth-password", "secreto-andrea", "--body", &body];
        let said = swaks(server.submission, &[&login[..], &right].concat());
        assert_eq!(said.code, Some(0), "{}", said.out);
        let said = swaks(server.submission, &[&login[..], &["--auth-password", "x"]].concat());
        assert!(said.out.contains(" 535 "), "{}", said.out);
    }
    // RFC 6409 §4.3: nothing without a log-in.
    assert!(swaks(server.submission, &[]).out.contains(" 530 "));
    for text in ["from-outside", "by-PLAIN", "by-LOGIN"] {
        server.delivered(text);
    }
}

// Within TLS, as users do: certificate from files, log-in by SCRAM, trust in a
// file, and another certificate after a reload.
#[test]
fn a_message_is_sent_within_tls_and_the_mailboxes_are_sound() {
    let Some(openssl) = capa7_peers::need("openssl") else { return };
    let folder = Folder::new();
    let certify = || certify(&openssl, &folder);
    certify();
    let (smtp, submission) = (capa7_peers::free_port(), capa7_peers::free_port());
    let tls = "[tls]\ncertificate = \"chain.pem\"\nkey = \"key.pem\"";
    folder.write("mail.toml", config(smtp, submission, tls));
    add_user(&folder, "andrea");
    let check = folder.run(&["config", "check", "mail.toml"]).text();
    assert!(check.contains("1 accounts, 2 ports") && !check.contains("nothing encrypted"));
    let mut running = serve(&folder);
    assert!(running.said.contains(&format!("submission on 127.0.0.1:{submission} with STARTTLS")));
    let at = format!("127.0.0.1:{submission}");
    let send = |roots: &str, password: &str| {
        let mut words = vec!["mail", "send", "--server", &at, "--from", "andrea@a.test"];
        words.extend(["--to", "andrea@a.test", "--subject", "Año", "--text", "within-tls"]);
        words.extend(["--user", "andrea@a.test", "--tls-name", "mail.a.test"]);
        words.extend(["--tls-roots", roots]);
        with_input(&mut folder.capa7(&words), password)
    };
    let said = send("chain.pem", "secreto-andrea\n");
    assert!(said.code == Some(0) && said.out.starts_with("andrea@a.test: 250 "), "{said:?}");
    let said = send("chain.pem", "falso\n");
    assert!(said.code == Some(2) && said.err.contains("log-in"), "{said:?}");
    // The old certificate is not trusted once there is another one.
    std::fs::copy(folder.path().join("chain.pem"), folder.path().join("old.pem")).unwrap();
    certify();
    running.signal("HUP");
    running.wait_for("certificate loaded again");
    assert_eq!(send("chain.pem", "secreto-andrea\n").code, Some(0));
    let said = send("old.pem", "secreto-andrea\n");
    assert!(said.code == Some(2) && said.err.contains("TLS"), "{said:?}");
    // A key of another certificate leaves the good one.
    folder.write("key.pem", "nothing");
    running.signal("HUP");
    assert!(running.wait_for("all stays as it was").contains("key.pem: no private key in it"));
    assert_eq!(send("chain.pem", "secreto-andrea\n").code, Some(0));
    await_stored(&mut running, &folder, "within-tls", 3);
    let check = folder.run(&["mail", "check", "--contents"]).text();
    assert!(check.starts_with("andrea@a.test: 3 messages, 3 bodies, 0 problems"), "{check}");
    running.signal("TERM");
    assert_eq!(running.ended().0.code(), Some(0));
    // A byte that is not what was stored is found.
    let bodies = folder.path().join("data/mailboxes/andrea@a.test/bodies");
    let body = std::fs::read_dir(bodies).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&body).unwrap();
    bytes[0] ^= 1;
    std::fs::write(&body, bytes).unwrap();
    let check = folder.run(&["mail", "check", "--contents"]);
    assert_eq!(check.code, Some(1), "{check:?}");
    assert!(check.out.contains("1 problems"), "{check:?}");
}

// The whole path: sent by one program, read, marked and deleted by others.
#[test]
fn what_was_submitted_is_read_by_imaplib_and_curl() {
    let (Some(python), Some(curl)) = (capa7_peers::need("python3"), capa7_peers::need("curl"))
    else {
        return;
    };
    let mut server = MailServer::start();
    let letter = server.folder.write(
        "letter",
        "From: andrea@a.test\r\nTo: carlos@a.test\r\nSubject: Hola\r\n\r\nuno\r\n.dos\r\n",
    );
    let (smtp, imap) = (server.submission, server.imap);
    let words = [
        "-sS",
        &format!("smtp://127.0.0.1:{smtp}"),
        "--user",
        "andrea@a.test:secreto-andrea",
        "--mail-from",
        "andrea@a.test",
        "--mail-rcpt",
        "carlos@a.test",
        "--upload-file",
        letter.to_str().unwrap(),
    ];
    Said::by(Command::new(&curl).args(words)).text();
    server.delivered("Subject: Hola");
    let user = ["-sS", "--user", "carlos@a.test:secreto-carlos"];
    let inbox = format!("imap://127.0.0.1:{imap}/INBOX;MAILINDEX=1");
    let text = Said::by(Command::new(&curl).args(user).arg(&inbox)).text();
    assert!(
        text.contains("Subject: Hola\r\n") && text.ends_with("\r\n\r\nuno\r\n.dos\r\n"),
        "{text}"
    );
    let script = format!(
        "import imaplib\n\
         box = imaplib.IMAP4('127.0.0.1', {imap})\n\
         box.login('carlos@a.test', 'secreto-carlos')\n\
         print(box.select()[1][0].decode())\n\
         print(box.search(None, 'SUBJECT', 'Hola')[1][0].decode())\n\
         print(box.store('1', '+FLAGS', '\\\\Deleted')[0], box.expunge()[0])\n\
         print(box.select()[1][0].decode(), box.logout()[0])\n"
    );
    let said = Said::by(Command::new(python).args(["-c", &script])).text();
    assert_eq!(said, "1\n1\nOK OK\n0 BYE\n");
    let wrong = ["-sS", "--user", "carlos@a.test:falso"];
    assert_eq!(Said::by(Command::new(&curl).args(wrong).arg(&inbox)).code, Some(67));
}

// RFC 5321 §3.5.3, §3.6.2: unknown users and other domains are refused at RCPT.
#[test]
fn nobody_relays_and_nobody_writes_to_nobody() {
    let server = MailServer::start();
    let (mut reader, mut writer) = dial(server.smtp);
    expect(&mut reader, "220");
    for (line, code) in [
        ("EHLO client.test", "250"),
        ("MAIL FROM:<someone@b.test>", "250"),
        ("RCPT TO:<nobody@a.test>", "550"),
        ("RCPT TO:<someone@c.test>", "55"),
        ("RCPT TO:<Postmaster>", "250"),
        ("QUIT", "221"),
    ] {
        writer.write_all(format!("{line}\r\n").as_bytes()).unwrap();
        expect(&mut reader, code);
    }
}
