//! The claims.

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;

use crate::daemon;
use crate::lab::{FAR, LIMIT_BPS};
use crate::outside::{Lab, micros, myself};

/// What a busy machine adds to a round trip.
const SLACK: Duration = Duration::from_millis(200);

/// How often it is tried: a machine with much else to do adds more, now and then.
const TRIES: usize = 100;

/// Checks what a round trip takes, as a program tells it.
fn prompt(round_trip: impl Fn() -> String) {
    let (least, most) = (2 * FAR, 2 * FAR + SLACK);
    let mut took = Duration::MAX;
    for _ in 0..TRIES {
        took = micros(&round_trip());
        assert!(took >= least, "a round trip of {took:?}");
        if took < most {
            break;
        }
    }
    assert!(took < most, "a round trip of {took:?}");
}

/// A test.
type Case = fn();

pub(crate) const ALL: &[(&str, Case)] = &[
    ("a_program_is_seen_with_its_own_address", a_program_is_seen_with_its_own_address),
    ("two_programs_talk_and_are_seen_and_slowed", two_programs_talk_and_are_seen_and_slowed),
    ("a_stream_between_programs_is_put_together", a_stream_between_programs_is_put_together),
    ("a_lossy_link_loses_a_programs_datagram", a_lossy_link_loses_a_programs_datagram),
    ("a_flipped_bit_reaches_the_program", a_flipped_bit_reaches_the_program),
    ("the_longest_datagram_is_one_message", the_longest_datagram_is_one_message),
    ("nobody_listening_is_told_and_recorded", nobody_listening_is_told_and_recorded),
    ("nothing_leaves_the_lab", nothing_leaves_the_lab),
    ("faults_reach_the_messages_of_programs", faults_reach_the_messages_of_programs),
    ("faults_reach_the_connections_of_programs", faults_reach_the_connections_of_programs),
    ("faults_of_every_kind_reach_programs", faults_of_every_kind_reach_programs),
    ("several_programs_are_one_host", several_programs_are_one_host),
    ("a_program_keeps_its_input_output_and_exit_code", streams_and_exit_code),
    ("what_keeps_a_program_out_is_told", what_keeps_a_program_out_is_told),
    ("names_come_from_the_lab_and_no_daemon", daemon::names_come_from_the_lab_and_no_daemon),
    ("a_program_finds_the_labs_files", a_program_finds_the_labs_files),
    ("stock_dig_is_answered", stock_dig_is_answered),
    ("without_a_wire_programs_share_the_house", without_a_wire_programs_share_the_house),
    ("streams_with_the_house_are_recorded_by_its_sockets", streams_with_the_house),
    ("a_published_service_is_used_from_outside", a_published_service_is_used_from_outside),
    ("programs_speak_ip_version_6", programs_speak_ip_version_6),
];

fn a_program_is_seen_with_its_own_address() {
    let lab = Lab::start();
    assert_eq!(lab.program("a.example", &["udp-ask", "198.41.0.4:7", "hello"]), "hello\n");
    let messages = lab.events("datagram");
    let [question, answer] = messages.as_slice() else { panic!("two messages: {messages:?}") };
    let from = question["from"].as_str().unwrap();
    assert!(from.starts_with("10.1.0.1:"), "{from}");
    assert_eq!(question["to"], "198.41.0.4:7");
    assert_eq!((&question["text"], &answer["text"]), (&json!("hello"), &json!("hello")));
    assert_eq!(answer["causes"]["first"], question["id"], "joined at the server's socket");
    assert_eq!(lab.fate(question), "delivered");
    assert_eq!(lab.fate(answer), "delivered");
}

fn two_programs_talk_and_are_seen_and_slowed() {
    let lab = Lab::start();
    let _server = lab.serving("b.example", &["udp-serve", "10.2.0.1:12000"]);
    let round_trip = || lab.program("a.example", &["udp-round-trip", "10.2.0.1:12000"]);
    round_trip();
    let messages = lab.events("datagram");
    let [question, answer] = messages.as_slice() else { panic!("two messages: {messages:?}") };
    assert_eq!(question["room"], "sockets");
    assert_eq!(answer["causes"]["first"], question["id"]);
    assert_eq!(lab.fate(answer), "delivered");
    prompt(round_trip);
}

fn a_stream_between_programs_is_put_together() {
    let lab = Lab::start();
    let _server = lab.serving("b.example", &["tcp-serve", "10.2.0.1:12000"]);
    let took = micros(&lab.program("a.example", &["tcp-round-trip", "10.2.0.1:12000"]));
    assert!(took >= 2 * FAR, "a round trip of {took:?}");
    assert_eq!(lab.program("a.example", &["tcp-ask", "10.2.0.1:12000", "a stream"]), "a stream\n");
    let connections = lab.events("connection");
    let second = connections.last().unwrap()["connection"].clone();
    let of_second = |event: &&serde_json::Value| event["connection"] == second;
    let changes: Vec<_> =
        connections.iter().filter(of_second).map(|event| event["change"].clone()).collect();
    assert_eq!(changes, ["asked", "open", "half_closed", "closed"]);
    let chunks = lab.events("chunk");
    let texts: Vec<_> =
        chunks.iter().filter(of_second).map(|event| event["text"].clone()).collect();
    assert_eq!(texts, ["a stream", "a stream"]);
    for chunk in chunks.iter().filter(of_second) {
        assert_eq!(lab.fate(chunk), "delivered");
    }
}

fn a_lossy_link_loses_a_programs_datagram() {
    let lab = Lab::start();
    lab.program("a.example", &["udp-ask", "198.41.0.4:7", "before"]);
    lab.set_access("a.example", &json!({ "loss": 1.0 }));
    assert_eq!(lab.program("a.example", &["udp-ask", "198.41.0.4:7", "lost"]), "nothing\n");
    let messages = lab.events("datagram");
    assert_eq!(lab.fate(messages.last().unwrap()), json!({ "lost": "loss" }));
    assert_eq!(messages.len(), 3);
}

fn a_flipped_bit_reaches_the_program() {
    let lab = Lab::start();
    lab.set_access("a.example", &json!({ "corrupt": 1.0 }));
    let answer = lab.program("a.example", &["udp-ask", "198.41.0.4:7", "aaaaaaaa"]);
    assert_eq!(answer.chars().count(), 9, "eight characters and a line's end: {answer:?}");
    assert_ne!(answer, "aaaaaaaa\n");
    let messages = lab.events("datagram");
    assert_eq!(lab.fate(&messages[1]), "corrupted");
}

fn the_longest_datagram_is_one_message() {
    let lab = Lab::start();
    let longest = lab.program("a.example", &["udp-ask-long", "198.41.0.4:7", "65507"]);
    assert_eq!(longest, "65507\n");
    let _server = lab.serving("b.example", &["udp-serve", "10.2.0.1:12000"]);
    let longest = lab.program("a.example", &["udp-ask-long", "10.2.0.1:12000", "65507"]);
    assert_eq!(longest, "65507\n");
    let lengths: Vec<_> = lab.events("datagram").iter().map(|e| e["length"].clone()).collect();
    assert_eq!(lengths, [65_507, 65_507, 65_507, 65_507]);
}

fn nobody_listening_is_told_and_recorded() {
    let lab = Lab::start();
    lab.program("b.example", &["interfaces"]);
    for to in ["10.2.0.1:9", "198.41.0.4:9"] {
        let told = lab.program("a.example", &["udp-ask", to, "anybody?"]);
        assert_eq!(told, "ConnectionRefused\n", "{to}");
        assert_eq!(lab.program("a.example", &["dial", to]), "ConnectionRefused\n", "{to}");
    }
    for message in lab.events("datagram") {
        assert_eq!(lab.fate(&message), json!({ "lost": "no_listener" }));
    }
    let connections = lab.events("connection");
    let changes: Vec<_> = connections.iter().map(|event| event["change"].clone()).collect();
    assert_eq!(changes, ["asked", "refused", "asked", "refused"]);
}

fn nothing_leaves_the_lab() {
    let lab = Lab::start();
    // The only ways out of a host are its loopback and its wire.
    assert_eq!(lab.program("a.example", &["interfaces"]), "lo eth0\n");
    // An address of the Internet (RFC 5737) that no host of the lab has.
    assert_eq!(lab.program("a.example", &["dial", "192.0.2.1:80"]), "HostUnreachable\n");
    let told = lab.program("a.example", &["udp-ask", "192.0.2.1:53", "lost"]);
    // Linux tells a datagram's unreachable host only to programs that ask.
    assert_eq!(told, "nothing\n");
    let messages = lab.events("datagram");
    let last = messages.last().unwrap();
    assert_eq!(
        (&last["to"], lab.fate(last)),
        (&json!("192.0.2.1:53"), json!({ "lost": "no_host" }))
    );
}

fn faults_reach_the_messages_of_programs() {
    let lab = Lab::start();
    let ask = |text| lab.program("a.example", &["udp-ask", "198.41.0.4:7", text]);
    lab.ask("break", &json!({ "how": "drop" }));
    assert_eq!(ask("lost"), "nothing\n");
    assert_eq!(ask("again"), "again\n", "one was to be dropped");
    lab.ask("break", &json!({ "how": "replace" }));
    assert_eq!(ask("quiet"), "QUIET\n");
    lab.set_access("a.example", &json!({ "latency_ns": 20_000_000 }));
    lab.ask("break", &json!({ "how": "forge" }));
    assert_eq!(ask("who?"), "forged\n", "before the true answer");
    let notes = lab.events("note");
    let faults = notes.iter().filter(|event| event["note"]["kind"] == "fault");
    assert_eq!(faults.count(), 3, "each is told");
}

fn faults_reach_the_connections_of_programs() {
    let lab = Lab::start();
    let _server = lab.serving("b.example", &["tcp-serve", "10.2.0.1:12000"]);
    let ask = |text| lab.program("a.example", &["tcp-ask", "10.2.0.1:12000", text]);
    lab.ask("break", &json!({ "how": "refuse" }));
    assert_eq!(ask("one"), "ConnectionRefused\n");
    lab.ask("break", &json!({ "how": "reset" }));
    assert_eq!(ask("more than four bytes"), "ConnectionReset\n");
    assert_eq!(ask("as usual"), "as usual\n");
    lab.ask("break", &json!({ "how": "replace" }));
    assert_eq!(ask("quiet"), "QUIET\n");
}

fn faults_of_every_kind_reach_programs() {
    let lab = Lab::start();
    let echo = "198.41.0.4:7";
    let broken = |how: &str, words: &[&str]| {
        lab.ask("break", &json!({ "how": how }));
        lab.program("a.example", words)
    };
    assert_eq!(broken("duplicate", &["udp-count", echo, "3"]), "3\n");
    let took = micros(&broken("delay", &["udp-round-trip", echo]));
    assert!(took >= FAR, "a round trip of {took:?}");
    assert_eq!(broken("silence", &["dial-briefly", echo]), "Err(TimedOut)\n");
    let took = micros(&broken("slow_close", &["tcp-close", echo]));
    assert!(took >= FAR, "a close after {took:?}");
    // Both directions together carry half a second's worth, each a quarter.
    let bytes = LIMIT_BPS / 4;
    let took = micros(&broken("limit", &["tcp-bulk", echo, &bytes.to_string()]));
    assert!(took >= Duration::from_millis(250), "{bytes} bytes in {took:?}");
    assert_eq!(broken("hold", &["udp-ask", echo, "lost"]), "nothing\n");
    assert_eq!(lab.ask("release", &json!({})), 1);
}

fn several_programs_are_one_host() {
    let lab = Lab::start();
    let _server = lab.serving("a.example", &["udp-serve", "127.0.0.1:5000"]);
    assert_eq!(lab.program("a.example", &["udp-ask", "127.0.0.1:5000", "hi"]), "hi\n");
    // Another host has a loopback of its own.
    let other = lab.program("c.example", &["udp-ask", "127.0.0.1:5000", "hi"]);
    assert_eq!(other, "ConnectionRefused\n");
}

fn streams_and_exit_code() {
    let lab = Lab::start();
    let mut command = lab.exec("a.example", &["sh", "-c", "tr a-z A-Z; hostname >&2; exit 7"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"through\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(7));
    assert_eq!(output.stdout, b"THROUGH\n");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "a.example\n");
}

fn what_keeps_a_program_out_is_told() {
    let folder = crate::outside::Folder::new();
    let mut command = myself();
    command.args(["--exec", "a.example", "true"]).env("XDG_RUNTIME_DIR", folder.path());
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(told, "no lab is running: start one with `capa7 lab`\n");
    let lab = Lab::start();
    let told = |host: &str, command: &[&str]| {
        let output = lab.output(host, command);
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, words) = told("d.example", &["true"]);
    assert_eq!(code, Some(2));
    assert!(words.contains("no host named \"d.example\"; hosts: echo.example, "), "{words}");
    let (code, words) = told("echo.example", &["true"]);
    assert_eq!(code, Some(2));
    assert!(words.contains("runs services of the lab itself"), "{words}");
    let (code, words) = told("a.example", &["no-such-program"]);
    assert_eq!(code, Some(127));
    assert!(words.starts_with("cannot run no-such-program: "), "{words}");
    let (code, _) = told("a.example", &["/etc/passwd"]);
    assert_eq!(code, Some(126));
}

fn a_program_finds_the_labs_files() {
    let lab = Lab::start();
    let script = "cat /etc/resolv.conf /etc/hosts $SSL_CERT_FILE; echo $http_proxy $CAPA7_HOST";
    let mut command = lab.exec("a.example", &["sh", "-c", script]);
    let output = command.env("http_proxy", "http://outside:3128").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    for part in [
        "\nnameserver 10.1.0.53\n",
        "\n10.1.0.1 a.example a\n",
        "\n198.41.0.4 servername\n",
        "BEGIN CERTIFICATE",
    ] {
        assert!(text.contains(part), "{part:?} in {text}");
    }
    assert!(text.ends_with("\na.example\n"), "no proxy: {text}");
    // What the program sees is its own: the machine's files are as they were.
    let machine = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    assert!(!machine.contains("servername"));
}

fn stock_dig_is_answered() {
    if capa7_peers::need("dig").is_none() {
        return;
    }
    let lab = Lab::start();
    let output = lab.output("a.example", &["dig", "+short", "www.example"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "198.41.0.4\n");
    let messages = lab.events("datagram");
    assert!(messages.iter().all(|message| message["room"] == "dns"));
    assert_eq!(messages.len(), 2);
}

fn without_a_wire_programs_share_the_house() {
    let lab = Lab::start();
    let words = ["udp-ask", "198.41.0.4:7", "hello"];
    assert_eq!(lab.program("shared:c.example", &words), "hello\n");
    let messages = lab.events("datagram");
    let from = messages[0]["from"].as_str().unwrap();
    assert!(from.starts_with("10.1.0.3:"), "not at the server's address: {from}");
    assert_eq!(messages[1]["causes"]["first"], messages[0]["id"]);
    let output = lab.output("shared:c.example", &["true"]);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "shared\n", "it is told");
}

fn streams_with_the_house() {
    let lab = Lab::start();
    assert_eq!(lab.program("b.example", &["tcp-ask", "198.41.0.4:7", "a stream"]), "a stream\n");
    let round_trip = || lab.program("b.example", &["tcp-round-trip", "198.41.0.4:7"]);
    round_trip();
    let chunks = lab.events("chunk");
    let texts: Vec<_> = chunks.iter().map(|event| event["text"].clone()).collect();
    assert_eq!(texts, ["a stream", "a stream", "ping", "ping"], "each once");
    prompt(round_trip);
    let _server = lab.serving("b.example", &["tcp-serve", "10.2.0.1:12000"]);
    let dial = |to| lab.ask("dial", &json!({ "host": "outside.example", "to": to }));
    assert_eq!(dial("10.2.0.1:12000"), "from the house");
    assert_eq!(dial("10.2.0.1:12001"), "ConnectionRefused");
    let refused = json!("10.2.0.1:12001");
    let events = lab.events("connection");
    let of_refused = events.iter().filter(|e| e["to"] == refused || e["from"] == refused);
    let changes: Vec<_> = of_refused.map(|event| event["change"].clone()).collect();
    assert_eq!(changes, ["asked", "refused"], "once");
}

fn a_published_service_is_used_from_outside() {
    let lab = Lab::start();
    let answer = Lab::outside(&["tcp-ask", &lab.published, "from outside"]);
    assert_eq!(answer, "from outside\n");
    let chunks = lab.events("chunk");
    let from = chunks.first().unwrap()["from"].clone();
    assert!(from.as_str().unwrap().starts_with("10.1.0.9:"), "a host of the lab: {from}");
    let output = lab.output("outside.example", &["true"]);
    assert_eq!(output.status.code(), Some(2), "the host that relays is taken");
    let took = micros(&Lab::outside(&["udp-round-trip", &lab.published]));
    assert!(took >= 2 * FAR, "over the links: {took:?}");
    let messages = lab.events("datagram");
    let [question, answer] = messages.as_slice() else { panic!("two messages: {messages:?}") };
    assert_eq!(question["to"], "198.41.0.4:7");
    assert_eq!(answer["causes"]["first"], question["id"]);
}

fn programs_speak_ip_version_6() {
    let lab = Lab::start();
    let _datagrams = lab.serving("seven.example", &["udp-serve", "[2001:db8::7]:12000"]);
    let _streams = lab.serving("seven.example", &["tcp-serve", "[2001:db8::7]:12000"]);
    let to = "[2001:db8::7]:12000";
    assert_eq!(lab.program("seven.example", &["udp-ask", to, "to myself"]), "to myself\n");
    assert_eq!(lab.program("six.example", &["udp-ask", to, "hi"]), "hi\n");
    assert_eq!(lab.program("six.example", &["tcp-ask", to, "a stream"]), "a stream\n");
    let took = micros(&lab.program("six.example", &["udp-round-trip", to]));
    assert!(took >= 2 * FAR, "a round trip of {took:?}");
    let texts: Vec<_> = lab.events("datagram").iter().map(|e| e["text"].clone()).collect();
    assert_eq!(texts, ["hi", "hi", "ping", "ping"]);
    let told = lab.program("six.example", &["udp-ask", "[2001:db8::7]:9", "anybody?"]);
    assert_eq!(told, "ConnectionRefused\n");
    let messages = lab.events("datagram");
    assert_eq!(lab.fate(messages.last().unwrap()), json!({ "lost": "no_listener" }));
    let told = lab.program("six.example", &["dial", "[2001:db8::dead]:80"]);
    assert_eq!(told, "HostUnreachable\n");
}
