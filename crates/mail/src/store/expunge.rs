//! Messages go.

use capa7_mail_proto::mailbox::{Flag, ModSeq, Uid, UidSet};
use rusqlite::OptionalExtension as _;

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

/// Messages that go at once and have the tombstones looked at.
const LOOKED_AT_EVERY: usize = 64;
/// Tombstones that a mailbox keeps: more than any session that is told of
/// changes lags behind, so that it is told exactly what went.
pub(super) const TOMBSTONES_MAX: i64 = 10_000;

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
    if rows.len() >= LOOKED_AT_EVERY || rows.iter().any(|row| is_turn(row.uid)) {
        forget_oldest(change, mailbox)?;
    }
    count(change.index, mailbox, counts, modseq)
}

/// Keeps the tombstones of a mailbox bounded. Whoever asks for changes since
/// before the first one that is left gets all UIDs without a message, which
/// RFC 7162 §3.2.5.1 allows: it includes those that went.
fn forget_oldest(change: &Change<'_>, mailbox: MailboxId) -> Result<(), StoreError> {
    let oldest_kept: Option<i64> = change
        .index
        .prepare_cached(
            "SELECT modseq FROM expunged WHERE mailbox = ?1 ORDER BY modseq DESC LIMIT 1 OFFSET ?2",
        )?
        .query_row((mailbox.0, TOMBSTONES_MAX), |row| row.get(0))
        .optional()?;
    let Some(forgotten) = oldest_kept else { return Ok(()) };
    change
        .index
        .prepare_cached("DELETE FROM expunged WHERE mailbox = ?1 AND modseq <= ?2")?
        .execute((mailbox.0, forgotten))?;
    change
        .index
        .prepare_cached("UPDATE mailboxes SET forgotten = ?2 WHERE id = ?1")?
        .execute((mailbox.0, forgotten))?;
    Ok(())
}

/// Whether the tombstones are looked at when this message goes: now and then,
/// so that what it costs is shared.
const fn is_turn(uid: Uid) -> bool {
    uid.get().is_multiple_of(64)
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
