//! The tables of an account's index.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::{StoreError, Sync};

/// Opens the index for reading and writing, and makes its tables when it is
/// new; the first UIDVALIDITY of a new one is `uid_validity`.
pub(super) fn open_writer(
    path: &Path,
    sync: Sync,
    uid_validity: u32,
) -> Result<Connection, StoreError> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_CREATE, sync)?;
    let version = |connection: &Connection| -> Result<i64, rusqlite::Error> {
        connection.query_row("PRAGMA user_version", [], |row| row.get(0))
    };
    if version(&connection)? == 0 {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        // Another program may have made them in the meantime.
        if version(&connection)? == 0 {
            connection.execute_batch(TABLES)?;
            connection.execute("INSERT INTO account VALUES (1, 1, ?1)", [uid_validity])?;
            connection.execute_batch(&format!("PRAGMA user_version = {VERSION}"))?;
        }
        connection.execute_batch("COMMIT")?;
    }
    if version(&connection)? == 1 {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        if version(&connection)? == 1 {
            connection.execute_batch(FORGOTTEN)?;
            connection.execute_batch(&format!("PRAGMA user_version = {VERSION}"))?;
        }
        connection.execute_batch("COMMIT")?;
    }
    match version(&connection)? {
        VERSION => Ok(connection),
        other => Err(StoreError::Damaged(format!(
            "index: its version is {other}, this program reads {VERSION}"
        ))),
    }
}

/// Opens the index of an account for reading what is committed.
pub(super) fn open_reader(path: &Path, sync: Sync) -> Result<Connection, StoreError> {
    open(path, OpenFlags::empty(), sync)
}

fn open(path: &Path, more: OpenFlags, sync: Sync) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | more;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    // FULL: in the log each commit is on the disk before it is answered.
    let synchronous = match sync {
        Sync::Full => "FULL",
        Sync::Off => "OFF",
    };
    connection.execute_batch(&format!(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous}; \
         PRAGMA cache_size = -{CACHE_KIB};"
    ))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

/// The shape below.
const VERSION: i64 = 2;

/// ```text
///   account    one row: the account's last modseq and the next UIDVALIDITY
///   mailboxes  names and counts; the counts follow from `messages`
///   messages   key = mailbox · 2^32 + UID, so that a range of UIDs is a range
///              of keys
///   texts      what is long and seldom wanted of a message
///   bodies     the files, by name, with the number of messages that have them
///   expunged   UIDs that are gone, with the modseq at which they went: the
///              last ones of each mailbox, after its `forgotten` modseq
///   deliveries what was delivered already, by the sender's word for it
/// ```
const TABLES: &str = "
CREATE TABLE account (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    modseq INTEGER NOT NULL,
    uidvalidity_next INTEGER NOT NULL
);
CREATE TABLE mailboxes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    selectable INTEGER NOT NULL,
    uidvalidity INTEGER NOT NULL,
    uidnext INTEGER NOT NULL,
    special TEXT,
    highestmodseq INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    unseen INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    forgotten INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE subscriptions (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE messages (
    key INTEGER PRIMARY KEY,
    mailbox INTEGER NOT NULL,
    modseq INTEGER NOT NULL,
    body INTEGER NOT NULL,
    size INTEGER NOT NULL,
    internal_date INTEGER NOT NULL,
    save_date INTEGER NOT NULL,
    flags TEXT NOT NULL
);
CREATE INDEX messages_by_modseq ON messages (mailbox, modseq);
CREATE TABLE texts (
    key INTEGER PRIMARY KEY,
    headers BLOB NOT NULL,
    envelope BLOB,
    structure BLOB
);
CREATE TABLE bodies (
    id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL,
    size INTEGER NOT NULL,
    messages INTEGER NOT NULL
);
CREATE TABLE expunged (
    key INTEGER PRIMARY KEY,
    mailbox INTEGER NOT NULL,
    modseq INTEGER NOT NULL
);
CREATE INDEX expunged_by_modseq ON expunged (mailbox, modseq);
CREATE TABLE deliveries (
    token TEXT PRIMARY KEY,
    mailbox INTEGER NOT NULL,
    uidvalidity INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX deliveries_by_time ON deliveries (at);
";

/// What version 2 added.
const FORGOTTEN: &str = "ALTER TABLE mailboxes ADD COLUMN forgotten INTEGER NOT NULL DEFAULT 0;";

/// How long a program waits for another one's turn at the index.
const BUSY: Duration = Duration::from_secs(10);
/// Pages that a connection keeps in memory, in KiB: an account that is open
/// but idle must stay small.
const CACHE_KIB: u32 = 512;
/// Statements that a connection keeps compiled.
const STATEMENTS: usize = 48;
