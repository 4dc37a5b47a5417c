//! `cargo xtask test`: everything that must hold, in one command.
//!
//! The stages run in the order of [`STAGES`]; one that fails does not keep the next
//! from running. The last line is `N passed, N failed, N skipped`.

mod browser;
mod cargo_test;
mod room;
mod sealed;
mod skip_log;
mod tally;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;

use crate::setup::PEERS;
use crate::{setup, shell, tidy};
use tally::Tally;

/// What the stages share.
#[derive(Debug)]
struct Settings {
    /// Where builds go.
    target: PathBuf,
    /// Whether a missing peer is a failure.
    strict: bool,
}

/// One stage: its name, and what it does.
type Stage = (&'static str, fn(&Settings) -> Result<Tally>);

/// The stages in order: what is quick and finds most first.
const STAGES: [Stage; 9] = [
    ("peers", peers),
    ("format", format),
    ("lints", lints),
    ("docs", docs),
    ("tests, corpora, interop", cargo_test::run),
    ("tidy", |_| tidy_stage()),
    ("page types", browser::types),
    ("page in a browser", browser::pages),
    ("sealed tests, unprivileged", sealed::run),
];

/// Runs every stage.
pub(crate) fn run() -> Result<ExitCode> {
    let strict = shell::unattended();
    let settings = Settings { target: shell::target_folder(&shell::metadata()?)?, strict };
    room::warn(&settings);
    let clock = shell::Stopwatch::start();
    let mut total = Tally::default();
    let mut failed = Vec::new();
    for (name, stage) in STAGES {
        println!("\n== {name}");
        let clock = shell::Stopwatch::start();
        let tally = stage(&settings).unwrap_or_else(|error| {
            println!("error: {error:#}");
            Tally::failed(1)
        });
        for skipped in &tally.skipped {
            println!("skipped: {skipped}");
        }
        println!("-- {name}: {tally} in {:.1} s", clock.elapsed().as_secs_f64());
        if tally.failed > 0 {
            failed.push(name);
        }
        total += tally;
    }
    println!("\nall stages in {:.0} s", clock.elapsed().as_secs_f64());
    if !failed.is_empty() {
        println!("failed: {}", failed.join(" · "));
        room::blame(&settings);
    }
    println!("{total}");
    Ok(if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Installs the peers when nobody is there to do it, then counts them.
fn peers(settings: &Settings) -> Result<Tally> {
    if settings.strict
        && let Err(error) = setup::run()
    {
        println!("error: {error:#}"); // What is missing all the same is counted below.
    }
    let mut tally = Tally::default();
    for peer in &PEERS {
        match (peer.is_here(), settings.strict) {
            (true, _) => tally.passed += 1,
            (false, true) => {
                println!("missing: {} ({}), for {}", peer.name, peer.package, peer.why);
                tally.failed += 1;
            }
            (false, false) => tally.skip(format!("{} is missing: {}", peer.name, peer.why)),
        }
    }
    Ok(tally)
}

fn format(_: &Settings) -> Result<Tally> {
    let held = shell::succeeds(shell::cargo().args(["fmt", "--all", "--check"]))?;
    Ok(Tally::of(held))
}

fn lints(_: &Settings) -> Result<Tally> {
    let mut cargo = shell::cargo();
    cargo.args(["clippy", "--quiet", "--locked", "--workspace", "--all-targets"]);
    Ok(Tally::of(shell::succeeds(cargo.args(["--", "-D", "warnings"]))?))
}

fn docs(_: &Settings) -> Result<Tally> {
    let mut cargo = shell::cargo();
    cargo.args(["doc", "--quiet", "--locked", "--workspace", "--no-deps"]);
    Ok(Tally::of(shell::succeeds(cargo.env("RUSTDOCFLAGS", "-D warnings"))?))
}

fn tidy_stage() -> Result<Tally> {
    let report = tidy::check_all(&shell::root())?;
    report.print();
    Ok(Tally { passed: report.held(), failed: report.broken(), skipped: Vec::new() })
}
