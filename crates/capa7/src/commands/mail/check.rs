//! `capa7 mail check`: is all that is stored what was stored?

use std::process::ExitCode;

use anyhow::Result;
use capa7_mail::config::MailConfig;
use capa7_mail::store::{CheckDepth, Store, StoreOptions};
use capa7_net::{Host, Room};
use clap::Args;

use super::Which;
use crate::output;

/// What the command line says.
#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    #[command(flatten)]
    which: Which,
    /// Read every byte of every message too
    #[arg(long)]
    contents: bool,
}

/// Compares index and files of every account; 1 when something is wrong. The
/// server may run meanwhile.
pub(crate) fn run(arguments: &CheckArguments) -> Result<ExitCode> {
    let config = MailConfig::load(&arguments.which.config)?;
    let depth = if arguments.contents { CheckDepth::Contents } else { CheckDepth::Index };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let problems = runtime.block_on(async {
        let host = Host::machine(Room::Mail);
        let store = Store::open(&host, &config.data.join("mailboxes"), StoreOptions::default())?;
        let mut problems = 0;
        for name in store.accounts()? {
            let report = store.account(&name)?.check(depth)?;
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
            problems += report.problems.len();
        }
        anyhow::Ok(problems)
    })?;
    Ok(if problems == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
