//! Zones and queries with the answers of BIND, NSD, Knot DNS and PowerDNS, beside the checkout
//! when they are there, and how an answer is compared with theirs.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use capa7_dns_proto::answer::{AddressOrder, AnswerSettings};
use capa7_dns_proto::message::{Message, Question, Record};
use capa7_dns_proto::rdata::RdataText;
use capa7_dns_proto::zone::{Zone, ZoneSet};
use capa7_dns_proto::zone_file::ZoneFile;
use serde_json::Value;

/// Asks `server` every query that has a reference: it gets the zones and the octets of the query,
/// and gives the octets of the reply. At least 99.5 % of the answers must be the reference's.
/// False when the cases are not there.
#[allow(clippy::print_stdout, reason = "each miss is listed for the person who runs this")]
pub(crate) fn all_are_met(
    mut server: impl FnMut(&Arc<ZoneSet>, &[u8]) -> Result<Vec<u8>, String>,
) -> bool {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/dns-answers/cases.jsonl");
    let Ok(cases) = std::fs::read_to_string(&path) else { return false };
    let (mut met, mut compared) = (0_u32, 0_u32);
    for line in cases.lines() {
        let case: Value = serde_json::from_str(line).expect("a line of JSON");
        let zone = case["zone"].as_str().expect("a zone");
        let zones = zones(zone);
        for query in case["queries"].as_array().expect("queries") {
            let Some(expected) = reference(&query["expected"]) else { continue };
            let (name, kind) =
                (query["name"].as_str().expect("a name"), query["type"].as_str().expect("a type"));
            compared += 1;
            let expected = Answer::recorded(expected);
            let reply = zones.clone().and_then(|zones| server(&zones, &question(name, kind)?));
            let message =
                reply.and_then(|octets| Message::parse(&octets).map_err(|error| error.to_string()));
            match message.map(|message| Answer::of(&message)) {
                Ok(answer) if answer == expected => met += 1,
                found => println!(
                    "missed: case {} {name} {kind}\n{zone}wanted {expected:#?}\nfound {found:#?}",
                    case["id"]
                ),
            }
        }
    }
    println!("{met} of {compared} cases met");
    assert!(compared > 0, "the file has no case with a reference");
    assert!(met * 1000 >= compared * 995, "{met} of {compared} cases met");
    true
}

/// The settings with which the reference servers were asked.
pub(crate) fn settings() -> AnswerSettings {
    AnswerSettings { address_order: AddressOrder::Fixed, ..AnswerSettings::default() }
}

fn zones(text: &str) -> Result<Arc<ZoneSet>, String> {
    let file = ZoneFile::read_text("zone", text).map_err(|errors| errors.to_string())?;
    let zone = Zone::compile(&file).map_err(|error| error.to_string())?;
    Ok(Arc::new(ZoneSet::single(Arc::new(zone))))
}

fn question(name: &str, record_type: &str) -> Result<Vec<u8>, String> {
    let question = Question::new(
        name.parse().map_err(|error| format!("{name}: {error}"))?,
        record_type.parse().map_err(|error| format!("{record_type}: {error}"))?,
    );
    Message::query(1, question).write().map_err(|error| error.to_string())
}

/// The parts of a response that are compared; authority only when the answer is empty.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    rcode: String,
    flags: BTreeSet<String>,
    question: Vec<String>,
    answer: BTreeSet<String>,
    authority: BTreeSet<String>,
    additional: BTreeSet<String>,
}

impl Answer {
    fn normalized(mut self) -> Self {
        self.flags.remove("RA");
        if !self.answer.is_empty() {
            self.authority.clear();
        }
        self
    }

    /// Reads the lines of a recorded response.
    fn recorded(lines: &[Value]) -> Self {
        let (mut rcode, mut flags) = (String::new(), BTreeSet::new());
        let mut sections: [Vec<String>; 4] = Default::default();
        let mut section = 0;
        for line in lines.iter().filter_map(Value::as_str) {
            match line.split_once(' ') {
                Some(("opcode", _)) => {}
                Some(("rcode", code)) => rcode = code.to_owned(),
                Some(("flags", all)) => flags = all.split(' ').map(str::to_owned).collect(),
                _ => match line {
                    ";QUESTION" => section = 0,
                    ";ANSWER" => section = 1,
                    ";AUTHORITY" => section = 2,
                    ";ADDITIONAL" => section = 3,
                    record => sections[section].push(record.to_ascii_lowercase()),
                },
            }
        }
        let [question, answer, authority, additional] = sections;
        let set = |lines: Vec<String>| lines.into_iter().collect();
        Self {
            rcode,
            flags,
            question,
            answer: set(answer),
            authority: set(authority),
            additional: set(additional),
        }
        .normalized()
    }

    fn of(message: &Message) -> Self {
        let record = |record: &Record| {
            let text = RdataText { record_type: record.rtype, data: record.rdata.as_wire() };
            let Record { name, ttl, class, rtype, .. } = record;
            format!("{name} {ttl} {class} {rtype} {text}").to_ascii_lowercase()
        };
        let set = |records: &[Record]| {
            let lines: BTreeSet<String> = records.iter().map(record).collect();
            assert_eq!(lines.len(), records.len(), "a record is there twice");
            lines
        };
        Self {
            rcode: message.header.rcode.to_string(),
            flags: message.header.flag_names().iter().map(|f| f.to_ascii_uppercase()).collect(),
            question: message
                .questions
                .iter()
                .map(|q| format!("{} {} {}", q.name, q.class, q.qtype).to_ascii_lowercase())
                .collect(),
            answer: set(&message.answers),
            authority: set(&message.authorities),
            additional: set(&message.additionals),
        }
        .normalized()
    }
}

/// The answer on which two of three reference servers agree.
fn reference(expected: &Value) -> Option<&Vec<Value>> {
    let is_reference =
        |server: &Value| matches!(server.as_str(), Some("nsd" | "knot" | "powerdns"));
    expected.as_array()?.iter().find_map(|group| {
        let servers = group["servers"].as_array()?;
        let agreeing = servers.iter().filter(|server| is_reference(server)).count();
        (agreeing >= 2).then(|| group["response"].as_array())?
    })
}
