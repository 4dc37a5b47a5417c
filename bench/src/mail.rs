//! Mail beside Postfix and Dovecot: messages accepted, appended and fetched per
//! second with full sync, and the memory of connections that wait.
//!
//! ```text
//!   smtp-source ──▶ capa7 | Postfix       4 KB, 1 · 10 · 50 sessions, to a mailbox
//!   four clients ─▶ capa7 | Dovecot       APPEND of 4 KB, FETCH of each message
//!   10,000 ───────▶ capa7                 logged in, selected, IDLE
//! ```

mod idle;
mod imap_load;
mod servers;

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use capa7_net::stopwatch::StopWatch;

use crate::processes::{Server, find};
use crate::table::{median, publish, say};
use imap_load::Load;

/// Measures all in alternating rounds, prints the tables and writes them to
/// `docs/benchmarks.md`.
pub(crate) fn run(rounds: u32) -> Result<()> {
    for program in ["postfix", "smtp-source", "dovecot", "taskset"] {
        find(program)
            .with_context(|| format!("{program} is missing: `cargo xtask setup` installs it"))?;
    }
    let folder = std::env::temp_dir().join(format!("capa7-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let outcome = measure(&folder, rounds);
    std::fs::remove_dir_all(&folder)?;
    let text = outcome?;
    say(&text);
    publish("bench mail", &text)
}

fn measure(folder: &Path, rounds: u32) -> Result<String> {
    let mut text = String::from("## Mail, full sync\n\n");
    writeln!(
        text,
        "`cargo xtask bench mail {rounds}`: medians of {rounds} alternating rounds; messages of \
         4 KB; every server on both cores, beside its client; the store on the machine's disk.\n"
    )?;
    text.push_str(&accept(&folder.join("accept"), rounds)?);
    text.push_str(&mailboxes(&folder.join("imap"), rounds)?);
    text.push_str(&idle::measure(&folder.join("idle"))?);
    Ok(text)
}

/// Messages accepted per second by sessions that send at once.
fn accept(folder: &Path, rounds: u32) -> Result<String> {
    let servers = [servers::capa7(folder)?, servers::postfix(folder)?];
    let mut text = String::from(
        "| sessions | capa7 messages/s | Postfix messages/s | ratio | at least 2 |\n\
         |---|---|---|---|---|\n",
    );
    for sessions in SESSIONS {
        let mut rates = [Vec::new(), Vec::new()];
        for round in 0..rounds {
            for step in 0..servers.len() {
                let index = (step + usize::try_from(round)?) % servers.len();
                rates[index].push(source(&servers[index], sessions)?);
            }
        }
        let [ours, theirs] = rates.map(|rates| median(&rates));
        let ratio = ours / theirs;
        say(&format!("{sessions} sessions: capa7 {ours:.0}/s, Postfix {theirs:.0}/s"));
        let verdict = if ratio >= 2.0 { "met" } else { "**missed**" };
        writeln!(text, "| {sessions} | {ours:.0} | {theirs:.0} | {ratio:.2} | {verdict} |")?;
    }
    text.push_str("\nAccepted means answered 250 and delivered to one mailbox afterwards.\n\n");
    Ok(text)
}

/// Sends messages with `smtp-source`; messages per second.
fn source(server: &Server, sessions: u32) -> Result<f64> {
    let program = find("smtp-source").context("smtp-source")?;
    let watch = StopWatch::start();
    let output = Command::new(program)
        .args(["-s", &sessions.to_string(), "-m", &MESSAGES.to_string(), "-l", "4096"])
        .args(["-f", "someone@elsewhere.test", "-t", servers::RECIPIENT])
        .arg(format!("127.0.0.1:{}", server.port))
        .output()?;
    let took = watch.elapsed().as_secs_f64();
    if !output.status.success() {
        bail!("{} did not take all: {}", server.name, String::from_utf8_lossy(&output.stderr));
    }
    Ok(f64::from(MESSAGES) / took)
}

/// What four clients append and fetch per second.
fn mailboxes(folder: &Path, rounds: u32) -> Result<String> {
    let servers = [servers::capa7_imap(folder)?, servers::dovecot(folder)?];
    let mut text = String::from(
        "| four IMAP clients | capa7 /s | Dovecot /s | ratio | at least 1 |\n\
         |---|---|---|---|---|\n",
    );
    for load in Load::ALL {
        let mut rates = [Vec::new(), Vec::new()];
        for round in 0..rounds {
            for step in 0..servers.len() {
                let index = (step + usize::try_from(round)?) % servers.len();
                rates[index].push(imap_load::rate(&servers[index], load)?);
            }
        }
        let [ours, theirs] = rates.map(|rates| median(&rates));
        let ratio = ours / theirs;
        say(&format!("{}: capa7 {ours:.0}/s, Dovecot {theirs:.0}/s", load.name()));
        let verdict = if ratio >= 1.0 { "met" } else { "**missed**" };
        writeln!(text, "| {} | {ours:.0} | {theirs:.0} | {ratio:.2} | {verdict} |", load.name())?;
    }
    text.push('\n');
    Ok(text)
}

/// Sessions of `smtp-source` that send at once.
const SESSIONS: [u32; 3] = [1, 10, 50];
/// Messages of a round.
const MESSAGES: u32 = 2_000;
