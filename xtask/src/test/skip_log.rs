//! The file in which tests say that they did not run (see `capa7-peers`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::Settings;

/// A skip log for the programs of one stage.
#[derive(Debug)]
pub(crate) struct SkipLog(PathBuf);

impl SkipLog {
    /// An empty log, in `folder`.
    pub(crate) fn create(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let path = folder.join(format!("skipped-{}.log", std::process::id()));
        std::fs::write(&path, "")?;
        Ok(Self(path))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Makes a command, and all that it starts, write here; and fail instead where
    /// peers are required.
    pub(crate) fn attach(&self, command: &mut Command, settings: &Settings) {
        command.env(capa7_peers::SKIP_LOG, &self.0);
        if settings.strict {
            command.env(capa7_peers::REQUIRE_PEERS, "1");
        }
    }

    /// One line for each test that skipped, and the log is gone.
    pub(crate) fn take(self) -> Result<Vec<String>> {
        let text = std::fs::read_to_string(&self.0)?;
        std::fs::remove_file(&self.0)?;
        Ok(per_test(&text))
    }
}

/// Joins what each test misses: one that asks for two peers is one skipped test.
fn per_test(text: &str) -> Vec<String> {
    let mut tests: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in text.lines() {
        let (test, what) = line.split_once('\t').unwrap_or((line, "?"));
        tests.entry(test).or_default().push(what);
    }
    tests.iter().map(|(test, what)| format!("{test}: {}", what.join(", "))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_misses_two_peers_is_one_skipped_test() {
        let lines = per_test("b\tdig\na\ttshark\nb\tnsd\n");
        assert_eq!(lines, ["a: tshark", "b: dig, nsd"]);
    }
}
