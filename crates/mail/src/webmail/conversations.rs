//! The conversations of a folder, whole however old their parts are.
//!
//! ```text
//!   UID SEARCH ALL ──▶ what is there ──┬─ gone: forgotten
//!                                      └─ new: UID FETCH of three fields
//!   kept in the session: uid, date, links ──▶ grouped, the newest first
//! ```
//!
//! It is the same on every server: no THREAD (RFC 5256), which few offer and
//! which would be asked for the whole folder each time.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use capa7_mail_proto::imap::fetch::{FetchItemName, Section, SectionText, Seen};
use capa7_mail_proto::imap::response::FetchItem;
use capa7_mail_proto::imap::search::SearchKey;
use capa7_mail_proto::imap::sequence::{SequenceNumber, SequenceRange, SequenceSet};
use capa7_mail_proto::mailbox::UidValidity;
use tokio::sync::OwnedSemaphorePermit;

use super::each::{Wanted, each};
use super::problem::Problem;
use super::route::Ask;
use super::session::{Lease, Session};
use super::threads::{self, Links};

/// What is known of a folder's messages.
#[derive(Debug, Default)]
pub(crate) struct Index {
    validity: Option<UidValidity>,
    messages: BTreeMap<NonZeroU32, Known>,
    /// The newest first; none after a change, until somebody asks.
    grouped: Option<Vec<Conversation>>,
}

#[derive(Debug)]
struct Known {
    /// When it came, in seconds since 1970.
    date: i64,
    links: Links,
    /// Whether the server did not tell of it: date and links are not its own.
    untold: bool,
}

/// Messages that belong together, the newest first; at least one.
pub(crate) type Conversation = Vec<NonZeroU32>;

impl Index {
    /// Takes what is there, ascending; the answer is what is not known yet.
    /// Of a folder with more than [`MESSAGES_MAX`] the latest count.
    fn meet(&mut self, validity: Option<UidValidity>, there: &[NonZeroU32]) -> Vec<NonZeroU32> {
        if self.validity != validity {
            // RFC 9051 §2.3.1.1: the identifiers mean other messages.
            *self = Self { validity, ..Self::default() };
        }
        let latest = there.get(there.len().saturating_sub(MESSAGES_MAX)..).unwrap_or_default();
        let before = self.messages.len();
        self.messages.retain(|uid, _| latest.binary_search(uid).is_ok());
        if self.messages.len() != before {
            self.grouped = None;
        }
        let is_new = |uid: &&NonZeroU32| self.messages.get(uid).is_none_or(|known| known.untold);
        latest.iter().filter(is_new).copied().collect()
    }

    fn learn(&mut self, uid: NonZeroU32, date: i64, links: Links) {
        self.messages.insert(uid, Known { date, links, untold: false });
        self.grouped = None;
    }

    /// Takes what the server does not tell of: a conversation of its own, which has
    /// its place by its identifier, until it is told the next time.
    fn miss(&mut self, uid: NonZeroU32) {
        if self.messages.contains_key(&uid) {
            return;
        }
        let before = self.messages.range(..uid).next_back();
        let date = before.or_else(|| self.messages.range(uid..).next()).map_or(0, |it| it.1.date);
        self.messages.insert(uid, Known { date, links: Links::default(), untold: true });
        self.grouped = None;
    }

    /// How many messages there are.
    pub(crate) fn messages(&self) -> usize {
        self.messages.len()
    }

    /// All conversations, that with the newest message first.
    pub(crate) fn conversations(&mut self) -> &[Conversation] {
        let messages = &self.messages;
        self.grouped.get_or_insert_with(|| grouped(messages))
    }

    /// Learns what happened in the selected folder since the last time.
    pub(crate) async fn follow(
        &mut self,
        ask: &Ask,
        imap: &mut Lease,
        folder: &str,
    ) -> Result<(), Problem> {
        let there = imap.search(SearchKey::All, ask.cause()).await?;
        let there: Vec<NonZeroU32> = there.into_iter().map(|uid| uid.0).collect();
        let validity = imap.machine().mailbox().and_then(|mailbox| mailbox.validity());
        let missing = self.meet(validity, &there);
        let fields = [&b"Message-ID"[..], b"In-Reply-To", b"References"];
        let text = SectionText::HeaderFields(fields.map(<[u8]>::to_vec).into());
        let section = Section { part: Vec::new(), text };
        let items = [
            FetchItemName::Uid,
            FetchItemName::InternalDate,
            FetchItemName::Section { section, partial: None, seen: Seen::Kept },
        ];
        let set = |some: &[NonZeroU32]| ranges(&there, some);
        for uids in missing.chunks(FETCHED_MAX) {
            let is_whole = |row: &[FetchItem]| of_row(row).is_some();
            let wanted = Wanted { what: "links", folder, uids, set: &set, items: &items, is_whole };
            let mut fetched = each(ask, imap, wanted).await?;
            fetched.forget_gone(imap, ask.cause()).await?;
            for (uid, row) in &fetched.rows {
                // Flags of others may be told in between: those rows have no header.
                if let Some((date, header)) = of_row(row) {
                    self.learn(*uid, date, Links::of(header));
                }
            }
            for uid in fetched.untold.into_keys() {
                self.miss(uid);
            }
        }
        Ok(())
    }
}

fn of_row(row: &[FetchItem]) -> Option<(i64, &[u8])> {
    let date = row.iter().find_map(|item| match item {
        FetchItem::InternalDate(date) => Some(date.0),
        _ => None,
    });
    let header = row.iter().find_map(|item| match item {
        FetchItem::Section { section, text, .. } => match section.text {
            SectionText::HeaderFields(_) => Some(text.as_deref().unwrap_or_default()),
            _ => None,
        },
        _ => None,
    });
    date.zip(header)
}

fn grouped(messages: &BTreeMap<NonZeroU32, Known>) -> Vec<Conversation> {
    let lasts = threads::group(messages.values().map(|known| &known.links));
    let mut conversations: BTreeMap<usize, Vec<(i64, NonZeroU32)>> = BTreeMap::new();
    for (last, (uid, known)) in lasts.into_iter().zip(messages) {
        conversations.entry(last).or_default().push((known.date, *uid));
    }
    let mut conversations: Vec<_> = conversations.into_values().collect();
    for members in &mut conversations {
        members.sort_unstable_by(|one, other| other.cmp(one));
    }
    conversations.sort_unstable_by(|one, other| other.first().cmp(&one.first()));
    let uids = |members: Vec<(i64, NonZeroU32)>| members.into_iter().map(|(_, uid)| uid).collect();
    conversations.into_iter().map(uids).collect()
}

/// `some` of those that are there as few ranges: a number that no message has
/// may be named (RFC 9051 §6.4.9), so that holes need not be said.
fn ranges(there: &[NonZeroU32], some: &[NonZeroU32]) -> SequenceSet {
    let mut ranges: Vec<(usize, SequenceRange)> = Vec::new();
    for uid in some {
        let Ok(place) = there.binary_search(uid) else { continue };
        let last = SequenceNumber::Number(*uid);
        match ranges.last_mut() {
            Some((before, range)) if *before + 1 == place => {
                *before = place;
                range.last = last;
            }
            _ => ranges.push((place, SequenceRange { first: last, last })),
        }
    }
    SequenceSet::new(ranges.into_iter().map(|(_, range)| range).collect())
}

/// Somebody's turn with a folder's index, which goes back to its session.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) index: Index,
    folder: String,
    session: Arc<Session>,
    _permit: OwnedSemaphorePermit,
}

impl Turn {
    /// Waits for the turn: one at a time learns what a folder has.
    pub(crate) async fn take(session: &Arc<Session>, folder: &str) -> Result<Self, Problem> {
        let turns = Arc::clone(&session.turns);
        let permit = turns.acquire_owned().await.map_err(|_| Problem::TooMany)?;
        let index = session.indexes().take(folder);
        let session = Arc::clone(session);
        Ok(Self { index, folder: folder.to_owned(), session, _permit: permit })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let index = std::mem::take(&mut self.index);
        self.session.indexes().put(std::mem::take(&mut self.folder), index);
    }
}

/// The indexes of a session, the last used at the end.
#[derive(Debug, Default)]
pub(crate) struct Indexes(Vec<(String, Index)>);

impl Indexes {
    fn take(&mut self, folder: &str) -> Index {
        let place = self.0.iter().position(|(name, _)| name == folder);
        place.map(|place| self.0.remove(place).1).unwrap_or_default()
    }

    /// What was not used for longest goes when there is too much.
    fn put(&mut self, folder: String, index: Index) {
        self.0.push((folder, index));
        let sum = |kept: &[(String, Index)]| -> usize {
            kept.iter().map(|(_, index)| index.messages()).sum()
        };
        while self.0.len() > 1 && (self.0.len() > FOLDERS_MAX || sum(&self.0) > MESSAGES_MAX) {
            self.0.remove(0);
        }
    }
}

/// Messages of which one session knows, in all its folders: at about 100 octets
/// each, 220 at most.
const MESSAGES_MAX: usize = 100_000;
/// Folders of which one session knows.
const FOLDERS_MAX: usize = 16;
/// Messages fetched with one command.
const FETCHED_MAX: usize = 2_000;

#[cfg(test)]
mod tests;
