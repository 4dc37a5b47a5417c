//! Whether the queue's disk takes what is written.

use std::io;
use std::path::PathBuf;

use capa7_net::Host;

use super::AcceptError;
use crate::disk::{DiskFailure, DiskHealth};

/// The disk of the queue's folder.
pub(super) struct Disk {
    root: PathBuf,
    journal: DiskHealth,
    rows: DiskHealth,
}

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Messages as they come, in the journal or in files of their own.
    Journal,
    /// Who gets what.
    Rows,
}

impl Disk {
    pub(super) fn new(host: &Host, root: PathBuf) -> Self {
        Self { root, journal: DiskHealth::new(host), rows: DiskHealth::new(host) }
    }

    /// Why the rows are behind. The journal needs no such mark: each message
    /// finds out anew.
    pub(super) fn rows_failure(&self) -> Option<DiskFailure> {
        self.rows.failure()
    }

    /// Why the last message was not taken; none when it was.
    pub(super) fn journal_failure(&self) -> Option<DiskFailure> {
        self.journal.failure()
    }

    pub(super) fn failed(&self, part: Part, failure: &DiskFailure) {
        let other = match part {
            Part::Journal => self.rows.failure(),
            Part::Rows => self.journal.failure(),
        };
        // Both are on one disk, of which one line says enough.
        if !self.part(part).failed(failure) || other.as_ref() == Some(failure) {
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
        if let Some(before) = self.part(part).works() {
            let folder = self.root.display();
            tracing::info!("the queue's folder {folder} takes mail again (it was: {before:?})");
        }
    }

    const fn part(&self, part: Part) -> &DiskHealth {
        match part {
            Part::Journal => &self.journal,
            Part::Rows => &self.rows,
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
