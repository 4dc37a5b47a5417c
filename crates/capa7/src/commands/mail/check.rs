//! `capa7 mail check`: is all that is stored what was stored?

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use capa7_mail::config::MailConfig;
use capa7_mail::store::{CheckDepth, Store, StoreOptions};
use capa7_net::startup;
use capa7_net::{Host, Room};
use clap::Args;

use super::Which;
use super::archive::as_the_server;
use crate::output;

/// What the command line says.
#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    #[command(flatten)]
    which: Which,
    /// Read every byte of every message too
    #[arg(long)]
    contents: bool,
    /// Remove files that no message has, left by a crash more than an hour ago
    #[arg(long)]
    remove_leftovers: bool,
}

/// Compares index and files of every account; 1 when something is wrong. The
/// server may run meanwhile.
pub(crate) fn run(arguments: &CheckArguments) -> Result<ExitCode> {
    startup::start(
        || Ok(MailConfig::load(&arguments.which.config)?),
        |_| anyhow::Ok(()),
        as_the_server,
        |config, ()| check(arguments, config),
    )
}

async fn check(arguments: &CheckArguments, config: MailConfig) -> Result<ExitCode> {
    let depth = if arguments.contents { CheckDepth::Contents } else { CheckDepth::Index };
    let removes = arguments.remove_leftovers;
    let host = Host::machine(Room::Mail);
    let on_host = host.clone();
    let checking = host.blocking(move || {
        let root = config.data.join("mailboxes");
        let store = Store::open(&on_host, &root, StoreOptions::default())?;
        let mut problems = 0;
        for name in store.accounts()? {
            let account = store.account(&name)?;
            let report = account.check(depth)?;
            output::line(&format!(
                "{name}: {} messages, {} bodies, {} problems, {} files left over",
                report.messages,
                report.bodies,
                report.problems.len(),
                report.leftovers.len()
            ));
            for problem in &report.problems {
                output::line(&format!("  {problem}"));
            }
            if removes {
                let removed = account.sweep(ARRIVING)?;
                output::line(&format!("  {removed} files left over were removed"));
            }
            problems += report.problems.len();
        }
        anyhow::Ok(problems)
    });
    let problems = checking.await?;
    Ok(if problems == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A file that is younger may belong to a message that is just arriving.
const ARRIVING: Duration = Duration::from_secs(3_600);
