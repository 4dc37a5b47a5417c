//! Whether the disk of the mailboxes takes what is written.

use std::path::{Path, PathBuf};

use capa7_net::Host;

use super::StoreError;
use crate::disk::{DiskFailure, DiskHealth};

/// The disk of all mailboxes.
pub(super) struct StoreDisk {
    root: PathBuf,
    health: DiskHealth,
}

impl StoreDisk {
    pub(super) fn new(host: &Host, root: &Path) -> Self {
        Self { root: root.to_owned(), health: DiskHealth::new(host) }
    }

    /// Tells the operator of a failure that is the disk's.
    pub(super) fn failed(&self, error: &StoreError) {
        let failure = match error {
            StoreError::Full(_) => DiskFailure::Full,
            StoreError::ReadOnly(_) => DiskFailure::ReadOnly,
            StoreError::Disk(why) => DiskFailure::Other(why.clone()),
            _ => return,
        };
        if !self.health.failed(&failure) {
            return;
        }
        let folder = self.root.display();
        match failure {
            DiskFailure::Full => tracing::error!(
                "no space for mailboxes in {folder} ({error}): mail for them waits in the queue \
                 and users can store nothing; free some space, and it goes on by itself"
            ),
            DiskFailure::ReadOnly => tracing::error!(
                "the mailboxes in {folder} cannot be written ({error}): mail for them waits in the \
                 queue; mount the disk read-write or give the folder back to this user"
            ),
            DiskFailure::Other(_) => tracing::error!(
                "the mailboxes in {folder} fail ({error}): mail for them waits in the queue; look \
                 at the kernel's log"
            ),
        }
    }

    pub(super) fn works(&self) {
        if let Some(before) = self.health.works() {
            let folder = self.root.display();
            tracing::info!("the mailboxes in {folder} take mail again (it was: {before:?})");
        }
    }
}
