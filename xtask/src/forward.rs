//! Commands that only call another tool: benchmarks and fuzzing.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::shell;

/// How long each fuzz target runs when nobody says it, in seconds.
const FUZZ_SECONDS: u32 = 60;
/// Octets of an input, MiB of memory, seconds for one input.
const FUZZ_BOUNDS: [&str; 3] = ["-max_len=4096", "-rss_limit_mb=2048", "-timeout=20"];

/// Builds and runs `bench/` in release mode: `dns`, `net`, `lab` or `mail`, with its own options.
pub(crate) fn bench(which: &str, rest: &[&str]) -> Result<ExitCode> {
    let mut cargo = shell::cargo();
    cargo.args(["run", "--release", "--package", "capa7-bench", "--", which]).args(rest);
    Ok(exit_code(shell::succeeds(&mut cargo)?))
}

/// Runs one fuzz target, or each in turn, for a bounded time.
pub(crate) fn fuzz(rest: &[&str]) -> Result<ExitCode> {
    let (targets, seconds) = match *rest {
        [] => (fuzz_targets()?, FUZZ_SECONDS),
        [target] => (vec![target.to_owned()], FUZZ_SECONDS),
        [target, seconds] => {
            let seconds = seconds.parse().with_context(|| format!("no seconds: {seconds}"))?;
            (vec![target.to_owned()], seconds)
        }
        _ => bail!("usage: cargo xtask fuzz [TARGET] [SECONDS]"),
    };
    if capa7_peers::find("cargo-fuzz").is_none() {
        bail!("cargo-fuzz is missing: `cargo install cargo-fuzz`, and a nightly toolchain");
    }
    let mut all_held = true;
    for target in targets {
        println!("fuzz: {target} for {seconds} s");
        let mut cargo = shell::command("cargo");
        cargo.args(["+nightly", "fuzz", "run", target.as_str()]);
        cargo.args(["--", &format!("-max_total_time={seconds}")]).args(FUZZ_BOUNDS);
        if let Some(dictionary) = dictionary(&target) {
            cargo.arg(format!("-dict={}", dictionary.display()));
        }
        all_held &= shell::succeeds(&mut cargo)?;
    }
    Ok(exit_code(all_held))
}

/// The words of a target's protocol, which its name begins with; some have none.
fn dictionary(target: &str) -> Option<PathBuf> {
    let protocol = target.split('_').next().unwrap_or(target);
    let file = shell::root().join(format!("fuzz/dictionaries/{protocol}.dict"));
    file.is_file().then_some(file)
}

/// The names of the fuzz targets, sorted.
pub(crate) fn fuzz_targets() -> Result<Vec<String>> {
    let folder = shell::root().join("fuzz/fuzz_targets");
    let mut names = Vec::new();
    for entry in folder.read_dir().with_context(|| format!("no {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}

fn exit_code(success: bool) -> ExitCode {
    if success { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
