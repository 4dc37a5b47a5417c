//! `capa7 mail serve` and its commands, with real clients.

mod archive;
mod fetch;
mod journey;
mod load;
mod names;
mod readers;
mod setup;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::Value;

use crate::program::{Folder, PATIENCE, Running, Said};

/// A mail server with its folder; the domain is `a.test`, the users are
/// `andrea` and `carlos`, their passwords `secreto-NAME`.
struct MailServer {
    folder: Folder,
    running: Running,
    smtp: u16,
    submission: u16,
    imap: u16,
    pop3: u16,
    http: u16,
    webmail: u16,
}

impl MailServer {
    fn start() -> Self {
        let more = "";
        let folder = Folder::new();
        let (smtp, submission) = (capa7_peers::free_port(), capa7_peers::free_port());
        let (imap, pop3, http) =
            (capa7_peers::free_port(), capa7_peers::free_port(), capa7_peers::free_port());
        let webmail = capa7_peers::free_port();
        let readers = format!(
            "[[listen]]\nat = \"127.0.0.1:{imap}\"\nservice = \"imap\"\n\
             [[listen]]\nat = \"127.0.0.1:{pop3}\"\nservice = \"pop3\"\n\
             [[listen]]\nat = \"127.0.0.1:{http}\"\nservice = \"http\"\n\
             [webmail]\nat = \"127.0.0.1:{webmail}\"\n"
        );
        folder.write("mail.toml", config(smtp, submission, more) + &readers);
        for name in ["andrea", "carlos"] {
            add_user(&folder, name);
        }
        let running = serve(&folder);
        Self { folder, running, smtp, submission, imap, pop3, http, webmail }
    }

    /// Waits until a message is in a mailbox, and stays there once.
    fn delivered(&mut self, text: &str) {
        await_stored(&mut self.running, &self.folder, text, 1);
    }

    fn queue(&self) -> Value {
        self.folder.run(&["mail", "queue", "--json"]).json()
    }
}

pub(crate) fn config(smtp: u16, submission: u16, more: &str) -> String {
    // Nobody answers names here: port 9 of this machine is closed.
    format!(
        "hostname = \"mail.a.test\"\ndomains = [\"a.test\"]\ndata = \"data\"\n\
         users = \"users.toml\"\nresolver = \"127.0.0.1:9\"\nrecords = \"zones\"\n{more}\n\
         [[listen]]\nat = \"127.0.0.1:{smtp}\"\nservice = \"smtp\"\n\
         [[listen]]\nat = \"127.0.0.1:{submission}\"\nservice = \"submission\"\n"
    )
}

pub(crate) fn serve(folder: &Folder) -> Running {
    let mut serve = folder.capa7(&["mail", "serve", "--config", "mail.toml"]);
    // What these tests wait for is told there.
    serve.env("CAPA7_LOG", "warn,capa7_mail=debug");
    let mut running = Running::start(&mut serve);
    running.wait_for("capa7: serving");
    running
}

/// A command that reads its standard input.
pub(crate) fn with_input(command: &mut Command, input: &str) -> Said {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    // A program that refuses early does not read.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    Said::from(child.wait_with_output().unwrap())
}

pub(crate) fn add_user(folder: &Folder, name: &str) {
    let address = format!("{name}@a.test");
    let mut add = folder.capa7(&["mail", "user", "add", &address]);
    let said = with_input(&mut add, &format!("secreto-{name}\n"));
    assert_eq!(said.code, Some(0), "{said:?}");
}

/// A certificate for `mail.a.test` in chain.pem, with its key in key.pem.
pub(crate) fn certify(openssl: &Path, folder: &Folder) {
    let words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
                 -addext basicConstraints=critical,CA:FALSE \
                 -subj /CN=mail.a.test -addext subjectAltName=DNS:mail.a.test \
                 -keyout key.pem -out chain.pem";
    let mut request = Command::new(openssl);
    let said = Said::by(request.args(words.split_whitespace()).current_dir(folder.path()));
    assert_eq!(said.code, Some(0), "{said:?}");
}

/// One line of a server's answers.
pub(crate) fn expect(reader: &mut impl std::io::BufRead, code: &str) -> String {
    let mut line = String::new();
    loop {
        line.clear();
        reader.read_line(&mut line).unwrap();
        assert!(line.starts_with(code), "{code} expected: {line:?}");
        if line.as_bytes().get(3) != Some(&b'-') {
            return line;
        }
    }
}

pub(crate) fn dial(port: u16) -> (BufReader<TcpStream>, TcpStream) {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    (BufReader::new(stream.try_clone().unwrap()), stream)
}

/// Sends one message as another server does.
pub(crate) fn deliver(port: u16, to: &str, text: &str) {
    let (mut reader, mut writer) = dial(port);
    expect(&mut reader, "220");
    let lines = [
        ("HELO client.test".to_owned(), "250"),
        ("MAIL FROM:<someone@b.test>".to_owned(), "250"),
        (format!("RCPT TO:<{to}>"), "250"),
        ("DATA".to_owned(), "354"),
        (format!("Subject: {text}\r\n\r\n{text}\r\n."), "250"),
        ("QUIT".to_owned(), "221"),
    ];
    for (line, code) in lines {
        writer.write_all(format!("{line}\r\n").as_bytes()).unwrap();
        expect(&mut reader, code);
    }
}

/// An IMAP session, spoken by hand.
pub(crate) struct Imap {
    pub(crate) reader: BufReader<TcpStream>,
    pub(crate) writer: TcpStream,
}

impl Imap {
    pub(crate) fn log_in(port: u16, name: &str) -> Self {
        let (reader, writer) = dial(port);
        let mut session = Self { reader, writer };
        session.wait_for("* OK");
        session.say(&format!("log LOGIN {name}@a.test secreto-{name}"), "log OK");
        session
    }

    /// Says a line and waits for what begins so.
    pub(crate) fn say(&mut self, line: &str, answer: &str) -> String {
        self.writer.write_all(format!("{line}\r\n").as_bytes()).unwrap();
        self.wait_for(answer)
    }

    /// The next line that begins so.
    pub(crate) fn wait_for(&mut self, start: &str) -> String {
        loop {
            let mut line = String::new();
            let count = self.reader.read_line(&mut line).unwrap();
            assert!(count > 0, "the session ended without {start:?}");
            if line.starts_with(start) {
                return line;
            }
        }
    }
}

/// The bodies in the store that contain a text.
pub(crate) fn stored(folder: &Folder, text: &str) -> usize {
    let mut count = 0;
    let mut folders = vec![folder.path().join("data/mailboxes")];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.parent().unwrap().ends_with("bodies") {
                let body = std::fs::read(&path).unwrap();
                count += usize::from(String::from_utf8_lossy(&body).contains(text));
            }
        }
    }
    count
}

/// Waits until as many bodies contain a text, and no more, and no body waits for its message:
/// it is on the disk a moment before the mailbox has it.
pub(crate) fn await_stored(running: &mut Running, folder: &Folder, text: &str, count: usize) {
    while stored(folder, text) < count {
        running.wait_for("is in a mailbox");
    }
    assert_eq!(stored(folder, text), count, "{text}");
    let deadline = Instant::now() + PATIENCE;
    let is_in = |line: &str| line.ends_with(" 0 files left over");
    while !folder.run(&["mail", "check"]).text().lines().all(is_in) {
        assert!(Instant::now() < deadline, "a body without a message: {text}");
    }
}
