//! `capa7 mail fetch`: a user agent that reads a mailbox (course M1, M10).
//!
//! ```text
//!   log in ─▶ folder ─▶ find ─▶ table, text or JSON ─▶ save ─▶ move or delete
//! ```

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use capa7_mail::agent::{
    Entry, FetchError, FetchProtocol, FetchRequest, Reader, SaveForm, Saved, Server, Service,
    Wanted, first, save, shown,
};
use capa7_mail_proto::imap::command::Access;
use capa7_mail_proto::imap::date::Date;
use capa7_mail_proto::imap::fetch::Seen;
use capa7_mail_proto::sasl::Password;
use capa7_net::{Host, Room, terminal};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::server::{ServerArguments, failed, tell_trying};
use super::tls::TlsArguments;
use crate::output;

mod table;

/// What the command line says.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("which").multiple(true)))]
pub(crate) struct FetchArguments {
    #[command(flatten)]
    server: ServerArguments,
    /// Log in as this user; the password is asked for, or read from standard input
    #[arg(long, value_name = "NAME")]
    user: String,
    /// Speak POP3 instead of IMAP
    #[arg(long, conflicts_with_all = ["folders", "unseen", "text", "move_to", "wait"])]
    pop3: bool,
    #[command(flatten)]
    tls: TlsArguments,
    /// List the folders and nothing else
    #[arg(long, conflicts_with_all = ["show", "save", "move_to", "delete", "wait"])]
    folders: bool,
    /// The folder
    #[arg(long, value_name = "NAME", default_value = "INBOX", conflicts_with = "pop3")]
    folder: String,
    /// Only these messages, by the first column of the list
    #[arg(long, value_name = "ID", num_args = 1.., group = "which",
          value_parser = clap::value_parser!(u32).range(1..))]
    id: Vec<u32>,
    /// Only messages whose From contains this
    #[arg(long, value_name = "TEXT", group = "which")]
    from: Option<String>,
    /// Only messages whose To contains this
    #[arg(long, value_name = "TEXT", group = "which")]
    to: Option<String>,
    /// Only messages whose Subject contains this
    #[arg(long, value_name = "TEXT", group = "which")]
    subject: Option<String>,
    /// Only messages that contain this anywhere
    #[arg(long, value_name = "TEXT", group = "which")]
    text: Option<String>,
    /// Only messages of this day or later
    #[arg(long, value_name = "YYYY-MM-DD", group = "which", value_parser = day)]
    since: Option<Date>,
    /// Only messages of days before this
    #[arg(long, value_name = "YYYY-MM-DD", group = "which", value_parser = day)]
    before: Option<Date>,
    /// Only messages that nobody has read
    #[arg(long, group = "which")]
    unseen: bool,
    /// All messages: --delete and --move want to be told which
    #[arg(long, group = "which")]
    all: bool,
    /// Only the last so many of them
    #[arg(long, value_name = "COUNT", default_value_t = LAST)]
    last: usize,
    /// Show the messages decoded; by IMAP they count as read then
    #[arg(long)]
    show: bool,
    /// Save the messages in this folder; for mbox, at the end of this file
    #[arg(long, value_name = "PATH")]
    save: Option<PathBuf>,
    /// In which form they are saved
    #[arg(long = "as", value_name = "FORM", value_enum, default_value_t = Form::Eml,
          requires = "save")]
    form: Form,
    /// Then move the messages to this folder
    #[arg(long = "move", value_name = "FOLDER", requires = "which", conflicts_with = "delete")]
    move_to: Option<String>,
    /// Then delete the messages on the server
    #[arg(long, requires = "which")]
    delete: bool,
    /// When there is none, wait so long for one to come in
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=MONTH_S))]
    wait: Option<u64>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// How messages are saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A file for each, as it was sent
    Eml,
    /// One file for all
    Mbox,
    /// A file for each, in a Maildir
    Maildir,
}

/// Reads; 1 when the server says no, or a --wait ends without a message.
pub(crate) fn run(arguments: &FetchArguments) -> Result<ExitCode> {
    let password = terminal::ask_secret(&format!("password of {}", arguments.user))
        .context("no password: type one, or give it as a line")?;
    let password = Password::new(&password).context("no server can take this password")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let host = Host::machine(Room::Mail);
        let (protocol, service) = if arguments.pop3 {
            (FetchProtocol::Pop3, Service::Pop3)
        } else {
            (FetchProtocol::Imap, Service::Imap)
        };
        let tls = arguments.tls.client(&host)?;
        let user = &arguments.user;
        let servers = arguments.server.find(&host, service, &arguments.tls, user).await?;
        let opening = async |server: &Server, at: SocketAddr| {
            let (user, password) = (user.clone(), password.clone());
            let tls = tls.at(server);
            let connect_time = arguments.server.connect_time();
            let request = FetchRequest { server: at, protocol, connect_time, tls, user, password };
            Reader::open(&host, &request).await
        };
        let opened = first(&servers, opening, FetchError::is_unreachable, tell_trying);
        let (reader, _) = opened.await.map_err(failed)?;
        match visit(&host, reader, arguments).await {
            Ok(code) => Ok(code),
            Err(error) => match error.downcast_ref::<FetchError>() {
                Some(refusal) if refusal.is_refusal() => {
                    output::tell(&format!("{error:#}"));
                    Ok(ExitCode::FAILURE)
                }
                _ => Err(error),
            },
        }
    })
}

async fn visit(host: &Host, mut reader: Reader, arguments: &FetchArguments) -> Result<ExitCode> {
    if arguments.folders {
        table::folders(&reader.folders().await?, arguments.json)?;
        reader.close().await?;
        return Ok(ExitCode::SUCCESS);
    }
    let changes = arguments.show || arguments.delete || arguments.move_to.is_some();
    let access = if changes { Access::ReadWrite } else { Access::ReadOnly };
    reader.select(&arguments.folder, access).await?;
    let wanted = wanted(arguments);
    let found = match arguments.wait {
        Some(seconds) => {
            let limit = Duration::from_secs(seconds);
            reader.wait(host, &wanted, arguments.last, limit).await?
        }
        None => reader.find(&wanted, arguments.last).await?,
    };
    let is_list = !arguments.show && arguments.save.is_none();
    let mut rows = Vec::new();
    if is_list && !arguments.json {
        table::messages(&found);
    }
    for entry in &found {
        let row = one(host, &mut reader, entry, arguments).await?;
        if arguments.json {
            rows.push(row);
        }
    }
    let ids: Vec<u32> = found.iter().map(|entry| entry.id).collect();
    if let Some(folder) = arguments.move_to.as_ref().filter(|_| !ids.is_empty()) {
        reader.move_to(&ids, folder).await?;
    }
    if arguments.delete && !ids.is_empty() {
        reader.remove(&ids).await?;
    }
    // By POP3 what is deleted goes with the farewell: it must be confirmed.
    let closed = reader.close().await;
    if arguments.delete {
        closed?;
    }
    if arguments.json {
        output::document(&json!({ "folder": arguments.folder, "messages": rows }))?;
    } else if let Some(folder) = &arguments.move_to {
        output::line(&format!("{} moved to {folder}", counted(ids.len())));
    } else if arguments.delete {
        output::line(&format!("{} deleted", counted(ids.len())));
    }
    let waited = arguments.wait.is_some() && found.is_empty();
    Ok(if waited { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Shows and saves one message; its row of the document.
async fn one(
    host: &Host,
    reader: &mut Reader,
    entry: &Entry,
    arguments: &FetchArguments,
) -> Result<Value> {
    let mut row = table::row(entry);
    if !arguments.show && arguments.save.is_none() {
        return Ok(row);
    }
    let seen = if arguments.show { Seen::Set } else { Seen::Kept };
    let message = reader.read(entry.id, seen).await?;
    if arguments.show {
        let shown = shown(&message);
        if arguments.json {
            row["header"] =
                shown.header.iter().map(|(k, v)| json!({ "name": k, "value": v })).collect();
            row["text"] = json!(shown.text);
            row["files"] = json!(shown.files);
        } else {
            table::message(entry, &shown);
        }
    }
    if let Some(place) = &arguments.save {
        let date = entry.received.or(entry.summary.date);
        let now = i64::try_from(host.wall_clock().secs()).unwrap_or(i64::MAX);
        let saved = Saved {
            name: entry.name.clone(),
            message,
            flags: entry.flags.clone(),
            received: date.unwrap_or(now),
        };
        let form = match arguments.form {
            Form::Eml => SaveForm::Eml,
            Form::Mbox => SaveForm::Mbox,
            Form::Maildir => SaveForm::Maildir,
        };
        let path = save(host, form, place, &saved).with_context(|| {
            let id = entry.id;
            format!("cannot save message {id} at {}: nothing was deleted", place.display())
        })?;
        row["file"] = json!(path.display().to_string());
        if !arguments.json {
            output::line(&format!("{} saved in {}", entry.id, path.display()));
        }
    }
    Ok(row)
}

fn wanted(arguments: &FetchArguments) -> Wanted {
    let mut ids = arguments.id.clone();
    ids.sort_unstable();
    ids.dedup();
    Wanted {
        ids,
        from: arguments.from.clone(),
        to: arguments.to.clone(),
        subject: arguments.subject.clone(),
        text: arguments.text.clone(),
        since: arguments.since,
        before: arguments.before,
        unseen: arguments.unseen,
    }
}

/// `2025-06-30`
fn day(text: &str) -> Result<Date, String> {
    let mut parts = text.splitn(3, '-').map(str::parse::<u16>);
    let date = match (parts.next(), parts.next(), parts.next()) {
        (Some(Ok(year)), Some(Ok(month)), Some(Ok(day))) => {
            let small = |number: u16| u8::try_from(number).ok();
            small(month).zip(small(day)).map(|(month, day)| Date { year, month, day })
        }
        _ => None,
    };
    // A day of the calendar reads back as itself.
    let date = date.filter(|date| Date::parse(&date.to_string()).as_ref() == Some(date));
    date.ok_or_else(|| format!("`{text}` is no day: write it as 2025-06-30"))
}

fn counted(count: usize) -> String {
    if count == 1 { "1 message".to_owned() } else { format!("{count} messages") }
}

/// Messages of one command, if nothing else is said.
const LAST: usize = 1_000;
/// Nobody waits longer for one command.
const MONTH_S: u64 = 31 * 24 * 3_600;
