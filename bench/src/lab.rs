//! The default world: how long until its last server listens, and what it holds in
//! memory; then every scenario in virtual time.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use capa7_net::stopwatch::StopWatch;

use crate::processes::{Family, capa7};
use crate::table::{median, publish, say};

/// What the documentation promises of a world of fifty hosts.
const SECONDS_MAX: f64 = 1.0;
const MEBIBYTES_MAX: f64 = 100.0;

/// Measures the rounds, prints the figures and writes them to `docs/benchmarks.md`.
///
/// # Errors
/// Without a release build, when a lab does not come up, or a figure is not met.
pub(crate) fn run(rounds: u32) -> Result<()> {
    let program = capa7()?;
    let mut seconds = Vec::new();
    let mut mebibytes = Vec::new();
    let mut what = String::new();
    for _ in 0..rounds {
        let up = up(&program)?;
        seconds.push(up.seconds);
        mebibytes.push(up.mebibytes);
        what = up.what;
    }
    let (seconds, mebibytes) = (median(&seconds), median(&mebibytes));
    let (scenarios, took) = scenarios(&program)?;
    let text = format!(
        "## The lab\n\n`cargo xtask bench lab {rounds}`: a {what}, from the start of the process \
         until it says that it is up: {seconds:.2} s (at most {SECONDS_MAX} s), then \
         {mebibytes:.0} MiB in use with its page (at most {MEBIBYTES_MAX} MiB); medians of \
         {rounds} rounds. All {scenarios} scenarios in virtual time, one after the other: \
         {took:.1} s.\n\n"
    );
    say(&text);
    publish("bench lab", &text)?;
    ensure!(seconds <= SECONDS_MAX && mebibytes <= MEBIBYTES_MAX, "slower or larger than promised");
    Ok(())
}

/// A lab that came up.
struct Up {
    /// What it calls itself.
    what: String,
    seconds: f64,
    mebibytes: f64,
}

fn up(program: &Path) -> Result<Up> {
    let name = format!("bench-{}", std::process::id());
    let watch = StopWatch::start();
    let mut lab = Command::new(program)
        .args(["lab", "--http", "127.0.0.1:0", "--name", &name])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let family = Family::of(lab.id());
    let mut line = String::new();
    let output = lab.stdout.take().context("a pipe")?;
    let read = BufReader::new(output).read_line(&mut line);
    let seconds = watch.elapsed().as_secs_f64();
    let memory = family.memory_kib();
    family.end();
    lab.wait()?;
    read?;
    let Some((what, _)) = line.split_once(", up in ") else {
        bail!("the lab did not come up: it said {line:?}");
    };
    let mebibytes = f64::from(u32::try_from(memory)?) / 1024.0;
    Ok(Up { what: what.to_owned(), seconds, mebibytes })
}

/// How many scenarios were run, and the seconds that they took together. Those that need
/// programs of this machine are left out in virtual time.
fn scenarios(program: &Path) -> Result<(usize, f64)> {
    let watch = StopWatch::start();
    let run = Command::new(program).args(["run", "all", "--json"]).output()?;
    let seconds = watch.elapsed().as_secs_f64();
    ensure!(run.status.success(), "a scenario failed: `capa7 run all` says which");
    // Each scenario's report has one digest.
    let count = String::from_utf8_lossy(&run.stdout).matches("\"digest\"").count();
    Ok((count, seconds))
}
