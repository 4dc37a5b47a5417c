//! Claims about whole runs.

mod determinism;
mod drawings;
mod sabotage;
mod scenario_errors;
