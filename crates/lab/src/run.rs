//! Running a scenario to its end and judging what happened.
//!
//! ```text
//!   Scenario ──► drive (steps on a Lab) ──► events, results, snapshots
//!                                             │
//!                     figures ◄───────────────┤
//!                        └──► checks ──► RunReport ──► text, JSON, JUnit
//! ```
//!
//! In virtual time a run is a function of scenario, seed and changes: the same
//! three give the same digest in every process.

mod chain;
mod check;
mod cost;
mod drive;
mod log;
mod measure;
mod report;

use std::collections::BTreeMap;

use capa7_net::signals::Stop;
use capa7_net::{Network, Time, VirtualNetwork};
use serde::Serialize;

use crate::lab::{ActionResult, Lab, LabError, network_config};
use crate::scenario::{Action, Fault, Scenario};
use crate::source::SourceError;
use crate::story::{EventView, HostTable};
use crate::text::Bilingual;
use crate::world::World;

pub use report::{Format, Skipped, json_document, junit, text_report};

/// How a scenario is run.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// Instead of the scenario's own seed.
    pub seed: Option<u64>,
    /// One of the scenario's deliberate faults.
    pub break_with: Option<String>,
    /// What a person did or broke, at its time of the run.
    pub changes: Vec<Change>,
    /// What a student predicted, by step.
    pub predictions: BTreeMap<String, f64>,
    /// Ends the run early, without a report.
    pub stop: Stop,
}

/// Something that a person adds to a run.
#[derive(Clone, Debug)]
pub struct Change {
    /// When.
    pub at: Time,
    /// What.
    pub what: Deed,
}

/// What a person may add.
#[derive(Clone, Debug)]
pub enum Deed {
    /// An action.
    Act(Action),
    /// A fault.
    Break(Fault),
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The scenario is not well formed.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The scenario asks for something that the world does not have.
    #[error(transparent)]
    Lab(#[from] LabError),
    /// The scenario has no such deliberate fault.
    #[error("there is no sabotage `{name}` in {scenario}; there are {known}")]
    NoSabotage {
        /// The scenario.
        scenario: String,
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// It runs programs of the machine.
    #[error("{0} runs programs of this machine and needs `--net sealed`")]
    NeedsSealed(String),
    /// Nothing was left to happen, and yet a step was not done.
    #[error("the run of {0} came to a standstill: a step waits for something that never happens")]
    Stalled(String),
    /// It took longer than it may.
    #[error("the run of {0} took longer than its `limit`")]
    TooLong(String),
    /// Somebody did not want to wait for its end.
    #[error("the run of {0} was stopped before its end")]
    Stopped(String),
}

/// Everything about a run that ended.
#[derive(Clone, Debug)]
pub struct RunReport {
    /// The scenario.
    pub id: String,
    /// Its title.
    pub title: Bilingual,
    /// The seed.
    pub seed: u64,
    /// SHA-256 over everything that happened, in hexadecimal.
    pub digest: String,
    /// When it ended.
    pub duration: Time,
    /// The steps as they were done.
    pub steps: Vec<StepRun>,
    /// The figures, in the scenario's order.
    pub measures: Vec<Measured>,
    /// The checks, in the scenario's order.
    pub checks: Vec<CheckResult>,
    /// What the run says about statements of the course.
    pub statements: Vec<StatementResult>,
    /// The predictions that were asked for.
    pub predictions: Vec<Prediction>,
    /// Everything that happened, fates folded into their messages.
    pub events: Vec<EventView>,
    /// Events that the record could not hold.
    pub evicted: u64,
    /// Who is who.
    pub hosts: HostTable,
    /// The world that it ran in.
    pub world: World,
    /// The network that it ran on, with the record of every byte.
    pub network: Network,
}

/// A step as it was done.
#[derive(Clone, Debug, Serialize)]
pub struct StepRun {
    /// Its identifier.
    pub id: String,
    /// Its heading.
    pub title: Bilingual,
    /// When it began.
    pub at: Time,
    /// When its actions had ended.
    pub ended: Time,
    /// The number of the first event that belongs to it.
    pub first_event: u64,
    /// What its actions gave.
    pub results: Vec<ActionResult>,
}

/// A figure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// Its identifier.
    pub id: String,
    /// Its name.
    pub name: Bilingual,
    /// Its unit, empty for plain numbers.
    pub unit: String,
    /// The value; none when nothing of the kind happened.
    pub value: Option<f64>,
}

/// A check with its outcome.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CheckResult {
    /// Its identifier.
    pub id: String,
    /// Whether it holds.
    pub passed: bool,
    /// How much it counts.
    pub weight: u32,
    /// What it claims.
    pub says: Bilingual,
    /// What should have been seen.
    pub expected: String,
    /// What was.
    pub seen: String,
    /// The events to look at.
    pub events: Vec<u64>,
    /// What to think of when it fails.
    pub hint: Bilingual,
    /// Row of the course or section of a standard.
    pub source: Option<String>,
}

/// What a run says about a statement of the course.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StatementResult {
    /// `D4.2`.
    pub id: String,
    /// Whether every check behind it holds.
    pub holds: bool,
    /// What was measured.
    pub measured: Bilingual,
    /// The checks behind it.
    pub checks: Vec<String>,
}

/// A question to a student, with its true answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Prediction {
    /// The step before which it was asked.
    pub step: String,
    /// The question.
    pub question: Bilingual,
    /// What was predicted.
    pub predicted: Option<f64>,
    /// What happened.
    pub actual: Option<f64>,
    /// Whether the prediction was right; none without one.
    pub right: Option<bool>,
}

impl RunReport {
    /// Whether every check holds.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.checks.iter().all(|check| check.passed)
    }

    /// Points reached and points to be had.
    #[must_use]
    pub fn score(&self) -> (u32, u32) {
        let sum = |passed_only: bool| {
            let counts = self.checks.iter().filter(|check| check.passed || !passed_only);
            counts.map(|check| check.weight).sum()
        };
        (sum(true), sum(false))
    }
}

/// Runs a scenario in virtual time, on this thread, to its end.
///
/// # Errors
/// [`RunError`]: the scenario is not possible, or it does not end. A failed
/// check is not an error.
pub fn run_virtual(scenario: &Scenario, options: &RunOptions) -> Result<RunReport, RunError> {
    if scenario.needs_programs() {
        return Err(RunError::NeedsSealed(scenario.id.clone()));
    }
    let plan = drive::Plan::new(scenario, options)?;
    let config = network_config(&plan.world, plan.seed, CAPTURE_BYTES);
    let network = VirtualNetwork::new(config);
    let work = async {
        let lab = Lab::start(network.network(), &plan.world).await?;
        let driven = drive::drive(&lab, &plan).await?;
        Ok::<_, RunError>((lab, driven))
    };
    let run = network.run(async {
        tokio::select! {
            biased;
            driven = work => driven,
            () = options.stop.wanted() => Err(RunError::Stopped(scenario.id.clone())),
        }
    });
    let (lab, driven) = run.map_err(|_| RunError::Stalled(scenario.id.clone()))??;
    let report = log::judge(&lab, &plan, driven);
    network.shutdown();
    Ok(report)
}

/// Where a run takes place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addresses {
    /// The world's own addresses: sealed networks.
    True,
    /// 127.0.0.0/8: loopback networks.
    Loopback,
}

/// Runs a scenario on a network of kernel sockets, made with
/// [`network_config`], and judges it. `prepare` may give the started lab what
/// it needs to run programs.
///
/// # Errors
/// As [`run_virtual`], and when `prepare` fails.
pub async fn run_on(
    network: &Network,
    addresses: Addresses,
    scenario: &Scenario,
    options: &RunOptions,
    prepare: impl FnOnce(&Lab) -> Result<(), LabError>,
) -> Result<RunReport, RunError> {
    let mut plan = drive::Plan::new(scenario, options)?;
    if addresses == Addresses::Loopback {
        plan.world = plan.world.in_loopback();
    }
    let work = async {
        let lab = Lab::start(network, &plan.world).await?;
        prepare(&lab)?;
        let driven = drive::drive(&lab, &plan).await?;
        Ok(log::judge(&lab, &plan, driven))
    };
    tokio::select! {
        biased;
        report = work => report,
        () = options.stop.wanted() => Err(RunError::Stopped(scenario.id.clone())),
    }
}

/// Bytes of events that a run may hold; more are evicted, oldest first, and
/// the report says how many.
const CAPTURE_BYTES: usize = 512 << 20;
