//! Sealed labs with real programs in them.
//!
//! A test program of its own: a lab enters its namespaces with one thread, and
//! the programs that run in it are started from outside of it. So this program
//! starts itself again as the lab (`--lab`), as the command that enters it
//! (`--exec`), and as the programs that run there (`--program`). Its result
//! lines are those of libtest. Root runs everything a second time as nobody.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is a test harness")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "the outside of the lab has threads of its own")]

use std::ffi::OsString;
use std::panic;
use std::process::{Command, ExitCode};

mod cases;
mod daemon;
mod lab;
mod outside;
mod programs;

use outside::NOBODY;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let first = arguments.first().and_then(|first| first.to_str()).unwrap_or_default();
    let rest = arguments.get(1..).unwrap_or_default();
    match first {
        "--lab" => lab::run(),
        "--exec" => return lab::exec(rest),
        "--program" => programs::run(rest),
        "--stage" => daemon::stage(),
        "--doctor" => {
            println!("{}", serde_json::to_string(&capa7_net::doctor::examine()).unwrap());
        }
        "--list" => list(),
        _ => return run_tests(rest, first),
    }
    ExitCode::SUCCESS
}

fn list() {
    for (name, _) in cases::ALL {
        println!("{name}: test");
    }
}

/// Runs the tests whose names contain the words that are no options.
fn run_tests(rest: &[OsString], first: &str) -> ExitCode {
    let rest = rest.iter().filter_map(|word| word.to_str());
    let words: Vec<&str> = std::iter::once(first).chain(rest).collect();
    if words.contains(&"--list") {
        list();
        return ExitCode::SUCCESS;
    }
    let filters: Vec<&str> =
        words.into_iter().filter(|word| !word.is_empty() && !word.starts_with('-')).collect();
    let chosen = cases::ALL.iter().filter(|(name, _)| {
        filters.is_empty()
            || filters.iter().any(|filter| *filter == "sealed" || name.contains(filter))
    });
    let chosen: Vec<_> = chosen.collect();
    println!("\nrunning {} tests", chosen.len());
    let mut failed = Vec::new();
    if let Some(why) = outside::cannot_seal() {
        capa7_peers::skip(&why);
        println!("\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out");
        return ExitCode::SUCCESS;
    }
    for (name, case) in &chosen {
        // Skipped tests are told by the name of their thread.
        let thread = std::thread::Builder::new().name((*name).to_owned());
        let outcome = thread.spawn(move || panic::catch_unwind(case)).unwrap().join().unwrap();
        println!("test {name} ... {}", if outcome.is_ok() { "ok" } else { "FAILED" });
        if outcome.is_err() {
            failed.push(*name);
        }
    }
    let mut passed = chosen.len() - failed.len();
    if outside::is_root() && std::env::var_os(NOBODY).is_none() {
        match as_nobody(&filters) {
            true => passed += 1,
            false => failed.push("the_same_as_an_unprivileged_user"),
        }
    }
    let word = if failed.is_empty() { "ok" } else { "FAILED" };
    let count = failed.len();
    println!("\ntest result: {word}. {passed} passed; {count} failed; 0 ignored; 0 measured");
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Everything once more, from a copy of this program that nobody may read.
fn as_nobody(filters: &[&str]) -> bool {
    let home = outside::Folder::for_nobody();
    let copy = home.path().join("sealed");
    std::fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    let mut command = Command::new(&copy);
    outside::become_nobody(&mut command);
    for name in ["HOME", "TMPDIR", "XDG_RUNTIME_DIR"] {
        command.env(name, home.path());
    }
    command.env("PATH", "/usr/local/bin:/usr/bin:/bin").env(NOBODY, "1").current_dir("/");
    let output = command.args(filters).output().unwrap();
    let passed = output.status.success();
    if !passed {
        print!("{}", String::from_utf8_lossy(&output.stdout));
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
    }
    println!("test the_same_as_an_unprivileged_user ... {}", if passed { "ok" } else { "FAILED" });
    passed
}
