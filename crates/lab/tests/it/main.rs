//! Claims about whole runs.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod determinism;
mod drawings;
mod language;
mod sabotage;
mod scenario_errors;
