//! A report as text, JSON or JUnit.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Value, json};

use super::measure::{in_language, shown};
use super::{CheckResult, RunReport};
use crate::story::{LadderOptions, ladder};
use crate::text::Language;

/// How much of a run the text shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Format {
    /// The language of the texts.
    pub language: Language,
    /// Columns of the terminal; the ladder is left out without.
    pub width: Option<usize>,
    /// Whether notes stand between the ladder's arrows.
    pub notes: bool,
}

/// A run for a terminal: ladder, figures, checks.
#[must_use]
pub fn text_report(report: &RunReport, format: Format) -> String {
    let say = |en: &'static str, es: &'static str| match format.language {
        Language::En => en,
        Language::Es => es,
    };
    let mut text = format!("{} — {}\n", report.id, report.title.in_language(format.language));
    if let Some(width) = format.width {
        draw(&mut text, report, format, width);
    }
    for measure in &report.measures {
        let value = measure
            .value
            .map_or_else(|| "–".to_owned(), |v| shown(v, &measure.unit, format.language));
        let _ = writeln!(text, "  {}: {value}", measure.name.in_language(format.language));
    }
    for check in &report.checks {
        let mark = if check.passed { '✓' } else { '✗' };
        let source = check.source.as_deref().map(|source| format!(" ({source})"));
        let says = check.says.in_language(format.language);
        let _ = writeln!(text, "  {mark} {says}{}", source.unwrap_or_default());
        if !check.passed {
            let _ = writeln!(text, "      {}: {}", say("expected", "esperado"), check.expected);
            let _ = writeln!(text, "      {}: {}", say("seen", "visto"), check.seen);
            let _ = writeln!(
                text,
                "      {}: {}",
                say("hint", "pista"),
                check.hint.in_language(format.language)
            );
            if !check.events.is_empty() {
                let ids: Vec<String> = check.events.iter().map(u64::to_string).collect();
                let _ = writeln!(text, "      {}: {}", say("events", "eventos"), ids.join(" "));
            }
        }
    }
    let (points, of) = report.score();
    let word = say("points", "puntos");
    let _ = writeln!(
        text,
        "  {points}/{of} {word} · {} s · {}",
        in_language(&report.duration.as_secs_f64().to_string(), format.language),
        report.digest
    );
    text
}

/// A ladder per step, with the step's heading.
fn draw(text: &mut String, report: &RunReport, format: Format, width: usize) {
    let options = LadderOptions { width, notes: format.notes, language: format.language };
    for (index, step) in report.steps.iter().enumerate() {
        let _ = writeln!(text, "\n{}: {}", step.id, step.title.in_language(format.language));
        let end = report.steps.get(index + 1).map_or(u64::MAX, |next| next.first_event);
        let start = report.events.partition_point(|event| event.id < step.first_event);
        let events = report.events.get(start..).unwrap_or_default();
        let events = &events[..events.partition_point(|event| event.id < end)];
        let first = events.get(..STEP_EVENTS_MAX).unwrap_or(events);
        text.push_str(&ladder(first, &report.hosts, options));
        if first.len() < events.len() {
            let rest = events.len() - first.len();
            let _ = match format.language {
                Language::En => writeln!(text, "   … {rest} events more: --events FILE writes all"),
                Language::Es => {
                    writeln!(text, "   … {rest} eventos más: --events ARCHIVO los escribe todos")
                }
            };
        }
    }
    text.push('\n');
}

/// Events of a step that a terminal shows: a few screens.
const STEP_EVENTS_MAX: usize = 300;

/// A scenario that was asked for and not run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// The scenario.
    pub id: String,
    /// Why, and what to do about it.
    pub why: String,
}

/// Runs as one JSON document. `id`, `passed`, `digest`, `checks` and their
/// `id`, `passed`, `expected`, `seen` are a contract, and so is `skipped`.
#[must_use]
pub fn json_document(reports: &[RunReport], skipped: &[Skipped]) -> Value {
    let scenarios: Vec<Value> = reports
        .iter()
        .map(|report| {
            let (points, points_max) = report.score();
            json!({
                "id": report.id,
                "passed": report.passed(),
                "digest": report.digest,
                "seed": report.seed,
                "checks": report.checks,
                "measures": report.measures,
                "statements": report.statements,
                "predictions": report.predictions,
                "points": points,
                "points_max": points_max,
                "duration_ns": report.duration.0,
                "events": report.events.len(),
                "evicted": report.evicted,
            })
        })
        .collect();
    json!({ "scenarios": scenarios, "skipped": skipped })
}

/// Runs as a JUnit document, as Jenkins and GitLab read it: a suite per
/// scenario, a case per check. The time of a suite is that of its network; a
/// check is a look at the whole run and takes none of it.
#[must_use]
pub fn junit(reports: &[RunReport], skipped: &[Skipped], language: Language) -> String {
    let failures = |report: &RunReport| report.checks.iter().filter(|c| !c.passed).count();
    let tests = reports.iter().map(|report| report.checks.len()).sum::<usize>() + skipped.len();
    let time: f64 = reports.iter().map(|report| report.duration.as_secs_f64()).sum();
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"capa7\" tests=\"{tests}\" \
         failures=\"{}\" errors=\"0\" skipped=\"{}\" time=\"{time:.6}\">\n",
        reports.iter().map(failures).sum::<usize>(),
        skipped.len(),
    );
    for report in reports {
        let class = escape(&report.id);
        let _ = writeln!(
            text,
            "  <testsuite name=\"{class}\" tests=\"{}\" failures=\"{}\" errors=\"0\" \
             skipped=\"0\" time=\"{:.6}\">",
            report.checks.len(),
            failures(report),
            report.duration.as_secs_f64(),
        );
        for check in &report.checks {
            push_case(&mut text, &class, check, language);
        }
        text.push_str("  </testsuite>\n");
    }
    for Skipped { id, why } in skipped {
        let (class, why) = (escape(id), escape(why));
        let _ = writeln!(
            text,
            "  <testsuite name=\"{class}\" tests=\"1\" failures=\"0\" errors=\"0\" \
             skipped=\"1\" time=\"0.000000\">\n    \
             <testcase classname=\"{class}\" name=\"{class}\" time=\"0.000000\">\n      \
             <skipped message=\"{why}\"/>\n    </testcase>\n  </testsuite>",
        );
    }
    text.push_str("</testsuites>\n");
    text
}

fn push_case(text: &mut String, class: &str, check: &CheckResult, language: Language) {
    let name = escape(&check.id);
    let _ = write!(text, "    <testcase classname=\"{class}\" name=\"{name}\" time=\"0.000000\"");
    if check.passed {
        text.push_str("/>\n");
        return;
    }
    let message = format!("expected {}, seen {}", check.expected, check.seen);
    let says = check.says.in_language(language);
    let hint = check.hint.in_language(language);
    let _ = writeln!(
        text,
        ">\n      <failure type=\"check\" message=\"{}\">{}\n{}</failure>\n    </testcase>",
        escape(&message),
        escape(says),
        escape(hint),
    );
}

/// Text within XML; characters that XML 1.0 cannot hold become spaces.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            // XML 1.0 §2.2: no controls, and not the last two of the first plane.
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
