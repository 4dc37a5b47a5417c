//! The lecture in order: what it says, what running software measured.
//!
//! The statements are in `spec/ledger.tsv`; a scenario says with
//! `[[statement]]` which of its checks show one, and what it measured.

use std::collections::{BTreeMap, BTreeSet};

use capa7_net::signals::Stop;
use serde::Serialize;
use serde_json::{Value, json};

use crate::run::{RunError, RunOptions, RunReport, run_virtual};
use crate::scenario::Scenario;
use crate::source::SourceError;
use crate::text::{Bilingual, Language};

/// One statement of the course.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Statement {
    /// `D4.2`.
    pub id: String,
    /// `D4`.
    pub row: String,
    /// What the lecture says.
    pub says: Bilingual,
    /// What the wire really does, where the lecture simplifies.
    pub wire: Option<Bilingual>,
    /// The scenario that shows it, or is to show it.
    pub scenario: Option<String>,
}

/// A statement with what was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Shown {
    /// The statement.
    #[serde(flatten)]
    pub statement: Statement,
    /// What was measured, none while nothing was.
    pub measured: Option<Bilingual>,
    /// Whether it holds.
    pub state: State,
    /// Checks of the scenario that did not hold.
    pub failed: Vec<String>,
}

/// Whether a statement holds of running software.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Every check behind it holds.
    Yes,
    /// One does not.
    No,
    /// No scenario shows it.
    NotYet,
}

impl State {
    /// The sign of a list.
    #[must_use]
    pub const fn mark(self) -> char {
        match self {
            Self::Yes => '✓',
            Self::No => '✗',
            Self::NotYet => '·',
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::NotYet => "not yet",
        }
    }
}

/// A row of the course with its statements.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Station {
    /// `D4`.
    pub id: String,
    /// Its statements in the lecture's order.
    pub statements: Vec<Shown>,
}

/// Every statement of the course, in the lecture's order.
///
/// # Errors
/// When a line of the ledger does not have its columns.
pub fn statements() -> Result<Vec<Statement>, SourceError> {
    parse(LEDGER)
}

fn parse(text: &str) -> Result<Vec<Statement>, SourceError> {
    let mut lines = text.lines().enumerate();
    let head: Vec<&str> = lines.next().map_or(Vec::new(), |(_, line)| line.split('\t').collect());
    let mut statements = Vec::new();
    for (number, line) in lines {
        let cells: Vec<&str> = line.split('\t').collect();
        if cells.first() != Some(&"course") {
            continue;
        }
        let cell = |name: &str| {
            let place = head.iter().position(|column| *column == name);
            let found = place.and_then(|place| cells.get(place)).map(|cell| (*cell).to_owned());
            found.ok_or_else(|| SourceError {
                file: LEDGER_FILE.to_owned(),
                position: Some((number + 1, 1)),
                problem: format!("the line has no column `{name}`"),
            })
        };
        let wire = Bilingual::new(cell("wire_en")?, cell("wire_es")?);
        statements.push(Statement {
            id: cell("id")?,
            row: cell("row")?,
            says: Bilingual::new(cell("says_en")?, cell("says_es")?),
            wire: (!wire.en.is_empty()).then_some(wire),
            scenario: Some(cell("scenario")?).filter(|name| !name.is_empty()),
        });
    }
    Ok(statements)
}

/// Runs the scenarios behind the statements in virtual time and says of each
/// what was measured. `station` is a row (`D4`), a statement (`D4.2`) or a
/// letter; `made` are reports of scenarios that were run elsewhere.
///
/// # Errors
/// When a carried scenario is not well formed or cannot be run, and when
/// `stop` ends the walk.
pub fn walk(
    station: Option<&str>,
    made: Vec<RunReport>,
    stop: &Stop,
) -> Result<Vec<Station>, RunError> {
    let options = RunOptions { stop: stop.clone(), ..RunOptions::default() };
    let scenarios = statements_of_scenarios()?;
    let mut reports: BTreeMap<String, RunReport> =
        made.into_iter().map(|report| (report.id.clone(), report)).collect();
    let mut stations: Vec<Station> = Vec::new();
    for statement in statements()?.into_iter().filter(|s| is_wanted(s, station)) {
        let shown = match scenarios.get(&statement.id) {
            None => {
                // The ledger names the scenario that is to show it: there is none.
                let statement = Statement { scenario: None, ..statement };
                Shown { statement, measured: None, state: State::NotYet, failed: Vec::new() }
            }
            Some(id) => {
                if !reports.contains_key(id) {
                    let scenario = Scenario::carried(id)?;
                    match run_virtual(&scenario, &options) {
                        Ok(report) => drop(reports.insert(id.clone(), report)),
                        // Its report has to be made in a sealed lab.
                        Err(RunError::NeedsSealed(_)) => {}
                        Err(error) => return Err(error),
                    }
                }
                show(statement, id, reports.get(id))
            }
        };
        match stations.last_mut() {
            Some(last) if last.id == shown.statement.row => last.statements.push(shown),
            _ => {
                stations.push(Station { id: shown.statement.row.clone(), statements: vec![shown] })
            }
        }
    }
    Ok(stations)
}

/// The scenarios behind a station that virtual time cannot run: they run
/// programs of the machine, in a sealed lab.
///
/// # Errors
/// When a carried file is not well formed.
pub fn needing_programs(station: Option<&str>) -> Result<Vec<Scenario>, SourceError> {
    let scenarios = statements_of_scenarios()?;
    let wanted = statements()?.into_iter().filter(|statement| is_wanted(statement, station));
    let ids: BTreeSet<String> =
        wanted.filter_map(|statement| scenarios.get(&statement.id).cloned()).collect();
    let carried = ids.iter().map(|id| Scenario::carried(id)).collect::<Result<Vec<_>, _>>()?;
    Ok(carried.into_iter().filter(Scenario::needs_programs).collect())
}

/// Which scenario shows which statement.
fn statements_of_scenarios() -> Result<BTreeMap<String, String>, SourceError> {
    let mut map = BTreeMap::new();
    for id in Scenario::all() {
        let scenario = Scenario::carried(&id)?;
        for statement in scenario.statement_ids() {
            map.entry(statement).or_insert_with(|| id.clone());
        }
    }
    Ok(map)
}

fn is_wanted(statement: &Statement, station: Option<&str>) -> bool {
    let Some(station) = station else { return true };
    let is = |text: &str| text.eq_ignore_ascii_case(station);
    let letter = statement.row.trim_end_matches(|c: char| c.is_ascii_digit());
    is(&statement.row) || is(&statement.id) || is(letter)
}

fn show(mut statement: Statement, scenario: &str, report: Option<&RunReport>) -> Shown {
    statement.scenario = Some(scenario.to_owned());
    let result = report.and_then(|report| {
        Some((report, report.statements.iter().find(|result| result.id == statement.id)?))
    });
    let Some((report, result)) = result else {
        return Shown { statement, measured: None, state: State::NotYet, failed: Vec::new() };
    };
    let failed = report.checks.iter().filter(|check| !check.passed);
    let behind = failed.filter(|check| result.checks.contains(&check.id));
    Shown {
        statement,
        measured: Some(result.measured.clone()),
        state: if result.holds { State::Yes } else { State::No },
        failed: behind.map(|check| check.id.clone()).collect(),
    }
}

/// The walk as text for a terminal.
#[must_use]
pub fn text(stations: &[Station], language: Language) -> String {
    let say = |en: &'static str, es: &'static str| match language {
        Language::En => en,
        Language::Es => es,
    };
    let mut text = String::new();
    let mut counts = [0_usize; 3];
    for station in stations {
        text.push_str(&format!("{}\n", station.id));
        for shown in &station.statements {
            counts[shown.state as usize] += 1;
            let Shown { statement, .. } = shown;
            let says = statement.says.in_language(language);
            text.push_str(&format!("  {} {:<6} {says}\n", shown.state.mark(), statement.id));
            let mut line = |label: &str, words: &str| {
                text.push_str(&format!("           {label} {words}\n"));
            };
            match &shown.measured {
                Some(measured) => {
                    line(say("measured:", "medido:"), measured.in_language(language));
                }
                // It is shown, but not in virtual time.
                None if statement.scenario.is_some() => line(
                    say("not run:", "no ejecutado:"),
                    say("it needs --net sealed", "necesita --net sealed"),
                ),
                None => line(
                    say("not yet:", "todavía no:"),
                    say("no scenario shows it", "ningún escenario lo muestra"),
                ),
            }
            if let Some(wire) = &statement.wire {
                line(say("on the wire:", "en el cable:"), wire.in_language(language));
            }
            if !shown.failed.is_empty() {
                line(say("failed:", "falla:"), &shown.failed.join(", "));
            }
        }
    }
    let [yes, no, not_yet] = counts;
    text.push_str(&match language {
        Language::En => format!("{yes} hold, {no} do not, {not_yet} not yet\n"),
        Language::Es => format!("{yes} se cumplen, {no} no, {not_yet} todavía no\n"),
    });
    text
}

/// The walk as a JSON document: `stations`, `id`, `statements` and their
/// `id`, `row`, `says`, `measured`, `state` are a contract.
#[must_use]
pub fn json_document(stations: &[Station], language: Language) -> Value {
    let statement = |shown: &Shown| {
        let Shown { statement, measured, state, failed } = shown;
        json!({
            "id": statement.id,
            "row": statement.row,
            "says": statement.says.in_language(language),
            "measured": measured.as_ref().map(|text| text.in_language(language)),
            "state": state.word(),
            "wire": statement.wire.as_ref().map(|text| text.in_language(language)),
            "scenario": statement.scenario,
            "failed": failed,
        })
    };
    let station = |station: &Station| {
        let statements: Vec<Value> = station.statements.iter().map(statement).collect();
        json!({ "id": station.id, "statements": statements })
    };
    json!({ "stations": stations.iter().map(station).collect::<Vec<_>>() })
}

const LEDGER: &str = include_str!("../../../spec/ledger.tsv");
const LEDGER_FILE: &str = "spec/ledger.tsv";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_statement_has_both_languages_and_a_row() {
        let statements = statements().unwrap();
        assert!(statements.len() > 100);
        for statement in &statements {
            assert!(!statement.says.en.is_empty() && !statement.says.es.is_empty());
            assert!(statement.id.starts_with(&format!("{}.", statement.row)), "{}", statement.id);
        }
    }

    #[test]
    fn scenarios_show_only_statements_of_the_course() {
        let known = statements().unwrap();
        for (statement, scenario) in statements_of_scenarios().unwrap() {
            assert!(known.iter().any(|s| s.id == statement), "{scenario}: {statement}");
        }
    }

    #[test]
    fn a_line_without_its_columns_is_told_with_its_number() {
        let error = parse("kind\tid\trow\tsays_en\ncourse\tD1.1\n").unwrap_err();
        assert_eq!(error.position, Some((2, 1)));
    }
}
