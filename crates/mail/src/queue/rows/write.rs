//! What changes the rows: each change whole or not at all, many in one commit.

use capa7_mail_proto::queue::{Attempt, BatchId, Change, Destination, Durability, Settlement};
use capa7_net::Cause;
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};

use super::manage::Command;
use super::read::{KIND_FILE, KIND_JOURNAL, KIND_ROW, notify_bits};
use super::{Imported, Location, Rows, column};
use crate::queue::progress::Reached;
use crate::spool::Place;

/// One change.
#[derive(Debug)]
pub(crate) enum Write {
    /// Accepted messages.
    Import(Vec<Imported>),
    /// Nothing but how far the journal is done with.
    Mark,
    /// Attempts that are about to begin.
    Record { batch: BatchId, attempts: Vec<Attempt>, durability: Durability },
    /// What became of recipients.
    Settle(Box<Settled>),
    /// The operator's.
    Manage(Command),
}

/// A settlement with what follows from it.
#[derive(Debug)]
pub(crate) struct Settled {
    pub(crate) settlement: Settlement,
    /// The notifications that it makes; they come into being with it.
    pub(crate) notices: Vec<Imported>,
    /// The message is in a file of its own, which goes with its last recipient.
    pub(crate) is_file: bool,
    /// Because of what each deferred row is tried again.
    pub(crate) causes: Vec<(u32, Cause)>,
}

/// What a change did.
#[derive(Debug, Default)]
pub(crate) struct Effect {
    /// Destinations with new rows that are due at once.
    pub(crate) arrived: Vec<Destination>,
    /// Messages that went with their last recipient.
    pub(crate) gone: Vec<u64>,
    /// Their octets.
    pub(crate) gone_octets: u64,
    /// Rows that the operator's command met.
    pub(crate) met: u64,
}

impl Rows {
    /// Does all changes in one commit, with the mark that the journal reaches by
    /// them.
    pub(crate) fn write(
        &mut self,
        writes: &[Write],
        reached: Option<Reached>,
    ) -> rusqlite::Result<Vec<Effect>> {
        let durability = writes.iter().map(Write::durability).max();
        self.set_lasting(durability != Some(Durability::Repeatable))?;
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut effects = Vec::with_capacity(writes.len());
        for write in writes {
            effects.push(apply(&transaction, write)?);
        }
        go_beyond(&transaction, writes, reached)?;
        transaction.commit()?;
        Ok(effects)
    }

    /// Takes the messages of a segment into the rows, all in one commit: then
    /// nobody needs the segment. `read` gives a message's octets.
    pub(crate) fn take_in(
        &mut self,
        segment: u64,
        read: impl Fn(Place) -> std::io::Result<Vec<u8>>,
    ) -> rusqlite::Result<()> {
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut query = transaction
            .prepare_cached("SELECT id, offset, octets FROM messages WHERE segment = ?1")?;
        let found = query.query_map([segment], |row| {
            Ok((row.get::<_, u64>(0)?, Place { segment, offset: row.get(1)?, octets: row.get(2)? }))
        })?;
        for found in found.collect::<rusqlite::Result<Vec<_>>>()? {
            let (id, place) = found;
            let body = read(place).map_err(super::wrong)?;
            transaction
                .prepare_cached(
                    "UPDATE messages SET kind = ?2, segment = NULL, offset = NULL, body = ?3
                     WHERE id = ?1",
                )?
                .execute((id, KIND_ROW, body))?;
        }
        drop(query);
        transaction.commit()
    }

    /// Makes all that was written last.
    pub(crate) fn make_lasting(&mut self) -> rusqlite::Result<()> {
        self.set_lasting(true)?;
        self.connection.execute("UPDATE mark SET last = last", [])?;
        Ok(())
    }

    /// Own mailboxes need no waiting: what a stop interrupted is due again.
    pub(crate) fn resume_local(&self, now: i64) -> rusqlite::Result<()> {
        let local = Destination::Local.to_string();
        self.connection.execute(
            "UPDATE recipients SET next = ?2 WHERE destination = ?1 AND held = 0 AND next > ?2",
            (local, now),
        )?;
        Ok(())
    }
}

impl Write {
    fn durability(&self) -> Durability {
        match self {
            // The journal has them, and its mark is written with them.
            Self::Import(messages) if messages.iter().all(Imported::is_journaled) => {
                Durability::Repeatable
            }
            // Mailboxes take a message that is replayed once.
            Self::Mark => Durability::Repeatable,
            Self::Record { durability, .. } => *durability,
            Self::Settle(settled) if settled.notices.is_empty() && !settled.is_file => {
                settled.settlement.durability
            }
            Self::Import(_) | Self::Settle(_) | Self::Manage(_) => Durability::Lasting,
        }
    }
}

fn apply(rows: &Connection, write: &Write) -> rusqlite::Result<Effect> {
    let mut effect = Effect::default();
    match write {
        Write::Import(messages) => {
            for message in messages {
                import(rows, message, &mut effect)?;
            }
        }
        Write::Mark => {}
        Write::Record { attempts, .. } => record(rows, attempts)?,
        Write::Settle(settled) => settle(rows, settled, &mut effect)?,
        Write::Manage(command) => effect = command.apply(rows)?,
    }
    Ok(effect)
}

fn import(rows: &Connection, message: &Imported, effect: &mut Effect) -> rusqlite::Result<()> {
    let (kind, place, body) = match &message.location {
        Location::Journal(place) => (KIND_JOURNAL, Some(*place), None),
        Location::File => (KIND_FILE, None, None),
        Location::Row(body) => (KIND_ROW, None, Some(body)),
    };
    let wishes = serde_json::to_string(&message.wishes).map_err(super::wrong)?;
    rows.prepare_cached("INSERT INTO messages VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?
        .execute((
            message.id,
            column(message.accepted),
            message.from.0.as_ref().map(ToString::to_string),
            wishes,
            message.octets,
            kind,
            place.map(|place| place.segment),
            place.map(|place| place.offset),
            body,
        ))?;
    let mut insert = rows.prepare_cached(
        "INSERT INTO recipients
         (message, place, address, destination, notify, original, next, cause)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    for recipient in &message.recipients {
        insert.execute((
            message.id,
            recipient.index,
            recipient.address.to_string(),
            recipient.destination.to_string(),
            recipient.notify.map(notify_bits),
            &recipient.original,
            column(message.accepted),
            recipient.cause.0,
        ))?;
        if !effect.arrived.contains(&recipient.destination) {
            effect.arrived.push(recipient.destination.clone());
        }
    }
    rows.prepare_cached("UPDATE mark SET last = MAX(last, ?1)")?.execute([message.id])?;
    Ok(())
}

/// Moves the mark, and keeps in mind what of the journal behind it is in the
/// rows already.
fn go_beyond(
    rows: &Connection,
    writes: &[Write],
    reached: Option<Reached>,
) -> rusqlite::Result<()> {
    let last = reached.map_or(0, |reached| reached.last);
    for id in journaled(writes).filter(|id| *id > last) {
        rows.prepare_cached("INSERT OR IGNORE INTO beyond VALUES (?1)")?.execute([id])?;
    }
    if let Some(Reached { mark, last }) = reached {
        rows.prepare_cached("UPDATE mark SET segment = ?1, offset = ?2, last = MAX(last, ?3)")?
            .execute((mark.segment, mark.offset, last))?;
        rows.prepare_cached("DELETE FROM beyond WHERE id <= ?1")?.execute([last])?;
    }
    Ok(())
}

/// The messages of the journal that these take into the rows.
pub(crate) fn journaled(writes: &[Write]) -> impl Iterator<Item = u64> {
    let imported = writes.iter().filter_map(|write| match write {
        Write::Import(messages) => Some(messages),
        _ => None,
    });
    imported.flatten().filter(|one| one.is_journaled()).map(|one| one.id)
}

fn record(rows: &Connection, attempts: &[Attempt]) -> rusqlite::Result<()> {
    let mut update = rows.prepare_cached(
        "UPDATE recipients SET attempts = ?3, next = ?4 WHERE message = ?1 AND place = ?2",
    )?;
    for attempt in attempts {
        let Attempt { message, index, attempts, next } = attempt;
        update.execute((message.0, index, attempts, column(*next)))?;
    }
    Ok(())
}

fn settle(rows: &Connection, settled: &Settled, effect: &mut Effect) -> rusqlite::Result<()> {
    let message = settled.settlement.message.0;
    let mut removed = 0;
    for (index, change) in &settled.settlement.changes {
        match change {
            Change::Deferred { reason, next, is_late } => {
                let cause = settled.causes.iter().find(|(of, _)| of == index);
                rows.prepare_cached(
                    "UPDATE recipients SET next = ?3, late = ?4, reason = ?5, cause = ?6
                     WHERE message = ?1 AND place = ?2",
                )?
                .execute((
                    message,
                    index,
                    column(*next),
                    is_late,
                    reason.reply().to_string(),
                    cause.map_or(0, |(_, cause)| cause.0),
                ))?;
            }
            Change::Delivered(_) | Change::Bounced { .. } => {
                removed += rows
                    .prepare_cached("DELETE FROM recipients WHERE message = ?1 AND place = ?2")?
                    .execute((message, index))?;
            }
        }
    }
    if removed > 0 {
        remove_if_done(rows, message, effect)?;
    }
    for notice in &settled.notices {
        import(rows, notice, effect)?;
    }
    Ok(())
}

/// A message goes with its last recipient.
pub(super) fn remove_if_done(
    rows: &Connection,
    message: u64,
    effect: &mut Effect,
) -> rusqlite::Result<()> {
    let gone = rows
        .prepare_cached(
            "DELETE FROM messages WHERE id = ?1
             AND NOT EXISTS (SELECT 1 FROM recipients WHERE message = ?1) RETURNING octets",
        )?
        .query_row([message], |row| row.get::<_, u64>(0))
        .optional()?;
    if let Some(octets) = gone {
        effect.gone.push(message);
        effect.gone_octets += octets;
    }
    Ok(())
}
