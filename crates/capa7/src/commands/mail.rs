//! `capa7 mail …`: e-mail.

mod archive;
mod check;
mod fetch;
mod queue;
mod running;
mod send;
mod serve;
mod server;
mod tls;
mod user;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

/// E-mail: serve domains, their users and their queue.
#[derive(Debug, Subcommand)]
pub(crate) enum MailCommand {
    /// Serve the mail of the domains of a configuration
    Serve(serve::ServeArguments),
    /// Accounts: add, passwd, list
    User(user::UserArguments),
    /// The queue of a running server: a table by age and destination; or list,
    /// hold, release, flush, delete
    Queue(queue::QueueArguments),
    /// Compare the index of every account with its files
    Check(check::CheckArguments),
    /// Take messages of an mbox or a Maildir into an account; what it holds
    /// already is passed over
    Import(archive::ImportArguments),
    /// Write an account's mailboxes to a Maildir or to mbox files
    Export(archive::ExportArguments),
    /// Hand one message to a server, as a mail program does
    Send(send::SendArguments),
    /// Read a mailbox: list, show, save, move, delete
    Fetch(Box<fetch::FetchArguments>),
}

/// Which server is meant.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The server's configuration; `capa7 config example` prints one
    #[arg(long, value_name = "FILE", default_value = "mail.toml", global = true)]
    config: PathBuf,
}

/// Runs one of them.
pub(crate) fn run(command: &MailCommand) -> anyhow::Result<ExitCode> {
    match command {
        MailCommand::Serve(arguments) => serve::run(arguments),
        MailCommand::User(arguments) => user::run(arguments),
        MailCommand::Queue(arguments) => queue::run(arguments),
        MailCommand::Check(arguments) => check::run(arguments),
        MailCommand::Import(arguments) => archive::run_import(arguments),
        MailCommand::Export(arguments) => archive::run_export(arguments),
        MailCommand::Send(arguments) => send::run(arguments),
        MailCommand::Fetch(arguments) => fetch::run(arguments),
    }
}
