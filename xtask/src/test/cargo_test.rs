//! The stage of `cargo test --workspace`: unit tests, integration tests, replayed
//! fuzz corpora, tests beside real programs, examples in docs.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::Settings;
use super::skip_log::SkipLog;
use super::tally::Tally;
use crate::shell;

/// Builds the binary, which other stages run, then runs every test.
pub(crate) fn run(settings: &Settings) -> Result<Tally> {
    let build = ["build", "--locked", "--package", "capa7"];
    let mut tally = Tally::default();
    if !shell::succeeds(shell::cargo().args(build))? {
        tally += Tally::failed(1);
    }
    let log = SkipLog::create(&settings.target.join("xtask"))?;
    let mut cargo = shell::cargo();
    cargo.args(["test", "--locked", "--workspace", "--no-fail-fast"]);
    log.attach(&mut cargo, settings);
    tally += count(&mut cargo)?;
    tally.move_to_skipped(log.take()?);
    Ok(tally)
}

/// Runs a command whose output has libtest's lines, shows what is not a passed
/// test, and counts.
pub(crate) fn count(command: &mut Command) -> Result<Tally> {
    let mut child = command.stdout(Stdio::piped()).stdin(Stdio::null()).spawn()?;
    let stdout = child.stdout.take().context("no stdout")?;
    let mut tally = Tally::default();
    for line in BufReader::new(stdout).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        if let Some(result) = read_result(&line) {
            tally += result;
        }
        if is_worth_showing(&line) {
            println!("{line}");
        }
    }
    // A crate that does not compile, or a test that aborts, has no result line.
    if !child.wait()?.success() && tally.failed == 0 {
        tally.failed = 1;
    }
    Ok(tally)
}

/// Reads `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
fn read_result(line: &str) -> Option<Tally> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let mut tally = Tally::default();
    for part in counts.split("; ") {
        let Some((number, word)) = part.split_once(' ') else { continue };
        let Ok(number) = number.parse::<usize>() else { continue };
        match word {
            "passed" => tally.passed = number,
            "failed" => tally.failed = number,
            "ignored" => (0..number).for_each(|_| tally.skip("an ignored test".to_owned())),
            _ => {}
        }
    }
    Some(tally)
}

fn is_worth_showing(line: &str) -> bool {
    let passed = line.starts_with("test ") && line.ends_with(" ... ok");
    let quiet = line.is_empty()
        || line.starts_with("running ")
        || line.starts_with("test result: ok")
        || line.starts_with("all doctests ran");
    !passed && !quiet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_counts_of_a_result_line_are_read() {
        let line = "test result: FAILED. 12 passed; 2 failed; 1 ignored; 0 measured; 3 filtered \
                    out; finished in 0.31s";
        let tally = read_result(line).expect("a result line");
        assert_eq!(tally.to_string(), "12 passed, 2 failed, 1 skipped");
        assert_eq!(read_result("test a ... ok"), None);
    }

    #[test]
    fn a_failed_test_is_shown_and_a_passed_one_is_not() {
        assert!(is_worth_showing("test a::b ... FAILED"));
        assert!(is_worth_showing("thread 'a' panicked at src/x.rs:3:1:"));
        assert!(!is_worth_showing("test a::b ... ok"));
    }

    #[test]
    fn a_command_that_fails_without_a_count_is_one_failure() {
        let tally = count(&mut Command::new("false")).expect("`false` starts");
        assert_eq!((tally.passed, tally.failed), (0, 1));
    }
}
