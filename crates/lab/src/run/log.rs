//! What happened in a run, as its checks and figures see it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use capa7_dissect::Cause;

use super::drive::{Driven, Plan, Snapshot};
use super::measure::Figures;
use super::{Prediction, RunReport, StatementResult, StepRun, check};
use crate::lab::{ActionResult, Lab};
use crate::scenario::references::placeholders;
use crate::story::{CauseTree, EventType, EventView, HostTable, tell_all};
use crate::text::{Bilingual, Language};

/// Everything that checks and figures may look at.
#[derive(Debug)]
pub(super) struct Log<'a> {
    pub(super) events: &'a [EventView],
    pub(super) tree: &'a CauseTree,
    pub(super) hosts: &'a HostTable,
    pub(super) steps: &'a [StepRun],
    pub(super) snapshots: &'a [Snapshot],
}

/// Turns what was recorded into a report.
pub(super) fn judge(lab: &Lab, plan: &Plan<'_>, driven: Driven) -> RunReport {
    let network = lab.network();
    let duration = network.now();
    let digest = hex(&network.digest());
    let capture = network.capture();
    let before_first = Cause(capture.first_id().0.saturating_sub(1));
    let events = tell_all(&capture.since(before_first, usize::MAX));
    let tree = CauseTree::of(&events);
    let log = Log {
        events: &events,
        tree: &tree,
        hosts: lab.hosts(),
        steps: &driven.steps,
        snapshots: &driven.snapshots,
    };
    let file = &plan.scenario.file;
    let figures = Figures::of(&file.measure, &log, &plan.world);
    let checks: Vec<_> = file.check.iter().map(|c| check::check(c, &log, &figures)).collect();
    let held = |id: &str| checks.iter().any(|check| check.id == id && check.passed);
    let statements = file.statement.iter().map(|statement| StatementResult {
        id: statement.id.get_ref().clone(),
        holds: statement.checks.iter().all(|id| held(id.get_ref())),
        measured: fill(&statement.measured, &figures),
        checks: statement.checks.iter().map(|id| id.get_ref().clone()).collect(),
    });
    let statements = statements.collect();
    let predictions = predictions(plan, &figures);
    RunReport {
        id: plan.scenario.id.clone(),
        title: plan.scenario.title.clone(),
        seed: plan.seed,
        digest,
        duration,
        measures: figures.into_list(),
        checks,
        statements,
        predictions,
        evicted: network.capture().evicted(),
        hosts: lab.hosts().clone(),
        world: plan.world.clone(),
        network: network.clone(),
        steps: driven.steps,
        events,
    }
}

impl<'a> Log<'a> {
    /// The events within a step, or because of its actions, or all.
    pub(super) fn scope(
        &self,
        during: Option<&str>,
        because_of: Option<&str>,
    ) -> Vec<&'a EventView> {
        let window = during.map(|step| self.window(step));
        let roots: Option<BTreeSet<u64>> =
            because_of.map(|step| self.results(step).iter().map(|result| result.event.0).collect());
        let within = |event: &&EventView| {
            window.as_ref().is_none_or(|window| window.contains(&event.id))
                && roots.as_ref().is_none_or(|roots| roots.contains(&self.root(event)))
        };
        self.events.iter().filter(within).collect()
    }

    /// The event of this number.
    pub(super) fn event(&self, id: u64) -> Option<&'a EventView> {
        let first = self.events.first().map_or(0, |event| event.id);
        self.events.get(usize::try_from(id.checked_sub(first)?).ok()?)
    }

    fn root(&self, event: &EventView) -> u64 {
        match event.event_type {
            EventType::Fate => self.tree.root_of(event.of.unwrap_or(0)),
            _ => self.tree.root_of(event.id),
        }
    }

    /// The numbers of the events from the beginning of a step to the next.
    fn window(&self, step: &str) -> std::ops::Range<u64> {
        let place = self.steps.iter().position(|run| run.id == step);
        let start = place.and_then(|place| self.steps.get(place)).map_or(0, |run| run.first_event);
        let end = place.and_then(|place| self.steps.get(place + 1));
        start..end.map_or(u64::MAX, |run| run.first_event)
    }

    /// Seconds from each message to the arrival of the next one back between
    /// the same two sockets that has its id, where messages have one; messages
    /// without a reply are left out.
    pub(super) fn waits(&self, asked: &[&EventView]) -> Vec<f64> {
        let mut ways: BTreeMap<(SocketAddr, SocketAddr), Vec<&EventView>> = BTreeMap::new();
        for event in self.events.iter().filter(|event| event.event_type == EventType::Message) {
            if let (Some(from), Some(to)) = (event.from_addr, event.to_addr) {
                ways.entry((from, to)).or_default().push(event);
            }
        }
        let wait = |event: &&EventView| {
            let back = ways.get(&(event.to_addr?, event.from_addr?))?;
            let answers = |reply: &&&EventView| {
                reply.id > event.id && reply.fields.first("id") == event.fields.first("id")
            };
            let there = back.iter().find(answers)?.fate_at?;
            Some(Duration::from_nanos(there.saturating_sub(event.at)).as_secs_f64())
        };
        asked.iter().filter_map(wait).collect()
    }

    /// What the actions of a step gave.
    pub(super) fn results(&self, step: &str) -> &'a [ActionResult] {
        let run = self.steps.iter().find(|run| run.id == step);
        run.map_or(&[], |run| run.results.as_slice())
    }
}

fn predictions(plan: &Plan<'_>, figures: &Figures) -> Vec<Prediction> {
    let mut predictions = Vec::new();
    for step in &plan.scenario.file.step {
        let Some(predict) = &step.predict else { continue };
        let predicted = plan.options.predictions.get(step.id.get_ref()).copied();
        let actual = figures.value(predict.measure.get_ref());
        let right = predicted.map(|predicted| {
            actual.is_some_and(|actual| {
                (predicted - actual).abs() <= actual.abs() * predict.tolerance
            })
        });
        predictions.push(Prediction {
            step: step.id.get_ref().clone(),
            question: predict.question.clone(),
            predicted,
            actual,
            right,
        });
    }
    predictions
}

/// Puts figures into a text with `{id}` or `{id|time|times}`.
fn fill(text: &Bilingual, figures: &Figures) -> Bilingual {
    let fill = |text: &str, language: Language| {
        let mut filled = text.to_owned();
        for hole in placeholders(text) {
            let mut shown = figures.shown(hole.id, language);
            if let Some([one, more]) = hole.forms {
                let word = if figures.value(hole.id) == Some(1.0) { one } else { more };
                shown = format!("{shown} {word}");
            }
            filled = filled.replace(&format!("{{{}}}", hole.whole), &shown);
        }
        filled
    };
    Bilingual::new(fill(&text.en, Language::En), fill(&text.es, Language::Es))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
