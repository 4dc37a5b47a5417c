//! Messages go from mailbox to mailbox; their bodies stay where they are.

use capa7_mail_proto::mailbox::{MailboxName, ModSeq, Uid, UidSet, UidValidity};

use super::commit::Change;
use super::expunge::remove_rows;
use super::mailboxes::{Counts, count, take_uids, target};
use super::row::{rows_of, text_of};
use super::{Account, MailboxId, Row, StoreError};

/// Messages are in another mailbox (`COPYUID`, RFC 4315 §3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transferred {
    /// Where they are now.
    pub mailbox: MailboxId,
    /// Its validity.
    pub uid_validity: UidValidity,
    /// Their UIDs there and here: (old, new), in order.
    pub uids: Vec<(Uid, Uid)>,
    /// The change's modseq; none when there was no message.
    pub modseq: Option<ModSeq>,
}

/// What becomes of the messages where they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Kept,
    Removed,
}

impl Account {
    /// Copies messages with flags and dates, all or none (RFC 9051 §6.4.7).
    ///
    /// # Errors
    /// [`StoreError::NoMailbox`], [`StoreError::TooMany`], the disk's.
    pub fn copy(
        &self,
        mailbox: MailboxId,
        uids: &UidSet,
        to: &MailboxName,
    ) -> Result<Transferred, StoreError> {
        self.transfer(mailbox, uids, to, Source::Kept)
    }

    /// Moves messages with flags and dates, all or none (RFC 9051 §6.4.8).
    ///
    /// # Errors
    /// As [`Account::copy`].
    pub fn move_to(
        &self,
        mailbox: MailboxId,
        uids: &UidSet,
        to: &MailboxName,
    ) -> Result<Transferred, StoreError> {
        self.transfer(mailbox, uids, to, Source::Removed)
    }

    fn transfer(
        &self,
        mailbox: MailboxId,
        uids: &UidSet,
        to: &MailboxName,
        source: Source,
    ) -> Result<Transferred, StoreError> {
        let (uids, to, now) = (uids.clone(), to.clone(), self.now());
        self.change(move |change| {
            mailbox.must_exist(change.index)?;
            let to = target(change.index, &to)?;
            let rows = rows_of(change.index, mailbox, &uids)?;
            let uids = transfer(change, mailbox, to.id, &rows, source, now)?;
            let modseq = change.effects.modseq;
            Ok(Transferred { mailbox: to.id, uid_validity: to.uid_validity, uids, modseq })
        })
    }
}

/// Puts rows of one mailbox into another, which may be the same.
pub(super) fn transfer(
    change: &mut Change<'_>,
    from: MailboxId,
    to: MailboxId,
    rows: &[Row],
    source: Source,
    now: i64,
) -> Result<Vec<(Uid, Uid)>, StoreError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let modseq = change.modseq()?;
    let first = take_uids(change.index, to, rows.len())?;
    let (mut uids, mut counts) = (Vec::with_capacity(rows.len()), Counts::default());
    for (row, uid) in rows.iter().zip(first..) {
        let uid = Uid::new(uid).ok_or(StoreError::TooMany("UIDs"))?;
        insert_copy(change, (from, row), (to, uid), modseq, now)?;
        if source == Source::Kept {
            change
                .index
                .prepare_cached("UPDATE bodies SET messages = messages + 1 WHERE id = ?1")?
                .execute([row.body])?;
        }
        let counted = row.counts();
        counts.messages += counted.messages;
        counts.unseen += counted.unseen;
        counts.deleted += counted.deleted;
        counts.bytes += counted.bytes;
        uids.push((row.uid, uid));
    }
    count(change.index, to, counts, modseq)?;
    if source == Source::Removed {
        remove_rows(change, from, rows)?;
    }
    Ok(uids)
}

fn insert_copy(
    change: &Change<'_>,
    (from, row): (MailboxId, &Row),
    (to, uid): (MailboxId, Uid),
    modseq: ModSeq,
    now: i64,
) -> Result<(), StoreError> {
    let (key, size) = (to.key(uid), row.size.cast_signed());
    let modseq = modseq.0.cast_signed();
    change
        .index
        .prepare_cached("INSERT INTO messages VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?
        .execute((
            key,
            to.0,
            modseq,
            row.body,
            size,
            row.internal_date,
            now,
            text_of(&row.flags),
        ))?;
    change
        .index
        .prepare_cached(
            "INSERT INTO texts SELECT ?1, headers, envelope, structure FROM texts WHERE key = ?2",
        )?
        .execute((key, from.key(row.uid)))?;
    Ok(())
}
