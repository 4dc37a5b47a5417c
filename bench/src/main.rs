//! Comparisons with peers, in one run on one machine, as ratios.
//!
//! `cargo xtask bench dns [ROUNDS] [SECONDS]`, `cargo xtask bench net`,
//! `cargo xtask bench lab [ROUNDS]` and `cargo xtask bench mail [ROUNDS]`.

mod dns;
mod lab;
mod mail;
mod net;
mod processes;
mod queries;
mod table;

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            table::say(&format!("bench: {error:#}"));
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("dns") => {
            let rounds = number(arguments.next(), 15)?;
            let seconds = number(arguments.next(), 3)?;
            dns::run(rounds, seconds)
        }
        Some("net") => net::run(),
        Some("lab") => lab::run(number(arguments.next(), 5)?),
        Some("mail") => mail::run(number(arguments.next(), 5)?),
        Some(other) => bail!("no benchmark is called {other}: there are dns, net, lab and mail"),
        None => bail!("say which benchmark: dns, net, lab or mail"),
    }
}

fn number(text: Option<String>, default: u32) -> Result<u32> {
    text.map_or(Ok(default), |text| {
        text.parse().with_context(|| format!("{text} is not a whole number"))
    })
}
