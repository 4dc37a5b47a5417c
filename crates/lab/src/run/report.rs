//! A report as text, JSON or JUnit.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::RunReport;
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
            .map_or_else(|| "–".to_owned(), |v| super::measure::shown(v, &measure.unit));
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
        report.duration.as_secs_f64(),
        report.digest
    );
    text
}

/// A ladder per step, with the step's heading.
fn draw(text: &mut String, report: &RunReport, format: Format, width: usize) {
    let options = LadderOptions { width, notes: format.notes };
    for (index, step) in report.steps.iter().enumerate() {
        let _ = writeln!(text, "\n{}: {}", step.id, step.title.in_language(format.language));
        let end = report.steps.get(index + 1).map_or(u64::MAX, |next| next.first_event);
        let start = report.events.partition_point(|event| event.id < step.first_event);
        let events = report.events.get(start..).unwrap_or_default();
        let events = &events[..events.partition_point(|event| event.id < end)];
        let shown = events.get(..STEP_EVENTS_MAX).unwrap_or(events);
        text.push_str(&ladder(shown, &report.hosts, options));
        if shown.len() < events.len() {
            let rest = events.len() - shown.len();
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

/// Runs as one JSON document. `id`, `passed`, `digest`, `checks` and their
/// `id`, `passed`, `expected`, `seen` are a contract.
#[must_use]
pub fn json_document(reports: &[RunReport]) -> Value {
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
    json!({ "scenarios": scenarios })
}

/// Runs as a JUnit document: a suite per scenario, a case per check.
#[must_use]
pub fn junit(reports: &[RunReport]) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for report in reports {
        let failures = report.checks.iter().filter(|check| !check.passed).count();
        let _ = writeln!(
            text,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\" errors=\"0\" \
             skipped=\"0\" time=\"{:.6}\">",
            escape(&report.id),
            report.checks.len(),
            report.duration.as_secs_f64(),
        );
        for check in &report.checks {
            let name = escape(&check.id);
            let class = escape(&report.id);
            if check.passed {
                let _ = writeln!(text, "    <testcase classname=\"{class}\" name=\"{name}\"/>");
                continue;
            }
            let _ = writeln!(text, "    <testcase classname=\"{class}\" name=\"{name}\">");
            let message = format!("expected {}, seen {}", check.expected, check.seen);
            let _ = writeln!(
                text,
                "      <failure message=\"{}\">{}</failure>\n    </testcase>",
                escape(&message),
                escape(&check.hint.en),
            );
        }
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
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
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
