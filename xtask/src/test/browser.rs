//! The page: its types checked by the TypeScript compiler, and its tests in a real
//! browser.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::Result;

use super::Settings;
use super::skip_log::SkipLog;
use super::tally::Tally;
use crate::{setup, shell};

/// Where the type check's settings are; the first that exists counts.
const TYPE_SETTINGS: [&str; 2] = ["web/jsconfig.json", "web/tsconfig.json"];

/// The program that runs the browser tests; its last line is
/// `N passed, N failed, N skipped`.
const RUNNER: &str = "web-tests/run.mjs";

/// Checks the JSDoc types of the page's modules.
pub(crate) fn types(settings: &Settings) -> Result<Tally> {
    let root = shell::root();
    let Some(project) = TYPE_SETTINGS.iter().map(|name| root.join(name)).find(|p| p.exists())
    else {
        return Ok(not_there("web/jsconfig.json"));
    };
    let compiler = root.join("web-tests/node_modules/typescript/bin/tsc");
    let Some(node) = ready(settings)? else { return Ok(missing_npm(settings)) };
    let mut tsc = shell::command(node);
    tsc.arg(compiler).args(["--noEmit", "--project"]).arg(project);
    Ok(Tally::of(shell::succeeds(&mut tsc)?))
}

/// Runs the browser tests against the binary that the tests' stage built.
pub(crate) fn pages(settings: &Settings) -> Result<Tally> {
    let root = shell::root();
    if !root.join(RUNNER).exists() {
        return Ok(not_there(RUNNER));
    }
    let Some(chromium) = capa7_peers::find("chromium") else {
        return Ok(Tally::missing("chromium", settings.strict));
    };
    let Some(node) = ready(settings)? else { return Ok(missing_npm(settings)) };
    let log = SkipLog::create(&settings.target.join("xtask"))?;
    let mut command = shell::command(node);
    command.arg(RUNNER);
    command.env("CAPA7_BIN", settings.target.join("debug/capa7"));
    command.env("CAPA7_CHROMIUM", chromium);
    log.attach(&mut command, settings);
    let output = command.stderr(Stdio::inherit()).stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    print!("{text}");
    let mut tally = text.lines().rev().find_map(read_counts).unwrap_or_default();
    if !output.status.success() {
        tally.failed = tally.failed.max(1);
    }
    // The runner's own count is the truth; the log has the reasons of what it skipped.
    let reasons = log.take()?;
    if tally.skipped.len() == reasons.len() {
        tally.skipped = reasons;
    }
    Ok(tally)
}

/// Node, when it and the npm packages are here.
fn ready(settings: &Settings) -> Result<Option<PathBuf>> {
    let packages = shell::root().join("web-tests/node_modules").is_dir();
    let current = setup::npm_is_here(&settings.target)?;
    Ok(capa7_peers::find("node").filter(|_| packages && current))
}

fn missing_npm(settings: &Settings) -> Tally {
    Tally::missing("node with the packages of web-tests/package.json", settings.strict)
}

fn not_there(what: &str) -> Tally {
    let mut tally = Tally::default();
    tally.skip(format!("this checkout has no {what}"));
    tally
}

/// Reads `12 passed, 0 failed, 1 skipped`.
fn read_counts(line: &str) -> Option<Tally> {
    let mut parts = line.trim().split(", ").map(|part| part.split_once(' '));
    let mut next = |wanted: &str| {
        let (number, word) = parts.next()??;
        (word == wanted).then(|| number.parse::<usize>().ok())?
    };
    let (passed, failed, skipped) = (next("passed")?, next("failed")?, next("skipped")?);
    let skipped = vec!["a test of the page".to_owned(); skipped];
    Some(Tally { passed, failed, skipped })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_line_of_the_runner_is_read() {
        let tally = read_counts("3 passed, 2 failed, 1 skipped").expect("a closing line");
        assert_eq!(tally.to_string(), "3 passed, 2 failed, 1 skipped");
        for other in ["3 passed", "3 passed, 2 failed, many skipped", "ok 1 - opens", ""] {
            assert_eq!(read_counts(other), None, "{other:?}");
        }
    }
}
