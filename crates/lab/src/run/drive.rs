//! The steps of a scenario, one after the other, on a running lab.

use std::time::Duration;

use capa7_dissect::Cause;
use capa7_dns_proto::Name;
use capa7_net::{Capture, Host, Time};
use futures_util::future::join_all;

use super::{Change, Deed, RunError, RunOptions, StepRun};
use crate::filter::Filter;
use crate::lab::{ActionResult, Lab, LabError, MessageShown, Outcome, RecordShown};
use crate::scenario::Scenario;
use crate::scenario::file::{CheckFile, Claim, SabotageFile, StepFile, WaitFile};
use crate::story::Teller;
use crate::text::Bilingual;
use crate::world::World;

/// What is to be done.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) options: &'a RunOptions,
    pub(super) sabotage: Option<&'a SabotageFile>,
    pub(super) world: World,
    pub(super) seed: u64,
}

/// What was done.
#[derive(Debug, Default)]
pub(super) struct Driven {
    pub(super) steps: Vec<StepRun>,
    pub(super) snapshots: Vec<Snapshot>,
}

/// A state at the end of a step, for the check that asks for it.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) check: String,
    pub(super) state: State,
}

/// What was seen.
#[derive(Debug)]
pub(super) enum State {
    /// Records of a cache or a zone.
    Records(Vec<RecordShown>),
    /// The messages of a mailbox.
    Mailbox(Vec<MessageShown>),
    /// The recipients that wait in a queue.
    Queue(Vec<String>),
}

impl<'a> Plan<'a> {
    pub(super) fn new(scenario: &'a Scenario, options: &'a RunOptions) -> Result<Self, RunError> {
        let known = &scenario.file.sabotage;
        let sabotage = match &options.break_with {
            None => None,
            Some(name) => {
                let found = known.iter().find(|sabotage| sabotage.id.get_ref() == name);
                Some(
                    found.ok_or_else(|| RunError::NoSabotage {
                        scenario: scenario.id.clone(),
                        name: name.clone(),
                        known: known
                            .iter()
                            .map(|s| s.id.get_ref().as_str())
                            .collect::<Vec<_>>()
                            .join(", "),
                    })?,
                )
            }
        };
        Ok(Self {
            scenario,
            options,
            sabotage,
            world: scenario.world_with(sabotage)?,
            seed: options.seed.unwrap_or(scenario.seed),
        })
    }
}

/// Does all steps, within the scenario's limit.
pub(super) async fn drive(lab: &Lab, plan: &Plan<'_>) -> Result<Driven, RunError> {
    let too_long = || RunError::TooLong(plan.scenario.id.clone());
    let Some(clock) = lab.network().hosts().into_iter().next() else {
        return Err(LabError::Bad("the world has no host".to_owned()).into());
    };
    let changes: Vec<_> = plan
        .options
        .changes
        .iter()
        .map(|change| {
            clock.spawn("a person's change", make(lab.clone(), clock.clone(), change.clone()))
        })
        .collect();
    let limit = plan.scenario.limit().since(clock.now());
    let driven = clock.timeout(limit, steps(lab, plan, &clock)).await.map_err(|_| too_long())?;
    drop(changes);
    driven
}

async fn make(lab: Lab, clock: Host, change: Change) {
    clock.sleep_until(change.at).await;
    let done = match &change.what {
        Deed::Act(action) => lab.act(action).await.map(|_| ()),
        Deed::Break(fault) => lab.break_with(fault).map(|_| ()),
    };
    if let Err(error) = done {
        tracing::debug!(%error, "a change of the run could not be made");
    }
}

async fn steps(lab: &Lab, plan: &Plan<'_>, clock: &Host) -> Result<Driven, RunError> {
    let mut driven = Driven::default();
    // What is waited for follows from the last step that did something, and may
    // have happened while an event before it was waited for.
    let mut acted = 0_u64;
    for (index, step) in plan.scenario.file.step.iter().enumerate() {
        if let Some(pause) = step.pause {
            clock.sleep(pause.0).await;
        }
        if let Some(at) = step.at {
            clock.sleep_until(Time::ZERO + at.0).await;
        }
        if let Some(wait) = &step.wait {
            wait_until(lab, clock, wait, Cause(acted.saturating_sub(1))).await;
        }
        if let Some(sabotage) = plan.sabotage {
            let here = sabotage.at.as_ref().map(|step| step.get_ref());
            if here.map_or(index == 0, |id| id == step.id.get_ref()) {
                spoil(lab, sabotage).await?;
            }
        }
        let run = one_step(lab, clock, step, plan.scenario.step_title(step.id.get_ref())).await?;
        for check in &plan.scenario.file.check {
            driven.snapshots.extend(snapshot(lab, check, &run.id).await);
        }
        if !step.act.is_empty() || !step.fault.is_empty() {
            acted = run.first_event;
        }
        driven.steps.push(run);
    }
    // What is on its way may still arrive.
    clock.sleep(SETTLING).await;
    Ok(driven)
}

async fn one_step(
    lab: &Lab,
    clock: &Host,
    step: &StepFile,
    title: Bilingual,
) -> Result<StepRun, LabError> {
    let at = lab.network().now();
    let first_event = lab.network().capture().next_id().0;
    for fault in &step.fault {
        lab.break_with(fault)?;
    }
    let results: Vec<ActionResult> = if step.together {
        let apart = step.apart.map_or(Duration::ZERO, |apart| apart.0);
        let begins = (0u32..).map(|number| apart.saturating_mul(number));
        let all = step.act.iter().zip(begins).map(async |(action, after)| {
            if !after.is_zero() {
                clock.sleep(after).await;
            }
            lab.act(action).await
        });
        join_all(all).await.into_iter().collect::<Result<_, _>>()?
    } else {
        let mut results = Vec::with_capacity(step.act.len());
        for action in &step.act {
            results.push(lab.act(action).await?);
        }
        results
    };
    let ended = lab.network().now();
    Ok(StepRun { id: step.id.get_ref().clone(), title, at, ended, first_event, results })
}

async fn spoil(lab: &Lab, sabotage: &SabotageFile) -> Result<(), LabError> {
    for fault in &sabotage.fault {
        lab.break_with(fault)?;
    }
    for action in &sabotage.act {
        // A sabotage that is not done would make its checks look strong.
        if let Outcome::Failed { reason } = lab.act(action).await?.outcome {
            let id = sabotage.id.get_ref();
            return Err(LabError::Bad(format!("the sabotage `{id}` could not be done: {reason}")));
        }
    }
    Ok(())
}

/// Waits until an event passes; a wait that is too long ends, and the checks
/// tell what is missing.
async fn wait_until(lab: &Lab, clock: &Host, wait: &WaitFile, since: Cause) {
    let seen = until_seen(lab, lab.network().capture(), &wait.until.0, since);
    let _too_long = clock.timeout(wait.within.0, seen).await;
}

async fn until_seen(lab: &Lab, capture: &Capture, filter: &Filter, since: Cause) {
    let mut teller = Teller::new();
    let mut past = since;
    loop {
        for event in capture.since(past, BATCH) {
            past = event.id;
            if filter.matches(&teller.tell(&event), lab.hosts()) {
                return;
            }
        }
        capture.wait_past(past).await;
    }
}

/// The state that a check asks for at the end of this step.
async fn snapshot(lab: &Lab, check: &CheckFile, step: &str) -> Option<Snapshot> {
    let state = match &check.that {
        Claim::Cache(claim) if claim.at.get_ref() == step => {
            let (resolver, name) = (claim.resolver.get_ref(), claim.name.get_ref());
            State::Records(lab.cached(resolver, name, claim.record_type).await)
        }
        Claim::Zone(claim) if claim.at.get_ref() == step => {
            let records = lab.zone_named(claim.zone.get_ref());
            let wanted = full_name(claim.name.get_ref(), claim.zone.get_ref());
            let is_wanted = |record: &RecordShown| {
                record.name.eq_ignore_ascii_case(&wanted)
                    && record.record_type == claim.record_type.to_string()
            };
            State::Records(records.into_iter().filter(is_wanted).collect())
        }
        Claim::Mailbox(claim) if claim.at.get_ref() == step => {
            State::Mailbox(lab.mailbox(claim.of.get_ref(), claim.folder.get_ref()).await)
        }
        Claim::Queue(claim) if claim.at.get_ref() == step => {
            State::Queue(lab.waiting(claim.host.get_ref()).await)
        }
        _ => return None,
    };
    Some(Snapshot { check: check.id.get_ref().clone(), state })
}

/// A name relative to a zone, written out with its last dot.
fn full_name(name: &str, zone: &str) -> String {
    let origin = Name::parse(zone).unwrap_or_else(|_| Name::root());
    match name {
        "@" => origin.to_string(),
        name => Name::parse_relative(name, &origin).map(|n| n.to_string()).unwrap_or_default(),
    }
}

/// Longer than any way of a packet in a world of this size.
const SETTLING: Duration = Duration::from_millis(500);

/// Events looked at between two waits.
const BATCH: usize = 512;
