//! `capa7 dns serve`: an authoritative server.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use capa7_dns::{ConnectionLimits, ServeConfig};
use capa7_dns_proto::answer::AnswerSettings;
use clap::Args;

use crate::output;

/// What the command line says.
#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// Zone file in master format; its zone is the owner of the SOA record
    #[arg(long = "zone", value_name = "FILE", required = true, num_args = 1..)]
    zones: Vec<PathBuf>,
    /// Address and port to listen on, UDP and TCP
    #[arg(long, value_name = "ADDR:PORT", required = true, num_args = 1..)]
    listen: Vec<SocketAddr>,
    /// Threads for datagrams, each with a socket per address
    #[arg(long, value_name = "N", default_value_t = 1)]
    workers: usize,
    /// User to become once the sockets are open
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Identifier for clients that ask which server answers (NSID)
    #[arg(long, value_name = "TEXT", default_value = "")]
    nsid: String,
}

/// Serves until SIGTERM or SIGINT; SIGHUP reads the zones again.
pub(crate) fn run(arguments: ServeArguments) -> anyhow::Result<ExitCode> {
    let settings = AnswerSettings {
        server_identifier: arguments.nsid.into_bytes(),
        ..AnswerSettings::default()
    };
    let config = ServeConfig {
        zones: arguments.zones,
        listen: arguments.listen,
        workers: arguments.workers,
        user: arguments.user,
        settings,
        connections: ConnectionLimits::default(),
    };
    capa7_dns::serve(config, output::tell)?;
    Ok(ExitCode::SUCCESS)
}
