//! The queue's rows: one SQLite file, written by one task, read by any.
//!
//! ```text
//!   messages    id, envelope, where its octets are      goes with its last recipient
//!   recipients  one row per recipient: next attempt, attempts, reason
//!   mark        how far the journal is done with, the last id
//!   beyond      messages behind the mark that the rows know all the same
//! ```

mod manage;
mod read;
mod write;

use std::path::Path;
use std::time::Duration;

use capa7_mail_proto::address::{Address, ReversePath};
use capa7_mail_proto::envelope::{BodyKind, Notify, Returns};
use capa7_mail_proto::queue::{Destination, Moment};
use capa7_net::Cause;
use rusqlite::{Connection, OpenFlags};
use serde::{Deserialize, Serialize};

use crate::spool::{Place, Sync};

pub(crate) use manage::Command;
pub(crate) use read::{GivenRecipient, Stored};
pub(crate) use write::{Effect, Settled, Write, journaled};

/// The file.
#[derive(Debug)]
pub(crate) struct Rows {
    connection: Connection,
    sync: Sync,
    /// Whether a commit waits for the disk as things are set.
    is_lasting: bool,
}

/// A message on its way into the rows.
#[derive(Clone, Debug)]
pub(crate) struct Imported {
    pub(crate) id: u64,
    pub(crate) accepted: Moment,
    pub(crate) from: ReversePath,
    pub(crate) wishes: Wishes,
    pub(crate) location: Location,
    pub(crate) octets: u64,
    pub(crate) recipients: Vec<ImportedRecipient>,
}

/// One recipient of it.
#[derive(Clone, Debug)]
pub(crate) struct ImportedRecipient {
    /// Its place in the envelope.
    pub(crate) index: u32,
    pub(crate) address: Address,
    pub(crate) destination: Destination,
    pub(crate) notify: Option<Notify>,
    pub(crate) original: Option<String>,
    pub(crate) cause: Cause,
}

/// What the sender said beside the addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wishes {
    pub(crate) body: BodyKind,
    pub(crate) smtputf8: bool,
    pub(crate) returns: Returns,
    pub(crate) envelope_id: Option<String>,
}

/// Where a message's octets are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Location {
    /// In the journal.
    Journal(Place),
    /// In a file of its own, named by its id.
    File,
    /// In the row: short ones that the queue wrote itself.
    Row(Vec<u8>),
}

impl Imported {
    /// Whether the journal has it: then a crash of the machine takes nothing.
    pub(crate) const fn is_journaled(&self) -> bool {
        !matches!(self.location, Location::Row(_))
    }
}

impl Rows {
    /// Opens the file for reading and writing.
    pub(crate) fn open(path: &Path, sync: Sync) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(PATIENCE)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        let level = if sync == Sync::Full { "FULL" } else { "OFF" };
        connection.pragma_update(None, "synchronous", level)?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self { connection, sync, is_lasting: true })
    }

    /// Opens the file for reading only.
    pub(crate) fn open_to_read(path: &Path) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(PATIENCE)?;
        Ok(Self { connection, sync: Sync::Off, is_lasting: true })
    }

    /// Whether the next commits wait for the disk. In the log (WAL) one that
    /// waits takes those before it along, and a crash leaves some beginning of
    /// them all.
    fn set_lasting(&mut self, is_lasting: bool) -> rusqlite::Result<()> {
        if self.sync == Sync::Full && self.is_lasting != is_lasting {
            let level = if is_lasting { "FULL" } else { "NORMAL" };
            self.connection.pragma_update(None, "synchronous", level)?;
            self.is_lasting = is_lasting;
        }
        Ok(())
    }
}

/// A moment as a column holds it.
fn column(moment: Moment) -> i64 {
    i64::try_from(moment.0).unwrap_or(i64::MAX)
}

fn moment(column: i64) -> Moment {
    Moment(u64::try_from(column).unwrap_or_default())
}

fn wrong(error: impl std::error::Error + Send + std::marker::Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
}

/// How long a reader of another process may be in the way.
const PATIENCE: Duration = Duration::from_secs(5);

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY,
    accepted INTEGER NOT NULL,
    sender TEXT,
    wishes TEXT NOT NULL,
    octets INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    segment INTEGER,
    offset INTEGER,
    body BLOB
) STRICT;
CREATE TABLE IF NOT EXISTS recipients (
    message INTEGER NOT NULL,
    place INTEGER NOT NULL,
    address TEXT NOT NULL,
    destination TEXT NOT NULL,
    notify INTEGER,
    original TEXT,
    held INTEGER NOT NULL DEFAULT 0,
    next INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    late INTEGER NOT NULL DEFAULT 0,
    reason TEXT,
    cause INTEGER NOT NULL,
    PRIMARY KEY (message, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS recipients_due ON recipients (held, next, destination);
CREATE INDEX IF NOT EXISTS recipients_of ON recipients (destination, held, next);
CREATE INDEX IF NOT EXISTS messages_segment ON messages (segment) WHERE segment IS NOT NULL;
CREATE TABLE IF NOT EXISTS mark (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    segment INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    last INTEGER NOT NULL
) STRICT;
INSERT OR IGNORE INTO mark VALUES (1, 0, 0, 0);
CREATE TABLE IF NOT EXISTS beyond (id INTEGER PRIMARY KEY) STRICT;
";
