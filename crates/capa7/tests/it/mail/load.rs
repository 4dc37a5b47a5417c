//! A server with much to do: its end under load, floods, and its queue.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::Instant;

use super::{MailServer, dial, expect, serve, stored};
use crate::program::{PATIENCE, Said};

// RFC 5321 §3.8: a server that stops says so, and what was answered 250 stays.
#[test]
fn a_server_under_load_that_is_told_to_end_loses_nothing() {
    let server = MailServer::start();
    let port = server.smtp;
    let clients: Vec<_> = (0..4)
        .map(|client| {
            std::thread::spawn(move || {
                let mut taken = Vec::new();
                for number in 0..500 {
                    let text = format!("load-{client}-{number}-end");
                    match send_one(port, &text) {
                        Some(true) => taken.push(text),
                        Some(false) => {}
                        None => return taken,
                    }
                }
                taken
            })
        })
        .collect();
    // Some messages, then the end while others are on their way.
    let deadline = Instant::now() + PATIENCE;
    // More than are asked for below: an answer may be lost when the server ends.
    while stored(&server.folder, "load-") < 40 {
        assert!(Instant::now() < deadline, "no message arrives");
    }
    server.running.signal("TERM");
    let taken: Vec<String> = clients.into_iter().flat_map(|c| c.join().unwrap()).collect();
    let MailServer { folder, running, .. } = server;
    let (status, said) = running.ended();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(said.ends_with("capa7: stopped\n"), "{said}");
    assert!(taken.len() >= 20, "{}", taken.len());
    // The next one delivers what was left.
    let mut next = serve(&folder);
    // Also what was kept and whose client went before it heard so.
    let deadline = Instant::now() + PATIENCE;
    loop {
        let queue = folder.run(&["mail", "queue", "--json"]).json();
        if queue["recipients"] == 0 {
            break;
        }
        assert!(Instant::now() < deadline, "{queue}");
    }
    for text in &taken {
        while stored(&folder, text) == 0 {
            assert!(Instant::now() < deadline, "{text} is lost");
        }
        assert_eq!(stored(&folder, text), 1, "{text}");
    }
    assert!(!next.has_said("ended"), "{}", next.said);
}

/// Whether a message was taken; none when the server is gone.
fn send_one(port: u16, text: &str) -> Option<bool> {
    let stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut reader, mut writer) = (BufReader::new(stream.try_clone().unwrap()), stream);
    let mut answer = |line: &str| {
        writer.write_all(line.as_bytes()).ok()?;
        let mut answer = String::new();
        reader.read_line(&mut answer).ok().filter(|count| *count > 0)?;
        Some(answer)
    };
    let lines =
        ["", "HELO c.test\r\n", "MAIL FROM:<>\r\n", "RCPT TO:<carlos@a.test>\r\n", "DATA\r\n"];
    for line in lines {
        if answer(line)?.starts_with('4') {
            return None;
        }
    }
    Some(answer(&format!("Subject: load\r\n\r\n{text}\r\n.\r\n"))?.starts_with("250"))
}

#[test]
fn a_thousand_connections_of_one_address_are_bounded_and_hurt_nobody_else() {
    let mut server = MailServer::start();
    let mut open = Vec::new();
    let mut refused = 0;
    for _ in 0..1_000 {
        let Ok(stream) = TcpStream::connect(("127.0.0.1", server.smtp)) else { continue };
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut line = String::new();
        let count = BufReader::new(stream.try_clone().unwrap()).read_line(&mut line);
        if count.is_ok_and(|count| count > 0) && line.starts_with("220") {
            open.push(stream);
        } else {
            assert!(line.is_empty() || line.starts_with("421"), "{line}");
            refused += 1;
        }
    }
    assert_eq!((open.len(), refused), (50, 950), "the bound of the example");
    // Users at the other port are not concerned.
    let (mut reader, _writer) = dial(server.submission);
    expect(&mut reader, "220");
    drop(open);
    // Places come back.
    while send_one(server.smtp, "after-the-flood") != Some(true) {
        server.running.wait_for("its place is free");
    }
}

#[test]
fn the_queue_shows_what_waits_and_obeys() {
    let Some(swaks) = capa7_peers::need("swaks") else { return };
    let server = MailServer::start();
    let at = format!("127.0.0.1:{}", server.submission);
    let words = ["--server", &at, "--from", "andrea@a.test", "--to", "someone@b.test"];
    let login = ["--auth-user", "andrea@a.test", "--auth-password", "secreto-andrea"];
    let said = Said::by(Command::new(swaks).args(words).args(login));
    assert_eq!(said.code, Some(0), "{}", said.out);
    // What was answered 250 is in the journal; its row follows at once.
    let deadline = Instant::now() + PATIENCE;
    let mut table = server.queue();
    while table["messages"] == 0 && Instant::now() < deadline {
        table = server.queue();
    }
    assert_eq!((&table["messages"], &table["recipients"]), (&1.into(), &1.into()), "{table}");
    assert_eq!(table["rows"][0]["destination"], "b.test", "{table}");
    let text = server.folder.run(&["mail", "queue"]).text();
    assert!(text.contains("1 messages") && text.contains("\nb.test "), "{text}");
    let list = server.folder.run(&["mail", "queue", "list", "--all", "--json"]).json();
    assert_eq!(list[0]["recipient"], "someone@b.test", "{list}");
    let id = list[0]["id"].as_str().unwrap().to_owned();
    let hold = server.folder.run(&["mail", "queue", "hold", &id]).text();
    assert_eq!(hold, "1 recipients\n");
    assert_eq!(server.queue()["held"], 1);
    let release = server.folder.run(&["mail", "queue", "release", "--destination", "b.test"]);
    assert_eq!(release.text(), "1 recipients\n");
    let delete = server.folder.run(&["mail", "queue", "delete", "--all", "--json"]).json();
    assert_eq!(delete["recipients"], 1);
    assert_eq!(server.queue()["messages"], 0);
    let wrong = server.folder.run(&["mail", "queue", "hold", "no-id"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.err.contains("`no-id` is no queue id"), "{wrong:?}");
}
