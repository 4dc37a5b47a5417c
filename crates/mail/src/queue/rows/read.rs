//! What the runner asks of the rows.

use std::collections::{BTreeMap, BTreeSet};

use capa7_mail_proto::address::{Address, ReversePath};
use capa7_mail_proto::envelope::Notify;
use capa7_mail_proto::queue::{Destination, MessageId, Moment, Row};
use capa7_net::Cause;
use rusqlite::OptionalExtension as _;

use crate::spool::{Mark, Place};

use super::{Location, Rows, Wishes, column, moment, wrong};

/// Destinations that are due.
#[derive(Debug)]
pub(crate) struct DuePage {
    pub(crate) destinations: Vec<Destination>,
    pub(crate) until: Moment,
    pub(crate) next: Option<Moment>,
}

/// A message as the rows know it.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) id: u64,
    pub(crate) accepted: Moment,
    pub(crate) from: ReversePath,
    pub(crate) wishes: Wishes,
    pub(crate) location: Location,
}

/// A recipient as a session needs it.
#[derive(Clone, Debug)]
pub(crate) struct GivenRecipient {
    pub(crate) index: u32,
    pub(crate) address: Address,
    pub(crate) notify: Option<Notify>,
    pub(crate) original: Option<String>,
    pub(crate) attempts: u32,
    pub(crate) is_held: bool,
}

impl Rows {
    /// Messages behind the journal's mark that the rows know, or knew until they
    /// were delivered.
    pub(crate) fn beyond(&self) -> rusqlite::Result<BTreeSet<u64>> {
        let mut query = self.connection.prepare_cached("SELECT id FROM beyond")?;
        query.query_map([], |row| row.get(0))?.collect()
    }

    /// How far the journal is done with, and the last id given.
    pub(crate) fn mark(&self) -> rusqlite::Result<(Mark, u64)> {
        self.connection.query_row("SELECT segment, offset, last FROM mark", [], |row| {
            Ok((Mark { segment: row.get(0)?, offset: row.get(1)? }, row.get(2)?))
        })
    }

    /// The destinations with rows due after one moment and until another.
    pub(crate) fn due(&self, after: Moment, until: Moment) -> rusqlite::Result<DuePage> {
        let mut query = self.connection.prepare_cached(
            "SELECT destination, MIN(next) AS first FROM recipients
             WHERE held = 0 AND next > ?1 AND next <= ?2
             GROUP BY destination ORDER BY first LIMIT ?3",
        )?;
        let limit = DESTINATIONS_MAX;
        let rows = query.query_map((column(after), column(until), limit), |row| {
            row.get::<_, String>(0)?.parse::<Destination>().map_err(wrong)
        })?;
        let destinations = rows.collect::<rusqlite::Result<Vec<_>>>()?;
        let is_cut = destinations.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
        let until = if is_cut { after } else { until };
        let next = if is_cut {
            // The rest is asked for again when these had their turn.
            Some(Moment(until.0.saturating_add(1)))
        } else {
            self.connection
                .prepare_cached("SELECT MIN(next) FROM recipients WHERE held = 0 AND next > ?1")?
                .query_row([column(until)], |row| row.get::<_, Option<i64>>(0))?
                .map(moment)
        };
        Ok(DuePage { destinations, until, next })
    }

    /// Due rows of a destination, the longest due first.
    pub(crate) fn load(
        &self,
        destination: &Destination,
        now: Moment,
        limit: usize,
    ) -> rusqlite::Result<Vec<Row>> {
        let mut query = self.connection.prepare_cached(
            "SELECT r.message, r.place, m.accepted, r.attempts, r.late, m.sender IS NULL,
                    r.notify, r.cause
             FROM recipients r JOIN messages m ON m.id = r.message
             WHERE r.destination = ?1 AND r.held = 0 AND r.next <= ?2
             ORDER BY r.next, r.message, r.place LIMIT ?3",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = query.query_map((destination.to_string(), column(now), limit), |row| {
            Ok(Row {
                message: MessageId(row.get(0)?),
                index: row.get(1)?,
                accepted: moment(row.get(2)?),
                attempts: row.get(3)?,
                is_late: row.get(4)?,
                from_nobody: row.get(5)?,
                notify: row.get::<_, Option<u8>>(6)?.map(notify),
                cause: Cause(row.get(7)?),
            })
        })?;
        rows.collect()
    }

    /// One message; none when it was deleted meanwhile.
    pub(crate) fn message(&self, id: MessageId) -> rusqlite::Result<Option<Stored>> {
        let mut query = self.connection.prepare_cached(
            "SELECT accepted, sender, wishes, octets, kind, segment, offset, body
             FROM messages WHERE id = ?1",
        )?;
        let found = query.query_row([id.0], |row| {
            let octets = row.get(3)?;
            let location = match row.get::<_, u8>(4)? {
                KIND_JOURNAL => {
                    let (segment, offset) = (row.get(5)?, row.get(6)?);
                    Location::Journal(Place { segment, offset, octets })
                }
                KIND_FILE => Location::File,
                _ => Location::Row(row.get(7)?),
            };
            let sender = row.get::<_, Option<String>>(1)?;
            let sender = sender.map(|sender| sender.parse::<Address>()).transpose();
            let wishes = row.get::<_, String>(2)?;
            Ok(Stored {
                id: id.0,
                accepted: moment(row.get(0)?),
                from: ReversePath(sender.map_err(wrong)?),
                wishes: serde_json::from_str(&wishes).map_err(wrong)?,
                location,
            })
        });
        found.optional()
    }

    /// Some of its recipients; those that were deleted meanwhile are left out.
    pub(crate) fn recipients(
        &self,
        id: MessageId,
        indexes: &[u32],
    ) -> rusqlite::Result<Vec<GivenRecipient>> {
        let mut query = self.connection.prepare_cached(
            "SELECT address, notify, original, attempts, held FROM recipients
             WHERE message = ?1 AND place = ?2",
        )?;
        let mut found = Vec::with_capacity(indexes.len());
        for index in indexes {
            let one = query.query_row((id.0, index), |row| {
                Ok(GivenRecipient {
                    index: *index,
                    address: row.get::<_, String>(0)?.parse().map_err(wrong)?,
                    notify: row.get::<_, Option<u8>>(1)?.map(notify),
                    original: row.get(2)?,
                    attempts: row.get(3)?,
                    is_held: row.get(4)?,
                })
            });
            found.extend(one.optional()?);
        }
        Ok(found)
    }

    /// The segments of the journal that hold queued messages, with the octets
    /// of these.
    pub(crate) fn segments(&self) -> rusqlite::Result<BTreeMap<u64, u64>> {
        let mut query = self.connection.prepare_cached(
            "SELECT segment, SUM(CASE kind WHEN ?1 THEN octets ELSE 0 END) FROM messages
             WHERE segment IS NOT NULL GROUP BY segment",
        )?;
        query.query_map([KIND_JOURNAL], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    }

    /// Whether a message is queued.
    pub(crate) fn has(&self, id: u64) -> rusqlite::Result<bool> {
        self.connection.prepare_cached("SELECT 1 FROM messages WHERE id = ?1")?.exists([id])
    }
}

/// Wishes as bits, as RFC 3461 §4.1 lists them.
pub(super) fn notify_bits(notify: Notify) -> u8 {
    u8::from(notify.success) | u8::from(notify.failure) << 1 | u8::from(notify.delay) << 2
}

fn notify(bits: u8) -> Notify {
    Notify { success: bits & 1 != 0, failure: bits & 2 != 0, delay: bits & 4 != 0 }
}

pub(super) const KIND_JOURNAL: u8 = 0;
pub(super) const KIND_FILE: u8 = 1;
pub(super) const KIND_ROW: u8 = 2;

/// Destinations named at a time.
const DESTINATIONS_MAX: i64 = 1_000;
