//! What happened to a mailbox since.

use capa7_mail_proto::mailbox::{ModSeq, UidSet};
use rusqlite::Connection;

use super::row::{Parts, parts, uid_of};
use super::{Account, MailboxId, Row, StoreError};

/// What happened to a mailbox after a modseq.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Messages that are new or have other flags, by UID.
    pub rows: Vec<Row>,
    /// UIDs whose messages are gone; some may have come and gone in between, and
    /// after very many changes some may have been gone before.
    pub vanished: UidSet,
    /// Ask with this the next time.
    pub modseq: ModSeq,
}

impl Account {
    /// What happened to a mailbox after `since` (RFC 7162 §3.1.4, §3.2.5).
    ///
    /// # Errors
    /// [`StoreError::NoMailbox`] when it was deleted, the disk's.
    pub fn changes_since(&self, mailbox: MailboxId, since: ModSeq) -> Result<Changes, StoreError> {
        self.read(|index| {
            mailbox.must_exist(index)?;
            let after = (mailbox.0, since.0.cast_signed());
            let mut statement = index.prepare_cached(
                "SELECT key, modseq, size, internal_date, save_date, flags, body FROM messages
                 WHERE mailbox = ?1 AND modseq > ?2 ORDER BY key",
            )?;
            let rows = statement.query_map(after, parts)?;
            let rows = rows.map(|parts| parts.map_err(Into::into).and_then(Parts::row));
            let rows = rows.collect::<Result<Vec<_>, StoreError>>()?;
            let sql = "SELECT highestmodseq, forgotten, uidnext FROM mailboxes WHERE id = ?1";
            let (modseq, forgotten, next): (i64, i64, u32) = index
                .prepare_cached(sql)?
                .query_row([mailbox.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            let vanished = if since.0 < forgotten.unsigned_abs() {
                without_message(index, mailbox, next)?
            } else {
                let mut statement = index.prepare_cached(
                    "SELECT key FROM expunged WHERE mailbox = ?1 AND modseq > ?2",
                )?;
                let gone = statement.query_map(after, |row| row.get::<_, i64>(0))?;
                gone.map(|key| uid_of(key?)).collect::<Result<UidSet, StoreError>>()?
            };
            Ok(Changes { rows, vanished, modseq: ModSeq(modseq.unsigned_abs()) })
        })
    }
}

/// All UIDs below `next` that no message has.
fn without_message(
    index: &Connection,
    mailbox: MailboxId,
    next: u32,
) -> Result<UidSet, StoreError> {
    let mut statement = index
        .prepare_cached("SELECT key FROM messages WHERE key BETWEEN ?1 AND ?2 ORDER BY key")?;
    let (first, last) = mailbox.keys(&(1..=u32::MAX));
    let (mut gaps, mut from) = (Vec::new(), 1);
    for key in statement.query_map((first, last), |row| row.get::<_, i64>(0))? {
        let uid = uid_of(key?)?.get();
        if from < uid {
            gaps.push(from..=uid - 1);
        }
        from = uid.saturating_add(1);
    }
    if from < next {
        gaps.push(from..=next - 1);
    }
    Ok(UidSet::from_ranges(gaps))
}
