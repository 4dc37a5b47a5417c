//! Mailboxes: their names, their counts, what they are for.

use std::ops::RangeInclusive;

use capa7_mail_proto::mailbox::{MailboxName, ModSeq, SpecialUse, Uid, UidSet, UidValidity};
use rusqlite::{Connection, OptionalExtension as _};

use super::commit::Change;
use super::expunge::remove_all;
use super::row::rows_of;
use super::transfer::{Source, transfer};
use super::{Account, StoreError};

/// A mailbox, whatever its name becomes. Never given twice in an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailboxId(pub(super) i64);

/// A mailbox and its counts (`STATUS`, RFC 9051 §6.3.11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    /// Which one.
    pub id: MailboxId,
    /// Its name.
    pub name: MailboxName,
    /// False for a name that holds only other mailboxes (`\NoSelect`).
    pub is_selectable: bool,
    /// Grows when UIDs begin anew.
    pub uid_validity: UidValidity,
    /// Less than or equal to the UID of the next message.
    pub uid_next: u32,
    /// What it is for.
    pub special_use: Option<SpecialUse>,
    /// The modseq of its last change, at least 1 (RFC 7162 §3.1.2.1).
    pub highest_modseq: ModSeq,
    /// Messages in it.
    pub messages: u64,
    /// Messages without `\Seen`.
    pub unseen: u64,
    /// Messages with `\Deleted`.
    pub deleted: u64,
    /// Their lengths together, in bytes (`SIZE`, RFC 8438 §2).
    pub bytes: u64,
    /// Whether the user wants to see it in `LSUB`.
    pub is_subscribed: bool,
}

impl MailboxId {
    /// The key of a message in `messages`.
    pub(super) fn key(self, uid: Uid) -> i64 {
        (self.0 << 32) | i64::from(uid.get())
    }

    /// The keys of a range of UIDs; none of 0.
    pub(super) fn keys(self, range: &RangeInclusive<u32>) -> (i64, i64) {
        let key = |number: u32| (self.0 << 32) | i64::from(number);
        (key(*range.start().max(&1)), key(*range.end()))
    }

    pub(super) fn must_exist(self, index: &Connection) -> Result<(), StoreError> {
        let found = index.prepare_cached("SELECT 1 FROM mailboxes WHERE id = ?1")?.exists([self.0]);
        if found? { Ok(()) } else { Err(StoreError::NoMailbox) }
    }
}

/// Looking.
impl Account {
    /// All mailboxes, in the order of their names.
    ///
    /// # Errors
    /// The disk's.
    pub fn mailboxes(&self) -> Result<Vec<Mailbox>, StoreError> {
        self.read(all)
    }

    /// One mailbox by its name.
    ///
    /// # Errors
    /// [`StoreError::NoMailbox`], the disk's.
    pub fn mailbox(&self, name: &MailboxName) -> Result<Mailbox, StoreError> {
        self.read(|index| by_name(index, name)?.ok_or(StoreError::NoMailbox))
    }

    /// One mailbox as it is now.
    ///
    /// # Errors
    /// [`StoreError::NoMailbox`] when it was deleted, the disk's.
    pub fn mailbox_by_id(&self, id: MailboxId) -> Result<Mailbox, StoreError> {
        self.read(|index| {
            let mut statement = index.prepare_cached(&format!("{SELECT} WHERE m.id = ?1"))?;
            let found = statement.query_row([id.0], columns).optional()?;
            found.map(Columns::mailbox).transpose()?.ok_or(StoreError::NoMailbox)
        })
    }

    /// The names that the user subscribed to; a mailbox of that name need not
    /// be there (RFC 9051 §6.3.7).
    ///
    /// # Errors
    /// The disk's.
    pub fn subscriptions(&self) -> Result<Vec<MailboxName>, StoreError> {
        self.read(|index| {
            let mut statement =
                index.prepare_cached("SELECT name FROM subscriptions ORDER BY name")?;
            let names = statement.query_map([], |row| row.get::<_, String>(0))?;
            names.map(|name| parse_name(&name?)).collect()
        })
    }
}

/// Changing.
impl Account {
    /// Creates a mailbox and those above it that are missing (RFC 9051 §6.3.4).
    ///
    /// # Errors
    /// [`StoreError::Exists`], [`StoreError::TooMany`], the disk's.
    pub fn create(
        &self,
        name: &MailboxName,
        special_use: Option<SpecialUse>,
    ) -> Result<Mailbox, StoreError> {
        let name = name.clone();
        self.change(move |change| create(change, &name, special_use))
    }

    /// Gives a mailbox, and those below it, a new name, and creates those above
    /// the new name that are missing. Renaming INBOX moves its messages away
    /// and leaves it and those below it where they are (RFC 9051 §6.3.6).
    ///
    /// # Errors
    /// [`StoreError::NoMailbox`], [`StoreError::Exists`],
    /// [`StoreError::NotAllowed`] for a name below itself, the disk's.
    pub fn rename(&self, from: &MailboxName, to: &MailboxName) -> Result<(), StoreError> {
        let (from, to) = (from.clone(), to.clone());
        let now = self.now();
        self.change(move |change| rename(change, &from, &to, now))
    }

    /// Deletes a mailbox and its messages. One that has others below it keeps
    /// its name, without messages (RFC 9051 §6.3.5).
    ///
    /// # Errors
    /// [`StoreError::NoMailbox`], [`StoreError::NotAllowed`] for INBOX,
    /// [`StoreError::HasChildren`], the disk's.
    pub fn delete(&self, name: &MailboxName) -> Result<(), StoreError> {
        let name = name.clone();
        self.change(move |change| delete(change, &name))
    }

    /// Subscribes to a name.
    ///
    /// # Errors
    /// [`StoreError::TooMany`], the disk's.
    pub fn subscribe(&self, name: &MailboxName) -> Result<(), StoreError> {
        let name = name.clone();
        self.change(move |change| {
            let count = "SELECT count(*) FROM subscriptions";
            let count: i64 = change.index.query_row(count, [], |row| row.get(0))?;
            if count >= MAILBOXES_MAX {
                return Err(StoreError::TooMany("subscriptions"));
            }
            change.effects.names = true;
            subscribe(change, &name)
        })
    }

    /// Ends a subscription; a name without one is fine.
    ///
    /// # Errors
    /// The disk's.
    pub fn unsubscribe(&self, name: &MailboxName) -> Result<(), StoreError> {
        let name = name.clone();
        self.change(move |change| {
            change.effects.names = true;
            let sql = "DELETE FROM subscriptions WHERE name = ?1";
            change.index.prepare_cached(sql)?.execute([name.as_str()])?;
            Ok(())
        })
    }
}

/// INBOX is always there; the others are what mail programs look for
/// (RFC 6154 §2).
pub(super) fn create_first_ones(change: &mut Change<'_>) -> Result<(), StoreError> {
    if by_name(change.index, &MailboxName::inbox())?.is_some() {
        return Ok(());
    }
    let first: [(&str, Option<SpecialUse>); 6] = [
        ("INBOX", None),
        ("Archive", Some(SpecialUse::Archive)),
        ("Drafts", Some(SpecialUse::Drafts)),
        ("Junk", Some(SpecialUse::Junk)),
        ("Sent", Some(SpecialUse::Sent)),
        ("Trash", Some(SpecialUse::Trash)),
    ];
    for (name, special_use) in first {
        let name = parse_name(name)?;
        create(change, &name, special_use)?;
        subscribe(change, &name)?;
    }
    Ok(())
}

fn create(
    change: &mut Change<'_>,
    name: &MailboxName,
    special_use: Option<SpecialUse>,
) -> Result<Mailbox, StoreError> {
    let known = by_name(change.index, name)?;
    if known.as_ref().is_some_and(|mailbox| mailbox.is_selectable) {
        return Err(StoreError::Exists(name.clone()));
    }
    create_above(change, name)?;
    let count: i64 =
        change.index.query_row("SELECT count(*) FROM mailboxes", [], |row| row.get(0))?;
    if count >= MAILBOXES_MAX {
        return Err(StoreError::TooMany("mailboxes"));
    }
    change.effects.names = true;
    let modseq = change.modseq()?;
    let uid_validity: i64 = change.index.query_row(
        "UPDATE account SET uidvalidity_next = uidvalidity_next + 1 RETURNING uidvalidity_next - 1",
        [],
        |row| row.get(0),
    )?;
    // A name that held only others becomes a mailbox, with UIDs of its own.
    change.index.execute(
        "INSERT INTO mailboxes (name, selectable, uidvalidity, uidnext, special, highestmodseq,
             messages, unseen, deleted, bytes) VALUES (?1, 1, ?2, 1, ?3, ?4, 0, 0, 0, 0)
         ON CONFLICT (name) DO UPDATE SET selectable = 1, uidvalidity = excluded.uidvalidity,
             uidnext = 1, special = excluded.special, highestmodseq = excluded.highestmodseq",
        (
            name.as_str(),
            uid_validity,
            special_use.map(SpecialUse::attribute),
            modseq.0.cast_signed(),
        ),
    )?;
    by_name(change.index, name)?.ok_or(StoreError::NoMailbox)
}

fn create_above(change: &mut Change<'_>, name: &MailboxName) -> Result<(), StoreError> {
    match name.parent() {
        Some(above) if by_name(change.index, &above)?.is_none() => {
            create(change, &above, None).map(|_| ())
        }
        _ => Ok(()),
    }
}

fn rename(
    change: &mut Change<'_>,
    from: &MailboxName,
    to: &MailboxName,
    now: i64,
) -> Result<(), StoreError> {
    let moved = by_name(change.index, from)?.ok_or(StoreError::NoMailbox)?;
    if by_name(change.index, to)?.is_some() {
        return Err(StoreError::Exists(to.clone()));
    }
    if from.is_inbox() {
        let target = create(change, to, None)?;
        let rows = rows_of(change.index, moved.id, &UidSet::all())?;
        transfer(change, moved.id, target.id, &rows, Source::Removed, now)?;
        return Ok(());
    }
    if to.is_below(from) {
        return Err(StoreError::NotAllowed("a mailbox cannot be moved below itself"));
    }
    create_above(change, to)?;
    change.effects.names = true;
    let below = all(change.index)?.into_iter().filter(|mailbox| mailbox.name.is_below(from));
    for mailbox in std::iter::once(moved).chain(below) {
        let name = mailbox
            .name
            .moved(from, to)
            .map_err(|_| StoreError::NotAllowed("a mailbox below would get too long a name"))?;
        change
            .index
            .prepare_cached("UPDATE mailboxes SET name = ?2 WHERE id = ?1")?
            .execute((mailbox.id.0, name.as_str()))?;
    }
    Ok(())
}

fn delete(change: &mut Change<'_>, name: &MailboxName) -> Result<(), StoreError> {
    if name.is_inbox() {
        // RFC 9051 §6.3.5: "It is an error to attempt to delete INBOX".
        return Err(StoreError::NotAllowed("INBOX cannot be deleted"));
    }
    let mailbox = by_name(change.index, name)?.ok_or(StoreError::NoMailbox)?;
    let has_children = all(change.index)?.iter().any(|other| other.name.is_below(name));
    if has_children && !mailbox.is_selectable {
        return Err(StoreError::HasChildren(name.clone()));
    }
    change.effects.names = true;
    let rows = rows_of(change.index, mailbox.id, &UidSet::all())?;
    remove_all(change, mailbox.id, &rows)?;
    change.index.execute("DELETE FROM expunged WHERE mailbox = ?1", [mailbox.id.0])?;
    change.index.execute("DELETE FROM mailboxes WHERE id = ?1", [mailbox.id.0])?;
    if has_children {
        // The name stays under another id: sessions that had the mailbox
        // selected find it gone.
        change.index.execute(
            "INSERT INTO mailboxes (name, selectable, uidvalidity, uidnext, special, highestmodseq,
                 messages, unseen, deleted, bytes) VALUES (?1, 0, ?2, 1, NULL, 1, 0, 0, 0, 0)",
            (name.as_str(), mailbox.uid_validity.get()),
        )?;
    }
    Ok(())
}

fn subscribe(change: &Change<'_>, name: &MailboxName) -> Result<(), StoreError> {
    let sql = "INSERT OR IGNORE INTO subscriptions VALUES (?1)";
    change.index.prepare_cached(sql)?.execute([name.as_str()])?;
    Ok(())
}

/// What a change adds to a mailbox's counts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) messages: i64,
    pub(super) unseen: i64,
    pub(super) deleted: i64,
    pub(super) bytes: i64,
}

/// Adds to the counts of a mailbox that changes with `modseq`.
pub(super) fn count(
    index: &Connection,
    mailbox: MailboxId,
    counts: Counts,
    modseq: ModSeq,
) -> Result<(), StoreError> {
    let Counts { messages, unseen, deleted, bytes } = counts;
    index
        .prepare_cached(
            "UPDATE mailboxes SET messages = messages + ?2, unseen = unseen + ?3,
                 deleted = deleted + ?4, bytes = bytes + ?5, highestmodseq = ?6 WHERE id = ?1",
        )?
        .execute((mailbox.0, messages, unseen, deleted, bytes, modseq.0.cast_signed()))?;
    Ok(())
}

/// Takes the next `wanted` UIDs of a mailbox and returns the first.
pub(super) fn take_uids(
    index: &Connection,
    mailbox: MailboxId,
    wanted: usize,
) -> Result<u32, StoreError> {
    let wanted = i64::try_from(wanted).unwrap_or(i64::MAX);
    let next: Option<i64> = index
        .prepare_cached(
            "UPDATE mailboxes SET uidnext = uidnext + ?2
             WHERE id = ?1 AND uidnext <= 4294967295 - ?2 RETURNING uidnext - ?2",
        )?
        .query_row((mailbox.0, wanted), |row| row.get(0))
        .optional()?;
    next.and_then(|next| u32::try_from(next).ok()).ok_or(StoreError::TooMany("UIDs"))
}

/// The mailbox of a name, if it is there.
pub(super) fn by_name(
    index: &Connection,
    name: &MailboxName,
) -> Result<Option<Mailbox>, StoreError> {
    let mut statement = index.prepare_cached(&format!("{SELECT} WHERE m.name = ?1"))?;
    let found = statement.query_row([name.as_str()], columns).optional()?;
    found.map(Columns::mailbox).transpose()
}

/// The mailbox of a name that messages can go to.
pub(super) fn target(index: &Connection, name: &MailboxName) -> Result<Mailbox, StoreError> {
    let found = by_name(index, name)?.filter(|mailbox| mailbox.is_selectable);
    found.ok_or(StoreError::NoMailbox)
}

/// All mailboxes, in the order of their names.
pub(super) fn all(index: &Connection) -> Result<Vec<Mailbox>, StoreError> {
    let mut statement = index.prepare_cached(&format!("{SELECT} ORDER BY m.name"))?;
    let found = statement.query_map([], columns)?;
    found.map(|found| found.map_err(Into::into).and_then(Columns::mailbox)).collect()
}

struct Columns {
    id: i64,
    name: String,
    is_selectable: bool,
    uid_validity: u32,
    uid_next: u32,
    special_use: Option<String>,
    numbers: [i64; 5],
    is_subscribed: bool,
}

fn columns(row: &rusqlite::Row<'_>) -> Result<Columns, rusqlite::Error> {
    Ok(Columns {
        id: row.get(0)?,
        name: row.get(1)?,
        is_selectable: row.get(2)?,
        uid_validity: row.get(3)?,
        uid_next: row.get(4)?,
        special_use: row.get(5)?,
        numbers: [row.get(6)?, row.get(7)?, row.get(8)?, row.get(9)?, row.get(10)?],
        is_subscribed: row.get(11)?,
    })
}

impl Columns {
    fn mailbox(self) -> Result<Mailbox, StoreError> {
        let [modseq, messages, unseen, deleted, bytes] = self.numbers.map(i64::unsigned_abs);
        let named =
            |text: String| SpecialUse::ALL.into_iter().find(|use_| use_.attribute() == text);
        Ok(Mailbox {
            id: MailboxId(self.id),
            name: parse_name(&self.name)?,
            is_selectable: self.is_selectable,
            uid_validity: uid_validity(self.uid_validity)?,
            uid_next: self.uid_next,
            special_use: self.special_use.and_then(named),
            highest_modseq: ModSeq(modseq),
            messages,
            unseen,
            deleted,
            bytes,
            is_subscribed: self.is_subscribed,
        })
    }
}

pub(super) fn uid_validity(number: u32) -> Result<UidValidity, StoreError> {
    std::num::NonZeroU32::new(number)
        .map(UidValidity)
        .ok_or_else(|| StoreError::Damaged("index: UIDVALIDITY is 0".to_owned()))
}

fn parse_name(text: &str) -> Result<MailboxName, StoreError> {
    MailboxName::parse(text).map_err(|error| StoreError::Damaged(format!("index: {error}")))
}

const SELECT: &str = "SELECT m.id, m.name, m.selectable, m.uidvalidity, m.uidnext, m.special,
    m.highestmodseq, m.messages, m.unseen, m.deleted, m.bytes,
    EXISTS (SELECT 1 FROM subscriptions s WHERE s.name = m.name) FROM mailboxes m";

/// Mailboxes that an account has at most.
pub const MAILBOXES_MAX: i64 = 10_000;
