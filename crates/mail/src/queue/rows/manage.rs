//! What the operator asks of the rows.

use capa7_mail_proto::address::ReversePath;
use capa7_mail_proto::queue::Moment;
use rusqlite::{Connection, ToSql};

use crate::queue::QueueId;
use crate::queue::manage::{Entry, EntryState, QueueTable, Selection, TableRow};

use super::write::{Effect, remove_if_done};
use super::{Rows, column, moment, wrong};

/// The operator's commands.
#[derive(Clone, Debug)]
pub(crate) enum Command {
    Hold(Selection),
    Release(Selection, Moment),
    Flush(Selection, Moment),
    Delete(Selection),
}

impl Command {
    pub(super) fn apply(&self, rows: &Connection) -> rusqlite::Result<Effect> {
        let mut effect = Effect::default();
        let (which, sql, now) = match self {
            Self::Hold(which) => (which, "UPDATE recipients SET held = 1 WHERE held = 0", None),
            Self::Release(which, now) => {
                let sql = "UPDATE recipients SET held = 0, next = ?2 WHERE held = 1";
                (which, sql, Some(*now))
            }
            Self::Flush(which, now) => {
                (which, "UPDATE recipients SET next = ?2 WHERE held = 0", Some(*now))
            }
            Self::Delete(which) => return delete(rows, which),
        };
        let (condition, value) = condition(which);
        let mut update = rows.prepare_cached(&format!("{sql} AND {condition}"))?;
        let now = now.map(column);
        let met = match &now {
            Some(now) => update.execute([value.as_ref(), now as &dyn ToSql])?,
            None => update.execute([value.as_ref()])?,
        };
        effect.met = crate::spool::octets(met);
        Ok(effect)
    }
}

/// What a selection is in SQL: `?1` stands for its value.
fn condition(which: &Selection) -> (&'static str, Box<dyn ToSql>) {
    match which {
        Selection::All => ("?1 IS NULL", Box::new(Option::<i64>::None)),
        Selection::Message(id) => ("message = ?1", Box::new(id.0)),
        Selection::Destination(name) => ("destination = ?1", Box::new(name.to_ascii_lowercase())),
    }
}

fn delete(rows: &Connection, which: &Selection) -> rusqlite::Result<Effect> {
    let mut effect = Effect::default();
    let (condition, value) = condition(which);
    let sql = format!("DELETE FROM recipients WHERE {condition} RETURNING message");
    let mut delete = rows.prepare_cached(&sql)?;
    let mut messages = Vec::new();
    for message in delete.query_map([value.as_ref()], |row| row.get::<_, u64>(0))? {
        effect.met += 1;
        messages.push(message?);
    }
    messages.dedup();
    for message in messages {
        remove_if_done(rows, message, &mut effect)?;
    }
    Ok(effect)
}

/// Looking.
impl Rows {
    pub(crate) fn list(
        &self,
        which: &Selection,
        now: Moment,
        (skip, limit): (u64, u64),
    ) -> rusqlite::Result<Vec<Entry>> {
        let (condition, value) = condition(which);
        let sql = format!(
            "SELECT r.message, m.sender, r.address, r.destination, m.octets, m.accepted,
                    r.held, r.next, r.attempts, r.reason
             FROM recipients r JOIN messages m ON m.id = r.message
             WHERE {condition} ORDER BY r.message, r.place LIMIT ?2 OFFSET ?3"
        );
        let mut query = self.connection.prepare_cached(&sql)?;
        let rows = query.query_map([value.as_ref(), &limit, &skip], |row| {
            let sender = row.get::<_, Option<String>>(1)?;
            let sender = sender.map(|sender| sender.parse()).transpose().map_err(wrong)?;
            let next = moment(row.get(7)?);
            let state = match (row.get::<_, bool>(6)?, next > now) {
                (true, _) => EntryState::Held,
                (false, true) => EntryState::Deferred,
                (false, false) => EntryState::Due,
            };
            Ok(Entry {
                id: QueueId(row.get(0)?),
                from: ReversePath(sender),
                recipient: row.get::<_, String>(2)?.parse().map_err(wrong)?,
                destination: row.get(3)?,
                octets: row.get(4)?,
                age_s: now.since(moment(row.get(5)?)).as_secs(),
                state,
                attempts: row.get(8)?,
                next_s: (state == EntryState::Deferred).then(|| next.since(now).as_secs()),
                reason: row.get(9)?,
            })
        })?;
        rows.collect()
    }

    pub(crate) fn table(&self, now: Moment) -> rusqlite::Result<QueueTable> {
        let mut table = QueueTable { ages_s: AGES_S.to_vec(), ..QueueTable::default() };
        let mut query = self.connection.prepare_cached(
            "SELECT r.destination, m.accepted, COUNT(*), SUM(r.held)
             FROM recipients r JOIN messages m ON m.id = r.message
             GROUP BY r.destination, m.accepted / 60000000000",
        )?;
        let rows = query.query_map([], |row| {
            let (destination, accepted) = (row.get::<_, String>(0)?, moment(row.get(1)?));
            Ok((destination, accepted, row.get::<_, u64>(2)?, row.get::<_, u64>(3)?))
        })?;
        for row in rows {
            let (destination, accepted, count, held) = row?;
            let age = now.since(accepted).as_secs();
            let place = AGES_S.iter().position(|bound| age < *bound).unwrap_or(AGES_S.len());
            if table.rows.last().is_none_or(|last| last.destination != destination) {
                let counts = vec![0; AGES_S.len() + 1];
                table.rows.push(TableRow { destination, counts, total: 0 });
            }
            if let Some(last) = table.rows.last_mut() {
                last.total += count;
                if let Some(cell) = last.counts.get_mut(place) {
                    *cell += count;
                }
            }
            table.recipients += count;
            table.held += held;
        }
        table.rows.sort_by_key(|row| std::cmp::Reverse(row.total));
        table.messages =
            self.connection.query_row("SELECT COUNT(*) FROM messages", [], |row| row.get(0))?;
        Ok(table)
    }
}

/// The columns of the table: 5 and 30 minutes, 4 hours, a day, three days.
const AGES_S: [u64; 5] = [300, 1_800, 14_400, 86_400, 259_200];
