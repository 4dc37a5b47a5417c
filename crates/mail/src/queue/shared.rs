//! What all tasks of a queue share.

use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use capa7_dns::StubClient;
use capa7_mail_proto::address::Address;
use capa7_mail_proto::queue::{Destination, Moment};
use capa7_net::Host;

use super::QueueConfig;
use super::begin::FolderLock;
use super::disk::Disk;
use super::progress::Progress;
use super::rows::{Location, Rows, Stored};
use crate::disk::DiskFailure;
use crate::spool::journal;
use crate::store::Store;
use crate::users::Users;

/// Everything but the tasks' own state.
pub(super) struct Shared {
    pub(super) host: Host,
    pub(super) config: QueueConfig,
    pub(super) users: Users,
    pub(super) store: Store,
    pub(super) stub: StubClient,
    pub(super) disk: Disk,
    /// The folder of the journal.
    pub(super) journal: PathBuf,
    /// The folder of long messages.
    pub(super) files: PathBuf,
    pub(super) reader: Mutex<Rows>,
    pub(super) last_id: Mutex<u64>,
    pub(super) progress: Progress,
    /// Held while the queue is open: one process for one folder.
    pub(super) _lock: FolderLock,
}

impl Shared {
    pub(super) fn now(&self) -> Moment {
        Moment(self.host.wall_clock().0)
    }

    /// A number greater than all before, also than those of earlier processes;
    /// it tells the microsecond in which it was made when the clock runs on.
    pub(super) fn next_id(&self, now: Moment) -> u64 {
        let mut last = self.last_id.lock().unwrap_or_else(PoisonError::into_inner);
        *last = (now.0 / 1_000).max(*last + 1);
        *last
    }

    pub(super) fn destination_of(&self, address: &Address) -> Destination {
        if self.users.is_our_domain(address.domain()) {
            return Destination::Local;
        }
        // An unknown kind of literal finds no name, and fails as such.
        Destination::of(address)
            .unwrap_or_else(|_| Destination::Domain(address.domain().to_owned()))
    }

    /// Why new messages are refused for the time being. After a failure each
    /// one tries again: that is how it ends.
    pub(super) fn refuses(&self) -> Option<DiskFailure> {
        self.disk.rows_failure()
    }

    /// The file of a long message.
    pub(super) fn file_of(&self, id: u64) -> PathBuf {
        self.files.join(format!("{id:x}"))
    }

    /// A message's octets.
    pub(super) fn body(&self, stored: &Stored) -> io::Result<Bytes> {
        match &stored.location {
            Location::Journal(place) => journal::read_body(&self.journal, *place).map(Bytes::from),
            Location::File => journal::read_file(&self.file_of(stored.id)).map(Bytes::from),
            Location::Row(body) => Ok(Bytes::from(body.clone())),
        }
    }

    /// Reads rows; none, and a line in the log, when they cannot be read.
    pub(super) fn read<T>(&self, work: impl FnOnce(&Rows) -> rusqlite::Result<T>) -> Option<T> {
        let read = self.read_or_say(work);
        read.inspect_err(|error| tracing::error!("the queue's rows cannot be read: {error}")).ok()
    }

    pub(super) fn read_or_say<T>(
        &self,
        work: impl FnOnce(&Rows) -> rusqlite::Result<T>,
    ) -> io::Result<T> {
        let rows = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        work(&rows).map_err(io::Error::other)
    }
}
