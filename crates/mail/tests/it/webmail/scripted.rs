//! An IMAP server that does as a test says, behind a gateway, in virtual time.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};

use capa7_mail::webmail::{Webmail, WebmailConfig};
use capa7_mail_proto::imap::sequence::SequenceSet;
use capa7_net::{
    Cause, Host, HostConfig, NetworkConfig, Room, Task, TcpListener, TcpStream, VirtualNetwork,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::browser::Browser;

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// A command that asks for it is refused with `NO`, and tells nothing.
    Refused,
    /// The same, with `BAD`, after the others were told.
    Last,
    /// It is left out, and the command ends well.
    LeftOut,
    /// Only its flags are told.
    Half,
    /// The connection ends in the middle of its row.
    Ends,
    /// The server says farewell in place of its row, and why.
    Farewell,
    /// It was expunged by somebody else, of which NOOP tells.
    Gone,
}

/// What the server has and does.
#[derive(Debug, Default)]
pub(crate) struct Script {
    /// Messages by their identifiers.
    pub(crate) messages: BTreeMap<u32, Option<Wrong>>,
    /// Every command, without its tag, beside the number of its connection.
    pub(crate) said: Vec<(usize, String)>,
    /// Connections up to this number answer nothing any more.
    deaf: usize,
    connections: usize,
}

/// The server, and a gateway in front of it.
pub(crate) struct Site {
    pub(crate) script: Arc<Mutex<Script>>,
    pub(crate) host: Host,
    webmail: Webmail,
    _server: Task<()>,
}

const SERVER: [u8; 4] = [10, 0, 0, 25];

/// Runs a test with a browser that is logged in.
pub(crate) fn with_site<F: Future<Output = ()> + Send + 'static>(
    messages: impl IntoIterator<Item = (u32, Option<Wrong>)>,
    test: impl FnOnce(Site, Browser) -> F + Send + 'static,
) {
    let net = VirtualNetwork::new(NetworkConfig::default());
    let host = |name: &str, address: [u8; 4]| {
        let addresses = vec![IpAddr::from(address)];
        let config = HostConfig { name: name.to_owned(), addresses, ..HostConfig::default() };
        net.network().add_host(config).unwrap().in_room(Room::Mail)
    };
    let (server, web) = (host("imap.x.example", SERVER), host("web.x.example", [10, 0, 0, 80]));
    let reader = host("reader", [10, 0, 0, 1]);
    let script = Script { messages: messages.into_iter().collect(), ..Script::default() };
    let script = Arc::new(Mutex::new(script));
    let at = SocketAddr::from((SERVER, 143));
    let listener = server.listen_tcp(at).unwrap();
    let serving = serve(server.clone(), listener, Arc::clone(&script));
    let running = server.spawn("scripted", serving);
    net.run(async move {
        let listen = SocketAddr::from(([10, 0, 0, 80], 80));
        let config = WebmailConfig::new(listen, at, SocketAddr::from((SERVER, 587)), "x.example");
        let webmail = Webmail::start(&web, config).unwrap();
        let mut browser = Browser::new(&reader, &webmail);
        assert_eq!(browser.log_in("carlos", "carlos").await, 200);
        test(Site { script, host: reader, webmail, _server: running }, browser).await;
    })
    .unwrap();
}

impl Site {
    pub(crate) fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap()
    }

    pub(crate) async fn stop(self) {
        self.webmail.stop().await;
    }
}

impl Script {
    /// All connections that are open answer nothing any more; the last one's number.
    pub(crate) fn go_deaf(&mut self) -> usize {
        self.deaf = self.connections;
        self.deaf
    }

    /// How often something was said that begins so, and on which connections.
    pub(crate) fn told(&self, begin: &str) -> Vec<usize> {
        let said = self.said.iter().filter(|(_, line)| line.starts_with(begin));
        said.map(|(connection, _)| *connection).collect()
    }
}

async fn serve(host: Host, listener: TcpListener, script: Arc<Mutex<Script>>) {
    while let Ok(stream) = listener.accept().await {
        let number = {
            let mut script = script.lock().unwrap();
            script.connections += 1;
            script.connections
        };
        host.spawn("scripted session", session(stream, number, Arc::clone(&script))).detach();
    }
}

async fn session(mut stream: TcpStream, number: usize, script: Arc<Mutex<Script>>) {
    stream.set_write_cause(Cause::NONE);
    stream.write_all(b"* OK [CAPABILITY IMAP4rev1] ready\r\n").await.unwrap();
    let (mut heard, mut buffer) = (Vec::new(), [0; 4_096]);
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        heard.extend_from_slice(&buffer[..count]);
        while let Some(end) = heard.windows(2).position(|two| two == b"\r\n") {
            let line = String::from_utf8(heard.drain(..end + 2).collect()).unwrap();
            let (tag, command) = line.trim_end().split_once(' ').unwrap();
            let (answer, ends) = {
                let mut script = script.lock().unwrap();
                script.said.push((number, command.to_owned()));
                if number <= script.deaf {
                    continue;
                }
                answer(&mut script, tag, command)
            };
            if stream.write_all(answer.as_bytes()).await.is_err() || ends {
                let _ = stream.shutdown().await;
                return;
            }
        }
    }
}

/// What is answered, and whether the connection ends with it.
fn answer(script: &mut Script, tag: &str, command: &str) -> (String, bool) {
    let words: Vec<&str> = command.split(' ').collect();
    let mut told = String::new();
    match words[..] {
        ["CAPABILITY", ..] => told.push_str("* CAPABILITY IMAP4rev1\r\n"),
        ["LIST", ..] => told.push_str("* LIST () \"/\" INBOX\r\n"),
        ["SELECT", ..] => {
            let count = script.messages.len();
            let _ = write!(told, "* {count} EXISTS\r\n* OK [UIDVALIDITY 7] one\r\n");
        }
        ["NOOP"] => {
            let numbered = script.messages.values().zip(1..);
            let gone = numbered.filter(|(wrong, _)| **wrong == Some(Wrong::Gone));
            // The last first, so that the others keep their numbers.
            let gone: Vec<u32> = gone.map(|(_, number)| number).collect();
            for number in gone.iter().rev() {
                let _ = write!(told, "* {number} EXPUNGE\r\n");
            }
            script.messages.retain(|_, wrong| *wrong != Some(Wrong::Gone));
        }
        ["UID", "SEARCH", _, _, "ALL"] => told.push_str(&found(script.messages.keys())),
        ["UID", "SEARCH", _, _, "UID", set] => {
            let within = uids(set);
            told.push_str(&found(script.messages.keys().filter(|uid| within.contains(uid))));
        }
        ["UID", "SEARCH", ..] => told.push_str(&found([].iter())),
        ["UID", "FETCH", set, ..] => return fetch(script, tag, &uids(set), command),
        _ => {}
    }
    let code = if words[0] == "SELECT" { "[READ-WRITE] " } else { "" };
    (format!("{told}{tag} OK {code}done\r\n"), false)
}

fn found<'u>(uids: impl Iterator<Item = &'u u32>) -> String {
    uids.fold("* SEARCH".to_owned(), |line, uid| format!("{line} {uid}")) + "\r\n"
}

fn uids(set: &str) -> Vec<u32> {
    let ranges = SequenceSet::parse(set.as_bytes()).unwrap().resolve(u32::MAX);
    ranges.into_iter().flat_map(|(first, last)| first..=last).collect()
}

fn fetch(script: &Script, tag: &str, uids: &[u32], command: &str) -> (String, bool) {
    let asked = script.messages.iter().enumerate().filter(|(_, (uid, _))| uids.contains(uid));
    let asked: Vec<_> = asked.map(|(at, (uid, wrong))| (at + 1, *uid, *wrong)).collect();
    // Flags and dates are known of every message but those of which nothing is told.
    let cheap = !command.contains('[') && !command.contains("ENVELOPE");
    let is = |wrong| !cheap && asked.iter().any(|message| message.2 == Some(wrong));
    if is(Wrong::Refused) {
        return (format!("{tag} NO [SERVERBUG] the index is broken\r\n"), false);
    }
    let mut told = String::new();
    for (number, uid, wrong) in &asked {
        let begin = format!("* {number} FETCH (UID {uid}");
        match wrong {
            Some(Wrong::Ends) if !cheap => return (format!("{told}{begin} BODY[1] {{99}}"), true),
            Some(Wrong::Farewell) if !cheap => {
                return (format!("{told}* BYE the file is broken\r\n"), true);
            }
            Some(Wrong::Half) => {
                let _ = write!(told, "{begin} FLAGS ())\r\n");
            }
            Some(Wrong::Last | Wrong::Gone) if !cheap => {}
            Some(Wrong::LeftOut) => {}
            _ => {
                let _ = write!(told, "{begin}{})\r\n", items(*uid, command));
            }
        }
    }
    let end = match () {
        () if is(Wrong::Last) => "BAD cannot parse it",
        () if is(Wrong::Gone) => "NO some of the messages are gone",
        () => "OK done",
    };
    (format!("{told}{tag} {end}\r\n"), false)
}

fn items(uid: u32, command: &str) -> String {
    let text = format!("Number {uid}.");
    let header = format!("Message-ID: <{uid}@x.example>\r\n\r\n");
    let place = "((NIL NIL \"ana\" \"x.example\"))";
    let envelope = format!(
        "NIL \"Subject {uid}\" {place} {place} {place} {place} NIL NIL NIL \"<{uid}@x.example>\""
    );
    let known = [
        ("FLAGS", "FLAGS (\\Flagged)".to_owned()),
        ("INTERNALDATE", "INTERNALDATE \" 1-Feb-2027 10:00:00 +0000\"".to_owned()),
        ("ENVELOPE", format!("ENVELOPE ({envelope})")),
        ("BODYSTRUCTURE", "BODYSTRUCTURE (\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 9 1)".to_owned()),
        ("PEEK[1]", format!("BODY[1]<0> {{{}}}\r\n{text}", text.len())),
        (
            "HEADER.FIELDS",
            format!(
                "BODY[HEADER.FIELDS (Message-ID In-Reply-To References)] {{{}}}\r\n{header}",
                header.len()
            ),
        ),
    ];
    let asked = known.into_iter().filter(|(name, _)| command.contains(name));
    asked.fold(String::new(), |row, (_, item)| format!("{row} {item}"))
}
