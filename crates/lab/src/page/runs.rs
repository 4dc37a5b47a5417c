//! Runs: a scenario on a thread of its own, to its end, as a log that the page
//! moves a cursor over.
//!
//! What a reader changes (a fault at a time, an action) is appended and the run
//! is made again from its seed, so a run is named by scenario, seed and changes.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::extract::{Path, Query, State};
use capa7_net::signals::Stop;
use capa7_net::{Cause, Time};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Page;
use super::answer::{Answer, Refused, in_words_of_scenarios};
use super::layout::{self, Map};
use super::views::MessageView;
use crate::course::{json_document, walk};
use crate::run::{Change, CheckResult, Deed, RunOptions, RunReport, run_virtual};
use crate::scenario::{Scenario, ScenarioSummary};
use crate::story::{EventView, detail};
use crate::text::{Bilingual, Language};

/// The runs that are kept for their messages, oldest first.
#[derive(Debug, Default)]
pub(super) struct Runs(Mutex<IndexMap<String, Arc<Kept>>>);

/// A run that ended.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) report: RunReport,
    steps: Vec<StepView>,
    changes: Vec<ChangeRequest>,
    world: Map,
}

/// What is to be run.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct RunRequest {
    scenario: String,
    seed: Option<u64>,
    #[serde(default)]
    changes: Vec<ChangeRequest>,
}

/// What a reader adds, in the words of scenarios, with what the page shows of it.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct ChangeRequest {
    at: u64,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    fault: Value,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    act: Value,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    shown: Value,
}

#[derive(Debug, Serialize)]
struct StepView {
    id: String,
    at: u64,
    first_event: u64,
    title: Bilingual,
    text: Bilingual,
}

#[derive(Debug, Serialize)]
struct CheckView<'a> {
    #[serde(flatten)]
    check: &'a CheckResult,
    title: &'a Bilingual,
    /// When the last event that decides it happened.
    at: u64,
}

/// A whole run, as the page takes it.
#[derive(Debug, Serialize)]
struct RunView<'a> {
    id: &'a str,
    scenario: &'a str,
    title: &'a Bilingual,
    seed: u64,
    digest: &'a str,
    steps: &'a [StepView],
    checks: Vec<CheckView<'a>>,
    events: &'a [EventView],
    /// Events that are too many to send.
    left_off: u64,
    duration_ns: u64,
    world: &'a Map,
    changes: &'a [ChangeRequest],
}

impl Runs {
    /// A run that is kept.
    pub(super) fn find(&self, id: &str) -> Result<Arc<Kept>, Refused> {
        let runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = || Refused::missing("this run is not kept any more: choose the scenario again");
        runs.get(id).cloned().ok_or_else(gone)
    }

    fn keep(&self, id: String, run: Arc<Kept>) {
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while runs.len() >= RUNS_MAX {
            runs.shift_remove_index(0);
        }
        runs.insert(id, run);
    }
}

/// The scenarios that the binary carries.
pub(super) async fn scenarios(State(page): State<Page>) -> Answer<Value> {
    let list = page.0.machine.blocking(|| {
        let mut list: Vec<ScenarioSummary> = Vec::new();
        for id in Scenario::all() {
            match Scenario::carried(&id) {
                Ok(scenario) => list.push(scenario.summary()),
                // One that cannot be read must not hide the others.
                Err(error) => tracing::warn!(%error, "a scenario is left out"),
            }
        }
        list
    });
    let list = list.await;
    Ok(Json(json!({ "scenarios": list })))
}

pub(super) async fn run(
    State(page): State<Page>,
    Json(request): Json<RunRequest>,
) -> Result<axum::response::Response, Refused> {
    use axum::response::IntoResponse;
    if request.changes.len() > CHANGES_MAX {
        return Err(Refused::bad("too many changes in one run"));
    }
    let id = name_of(&request);
    let kept = match page.0.runs.find(&id) {
        Ok(kept) => kept,
        Err(_) => {
            let made = page.0.machine.blocking(move || make(request)).await?;
            let made = Arc::new(made);
            page.0.runs.keep(id.clone(), made.clone());
            made
        }
    };
    // Written here, since the view borrows from the run.
    Ok(Json(view(&id, &kept)).into_response())
}

pub(super) async fn message(
    State(page): State<Page>,
    Path((run, id)): Path<(String, u64)>,
) -> Answer<MessageView> {
    let run = page.0.runs.find(&run)?;
    let found = detail(run.report.network.capture(), Cause(id));
    let found =
        found.ok_or_else(|| Refused::missing(format!("there is no event {id} in this run")))?;
    Ok(Json(found.into()))
}

/// In which language.
#[derive(Debug, Deserialize)]
pub(super) struct CourseQuery {
    #[serde(default)]
    lang: Language,
}

/// The lecture with what was measured: every scenario is run the first time.
pub(super) async fn course(
    State(page): State<Page>,
    Query(query): Query<CourseQuery>,
) -> Answer<Value> {
    let made = page.0.course.get().cloned();
    let stations = match made {
        Some(stations) => stations,
        None => {
            let walked = page
                .0
                .machine
                .blocking(|| walk(None, Vec::new(), &Stop::default()))
                .await
                .map_err(Refused::broken)?;
            page.0.course.get_or_init(|| Arc::new(walked)).clone()
        }
    };
    Ok(Json(json_document(&stations, query.lang)))
}

/// Scenario, seed and changes make a run, so they name it.
fn name_of(request: &RunRequest) -> String {
    let text = serde_json::to_vec(request).unwrap_or_default();
    Sha256::digest(&text).iter().take(ID_BYTES).map(|byte| format!("{byte:02x}")).collect()
}

/// Runs a scenario, on the thread that calls.
fn make(request: RunRequest) -> Result<Kept, Refused> {
    let scenario = Scenario::carried(&request.scenario).map_err(Refused::missing_source)?;
    let changes: Result<Vec<Change>, Refused> = request.changes.iter().map(change).collect();
    let options = RunOptions { seed: request.seed, changes: changes?, ..RunOptions::default() };
    let report = run_virtual(&scenario, &options).map_err(Refused::bad)?;
    let steps = steps(&scenario, &report);
    let among: BTreeSet<usize> = report
        .events
        .iter()
        .flat_map(|event| [event.from, event.to])
        .flatten()
        .filter_map(|host| usize::try_from(host.0).ok())
        .collect();
    let world = layout::map(&report.hosts, &report.world, Some(&among));
    Ok(Kept { report, steps, changes: request.changes, world })
}

fn change(change: &ChangeRequest) -> Result<Change, Refused> {
    let what = if change.fault.is_null() {
        Deed::Act(in_words_of_scenarios(&change.act)?)
    } else {
        Deed::Break(in_words_of_scenarios(&change.fault)?)
    };
    Ok(Change { at: Time(change.at), what })
}

fn steps(scenario: &Scenario, report: &RunReport) -> Vec<StepView> {
    let told = |language, id: &str| {
        let step = scenario.narration(language).iter().find(|step| step.id == id);
        step.map(|step| (step.title.clone(), step.text.clone())).unwrap_or_default()
    };
    let view = |step: &crate::run::StepRun| {
        let (title_en, text_en) = told(Language::En, &step.id);
        let (title_es, text_es) = told(Language::Es, &step.id);
        StepView {
            id: step.id.clone(),
            at: step.at.0,
            first_event: step.first_event,
            title: Bilingual::new(title_en, title_es),
            text: Bilingual::new(text_en, text_es),
        }
    };
    report.steps.iter().map(view).collect()
}

fn view<'a>(id: &'a str, kept: &'a Kept) -> RunView<'a> {
    let report = &kept.report;
    let events = report.events.get(..EVENTS_SENT_MAX).unwrap_or(&report.events);
    let left_off = (report.events.len() - events.len()) as u64 + report.evicted;
    RunView {
        id,
        scenario: &report.id,
        title: &report.title,
        seed: report.seed,
        digest: &report.digest,
        steps: &kept.steps,
        checks: report.checks.iter().map(|check| check_view(check, report)).collect(),
        events,
        left_off,
        duration_ns: report.duration.0,
        world: &kept.world,
        changes: &kept.changes,
    }
}

/// A check is decided by the last event that it names; one that names none, by
/// the whole run.
fn check_view<'a>(check: &'a CheckResult, report: &RunReport) -> CheckView<'a> {
    let at = |id: &u64| {
        let place = report.events.binary_search_by_key(id, |event| event.id).ok()?;
        let event = report.events.get(place)?;
        Some(event.fate_at.unwrap_or(event.at))
    };
    let last = check.events.iter().filter_map(at).max();
    CheckView { check, title: &check.says, at: last.unwrap_or(report.duration.0) }
}

/// A run holds its messages in memory: some megabytes each.
const RUNS_MAX: usize = 6;
/// A reader clicks a few faults; more is a program.
const CHANGES_MAX: usize = 64;
/// What a browser draws without trouble; longer runs say how much is left off.
const EVENTS_SENT_MAX: usize = 60_000;
/// Half of a SHA-256's half: enough to tell runs apart.
const ID_BYTES: usize = 8;
