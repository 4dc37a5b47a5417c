//! Messages go.

use capa7_mail_proto::mailbox::{Flag, ModSeq, Uid, UidSet};

use super::commit::Change;
use super::mailboxes::{Counts, count};
use super::row::rows_of;
use super::{Account, MailboxId, Row, StoreError};

/// Which messages go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// All with `\Deleted` (`EXPUNGE`).
    Deleted,
    /// Those of the set with `\Deleted` (`UID EXPUNGE`, RFC 4315 §2.1).
    DeletedAmong(UidSet),
    /// Those of the set, whatever their flags (POP3).
    Among(UidSet),
}

/// Messages are gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expunged {
    /// Their UIDs, in order.
    pub uids: Vec<Uid>,
    /// The change's modseq; none when none went.
    pub modseq: Option<ModSeq>,
}

impl Account {
    /// Removes messages for good.
    ///
    /// # Errors
    /// [`StoreError::NoMailbox`], the disk's.
    pub fn expunge(&self, mailbox: MailboxId, which: Which) -> Result<Expunged, StoreError> {
        self.change(move |change| {
            mailbox.must_exist(change.index)?;
            let (uids, only_deleted) = match which {
                Which::Deleted => (UidSet::all(), true),
                Which::DeletedAmong(uids) => (uids, true),
                Which::Among(uids) => (uids, false),
            };
            let deleted = Flag::system("\\Deleted");
            let mut rows = rows_of(change.index, mailbox, &uids)?;
            rows.retain(|row| !only_deleted || row.flags.contains(&deleted));
            remove_all(change, mailbox, &rows)?;
            let uids = rows.iter().map(|row| row.uid).collect();
            Ok(Expunged { uids, modseq: change.effects.modseq })
        })
    }
}

/// Removes rows, and the bodies that no other row has.
pub(super) fn remove_all(
    change: &mut Change<'_>,
    mailbox: MailboxId,
    rows: &[Row],
) -> Result<(), StoreError> {
    for row in rows {
        let left: i64 = change
            .index
            .prepare_cached(
                "UPDATE bodies SET messages = messages - 1 WHERE id = ?1 RETURNING messages",
            )?
            .query_row([row.body], |row| row.get(0))?;
        if left <= 0 {
            change.index.prepare_cached("DELETE FROM bodies WHERE id = ?1")?.execute([row.body])?;
            change.effects.bodies_gone.push(row.body);
        }
    }
    remove_rows(change, mailbox, rows)
}

/// Removes rows whose bodies are kept by others, and remembers that they were
/// (RFC 7162 §3.2.10).
pub(super) fn remove_rows(
    change: &mut Change<'_>,
    mailbox: MailboxId,
    rows: &[Row],
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let modseq = change.modseq()?;
    let mut counts = Counts::default();
    for row in rows {
        let key = mailbox.key(row.uid);
        change.index.prepare_cached("DELETE FROM messages WHERE key = ?1")?.execute([key])?;
        change.index.prepare_cached("DELETE FROM texts WHERE key = ?1")?.execute([key])?;
        change.index.prepare_cached("INSERT INTO expunged VALUES (?1, ?2, ?3)")?.execute((
            key,
            mailbox.0,
            modseq.0.cast_signed(),
        ))?;
        let counted = row.counts();
        counts.messages -= counted.messages;
        counts.unseen -= counted.unseen;
        counts.deleted -= counted.deleted;
        counts.bytes -= counted.bytes;
    }
    count(change.index, mailbox, counts, modseq)
}

impl Row {
    /// What the message adds to its mailbox's counts.
    pub(super) fn counts(&self) -> Counts {
        let has = |flag| i64::from(self.flags.contains(&Flag::system(flag)));
        Counts {
            messages: 1,
            unseen: 1 - has("\\Seen"),
            deleted: has("\\Deleted"),
            bytes: self.size.cast_signed(),
        }
    }
}
