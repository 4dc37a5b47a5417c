//! `capa7 dns …`: names.

mod check;
mod query;
mod resolve;
mod serve;
pub(crate) mod servers;
mod why;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

/// Names: serve zones, resolve for clients, ask questions, check zone files.
#[derive(Debug, Subcommand)]
pub(crate) enum DnsCommand {
    /// Answer with authority for the zones of the files given
    Serve(serve::ServeArguments),
    /// Resolve names for one's own networks, from the root downwards
    Resolve(resolve::ResolveArguments),
    /// Ask a server, or follow a name from the root with --trace
    Query(query::QueryArguments),
    /// Why a name did not resolve in the running lab: the stored story
    Why(why::WhyArguments),
    /// Look for faults in zone files, with file, line and column
    Check {
        /// Zone files in master format; `$INCLUDE` is relative to each file's folder
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

/// Runs one of them.
pub(crate) fn run(command: DnsCommand) -> anyhow::Result<ExitCode> {
    match command {
        DnsCommand::Serve(arguments) => serve::run(arguments),
        DnsCommand::Resolve(arguments) => resolve::run(arguments),
        DnsCommand::Query(arguments) => query::run(&arguments),
        DnsCommand::Why(arguments) => why::run(&arguments),
        DnsCommand::Check { files } => check::run(&files),
    }
}
