//! `capa7 mail user`: accounts and their passwords.

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use capa7_mail::config::MailConfig;
use capa7_mail::users::{AccountName, Secret, UserBook, UserRecord, load_users, store_users};
use capa7_mail_proto::address::Address;
use capa7_net::{Host, Room, terminal};
use clap::{Args, Subcommand};
use serde_json::json;

use super::Which;
use crate::output;

/// What the command line says.
#[derive(Debug, Args)]
pub(crate) struct UserArguments {
    #[command(flatten)]
    which: Which,
    #[command(subcommand)]
    what: UserCommand,
}

/// What to do about accounts.
#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Make an account; its password is asked for, or read from standard input
    Add {
        /// The main address: `andrea@example.org`
        name: AccountName,
        /// Another address that leads to the account
        #[arg(long = "alias", value_name = "ADDRESS")]
        aliases: Vec<Address>,
    },
    /// Set a password, asked for or read from standard input
    Passwd {
        /// The main address
        name: AccountName,
    },
    /// List accounts and their other addresses
    List {
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
}

/// Does it; a running server takes notice at its next SIGHUP.
pub(crate) fn run(arguments: &UserArguments) -> Result<ExitCode> {
    let config = MailConfig::load(&arguments.which.config)?;
    let mut book = load_users(&config.users, &config.domain_names())?;
    match &arguments.what {
        UserCommand::Add { name, aliases } => {
            if !book.has_domain(name.domain()) {
                bail!(
                    "{} is no domain of this server: add it to `domains` of {}",
                    name.domain(),
                    arguments.which.config.display()
                );
            }
            // Before the question: nobody likes to type a password in vain.
            let nothing = UserRecord { secret: Secret::plain(""), aliases: aliases.clone() };
            book.clone().add(name.clone(), nothing)?;
            let secret = new_secret(name)?;
            book.add(name.clone(), UserRecord { secret, aliases: aliases.clone() })?;
            store_users(&config.users, &book)?;
            output::tell(&format!("{name} added; tell a running server with SIGHUP"));
        }
        UserCommand::Passwd { name } => {
            book.record(name)?;
            let secret = new_secret(name)?;
            book.set_secret(name, secret)?;
            store_users(&config.users, &book)?;
            output::tell(&format!("password of {name} set; tell a running server with SIGHUP"));
        }
        UserCommand::List { json } => list(&book, *json)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn list(book: &UserBook, json: bool) -> Result<()> {
    if json {
        let accounts: Vec<_> = book
            .accounts()
            .map(|(name, record)| json!({ "name": name, "aliases": record.aliases }))
            .collect();
        return output::document(&json!({ "accounts": accounts }));
    }
    for (name, record) in book.accounts() {
        let aliases: Vec<String> = record.aliases.iter().map(ToString::to_string).collect();
        output::line(format!("{name}  {}", aliases.join(" ")).trim_end());
    }
    Ok(())
}

/// A new password, typed twice at a terminal.
fn new_secret(name: &AccountName) -> Result<Secret> {
    let ask = |question: &str| {
        terminal::ask_secret(question).context("no password: type one, or give it as a line")
    };
    let password = ask(&format!("new password of {name}"))?;
    if terminal::is_there() && ask("once more")? != password {
        bail!("these are two different passwords: nothing was changed");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut rng = runtime.block_on(async { Host::machine(Room::Mail).rng() });
    Ok(Secret::of_password(&password, &mut rng)?)
}
