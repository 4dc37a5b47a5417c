//! Whether a claim holds, with what was expected and what was seen.

use super::drive::{Snapshot, State};
use super::log::Log;
use super::measure::{Figures, shown};
use super::{CheckResult, chain};
use crate::filter::Filter;
use crate::lab::Outcome;
use crate::scenario::file::{
    AnswerClaim, CacheClaim, CheckFile, Claim, Counted, Every, FilterText, MailboxClaim,
    MeasureClaim, QueueClaim, Same, ZoneClaim,
};
use crate::story::{EventType, EventView};
use crate::text::Language;

/// The outcome of one claim.
#[derive(Debug, Default)]
struct Verdict {
    holds: bool,
    expected: String,
    seen: String,
    events: Vec<u64>,
}

/// Judges one check.
pub(super) fn check(file: &CheckFile, log: &Log<'_>, figures: &Figures) -> CheckResult {
    let during = file.during.as_ref().map(|step| step.get_ref().as_str());
    let because_of = file.because_of.as_ref().map(|step| step.get_ref().as_str());
    let events = Scoped { events: log.scope(during, because_of), log };
    let snapshot = log.snapshots.iter().find(|snapshot| snapshot.check == *file.id.get_ref());
    let verdict = match &file.that {
        Claim::Sequence(filters) => events.sequence(filters),
        Claim::Chain(filters) => events.chain(filters),
        Claim::Exactly(filters) => events.exactly(filters),
        Claim::Count(counted) => events.count(counted),
        Claim::None(of) => events.none(of),
        Claim::Every(every) => events.every(every),
        Claim::Same(same) => events.same(same),
        Claim::Answer(claim) => answer(claim, log),
        Claim::Cache(claim) => cache(claim, snapshot),
        Claim::Zone(claim) => zone(claim, snapshot),
        Claim::Mailbox(claim) => mailbox(claim, snapshot),
        Claim::Queue(claim) => queue(claim, snapshot),
        Claim::Measure(claim) => measure(claim, figures),
    };
    CheckResult {
        id: file.id.get_ref().clone(),
        passed: verdict.holds,
        weight: file.weight,
        says: file.says.clone(),
        expected: verdict.expected,
        seen: verdict.seen,
        events: verdict.events,
        hint: file.hint.clone(),
        source: file.source.clone(),
    }
}

/// The events that a check looks at.
struct Scoped<'a> {
    events: Vec<&'a EventView>,
    log: &'a Log<'a>,
}

impl<'a> Scoped<'a> {
    fn passing(&self, filter: &Filter) -> Vec<&'a EventView> {
        let passes = |event: &&&EventView| filter.matches(event, self.log.hosts);
        self.events.iter().filter(passes).copied().collect()
    }

    fn line(&self, event: &EventView) -> String {
        let called = |host| self.log.hosts.called(host);
        match event.event_type {
            EventType::Note => format!("{}: {}", called(event.from), event.summary),
            _ => format!("{} → {}: {}", called(event.from), called(event.to), event.summary),
        }
    }

    fn lines(&self, events: &[&EventView]) -> String {
        let shown = events.iter().take(LINES_MAX).map(|event| self.line(event));
        let mut text = shown.collect::<Vec<_>>().join("; ");
        if events.len() > LINES_MAX {
            text.push_str(&format!("; … ({})", events.len()));
        }
        text
    }

    /// Each filter has an event after the one before it.
    fn sequence(&self, filters: &[FilterText]) -> Verdict {
        let mut rest = self.events.iter();
        let mut found: Vec<&EventView> = Vec::new();
        for filter in filters {
            match rest.find(|event| filter.0.matches(event, self.log.hosts)) {
                Some(event) => found.push(event),
                None => {
                    return Verdict {
                        holds: false,
                        expected: join(filters),
                        seen: format!(
                            "{}/{}: {} — {}",
                            found.len(),
                            filters.len(),
                            self.lines(&found),
                            filter.0.text()
                        ),
                        events: ids(&found),
                    };
                }
            }
        }
        Verdict {
            holds: !filters.is_empty(),
            expected: join(filters),
            seen: self.lines(&found),
            events: ids(&found),
        }
    }

    /// The last filter has an event, and a line of its causes passes the
    /// filters before it. Of several lines the one that comes furthest is shown.
    fn chain(&self, filters: &[FilterText]) -> Verdict {
        let ends = filters.last().map_or_else(Vec::new, |last| self.passing(&last.0));
        let lines = ends.into_iter().map(|end| chain::longest(end, filters, self.log));
        let best = lines.reduce(|best, line| if line.len() > best.len() { line } else { best });
        let best = best.unwrap_or_default();
        let missing = filters.len() - best.len();
        let holds = missing == 0 && !filters.is_empty();
        let shown = self.lines(&best);
        Verdict {
            holds,
            expected: join_with(filters, " ⇒ "),
            seen: match filters.get(missing.saturating_sub(1)) {
                Some(filter) if !holds => {
                    format!("{}/{}: {} — {shown}", best.len(), filters.len(), filter.0.text())
                }
                _ => shown,
            },
            events: ids(&best),
        }
    }

    /// The messages are these and no others.
    fn exactly(&self, filters: &[FilterText]) -> Verdict {
        let is_message = |event: &&&EventView| event.event_type == EventType::Message;
        let messages: Vec<&EventView> = self.events.iter().filter(is_message).copied().collect();
        let matches =
            |(filter, event): (&FilterText, &&EventView)| filter.0.matches(event, self.log.hosts);
        let holds = messages.len() == filters.len() && filters.iter().zip(&messages).all(matches);
        Verdict {
            holds,
            expected: format!("{}: {}", filters.len(), join(filters)),
            seen: format!("{}: {}", messages.len(), self.lines(&messages)),
            events: ids(&messages),
        }
    }

    fn count(&self, counted: &Counted) -> Verdict {
        let found = self.passing(&counted.of.0);
        let count = u64::try_from(found.len()).unwrap_or(u64::MAX);
        let bounds = [
            (counted.is, "=", counted.is.is_none_or(|is| count == is)),
            (counted.at_least, "≥", counted.at_least.is_none_or(|least| count >= least)),
            (counted.at_most, "≤", counted.at_most.is_none_or(|most| count <= most)),
        ];
        let given =
            bounds.iter().filter_map(|(bound, sign, _)| Some(format!("{sign} {}", (*bound)?)));
        let given: Vec<String> = given.collect();
        Verdict {
            // A count without a bound claims that there is at least one.
            holds: bounds.iter().all(|(_, _, holds)| *holds) && (!given.is_empty() || count > 0),
            expected: format!("{} {}", given.join(", "), counted.of.0.text()),
            seen: format!("{count}: {}", self.lines(&found)),
            events: ids(&found),
        }
    }

    fn none(&self, of: &FilterText) -> Verdict {
        let found = self.passing(&of.0);
        Verdict {
            holds: found.is_empty(),
            expected: format!("0 × {}", of.0.text()),
            seen: format!("{}: {}", found.len(), self.lines(&found)),
            events: ids(&found),
        }
    }

    fn every(&self, every: &Every) -> Verdict {
        let found = self.passing(&every.of.0);
        let passes = |event: &&&EventView| !every.is.0.matches(event, self.log.hosts);
        let others: Vec<&EventView> = found.iter().filter(passes).copied().collect();
        Verdict {
            holds: others.is_empty() && !found.is_empty(),
            expected: format!("{} ⇒ {}", every.of.0.text(), every.is.0.text()),
            seen: match (found.len(), others.len()) {
                (0, _) => "0".to_owned(),
                (all, 0) => format!("{all}/{all}"),
                (all, wrong) => format!("{}/{all}: ✗ {}", all - wrong, self.lines(&others)),
            },
            events: if others.is_empty() { ids(&found) } else { ids(&others) },
        }
    }
}

impl Scoped<'_> {
    /// A field is in every event as in the event that caused it.
    fn same(&self, same: &Same) -> Verdict {
        let found = self.passing(&same.of.0);
        let value = |event: &EventView| event.fields.first(&same.field).map(str::to_owned);
        let cause = |event: &EventView| self.log.event(event.cause);
        let agrees = |event: &EventView| {
            value(event).is_some() && cause(event).and_then(value) == value(event)
        };
        let others: Vec<&EventView> =
            found.iter().filter(|event| !agrees(event)).copied().collect();
        let pairs = found.iter().take(LINES_MAX).map(|event| {
            let before = cause(event).and_then(value).unwrap_or_else(|| "∅".to_owned());
            format!("{before} → {}", value(event).unwrap_or_else(|| "∅".to_owned()))
        });
        Verdict {
            holds: others.is_empty() && !found.is_empty(),
            expected: format!("{}: {} = {}", same.of.0.text(), same.field, same.field),
            seen: pairs.collect::<Vec<_>>().join("; "),
            events: if others.is_empty() { ids(&found) } else { ids(&others) },
        }
    }
}

/// The last action of a step was answered so.
fn answer(claim: &AnswerClaim, log: &Log<'_>) -> Verdict {
    let mut expected = Vec::new();
    let Some(result) = log.results(claim.of.get_ref()).last() else {
        return Verdict { expected: claim.of.get_ref().clone(), ..Verdict::default() };
    };
    let answer = Answer::of(&result.outcome);
    let mut holds = true;
    let mut want = |text: String, is: bool| {
        expected.push(text);
        holds &= is;
    };
    if let Some(rcode) = &claim.rcode {
        want(rcode.clone(), answer.rcode.eq_ignore_ascii_case(rcode));
    }
    for value in &claim.has {
        want(value.clone(), answer.has(value));
    }
    for value in &claim.lacks {
        want(format!("¬ {value}"), !answer.has(value));
    }
    if let Some(authoritative) = claim.authoritative {
        want(
            format!("aa={}", u8::from(authoritative)),
            answer.flags.contains(&"aa") == authoritative,
        );
    }
    if let Some(answered) = claim.answered {
        want(format!("answered={answered}"), answer.answered == answered);
    }
    if let Some(text) = &claim.fails {
        want(format!("✗ {text}"), answer.failure.is_some_and(|f| f.contains(text.as_str())));
    }
    if let Some(most) = claim.at_most {
        want(format!("≤ {most}"), result.took() <= most.0);
    }
    let took = crate::units::Span(result.took());
    Verdict {
        holds: holds && !expected.is_empty(),
        expected: expected.join(", "),
        seen: format!("{} ({took})", answer.text()),
        events: vec![result.event.0],
    }
}

/// An outcome as answers are judged.
#[derive(Default)]
struct Answer<'a> {
    answered: bool,
    rcode: &'a str,
    flags: &'a [&'static str],
    values: Vec<&'a str>,
    failure: Option<&'a str>,
}

impl<'a> Answer<'a> {
    fn of(outcome: &'a Outcome) -> Self {
        match outcome {
            Outcome::Reply { rcode, flags, answer, authority, .. } => Self {
                answered: true,
                rcode,
                flags,
                values: answer.iter().chain(authority).map(|record| record.data.as_str()).collect(),
                failure: None,
            },
            Outcome::Text { text, .. } => {
                Self { answered: true, values: vec![text], ..Self::default() }
            }
            Outcome::Lines { lines } => Self {
                answered: true,
                values: lines.iter().map(String::as_str).collect(),
                ..Self::default()
            },
            Outcome::Program { output, code } => {
                Self { answered: *code == 0, values: output.lines().collect(), ..Self::default() }
            }
            Outcome::Failed { reason } => Self { failure: Some(reason), ..Self::default() },
            Outcome::Load(_) | Outcome::Done => Self { answered: true, ..Self::default() },
        }
    }

    fn has(&self, value: &str) -> bool {
        self.values.iter().any(|have| same(have, value))
    }

    fn text(&self) -> String {
        match self.failure {
            Some(failure) => format!("✗ {failure}"),
            None => [&[self.rcode], self.values.as_slice()].concat().join(" ").trim().to_owned(),
        }
    }
}

/// Equal as data of records: case and the last dot do not count.
fn same(have: &str, want: &str) -> bool {
    have.trim_end_matches('.').eq_ignore_ascii_case(want.trim_end_matches('.'))
}

fn cache(claim: &CacheClaim, snapshot: Option<&Snapshot>) -> Verdict {
    let records = records_of(snapshot);
    let ttl = records.first().map(|record| record.ttl);
    let bounded = |ttl: u32| {
        claim.ttl_at_most.is_none_or(|most| ttl <= most)
            && claim.ttl_at_least.is_none_or(|least| ttl >= least)
    };
    let holds = if claim.has { ttl.is_some_and(bounded) } else { ttl.is_none() };
    let mut expected = format!("{} {}", claim.name.get_ref(), claim.record_type);
    if !claim.has {
        expected.insert_str(0, "¬ ");
    }
    for (bound, sign) in [(claim.ttl_at_least, "≥"), (claim.ttl_at_most, "≤")] {
        if let Some(bound) = bound {
            expected.push_str(&format!(", ttl {sign} {bound}"));
        }
    }
    Verdict { holds, expected, seen: records_text(records), events: Vec::new() }
}

fn zone(claim: &ZoneClaim, snapshot: Option<&Snapshot>) -> Verdict {
    let records = records_of(snapshot);
    let has = |value: &String| records.iter().any(|record| same(&record.data, value));
    Verdict {
        holds: !claim.has.is_empty() && claim.has.iter().all(has),
        expected: claim.has.join(", "),
        seen: records_text(records),
        events: Vec::new(),
    }
}

fn records_of(snapshot: Option<&Snapshot>) -> &[crate::lab::RecordShown] {
    match snapshot.map(|snapshot| &snapshot.state) {
        Some(State::Records(records)) => records,
        _ => &[],
    }
}

/// A mailbox holds these messages; without a snapshot it holds none.
fn mailbox(claim: &MailboxClaim, snapshot: Option<&Snapshot>) -> Verdict {
    let messages = match snapshot.map(|snapshot| &snapshot.state) {
        Some(State::Mailbox(messages)) => messages.as_slice(),
        _ => return Verdict { seen: "∅".to_owned(), ..Verdict::default() },
    };
    let lines: Vec<String> = messages.iter().map(ToString::to_string).collect();
    let is_there = |wanted: &String| messages.iter().any(|message| message.is(wanted));
    let count = claim.count.is_none_or(|count| count == count_of(&lines));
    let mut expected: Vec<String> = claim.has.clone();
    expected.extend(claim.lacks.iter().map(|subject| format!("¬ {subject}")));
    expected.extend(claim.count.map(|count| format!("= {count}")));
    expected.extend(claim.text.iter().map(|line| format!("{line:?}")));
    expected.extend((!claim.parts.is_empty()).then(|| claim.parts.join(" + ")));
    let is_line = |wanted: &String| messages.iter().any(|message| message.lines.contains(wanted));
    let has_parts =
        claim.parts.is_empty() || messages.iter().any(|message| message.parts == claim.parts);
    let mut seen = format!("{}: {}", lines.len(), lines.join("; "));
    for message in messages.iter().take(LINES_MAX) {
        if !claim.text.is_empty() {
            seen.push_str(&format!(" | {:?}", message.lines));
        }
        if !claim.parts.is_empty() {
            seen.push_str(&format!(" | {}", message.parts.join(" + ")));
        }
    }
    Verdict {
        holds: count
            && !expected.is_empty()
            && claim.has.iter().all(is_there)
            && !claim.lacks.iter().any(is_there)
            && claim.text.iter().all(is_line)
            && has_parts,
        expected: expected.join("; "),
        seen,
        events: Vec::new(),
    }
}

fn queue(claim: &QueueClaim, snapshot: Option<&Snapshot>) -> Verdict {
    let waiting = match snapshot.map(|snapshot| &snapshot.state) {
        Some(State::Queue(waiting)) => waiting.as_slice(),
        _ => return Verdict { seen: "∅".to_owned(), ..Verdict::default() },
    };
    let count = claim.count.is_none_or(|count| count == count_of(waiting));
    let mut expected: Vec<String> = claim.has.clone();
    expected.extend(claim.count.map(|count| format!("= {count}")));
    Verdict {
        holds: count && !expected.is_empty() && claim.has.iter().all(|one| waiting.contains(one)),
        expected: expected.join("; "),
        seen: format!("{}: {}", waiting.len(), waiting.join("; ")),
        events: Vec::new(),
    }
}

fn count_of<T>(list: &[T]) -> u64 {
    u64::try_from(list.len()).unwrap_or(u64::MAX)
}

fn records_text(records: &[crate::lab::RecordShown]) -> String {
    let line = |record: &crate::lab::RecordShown| {
        format!("{} {} {} {}", record.name, record.ttl, record.record_type, record.data)
    };
    match records {
        [] => "∅".to_owned(),
        records => records.iter().take(LINES_MAX).map(line).collect::<Vec<_>>().join("; "),
    }
}

fn measure(claim: &MeasureClaim, figures: &Figures) -> Verdict {
    let id = claim.of.get_ref();
    let value = figures.value(id);
    let room = |bound: f64| bound.abs() * claim.tolerance;
    let other = claim.equals.as_ref().map(|other| figures.value(other.get_ref()));
    let mut expected = Vec::new();
    let mut holds = value.is_some();
    let mut want = |sign: &str, bound: Option<f64>, test: &dyn Fn(f64, f64) -> bool| {
        holds &= matches!((value, bound), (Some(value), Some(bound)) if test(value, bound));
        let bound = bound.map_or_else(|| "–".to_owned(), |bound| shown(bound, "", Language::En));
        expected.push(format!("{sign} {bound}"));
    };
    let near = |value: f64, bound: f64| (value - bound).abs() <= room(bound) + f64::EPSILON;
    if let Some(is) = claim.is {
        want("=", Some(is), &near);
    }
    if let Some(other) = other {
        want("=", other, &near);
    }
    if let Some(least) = claim.at_least {
        want("≥", Some(least), &|value, bound| value >= bound - room(bound));
    }
    if let Some(most) = claim.at_most {
        want("≤", Some(most), &|value, bound| value <= bound + room(bound));
    }
    if claim.tolerance > 0.0 {
        expected.push(format!("± {} %", shown(claim.tolerance * 100.0, "", Language::En)));
    }
    Verdict {
        holds: holds && !expected.is_empty(),
        expected: format!("{id} {}", expected.join(", ")),
        seen: figures.shown(id, Language::En),
        events: Vec::new(),
    }
}

fn join(filters: &[FilterText]) -> String {
    join_with(filters, " → ")
}

fn join_with(filters: &[FilterText], arrow: &str) -> String {
    filters.iter().map(|filter| filter.0.text()).collect::<Vec<_>>().join(arrow)
}

fn ids(events: &[&EventView]) -> Vec<u64> {
    events.iter().take(EVENTS_MAX).map(|event| event.id).collect()
}

/// Events that a failed check names; more help nobody.
const EVENTS_MAX: usize = 100;
/// Events that are written out in its text.
const LINES_MAX: usize = 12;
