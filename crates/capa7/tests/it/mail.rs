//! `capa7 mail serve` and its commands, with real clients.

mod archive;
mod fetch;
mod readers;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::{Folder, PATIENCE, Running, Said, free_port};

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
        let (smtp, submission) = (free_port(), free_port());
        let (imap, pop3, http) = (free_port(), free_port(), free_port());
        let webmail = free_port();
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
    fn delivered(&self, text: &str) {
        await_stored(&self.folder, text, 1);
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
    let mut running =
        Running::start(&mut folder.capa7(&["mail", "serve", "--config", "mail.toml"]));
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
struct Imap {
    reader: BufReader<TcpStream>,
    writer: TcpStream,
}

impl Imap {
    fn log_in(port: u16, name: &str) -> Self {
        let (reader, writer) = dial(port);
        let mut session = Self { reader, writer };
        session.wait_for("* OK");
        session.say(&format!("log LOGIN {name}@a.test secreto-{name}"), "log OK");
        session
    }

    /// Says a line and waits for what begins so.
    fn say(&mut self, line: &str, answer: &str) -> String {
        self.writer.write_all(format!("{line}\r\n").as_bytes()).unwrap();
        self.wait_for(answer)
    }

    /// The next line that begins so.
    fn wait_for(&mut self, start: &str) -> String {
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

/// Waits until as many bodies contain a text, and no more.
pub(crate) fn await_stored(folder: &Folder, text: &str, count: usize) {
    let deadline = Instant::now() + PATIENCE;
    while stored(folder, text) < count {
        assert!(Instant::now() < deadline, "{text} does not arrive");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(stored(folder, text), count, "{text}");
}

#[test]
fn accounts_are_made_listed_and_changed() {
    let folder = Folder::new();
    folder.write("mail.toml", config(free_port(), free_port(), ""));
    add_user(&folder, "andrea");
    let words = ["mail", "user", "add", "carlos@a.test", "--alias", "c.diaz@a.test"];
    assert_eq!(with_input(&mut folder.capa7(&words), "x\n").code, Some(0));
    let list = folder.run(&["mail", "user", "list"]).text();
    assert_eq!(list, "andrea@a.test\ncarlos@a.test  c.diaz@a.test\n");
    let document = folder.run(&["mail", "user", "list", "--json"]).json();
    assert_eq!(document["accounts"][1]["aliases"][0], "c.diaz@a.test");
    let users = std::fs::read_to_string(folder.path().join("users.toml")).unwrap();
    assert!(users.contains("$argon2id$") && users.contains("SCRAM-SHA-256$"), "{users}");
    assert!(!users.contains("secreto"), "{users}");
    let change = with_input(&mut folder.capa7(&["mail", "user", "passwd", "andrea@a.test"]), "y\n");
    assert_eq!(change.code, Some(0), "{change:?}");
    assert_ne!(std::fs::read_to_string(folder.path().join("users.toml")).unwrap(), users);
    // What is refused, and leaves the file as it was.
    for (words, input, expected) in [
        (&["mail", "user", "add", "andrea@a.test"][..], "x\n", "andrea@a.test leads to"),
        (&["mail", "user", "add", "ana@b.test"], "x\n", "no domain of this server"),
        (&["mail", "user", "add", "ana@a.test"], "", "no password"),
        (&["mail", "user", "add", "ana@a.test"], "\n", "a password has"),
        (&["mail", "user", "add", "../ana@a.test"], "x\n", "cannot be an account"),
        (&["mail", "user", "passwd", "ana@a.test"], "x\n", "no account ana@a.test"),
    ] {
        let said = with_input(&mut folder.capa7(words), input);
        assert_eq!(said.code, Some(2), "{words:?}: {said:?}");
        assert!(said.err.contains(expected), "{words:?}: {said:?}");
    }
    assert_eq!(folder.run(&["mail", "user", "list"]).text(), list);
}

#[test]
fn what_does_not_let_a_server_start_is_told_with_what_to_do() {
    let folder = Folder::new();
    let (smtp, submission) = (free_port(), free_port());
    let refused = |words: &[&str], expected: &[&str]| {
        let said = folder.run(words);
        assert_eq!(said.code, Some(2), "{words:?}: {said:?}");
        for text in expected {
            assert!(said.err.contains(text), "{text} in {said:?}");
        }
    };
    let serve = ["mail", "serve", "--config", "mail.toml"];
    refused(&serve, &["mail.toml: No such file", "check its name"]);
    folder.write("mail.toml", config(smtp, submission, "colour = \"red\""));
    refused(&serve, &["mail.toml:7:1: ", "colour"]);
    refused(&["config", "check", "mail.toml"], &["mail.toml:7:1: "]);
    folder.write("mail.toml", config(smtp, submission, ""));
    folder.write("users.toml", "[account.\"andrea@a.test\"]\npassword = \"secret\"\n");
    refused(&serve, &["users.toml:2:12: ", "capa7 mail user passwd"]);
    std::fs::remove_file(folder.path().join("users.toml")).unwrap();
    let tls = "[tls]\ncertificate = \"chain.pem\"\nkey = \"key.pem\"";
    folder.write("mail.toml", config(smtp, submission, tls));
    refused(&serve, &["chain.pem: No such file"]);
    folder.write("chain.pem", "nothing");
    refused(&serve, &["key.pem: No such file"]);
    folder.write("key.pem", "nothing");
    refused(&serve, &["chain.pem: no certificate in it"]);
    folder.write("mail.toml", config(smtp, submission, "user = \"no-such-user\""));
    refused(&serve, &["no user \"no-such-user\"", "create it"]);
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = other.local_addr().unwrap().port();
    folder.write("mail.toml", config(busy, submission, ""));
    refused(&serve, &[&format!("port {busy} is in use"), "stop that one"]);
    let open = "[webmail]\nat = \"0.0.0.0:8080\"";
    folder.write("mail.toml", config(smtp, submission, "") + open);
    refused(&serve, &["mail.toml:", "needs a certificate", "127.0.0.1"]);
    folder.write("mail.toml", config(smtp, submission, ""));
    folder.write("data", "a file where a folder should be");
    refused(&serve, &["cannot work in data"]);
    refused(&["mail", "queue"], &["data"]);
    std::fs::remove_file(folder.path().join("data")).unwrap();
    refused(&["mail", "queue"], &["no server runs with mail.toml", "capa7 mail serve --config"]);
}

#[test]
fn the_example_of_a_configuration_is_in_order() {
    let folder = Folder::new();
    let text = folder.run(&["config", "example"]).text();
    folder.write("mail.toml", text.replace("/etc/capa7/", "").replace("/var/lib/", ""));
    let said = folder.run(&["config", "check", "mail.toml"]);
    assert!(said.err.contains("fullchain.pem: No such file"), "{said:?}");
}

// RFC 6186, RFC 7208: what the domain's zone is to say.
#[test]
fn a_server_writes_its_records_and_a_name_server_takes_them() {
    let server = MailServer::start();
    let records = server.folder.path().join("zones/a.test.records");
    let text = std::fs::read_to_string(records).unwrap();
    let submission = server.submission;
    for line in [
        "a.test. 3600 IN MX 10 mail.a.test.",
        "autoconfig.a.test. 3600 IN CNAME mail.a.test.",
        "a.test. 3600 IN TXT \"v=spf1 mx -all\"",
        "mail.a.test. 3600 IN A 127.0.0.1",
        &format!("_submission._tcp.a.test. 3600 IN SRV 10 1 {submission} mail.a.test."),
        &format!("_imap._tcp.a.test. 3600 IN SRV 10 1 {} mail.a.test.", server.imap),
        "_imaps._tcp.a.test. 3600 IN SRV 0 0 0 .",
        &format!("_pop3._tcp.a.test. 3600 IN SRV 30 1 {} mail.a.test.", server.pop3),
    ] {
        assert!(text.contains(&format!("\n{line}\n")), "{line} in {text}");
    }
    let zone = "$ORIGIN a.test.\n@ 3600 IN SOA ns1 admin 1 7200 3600 1209600 300\n\
                @ 3600 IN NS ns1\nns1 3600 IN A 127.0.0.1\n$INCLUDE zones/a.test.records\n";
    server.folder.write("a.zone", zone);
    // One name server is enough for a test, which is the one warning.
    let check = server.folder.run(&["dns", "check", "a.zone"]).text();
    assert!(check.contains("zone a.test. has ") && check.contains(", 1 warnings"), "{check}");
}

#[test]
fn mail_from_outside_and_from_users_reaches_its_mailbox() {
    let Some(swaks) = capa7_peers::need("swaks") else { return };
    let server = MailServer::start();
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
    let (smtp, submission) = (free_port(), free_port());
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
    await_stored(&folder, "within-tls", 3);
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
    let server = MailServer::start();
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

#[test]
fn a_mail_program_finds_its_settings_by_http() {
    let Some(curl) = capa7_peers::need("curl") else { return };
    let server = MailServer::start();
    let get = |path: &str, host: &str| {
        let url = format!("http://127.0.0.1:{}{path}", server.http);
        let head = format!("Host: {host}");
        Said::by(Command::new(&curl).args(["-sS", "-f", "-H", &head, &url]))
    };
    let text = get("/mail/config-v1.1.xml?emailaddress=x", "autoconfig.a.test").text();
    let port = format!("<port>{}</port>", server.imap);
    assert!(text.contains("<domain>a.test</domain>") && text.contains(&port), "{text}");
    assert_eq!(get("/.well-known/autoconfig/mail/config-v1.1.xml", "a.test").text(), text);
    assert_eq!(get("/", "a.test").code, Some(22), "nothing else is there");
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

#[test]
fn a_reload_takes_new_users_and_keeps_the_old_ones_on_an_error() {
    let mut server = MailServer::start();
    let try_recipient = |code: &str| {
        let (mut reader, mut writer) = dial(server.smtp);
        expect(&mut reader, "220");
        writer.write_all(b"HELO c.test\r\nMAIL FROM:<>\r\nRCPT TO:<ana@a.test>\r\n").unwrap();
        expect(&mut reader, "250");
        expect(&mut reader, "250");
        expect(&mut reader, code);
    };
    try_recipient("550");
    add_user(&server.folder, "ana");
    server.running.signal("HUP");
    server.running.wait_for("3 accounts loaded again");
    try_recipient("250");
    server.folder.write("users.toml", "[account.\"x\"]\npassword = \"\"\n");
    server.running.signal("HUP");
    let said = server.running.wait_for("all stays as it was");
    assert!(said.contains("users.toml:1:10"), "{said}");
    try_recipient("250");
    server.folder.write("users.toml", "");
    let other = config(free_port(), server.submission, "");
    server.folder.write("mail.toml", other);
    server.running.signal("HUP");
    server.running.wait_for("changed, but not before a restart: listen");
    try_recipient("550");
}

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
    while stored(&server.folder, "load-") < 20 {
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
    for text in &taken {
        await_stored(&folder, text, 1);
    }
    let queue = folder.run(&["mail", "queue", "--json"]).json();
    assert_eq!(queue["recipients"], 0, "{queue}");
    assert!(!next.has_said("ended"), "{}", next.said);
}

/// Whether a message was taken; none when the server is gone.
pub(crate) fn send_one(port: u16, text: &str) -> Option<bool> {
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
    let server = MailServer::start();
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
    let deadline = Instant::now() + PATIENCE;
    while send_one(server.smtp, "after-the-flood") != Some(true) {
        assert!(Instant::now() < deadline, "places come back");
        std::thread::sleep(Duration::from_millis(10));
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
