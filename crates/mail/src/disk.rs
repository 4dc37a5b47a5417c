//! Whether a disk takes what is written, told once and not with each message.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use capa7_net::Host;
use rusqlite::ErrorCode;

/// Why a disk does not take what is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DiskFailure {
    /// No space, or no more for this user.
    Full,
    /// Mounted for reading, or another's.
    ReadOnly,
    /// Anything else, in the system's words.
    Other(String),
}

/// What is known of one thing that is written.
pub(crate) struct DiskHealth {
    host: Host,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    failure: Option<DiskFailure>,
    /// The failure that was told last, and when.
    told: Option<(DiskFailure, Duration)>,
}

impl DiskHealth {
    pub(crate) fn new(host: &Host) -> Self {
        Self { host: host.clone(), state: Mutex::default() }
    }

    /// Why the last try failed; none when it did not.
    pub(crate) fn failure(&self) -> Option<DiskFailure> {
        self.state().failure.clone()
    }

    /// A try failed. Whether the operator is to be told: a disk that is nearly
    /// full takes small messages and no large ones, and is told of once.
    pub(crate) fn failed(&self, failure: &DiskFailure) -> bool {
        let now = Duration::from_nanos(self.host.wall_clock().0);
        let mut state = self.state();
        state.failure = Some(failure.clone());
        let is_known = state.told.as_ref().is_some_and(|(told, at)| {
            std::mem::discriminant(told) == std::mem::discriminant(failure)
                && now.saturating_sub(*at) < TOLD_AGAIN
        });
        if !is_known {
            state.told = Some((failure.clone(), now));
        }
        !is_known
    }

    /// A try succeeded. What it was before, if it failed.
    pub(crate) fn works(&self) -> Option<DiskFailure> {
        self.state().failure.take()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
    pub(crate) fn of_sqlite(error: &rusqlite::Error) -> Option<Self> {
        let extended = error.sqlite_error().map(|error| error.extended_code);
        match error.sqlite_error_code()? {
            ErrorCode::DiskFull => Some(Self::Full),
            // The file that connections share could not get its pages.
            ErrorCode::SystemIoFailure if extended == Some(rusqlite::ffi::SQLITE_IOERR_SHMSIZE) => {
                Some(Self::Full)
            }
            ErrorCode::ReadOnly | ErrorCode::PermissionDenied => Some(Self::ReadOnly),
            ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked => Some(Self::Other(error.to_string())),
            _ => None,
        }
    }
}

/// After so long a failure that lasts, or comes again, is told again.
const TOLD_AGAIN: Duration = Duration::from_secs(600);
