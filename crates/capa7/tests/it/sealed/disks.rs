//! A mail server whose disk is full, or cannot be written, under load.
//!
//! ```text
//!   this test ── SMTP, IMAP on 127.0.0.1 ──▶ capa7 mail serve
//!       │ lines                                   │ data
//!       └──▶ sh in a mount namespace ── mount ──▶ tmpfs of a few MiB
//! ```
//!
//! The shell lives in a user and mount namespace of its own: what it mounts,
//! fills and locks is nobody else's.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use crate::mail::{Imap, add_user, config, dial, expect};
use crate::program::{Folder, PATIENCE, Running};

/// A server, and a shell beside it that changes its disks.
struct Cell {
    /// Ended before the folder goes.
    server: Running,
    shell: Shell,
    folder: Folder,
    smtp: u16,
    imap: u16,
}

struct Shell {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Shell {
    /// A shell in namespaces of its own; none where nobody may have them.
    fn enter(folder: &Folder) -> Option<Self> {
        capa7_peers::need("setpriv")?;
        let mut command = Command::new("unshare");
        command.args(["-Urm", "sh"]).current_dir(folder.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut shell = Self { child, input, output: BufReader::new(output) };
        let may = shell.try_run("mkdir -p data/queue data/mailboxes && mount -t tmpfs none data");
        if may != Some(0) {
            capa7_peers::skip("no mounts in a user namespace here");
            return None;
        }
        Some(shell)
    }

    /// Runs a line; its exit code, none when the shell has ended.
    fn try_run(&mut self, line: &str) -> Option<i32> {
        writeln!(self.input, "{{ {line}; }} >/dev/null 2>&1; echo $?").ok()?;
        let mut code = String::new();
        self.output.read_line(&mut code).ok()?;
        code.trim().parse().ok()
    }

    fn run(&mut self, line: &str) {
        assert_eq!(self.try_run(line), Some(0), "{line}");
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _ended = self.child.wait();
    }
}

impl Cell {
    /// A server whose queue and mailboxes have disks of these sizes.
    fn start(queue: &str, mailboxes: &str) -> Option<Self> {
        let folder = Folder::new();
        let mut shell = Shell::enter(&folder)?;
        for (name, size) in [("queue", queue), ("mailboxes", mailboxes)] {
            shell.run(&format!(
                "mkdir -p data/{name} && mount -t tmpfs -o size={size} none data/{name}"
            ));
        }
        let (smtp, submission, imap) =
            (capa7_peers::free_port(), capa7_peers::free_port(), capa7_peers::free_port());
        let text =
            config(smtp, submission, "[queue]\nfirst_retry = \"1s\"\nlongest_retry = \"1s\"")
                + &format!("[[listen]]\nat = \"127.0.0.1:{imap}\"\nservice = \"imap\"\n");
        folder.write("mail.toml", text);
        add_user(&folder, "andrea");
        let mut serve = Command::new("nsenter");
        let shell_id = shell.child.id().to_string();
        serve.args(["--preserve-credentials", "-U", "-m", "-t", &shell_id]);
        // The working folder must be looked up within.
        let line = "cd \"$0\" && exec \"$1\" mail serve --config mail.toml";
        serve.args(["sh", "-c", line]).arg(folder.path()).arg(env!("CARGO_BIN_EXE_capa7"));
        serve.env("XDG_RUNTIME_DIR", folder.path()).env("CAPA7_LOG", "capa7_mail=debug,warn");
        serve.stdin(Stdio::null());
        let mut server = Running::start(&mut serve);
        server.wait_for("capa7: serving");
        Some(Self { server, shell, folder, smtp, imap })
    }

    /// Fills a disk to its last page, but for what is asked to be left.
    fn fill(&mut self, name: &str) {
        // dd ends with an error, for that is what a full disk is.
        let _full = self.shell.try_run(&format!("dd if=/dev/zero of=data/{name}/fill bs=4k"));
    }

    fn free(&mut self, name: &str) {
        self.shell.run(&format!("rm data/{name}/fill"));
    }

    /// New files are refused, as on a disk that the kernel mounted read-only. It
    /// is made beside, for a mount that a file is being written in stays as it is.
    fn lock(&mut self, name: &str) {
        self.shell.run(&format!(
            "mkdir -p locked && mount --bind data/{name} locked && \
             mount -o remount,bind,ro locked && mount --bind locked data/{name} && umount locked"
        ));
    }

    fn unlock(&mut self, name: &str) {
        self.shell.run(&format!("umount -l data/{name}"));
    }

    fn send(&self, text: &str) -> String {
        send(self.smtp, text)
    }

    /// Waits, as a session in IDLE does, until INBOX holds so many.
    fn await_inbox(&mut self, count: usize) {
        let mut idle = Imap::log_in(self.imap, "andrea");
        idle.writer.write_all(b"a SELECT INBOX\r\nb IDLE\r\n").unwrap();
        let mut seen = 0;
        while seen < count {
            let mut line = String::new();
            if idle.reader.read_line(&mut line).is_err() {
                self.server.has_said("");
                panic!("{seen} of {count} messages arrived: {}", self.server.said);
            }
            if let Some(text) = line.trim().strip_suffix(" EXISTS") {
                seen = text.trim_start_matches("* ").parse().unwrap();
            }
        }
        assert_eq!(seen, count);
    }

    /// An APPEND's answer.
    fn append(&self) -> String {
        let mut session = Imap::log_in(self.imap, "andrea");
        let body = "Subject: draft\r\n\r\n".to_owned() + &"x".repeat(20_000);
        session.say(&format!("a APPEND Drafts {{{}}}", body.len()), "+ ");
        session.say(&body, "a ")
    }

    /// Ends the server, and looks at everything it left.
    fn check(self, messages: usize) {
        let Self { server, mut shell, folder, .. } = self;
        server.signal("TERM");
        let (status, said) = server.ended();
        assert_eq!(status.code(), Some(0), "{said}");
        let capa7 = env!("CARGO_BIN_EXE_capa7");
        writeln!(shell.input, "{capa7} mail check --contents").unwrap();
        let mut line = String::new();
        shell.output.read_line(&mut line).unwrap();
        assert!(line.starts_with(&format!("andrea@a.test: {messages} messages")), "{line}{said}");
        assert!(line.contains(" 0 problems"), "{line}");
        drop(shell);
        drop(folder);
    }
}

/// Hands in one message; the answer to its data.
fn send(port: u16, text: &str) -> String {
    let (mut reader, mut writer) = dial(port);
    expect(&mut reader, "220");
    for (line, code) in [
        ("HELO client.test", "250"),
        ("MAIL FROM:<someone@b.test>", "250"),
        ("RCPT TO:<andrea@a.test>", "250"),
        ("DATA", "354"),
    ] {
        writer.write_all(format!("{line}\r\n").as_bytes()).unwrap();
        expect(&mut reader, code);
    }
    let body = "0123456789abcde\r\n".repeat(2_000);
    writer.write_all(format!("Subject: {text}\r\n\r\n{body}.\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    reader.read_line(&mut answer).unwrap();
    answer
}

/// How often the log has a text.
fn said(server: &mut Running, text: &str) -> usize {
    server.has_said(text);
    server.said.matches(text).count()
}

// Issue: "Disk full: 4xx, nothing lost, clear log" (RFC 5321 §4.2.3: 452).
#[test]
fn a_full_disk_of_the_queue_is_answered_452_and_nothing_is_lost() {
    let Some(mut cell) = Cell::start("4m", "16m") else { return };
    let mut taken = 0;
    for number in 0..5 {
        assert!(cell.send(&format!("before {number}")).starts_with("250 "));
        taken += 1;
    }
    // The disk fills while four clients send, each until it is refused.
    let port = cell.smtp;
    let deadline = Instant::now() + PATIENCE;
    let answers: Vec<String> = std::thread::scope(|scope| {
        let client = |client: usize| {
            move || {
                let mut answers = Vec::new();
                while answers.last().is_none_or(|answer: &String| answer.starts_with("250 ")) {
                    assert!(Instant::now() < deadline, "the disk takes everything");
                    answers.push(send(port, &format!("{client} {}", answers.len())));
                }
                answers
            }
        };
        let clients: Vec<_> = (0..4).map(|number| scope.spawn(client(number))).collect();
        cell.fill("queue");
        clients.into_iter().flat_map(|client| -> Vec<String> { client.join().unwrap() }).collect()
    });
    let refused = answers.iter().filter(|answer| answer.starts_with("452 4.3.1 ")).count();
    taken += answers.iter().filter(|answer| answer.starts_with("250 ")).count();
    assert_eq!((refused, refused + taken - 5), (4, answers.len()), "{answers:?}");
    assert!(cell.send("full").starts_with("452 4.3.1 "), "{answers:?}");
    // Mailboxes are on another disk: they can be read and written.
    assert!(cell.append().starts_with("a OK"), "the mailboxes have space");
    cell.server.wait_for("no space for the queue");
    assert_eq!(said(&mut cell.server, "no space for the queue"), 1, "{}", cell.server.said);
    assert!(!cell.server.said.contains('\u{1b}'), "colours in a pipe: {}", cell.server.said);
    cell.free("queue");
    let deadline = Instant::now() + PATIENCE;
    // The rows look again after two seconds.
    while !cell.send("after").starts_with("250 ") {
        assert!(Instant::now() < deadline, "it does not go on: {}", cell.server.said);
    }
    taken += 1;
    cell.await_inbox(taken);
    cell.check(taken + 1);
}

// The other way round: what was answered 250 waits in the queue until the
// mailboxes have space (RFC 5530 §3: OVERQUOTA).
#[test]
fn a_full_disk_of_the_mailboxes_makes_mail_wait_in_the_queue() {
    let Some(mut cell) = Cell::start("16m", "2m") else { return };
    assert!(cell.send("before").starts_with("250 "));
    cell.await_inbox(1);
    cell.fill("mailboxes");
    for number in 0..10 {
        assert!(cell.send(&format!("full {number}")).starts_with("250 "), "the queue has space");
    }
    cell.server.wait_for("no space for mailboxes");
    let answer = cell.append();
    assert!(answer.starts_with("a NO [OVERQUOTA] no room is left for messages"), "{answer}");
    // What is there can be read.
    let mut session = Imap::log_in(cell.imap, "andrea");
    session.say("a SELECT INBOX", "a OK");
    session.say("b FETCH 1 BODY.PEEK[]", "b OK");
    assert_eq!(said(&mut cell.server, "no space for mailboxes"), 1, "{}", cell.server.said);
    cell.free("mailboxes");
    cell.await_inbox(11);
    assert!(cell.append().starts_with("a OK"));
    cell.check(12);
}

// Issue: "read-only disk: 4xx, nothing lost, clear log".
#[test]
fn a_read_only_disk_is_answered_451_until_it_can_be_written() {
    let Some(mut cell) = Cell::start("16m", "16m") else { return };
    cell.lock("queue");
    let answer = cell.send("locked");
    assert!(answer.starts_with("451 4.3.0 "), "{answer}");
    cell.send("locked again");
    cell.server.wait_for("cannot be written: new mail");
    assert_eq!(said(&mut cell.server, "cannot be written: new mail"), 1, "{}", cell.server.said);
    cell.unlock("queue");
    assert!(cell.send("unlocked").starts_with("250 "));
    cell.await_inbox(1);
    cell.lock("mailboxes");
    assert!(cell.send("waits").starts_with("250 "));
    cell.server.wait_for("the mailboxes in");
    let answer = cell.append();
    assert!(answer.starts_with("a NO [UNAVAILABLE]"), "{answer}");
    assert_eq!(said(&mut cell.server, "cannot be written ("), 1, "{}", cell.server.said);
    cell.unlock("mailboxes");
    cell.await_inbox(2);
    cell.check(2);
}

/// One session that appends and copies until the disk has been full; the texts
/// whose APPEND was answered OK, and how many COPY were.
struct Worked {
    kept: Vec<String>,
    copied: usize,
    refused: usize,
}

/// Appends messages of its own to a mailbox and copies them to Archive, each a
/// bounded number of times.
fn work(port: u16, client: usize) -> Worked {
    let mut session = Imap::log_in(port, "andrea");
    let mut worked = Worked { kept: Vec::new(), copied: 0, refused: 0 };
    session.say("s SELECT Drafts", "s OK");
    for number in 0..APPENDS {
        let text = format!("text-{client}-{number}-end");
        let body = format!("Subject: {text}\r\n\r\n{}", "0123456789abcde\r\n".repeat(1_200));
        session.say(&format!("a APPEND Drafts {{{}}}", body.len()), "+ ");
        let answer = session.say(&body, "a ");
        if answer.starts_with("a OK") {
            worked.kept.push(text);
        } else {
            assert!(answer.starts_with("a NO [OVERQUOTA]"), "{answer}");
            worked.refused += 1;
        }
        let answer = session.say("c COPY 1 Archive", "c ");
        if answer.starts_with("c OK") {
            worked.copied += 1;
        } else {
            assert!(answer.starts_with("c NO [OVERQUOTA]"), "{answer}");
            worked.refused += 1;
        }
    }
    worked
}

// RFC 9051 §6.3.12, §6.4.7: an APPEND or COPY that fails leaves the mailbox as
// it was; RFC 5530 §3: OVERQUOTA. What was answered OK is there.
#[test]
fn sessions_that_append_and_copy_at_once_lose_nothing_when_the_disk_fills() {
    let Some(mut cell) = Cell::start("16m", "6m") else { return };
    // Two of six MiB are left, which the sessions themselves fill.
    cell.shell.run("dd if=/dev/zero of=data/mailboxes/fill bs=4k count=1024");
    assert!(cell.append().starts_with("a OK"), "something to copy");
    let mut session = Imap::log_in(cell.imap, "andrea");
    session.say("a CREATE Archive", "a ");
    let port = cell.imap;
    let worked: Vec<Worked> = std::thread::scope(|scope| {
        let clients: Vec<_> =
            (0..4).map(|client| scope.spawn(move || work(port, client))).collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    let (mut kept, mut copied): (Vec<String>, usize) = (Vec::new(), 0);
    assert!(worked.iter().map(|one| one.refused).sum::<usize>() > 0, "the disk was full");
    for one in worked {
        kept.extend(one.kept);
        copied += one.copied;
    }
    assert!(kept.len() > 10 && copied > 10, "{} kept, {copied} copied", kept.len());
    // There is room again: every session goes on, also one from before.
    cell.free("mailboxes");
    let deadline = Instant::now() + PATIENCE;
    while !cell.append().starts_with("a OK") {
        assert!(Instant::now() < deadline, "it does not go on: {}", cell.server.said);
    }
    session.say("s SELECT Drafts", "s OK");
    session.say("c COPY 1 Archive", "c OK");
    session.say("n SELECT Archive", &format!("* {} EXISTS", copied + 1));
    session.wait_for("n OK");
    let exists = format!("* {} EXISTS", kept.len() + 2);
    session.say("d SELECT Drafts", &exists);
    session.wait_for("d OK");
    // Each is there once and whole.
    for text in &kept {
        let found = session.say(&format!("f SEARCH SUBJECT {text}"), "* SEARCH ");
        assert!(found.trim_start_matches("* SEARCH ").trim().parse::<u32>().is_ok(), "{found}");
        session.wait_for("f OK");
    }
    cell.check(kept.len() + 2 + copied + 1);
}

/// Messages of one session: four sessions need more than the disk has.
const APPENDS: usize = 60;
