//! Messages from files into mailboxes.

use std::path::Path;

use capa7_mail_proto::mailbox::MailboxName;

use super::intake::Intake;
use super::{ArchiveError, GoOn, Report, maildir, mbox, source};
use crate::store::Account;

/// How an import works.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// Where it goes: what has no name of its own goes there, the rest below
    /// it. None for INBOX and the names that folders have.
    pub folder: Option<MailboxName>,
    /// Larger messages are skipped, in bytes.
    pub message_octets_max: u64,
}

/// Imports an mbox, a Maildir with the folders in it, or a folder of files
/// `*.mbox`. A message that the mailbox held before the import began is passed
/// over: what was interrupted can simply begin again.
///
/// # Errors
/// [`ArchiveError`]; `report` then says how far it came.
pub fn import(
    account: &Account,
    path: &Path,
    options: &ImportOptions,
    report: &mut Report,
    go_on: GoOn<'_>,
) -> Result<(), ArchiveError> {
    for source in source::find(path, options.folder.as_ref(), report)? {
        report.place = source.path.display().to_string();
        let mut intake = Intake::new(account, &source.mailbox, options.message_octets_max)?;
        report.folders += 1;
        if source.is_maildir {
            maildir::read(&source.path, &mut intake, report, go_on)?;
        } else {
            mbox::read(&source.path, &mut intake, report, go_on)?;
        }
        intake.flush(report)?;
    }
    Ok(())
}
