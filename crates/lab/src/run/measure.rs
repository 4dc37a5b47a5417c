//! The figures of a run.

use std::collections::BTreeMap;

use capa7_dns_proto::Name;
use indexmap::IndexMap;

use super::Measured;
use super::cost;
use super::log::Log;
use crate::filter::Filter;
use crate::lab::Outcome;
use crate::scenario::file::{MeasureFile, MeasureValue, Most, OfField};
use crate::story::{EventView, HostTable};
use crate::text::Language;
use crate::world::World;

/// Figures by identifier, in the scenario's order.
#[derive(Debug, Default)]
pub(super) struct Figures(IndexMap<String, Measured>);

impl Figures {
    pub(super) fn of(measures: &[MeasureFile], log: &Log<'_>, world: &World) -> Self {
        let mut figures = Self::default();
        for file in measures {
            let value = figures.compute(file, log, world).filter(|value| value.is_finite());
            let measured = Measured {
                id: file.id.get_ref().clone(),
                name: file.name.clone(),
                unit: file.unit.clone(),
                value,
            };
            figures.0.insert(measured.id.clone(), measured);
        }
        figures
    }

    /// A figure's value; none when nothing of the kind happened.
    pub(super) fn value(&self, id: &str) -> Option<f64> {
        self.0.get(id)?.value
    }

    /// A figure as readers of a language read it, with its unit.
    pub(super) fn shown(&self, id: &str, language: Language) -> String {
        match self.0.get(id) {
            Some(Measured { value: Some(value), unit, .. }) => shown(*value, unit, language),
            _ => "–".to_owned(),
        }
    }

    pub(super) fn into_list(self) -> Vec<Measured> {
        self.0.into_values().collect()
    }

    fn compute(&self, file: &MeasureFile, log: &Log<'_>, world: &World) -> Option<f64> {
        let step =
            |step: &Option<toml::Spanned<String>>| step.as_ref().map(|step| step.get_ref().clone());
        let (during, because_of) = (step(&file.during), step(&file.because_of));
        let events = log.scope(during.as_deref(), because_of.as_deref());
        let passing = |filter: &Filter| -> Vec<&EventView> {
            events.iter().copied().filter(|event| filter.matches(event, log.hosts)).collect()
        };
        match &file.value {
            MeasureValue::Count(of) => Some(number(passing(&of.0).len())),
            MeasureValue::Time(time) => {
                let from = *passing(&time.from.0).first()?;
                let to = passing(&time.to.0);
                let to = to.iter().find(|event| event.id > from.id)?;
                Some(seconds(arrival(to).saturating_sub(from.at)))
            }
            MeasureValue::Took(step) => took(log, step.get_ref()),
            MeasureValue::Answered(step) => answered(log, step.get_ref()),
            MeasureValue::Share(share) => {
                let among = passing(&share.among.0);
                let of = among.iter().filter(|event| share.of.0.matches(event, log.hosts)).count();
                (!among.is_empty()).then(|| number(of) / number(among.len()))
            }
            MeasureValue::Sum(of) => Some(values(of, &passing(&of.of.0)).iter().sum()),
            MeasureValue::Mean(of) => {
                let values = values(of, &passing(&of.of.0));
                (!values.is_empty()).then(|| values.iter().sum::<f64>() / number(values.len()))
            }
            MeasureValue::Max(of) => values(of, &passing(&of.of.0)).into_iter().reduce(f64::max),
            MeasureValue::Min(of) => values(of, &passing(&of.of.0)).into_iter().reduce(f64::min),
            MeasureValue::Distinct(of) => {
                let mut texts: Vec<String> = passing(&of.of.0)
                    .iter()
                    .flat_map(|event| crate::filter::values_of(&of.field, event, log.hosts))
                    .collect();
                texts.sort();
                texts.dedup();
                Some(number(texts.len()))
            }
            MeasureValue::Most(most) => most_common(most, &passing(&most.of.0), log.hosts),
            MeasureValue::MeanWait(of) => {
                let waits = log.waits(&passing(&of.0));
                (!waits.is_empty()).then(|| waits.iter().sum::<f64>() / number(waits.len()))
            }
            MeasureValue::MaxWait(of) => log.waits(&passing(&of.0)).into_iter().reduce(f64::max),
            MeasureValue::Number(value) => Some(*value),
            MeasureValue::Product([a, b]) => {
                Some(self.value(a.get_ref())? * self.value(b.get_ref())?)
            }
            MeasureValue::Ratio([a, b]) => {
                Some(self.value(a.get_ref())? / self.value(b.get_ref())?)
            }
            MeasureValue::Difference([a, b]) => {
                Some(self.value(a.get_ref())? - self.value(b.get_ref())?)
            }
            MeasureValue::Times(scaled) => Some(self.value(scaled.of.get_ref())? * scaled.by),
            MeasureValue::CostPerQuery(cost) => {
                let origin = Name::parse(cost.zone.get_ref()).ok()?;
                cost::nanos_per_query(world.zone(&origin)?, cost.queries)
            }
        }
    }
}

/// Seconds that the actions of a step took; of loads the mean wait.
fn took(log: &Log<'_>, step: &str) -> Option<f64> {
    let mut total = 0.0;
    let results = log.results(step);
    for result in results {
        total += match &result.outcome {
            Outcome::Load(load) if load.answered == 0 => return None,
            Outcome::Load(load) => seconds(load.waited_ns / load.answered),
            _ => result.took().as_secs_f64(),
        };
    }
    (!results.is_empty()).then_some(total)
}

/// The share of a step's queries that was answered.
#[expect(clippy::cast_precision_loss, reason = "counts of queries")]
fn answered(log: &Log<'_>, step: &str) -> Option<f64> {
    let (mut asked, mut answered) = (0, 0);
    for result in log.results(step) {
        let (more_asked, more_answered) = match &result.outcome {
            Outcome::Load(load) => (load.asked, load.answered),
            Outcome::Reply { .. } | Outcome::Text { .. } | Outcome::Lines { .. } => (1, 1),
            Outcome::Failed { .. } => (1, 0),
            Outcome::Program { .. } | Outcome::Done => (0, 0),
        };
        asked += more_asked;
        answered += more_answered;
    }
    (asked > 0).then(|| answered as f64 / asked as f64)
}

/// Of the groups of events with one value in a field, the largest.
fn most_common(most: &Most, events: &[&EventView], hosts: &HostTable) -> Option<f64> {
    let mut sums: BTreeMap<String, f64> = BTreeMap::new();
    for event in events {
        let counts = match &most.sum {
            Some(field) => value(field, event).unwrap_or(0.0),
            None => 1.0,
        };
        for text in crate::filter::values_of(&most.field, event, hosts) {
            *sums.entry(text).or_default() += counts;
        }
    }
    sums.into_values().reduce(f64::max)
}

fn values(of: &OfField, events: &[&EventView]) -> Vec<f64> {
    events.iter().filter_map(|event| value(&of.field, event)).collect()
}

/// The number that a field of an event is.
fn value(field: &str, event: &EventView) -> Option<f64> {
    match field {
        "size" => Some(number(event.size)),
        "travel" => event.fate_at.map(|at| seconds(at.saturating_sub(event.at))),
        name => {
            let fact = event.data.get(name).and_then(serde_json::Value::as_f64);
            fact.or_else(|| event.fields.first(name)?.parse().ok())
        }
    }
}

/// When a message was there; anything else when it was.
fn arrival(event: &EventView) -> u64 {
    event.fate_at.unwrap_or(event.at)
}

#[expect(clippy::cast_precision_loss, reason = "counts of events")]
fn number(count: usize) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people and bounds")]
fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

/// A figure with three or four digits that count, and its unit.
pub(super) fn shown(value: f64, unit: &str, language: Language) -> String {
    let (value, unit) = match unit {
        "s" if value != 0.0 && value.abs() < 1.0 => (value * 1e3, "ms"),
        "share" => (value * 100.0, "%"),
        unit => (value, unit),
    };
    let digits = match value.abs() {
        v if v >= 100.0 || v.fract() == 0.0 => 0,
        v if v >= 10.0 => 1,
        _ => 2,
    };
    let text = in_language(&format!("{value:.digits$}"), language);
    match unit {
        "" => text,
        unit => format!("{text} {unit}"),
    }
}

/// A number as it is written in a language: Spanish has a comma before the
/// decimals (RAE), English a point.
pub(super) fn in_language(number: &str, language: Language) -> String {
    match language {
        Language::En => number.to_owned(),
        Language::Es => number.replace('.', ","),
    }
}

#[cfg(test)]
mod tests {
    use super::{Language, shown};

    #[test]
    fn a_figure_shows_its_digits_that_count() {
        let cases = [
            (8.0, "", "8"),
            (0.203_118, "s", "203 ms"),
            (1.5, "s", "1.50 s"),
            (0.25, "share", "25 %"),
            (1234.56, "queries", "1235 queries"),
            (12.34, "", "12.3"),
        ];
        for (value, unit, text) in cases {
            assert_eq!(shown(value, unit, Language::En), text);
        }
        assert_eq!(shown(1.5, "s", Language::Es), "1,50 s");
    }
}
