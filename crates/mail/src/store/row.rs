//! Messages as rows of the index.

use std::ops::RangeInclusive;

use capa7_mail_proto::imap::store::Description;
use capa7_mail_proto::mailbox::{Flag, Flags, ModSeq, Uid, UidSet};
use rusqlite::{Connection, OptionalExtension as _};

use super::{Account, MailboxId, MessageReader, StoreError};

/// One message of a mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its number.
    pub uid: Uid,
    /// When it changed last, in the account's order.
    pub modseq: ModSeq,
    /// Length of headers and body, in bytes (`RFC822.SIZE`).
    pub size: u64,
    /// Its date (`INTERNALDATE`), in seconds since 1970.
    pub internal_date: i64,
    /// When it came into this mailbox, in seconds since 1970 (RFC 8514 §3).
    pub save_date: i64,
    /// Its flags.
    pub flags: Flags,
    pub(super) body: i64,
}

/// What is long of a message, but not its body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    /// What was added at delivery, with its CR LF.
    pub headers: Vec<u8>,
    /// How it is built; none of a message that is built of very much.
    pub description: Option<Description>,
}

impl Account {
    /// The messages whose UIDs are in `range`, by UID, at most `limit`: ask
    /// again from the last one on for more.
    ///
    /// # Errors
    /// [`StoreError::NoMailbox`], the disk's.
    pub fn rows(
        &self,
        mailbox: MailboxId,
        range: RangeInclusive<u32>,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        self.read(|index| {
            mailbox.must_exist(index)?;
            rows(index, mailbox, range, limit)
        })
    }

    /// As [`Account::rows`], each with its texts.
    ///
    /// # Errors
    /// As [`Account::rows`].
    pub fn rows_with_texts(
        &self,
        mailbox: MailboxId,
        range: RangeInclusive<u32>,
        limit: usize,
    ) -> Result<Vec<(Row, Texts)>, StoreError> {
        self.read(|index| {
            mailbox.must_exist(index)?;
            let mut statement = index.prepare_cached(
                "SELECT m.key, m.modseq, m.size, m.internal_date, m.save_date, m.flags, m.body,
                        t.headers, t.envelope, t.structure
                 FROM messages m JOIN texts t ON t.key = m.key
                 WHERE m.key BETWEEN ?1 AND ?2 ORDER BY m.key LIMIT ?3",
            )?;
            let (first, last) = mailbox.keys(&range);
            let found = statement.query_map((first, last, count(limit)), |row| {
                let texts = Texts {
                    headers: row.get(7)?,
                    description: description(row.get(8)?, row.get(9)?),
                };
                Ok((parts(row)?, texts))
            })?;
            found
                .map(|found| found.map_err(Into::into).and_then(|(p, t)| Ok((p.row()?, t))))
                .collect()
        })
    }

    /// All UIDs of a mailbox, in order: what a session numbers.
    ///
    /// # Errors
    /// [`StoreError::NoMailbox`], the disk's.
    pub fn uids(&self, mailbox: MailboxId) -> Result<Vec<Uid>, StoreError> {
        self.read(|index| {
            mailbox.must_exist(index)?;
            let mut statement = index.prepare_cached(
                "SELECT key FROM messages WHERE key BETWEEN ?1 AND ?2 ORDER BY key",
            )?;
            let (first, last) = mailbox.keys(&(1..=u32::MAX));
            let keys = statement.query_map((first, last), |row| row.get(0))?;
            keys.map(|key| uid_of(key?)).collect()
        })
    }

    /// Opens a message.
    ///
    /// # Errors
    /// [`StoreError::NoMessage`] when it is gone, the disk's.
    pub fn open_message(&self, mailbox: MailboxId, uid: Uid) -> Result<MessageReader, StoreError> {
        let found = self.read(|index| {
            let mut statement = index.prepare_cached(
                "SELECT m.body, m.size, t.headers FROM messages m JOIN texts t ON t.key = m.key
                 WHERE m.key = ?1",
            )?;
            let found = statement.query_row([mailbox.key(uid)], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, Vec<u8>>(2)?))
            });
            Ok(found.optional()?)
        })?;
        let (body, size, headers) = found.ok_or(StoreError::NoMessage(uid))?;
        self.open_body(mailbox, uid, body, size.unsigned_abs(), headers)
    }

    /// Opens the message of a row whose texts are at hand: no statement is
    /// needed.
    ///
    /// # Errors
    /// As [`Account::open_message`].
    pub fn open_row(
        &self,
        mailbox: MailboxId,
        row: &Row,
        texts: &Texts,
    ) -> Result<MessageReader, StoreError> {
        self.open_body(mailbox, row.uid, row.body, row.size, texts.headers.clone())
    }

    fn open_body(
        &self,
        mailbox: MailboxId,
        uid: Uid,
        body: i64,
        size: u64,
        headers: Vec<u8>,
    ) -> Result<MessageReader, StoreError> {
        match self.bodies.open(body) {
            Ok(file) => Ok(MessageReader::new(headers, file, size)),
            Err(error) => {
                // Expunged by another session since the row was read
                // (RFC 2180 §4.1), or really lost?
                let is_there = self.read(|index| Ok(exists(index, mailbox.key(uid))?))?;
                Err(if is_there { error } else { StoreError::NoMessage(uid) })
            }
        }
    }
}

fn exists(index: &Connection, key: i64) -> Result<bool, rusqlite::Error> {
    index.prepare_cached("SELECT 1 FROM messages WHERE key = ?1")?.exists([key])
}

/// The rows of a range of UIDs.
pub(super) fn rows(
    index: &Connection,
    mailbox: MailboxId,
    range: RangeInclusive<u32>,
    limit: usize,
) -> Result<Vec<Row>, StoreError> {
    let mut statement = index.prepare_cached(
        "SELECT key, modseq, size, internal_date, save_date, flags, body FROM messages
         WHERE key BETWEEN ?1 AND ?2 ORDER BY key LIMIT ?3",
    )?;
    let (first, last) = mailbox.keys(&range);
    let found = statement.query_map((first, last, count(limit)), parts)?;
    found.map(|parts| parts.map_err(Into::into).and_then(Parts::row)).collect()
}

/// All rows of a set, in the order of their UIDs.
pub(super) fn rows_of(
    index: &Connection,
    mailbox: MailboxId,
    uids: &UidSet,
) -> Result<Vec<Row>, StoreError> {
    let mut found = Vec::new();
    for range in uids.ranges() {
        found.extend(rows(index, mailbox, range.clone(), usize::MAX)?);
    }
    Ok(found)
}

/// The columns `key, modseq, size, internal_date, save_date, flags, body`.
pub(super) struct Parts {
    key: i64,
    modseq: i64,
    size: i64,
    internal_date: i64,
    save_date: i64,
    flags: String,
    body: i64,
}

pub(super) fn parts(row: &rusqlite::Row<'_>) -> Result<Parts, rusqlite::Error> {
    Ok(Parts {
        key: row.get(0)?,
        modseq: row.get(1)?,
        size: row.get(2)?,
        internal_date: row.get(3)?,
        save_date: row.get(4)?,
        flags: row.get(5)?,
        body: row.get(6)?,
    })
}

impl Parts {
    pub(super) fn row(self) -> Result<Row, StoreError> {
        Ok(Row {
            uid: uid_of(self.key)?,
            modseq: ModSeq(self.modseq.unsigned_abs()),
            size: self.size.unsigned_abs(),
            internal_date: self.internal_date,
            save_date: self.save_date,
            flags: flags_of(&self.flags)?,
            body: self.body,
        })
    }
}

/// The UID in a key.
pub(super) fn uid_of(key: i64) -> Result<Uid, StoreError> {
    let number = u32::try_from(key & i64::from(u32::MAX)).unwrap_or(0);
    Uid::new(number).ok_or_else(|| StoreError::Damaged("index: a message has UID 0".to_owned()))
}

/// Flags as they are stored: with spaces between them.
pub(super) fn flags_of(text: &str) -> Result<Flags, StoreError> {
    let flags = text.split_ascii_whitespace().map(Flag::parse).collect::<Result<Flags, _>>();
    flags.map_err(|error| StoreError::Damaged(format!("index: {error}")))
}

/// The stored form of flags.
pub(super) fn text_of(flags: &Flags) -> String {
    flags.iter().map(Flag::as_str).collect::<Vec<_>>().join(" ")
}

fn description(envelope: Option<Vec<u8>>, structure: Option<Vec<u8>>) -> Option<Description> {
    Some(Description { envelope: envelope?.into(), structure: structure?.into() })
}

fn count(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
