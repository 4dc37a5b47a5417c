//! The page: its types checked by the TypeScript compiler, and its tests in a real
//! browser.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result};

use super::Settings;
use super::skip_log::SkipLog;
use super::tally::Tally;
use crate::{setup, shell};

/// Where the type check's settings are; the first that exists counts.
const TYPE_SETTINGS: [&str; 2] = ["web/jsconfig.json", "web/tsconfig.json"];

/// How the name of a browser test's file ends.
const TEST_ENDS: [&str; 2] = [".test.mjs", ".test.js"];

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

/// Runs the browser tests with node's own test runner.
pub(crate) fn pages(settings: &Settings) -> Result<Tally> {
    let files = test_files(&shell::root().join("web-tests"))?;
    if files.is_empty() {
        return Ok(not_there("web-tests/*.test.mjs"));
    }
    let Some(chromium) = capa7_peers::find("chromium") else {
        return Ok(Tally::missing("chromium", settings.strict));
    };
    let Some(node) = ready(settings)? else { return Ok(missing_npm(settings)) };
    let log = SkipLog::create(&settings.target.join("xtask"))?;
    let mut command = shell::command(node);
    command.args(["--test", "--test-reporter=tap"]).args(&files);
    command.env("CAPA7_BIN", settings.target.join("debug/capa7"));
    command.env("CAPA7_CHROMIUM", chromium);
    log.attach(&mut command, settings);
    let output = command.stderr(Stdio::inherit()).stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut tally = read_tap(&text);
    if !output.status.success() {
        println!("{text}");
        tally.failed = tally.failed.max(1);
    }
    tally.move_to_skipped(log.take()?);
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

fn test_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    if !folder.is_dir() {
        return Ok(files);
    }
    for entry in folder.read_dir().with_context(|| format!("read {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if TEST_ENDS.iter().any(|end| name.ends_with(end)) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Reads the closing lines of node's test runner: `# pass 12`, `# fail 0`.
fn read_tap(text: &str) -> Tally {
    let mut tally = Tally::default();
    for line in text.lines() {
        let Some((word, number)) = line.strip_prefix("# ").and_then(|l| l.split_once(' ')) else {
            continue;
        };
        let Ok(number) = number.parse::<usize>() else { continue };
        match word {
            "pass" => tally.passed += number,
            "fail" | "cancelled" => tally.failed += number,
            "skipped" | "todo" => {
                (0..number).for_each(|_| tally.skip("a browser test that says so".to_owned()));
            }
            _ => {}
        }
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_lines_of_nodes_runner_are_counted() {
        let text = "ok 1 - opens\n# Subtest: x\n# tests 5\n# suites 0\n# pass 3\n# fail 1\n\
                    # cancelled 1\n# skipped 1\n# todo 0\n# duration_ms 12.5\n";
        assert_eq!(read_tap(text).to_string(), "3 passed, 2 failed, 1 skipped");
    }
}
