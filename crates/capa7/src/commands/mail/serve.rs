//! `capa7 mail serve`: a mail server.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::output;

/// What the command line says.
#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// The configuration; `capa7 config example` prints one
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// Serves until SIGTERM or SIGINT; SIGHUP reads users, certificate and records
/// again.
pub(crate) fn run(arguments: &ServeArguments) -> anyhow::Result<ExitCode> {
    capa7_mail::serve::serve(&arguments.config, output::tell)?;
    Ok(ExitCode::SUCCESS)
}
