//! `capa7 config …`: configuration files.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use capa7_mail::config::MailConfig;
use capa7_mail::serve::read_identity;
use capa7_mail::users::load_users;
use clap::Subcommand;

use crate::output;

/// Configuration files: an example of each, and a check.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print a mail.toml with every key and what it is for
    Example,
    /// Read a mail.toml and the files that it names, and say what is wrong
    Check {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// Runs one of them.
pub(crate) fn run(command: &ConfigCommand) -> Result<ExitCode> {
    match command {
        ConfigCommand::Example => {
            output::line(capa7_mail::config::example().trim_end());
        }
        ConfigCommand::Check { file } => {
            let config = MailConfig::load(file)?;
            let domains = config.domain_names();
            let book = load_users(&config.users, &domains)?;
            if let Some(tls) = &config.tls {
                read_identity(tls)?;
            }
            output::line(&format!(
                "{}: in order: {} for {}, {} accounts, {} ports{}",
                file.display(),
                config.hostname.get_ref(),
                domains.join(", "),
                book.accounts().count(),
                config.listen.len(),
                if config.tls.is_some() { "" } else { ", nothing encrypted" }
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}
