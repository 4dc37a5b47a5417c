//! Mailboxes into files.

use std::fs;
use std::path::{Path, PathBuf};

use capa7_mail_proto::archive::folders;
use capa7_mail_proto::mailbox::MailboxName;

use super::maildir::Maildir;
use super::mbox::Mbox;
use super::{ArchiveError, GoOn, Report, file_error};
use crate::store::{Account, Mailbox, MessageReader, Row, StoreError};

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A Maildir; of a whole account one with a folder for each mailbox
    /// (Maildir++).
    Maildir,
    /// A file; of a whole account a folder with one for each mailbox.
    Mbox,
}

/// How an export works.
#[derive(Clone, Debug)]
pub struct ExportOptions {
    /// One mailbox; none for all.
    pub folder: Option<MailboxName>,
    /// What is written.
    pub format: Format,
    /// The server's name, at the end of names in a Maildir.
    pub host: String,
}

/// Exports messages with flags and dates. A Maildir may be there already: what
/// it has of an export before is not written again. Messages that come or go
/// meanwhile may be in it or not.
///
/// # Errors
/// [`ArchiveError`]; `report` then says how far it came.
pub fn export(
    account: &Account,
    path: &Path,
    options: &ExportOptions,
    report: &mut Report,
    go_on: GoOn<'_>,
) -> Result<(), ArchiveError> {
    if let Some(folder) = &options.folder {
        let mailbox = account.mailbox(folder)?;
        let mut target = Target::open(path, &mailbox, options)?;
        return one(account, &mailbox, &mut target, report, go_on).and_then(|()| target.end());
    }
    for mailbox in account.mailboxes()? {
        if !mailbox.is_selectable {
            continue;
        }
        let at = place(path, &mailbox.name, options.format);
        if at.components().any(|level| level.as_os_str().len() > NAME_BYTES_MAX) {
            report.skip(format!(
                "mailbox {}: its name is too long for a file; export it alone, with --folder",
                mailbox.name
            ));
            continue;
        }
        let mut target = Target::open(&at, &mailbox, options)?;
        if let Target::Maildir(maildir) = &target
            && at != path
        {
            maildir.mark_as_folder()?;
        }
        one(account, &mailbox, &mut target, report, go_on)?;
        target.end()?;
    }
    Ok(())
}

/// Where a mailbox of a whole account goes.
fn place(path: &Path, name: &MailboxName, format: Format) -> PathBuf {
    match format {
        Format::Maildir => {
            folders::maildir_folder(name).map_or_else(|| path.to_owned(), |below| path.join(below))
        }
        Format::Mbox => path.join(folders::mbox_path(name).iter().collect::<PathBuf>()),
    }
}

enum Target {
    Maildir(Box<Maildir>),
    Mbox(Box<Mbox>),
}

impl Target {
    fn open(path: &Path, mailbox: &Mailbox, options: &ExportOptions) -> Result<Self, ArchiveError> {
        match options.format {
            Format::Maildir => {
                let maildir = Maildir::begin(path, &options.host, mailbox.uid_validity)?;
                Ok(Self::Maildir(Box::new(maildir)))
            }
            Format::Mbox => {
                if let Some(above) = path.parent().filter(|above| !above.as_os_str().is_empty()) {
                    fs::create_dir_all(above).map_err(file_error(above))?;
                }
                Ok(Self::Mbox(Box::new(Mbox::begin(path)?)))
            }
        }
    }

    /// Whether it was not there before.
    fn add(
        &mut self,
        row: &Row,
        message: &MessageReader,
        report: &mut Report,
    ) -> Result<bool, ArchiveError> {
        match self {
            Self::Maildir(maildir) => maildir.add(row, message, report),
            Self::Mbox(mbox) => mbox.add(row, message).map(|()| true),
        }
    }

    fn end(self) -> Result<(), ArchiveError> {
        match self {
            Self::Maildir(maildir) => maildir.end(),
            Self::Mbox(mbox) => mbox.end(),
        }
    }
}

fn one(
    account: &Account,
    mailbox: &Mailbox,
    target: &mut Target,
    report: &mut Report,
    go_on: GoOn<'_>,
) -> Result<(), ArchiveError> {
    report.folders += 1;
    let mut next = 1;
    loop {
        let rows = account.rows(mailbox.id, next..=u32::MAX, ROWS_MAX)?;
        let Some(last) = rows.last().map(|row| row.uid.get()) else { return Ok(()) };
        for row in &rows {
            report.place = format!("mailbox {}, message {}", mailbox.name, row.uid);
            match account.open_message(mailbox.id, row.uid) {
                Ok(message) => {
                    if target.add(row, &message, report)? {
                        report.messages += 1;
                    } else {
                        report.present += 1;
                    }
                }
                // Expunged meanwhile.
                Err(StoreError::NoMessage(_)) => {}
                // One lost body must not keep the others back.
                Err(error @ (StoreError::Damaged(_) | StoreError::Disk(_))) => {
                    report.skip(format!("{}: {error}", report.place));
                }
                Err(error) => return Err(error.into()),
            }
            if !go_on(report) {
                return Err(ArchiveError::Stopped);
            }
        }
        let Some(after) = last.checked_add(1) else { return Ok(()) };
        next = after;
    }
}

/// Rows that are asked for at a time.
const ROWS_MAX: usize = 1_000;
/// What Linux takes as a name, with the end of a file that is not whole.
const NAME_BYTES_MAX: usize = 255 - ".part".len();
