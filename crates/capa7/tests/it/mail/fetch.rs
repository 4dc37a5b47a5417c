//! `capa7 mail fetch` reads from our own server what was delivered to it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Command;

use serde_json::Value;

use super::{MailServer, add_user, certify, config, deliver, serve, with_input};
use crate::program::{Folder, Said};

/// What Carlos's user agent says, in clear, at one of the server's ports.
fn fetch(server: &MailServer, port: u16, words: &[&str]) -> Said {
    let at = format!("127.0.0.1:{port}");
    let login = ["mail", "fetch", "--server", &at, "--user", "carlos@a.test", "--tls", "never"];
    let mut command = server.folder.capa7(&login);
    with_input(command.args(words), "secreto-carlos\n")
}

fn with_letters(texts: &[&str]) -> MailServer {
    let server = MailServer::start();
    for text in texts {
        deliver(server.smtp, "carlos@a.test", text);
        // A body may be on the disk before the mailbox has it.
        let there = fetch(&server, server.imap, &["--subject", text, "--wait", "120"]);
        assert_eq!(there.code, Some(0), "{there:?}");
    }
    server
}

fn subjects(document: &Value) -> Vec<&str> {
    let messages = document["messages"].as_array().unwrap();
    messages.iter().map(|message| message["subject"].as_str().unwrap()).collect()
}

// Course M10.2: what is listed stays, what is shown counts as read, what is
// moved is elsewhere.
#[test]
fn a_mailbox_is_listed_searched_shown_and_sorted() {
    let server = with_letters(&["one-letter", "another-letter", "third-note"]);
    let imap = |words: &[&str]| fetch(&server, server.imap, words);
    let list = imap(&[]).text();
    assert_eq!(list.lines().count(), 4, "{list}");
    assert!(list.lines().nth(2).unwrap().contains("another-letter"), "{list}");
    let document = imap(&["--json", "--subject", "LETTER", "--unseen"]).json();
    assert_eq!(subjects(&document), ["one-letter", "another-letter"]);
    assert_eq!(document["folder"], "INBOX");
    assert_eq!(document["messages"][1]["id"], 2);
    let shown = imap(&["--show", "--id", "1"]).text();
    assert!(shown.contains("Subject: one-letter\n\none-letter\n"), "{shown}");
    let document = imap(&["--unseen", "--json"]).json();
    assert_eq!(subjects(&document), ["another-letter", "third-note"]);
    let last = imap(&["--last", "1", "--json", "--show"]).json();
    assert_eq!(subjects(&last), ["third-note"]);
    assert_eq!(last["messages"][0]["text"], "third-note\n");
    assert!(imap(&["--id", "2", "--move", "Work/2025"]).text().ends_with("to Work/2025\n"));
    let work = imap(&["--folder", "Work/2025", "--json"]).json();
    assert_eq!(subjects(&work), ["another-letter"]);
    let folders = imap(&["--folders", "--json"]).json();
    let inbox = folders["folders"].as_array().unwrap().iter().find(|f| f["name"] == "INBOX");
    assert_eq!(inbox.unwrap()["messages"], 2);
    assert_eq!(
        imap(&["--before", "2001-01-01", "--json"]).json()["messages"],
        Value::Array(vec![])
    );
    assert!(imap(&["--all", "--delete"]).text().ends_with("2 messages deleted\n"));
    assert_eq!(imap(&[]).text().lines().count(), 1);
}

// RFC 1939 §6: what is deleted is what QUIT confirmed; each form is read by
// Python's `mailbox`.
#[test]
fn messages_are_saved_for_other_programs_and_deleted_only_then() {
    let Some(python) = capa7_peers::need("python3") else { return };
    let server = with_letters(&["first-letter", "From-second"]);
    let imap = |words: &[&str]| fetch(&server, server.imap, words);
    let pop3 = |words: &[&str]| fetch(&server, server.pop3, &[&["--pop3"], words].concat());
    assert_eq!(subjects(&pop3(&["--json"]).json()), ["first-letter", "From-second"]);
    assert_eq!(imap(&["--save", "box", "--as", "maildir"]).code, Some(0));
    assert_eq!(imap(&["--save", "all.mbox", "--as", "mbox"]).code, Some(0));
    let saved = imap(&["--save", "out", "--id", "1", "--json"]).json();
    let file = saved["messages"][0]["file"].as_str().unwrap();
    let text = std::fs::read_to_string(server.folder.path().join(file)).unwrap();
    assert!(text.ends_with("\r\nSubject: first-letter\r\n\r\nfirst-letter\r\n"), "{text}");
    let script = "import mailbox\n\
        for box in (mailbox.mbox('all.mbox'), mailbox.Maildir('box', create=False)):\n\
        \x20   print(sorted((m['subject'], m.get_payload()) for m in box))\n";
    let mut read = Command::new(python);
    let said = Said::by(read.args(["-c", script]).current_dir(server.folder.path())).text();
    let both = "[('From-second', 'From-second\\n'), ('first-letter', 'first-letter\\n')]\n";
    assert_eq!(said, both.repeat(2));
    // Nothing can be saved at a file's place: nothing is deleted.
    server.folder.write("taken", "x");
    let said = pop3(&["--all", "--save", "taken", "--delete"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.err.contains("nothing was deleted"), "{said:?}");
    let said = pop3(&["--subject", "first", "--save", "mine", "--delete"]).text();
    assert!(said.ends_with("1 message deleted\n"), "{said}");
    assert_eq!(subjects(&imap(&["--json"]).json()), ["From-second"]);
}

// RFC 9051 §6.3.13: whether the message is there already or comes in later.
#[test]
fn who_waits_has_the_message_and_who_waits_in_vain_is_told() {
    let server = with_letters(&["old-letter"]);
    let at = format!("127.0.0.1:{}", server.imap);
    let words = ["mail", "fetch", "--server", &at, "--user", "carlos@a.test", "--tls", "never"];
    let mut command = server.folder.capa7(&words);
    command.args(["--subject", "awaited", "--wait", "120", "--json"]);
    let waiting = std::thread::spawn(move || with_input(&mut command, "secreto-carlos\n"));
    deliver(server.smtp, "carlos@a.test", "awaited-letter");
    let document = waiting.join().unwrap().json();
    assert_eq!(subjects(&document), ["awaited-letter"]);
    let none = fetch(&server, server.imap, &["--subject", "never", "--wait", "1"]);
    assert_eq!(none.code, Some(1), "{none:?}");
}

// The words of a person that mean nothing here, and servers that say no.
#[test]
fn what_cannot_be_fetched_is_told_with_what_to_do() {
    let server = with_letters(&["one-letter"]);
    let (imap, pop3) = (server.imap, server.pop3);
    for (port, words, code, expected) in [
        (imap, &["--delete"][..], 2, "--all"),
        (imap, &["--move", "Work"], 2, "--all"),
        (imap, &["--all", "--delete", "--move", "Work"], 2, "cannot be used with"),
        (imap, &["--since", "2025-02-30"], 2, "write it as 2025-06-30"),
        (imap, &["--as", "mbox"], 2, "--save"),
        (imap, &["--id", "0"], 2, "0"),
        (imap, &["--folder", "Nowhere"], 1, "no such mailbox"),
        (imap, &["--pop3"], 2, "this is no POP3 server's answer"),
        (pop3, &[], 2, "not IMAP"),
        (pop3, &["--pop3", "--unseen"], 2, "cannot be used with"),
        (pop3, &["--pop3", "--folder", "Sent"], 2, "cannot be used with"),
        (capa7_peers::free_port(), &[], 2, "check --server with its port"),
    ] {
        let said = fetch(&server, port, words);
        assert_eq!(said.code, Some(code), "{words:?}: {said:?}");
        assert!(said.err.contains(expected) && said.out.is_empty(), "{words:?}: {said:?}");
    }
    let at = format!("127.0.0.1:{pop3}");
    for protocol in [&["--pop3"][..], &[]] {
        let port = if protocol.is_empty() { format!("127.0.0.1:{imap}") } else { at.clone() };
        let words = ["mail", "fetch", "--server", &port, "--user", "carlos@a.test"];
        let mut command = server.folder.capa7(&words);
        let said = with_input(command.args(protocol).args(["--tls", "never"]), "falso\n");
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(said.err.contains("user and password"), "{said:?}");
        // Nothing is told to a server that offers no TLS.
        let said = with_input(server.folder.capa7(&words).args(protocol), "secreto-carlos\n");
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(said.err.contains("no TLS"), "{said:?}");
    }
}

// A server's words reach the person, and none of them the terminal.
#[test]
fn a_hostile_server_is_quoted_without_its_control_characters() {
    let folder = Folder::new();
    let header = "Subject: a\u{1b}[2Jb\r\nFrom: =?utf-8?q?=1b=5d0;x=07?= <x@y>\r\n\r\n";
    let fetched = format!(
        "* 1 FETCH (UID 1 RFC822.SIZE 9 \
         BODY[HEADER.FIELDS (FROM TO SUBJECT DATE MESSAGE-ID)] {{{}}}\r\n{header})\r\na4 OK x\r\n",
        header.len()
    );
    let imap = [
        "* OK [CAPABILITY IMAP4rev1] hi\r\n",
        "a1 OK [CAPABILITY IMAP4rev1] in\r\n",
        "* 1 EXISTS\r\na2 OK [READ-ONLY] x\r\n",
        "* SEARCH 1\r\na3 OK x\r\n",
        &fetched,
        "* BYE x\r\na5 OK x\r\n",
    ];
    for (protocol, says, code) in [
        (&[][..], &["* BYE go\u{1b}[2J away\r\n"][..], 2),
        (&["--pop3"], &["-ERR go\u{1b}[2J away\r\n"], 2),
        (&[], &imap, 0),
    ] {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let at = listener.local_addr().unwrap().to_string();
        let says: Vec<String> = says.iter().map(|text| (*text).to_owned()).collect();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            // The next answer after each line; the client may go first.
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            for answer in says {
                let _ = stream.write_all(answer.as_bytes());
                let _ = lines.next();
            }
        });
        let words = ["mail", "fetch", "--server", &at, "--user", "carlos", "--tls", "never"];
        let said = with_input(folder.capa7(&words).args(protocol), "x\n");
        server.join().unwrap();
        assert_eq!(said.code, Some(code), "{said:?}");
        let text = said.out + &said.err;
        assert!(!text.contains(['\u{1b}', '\u{7}']), "{text:?}");
        assert!(text.contains("[2J"), "{text:?}");
    }
}

// RFC 8314 §3, RFC 2595 §4, RFC 9051 §6.2.1: within TLS, whose certificate is
// checked.
#[test]
fn mail_is_fetched_within_tls_from_who_it_must_be() {
    let Some(openssl) = capa7_peers::need("openssl") else { return };
    let folder = Folder::new();
    certify(&openssl, &folder);
    let ports = [(); 5].map(|()| capa7_peers::free_port());
    let [smtp, imap, imaps, pop3, pop3s] = ports;
    let listen = |port: u16, service: &str, tls: &str| {
        format!("[[listen]]\nat = \"127.0.0.1:{port}\"\nservice = \"{service}\"\n{tls}\n")
    };
    let implicit = "tls = \"implicit\"";
    let readers = [
        listen(imap, "imap", ""),
        listen(imaps, "imap", implicit),
        listen(pop3, "pop3", ""),
        listen(pop3s, "pop3", implicit),
    ];
    let tls = "[tls]\ncertificate = \"chain.pem\"\nkey = \"key.pem\"";
    folder.write("mail.toml", config(smtp, capa7_peers::free_port(), tls) + &readers.concat());
    add_user(&folder, "carlos");
    let _running = serve(&folder);
    deliver(smtp, "carlos@a.test", "private-letter");
    let fetch = |port: u16, words: &[&str]| {
        let at = format!("127.0.0.1:{port}");
        let roots = ["--tls-roots", "chain.pem"];
        let mut command = folder.capa7(&["mail", "fetch", "--server", &at]);
        command.args(["--user", "carlos@a.test", "--json"]).args(roots).args(words);
        with_input(&mut command, "secreto-carlos\n")
    };
    let name = ["--tls-name", "mail.a.test"];
    let until = ["--tls", "implicit", "--tls-name", "mail.a.test", "--wait", "120"];
    assert_eq!(fetch(imaps, &until).code, Some(0));
    let (begun, at_once) = (["--tls", "starttls"], ["--tls", "implicit"]);
    for (port, tls, pop) in [
        (imap, begun, &[][..]),
        (imaps, at_once, &[]),
        (pop3, begun, &["--pop3"]),
        (pop3s, at_once, &["--pop3"]),
    ] {
        let words = [&tls[..], &name, pop].concat();
        assert_eq!(subjects(&fetch(port, &words).json()), ["private-letter"], "{words:?}");
        let other = [&tls[..], &["--tls-name", "other.test"], pop].concat();
        let said = fetch(port, &other);
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(said.err.contains("TLS"), "{said:?}");
    }
}
