//! Two mail sites in a network of their own, where names resolve through our
//! name server:
//!
//! ```text
//!   ours.test                    192.0.2.53                   theirs.test
//!   capa7 mail serve  ◀─ MX ─ capa7 dns serve ─ MX ─▶  Postfix and Dovecot
//!   192.0.2.10                                         192.0.2.20
//! ```
//!
//! The network is a namespace with a loopback interface and nothing else: no
//! packet can leave it.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use capa7_peers::mail_site::MailSite;

use crate::mail::certify;
use crate::program::{Folder, PATIENCE, Running, Said};

pub(super) struct TwoSites {
    pub(super) folder: Folder,
    pub(super) theirs: MailSite,
    programs: Programs,
    ours: Option<Running>,
    _dns: Running,
    _postfix: Running,
    _dovecot: Running,
    network: Network,
}

struct Programs {
    python: PathBuf,
    postfix: PathBuf,
}

/// A namespace, as long as its first program lives.
struct Network {
    _holder: Running,
    pid: u32,
}

/// One who reads and writes.
#[derive(Clone, Copy)]
pub(super) struct Person {
    pub(super) host: &'static str,
    pub(super) user: &'static str,
    pub(super) password: &'static str,
}

pub(super) const ANDREA: Person =
    Person { host: OURS, user: "andrea@ours.test", password: "secreto-andrea" };
pub(super) const MARIA: Person =
    Person { host: OURS, user: "maría@ours.test", password: "secreto-maría" };
pub(super) const DORA: Person = Person { host: THEIRS, user: "dora@theirs.test", password: "dora" };
pub(super) const JOSE: Person = Person { host: THEIRS, user: "jose@theirs.test", password: "jose" };

impl TwoSites {
    /// Starts everything; none where the programs or the rights are missing.
    pub(super) fn start(limits: &str) -> Option<Self> {
        let [python, postfix, dovecot, openssl] =
            ["python3", "postfix", "dovecot", "openssl"].map(capa7_peers::need);
        let (programs, dovecot, openssl) =
            (Programs { python: python?, postfix: postfix? }, dovecot?, openssl?);
        let folder = Folder::new();
        let network = Network::start(&folder)?;
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.path(), mode).unwrap();
        certify(&openssl, &folder);
        folder.write("agent.py", AGENT);
        folder.write("mail.toml", format!("{CONFIG}{limits}"));
        for person in [ANDREA, MARIA] {
            let mut add = folder.capa7(&["mail", "user", "add", person.user]);
            let said = crate::mail::with_input(&mut add, &format!("{}\n", person.password));
            assert_eq!(said.code, Some(0), "{said:?}");
        }
        let ours = serve(&folder, &network);
        folder.write("ours.zone", format!("{}$INCLUDE zones/ours.test.records\n", zone("ours")));
        let more = "@ 60 IN MX 10 mail\nmail 60 IN A 192.0.2.20\n";
        folder.write("theirs.zone", zone("theirs") + more);
        let words = ["dns", "serve", "--listen", "192.0.2.53:53"];
        let zones = ["--zone", "ours.zone", "--zone", "theirs.zone"];
        let mut dns =
            Running::start(&mut network.within(&folder.capa7(&[&words[..], &zones].concat())));
        dns.wait_for("listening on");

        let at = folder.path().join("theirs");
        std::fs::create_dir(&at).unwrap();
        let own = |name: &str| folder.path().join(name);
        let theirs = MailSite {
            folder: at,
            domain: "theirs.test".to_owned(),
            address: THEIRS.parse().unwrap(),
            smtp: 25,
            submission: 587,
            imap: 143,
            users: ["dora", "jose", "late"].map(str::to_owned).to_vec(),
            aliases: vec![("josé".to_owned(), "jose".to_owned())],
            ghosts: vec!["ghost".to_owned()],
            tls: Some((own("chain.pem"), own("key.pem"))),
        };
        theirs.write().unwrap();
        let dovecot = Running::start(&mut network.within(&theirs.dovecot(&dovecot)));
        let start = theirs.postfix(&programs.postfix, "start-fg");
        let postfix = Running::start(&mut network.within(&start));
        let sites = Self {
            folder,
            theirs,
            programs,
            ours: Some(ours),
            _dns: dns,
            _postfix: postfix,
            _dovecot: dovecot,
            network,
        };
        for port in ["25", "587", "143"] {
            let said = sites.agent(&["greets", THEIRS, port]);
            assert_eq!(said.code, Some(0), "{said:?}\n{}", sites.theirs.log());
        }
        Some(sites)
    }

    /// Runs a program of the network and waits for it.
    fn agent(&self, words: &[&str]) -> Said {
        let mut command = Command::new(&self.programs.python);
        command.arg("agent.py").args(words).current_dir(self.folder.path());
        command.stdin(Stdio::null());
        Said::by(&mut self.network.within(&command))
    }

    /// Submits a message; what smtplib was answered when it was not taken.
    pub(super) fn send(&self, from: Person, to: &[&str], message: &[u8], notify: &str) -> Said {
        self.folder.write("letter", message);
        let words = ["send", from.host, from.user, from.password, notify, "letter"];
        self.agent(&[&words, to].concat())
    }

    /// Waits for the one message of a mailbox that has `text`; its bytes as the
    /// server gives them.
    pub(super) fn fetch(&self, of: Person, text: &str) -> Vec<u8> {
        let said = self.agent(&["fetch", of.host, of.user, of.password, text, "fetched"]);
        let sounds = || format!("{said:?}\n{}", self.theirs.log());
        assert_eq!(said.code, Some(0), "{text:?} for {}: {}", of.user, sounds());
        std::fs::read(self.folder.path().join("fetched")).unwrap()
    }

    /// How many messages of a mailbox have `text`.
    pub(super) fn count(&self, of: Person, text: &str) -> String {
        self.agent(&["count", of.host, of.user, of.password, text]).text()
    }

    /// What Python's parser finds in a notification: action, status, recipient.
    pub(super) fn python_reads(&self, report: &[u8]) -> String {
        self.folder.write("report", report);
        self.agent(&["report", "report"]).text()
    }

    /// Our queue, once it says `text`: it is asked again when its rows change.
    pub(super) fn our_queue_says(&self, text: &str) -> String {
        let rows = Followed::start(&self.folder.path().join("data/queue/queue.sqlite-wal"));
        let deadline = Instant::now() + PATIENCE;
        loop {
            let said = self.folder.run(&["mail", "queue", "list", "--all"]).text();
            if said.contains(text) {
                return said;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(rows.has_grown(left), "{text:?} in {said}");
        }
    }

    /// The first line of Postfix's log that says `text`, once there is one.
    pub(super) fn postfix_says(&self, text: &str) -> String {
        let log = self.theirs.folder.join("postfix.log");
        Running::start(Command::new("tail").args(["-n", "+1", "-F"]).arg(log)).wait_for(text)
    }

    /// Lets Postfix put off whoever is named.
    pub(super) fn postfix_defers(&self, recipients: &[&str]) {
        self.theirs.defer(recipients).unwrap();
        let reload = self.theirs.postfix(&self.programs.postfix, "reload");
        let said = Said::by(&mut self.network.within(&reload));
        assert_eq!(said.code, Some(0), "{said:?}");
    }

    /// Lets Postfix take so many recipients in one transaction.
    pub(super) fn postfix_takes(&self, recipients: usize) {
        self.theirs.limit_recipients(recipients).unwrap();
        let reload = self.theirs.postfix(&self.programs.postfix, "reload");
        let said = Said::by(&mut self.network.within(&reload));
        assert_eq!(said.code, Some(0), "{said:?}");
    }

    /// Our server ends as an operator ends it.
    pub(super) fn stop_ours(&mut self) {
        let ours = self.ours.take().unwrap();
        ours.signal("TERM");
        let (status, said) = ours.ended();
        assert_eq!(status.code(), Some(0), "{said}");
    }

    pub(super) fn start_ours(&mut self) {
        self.ours = Some(serve(&self.folder, &self.network));
    }
}

impl Drop for TwoSites {
    fn drop(&mut self) {
        // Postfix's first process takes the others with it.
        let stop = self.theirs.postfix(&self.programs.postfix, "stop");
        let _stopped = self.network.within(&stop).output();
    }
}

/// A file whose growth is waited for.
struct Followed {
    tail: Child,
    growth: Receiver<()>,
}

impl Followed {
    fn start(file: &Path) -> Self {
        let mut tail = Command::new("tail");
        tail.args(["-c", "+1", "-F"]).arg(file).stdin(Stdio::null()).stderr(Stdio::null());
        let mut tail = tail.stdout(Stdio::piped()).spawn().unwrap();
        let mut output = tail.stdout.take().unwrap();
        let (send, growth) = channel();
        thread::spawn(move || {
            let mut octets = vec![0; 64 << 10];
            while output.read(&mut octets).is_ok_and(|count| count > 0) && send.send(()).is_ok() {}
        });
        Self { tail, growth }
    }

    /// Whether it has grown since this was asked last, or does in time.
    fn has_grown(&self, patience: Duration) -> bool {
        self.growth.recv_timeout(patience).is_ok()
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        let _gone = self.tail.kill();
        let _ended = self.tail.wait();
    }
}

fn serve(folder: &Folder, network: &Network) -> Running {
    let serve = folder.capa7(&["mail", "serve", "--config", "mail.toml"]);
    let mut running = Running::start(&mut network.within(&serve));
    running.wait_for("capa7: serving");
    running
}

impl Network {
    fn start(folder: &Folder) -> Option<Self> {
        folder.write("resolv.conf", "nameserver 192.0.2.53\n");
        let resolver = folder.path().join("resolv.conf");
        let script = format!(
            "ip link set lo up && for a in {OURS} {THEIRS} 192.0.2.53; do ip addr add $a/32 dev \
             lo || exit 1; done && mount --bind {} /etc/resolv.conf && echo the network is there \
             && exec sleep 3600",
            resolver.display()
        );
        let id = Said::by(Command::new("id").arg("-u")).out;
        let tools = ["unshare", "nsenter", "ip"].map(capa7_peers::find);
        if id.trim() != "0" || tools.iter().any(Option::is_none) {
            capa7_peers::skip("root, unshare and ip, for Postfix in a network of its own");
            return None;
        }
        let tried = Said::by(Command::new("unshare").args(["-n", "-m", "true"]));
        if tried.code != Some(0) {
            capa7_peers::skip(&format!("namespaces: {}", tried.err));
            return None;
        }
        let mut holder =
            Running::start(Command::new("unshare").args(["-n", "-m", "sh", "-c", &script]));
        holder.wait_for("the network is there");
        let pid = holder.id();
        Some(Self { _holder: holder, pid })
    }

    /// The same command, in this network.
    fn within(&self, command: &Command) -> Command {
        let mut inside = Command::new("nsenter");
        let pid = self.pid.to_string();
        inside.args(["-t", &pid, "-n", "-m", "sh", "-c", "cd \"$0\" && exec \"$@\""]);
        inside.arg(command.get_current_dir().unwrap_or_else(|| Path::new("/")));
        inside.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        inside.stdin(Stdio::null());
        inside
    }
}

fn zone(name: &str) -> String {
    format!(
        "$ORIGIN {name}.test.\n@ 60 IN SOA ns1 admin 1 7200 3600 1209600 60\n\
         @ 60 IN NS ns1\nns1 60 IN A 192.0.2.53\n"
    )
}

const OURS: &str = "192.0.2.10";
const THEIRS: &str = "192.0.2.20";

const CONFIG: &str = "\
hostname = \"mail.ours.test\"
domains = [\"ours.test\"]
data = \"data\"
users = \"users.toml\"
resolver = \"192.0.2.53:53\"
records = \"zones\"

[tls]
certificate = \"chain.pem\"
key = \"key.pem\"

[[listen]]
at = \"192.0.2.10:25\"
service = \"smtp\"

[[listen]]
at = \"192.0.2.10:587\"
service = \"submission\"

[[listen]]
at = \"192.0.2.10:143\"
service = \"imap\"

[queue]
first_retry = \"1s\"
longest_retry = \"2s\"
";

/// A user agent of Python's own libraries, the same for both sites.
const AGENT: &str = r#"
import email, email.policy, imaplib, smtplib, socket, ssl, sys, time

TRIES, PAUSE_S = 2400, 0.05

def trust():
    return ssl._create_unverified_context()

def greets(host, port):
    for _ in range(TRIES):
        try:
            with socket.create_connection((host, int(port)), 60) as stream:
                stream.settimeout(60)
                if stream.recv(3):
                    return
        except OSError:
            time.sleep(PAUSE_S)
    sys.exit(f'nobody greets at {host}:{port}')

def send(host, user, password, notify, file, *to):
    with smtplib.SMTP(host, 587, 'client.test', timeout=120) as smtp:
        smtp.starttls(context=trust())
        smtp.ehlo('client.test')
        smtp.login(user, password)
        options = ['BODY=8BITMIME']
        if any(not address.isascii() for address in to):
            assert smtp.has_extn('smtputf8'), 'SMTPUTF8 is not offered'
            options.append('SMTPUTF8')
        wanted = [] if notify == '-' else ['NOTIFY=' + notify]
        with open(file, 'rb') as letter:
            refused = smtp.sendmail(user, to, letter.read(), options, wanted)
        assert not refused, refused

def box(host, user, password):
    imap = imaplib.IMAP4(host, 143, timeout=120)
    imap.starttls(trust())
    imap.authenticate('PLAIN', lambda _: f'\0{user}\0{password}'.encode())
    imap.select('INBOX')
    return imap

def numbers(imap, text):
    return imap.search(None, 'TEXT', f'"{text}"')[1][0].split()

def fetch(host, user, password, text, out):
    imap = box(host, user, password)
    for _ in range(TRIES):
        imap.noop()
        found = numbers(imap, text)
        if found:
            assert len(found) == 1, found
            with open(out, 'wb') as file:
                file.write(imap.fetch(found[0], '(BODY.PEEK[])')[1][0][1])
            imap.logout()
            return
        time.sleep(PAUSE_S)
    sys.exit('it does not arrive')

def count(host, user, password, text):
    print(len(numbers(box(host, user, password), text)), end='')

def report(file):
    with open(file, 'rb') as message:
        message = email.message_from_binary_file(message, policy=email.policy.default)
    assert message.get_content_type() == 'multipart/report', message.get_content_type()
    assert message['Auto-Submitted'], 'a machine that answers must not answer this'
    for part in message.walk():
        if part.get_content_type() == 'message/delivery-status':
            for group in part.get_payload():
                if group['Action']:
                    print(group['Action'], group['Status'], group['Final-Recipient'])

globals()[sys.argv[1]](*sys.argv[2:])
"#;
