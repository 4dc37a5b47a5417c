//! A mail server whose process is killed at any moment, under load.
//!
//! ```text
//!   8 clients ── SMTP ──▶ victim ──▶ store of andrea
//!                          │ killed    └──▶ SMTP ──▶ sink, in this process
//!                          └ begins again, in the same folder
//! ```
//!
//! Each message has a recipient here and one at the sink, whose address is the
//! message's number. Between two lives the queue's rows are read: what the sink
//! has and the rows have no more was recorded, and must never come again.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use capa7_dissect::Room;
use capa7_mail::queue::{Queue, QueueConfig, QueueFiles, Selection};
use capa7_mail::smtp::connection::{ClientSettings, Connection, TlsUse};
use capa7_mail::smtp::server::{Destination, SmtpServer, SmtpServerConfig};
use capa7_mail::store::{Store, StoreOptions};
use capa7_mail::users::{AccountName, Users};
use capa7_mail_proto::address::{Address, ForwardPath, ReversePath};
use capa7_mail_proto::envelope::{BodyKind, Envelope, Recipient, Returns};
use capa7_mail_proto::mailbox::MailboxName;
use capa7_mail_proto::queue::Schedule;
use capa7_mail_proto::smtp::client::{Credentials, Outcome};
use capa7_mail_proto::smtp::server::{AuthPolicy, Role, SessionConfig};
use capa7_net::{Cause, Host, TcpStream};
use rand::Rng as _;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _};

/// Deaths in the test.
const KILLS: usize = 200;
/// Clients at once.
const CLIENTS: usize = 8;
/// Milliseconds that a victim lives at most once it is asked for.
const LIFE_MS: u64 = 250;
/// Where the victim works; without it the test is no victim.
const FOLDER: &str = "CAPA7_QUEUE_KILL_FOLDER";
const SINK: &str = "CAPA7_QUEUE_KILL_SINK";

const ANDREA: &str = "andrea@ours.example";

/// What clients and sink have seen; by message number.
#[derive(Debug, Default)]
struct Seen {
    next: AtomicU64,
    begun: Mutex<BTreeSet<u64>>,
    answered: Mutex<BTreeSet<u64>>,
    /// How often the sink said 250.
    sunk: Mutex<BTreeMap<u64, usize>>,
    /// Those of which the rows had recorded it.
    recorded: Mutex<BTreeSet<u64>>,
    again: Mutex<Vec<u64>>,
}

#[test]
fn what_was_answered_250_survives_two_hundred_kills() {
    if std::env::var_os(FOLDER).is_some() {
        return;
    }
    super::super::smtp::on_this_machine(|host| async move {
        let folder = tempfile::tempdir().unwrap();
        let seen = Arc::new(Seen::default());
        let listener = host.listen_tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let sink = listener.local_addr();
        let (on, told) = (host.clone(), seen.clone());
        let _sink = host.spawn("sink", async move {
            let mut sessions = Vec::new();
            while let Ok(stream) = listener.accept().await {
                sessions.retain(|task: &capa7_net::Task<()>| !task.is_finished());
                sessions.push(on.spawn("sink-session", sink_session(stream, told.clone())));
            }
        });
        let mut rng = host.rng();
        for round in 0..KILLS {
            let life = Duration::from_millis(rng.random_range(0..LIFE_MS));
            // Every fourth dies while it begins.
            let is_early = round % 4 == 3;
            one_life(&host, folder.path(), sink, &seen, life, is_early).await;
            note_recorded(folder.path(), &host, &seen);
        }
        let queue = begin(&host, folder.path(), sink.port()).await;
        for _ in 0..1_200 {
            if queue.table().await.unwrap().recipients == 0 {
                break;
            }
            host.sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(queue.table().await.unwrap().recipients, 0, "all is delivered at last");
        queue.stop().await;
        compare(&host, folder.path(), &seen);
    });
}

/// Starts a victim, loads it, kills it.
async fn one_life(
    host: &Host,
    folder: &Path,
    sink: SocketAddr,
    seen: &Arc<Seen>,
    life: Duration,
    is_early: bool,
) {
    let mut victim = spawn(folder, sink);
    if is_early {
        host.sleep(life / 4).await;
        victim.kill().unwrap();
        victim.wait().unwrap();
        return;
    }
    let mut out = BufReader::new(victim.stdout.take().unwrap());
    let at: SocketAddr = loop {
        let mut line = String::new();
        assert!(out.read_line(&mut line).unwrap() > 0, "the victim does not begin");
        if let Some((_, at)) = line.split_once("ready ") {
            break at.trim().parse().unwrap();
        }
    };
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| host.spawn("client", client(host.clone(), at, seen.clone())))
        .collect();
    host.sleep(life).await;
    victim.kill().unwrap();
    victim.wait().unwrap();
    for client in clients {
        client.await.unwrap();
    }
}

fn spawn(folder: &Path, sink: SocketAddr) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "queue::kills::a_server_takes_mail_until_it_dies", "--nocapture"])
        .env(FOLDER, folder)
        .env(SINK, sink.port().to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Sends until the server is gone; 250 counts when it has come.
async fn client(host: Host, at: SocketAddr, seen: Arc<Seen>) {
    let settings = ClientSettings {
        helo: "client.example".to_owned(),
        tls: TlsUse::Never,
        credentials: Some(Credentials {
            user: ANDREA.to_owned(),
            password: "andrea".to_owned(),
            in_clear: true,
        }),
        chunking: false,
    };
    let Ok(mut connection) = Connection::open(&host, at, settings, Cause::NONE).await else {
        return;
    };
    loop {
        let number = seen.next.fetch_add(1, Ordering::Relaxed);
        seen.begun.lock().unwrap().insert(number);
        let sent = connection.send(&envelope(number), message(number), Cause::NONE).await;
        let Ok(outcomes) = sent else { return };
        if outcomes.iter().all(|one| matches!(one.outcome, Outcome::Delivered(_))) {
            seen.answered.lock().unwrap().insert(number);
        }
    }
}

fn envelope(number: u64) -> Envelope {
    let recipient = |to: String| Recipient::new(ForwardPath(to.parse().unwrap()));
    Envelope {
        from: ReversePath(Some(ANDREA.parse().unwrap())),
        recipients: vec![recipient(ANDREA.to_owned()), recipient(format!("{number}@[127.0.0.1]"))],
        body: BodyKind::SevenBit,
        smtputf8: false,
        returns: Returns::Unsaid,
        envelope_id: None,
    }
}

/// Some are longer than a session holds in memory.
fn message(number: u64) -> Bytes {
    let fill = if number % 40 == 7 { 25_000 } else { 20 };
    let fill = "a line of the message's text, as long as lines are\r\n".repeat(fill);
    Bytes::from(format!("Subject: {number}\r\n\r\nnumber {number}\r\n{fill}"))
}

/// What the rows no longer have of what the sink has: it must not come again.
fn note_recorded(folder: &Path, host: &Host, seen: &Seen) {
    // A victim that died before its first row leaves no rows.
    let Ok(files) = QueueFiles::open(&folder.join("queue")) else { return };
    let Ok(queued) = files.list(host, &Selection::All, 0, u64::MAX >> 1) else { return };
    let queued: BTreeSet<u64> =
        queued.iter().filter_map(|entry| entry.recipient.local().parse().ok()).collect();
    let sunk = seen.sunk.lock().unwrap();
    let gone = sunk.keys().filter(|number| !queued.contains(number));
    seen.recorded.lock().unwrap().extend(gone);
}

#[expect(clippy::print_stdout, reason = "the counts are what the test is asked for")]
fn compare(host: &Host, folder: &Path, seen: &Seen) {
    let store = Store::open(host, &folder.join("store"), StoreOptions::default()).unwrap();
    let name: AccountName = ANDREA.parse().unwrap();
    let account = store.account(&name).unwrap();
    let inbox = account.mailbox(&MailboxName::inbox()).unwrap().id;
    let mut stored: BTreeMap<u64, usize> = BTreeMap::new();
    for uid in account.uids(inbox).unwrap() {
        let text = account.open_message(inbox, uid).unwrap().read_all().unwrap();
        let text = String::from_utf8(text).unwrap();
        let (_, body) = text.split_once("\r\n\r\n").unwrap();
        let number = body.lines().next().unwrap().strip_prefix("number ").unwrap();
        let number: u64 = number.parse().unwrap();
        assert!(body.as_bytes() == body_of(number), "message {number} is whole");
        *stored.entry(number).or_default() += 1;
    }
    let (begun, answered) = (seen.begun.lock().unwrap(), seen.answered.lock().unwrap());
    let sunk = seen.sunk.lock().unwrap();
    let twice: Vec<_> = stored.iter().filter(|(_, count)| **count != 1).collect();
    assert_eq!(twice, [], "in the mailbox more than once");
    let lost: Vec<_> = answered
        .iter()
        .filter(|number| !stored.contains_key(number) || !sunk.contains_key(number))
        .collect();
    assert_eq!(lost, [] as [&u64; 0], "answered 250 and lost");
    let foreign = stored.keys().chain(sunk.keys()).find(|number| !begun.contains(number));
    assert_eq!(foreign, None, "nobody sent it");
    assert!(stored.keys().eq(sunk.keys()), "each went to both or to none");
    assert_eq!(*seen.again.lock().unwrap(), [] as [u64; 0], "recorded, and sent again");
    let unanswered = stored.len() - answered.len();
    // The check of what must not come again has something to check.
    assert!(seen.recorded.lock().unwrap().len() > KILLS);
    let doubled = sunk.values().filter(|count| **count > 1).count();
    println!(
        "kills {KILLS}: {} messages begun, {} answered 250, all delivered; {unanswered} more were \
         kept without their answer getting out; {doubled} went to the sink again, for death came \
         before its 250 was recorded",
        begun.len(),
        answered.len()
    );
    assert!(answered.len() > KILLS, "the victims did something: {}", answered.len());
}

fn body_of(number: u64) -> Vec<u8> {
    let whole = message(number);
    let at = whole.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    whole[at + 4..].to_vec()
}

/// A server that takes everything, now and then only at the second try.
async fn sink_session(stream: TcpStream, seen: Arc<Seen>) {
    let mut stream = tokio::io::BufReader::new(stream);
    let (mut line, mut number, mut is_data, mut asked) = (Vec::new(), 0, false, 0_u32);
    if stream.write_all(b"220 sink\r\n").await.is_err() {
        return;
    }
    loop {
        line.clear();
        match stream.read_until(b'\n', &mut line).await {
            Ok(1..) => {}
            _ => return,
        }
        let text = String::from_utf8_lossy(&line).to_ascii_uppercase();
        let reply = match (is_data, text.trim_end()) {
            (true, ".") => {
                is_data = false;
                *seen.sunk.lock().unwrap().entry(number).or_default() += 1;
                if seen.recorded.lock().unwrap().contains(&number) {
                    seen.again.lock().unwrap().push(number);
                }
                "250 2.0.0 taken\r\n"
            }
            (true, _) => continue,
            (false, "DATA") => {
                is_data = true;
                "354 go on\r\n"
            }
            (false, command) if command.starts_with("RCPT TO:<") => {
                let digits = command.trim_start_matches("RCPT TO:<").split('@').next().unwrap();
                number = digits.parse().unwrap();
                asked += 1;
                if asked % 9 == 5 { "450 4.2.0 once more\r\n" } else { "250 2.1.5 ok\r\n" }
            }
            (false, "QUIT") => "221 bye\r\n",
            (false, _) => "250 ok\r\n",
        };
        if stream.write_all(reply.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn begin(host: &Host, folder: &Path, sink: u16) -> Queue {
    let store = Store::open(host, &folder.join("store"), StoreOptions::default()).unwrap();
    let resolver = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
    let config = QueueConfig::new(folder.join("queue"), "ours.example", resolver);
    let schedule = Schedule {
        first: Duration::from_millis(100),
        longest: Duration::from_secs(1),
        ..Schedule::default()
    };
    let config = QueueConfig { port: sink, schedule, ..config };
    Queue::begin(host, config, users(), store).await.unwrap()
}

fn users() -> Users {
    let andrea: Address = ANDREA.parse().unwrap();
    Users::lab(&["ours.example".to_owned()], &[andrea]).unwrap()
}

/// The victim; it ends by itself when nobody kills it.
#[test]
fn a_server_takes_mail_until_it_dies() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let sink: u16 = std::env::var(SINK).unwrap().parse().unwrap();
    super::super::smtp::on_this_machine(|host| async move {
        let host = host.in_room(Room::Mail);
        let queue = begin(&host, Path::new(&folder), sink).await;
        let listener = host.listen_tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let at = listener.local_addr();
        let session = SessionConfig {
            auth: AuthPolicy::InClear,
            ..SessionConfig::new("ours.example", Role::Submission)
        };
        let config = SmtpServerConfig::new(session);
        let destination = Destination::Queue(queue);
        let _server = SmtpServer::start(&host, listener, config, users(), destination);
        let mut out = std::io::stdout();
        writeln!(out, "ready {at}").unwrap();
        out.flush().unwrap();
        host.sleep(Duration::from_secs(20)).await;
    });
}
