//! Whether the disk takes what is written, told once per change.

use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::ErrorCode;

use super::AcceptError;

/// The disk of the queue's folder.
#[derive(Debug)]
pub(super) struct Disk {
    root: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    journal: Option<DiskFailure>,
    rows: Option<DiskFailure>,
}

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Journal,
    Rows,
}

/// Why it does not take it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum DiskFailure {
    Full,
    ReadOnly,
    Other(String),
}

impl Disk {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root, state: Mutex::default() }
    }

    /// Why the rows are behind. The journal needs no such mark: each message
    /// finds out anew.
    pub(super) fn rows_failure(&self) -> Option<DiskFailure> {
        self.state().rows.clone()
    }

    pub(super) fn failed(&self, part: Part, failure: &DiskFailure) {
        let mut state = self.state();
        let before = state.part(part).replace(failure.clone());
        if before.as_ref() == Some(failure) {
            return;
        }
        let folder = self.root.display();
        match failure {
            DiskFailure::Full => tracing::error!(
                "no space for the queue in {folder}: new mail is answered with 452 and nothing \
                 accepted is lost; free some space, and it goes on by itself"
            ),
            DiskFailure::ReadOnly => tracing::error!(
                "the queue's folder {folder} cannot be written: new mail is answered with 451 and \
                 nothing accepted is lost; mount it read-write or give it back to this user"
            ),
            DiskFailure::Other(why) => tracing::error!(
                "the queue's disk at {folder} fails ({why}): new mail is answered with 451; \
                 look at the kernel's log"
            ),
        }
    }

    pub(super) fn works(&self, part: Part) {
        if let Some(before) = self.state().part(part).take() {
            let folder = self.root.display();
            tracing::info!("the queue's folder {folder} takes mail again (it was: {before:?})");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    const fn part(&mut self, part: Part) -> &mut Option<DiskFailure> {
        match part {
            Part::Journal => &mut self.journal,
            Part::Rows => &mut self.rows,
        }
    }
}

impl From<&io::Error> for DiskFailure {
    fn from(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Self::Full,
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => Self::ReadOnly,
            _ => Self::Other(error.to_string()),
        }
    }
}

impl DiskFailure {
    /// The disk's share in a failure of SQLite; none when it is not to blame.
    pub(super) fn of_rows(error: &rusqlite::Error) -> Option<Self> {
        match error.sqlite_error_code()? {
            ErrorCode::DiskFull => Some(Self::Full),
            ErrorCode::ReadOnly | ErrorCode::PermissionDenied => Some(Self::ReadOnly),
            ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked => Some(Self::Other(error.to_string())),
            _ => None,
        }
    }
}

impl From<DiskFailure> for AcceptError {
    fn from(failure: DiskFailure) -> Self {
        match failure {
            DiskFailure::Full => Self::Full,
            DiskFailure::ReadOnly => Self::ReadOnly,
            DiskFailure::Other(why) => Self::Disk(io::Error::other(why)),
        }
    }
}
