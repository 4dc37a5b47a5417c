//! `capa7 mail import` and `capa7 mail export`: mailboxes in files of other
//! programs.
//!
//! Both work in the store itself, so a server may run meanwhile; they become the
//! configuration's user first, as the server does.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result};
use capa7_mail::archive::{
    ArchiveError, ExportOptions, Format, ImportOptions, Report, export, import,
};
use capa7_mail::config::MailConfig;
use capa7_mail::serve::{CONTROL_NAME, MAILBOXES_CHANGED};
use capa7_mail::store::{Account, Store, StoreOptions};
use capa7_mail::users::{AccountName, load_users};
use capa7_mail_proto::mailbox::MailboxName;
use capa7_net::control::Client;
use capa7_net::startup::{self, Confinement, User};
use capa7_net::{Host, Room};
use clap::{Args, ValueEnum};
use serde_json::json;

use super::Which;
use crate::output;

/// What the command line of an import says.
#[derive(Debug, Args)]
pub(crate) struct ImportArguments {
    #[command(flatten)]
    common: Common,
    /// An mbox, the folder of a Maildir, or a folder with files that end in .mbox
    #[arg(value_name = "PATH")]
    path: PathBuf,
}

/// What the command line of an export says.
#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    #[command(flatten)]
    common: Common,
    /// What is written
    #[arg(long, value_enum, default_value_t = FormatChoice::Maildir)]
    format: FormatChoice,
    /// A Maildir to make or to bring up to date; an mbox to make, or for a whole
    /// account a folder of them
    #[arg(value_name = "PATH")]
    path: PathBuf,
}

/// What both say.
#[derive(Debug, Args)]
struct Common {
    #[command(flatten)]
    which: Which,
    /// One mailbox: `Archive/2024`. Imported folders go below it; without it each
    /// has its own name, and an mbox goes to INBOX
    #[arg(long, value_name = "MAILBOX", value_parser = mailbox)]
    folder: Option<MailboxName>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    /// Whose: `andrea@example.org`
    #[arg(value_name = "ACCOUNT")]
    account: AccountName,
}

/// What an export writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FormatChoice {
    /// A file per message; a folder per mailbox
    Maildir,
    /// A file per mailbox
    Mbox,
}

/// Imports; 1 when a message was skipped.
pub(crate) fn run_import(arguments: &ImportArguments) -> Result<ExitCode> {
    let path = arguments.path.clone();
    let folder = arguments.common.folder.clone();
    copy(&arguments.common, "imported", move |config, account, report, go_on| {
        let options = ImportOptions { folder, message_octets_max: config.limits.message.0 };
        import(account, &path, &options, report, go_on)
    })
}

/// Exports; 1 when something was skipped.
pub(crate) fn run_export(arguments: &ExportArguments) -> Result<ExitCode> {
    let path = arguments.path.clone();
    let folder = arguments.common.folder.clone();
    let format = match arguments.format {
        FormatChoice::Maildir => Format::Maildir,
        FormatChoice::Mbox => Format::Mbox,
    };
    copy(&arguments.common, "exported", move |config, account, report, go_on| {
        let host = config.hostname.get_ref().clone();
        export(account, &path, &ExportOptions { folder, format, host }, report, go_on)
    })
}

fn mailbox(text: &str) -> Result<MailboxName, String> {
    MailboxName::parse(text).map_err(|error| error.to_string())
}

fn copy(
    common: &Common,
    verb: &'static str,
    work: impl FnOnce(
        &MailConfig,
        &Account,
        &mut Report,
        &mut dyn FnMut(&Report) -> bool,
    ) -> Result<(), ArchiveError>
    + Send
    + 'static,
) -> Result<ExitCode> {
    let file = &common.which.config;
    startup::start(
        || {
            let config = MailConfig::load(file)?;
            let book = load_users(&config.users, &config.domain_names())?;
            book.record(&common.account)?;
            anyhow::Ok(config)
        },
        |_| anyhow::Ok(()),
        as_the_server,
        |config, ()| copy_here(common, verb, config, work),
    )
}

async fn copy_here(
    common: &Common,
    verb: &'static str,
    config: MailConfig,
    work: impl FnOnce(
        &MailConfig,
        &Account,
        &mut Report,
        &mut dyn FnMut(&Report) -> bool,
    ) -> Result<(), ArchiveError>
    + Send
    + 'static,
) -> Result<ExitCode> {
    let host = Host::machine(Room::Mail);
    let mut signals = host.signals()?;
    let is_stopped = Arc::new(AtomicBool::new(false));
    let (data, name) = (config.data.clone(), common.account.clone());
    let (on_host, stopped) = (host.clone(), Arc::clone(&is_stopped));
    let working = host.blocking(move || {
        let store = Store::open(&on_host, &config.data.join("mailboxes"), StoreOptions::default());
        let account = store.and_then(|store| store.account(&name));
        let mut report = Report::default();
        let mut progress = Progress::new(verb);
        let outcome = account.map_err(ArchiveError::from).and_then(|account| {
            work(&config, &account, &mut report, &mut |report| {
                progress.show(report);
                !stopped.load(Ordering::Relaxed)
            })
        });
        progress.end();
        (report, outcome)
    });
    let mut working = std::pin::pin!(working);
    let (report, outcome) = loop {
        tokio::select! {
            biased;
            done = &mut working => break done,
            _ = signals.next() => is_stopped.store(true, Ordering::Relaxed),
        }
    };
    if report.messages > 0 {
        // Without a server there is nobody to tell.
        if let Ok(mut client) = Client::connect_in(&data, Some(CONTROL_NAME)) {
            let _ = client.request(MAILBOXES_CHANGED, &json!({ "account": common.account }));
        }
    }
    let has_begun = report.messages + report.present + report.skipped_count > 0;
    if has_begun || outcome.is_ok() {
        tell(common, verb, &report)?;
    }
    match outcome {
        Err(error) if has_begun => {
            let place = &report.place;
            return Err(error).with_context(|| {
                format!(
                    "it ended early, at {place}; run the command again to go on: what is there is \
                     passed over"
                )
            });
        }
        outcome => outcome?,
    }
    Ok(if report.skipped_count == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tell(common: &Common, verb: &str, report: &Report) -> Result<()> {
    if common.json {
        return output::document(&json!({
            "messages": report.messages,
            "present": report.present,
            "folders": report.folders,
            "skipped": report.skipped_count,
            "problems": report.skipped,
            "place": report.place,
        }));
    }
    output::line(&format!(
        "{}: {} messages {verb}, {} were there already, {} skipped",
        common.account, report.messages, report.present, report.skipped_count
    ));
    for line in &report.skipped {
        output::tell(line);
    }
    Ok(())
}

/// As root the configuration's user, as the server does: files that somebody else
/// makes would be in its way.
pub(super) fn as_the_server(config: &MailConfig) -> Result<Confinement> {
    match &config.user {
        Some(user) if is_root()? => Ok(Confinement::User(User::named(user)?)),
        _ => Ok(Confinement::Nothing),
    }
}

fn is_root() -> Result<bool> {
    Ok(fs::metadata("/proc/self").context("/proc is not there: mount it")?.uid() == 0)
}

/// One line on a terminal that can write over it; nothing elsewhere.
struct Progress {
    verb: &'static str,
    is_shown: bool,
    count: u64,
}

impl Progress {
    fn new(verb: &'static str) -> Self {
        Self { verb, is_shown: output::obeys_escapes(), count: 0 }
    }

    fn show(&mut self, report: &Report) {
        self.count += 1;
        if self.is_shown && self.count.is_multiple_of(SHOWN_EVERY) {
            let (verb, place) = (self.verb, capa7_mail::agent::for_terminal(&report.place));
            let mut err = std::io::stderr().lock();
            let _ = write!(err, "\r\x1b[K{} messages {verb}: {place}", report.messages);
            let _ = err.flush();
        }
    }

    fn end(&self) {
        if self.is_shown && self.count >= SHOWN_EVERY {
            let _ = write!(std::io::stderr().lock(), "\r\x1b[K");
        }
    }
}

/// Messages between two looks at the terminal.
const SHOWN_EVERY: u64 = 100;
