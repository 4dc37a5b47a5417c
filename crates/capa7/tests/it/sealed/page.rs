//! The page's server as a browser asks it, and how soon it tells.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use capa7_peers::need;
use serde_json::{Value, json};

use super::{Lab, repeated};
use crate::program::{PATIENCE, Running};

/// Sends a request; the stream after the head of a good answer.
fn request(page: &str, head: &str, body: &str) -> BufReader<TcpStream> {
    let (line, answer) = send(page, head, body);
    assert!(line.contains(" 200 "), "{head}: {line}");
    answer
}

/// Sends a request; the status line, and the stream after the head.
fn send(page: &str, head: &str, body: &str) -> (String, BufReader<TcpStream>) {
    let mut stream = TcpStream::connect(page).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    // HTTP/1.0, so that the answer comes without chunks (RFC 9112 §7.1).
    let text = format!(
        "{head} HTTP/1.0\r\nhost: {page}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = BufReader::new(stream);
    let (mut status, mut line) = (String::new(), String::new());
    answer.read_line(&mut status).unwrap();
    while answer.read_line(&mut line).unwrap() > 0 && line.trim() != "" {
        line.clear();
    }
    (status, answer)
}

pub(super) fn get(page: &str, path: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    request(page, &format!("GET {path}"), "").read_to_end(&mut bytes).unwrap();
    bytes
}

pub(super) fn post(page: &str, path: &str, body: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    request(page, &format!("POST {path}"), body).read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn for_a_person_whom_a_program_became_the_page_says_what_to_do_instead() {
    let Some(lab) = Lab::start() else { return };
    let act = |action: Value| {
        let body = json!({ "action": action }).to_string();
        let (status, mut answer) = send(&lab.page, "POST /api/do", &body);
        let mut text = String::new();
        answer.read_to_string(&mut text).unwrap();
        (status, serde_json::from_str::<Value>(&text).unwrap())
    };
    let ask = |from: &str| act(json!({ "query": { "from": from, "name": "www.umass.edu" } }));
    assert!(ask("carlos").0.contains(" 200 "));
    assert!(lab.exec(Some("carlos"), &["true"]).status().unwrap().success());
    let languages = [("error", "choose another host"), ("error_es", "elija otro equipo")];
    let typed = json!({ "from": "carlos", "to": "mail.umass.edu", "lines": ["NOOP"] });
    let webmail = json!({ "from": "carlos", "site": "www.webmail.com", "read": "INBOX" });
    for action in [
        json!({ "query": { "from": "carlos", "name": "www.umass.edu" } }),
        json!({ "write": { "from": "carlos", "to": ["andrea"], "subject": "x" } }),
        json!({ "read": { "by": "carlos" } }),
        json!({ "type": typed }),
        json!({ "browse": webmail }),
    ] {
        let (status, refused) = act(action);
        assert!(status.contains(" 409 "), "{status}{refused}");
        for (language, words) in languages {
            let text = refused[language].as_str().unwrap();
            assert!(text.contains(words) && text.contains("capa7 lab exec --as "), "{text}");
        }
    }
    // Nobody else is concerned.
    assert!(ask("andrea").0.contains(" 200 "));
}

#[test]
fn a_web_site_of_the_lab_is_shown_at_its_hosts_name_under_localhost() {
    let Some(python) = need("python3") else { return };
    let Some(lab) = Lab::start() else { return };
    lab.folder.write("index.html", "written by a student");
    let serve = [python.to_str().unwrap(), "-u", "-m", "http.server", "80"];
    let mut site = Running::start(&mut lab.exec(Some("aula2"), &serve));
    site.wait_for("Serving HTTP");
    let port = lab.page.rsplit(':').next().unwrap();
    let ask = |name: &str| {
        let mut stream = TcpStream::connect(&lab.page).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let text = format!("GET /index.html HTTP/1.0\r\nhost: {name}.localhost:{port}\r\n\r\n");
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let answer = ask("aula2.urosario.edu.co");
    assert!(answer.contains(" 200 ") && answer.ends_with("written by a student"), "{answer}");
    let nobody = ask("nobody.example");
    assert!(nobody.contains(" 404 "), "{nobody}");
}

/// Live events, each with the moment when it came.
struct Live {
    stream: BufReader<TcpStream>,
    events: Vec<(Instant, Value)>,
}

impl Live {
    fn follow(lab: &Lab) -> Self {
        let stream = request(&lab.page, "GET /api/events?after=0", "");
        Self { stream, events: Vec::new() }
    }

    /// Reads until an event is `wanted`; its place.
    fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> usize {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = self.events.len();
        loop {
            if let Some(at) = self.events[seen..].iter().position(|(_, event)| wanted(event)) {
                return seen + at;
            }
            assert!(Instant::now() < deadline, "it is not told");
            seen = self.events.len();
            let mut line = String::new();
            self.stream.read_line(&mut line).unwrap();
            if let Some(data) = line.strip_prefix("data: ") {
                let now = Instant::now();
                let batch: Value = serde_json::from_str(data).unwrap();
                let batch = batch.as_array().cloned().unwrap_or_default();
                self.events.extend(batch.into_iter().map(|event| (now, event)));
            }
        }
    }
}

const NAMES: [&str; 5] =
    ["www.urosario.edu.co", "www.umass.edu", "www.ibm.com", "gaia.cs.umass.edu", "www.amazon.com"];

/// The time between an event and its arrival at the page.
const SOON: Duration = Duration::from_millis(200);

#[test]
fn what_dig_asked_is_on_the_page_within_200_ms_with_its_tree_of_causes() {
    if need("dig").is_none() {
        return;
    }
    // A machine with much else to do may be late: then once more, in a lab that has
    // nothing in its caches.
    let middle =
        repeated(middle_way_to_the_page, |middle| middle.is_none_or(|middle| middle <= SOON));
    assert!(middle.is_none_or(|middle| middle <= SOON), "{middle:?}");
}

/// What dig's questions in a new lab take to the page: the middle one, for a machine may
/// be late once.
fn middle_way_to_the_page() -> Option<Duration> {
    let lab = Lab::start()?;
    let mut live = Live::follow(&lab);
    let mut longest = Vec::new();
    for name in NAMES {
        let first = live.events.len();
        let mut dig = lab.exec(None, &["dig", "+short", "+tries=1", "+time=60", name]);
        let dig = Running::start(&mut dig);
        let answer = live.until(|event| {
            event["type"] == "message"
                && event["to_addr"].as_str().is_some_and(|to| to.starts_with("200.3.144.31:"))
                && event["fields"]["qname"] == format!("{name}.")
        });
        let (status, said) = dig.ended();
        assert!(status.success() && !said.is_empty(), "{said}");
        let told = &live.events[first..=answer];
        tree_of_causes(&live.events[..=answer], name);
        longest.push(slowest(told));
    }
    longest.sort_unstable();
    Some(longest[NAMES.len() / 2])
}

/// Every DNS message so far goes back to a question of dig's; to the question
/// for `name` at least itself, a question and an answer upstream, and the last
/// message, its answer.
fn tree_of_causes(told: &[(Instant, Value)], name: &str) {
    let events: BTreeMap<u64, &Value> =
        told.iter().map(|(_, event)| (event["id"].as_u64().unwrap(), event)).collect();
    let mut of_name = Vec::new();
    for (id, event) in &events {
        if event["type"] != "message" || event["room"] != "dns" {
            continue;
        }
        let mut root = *id;
        while events[&root]["cause"] != 0 {
            let cause = events[&root]["cause"].as_u64().unwrap();
            assert!(cause < root, "a cause comes first: {}", events[&root]);
            root = cause;
        }
        let question = events[&root];
        let from = question["from_addr"].as_str().unwrap_or_default();
        assert!(from.starts_with("200.3.144.31:"), "{event} has another root: {question}");
        if question["fields"]["qname"] == format!("{name}.") {
            of_name.push(*id);
        }
    }
    assert!(of_name.len() >= 4, "{name}: {of_name:?}");
    assert_eq!(of_name.last(), events.keys().last(), "{name}: its answer");
}

/// The largest of the times that events took to the page, beyond the shortest.
fn slowest(told: &[(Instant, Value)]) -> Duration {
    let (base, _) = told[0];
    let offsets = told.iter().filter(|(_, event)| event["type"] != "fate").map(|(came, event)| {
        let at = Duration::from_nanos(event["at"].as_u64().unwrap());
        i128::try_from((*came - base).as_nanos()).unwrap() - i128::try_from(at.as_nanos()).unwrap()
    });
    let offsets: Vec<i128> = offsets.collect();
    let spread = offsets.iter().max().unwrap() - offsets.iter().min().unwrap();
    Duration::from_nanos(u64::try_from(spread).unwrap())
}
