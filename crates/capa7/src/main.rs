//! The internet's application layer in one binary.
//!
//! ```text
//!   capa7 lab …         a private internet on this machine
//!   capa7 run …         its stories, headless, in virtual time
//!   capa7 dns|mail|sockets …
//!                       the same servers and clients, for real networks
//! ```
//!
//! Exit codes: 0 success, 1 a check or a query failed, 2 bad input or an
//! environment that refuses (the message says what to do).
#![forbid(unsafe_code)]

mod commands;
mod live;
mod output;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The internet's application layer in one binary: DNS, e-mail and plain sockets,
/// as real servers and as a whole private internet on this machine.
#[derive(Debug, Parser)]
#[command(name = "capa7", version, propagate_version = true, arg_required_else_help = true)]
struct Capa7 {
    #[command(subcommand)]
    command: Command,
}

/// The rooms of the house, as a user sees them.
#[derive(Debug, Subcommand)]
enum Command {
    /// Start a private internet on this machine; or exec, pcap, doctor
    Lab(commands::lab::LabArguments),
    /// List the scenarios
    Scenarios(commands::scenarios::ScenariosArgs),
    /// Run scenarios to their end and judge them
    Run(commands::run::RunArgs),
    /// The lecture in order: what it says, what we measured
    Course(commands::course::CourseArgs),
    /// Names: serve zones, resolve for clients, ask questions, check zone files
    #[command(subcommand)]
    Dns(commands::dns::DnsCommand),
    /// E-mail: serve domains, their users and their queue
    #[command(subcommand)]
    Mail(commands::mail::MailCommand),
    /// Configuration files: an example of each, and a check
    #[command(subcommand)]
    Config(commands::config::ConfigCommand),
    /// The uppercase programs of the course over UDP and TCP
    #[command(subcommand)]
    Sockets(commands::sockets::SocketsCommand),
}

fn main() -> ExitCode {
    let capa7 = Capa7::parse();
    output::log_to_stderr();
    let outcome = match capa7.command {
        Command::Lab(arguments) => commands::lab::run(arguments),
        Command::Scenarios(arguments) => commands::scenarios::run(&arguments),
        Command::Run(arguments) => commands::run::run(&arguments),
        Command::Course(arguments) => commands::course::run(&arguments),
        Command::Dns(command) => commands::dns::run(command),
        Command::Mail(command) => commands::mail::run(&command),
        Command::Config(command) => commands::config::run(&command),
        Command::Sockets(command) => commands::sockets::run(&command),
    };
    output::finish(outcome.unwrap_or_else(|error| {
        output::complain(&error);
        ExitCode::from(2)
    }))
}
