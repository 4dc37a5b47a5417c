//! Messages come in.

use bytes::Bytes;
use capa7_mail_proto::imap::store::Description;
use capa7_mail_proto::mailbox::{Flag, Flags, MailboxName, ModSeq, Uid, UidValidity};
use rusqlite::OptionalExtension as _;

use super::commit::Change;
use super::mailboxes::{Counts, count, take_uids, target, uid_validity};
use super::row::text_of;
use super::{Account, BodyWriter, MailboxId, StagedBody, StoreError};

/// What a message says.
#[derive(Debug)]
pub enum Body {
    /// It is in memory.
    Memory(Bytes),
    /// It came through [`Account::stage`].
    Staged(StagedBody),
}

/// A message to be put into a mailbox.
#[derive(Debug)]
pub struct NewMessage {
    /// What it says.
    pub body: Body,
    /// What is put in front of it, with its CR LF; may be empty.
    pub headers: Vec<u8>,
    /// Its flags.
    pub flags: Flags,
    /// Its date in seconds since 1970; none for now.
    pub internal_date: Option<i64>,
}

/// Messages were put into a mailbox (`APPENDUID`, RFC 4315 §3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Which one.
    pub mailbox: MailboxId,
    /// Its validity.
    pub uid_validity: UidValidity,
    /// The messages' UIDs, in the order in which they were given.
    pub uids: Vec<Uid>,
    /// The change's modseq.
    pub modseq: ModSeq,
}

/// The sender's word for one delivery. A second one with the same word does
/// nothing, so that a queue that died between our answer and its own note of
/// it can simply deliver again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryToken(pub String);

/// One recipient's copy of a message.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Where it goes.
    pub mailbox: MailboxName,
    /// What is put in front of it (`Return-Path`, `Delivered-To`), with CR LF.
    pub headers: Vec<u8>,
    /// Its flags.
    pub flags: Flags,
    /// The sender's word for it.
    pub token: Option<DeliveryToken>,
}

impl Account {
    /// Begins a body that comes in pieces, or is large.
    ///
    /// # Errors
    /// The disk's.
    pub fn stage(&self) -> Result<BodyWriter, StoreError> {
        self.bodies.begin()
    }

    /// Puts messages into a mailbox, all or none (RFC 3502 §6.3.11). They are
    /// durable when this returns.
    ///
    /// # Errors
    /// [`StoreError::NoMailbox`], [`StoreError::TooMany`], the disk's.
    pub fn append(
        &self,
        mailbox: &MailboxName,
        messages: Vec<NewMessage>,
    ) -> Result<Appended, StoreError> {
        // Looked at first, so that no body is written in vain.
        self.mailbox(mailbox)?;
        let (mut staged, mut entries) = (Vec::new(), Vec::new());
        for message in messages {
            let NewMessage { body, headers, flags, internal_date } = message;
            let (body, text) = self.written(body)?.finish()?;
            let description = describe(&headers, &text);
            entries.push((Stored::of(&body), Entry { headers, flags, internal_date, description }));
            staged.push(body);
        }
        let (name, now) = (mailbox.clone(), self.now());
        let done = self.change(move |change| {
            let mailbox = target(change.index, &name)?;
            let first = take_uids(change.index, mailbox.id, entries.len())?;
            let modseq = change.modseq()?;
            let mut uids = Vec::with_capacity(entries.len());
            for ((body, entry), uid) in entries.iter().zip(first..) {
                let uid = Uid::new(uid).ok_or(StoreError::TooMany("UIDs"))?;
                insert_body(change, body, 1)?;
                insert(change, mailbox.id, uid, body, entry, now)?;
                uids.push(uid);
            }
            let uid_validity = mailbox.uid_validity;
            Ok(Appended { mailbox: mailbox.id, uid_validity, uids, modseq })
        });
        settle(&mut staged, done.as_ref().err());
        if done.is_ok() {
            self.bodies.disk.works();
        }
        done
    }

    /// Delivers one body to recipients of this account, which share its file.
    /// What was delivered before with the same token gets the same answer, and
    /// nothing else happens.
    ///
    /// # Errors
    /// As [`Account::append`]; nothing is delivered then.
    pub fn deliver(
        &self,
        body: Body,
        deliveries: Vec<Delivery>,
    ) -> Result<Vec<Appended>, StoreError> {
        let done = self.deliver_all(vec![(body, deliveries)])?;
        Ok(done.into_iter().flatten().collect())
    }

    /// Delivers bodies as [`Account::deliver`] does, in their order and in one
    /// change: all or none. They share their wait for the disk.
    ///
    /// # Errors
    /// As [`Account::append`]; nothing is delivered then.
    pub fn deliver_all(
        &self,
        letters: Vec<(Body, Vec<Delivery>)>,
    ) -> Result<Vec<Vec<Appended>>, StoreError> {
        let (bodies, deliveries): (Vec<_>, Vec<_>) = letters.into_iter().unzip();
        // All are written before the first waits for the disk: what one waits
        // for serves the others too.
        let written = bodies.into_iter().map(|body| self.written(body));
        let written = written.collect::<Result<Vec<_>, _>>()?;
        let (mut staged, mut letters) = (Vec::new(), Vec::new());
        for (body, deliveries) in written.into_iter().zip(deliveries) {
            let (body, text) = body.finish()?;
            let entry = |delivery: Delivery| {
                let Delivery { mailbox, headers, flags, token } = delivery;
                let description = describe(&headers, &text);
                (mailbox, token, Entry { headers, flags, internal_date: None, description })
            };
            let entries: Vec<_> = deliveries.into_iter().map(entry).collect();
            letters.push((Stored::of(&body), entries));
            staged.push(body);
        }
        let now = self.now();
        let done = self.change(move |change| {
            forget_old_tokens(change, now)?;
            let mut done = Vec::with_capacity(letters.len());
            for (stored, entries) in &letters {
                done.push(deliver_body(change, stored, entries, now)?);
            }
            Ok(done)
        });
        let done = match done {
            Ok(done) => done,
            Err(error) => {
                settle(&mut staged, Some(&error));
                return Err(error);
            }
        };
        if done.iter().any(|(_, fresh)| *fresh > 0) {
            self.bodies.disk.works();
        }
        let mut appended = Vec::with_capacity(done.len());
        for (body, (one, fresh)) in staged.iter_mut().zip(done) {
            if fresh > 0 {
                settle(std::slice::from_mut(body), None);
            }
            appended.push(one);
        }
        Ok(appended)
    }

    /// The body in a file of its own, perhaps not yet durable.
    fn written(&self, body: Body) -> Result<Written, StoreError> {
        match body {
            Body::Staged(staged) => Ok(Written::Staged(staged)),
            Body::Memory(bytes) => {
                let mut writer = self.bodies.begin()?;
                writer.write(&bytes)?;
                Ok(Written::New(writer, bytes))
            }
        }
    }
}

/// A body that is in a file.
enum Written {
    Staged(StagedBody),
    New(BodyWriter, Bytes),
}

impl Written {
    /// It is durable; and what it says.
    fn finish(self) -> Result<(StagedBody, Bytes), StoreError> {
        match self {
            Self::Staged(staged) => {
                let text = staged.read_all()?;
                Ok((staged, text.into()))
            }
            Self::New(writer, bytes) => Ok((writer.finish()?, bytes)),
        }
    }
}

/// How the whole message is built, with what was put in front of it.
fn describe(headers: &[u8], body: &Bytes) -> Option<Description> {
    if headers.is_empty() {
        return Description::of(body);
    }
    Description::of(&[headers, body].concat())
}

/// What the index keeps of a body.
struct Stored {
    id: i64,
    size: u64,
    hash: [u8; 32],
}

impl Stored {
    const fn of(staged: &StagedBody) -> Self {
        Self { id: staged.id, size: staged.size(), hash: staged.hash }
    }
}

/// A message beside its body.
struct Entry {
    headers: Vec<u8>,
    flags: Flags,
    internal_date: Option<i64>,
    description: Option<Description>,
}

/// One body for its recipients, and how many of them had not got it before.
fn deliver_body(
    change: &mut Change<'_>,
    stored: &Stored,
    entries: &[(MailboxName, Option<DeliveryToken>, Entry)],
    now: i64,
) -> Result<(Vec<Appended>, i64), StoreError> {
    let (mut done, mut fresh) = (Vec::with_capacity(entries.len()), 0);
    for (mailbox, token, entry) in entries {
        if let Some(before) = known(change, token.as_ref())? {
            done.push(before);
            continue;
        }
        let one = deliver_one(change, stored, mailbox, entry, now)?;
        if let Some(token) = token {
            remember(change, token, &one, now)?;
        }
        done.push(one);
        fresh += 1;
    }
    if fresh > 0 {
        insert_body(change, stored, fresh)?;
    }
    Ok((done, fresh))
}

fn deliver_one(
    change: &mut Change<'_>,
    body: &Stored,
    mailbox: &MailboxName,
    entry: &Entry,
    now: i64,
) -> Result<Appended, StoreError> {
    let mailbox = target(change.index, mailbox)?;
    let uid = Uid::new(take_uids(change.index, mailbox.id, 1)?);
    let uid = uid.ok_or(StoreError::TooMany("UIDs"))?;
    let modseq = change.modseq()?;
    insert(change, mailbox.id, uid, body, entry, now)?;
    let uid_validity = mailbox.uid_validity;
    Ok(Appended { mailbox: mailbox.id, uid_validity, uids: vec![uid], modseq })
}

/// Keeps the answer that a token got.
fn remember(
    change: &Change<'_>,
    DeliveryToken(token): &DeliveryToken,
    done: &Appended,
    now: i64,
) -> Result<(), StoreError> {
    let mut insert =
        change.index.prepare_cached("INSERT INTO deliveries VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for uid in &done.uids {
        insert.execute((token, done.mailbox.0, done.uid_validity.get(), uid.get(), now))?;
    }
    Ok(())
}

/// The answer that a token got before.
fn known(
    change: &Change<'_>,
    token: Option<&DeliveryToken>,
) -> Result<Option<Appended>, StoreError> {
    let Some(DeliveryToken(token)) = token else { return Ok(None) };
    let found = change
        .index
        .prepare_cached("SELECT mailbox, uidvalidity, uid FROM deliveries WHERE token = ?1")?
        .query_row([token], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((mailbox, validity, uid)) = found else { return Ok(None) };
    Ok(Some(Appended {
        mailbox: MailboxId(mailbox),
        uid_validity: uid_validity(validity)?,
        uids: Uid::new(uid).into_iter().collect(),
        modseq: ModSeq::default(),
    }))
}

fn forget_old_tokens(change: &Change<'_>, now: i64) -> Result<(), StoreError> {
    change
        .index
        .prepare_cached("DELETE FROM deliveries WHERE at < ?1")?
        .execute([now.saturating_sub(TOKEN_S)])?;
    Ok(())
}

fn insert_body(change: &mut Change<'_>, body: &Stored, messages: i64) -> Result<(), StoreError> {
    change.effects.bodies_new += 1;
    change.index.prepare_cached("INSERT INTO bodies VALUES (?1, ?2, ?3, ?4)")?.execute((
        body.id,
        body.hash,
        body.size.cast_signed(),
        messages,
    ))?;
    Ok(())
}

fn insert(
    change: &mut Change<'_>,
    mailbox: MailboxId,
    uid: Uid,
    body: &Stored,
    entry: &Entry,
    now: i64,
) -> Result<(), StoreError> {
    let (key, modseq) = (mailbox.key(uid), change.modseq()?);
    let size = (body.size + entry.headers.len() as u64).cast_signed();
    change
        .index
        .prepare_cached("INSERT INTO messages VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?
        .execute((
            key,
            mailbox.0,
            modseq.0.cast_signed(),
            body.id,
            size,
            entry.internal_date.unwrap_or(now),
            now,
            text_of(&entry.flags),
        ))?;
    let description = entry.description.as_ref();
    change.index.prepare_cached("INSERT INTO texts VALUES (?1, ?2, ?3, ?4)")?.execute((
        key,
        &entry.headers,
        description.map(|it| it.envelope.as_ref()),
        description.map(|it| it.structure.as_ref()),
    ))?;
    let has = |flag| i64::from(entry.flags.contains(&Flag::system(flag)));
    let (unseen, deleted) = (1 - has("\\Seen"), has("\\Deleted"));
    count(change.index, mailbox, Counts { messages: 1, unseen, deleted, bytes: size }, modseq)
}

/// Keeps the files of bodies that are in the index now, and lets those go that
/// are certainly not. When the disk failed at the commit itself, the row may
/// come back after a crash: the file stays and is swept later.
fn settle(staged: &mut [StagedBody], failure: Option<&StoreError>) {
    if matches!(failure, None | Some(StoreError::Disk(_) | StoreError::Damaged(_))) {
        staged.iter_mut().for_each(StagedBody::keep);
    }
}

/// Tokens are kept for 30 days: queues give up after five (RFC 5321 §4.5.4.1).
const TOKEN_S: i64 = 30 * 24 * 3_600;
