//! Course K1 and K2: a student's own programs with ours and with each other.

use std::path::PathBuf;
use std::time::Duration;

use capa7_peers::need;
use serde_json::{Value, json};

use super::{Lab, can_seal, repeated};
use crate::program::{Folder, Running, Said};

const UDP_SERVER: &str = "
from socket import socket, AF_INET, SOCK_DGRAM
server = socket(AF_INET, SOCK_DGRAM)
server.bind(('', 12000))
print('ready', flush=True)
while True:
    sentence, client = server.recvfrom(2048)
    server.sendto(sentence.decode().upper().encode(), client)
";

const UDP_CLIENT: &str = "
import sys, time
from socket import socket, AF_INET, SOCK_DGRAM
client = socket(AF_INET, SOCK_DGRAM)
client.settimeout(float(sys.argv[3]))
begin = time.monotonic()
client.sendto(sys.argv[2].encode(), (sys.argv[1], 12000))
try:
    print(client.recvfrom(2048)[0].decode())
except TimeoutError:
    print('no answer')
print(int((time.monotonic() - begin) * 1e6))
";

const TCP_SERVER: &str = "
from socket import socket, AF_INET, SOCK_STREAM
server = socket(AF_INET, SOCK_STREAM)
server.bind(('', 12000))
server.listen(1)
print('ready', flush=True)
while True:
    connection, client = server.accept()
    sentence = connection.recv(1024).decode()
    connection.send(sentence.upper().encode())
    connection.close()
";

const TCP_CLIENT: &str = "
import sys, time
from socket import socket, AF_INET, SOCK_STREAM
begin = time.monotonic()
client = socket(AF_INET, SOCK_STREAM)
client.settimeout(float(sys.argv[3]))
client.connect((sys.argv[1], 12000))
client.send(sys.argv[2].encode())
print(client.recv(1024).decode())
client.close()
print(int((time.monotonic() - begin) * 1e6))
";

/// A lab with the student's four programs in its folder.
struct Classroom {
    lab: Lab,
    python: PathBuf,
}

impl Classroom {
    fn open() -> Option<Self> {
        let python = need("python3")?;
        let lab = Lab::start()?;
        for (name, text) in [
            ("udp_server.py", UDP_SERVER),
            ("udp_client.py", UDP_CLIENT),
            ("tcp_server.py", TCP_SERVER),
            ("tcp_client.py", TCP_CLIENT),
        ] {
            lab.folder.write(name, text);
        }
        Some(Self { lab, python })
    }

    fn python(&self) -> &str {
        self.python.to_str().unwrap()
    }

    /// Starts a server as a host and waits until it is ready.
    fn serve(&self, host: &str, program: &str) -> Running {
        let mut server = Running::start(&mut self.lab.exec(Some(host), &[self.python(), program]));
        server.wait_for("ready");
        server
    }

    /// What a client gets, and how long it took.
    fn ask(&self, host: &str, program: &str, words: [&str; 3]) -> (String, Duration) {
        let command = [&[self.python(), program][..], &words].concat();
        let text = Said::by(&mut self.lab.exec(Some(host), &command)).text();
        let (answer, micros) = text.trim_end().rsplit_once('\n').unwrap();
        (answer.to_owned(), Duration::from_micros(micros.parse().unwrap()))
    }
}

/// Bogotá to Massachusetts and back is 8,000 km at 200,000 km/s at least.
const FAR: Duration = Duration::from_millis(40);

/// What a machine adds.
const SLACK: Duration = Duration::from_secs(1);
/// How often it is tried: one with much else to do adds more, now and then.
const TRIES: usize = 20;

#[test]
fn a_students_client_is_answered_by_our_servers_by_their_names() {
    let Some(room) = Classroom::open() else { return };
    for (program, server) in [
        ("udp_client.py", "hostname"),
        ("udp_client.py", "servername"),
        ("tcp_client.py", "hostname"),
        ("tcp_client.py", "servername"),
    ] {
        let (answer, took) = room.ask("aula1", program, [server, "hola, año", "60"]);
        assert_eq!(answer, "HOLA, AÑO", "{program} and {server}");
        assert!(server == "hostname" || took >= FAR, "{program}: {took:?}");
    }
    let told = room.lab.messages("200.3.144.31:", "128.119.8.101:12000");
    let texts: Vec<_> = told.iter().map(|message| message["summary"].clone()).collect();
    let (asked, answered) = (json!("“hola, año”"), json!("“HOLA, AÑO”"));
    assert_eq!(texts, [asked.clone(), answered.clone(), asked, answered]);
    assert!(told.iter().all(|message| message["room"] == "sockets"));
}

#[test]
fn our_clients_are_answered_by_a_students_servers() {
    let Some(room) = Classroom::open() else { return };
    for (kind, host, address) in
        [("udp", "lab1.umass.edu", "128.119.8.31"), ("tcp", "lab2.umass.edu", "128.119.8.32")]
    {
        let _server = room.serve(host, &format!("{kind}_server.py"));
        let client = format!("{kind}-client");
        let ours = [env!("CARGO_BIN_EXE_capa7"), "sockets", &client, host, "hola"];
        assert_eq!(Said::by(&mut room.lab.exec(Some("aula2"), &ours)).text(), "HOLA\n", "{kind}");
        let told = room.lab.messages("200.3.144.32:", &format!("{address}:12000"));
        assert_eq!(told.len(), 2, "{kind}: {told:?}");
    }
}

#[test]
fn a_students_programs_meet_as_two_hosts_with_true_addresses() {
    let Some(room) = Classroom::open() else { return };
    for (kind, trips) in [("udp", 1), ("tcp", 2)] {
        let _server = room.serve("lab1.umass.edu", &format!("{kind}_server.py"));
        let program = format!("{kind}_client.py");
        let took = (0..TRIES).map(|_| {
            let (answer, took) = room.ask("aula1", &program, ["lab1.umass.edu", "hola", "60"]);
            assert_eq!(answer, "HOLA");
            assert!(took >= FAR * trips, "{kind}: {took:?}");
            took
        });
        let most = FAR * trips + SLACK;
        assert!(took.into_iter().any(|took| took < most), "{kind}: more than {most:?}");
    }
    let told = room.lab.messages("200.3.144.31:", "128.119.8.31:12000");
    let mut ways: Vec<_> = told.iter().map(|message| &message["transport"]).collect();
    assert_eq!(ways.len() % 2, 0, "{told:?}");
    ways.dedup();
    assert_eq!(ways, ["udp", "tcp"]);
    for pair in told.chunks(2) {
        assert_eq!(pair[0]["summary"], "“hola”");
        assert_eq!(pair[1]["summary"], "“HOLA”");
    }
}

#[test]
fn links_slow_and_lose_a_students_messages_too() {
    let Some(room) = Classroom::open() else { return };
    let _server = room.serve("lab1.umass.edu", "udp_server.py");
    let ask = |patience| room.ask("aula1", "udp_client.py", ["lab1.umass.edu", "hola", patience]);
    room.lab
        .break_with(&json!({ "link": { "host": "lab1.umass.edu", "up": { "latency": "300ms" } } }));
    let (answer, took) = ask("60");
    assert_eq!(answer, "HOLA");
    assert!(took >= FAR + Duration::from_millis(295), "{took:?}");
    room.lab.break_with(&json!({ "link": { "host": "lab1.umass.edu", "down": { "loss": 1.0 } } }));
    assert_eq!(ask("1").0, "no answer");
    let fates = room.lab.events().into_iter().filter(|event| event["fate"] == "lost: loss");
    assert_eq!(fates.count(), 1);
}

// Course K3: who is `servername` takes the place of our servers, and is told so
// once, because without a program of theirs nobody answers there any more.
#[test]
fn whoever_takes_the_place_of_our_servers_is_told_so() {
    let Some(room) = Classroom::open() else { return };
    let server = room.serve("servername", "udp_server.py");
    assert!(server.said.contains("uppercase servers on servername.umass.edu"), "{}", server.said);
    let (answer, _) = room.ask("aula1", "udp_client.py", ["servername", "hola", "60"]);
    assert!(answer.contains("HOLA"), "{answer}");
    let said = Said::by(&mut room.lab.exec(Some("servername"), &["true"]));
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "it is told once");
    drop(server);
    let said = Said::by(&mut room.lab.exec(Some("nosuch"), &["true"]));
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("nosuch") && said.err.contains("aula1"), "{}", said.err);
}

// Course K2: a client started before its server is refused.
#[test]
fn nobody_who_listens_is_told_to_the_client() {
    let Some(room) = Classroom::open() else { return };
    let ours = [env!("CARGO_BIN_EXE_capa7"), "sockets", "tcp-client", "lab1.umass.edu", "hola"];
    let said = Said::by(&mut room.lab.exec(Some("aula1"), &ours));
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.err.contains("Start the server"), "{said:?}");
}

#[test]
fn netcat_is_answered_line_by_line() {
    if need("nc").is_none() {
        return;
    }
    let Some(lab) = Lab::start() else { return };
    let answer = lab.output(&["sh", "-c", "printf 'hola\\n' | nc -N -w 60 servername 12000"]);
    assert_eq!(answer, "HOLA\n");
}

// Course K3: each deliberate fault makes exactly the checks fail that it names.
#[test]
fn each_sabotage_of_own_programs_makes_exactly_the_intended_checks_fail() {
    let folder = Folder::new();
    if need("python3").is_none() || !can_seal(&folder) {
        return;
    }
    for (name, wanted) in [
        (None, &[][..]),
        (Some("nameless"), &["names", "udp-client"]),
        (Some("quick"), &["slowed"]),
    ] {
        let mut words = vec!["run", "sockets-own", "--net", "sealed", "--json"];
        words.extend(name.iter().flat_map(|name| ["--break", name]));
        let run = || {
            let said = folder.run(&words);
            let document: Value = serde_json::from_str(&said.out).unwrap();
            let checks = document["scenarios"][0]["checks"].as_array().unwrap();
            assert_eq!(checks.len(), 11, "{name:?}");
            let failed = checks.iter().filter(|check| check["passed"] == false);
            let mut failed: Vec<_> = failed.map(|check| check["id"].clone()).collect();
            failed.sort_unstable_by_key(Value::to_string);
            (said, failed)
        };
        let (said, failed) = repeated(run, |(_, failed)| *failed == wanted);
        assert_eq!(failed, wanted, "{name:?}: {}", said.out);
        assert_eq!(said.code, Some(i32::from(name.is_some())), "{name:?}: {}", said.err);
    }
    let control = std::fs::read_dir(folder.path().join("capa7")).unwrap();
    let left: Vec<_> = control.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["exec"], "a run leaves nothing of its own");
}
