//! Delivery to mailboxes here (RFC 5321 §4.4: the final delivery).

use std::collections::BTreeMap;
use std::sync::Arc;

use capa7_mail_proto::mailbox::{Flags, MailboxName};
use capa7_mail_proto::smtp::client::{Outcome, Reason};
use capa7_mail_proto::smtp::reply::Reply;
use capa7_net::{Cause, Note, Room};

use super::QueueId;
use super::rows::GivenRecipient;
use super::session::Parcel;
use super::shared::Shared;
use crate::store::{Account, Body, Delivery, DeliveryToken, NewsHeld, Store, StoreError};
use crate::users::{AccountName, Resolved};

/// Puts a message into the mailboxes of its recipients.
pub(super) async fn deliver(shared: &Shared, parcel: &Parcel, cause: Cause) -> Vec<(u32, Outcome)> {
    let mut outcomes = Vec::with_capacity(parcel.recipients.len());
    let mut accounts: BTreeMap<AccountName, Vec<&GivenRecipient>> = BTreeMap::new();
    for recipient in &parcel.recipients {
        match shared.users.resolve(&recipient.address) {
            Resolved::Account(account) => accounts.entry(account).or_default().push(recipient),
            Resolved::Unknown => {
                let reply = Reply::new(550, Some((1, 1)), "nobody here has this address");
                outcomes.push((recipient.index, Outcome::Failed(Reason::Found(reply))));
            }
            Resolved::NotOurs => {
                let reply = Reply::new(451, Some((3, 5)), "its domain is not served here just now");
                outcomes.push((recipient.index, Outcome::Deferred(Reason::Found(reply))));
            }
        }
    }
    for (account, recipients) in accounts {
        let outcome = one_account(shared, parcel, &account, &recipients, cause).await;
        outcomes.extend(recipients.iter().map(|one| (one.index, outcome.clone())));
    }
    outcomes
}

async fn one_account(
    shared: &Shared,
    parcel: &Parcel,
    account: &AccountName,
    recipients: &[&GivenRecipient],
    cause: Cause,
) -> Outcome {
    let id = QueueId(parcel.stored.id);
    let deliveries: Vec<Delivery> = recipients
        .iter()
        .map(|recipient| Delivery {
            mailbox: MailboxName::inbox(),
            headers: trace(parcel, recipient),
            flags: Flags::default(),
            // The store takes each once, however often a dying queue gives it.
            token: Some(DeliveryToken(format!("{id}-{}", recipient.index))),
        })
        .collect();
    let (store, name, body) = (shared.store.clone(), account.clone(), parcel.body.clone());
    let work = move || put(&store, &name, Body::Memory(body), deliveries);
    match shared.host.blocking(work).await {
        Ok(Put { account: mailboxes, uids, news }) => {
            for uid in uids {
                let note = Note::new(Room::Mail, "stored", "the message is in the mailbox")
                    .with("account", account.to_string())
                    .with("mailbox", "INBOX")
                    .with("uid", uid)
                    .with("id", id.to_string());
                mailboxes.set_cause(shared.host.note(note.because(cause)));
            }
            tracing::debug!("message {id} is in a mailbox");
            // Whoever waits in IDLE is told because of that note.
            drop(news);
            Outcome::Delivered(Reply::new(250, Some((0, 0)), "in the mailbox"))
        }
        Err(error) => {
            let code = match &error {
                StoreError::Full(_) => (3, 1),
                _ => (3, 0),
            };
            // The store tells the operator, once and not for each message.
            tracing::debug!("message {id} waits, for the store of {account} fails: {error}");
            Outcome::Deferred(Reason::Found(Reply::new(451, Some(code), error.to_string())))
        }
    }
}

/// A message is in the mailbox, and nobody was told yet.
struct Put {
    account: Arc<Account>,
    uids: Vec<u32>,
    news: NewsHeld,
}

fn put(
    store: &Store,
    account: &AccountName,
    body: Body,
    deliveries: Vec<Delivery>,
) -> Result<Put, StoreError> {
    let account = store.account(account)?;
    let news = account.hold_news();
    let appended = account.deliver(body, deliveries)?;
    let uids = appended.iter().flat_map(|one| &one.uids).map(|uid| uid.get()).collect();
    Ok(Put { account, uids, news })
}

/// RFC 5321 §4.4: the final server writes the reverse-path into the message.
fn trace(parcel: &Parcel, recipient: &GivenRecipient) -> Vec<u8> {
    let from = &parcel.stored.from;
    format!("Return-Path: {from}\r\nDelivered-To: {}\r\n", recipient.address).into_bytes()
}
