//! What can go wrong in a store, by blame.

use std::io;
use std::path::Path;

use capa7_mail_proto::mailbox::{MailboxName, Uid};

use crate::disk::DiskFailure;

/// Why the store did not do what it was asked. Nothing is half done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The caller names a mailbox that is not there.
    #[error("there is no such mailbox")]
    NoMailbox,
    /// The caller names a message that is not there, or no longer.
    #[error("there is no message {0}")]
    NoMessage(Uid),
    /// The name is taken.
    #[error("mailbox {0} exists already")]
    Exists(MailboxName),
    /// The mailbox has others below it and holds no messages itself
    /// (RFC 9051 §6.3.5).
    #[error("mailbox {0} has mailboxes below it")]
    HasChildren(MailboxName),
    /// Not with this mailbox, or not in this way.
    #[error("{0}")]
    NotAllowed(&'static str),
    /// A bound of the store: [`MAILBOXES_MAX`](super::MAILBOXES_MAX) and others.
    #[error("too many {0}")]
    TooMany(&'static str),
    /// The disk, or the user's share of it, is full. It may help to wait.
    #[error("the disk is full: {0}")]
    Full(String),
    /// The disk or the folder cannot be written.
    #[error("the disk cannot be written: {0}")]
    ReadOnly(String),
    /// What is stored is not what was written.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// Any other failure of the machine.
    #[error("the disk failed: {0}")]
    Disk(String),
}

impl StoreError {
    /// Whether the machine is at fault and a later try may succeed: what SMTP
    /// answers with 4xx.
    #[must_use]
    pub const fn is_machine(&self) -> bool {
        matches!(self, Self::Full(_) | Self::ReadOnly(_) | Self::Damaged(_) | Self::Disk(_))
    }

    /// The failure of a system call on `path`.
    pub(super) fn disk(path: &Path, error: &io::Error) -> Self {
        let text = format!("{}: {error}", path.display());
        match error.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Self::Full(text),
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                Self::ReadOnly(text)
            }
            _ => Self::Disk(text),
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        let text = format!("index: {error}");
        match error.sqlite_error_code() {
            _ if DiskFailure::of_sqlite(&error) == Some(DiskFailure::Full) => Self::Full(text),
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::ReadOnly(text),
            // A column that does not hold what was written there has no code.
            None
            | Some(
                ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
                | ErrorCode::ConstraintViolation,
            ) => Self::Damaged(text),
            Some(_) => Self::Disk(text),
        }
    }
}
