//! The house's own chores.
//!
//! ```text
//! cargo xtask test                     everything that must hold, in one command
//! cargo xtask setup                    installs the outside programs that tests use
//! cargo xtask tidy                     the rules of the house that no compiler checks
//! cargo xtask ledger                   brings spec/ledger.tsv up to date with the sources
//! cargo xtask bench dns|net|lab|mail … comparisons with peers, in release mode
//! cargo xtask fuzz [TARGET] [SECONDS]  cargo-fuzz over one target, or over all
//! ```
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a tool talks to its terminal")]

mod shell;

mod setup;
mod test;
mod tidy;

mod ledger;
mod source;

mod forward;

use std::process::ExitCode;

use anyhow::Result;

/// What `cargo xtask` without a known word says.
const USAGE: &str = "\
Usage: cargo xtask COMMAND

  test                     format, lints, docs, tests, tidy, browser, sealed: everything
  setup                    install the outside programs that tests use (asks first)
  tidy                     check the rules of the house that no compiler checks
  ledger                   bring spec/ledger.tsv up to date with the sources
  bench dns|net|lab|mail … compare with peers, in release mode
  fuzz [TARGET] [SECONDS]  run cargo-fuzz over one target, or over all";

/// The exit code of a wrong command line.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match dispatch(&words) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(words: &[&str]) -> Result<ExitCode> {
    match words {
        ["test"] => test::run(),
        ["setup"] => setup::run(),
        ["tidy"] => tidy::run(),
        ["ledger"] => ledger::refresh::run(),
        ["bench", which @ ("dns" | "net" | "lab" | "mail"), rest @ ..] => {
            forward::bench(which, rest)
        }
        ["fuzz", rest @ ..] => forward::fuzz(rest),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        _ => {
            eprintln!("{USAGE}");
            Ok(ExitCode::from(EXIT_USAGE))
        }
    }
}
