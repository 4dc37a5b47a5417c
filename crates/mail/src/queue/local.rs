//! Delivery to mailboxes here (RFC 5321 §4.4: the final delivery).

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use capa7_mail_proto::address::{Address, ReversePath};
use capa7_mail_proto::mailbox::{Flags, MailboxName, Uid};
use capa7_mail_proto::smtp::client::{Outcome, Reason};
use capa7_mail_proto::smtp::reply::Reply;
use capa7_net::{Cause, Host, Note, Room};

use super::QueueId;
use super::notes;
use super::session::Parcel;
use super::shared::Shared;
use crate::store::{Body, Delivery, DeliveryToken, StoreError};
use crate::users::{AccountName, Resolved};

/// One message for one account.
#[derive(Debug)]
pub(super) struct Letter {
    pub(super) id: QueueId,
    pub(super) from: ReversePath,
    pub(super) body: Bytes,
    pub(super) to: Vec<Recipient>,
    /// It comes straight from the journal: nothing was said of it yet.
    pub(super) is_straight: bool,
}

/// One of its recipients who lead there.
#[derive(Debug)]
pub(super) struct Recipient {
    pub(super) index: u32,
    pub(super) address: Address,
    /// Because of what it is delivered.
    pub(super) cause: Cause,
}

/// Puts a message into the mailboxes of its recipients.
pub(super) async fn deliver(
    shared: &Arc<Shared>,
    parcel: &Parcel,
    cause: Cause,
) -> Vec<(u32, Outcome)> {
    let mut outcomes = Vec::with_capacity(parcel.recipients.len());
    let mut accounts: BTreeMap<AccountName, Vec<Recipient>> = BTreeMap::new();
    for recipient in &parcel.recipients {
        let (index, address) = (recipient.index, recipient.address.clone());
        match shared.users.resolve(&address) {
            Resolved::Account(account) => {
                accounts.entry(account).or_default().push(Recipient { index, address, cause });
            }
            Resolved::Unknown => {
                let reply = Reply::new(550, Some((1, 1)), "nobody here has this address");
                outcomes.push((index, Outcome::Failed(Reason::Found(reply))));
            }
            Resolved::NotOurs => {
                let reply = Reply::new(451, Some((3, 5)), "its domain is not served here just now");
                outcomes.push((index, Outcome::Deferred(Reason::Found(reply))));
            }
        }
    }
    for (account, to) in accounts {
        let indexes: Vec<u32> = to.iter().map(|recipient| recipient.index).collect();
        let id = QueueId(parcel.stored.id);
        let (from, body) = (parcel.stored.from.clone(), parcel.body.clone());
        let (letter, on) = (Letter { id, from, body, to, is_straight: false }, shared.clone());
        let work = move || put(&on, &account, &[letter]);
        let outcome = outcome_of(id, shared.host.blocking(work).await);
        outcomes.extend(indexes.into_iter().map(|index| (index, outcome.clone())));
    }
    outcomes
}

fn outcome_of(id: QueueId, put: Result<(), StoreError>) -> Outcome {
    let Err(error) = put else { return Outcome::Delivered(in_the_mailbox()) };
    let code = match &error {
        StoreError::Full(_) => (3, 1),
        _ => (3, 0),
    };
    // The store tells the operator, once and not for each message.
    tracing::debug!("message {id} waits, for the store fails: {error}");
    Outcome::Deferred(Reason::Found(Reply::new(451, Some(code), error.to_string())))
}

/// What a mailbox says to a message.
fn in_the_mailbox() -> Reply {
    Reply::new(250, Some((0, 0)), "in the mailbox")
}

/// Puts letters into one account's mailboxes, in their order and all or none.
/// They are durable when this returns. It waits for the disk.
pub(super) fn put(
    shared: &Shared,
    account: &AccountName,
    letters: &[Letter],
) -> Result<(), StoreError> {
    let mailboxes = shared.store.account(account)?;
    // Whoever waits in IDLE is told because of the notes below.
    let news = mailboxes.hold_news();
    let put = mailboxes.deliver_all(letters.iter().map(Letter::delivery).collect())?;
    for (letter, appended) in letters.iter().zip(put) {
        let uids = appended.iter().flat_map(|one| &one.uids);
        for (uid, recipient) in uids.zip(&letter.to) {
            mailboxes.set_cause(letter.note(&shared.host, account, *uid, recipient));
        }
        tracing::debug!("message {} is in a mailbox", letter.id);
    }
    drop(news);
    Ok(())
}

impl Letter {
    /// Notes that it is in a mailbox, and what the queue would have said of it.
    fn note(&self, host: &Host, account: &AccountName, uid: Uid, recipient: &Recipient) -> Cause {
        if !host.is_recorded() {
            return Cause::NONE;
        }
        let &Recipient { ref address, mut cause, .. } = recipient;
        if self.is_straight {
            cause = notes::delivering(host, self.id, address, (LOCAL, 1), cause.into());
        }
        let note = Note::new(Room::Mail, "stored", "the message is in the mailbox")
            .with("account", account.to_string())
            .with("mailbox", "INBOX")
            .with("uid", uid.get())
            .with("id", self.id.to_string());
        let stored = host.note(note.because(cause));
        if self.is_straight {
            notes::delivered(host, self.id, address, LOCAL, &in_the_mailbox(), cause);
        }
        stored
    }

    fn delivery(&self) -> (Body, Vec<Delivery>) {
        let deliveries = self.to.iter().map(|recipient| Delivery {
            mailbox: MailboxName::inbox(),
            headers: self.trace(&recipient.address),
            flags: Flags::default(),
            // The store takes each once, however often a dying queue gives it.
            token: Some(DeliveryToken(format!("{}-{}", self.id, recipient.index))),
        });
        (Body::Memory(self.body.clone()), deliveries.collect())
    }

    /// RFC 5321 §4.4: the final server writes the reverse-path into the message.
    fn trace(&self, recipient: &Address) -> Vec<u8> {
        let from = &self.from;
        format!("Return-Path: {from}\r\nDelivered-To: {recipient}\r\n").into_bytes()
    }
}

/// The destination that own mailboxes are, as notes name it.
pub(super) const LOCAL: &str = "local";
