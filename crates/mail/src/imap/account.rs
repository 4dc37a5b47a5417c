//! What sessions ask of mailboxes, done by the store. All functions here wait
//! for the disk.

use std::ops::RangeInclusive;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use capa7_mail_proto::imap::command::FlagChange as FlagWish;
use capa7_mail_proto::imap::date::InternalDate;
use capa7_mail_proto::imap::search::{Candidate, SearchKey};
use capa7_mail_proto::imap::store::{
    Changes, Description, Existence, Found, MailboxEntry, MailboxId as OpenId, MailboxStatus,
    MessageRow, Messages, Octets, Opened, StoreError as Refusal, StoreReply, StoreRequest,
    StoreResult, StoredMessage, Wanted,
};
use capa7_mail_proto::mailbox::{Flag, Flags, MailboxName, ModSeq, Uid, UidSet};
use capa7_net::{Note, Room};

use super::ahead::{self, Ahead};
use crate::store::{
    Account, Body, BodyWriter, FlagChange, Mailbox, MailboxId, NewMessage, Row, StoreError, Texts,
    Transferred, UnchangedSince, Which,
};

/// One session's hold on its account.
#[derive(Debug)]
pub(super) struct Mailboxes {
    account: Arc<Account>,
    /// The mailbox that is open; the session knows it by a number of ours.
    open: Option<(OpenId, MailboxId, MailboxName)>,
    opened: u64,
    staged: Vec<Staged>,
    ahead: Ahead,
    /// What was done and others may want to see.
    notes: Vec<Note>,
}

/// A message that is being appended.
#[derive(Debug)]
struct Staged {
    mailbox: MailboxName,
    flags: Flags,
    date: Option<i64>,
    body: StagedOctets,
}

#[derive(Debug)]
enum StagedOctets {
    Memory(BytesMut),
    File(Box<BodyWriter>),
}

type Done<T> = Result<T, StoreError>;

impl Mailboxes {
    pub(super) fn new(account: Arc<Account>) -> Self {
        Self {
            account,
            open: None,
            opened: 0,
            staged: Vec::new(),
            ahead: Ahead::default(),
            notes: Vec::new(),
        }
    }

    pub(super) const fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// The notes of what was done since they were taken last.
    pub(super) fn take_notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }

    /// Does at once what needs no disk: octets of a small message, a message
    /// that was read ahead.
    pub(super) fn handle_at_once(&mut self, request: &StoreRequest) -> Option<StoreResult> {
        if let StoreRequest::Fetch { mailbox, uids, wanted } = request
            && let [uid] = uids[..]
        {
            let found = self.ahead.take(*mailbox, uid, *wanted, self.account.revision())?;
            return Some(Ok(StoreReply::Messages(found)));
        }
        let StoreRequest::AppendOctets(octets) = request else { return None };
        let staged = self.staged.last_mut()?;
        match &mut staged.body {
            StagedOctets::Memory(memory) if memory.len() + octets.len() <= MEMORY_OCTETS_MAX => {
                memory.extend_from_slice(octets);
                Some(Ok(StoreReply::Done))
            }
            _ => None,
        }
    }

    /// Does what a session asks.
    pub(super) fn handle(&mut self, request: StoreRequest) -> StoreResult {
        let is_open = !matches!(
            request,
            StoreRequest::Mailboxes | StoreRequest::Status(_) | StoreRequest::Open(_)
        );
        self.dispatch(request).map_err(|error| match error {
            // The mailbox that was open is another matter than one by name.
            StoreError::NoMailbox if is_open && self.open_is_gone() => Refusal::Gone,
            error => refusal(error),
        })
    }

    fn open_is_gone(&self) -> bool {
        let open = self.open.as_ref();
        open.is_some_and(|(_, id, _)| self.account.mailbox_by_id(*id).is_err())
    }

    /// The session waits for news: nothing is held for it meanwhile.
    pub(super) fn rest(&mut self) {
        self.ahead.forget();
    }

    fn dispatch(&mut self, request: StoreRequest) -> Done<StoreReply> {
        let account = Arc::clone(&self.account);
        if !matches!(request, StoreRequest::Fetch { .. }) {
            self.ahead.forget();
        }
        match request {
            StoreRequest::Mailboxes => self.entries(),
            StoreRequest::Status(name) => self.status(&name),
            StoreRequest::Open(name) => self.open(name),
            StoreRequest::Changes { mailbox, since } => {
                let changes = account.changes_since(self.id(mailbox)?, since)?;
                Ok(StoreReply::Changes(Changes {
                    vanished: uids_of(&changes.vanished),
                    changed: changes.rows.iter().map(message_row).collect(),
                    highest_mod_seq: changes.modseq,
                }))
            }
            StoreRequest::Fetch { mailbox, uids, wanted } => {
                let read = match uids[..] {
                    [uid] => self.fetch_one(mailbox, uid, wanted),
                    _ => self.fetch(self.id(mailbox)?, &uids, wanted),
                };
                read.map(StoreReply::Messages)
            }
            StoreRequest::Search { mailbox, key } => {
                self.search(self.id(mailbox)?, &key).map(StoreReply::Found)
            }
            StoreRequest::StoreFlags { mailbox, uids, change, unchanged_since } => {
                self.set_flags(mailbox, &uids, change, unchanged_since)
            }
            StoreRequest::Copy { mailbox, uids, to } => {
                let done = account.copy(self.id(mailbox)?, &set_of(&uids), &to)?;
                self.note_transferred(&to, &done);
                Ok(StoreReply::Copied { uid_validity: done.uid_validity, uids: done.uids })
            }
            StoreRequest::Move { mailbox, uids, to } => {
                let done = account.move_to(self.id(mailbox)?, &set_of(&uids), &to)?;
                self.note_expunged(done.uids.iter().map(|(old, _)| *old));
                self.note_transferred(&to, &done);
                Ok(StoreReply::Copied { uid_validity: done.uid_validity, uids: done.uids })
            }
            StoreRequest::Expunge { mailbox, uids } => {
                let which = match uids {
                    Some(uids) => Which::DeletedAmong(set_of(&uids)),
                    None => Which::Deleted,
                };
                let gone = account.expunge(self.id(mailbox)?, which)?;
                self.note_expunged(gone.uids.into_iter());
                Ok(StoreReply::Done)
            }
            request => self.change_names(request),
        }
    }

    fn change_names(&mut self, request: StoreRequest) -> Done<StoreReply> {
        let account = Arc::clone(&self.account);
        let (name, change) = match request {
            StoreRequest::Create { mailbox, special_use } => {
                account.create(&mailbox, special_use)?;
                (mailbox, "created")
            }
            StoreRequest::Delete(mailbox) => {
                account.delete(&mailbox)?;
                (mailbox, "deleted")
            }
            StoreRequest::Rename { from, to } => {
                account.rename(&from, &to)?;
                if let Some((_, _, name)) = &mut self.open
                    && *name == from
                    && !from.is_inbox()
                {
                    *name = to.clone();
                }
                (to, "renamed")
            }
            StoreRequest::Subscribe(mailbox) => {
                account.subscribe(&mailbox)?;
                (mailbox, "subscribed")
            }
            StoreRequest::Unsubscribe(mailbox) => {
                account.unsubscribe(&mailbox)?;
                (mailbox, "unsubscribed")
            }
            append => return self.append(append),
        };
        let note = self.note("mailbox", format!("{name} was {change}"), &name);
        self.notes.push(note.with("change", change));
        Ok(StoreReply::Done)
    }

    fn append(&mut self, request: StoreRequest) -> Done<StoreReply> {
        match request {
            StoreRequest::AppendBegin { mailbox, flags, date, size } => {
                if !self.account.mailbox(&mailbox)?.is_selectable {
                    return Err(StoreError::NoMailbox);
                }
                let in_memory = size <= MEMORY_OCTETS_MAX as u64;
                let body = if in_memory {
                    StagedOctets::Memory(BytesMut::new())
                } else {
                    StagedOctets::File(Box::new(self.account.stage()?))
                };
                let (flags, date) = (flags.into_iter().collect(), date.map(|date| date.0));
                self.staged.push(Staged { mailbox, flags, date, body });
            }
            StoreRequest::AppendOctets(octets) => match self.staged.last_mut() {
                Some(Staged { body: StagedOctets::Memory(memory), .. }) => {
                    memory.extend_from_slice(&octets);
                }
                Some(Staged { body: StagedOctets::File(file), .. }) => file.write(&octets)?,
                None => {}
            },
            StoreRequest::AppendCommit => {
                let staged = std::mem::take(&mut self.staged);
                let Some(name) = staged.first().map(|staged| staged.mailbox.clone()) else {
                    return Err(StoreError::NotAllowed("there is no message"));
                };
                let flags: Vec<Flags> = staged.iter().map(|one| one.flags.clone()).collect();
                let messages: Done<Vec<NewMessage>> = staged.into_iter().map(finish).collect();
                let done = self.account.append(&name, messages?)?;
                self.note_stored(&name, done.uids.iter().copied().zip(&flags));
                return Ok(StoreReply::Appended {
                    uid_validity: done.uid_validity,
                    uids: done.uids,
                });
            }
            _ => self.staged = Vec::new(),
        }
        Ok(StoreReply::Done)
    }

    fn id(&self, wanted: OpenId) -> Done<MailboxId> {
        let open = self.open.as_ref().filter(|(id, _, _)| *id == wanted);
        open.map(|(_, id, _)| *id).ok_or(StoreError::NoMailbox)
    }

    fn entries(&self) -> Done<StoreReply> {
        let mailboxes = self.account.mailboxes()?;
        let mut entries: Vec<MailboxEntry> = mailboxes
            .into_iter()
            .map(|mailbox| MailboxEntry {
                existence: existence(&mailbox),
                subscribed: mailbox.is_subscribed,
                special_use: mailbox.special_use,
                name: mailbox.name,
            })
            .collect();
        for name in self.account.subscriptions()? {
            if let Err(at) = entries.binary_search_by(|entry| entry.name.cmp(&name)) {
                let existence = Existence::NameOnly;
                let entry = MailboxEntry { name, existence, subscribed: true, special_use: None };
                entries.insert(at, entry);
            }
        }
        Ok(StoreReply::Mailboxes(entries))
    }

    fn status(&self, name: &MailboxName) -> Done<StoreReply> {
        let mailbox = self.account.mailbox(name)?;
        if !mailbox.is_selectable {
            return Err(StoreError::NoMailbox);
        }
        let count = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        Ok(StoreReply::Status(MailboxStatus {
            messages: count(mailbox.messages),
            unseen: count(mailbox.unseen),
            deleted: count(mailbox.deleted),
            size: mailbox.bytes,
            uid_next: uid_next(&mailbox)?,
            uid_validity: mailbox.uid_validity,
            highest_mod_seq: mailbox.highest_modseq,
        }))
    }

    fn open(&mut self, name: MailboxName) -> Done<StoreReply> {
        self.open = None;
        let mailbox = self.account.mailbox(&name)?;
        if !mailbox.is_selectable {
            return Err(StoreError::NoMailbox);
        }
        // Changes after this are told later; one that comes between is in the
        // list already, and told again without harm.
        let through = mailbox.highest_modseq;
        let uids = self.account.uids(mailbox.id)?;
        let (first_unseen, keywords) = self.survey(&mailbox)?;
        self.opened += 1;
        let id = OpenId(self.opened);
        self.open = Some((id, mailbox.id, name));
        Ok(StoreReply::Opened(Opened {
            id,
            uids,
            first_unseen,
            keywords,
            uid_next: uid_next(&mailbox)?,
            uid_validity: mailbox.uid_validity,
            highest_mod_seq: through,
        }))
    }

    /// The first message not seen, and keywords among those up to it.
    fn survey(&self, mailbox: &Mailbox) -> Done<(Option<Uid>, Vec<Flag>)> {
        let seen = Flag::system("\\Seen");
        let (mut first, mut keywords) = (None, Flags::new());
        let mut next = 1;
        while first.is_none() {
            let rows = self.account.rows(mailbox.id, next..=u32::MAX, ROWS_AT_ONCE)?;
            let Some(last) = rows.last() else { break };
            next = last.uid.get().saturating_add(1);
            for row in &rows {
                if first.is_none() && !row.flags.contains(&seen) {
                    first = Some(row.uid);
                }
                let own = row.flags.iter().filter(|flag| !flag.as_str().starts_with('\\'));
                keywords.extend(own.cloned());
            }
            if mailbox.unseen == 0 {
                break;
            }
        }
        Ok((first, keywords.into_iter().take(KEYWORDS_MAX).collect()))
    }

    fn fetch(&self, mailbox: MailboxId, uids: &[Uid], wanted: Wanted) -> Done<Messages> {
        let through = uids.last().copied().ok_or(StoreError::NotAllowed("no message"))?;
        let mut reply = Messages { messages: Vec::new(), through };
        let mut held = 0;
        for range in UidSet::from_ranges(uids.iter().map(|uid| uid.get()..=uid.get())).ranges() {
            let limit = usize::try_from(range.end() - range.start()).unwrap_or(0) + 1;
            for (row, texts) in self.rows_with(mailbox, range, limit, wanted)? {
                let uid = row.uid;
                let octets = match self.octets(mailbox, &row, &texts, wanted) {
                    Ok(octets) => octets,
                    // Expunged in between: it is simply not there.
                    Err(StoreError::NoMessage(_)) => continue,
                    Err(error) => return Err(error),
                };
                let description = texts.description.filter(|_| wanted.description);
                held += octets.len() + description.as_ref().map_or(0, Description::octets);
                let row = message_row(&row);
                reply.messages.push(StoredMessage { row, octets, description });
                if held >= REPLY_OCTETS_MAX {
                    reply.through = uid;
                    return Ok(reply);
                }
            }
        }
        Ok(reply)
    }

    /// One message, and perhaps those after it that will be asked for next.
    fn fetch_one(&mut self, open: OpenId, uid: Uid, wanted: Wanted) -> Done<Messages> {
        let mailbox = self.id(open)?;
        // Looked at first: a change while we read makes what we read useless.
        let revision = self.account.revision();
        let count = self.ahead.count_for(uid);
        let last = if count == 1 { uid.get() } else { u32::MAX };
        let rows = self.rows_with(mailbox, &(uid.get()..=last), count, wanted)?;
        let (mut read, mut held) = (Vec::with_capacity(rows.len()), 0);
        for (row, texts) in rows {
            let is_first = row.uid == uid;
            if !is_first && (read.is_empty() || held + octets_of(&row, wanted) > ahead::OCTETS_MAX)
            {
                break;
            }
            match self.octets(mailbox, &row, &texts, wanted) {
                Ok(octets) => {
                    let description = texts.description.filter(|_| wanted.description);
                    held += octets.len() + description.as_ref().map_or(0, Description::octets);
                    read.push(StoredMessage { row: message_row(&row), octets, description });
                }
                Err(StoreError::NoMessage(_)) => break,
                Err(error) if is_first => return Err(error),
                // Told when it is asked for.
                Err(_) => break,
            }
        }
        let first = self.ahead.keep(open, wanted, revision, read);
        Ok(Messages { messages: first.into_iter().collect(), through: uid })
    }

    fn rows_with(
        &self,
        mailbox: MailboxId,
        range: &RangeInclusive<u32>,
        limit: usize,
        wanted: Wanted,
    ) -> Done<Vec<(Row, Texts)>> {
        if !wanted.is_nothing() {
            return self.account.rows_with_texts(mailbox, range.clone(), limit);
        }
        let rows = self.account.rows(mailbox, range.clone(), limit)?;
        Ok(rows.into_iter().map(|row| (row, Texts::default())).collect())
    }

    /// A message's octets, as far as they are wanted.
    fn octets(&self, mailbox: MailboxId, row: &Row, texts: &Texts, wanted: Wanted) -> Done<Bytes> {
        let is_undescribed = wanted.description && texts.description.is_none();
        let wanted = if is_undescribed { Octets::Wanted } else { wanted.octets };
        match wanted {
            Octets::Unwanted => Ok(Bytes::new()),
            _ => read(&self.account.open_row(mailbox, row, texts)?, wanted),
        }
    }

    fn search(&self, mailbox: MailboxId, key: &SearchKey) -> Done<Vec<Found>> {
        let mut found = Vec::new();
        let mut next = 1;
        loop {
            let rows = self.account.rows(mailbox, next..=u32::MAX, ROWS_AT_ONCE)?;
            let Some(last) = rows.last() else { return Ok(found) };
            next = last.uid.get().saturating_add(1);
            for row in &rows {
                let load = || {
                    let reader = self.account.open_message(mailbox, row.uid).ok()?;
                    reader.read_all().ok().map(Bytes::from)
                };
                let message = message_row(row);
                if Candidate::new(&message, load).matches(key) {
                    found.push(Found { uid: row.uid, mod_seq: row.modseq });
                }
            }
        }
    }

    fn set_flags(
        &mut self,
        mailbox: OpenId,
        uids: &[Uid],
        change: FlagWish,
        unchanged_since: Option<ModSeq>,
    ) -> Done<StoreReply> {
        let flags = |flags: Vec<Flag>| flags.into_iter().collect();
        let change = match change {
            FlagWish::Add(more) => FlagChange::Add(flags(more)),
            FlagWish::Remove(less) => FlagChange::Remove(flags(less)),
            FlagWish::Replace(all) => FlagChange::Replace(flags(all)),
        };
        let since = unchanged_since.map_or(UnchangedSince::Whatever, UnchangedSince::ModSeq);
        let done = self.account.set_flags(self.id(mailbox)?, &set_of(uids), change, since)?;
        for row in done.rows.iter().filter(|row| Some(row.modseq) == done.modseq).take(NOTES_MAX) {
            let names: Vec<&str> = row.flags.iter().map(Flag::as_str).collect();
            let text = format!("message {} has the flags {names:?}", row.uid);
            let name = self.open_name();
            let note = self.note("flagged", text, &name).with("uid", row.uid.get());
            self.notes.push(note.with("flags", names));
        }
        let messages = done.rows.iter().map(message_row).collect();
        Ok(StoreReply::Stored { messages, modified: done.modified })
    }

    fn open_name(&self) -> MailboxName {
        self.open.as_ref().map_or_else(MailboxName::inbox, |(_, _, name)| name.clone())
    }

    fn note(&self, kind: &'static str, reason: String, mailbox: &MailboxName) -> Note {
        Note::new(Room::Mail, kind, reason)
            .with("account", self.account.name().to_string())
            .with("mailbox", mailbox.as_str())
    }

    fn note_stored<'f>(
        &mut self,
        mailbox: &MailboxName,
        messages: impl Iterator<Item = (Uid, &'f Flags)>,
    ) {
        for (uid, flags) in messages.take(NOTES_MAX) {
            let names: Vec<&str> = flags.iter().map(Flag::as_str).collect();
            let text = format!("message {uid} is in {mailbox}");
            let note = self.note("stored", text, mailbox).with("uid", uid.get());
            self.notes.push(note.with("flags", names));
        }
    }

    /// Copied and moved messages keep their flags.
    fn note_transferred(&mut self, mailbox: &MailboxName, done: &Transferred) {
        let (Some((_, first)), Some((_, last))) = (done.uids.first(), done.uids.last()) else {
            return;
        };
        let rows = self.account.rows(done.mailbox, first.get()..=last.get(), NOTES_MAX);
        // A mailbox that went meanwhile has nothing to tell.
        let rows = rows.unwrap_or_default();
        self.note_stored(mailbox, rows.iter().map(|row| (row.uid, &row.flags)));
    }

    fn note_expunged(&mut self, uids: impl Iterator<Item = Uid>) {
        let name = self.open_name();
        for uid in uids.take(NOTES_MAX) {
            let text = format!("message {uid} is gone from {name}");
            let note = self.note("expunged", text, &name).with("uid", uid.get());
            self.notes.push(note);
        }
    }
}

fn finish(staged: Staged) -> Done<NewMessage> {
    let body = match staged.body {
        StagedOctets::Memory(memory) => Body::Memory(memory.freeze()),
        StagedOctets::File(file) => Body::Staged(file.finish()?),
    };
    Ok(NewMessage { body, headers: Vec::new(), flags: staged.flags, internal_date: staged.date })
}

/// Octets that a message will take in memory, before it is read.
fn octets_of(row: &Row, wanted: Wanted) -> usize {
    match wanted.octets {
        Octets::Unwanted => 0,
        Octets::Header => HEADER_OCTETS,
        Octets::Wanted => usize::try_from(row.size).unwrap_or(usize::MAX / 2),
    }
}

/// A message, or enough of it to have its header.
fn read(reader: &crate::store::MessageReader, wanted: Octets) -> Done<Bytes> {
    if wanted == Octets::Header {
        let start = reader.read_range(0, HEADER_OCTETS)?;
        let is_whole = start.windows(4).any(|window| window == b"\r\n\r\n");
        if is_whole || start.len() as u64 == reader.size() {
            return Ok(Bytes::from(start));
        }
    }
    reader.read_all().map(Bytes::from)
}

fn message_row(row: &Row) -> MessageRow {
    MessageRow {
        uid: row.uid,
        flags: row.flags.clone(),
        mod_seq: row.modseq,
        internal_date: InternalDate(row.internal_date),
        size: row.size,
    }
}

const fn existence(mailbox: &Mailbox) -> Existence {
    if mailbox.is_selectable { Existence::Mailbox } else { Existence::NameOnly }
}

fn uid_next(mailbox: &Mailbox) -> Done<Uid> {
    Uid::new(mailbox.uid_next).ok_or(StoreError::TooMany("messages in this mailbox"))
}

fn set_of(uids: &[Uid]) -> UidSet {
    UidSet::from_ranges(uids.iter().map(|uid| uid.get()..=uid.get()))
}

fn uids_of(set: &UidSet) -> Vec<Uid> {
    set.ranges().iter().flat_map(|range| range.clone().filter_map(Uid::new)).collect()
}

fn refusal(error: StoreError) -> Refusal {
    match error {
        StoreError::NoMailbox => Refusal::NoMailbox,
        StoreError::NoMessage(_) => Refusal::MessageGone,
        StoreError::Exists(_) => Refusal::Exists,
        StoreError::HasChildren(_) => Refusal::HasChildren,
        StoreError::NotAllowed(why) => Refusal::Cannot(why.to_owned()),
        StoreError::TooMany(what) => Refusal::Limit(format!("too many {what}")),
        StoreError::Full(_) => Refusal::OverQuota,
        StoreError::Damaged(_) => {
            tracing::error!(%error, "the mailbox store failed");
            Refusal::Unavailable
        }
        // The store tells the operator, once and not for each command.
        StoreError::ReadOnly(_) | StoreError::Disk(_) => Refusal::Unavailable,
    }
}

/// A message that is appended stays in memory up to this.
const MEMORY_OCTETS_MAX: usize = 256 << 10;
/// Octets of one reply, at most one message beyond.
const REPLY_OCTETS_MAX: usize = 256 << 10;
/// Rows that are looked at in one go.
const ROWS_AT_ONCE: usize = 1_000;
/// What is read in the hope that a header ends in it.
const HEADER_OCTETS: usize = 16 << 10;
/// Keywords that `SELECT` tells.
const KEYWORDS_MAX: usize = 100;
/// Messages of one command that have notes of their own.
const NOTES_MAX: usize = 100;
