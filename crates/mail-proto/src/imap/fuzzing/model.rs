//! A mailbox store in a few lines, against which sessions are tried: plain maps
//! in memory, every search and copy the simplest that is right.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use bytes::Bytes;

use crate::imap::command::FlagChange;
use crate::imap::date::InternalDate;
use crate::imap::search::Candidate;
use crate::imap::store::{
    Changes, Description, Existence, Found, MailboxEntry, MailboxId, MailboxStatus, MessageRow,
    Messages, Opened, StoreError, StoreReply, StoreRequest, StoreResult, StoredMessage,
};
use crate::mailbox::{Flag, Flags, MailboxName, ModSeq, SpecialUse, Uid, UidValidity};

/// All mailboxes of one account.
#[derive(Clone, Debug)]
pub struct Model {
    mailboxes: BTreeMap<u64, Mailbox>,
    subscriptions: BTreeSet<MailboxName>,
    mod_seq: u64,
    last_id: u64,
    /// Messages of one reply at most, as a store bounds them.
    pub messages_per_reply: usize,
    /// Messages that the account holds at most.
    pub messages_max: usize,
}

/// Messages that one session has begun to append.
#[derive(Clone, Debug, Default)]
pub struct Staged(Vec<(MailboxName, MessageRow, Vec<u8>)>);

#[derive(Clone, Debug)]
struct Mailbox {
    name: MailboxName,
    special_use: Option<SpecialUse>,
    uid_next: u32,
    messages: BTreeMap<Uid, (MessageRow, Bytes)>,
    gone: BTreeMap<Uid, ModSeq>,
}

impl Default for Model {
    fn default() -> Self {
        let mut model = Self {
            mailboxes: BTreeMap::new(),
            subscriptions: BTreeSet::new(),
            mod_seq: 1,
            last_id: 0,
            messages_per_reply: 3,
            messages_max: usize::MAX,
        };
        model.create(MailboxName::inbox(), None);
        model
    }
}

impl Model {
    /// The modseq of the last change.
    #[must_use]
    pub const fn mod_seq(&self) -> u64 {
        self.mod_seq
    }

    /// A mailbox's messages: identifier, flags, octets.
    #[must_use]
    pub fn messages(&self, name: &MailboxName) -> Vec<(Uid, Flags, Bytes)> {
        let found = self.by_name(name).and_then(|id| self.mailboxes.get(&id));
        let all = found.into_iter().flat_map(|mailbox| mailbox.messages.values());
        all.map(|(row, octets)| (row.uid, row.flags.clone(), octets.clone())).collect()
    }

    /// Puts a message into a mailbox that is there.
    pub fn deliver(&mut self, name: &MailboxName, octets: &[u8], date: InternalDate) {
        let row = row(Uid(NonZeroU32::MIN), Flags::new(), date, octets.len());
        if let Some(id) = self.by_name(name) {
            self.add(id, row, Bytes::copy_from_slice(octets));
        }
    }

    /// Does what a session asks.
    ///
    /// # Errors
    /// As a store says them.
    pub fn handle(&mut self, staged: &mut Staged, request: StoreRequest) -> StoreResult {
        match request {
            StoreRequest::Mailboxes => Ok(StoreReply::Mailboxes(self.entries())),
            StoreRequest::Status(name) => self.status(&name),
            StoreRequest::Open(name) => self.open(&name),
            StoreRequest::Changes { mailbox, since } => self.changes(mailbox, since),
            StoreRequest::Fetch { mailbox, uids, .. } => self.fetch(mailbox, &uids),
            StoreRequest::Search { mailbox, key } => {
                let mailbox = self.mailbox(mailbox)?;
                let matching = mailbox.messages.values().filter(|(row, octets)| {
                    Candidate::new(row, || Some(octets.clone())).matches(&key)
                });
                let found =
                    matching.map(|(row, _)| Found { uid: row.uid, mod_seq: row.mod_seq }).collect();
                Ok(StoreReply::Found(found))
            }
            StoreRequest::StoreFlags { mailbox, uids, change, unchanged_since } => {
                self.store_flags(mailbox, &uids, &change, unchanged_since)
            }
            StoreRequest::Copy { mailbox, uids, to } => self.copy(mailbox, &uids, &to),
            StoreRequest::Move { mailbox, uids, to } => {
                let reply = self.copy(mailbox, &uids, &to)?;
                self.remove(mailbox, |row| uids.contains(&row.uid))?;
                Ok(reply)
            }
            StoreRequest::Expunge { mailbox, uids } => {
                let deleted = Flag::system("\\Deleted");
                self.remove(mailbox, |row| {
                    row.flags.contains(&deleted)
                        && uids.as_ref().is_none_or(|uids| uids.contains(&row.uid))
                })
            }
            StoreRequest::Create { mailbox, special_use } => {
                if self.by_name(&mailbox).is_some() {
                    return Err(StoreError::Exists);
                }
                self.create(mailbox, special_use);
                Ok(StoreReply::Done)
            }
            StoreRequest::Delete(name) => self.delete(&name),
            StoreRequest::Rename { from, to } => self.rename(&from, to),
            StoreRequest::Subscribe(name) => {
                self.subscriptions.insert(name);
                Ok(StoreReply::Done)
            }
            StoreRequest::Unsubscribe(name) => {
                self.subscriptions.remove(&name);
                Ok(StoreReply::Done)
            }
            append => self.append(staged, append),
        }
    }

    fn append(&mut self, staged: &mut Staged, request: StoreRequest) -> StoreResult {
        match request {
            StoreRequest::AppendBegin { mailbox, flags, date, size } => {
                self.by_name(&mailbox).ok_or(StoreError::NoMailbox)?;
                let flags = flags.into_iter().collect();
                let size = usize::try_from(size).unwrap_or(0);
                let row = row(Uid(NonZeroU32::MIN), flags, date.unwrap_or_default(), size);
                staged.0.push((mailbox, row, Vec::new()));
            }
            StoreRequest::AppendOctets(octets) => {
                if let Some((_, _, message)) = staged.0.last_mut() {
                    message.extend_from_slice(&octets);
                }
            }
            StoreRequest::AppendCommit => {
                let mut uids = Vec::new();
                self.has_room(staged.0.len())?;
                for (mailbox, row, octets) in std::mem::take(&mut staged.0) {
                    assert_eq!(row.size, octets.len() as u64, "a message is as long as was said");
                    let id = self.by_name(&mailbox).ok_or(StoreError::NoMailbox)?;
                    uids.extend(self.add(id, row, Bytes::from(octets)));
                }
                return Ok(StoreReply::Appended { uid_validity: VALIDITY, uids });
            }
            _ => staged.0.clear(),
        }
        Ok(StoreReply::Done)
    }

    fn has_room(&self, more: usize) -> Result<(), StoreError> {
        let held: usize = self.mailboxes.values().map(|mailbox| mailbox.messages.len()).sum();
        if held + more > self.messages_max { Err(StoreError::OverQuota) } else { Ok(()) }
    }

    fn by_name(&self, name: &MailboxName) -> Option<u64> {
        self.mailboxes.iter().find(|(_, mailbox)| mailbox.name == *name).map(|(id, _)| *id)
    }

    fn mailbox(&self, id: MailboxId) -> Result<&Mailbox, StoreError> {
        self.mailboxes.get(&id.0).ok_or(StoreError::Gone)
    }

    fn create(&mut self, name: MailboxName, special_use: Option<SpecialUse>) {
        self.last_id += 1;
        let (messages, gone) = (BTreeMap::new(), BTreeMap::new());
        let mailbox = Mailbox { name, special_use, uid_next: 1, messages, gone };
        self.mailboxes.insert(self.last_id, mailbox);
    }

    fn add(&mut self, id: u64, mut row: MessageRow, octets: Bytes) -> Option<Uid> {
        let mailbox = self.mailboxes.get_mut(&id)?;
        let uid = Uid(NonZeroU32::new(mailbox.uid_next)?);
        mailbox.uid_next += 1;
        self.mod_seq += 1;
        (row.uid, row.mod_seq) = (uid, ModSeq(self.mod_seq));
        mailbox.messages.insert(uid, (row, octets));
        Some(uid)
    }

    fn entries(&self) -> Vec<MailboxEntry> {
        let mut entries: BTreeMap<MailboxName, MailboxEntry> = BTreeMap::new();
        for mailbox in self.mailboxes.values() {
            let entry = MailboxEntry {
                name: mailbox.name.clone(),
                existence: Existence::Mailbox,
                subscribed: self.subscriptions.contains(&mailbox.name),
                special_use: mailbox.special_use,
            };
            entries.insert(mailbox.name.clone(), entry);
        }
        for name in &self.subscriptions {
            entries.entry(name.clone()).or_insert_with(|| MailboxEntry {
                name: name.clone(),
                existence: Existence::NameOnly,
                subscribed: true,
                special_use: None,
            });
        }
        entries.into_values().collect()
    }

    fn status(&self, name: &MailboxName) -> StoreResult {
        let id = self.by_name(name).ok_or(StoreError::NoMailbox)?;
        let mailbox = self.mailbox(MailboxId(id))?;
        let rows = || mailbox.messages.values().map(|(row, _)| row);
        let (seen, deleted) = (Flag::system("\\Seen"), Flag::system("\\Deleted"));
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Ok(StoreReply::Status(MailboxStatus {
            messages: count(rows().count()),
            unseen: count(rows().filter(|row| !row.flags.contains(&seen)).count()),
            deleted: count(rows().filter(|row| row.flags.contains(&deleted)).count()),
            size: rows().map(|row| row.size).sum(),
            uid_next: mailbox.uid_next(),
            uid_validity: VALIDITY,
            highest_mod_seq: ModSeq(self.mod_seq),
        }))
    }

    fn open(&self, name: &MailboxName) -> StoreResult {
        let id = self.by_name(name).ok_or(StoreError::NoMailbox)?;
        let mailbox = self.mailbox(MailboxId(id))?;
        let rows = || mailbox.messages.values().map(|(row, _)| row);
        let seen = Flag::system("\\Seen");
        let keywords: Flags = rows().flat_map(|row| row.flags.iter()).cloned().collect();
        Ok(StoreReply::Opened(Opened {
            id: MailboxId(id),
            uids: mailbox.messages.keys().copied().collect(),
            first_unseen: rows().find(|row| !row.flags.contains(&seen)).map(|row| row.uid),
            keywords: keywords.into_iter().filter(|f| !f.as_str().starts_with('\\')).collect(),
            uid_next: mailbox.uid_next(),
            uid_validity: VALIDITY,
            highest_mod_seq: ModSeq(self.mod_seq),
        }))
    }

    fn changes(&self, id: MailboxId, since: ModSeq) -> StoreResult {
        let mailbox = self.mailbox(id)?;
        let gone = mailbox.gone.iter().filter(|(_, mod_seq)| **mod_seq > since);
        let rows = mailbox.messages.values().map(|(row, _)| row);
        Ok(StoreReply::Changes(Changes {
            vanished: gone.map(|(uid, _)| *uid).collect(),
            changed: rows.filter(|row| row.mod_seq > since).cloned().collect(),
            highest_mod_seq: ModSeq(self.mod_seq),
        }))
    }

    fn fetch(&self, id: MailboxId, uids: &[Uid]) -> StoreResult {
        let mailbox = self.mailbox(id)?;
        let asked = uids.get(..uids.len().min(self.messages_per_reply)).unwrap_or_default();
        let found = asked.iter().filter_map(|uid| mailbox.messages.get(uid));
        let message = |(row, octets): &(MessageRow, Bytes)| {
            // Some messages are described, others are read.
            let is_described = row.uid.get() % 2 == 1;
            let description = is_described.then(|| Description::of(octets)).flatten();
            StoredMessage { row: row.clone(), octets: octets.clone(), description }
        };
        Ok(StoreReply::Messages(Messages {
            messages: found.map(message).collect(),
            through: asked.last().copied().unwrap_or(Uid(NonZeroU32::MAX)),
        }))
    }

    fn store_flags(
        &mut self,
        id: MailboxId,
        uids: &[Uid],
        change: &FlagChange,
        unchanged_since: Option<ModSeq>,
    ) -> StoreResult {
        self.mailbox(id)?;
        let mod_seq = ModSeq(self.mod_seq + 1);
        let mailbox = self.mailboxes.get_mut(&id.0).ok_or(StoreError::Gone)?;
        let (mut messages, mut modified) = (Vec::new(), Vec::new());
        for uid in uids {
            let Some((row, _)) = mailbox.messages.get_mut(uid) else { continue };
            if unchanged_since.is_some_and(|since| row.mod_seq > since) {
                modified.push(*uid);
                continue;
            }
            let mut flags = row.flags.clone();
            match change {
                FlagChange::Add(more) => flags.extend(more.iter().cloned()),
                FlagChange::Remove(less) => flags.retain(|flag| !less.contains(flag)),
                FlagChange::Replace(new) => flags = new.iter().cloned().collect(),
            }
            if flags != row.flags {
                (row.flags, row.mod_seq, self.mod_seq) = (flags, mod_seq, mod_seq.0);
            }
            messages.push(row.clone());
        }
        Ok(StoreReply::Stored { messages, modified })
    }

    fn copy(&mut self, id: MailboxId, uids: &[Uid], to: &MailboxName) -> StoreResult {
        let to = self.by_name(to).ok_or(StoreError::NoMailbox)?;
        let mailbox = self.mailbox(id)?;
        let copies: Vec<(MessageRow, Bytes)> =
            uids.iter().filter_map(|uid| mailbox.messages.get(uid)).cloned().collect();
        if copies.len() < uids.len() {
            return Err(StoreError::MessageGone);
        }
        self.has_room(copies.len())?;
        let mut pairs = Vec::new();
        for (row, octets) in copies {
            let from = row.uid;
            pairs.extend(self.add(to, row, octets).map(|to| (from, to)));
        }
        Ok(StoreReply::Copied { uid_validity: VALIDITY, uids: pairs })
    }

    fn remove(&mut self, id: MailboxId, goes: impl Fn(&MessageRow) -> bool) -> StoreResult {
        let mod_seq = self.mod_seq + 1;
        let mailbox = self.mailboxes.get_mut(&id.0).ok_or(StoreError::Gone)?;
        let going: Vec<Uid> = mailbox
            .messages
            .values()
            .filter(|(row, _)| goes(row))
            .map(|(row, _)| row.uid)
            .collect();
        for uid in going {
            mailbox.messages.remove(&uid);
            mailbox.gone.insert(uid, ModSeq(mod_seq));
            self.mod_seq = mod_seq;
        }
        Ok(StoreReply::Done)
    }

    fn delete(&mut self, name: &MailboxName) -> StoreResult {
        if name.is_inbox() {
            return Err(StoreError::Cannot("INBOX stays".to_owned()));
        }
        let id = self.by_name(name).ok_or(StoreError::NoMailbox)?;
        self.mailboxes.remove(&id);
        self.mod_seq += 1;
        Ok(StoreReply::Done)
    }

    fn rename(&mut self, from: &MailboxName, to: MailboxName) -> StoreResult {
        let id = self.by_name(from).ok_or(StoreError::NoMailbox)?;
        if self.by_name(&to).is_some() {
            return Err(StoreError::Exists);
        }
        if from.is_inbox() {
            return Err(StoreError::Cannot("INBOX stays".to_owned()));
        }
        if let Some(mailbox) = self.mailboxes.get_mut(&id) {
            mailbox.name = to;
        }
        Ok(StoreReply::Done)
    }
}

impl Mailbox {
    fn uid_next(&self) -> Uid {
        Uid(NonZeroU32::new(self.uid_next).unwrap_or(NonZeroU32::MAX))
    }
}

fn row(uid: Uid, flags: Flags, internal_date: InternalDate, size: usize) -> MessageRow {
    MessageRow { uid, flags, mod_seq: ModSeq(1), internal_date, size: size as u64 }
}

/// Of every mailbox.
const VALIDITY: UidValidity = UidValidity(NonZeroU32::MIN);
