//! Whether a message matches (RFC 9051 §6.4.4).

use bytes::Bytes;

use crate::imap::date::Date;
use crate::imap::search::SearchKey;
use crate::imap::sequence::{MessageSet, SequenceNumber, SequenceSet};
use crate::imap::store::MessageRow;
use crate::mailbox::Uid;
use crate::message::date::MessageDate;
use crate::message::fields;
use crate::message::search::{self as text_search, Needle};
use crate::message::structure::{Structure, scan};

/// A message that is tried: its row, and its octets when a key needs them.
#[derive(Debug)]
pub struct Candidate<'m, Load> {
    row: &'m MessageRow,
    load: Load,
    loaded: Option<(Bytes, Structure)>,
}

impl<'m, Load: FnMut() -> Option<Bytes>> Candidate<'m, Load> {
    /// A message. `load` reads its octets and is called once at most; none: it
    /// is gone.
    pub const fn new(row: &'m MessageRow, load: Load) -> Self {
        Self { row, load, loaded: None }
    }

    /// Whether all that the key says holds. Cheap keys are tried first.
    pub fn matches(&mut self, key: &SearchKey) -> bool {
        let row = self.row;
        let day = || row.internal_date.date();
        match key {
            SearchKey::And(keys) => {
                let (dear, cheap): (Vec<_>, Vec<_>) = keys.iter().partition(|key| key.needs_text());
                cheap.into_iter().all(|key| self.matches(key))
                    && dear.into_iter().all(|key| self.matches(key))
            }
            SearchKey::Or(one, other) => {
                let (first, then) = if one.needs_text() { (other, one) } else { (one, other) };
                self.matches(first) || self.matches(then)
            }
            SearchKey::Not(key) => !self.matches(key),
            SearchKey::All => true,
            SearchKey::Numbers(set) | SearchKey::Uids(set) => has(set, row.uid),
            SearchKey::Flag(flag) => {
                row.flags.iter().any(|has| has.as_str().eq_ignore_ascii_case(flag.as_str()))
            }
            SearchKey::Recent => false,
            SearchKey::Before(date) => day() < *date,
            SearchKey::On(date) => day() == *date,
            SearchKey::Since(date) => day() >= *date,
            SearchKey::SentBefore(date) => self.sent().is_some_and(|sent| sent < *date),
            SearchKey::SentOn(date) => self.sent() == Some(*date),
            SearchKey::SentSince(date) => self.sent().is_some_and(|sent| sent >= *date),
            SearchKey::Larger(size) => row.size > *size,
            SearchKey::Smaller(size) => row.size < *size,
            SearchKey::ModSeq(mod_seq) => row.mod_seq >= *mod_seq,
            SearchKey::Header(name, text) => {
                let needle = Needle::new(text);
                self.with_text(|octets, structure| {
                    let header = octets.get(structure.root().header.clone());
                    text_search::header(header.unwrap_or_default(), name, &needle)
                })
            }
            SearchKey::Body(text) => {
                let needle = Needle::new(text);
                self.with_text(|octets, structure| text_search::body(octets, structure, &needle))
            }
            SearchKey::Text(text) => {
                let needle = Needle::new(text);
                self.with_text(|octets, structure| text_search::text(octets, structure, &needle))
            }
        }
    }

    fn with_text(&mut self, found: impl FnOnce(&[u8], &Structure) -> bool) -> bool {
        if self.loaded.is_none() {
            self.loaded = (self.load)().map(|octets| {
                let structure = scan(&octets);
                (octets, structure)
            });
        }
        self.loaded.as_ref().is_some_and(|(octets, structure)| found(octets, structure))
    }

    /// The day in `Date:`, without its time and zone.
    fn sent(&mut self) -> Option<Date> {
        let mut sent = None;
        self.with_text(|octets, structure| {
            let header = octets.get(structure.root().header.clone()).unwrap_or_default();
            let written = fields::first(header, "Date").and_then(MessageDate::parse);
            sent = written.map(|date| Date { year: date.year, month: date.month, day: date.day });
            sent.is_some()
        });
        sent
    }
}

fn has(set: &MessageSet, uid: Uid) -> bool {
    match set {
        MessageSet::Numbers(set) => numbers_have(set, uid),
        // The session has put numbers in its place.
        MessageSet::Saved => false,
    }
}

/// Whether an ascending set without `*` has a number.
fn numbers_have(set: &SequenceSet, uid: Uid) -> bool {
    let ends = |number| match number {
        SequenceNumber::Number(number) => number.get(),
        SequenceNumber::Largest => u32::MAX,
    };
    let ranges = set.ranges();
    let after = ranges.partition_point(|range| ends(range.first) <= uid.0.get());
    let range = after.checked_sub(1).and_then(|at| ranges.get(at));
    range.is_some_and(|range| ends(range.last) >= uid.0.get())
}
