//! Every scenario passes as it is, and each of its deliberate faults makes
//! exactly the checks fail that it names.

use std::collections::BTreeSet;

use capa7_lab::run::{RunOptions, RunReport, run_virtual};
use capa7_lab::scenario::Scenario;

fn run(scenario: &Scenario, break_with: Option<&str>) -> RunReport {
    let options = RunOptions { break_with: break_with.map(str::to_owned), ..RunOptions::default() };
    run_virtual(scenario, &options)
        .unwrap_or_else(|error| panic!("{} broken with {break_with:?}: {error}", scenario.id))
}

fn failed(report: &RunReport) -> Vec<String> {
    let failed = report.checks.iter().filter(|check| !check.passed);
    failed.map(|c| format!("{}: expected {}, seen {}", c.id, c.expected, c.seen)).collect()
}

#[test]
fn every_scenario_passes_with_its_own_seed_and_with_others() {
    for id in Scenario::all() {
        let scenario = Scenario::carried(&id).unwrap_or_else(|error| panic!("{error}"));
        if scenario.needs_programs() {
            continue;
        }
        for seed in [None, Some(1), Some(20_210_421)] {
            let options = RunOptions { seed, ..RunOptions::default() };
            let report = run_virtual(&scenario, &options).unwrap_or_else(|e| panic!("{id}: {e}"));
            assert_eq!(failed(&report), Vec::<String>::new(), "{id}, seed {seed:?}");
            assert!(!report.checks.is_empty(), "{id} checks nothing");
            assert_eq!(report.evicted, 0, "{id} makes more events than a run may hold");
        }
    }
}

#[test]
fn each_sabotage_makes_exactly_the_intended_checks_fail() {
    for id in Scenario::all() {
        let scenario = Scenario::carried(&id).unwrap_or_else(|error| panic!("{error}"));
        let sabotages = scenario.sabotages();
        assert!(!sabotages.is_empty(), "{id} has no deliberate fault");
        if scenario.needs_programs() {
            continue;
        }
        for (name, fails) in sabotages {
            let report = run(&scenario, Some(&name));
            let seen: BTreeSet<&str> =
                report.checks.iter().filter(|c| !c.passed).map(|c| c.id.as_str()).collect();
            let wanted: BTreeSet<&str> = fails.iter().map(String::as_str).collect();
            assert_eq!(seen, wanted, "{id} broken with {name}: {:#?}", failed(&report));
        }
    }
}

#[test]
fn each_statement_that_a_scenario_shows_names_its_row() {
    for id in Scenario::all() {
        let scenario = Scenario::carried(&id).unwrap_or_else(|error| panic!("{error}"));
        for statement in scenario.statement_ids() {
            let row = statement.split('.').next().unwrap_or_default().to_owned();
            let named = scenario.course.contains(&statement) || scenario.course.contains(&row);
            assert!(named, "{id} shows {statement} and does not name it in `course`");
        }
    }
}
