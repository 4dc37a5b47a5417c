//! What the operator sees of the queue, and does to it.

use std::io;
use std::path::Path;

use capa7_mail_proto::address::{Address, ReversePath};
use capa7_mail_proto::queue::Moment;
use capa7_net::Host;
use serde::Serialize;

use super::QueueId;
use super::begin::ROWS;
use super::rows::Rows;

/// Which recipients a command means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All.
    All,
    /// Those of one message.
    Message(QueueId),
    /// Those of one destination: a domain, or `local`.
    Destination(String),
}

/// One recipient of a queued message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The message.
    pub id: QueueId,
    /// Its sender.
    pub from: ReversePath,
    /// The recipient.
    pub recipient: Address,
    /// Where it goes: a domain, or `local`.
    pub destination: String,
    /// The message's octets.
    pub octets: u64,
    /// How long it has been here, in seconds.
    pub age_s: u64,
    /// What it waits for.
    pub state: EntryState,
    /// Attempts so far.
    pub attempts: u32,
    /// Seconds until the next attempt, when one is planned.
    pub next_s: Option<u64>,
    /// Why the last attempt failed.
    pub reason: Option<String>,
}

/// What a recipient waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EntryState {
    /// Its turn.
    Due,
    /// The next attempt.
    Deferred,
    /// The operator's release.
    Held,
}

/// The queue at a glance: recipients by age and destination.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct QueueTable {
    /// The columns' upper bounds in seconds; the last column has none.
    pub ages_s: Vec<u64>,
    /// One row for each destination, the fullest first.
    pub rows: Vec<TableRow>,
    /// Messages in the queue.
    pub messages: u64,
    /// Recipients in the queue.
    pub recipients: u64,
    /// Of them on hold.
    pub held: u64,
}

/// One destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableRow {
    /// A domain, or `local`.
    pub destination: String,
    /// Recipients of each age; one more than `ages_s`.
    pub counts: Vec<u64>,
    /// Recipients.
    pub total: u64,
}

/// A queue's folder without its server: for looking only. What was accepted in
/// the last moment before a server died is not seen before it begins again.
#[derive(Debug)]
pub struct QueueFiles(Rows);

impl QueueFiles {
    /// Opens the folder. It waits for the disk, as all of this type does.
    ///
    /// # Errors
    /// When there is no queue in it, or it cannot be read.
    pub fn open(root: &Path) -> io::Result<Self> {
        let path = root.join(ROWS);
        path.metadata()?;
        Rows::open_to_read(&path).map(Self).map_err(io::Error::other)
    }

    /// As [`Queue::list`](super::Queue::list).
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub fn list(
        &self,
        host: &Host,
        which: &Selection,
        skip: u64,
        limit: u64,
    ) -> io::Result<Vec<Entry>> {
        let now = Moment(host.wall_clock().0);
        self.0.list(which, now, (skip, limit)).map_err(io::Error::other)
    }

    /// As [`Queue::table`](super::Queue::table).
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub fn table(&self, host: &Host) -> io::Result<QueueTable> {
        self.0.table(Moment(host.wall_clock().0)).map_err(io::Error::other)
    }
}
