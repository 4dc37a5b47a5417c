//! Bad input from real sockets against the whole server: floods of
//! connections, slow ones among them, while somebody at another address goes on
//! working.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::mail::{add_user, await_stored, config, deliver, serve};
use crate::program::{Folder, PATIENCE, Said};

/// The bound of `[limits]` in the example.
const FROM_ONE_ADDRESS: usize = 50;
/// What a server gives its readers to log in.
const LOGIN_TIME: Duration = Duration::from_secs(60);

/// What a server of this port says first: that it serves, or that there are too
/// many.
fn first_words(port: u16) -> Option<(String, TcpStream)> {
    let stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut line = String::new();
    let count = BufReader::new(stream.try_clone().unwrap()).read_line(&mut line);
    // A refusal that a reset overtakes is one too.
    Some((count.map(|_| line).unwrap_or_default(), stream))
}

/// Somebody at another address of this machine.
fn curl(program: &Path, url: &str) -> String {
    let words = ["-sS", "--max-time", "120", "--interface", "127.0.0.2"];
    let user = ["--user", "carlos@a.test:secreto-carlos"];
    Said::by(Command::new(program).args(words).args(user).arg(url)).text()
}

// Bounded, answered in each protocol's words, and others do not notice.
#[test]
fn a_thousand_readers_from_one_address_leave_others_alone() {
    let Some(program) = capa7_peers::need("curl") else { return };
    let folder = Folder::new();
    let (smtp, imap, pop3) =
        (capa7_peers::free_port(), capa7_peers::free_port(), capa7_peers::free_port());
    let readers = format!(
        "[[listen]]\nat = \"127.0.0.1:{imap}\"\nservice = \"imap\"\n\
         [[listen]]\nat = \"127.0.0.1:{pop3}\"\nservice = \"pop3\"\n"
    );
    folder.write("mail.toml", config(smtp, capa7_peers::free_port(), "") + &readers);
    add_user(&folder, "carlos");
    let mut running = serve(&folder);
    deliver(smtp, "carlos@a.test", "read-in-the-flood");
    await_stored(&mut running, &folder, "read-in-the-flood", 1);
    for (port, serves, refuses, url) in [
        (imap, "* OK", "* BYE [UNAVAILABLE]", format!("imap://127.0.0.1:{imap}/INBOX;MAILINDEX=1")),
        (pop3, "+OK", "-ERR [SYS/TEMP]", format!("pop3://127.0.0.1:{pop3}/1")),
    ] {
        let (mut open, mut refused) = (Vec::new(), 0);
        let begun = std::time::Instant::now();
        for number in 0..1_000 {
            let Some((line, mut stream)) = first_words(port) else { continue };
            if line.starts_with(serves) {
                // Some of them begin a command and never end it.
                stream.write_all(b"CAPABILITY").unwrap();
                open.push(stream);
            } else {
                assert!(line.is_empty() || line.starts_with(refuses), "{line}");
                refused += 1;
            }
            if number % 250 == 249 {
                assert!(curl(&program, &url).contains("read-in-the-flood"), "{url}");
            }
        }
        assert_eq!(open.len() + refused, 1_000);
        assert!(open.len() >= FROM_ONE_ADDRESS, "{} are served", open.len());
        // Who does not log in loses its place to the next one then.
        assert!(open.len() == FROM_ONE_ADDRESS || begun.elapsed() >= LOGIN_TIME, "{}", open.len());
        drop(open);
        // Places come back.
        let deadline = std::time::Instant::now() + PATIENCE;
        while !first_words(port).is_some_and(|(line, _)| line.starts_with(serves)) {
            assert!(std::time::Instant::now() < deadline, "no place comes back");
        }
    }
    deliver(smtp, "carlos@a.test", "after-the-flood");
    await_stored(&mut running, &folder, "after-the-flood", 1);
    running.signal("TERM");
    running.wait_for("stopped");
    let check = folder.run(&["mail", "check", "--contents"]);
    assert_eq!(check.code, Some(0), "{check:?}");
}

// RFC 8314 §3: passwords go no way that others could listen at or try. Behind
// webmail there is no port at all.
#[test]
fn webmail_opens_no_port_but_its_own() {
    let folder = Folder::new();
    let (smtp, submission, web) =
        (capa7_peers::free_port(), capa7_peers::free_port(), capa7_peers::free_port());
    let webmail = format!("[webmail]\nat = \"127.0.0.1:{web}\"\n");
    folder.write("mail.toml", config(smtp, submission, "") + &webmail);
    add_user(&folder, "carlos");
    let running = serve(&folder);
    let mut open = listening(running.id());
    open.sort_unstable();
    let mut wanted = vec![smtp, submission, web];
    wanted.sort_unstable();
    assert_eq!(open, wanted);
}

/// The ports at which a process listens, as the kernel tells them.
fn listening(pid: u32) -> Vec<u16> {
    let fds = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    let links = fds.filter_map(|fd| std::fs::read_link(fd.path()).ok());
    let sockets: Vec<String> = links.map(|link| link.to_string_lossy().into_owned()).collect();
    let mut ports = Vec::new();
    for table in ["tcp", "tcp6"] {
        let text = std::fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        for line in text.lines().skip(1) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let (local, state, inode) = (words[1], words[3], words[9]);
            let is_own = sockets.iter().any(|socket| *socket == format!("socket:[{inode}]"));
            if state == LISTENS && is_own {
                let port = local.rsplit_once(':').unwrap().1;
                ports.push(u16::from_str_radix(port, 16).unwrap());
            }
        }
    }
    ports
}

/// `TCP_LISTEN` in the kernel's tables.
const LISTENS: &str = "0A";
