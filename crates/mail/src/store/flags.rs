//! Flags of messages.

use capa7_mail_proto::mailbox::{Flag, Flags, ModSeq, Uid, UidSet};

use super::mailboxes::{Counts, count};
use super::row::{rows_of, text_of};
use super::{Account, MailboxId, Row, StoreError};

/// What becomes of flags (RFC 9051 §6.4.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FlagChange {
    /// `+FLAGS`.
    Add(Flags),
    /// `-FLAGS`.
    Remove(Flags),
    /// `FLAGS`.
    Replace(Flags),
}

/// Which messages may change (RFC 7162 §3.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnchangedSince {
    /// All.
    Whatever,
    /// Those that did not change after this modseq.
    ModSeq(ModSeq),
}

/// What became of flags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlagsChanged {
    /// The messages that were asked for and allowed to change, as they are now.
    /// Those that really changed have [`FlagsChanged::modseq`].
    pub rows: Vec<Row>,
    /// The change's modseq; none when every flag was as wanted.
    pub modseq: Option<ModSeq>,
    /// The messages that had changed since (`MODIFIED`).
    pub modified: Vec<Uid>,
}

impl Account {
    /// Changes the flags of messages. UIDs without a message are passed over.
    ///
    /// # Errors
    /// [`StoreError::NoMailbox`], [`StoreError::TooMany`], the disk's.
    pub fn set_flags(
        &self,
        mailbox: MailboxId,
        uids: &UidSet,
        wanted: FlagChange,
        unchanged_since: UnchangedSince,
    ) -> Result<FlagsChanged, StoreError> {
        let uids = uids.clone();
        self.change(move |change| {
            mailbox.must_exist(change.index)?;
            let may_change = |row: &Row| match unchanged_since {
                UnchangedSince::Whatever => true,
                UnchangedSince::ModSeq(since) => row.modseq <= since,
            };
            let (mut rows, modified): (Vec<Row>, Vec<Row>) =
                rows_of(change.index, mailbox, &uids)?.into_iter().partition(may_change);
            let mut counts = Counts::default();
            for row in &mut rows {
                let flags = wanted.applied_to(&row.flags);
                if flags == row.flags {
                    continue;
                }
                if flags.len() > FLAGS_MAX {
                    return Err(StoreError::TooMany("flags on one message"));
                }
                row.modseq = change.modseq()?;
                counts.unseen -= difference(&row.flags, &flags, "\\Seen");
                counts.deleted += difference(&row.flags, &flags, "\\Deleted");
                row.flags = flags;
                change
                    .index
                    .prepare_cached("UPDATE messages SET flags = ?2, modseq = ?3 WHERE key = ?1")?
                    .execute((
                        mailbox.key(row.uid),
                        text_of(&row.flags),
                        row.modseq.0.cast_signed(),
                    ))?;
            }
            let modseq = change.effects.modseq;
            if let Some(modseq) = modseq {
                count(change.index, mailbox, counts, modseq)?;
            }
            let modified = modified.into_iter().map(|row| row.uid).collect();
            Ok(FlagsChanged { rows, modseq, modified })
        })
    }
}

impl FlagChange {
    fn applied_to(&self, flags: &Flags) -> Flags {
        match self {
            Self::Add(more) => flags.union(more).cloned().collect(),
            Self::Remove(less) => flags.difference(less).cloned().collect(),
            Self::Replace(new) => new.clone(),
        }
    }
}

/// 1 when the flag comes, -1 when it goes.
fn difference(before: &Flags, after: &Flags, flag: &'static str) -> i64 {
    let flag = Flag::system(flag);
    i64::from(after.contains(&flag)) - i64::from(before.contains(&flag))
}

/// Flags that a message has at most.
const FLAGS_MAX: usize = 100;
