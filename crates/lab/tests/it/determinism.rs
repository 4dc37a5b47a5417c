//! One seed, one run: in every process.

use std::process::Command;

use capa7_lab::run::{RunOptions, run_virtual};
use capa7_lab::scenario::Scenario;

/// In the environment of a child: print digests instead of comparing them.
const CHILD: &str = "CAPA7_TEST_PRINTS_DIGESTS";
const MARK: &str = "digest of ";

fn digests(seed: u64) -> Vec<String> {
    let run = |id: String| {
        let scenario = Scenario::carried(&id).unwrap_or_else(|error| panic!("{error}"));
        if scenario.needs_programs() {
            return None;
        }
        let options = RunOptions { seed: Some(seed), ..RunOptions::default() };
        let report = run_virtual(&scenario, &options).unwrap_or_else(|e| panic!("{id}: {e}"));
        Some(format!("{MARK}{id}: {}", report.digest))
    };
    // Programs of the machine are outside of virtual time.
    Scenario::all().into_iter().filter_map(run).collect()
}

#[test]
fn two_processes_with_one_seed_have_the_digests_of_each_other() {
    // Goal: every scenario is a function of its seed, across processes.
    let own = digests(11);
    if std::env::var_os(CHILD).is_some() {
        for line in own {
            println!("{line}");
        }
        return;
    }
    let name = "determinism::two_processes_with_one_seed_have_the_digests_of_each_other";
    let child = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    let text = String::from_utf8(child.stdout).unwrap();
    let other: Vec<String> =
        text.lines().filter_map(|line| Some(line[line.find(MARK)?..].to_owned())).collect();
    assert!(!own.is_empty());
    assert_eq!(own, other);
}

#[test]
fn another_seed_gives_another_run() {
    assert_ne!(digests(11), digests(12));
}
