//! What the page asks of the running lab.

use axum::Json;
use axum::extract::{Path, Query, State};
use capa7_net::Cause;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Page;
use super::answer::{Answer, Refused, in_words_of_scenarios};
use super::layout::{self, Map};
use super::views::MessageView;
use crate::filter::{self, Filter, HelpLine};
use crate::lab::{Lab, Outcome, RecordShown};
use crate::scenario::Action;
use crate::story::detail;
use crate::text::Bilingual;

/// How the lab is.
#[derive(Debug, Serialize)]
pub(super) struct Status {
    mode: &'static str,
    name: String,
    seed: u64,
    hosts: usize,
    /// Events that the bounded record no longer has.
    evicted: u64,
    now_ns: u64,
    version: &'static str,
}

pub(super) async fn status(State(page): State<Page>) -> Json<Status> {
    let version = env!("CARGO_PKG_VERSION");
    Json(match page.live() {
        Ok(live) => Status {
            mode: live.mode,
            name: live.name.clone(),
            seed: live.lab.network().seed(),
            hosts: live.hosts().entries().len(),
            evicted: live.lab.network().capture().evicted(),
            now_ns: live.lab.network().now().0,
            version,
        },
        Err(_) => Status {
            mode: "none",
            name: String::new(),
            seed: 0,
            hosts: 0,
            evicted: 0,
            now_ns: 0,
            version,
        },
    })
}

pub(super) async fn world(State(page): State<Page>) -> Json<Map> {
    Json(match page.live() {
        Ok(live) => layout::map(&live.hosts(), live.lab.world(), None),
        Err(_) => Map { hosts: Vec::new(), tiers: Vec::new(), regions: Vec::new() },
    })
}

pub(super) async fn message(State(page): State<Page>, Path(id): Path<u64>) -> Answer<MessageView> {
    let capture = page.live()?.lab.network().capture().clone();
    let found = detail(&capture, Cause(id));
    let found =
        found.ok_or_else(|| Refused::missing(format!("event {id} is not kept any more")))?;
    Ok(Json(found.into()))
}

/// A filter to try.
#[derive(Debug, Deserialize)]
pub(super) struct FilterQuery {
    #[serde(default)]
    q: String,
    run: Option<String>,
}

/// What a filter lets through, or what is wrong with it.
#[derive(Debug, Serialize)]
pub(super) struct Filtered {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<FilterProblem>,
    help: Vec<HelpLine>,
    /// The numbers of the events that pass.
    hits: Vec<u64>,
}

#[derive(Debug, Serialize)]
struct FilterProblem {
    column: usize,
    message: Bilingual,
}

pub(super) async fn filter(
    State(page): State<Page>,
    Query(query): Query<FilterQuery>,
) -> Answer<Filtered> {
    let help = filter::help();
    let filter = match Filter::parse(&query.q) {
        Ok(filter) => filter,
        Err(error) => {
            let error = FilterProblem { column: error.column, message: error.problem };
            return Ok(Json(Filtered { ok: false, error: Some(error), help, hits: Vec::new() }));
        }
    };
    let hits = if query.q.trim().is_empty() {
        Vec::new()
    } else if let Some(run) = &query.run {
        let run = page.0.runs.find(run)?;
        let report = &run.report;
        let passing = report.events.iter().filter(|view| filter.matches(view, &report.hosts));
        passing.map(|view| view.id).collect()
    } else {
        let live = page.live()?;
        let hosts = live.hosts();
        let tape = live.told();
        tape.views().filter(|view| filter.matches(view, &hosts)).map(|view| view.id).collect()
    };
    Ok(Json(Filtered { ok: true, error: None, help, hits }))
}

/// An action of a person: `{"action": {"query": {"from": "Carlos", …}}}`.
#[derive(Debug, Deserialize)]
pub(super) struct ActRequest {
    action: Value,
}

pub(super) async fn act(
    State(page): State<Page>,
    Json(request): Json<ActRequest>,
) -> Answer<Value> {
    let action: Action = in_words_of_scenarios(&request.action)?;
    if matches!(action, Action::Run(_)) {
        return Err(Refused::bad("programs are run with `capa7 lab exec`, not from the page"));
    }
    let live = page.live()?;
    if let Some(name) = action.actors().find_map(|word| taken(&live.lab, word)) {
        return Err(Refused::for_now(do_it_there(&name)));
    }
    let result = live.lab.act(&action).await.map_err(Refused::bad)?;
    let took_ms = result.took().as_secs_f64() * 1e3;
    let text = in_words(&result.outcome, took_ms);
    Ok(Json(json!({ "event": result.event, "text": text, "outcome": result.outcome })))
}

/// The name of the host that a word means, when a program of the user's has
/// become it: the lab itself has no sockets there any more.
fn taken(lab: &Lab, word: &str) -> Option<String> {
    let name = &lab.world().meant(word)?.name;
    let host = lab.network().host(name)?;
    lab.network().is_foreign(host.id()).then(|| name.clone())
}

fn do_it_there(name: &str) -> Bilingual {
    let command = format!("`capa7 lab exec --as {name} -- dig www.urosario.edu.co`");
    Bilingual::new(
        format!(
            "{name} belongs to your own programs since one ran with `--as {name}`, so the page \
             cannot act for it: run the program there, as with {command}, or choose another host"
        ),
        format!(
            "{name} es de sus propios programas desde que uno corrió con `--as {name}`; la \
             página no puede actuar por él: corra allí el programa, como con {command}, o elija \
             otro equipo"
        ),
    )
}

/// The result as a person at a terminal would see it.
fn in_words(outcome: &Outcome, took_ms: f64) -> String {
    match outcome {
        Outcome::Reply { rcode, flags, answer, authority, .. } => {
            let mut text = format!("{rcode} · {} · {took_ms:.0} ms", flags.join(" "));
            let shown = if answer.is_empty() { authority } else { answer };
            for record in shown.iter().take(RECORDS_SHOWN_MAX) {
                text.push('\n');
                text.push_str(&line(record));
            }
            text
        }
        Outcome::Text { text, .. } => format!("{text}\n{took_ms:.0} ms"),
        Outcome::Lines { lines } => format!("{}\n{took_ms:.0} ms", lines.join("\n")),
        Outcome::Load(load) => format!("{} of {} answered", load.answered, load.asked),
        Outcome::Program { code, output } => format!("{output}\nexit code {code}"),
        Outcome::Done => "done".to_owned(),
        Outcome::Failed { reason } => format!("{reason}\n{took_ms:.0} ms"),
    }
}

fn line(record: &RecordShown) -> String {
    format!("{} {} {} {}", record.name, record.ttl, record.record_type, record.data)
}

const RECORDS_SHOWN_MAX: usize = 12;
