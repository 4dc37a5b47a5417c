//! Claims about whole runs.

mod determinism;
mod sabotage;
mod scenario_errors;
