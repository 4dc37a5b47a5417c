//! The short way: from the journal straight into mailboxes here, in order.
//!
//! What is accepted within moments shares the commit of its account. A message
//! that cannot be delivered at once goes into the rows, and everything that
//! takes time or policy (retries, notices, bounces) happens there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use capa7_mail_proto::queue::Destination;
use capa7_net::Time;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::QueueId;
use super::ledger::Request;
use super::local::{self, Letter};
use super::rows::{Imported, Write};
use super::shared::Shared;
use crate::store::StoreError;
use crate::users::{AccountName, Resolved};

/// A message that is in the journal.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) message: Imported,
    /// Its octets; none when they are in a file.
    pub(super) body: Option<Bytes>,
}

/// The end at which messages are given to the lane.
#[derive(Debug)]
pub(super) struct Lane {
    given: mpsc::UnboundedSender<Given>,
    room: Arc<Semaphore>,
    /// Mailboxes take so long that others must not wait for them.
    is_behind: bool,
}

/// A message on its way, with the room that it takes until it has arrived.
#[derive(Debug)]
pub(super) struct Given {
    message: Imported,
    body: Bytes,
    _room: OwnedSemaphorePermit,
}

impl Lane {
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<Given>) {
        let (given, taken) = mpsc::unbounded_channel();
        let room = Arc::new(Semaphore::new(ROOM_KIB));
        (Self { given, room, is_behind: false }, taken)
    }

    /// Takes what can go straight to mailboxes; gives back what goes into rows.
    pub(super) async fn give(&mut self, shared: &Shared, kept: Vec<Kept>) -> Vec<Imported> {
        let mut rest = Vec::new();
        for Kept { message, body } in kept {
            let Some(body) = body.filter(|_| is_simple(&message)) else {
                rest.push(message);
                continue;
            };
            let Some(room) = self.room(shared, body.len()).await else {
                rest.push(message);
                continue;
            };
            if let Err(closed) = self.given.send(Given { message, body, _room: room }) {
                rest.push(closed.0.message);
            }
        }
        rest
    }

    /// Room for a message. Waited for, so that the order stays; but not for
    /// long, since whoever sends to others must not wait for a mailbox here.
    async fn room(&mut self, shared: &Shared, octets: usize) -> Option<OwnedSemaphorePermit> {
        let kib = u32::try_from(octets.div_ceil(1_024)).unwrap_or(u32::MAX).max(LEAST_KIB);
        if self.is_behind && self.room.available_permits() < ROOM_KIB / 2 {
            return None;
        }
        let room = Arc::clone(&self.room).acquire_many_owned(kib);
        let room = shared.host.timeout(PATIENCE, room).await;
        self.is_behind = room.is_err();
        room.ok()?.ok()
    }
}

/// For mailboxes here alone, and nobody wants to be told.
fn is_simple(message: &Imported) -> bool {
    message.recipients.iter().all(|recipient| {
        recipient.destination == Destination::Local
            && !recipient.notify.is_some_and(|notify| notify.success)
    })
}

/// Delivers until nobody can give any more. It waits for the disk in place: the
/// thread is its own.
pub(super) async fn run(
    shared: Arc<Shared>,
    mut given: mpsc::UnboundedReceiver<Given>,
    ledger: mpsc::Sender<Request>,
) {
    let mut next = Time::ZERO;
    while let Some(first) = given.recv().await {
        // The first of many goes at once, the others together.
        if next > shared.host.now() {
            shared.host.sleep_until(next).await;
        }
        next = shared.host.now() + GATHERING;
        let mut together = vec![first];
        while together.len() < TOGETHER_MAX
            && let Ok(one) = given.try_recv()
        {
            together.push(one);
        }
        let rest = deliver(&shared, together).await;
        let write = if !rest.is_empty() {
            Write::Import(rest)
        } else if shared.progress.is_behind() {
            Write::Mark
        } else {
            continue;
        };
        if ledger.send(Request { write, answer: None }).await.is_err() {
            return;
        }
    }
    if shared.progress.has_unwritten() {
        let _ = ledger.send(Request { write: Write::Mark, answer: None }).await;
    }
}

/// Delivers messages, each account's in their order; gives back those that go
/// into rows, with the recipients that did not get them.
async fn deliver(shared: &Arc<Shared>, together: Vec<Given>) -> Vec<Imported> {
    let mut accounts: BTreeMap<AccountName, Vec<Letter>> = BTreeMap::new();
    for one in &together {
        for recipient in &one.message.recipients {
            // Who is unknown by now is told so by way of the rows.
            let Resolved::Account(account) = shared.users.resolve(&recipient.address) else {
                continue;
            };
            let letters = accounts.entry(account).or_default();
            let id = QueueId(one.message.id);
            let to = local::Recipient {
                index: recipient.index,
                address: recipient.address.clone(),
                cause: recipient.cause,
            };
            match letters.last_mut().filter(|last| last.id == id) {
                Some(letter) => letter.to.push(to),
                None => letters.push(Letter {
                    id,
                    from: one.message.from.clone(),
                    body: one.body.clone(),
                    to: vec![to],
                    is_straight: true,
                }),
            }
        }
    }
    let mut arrived: BTreeMap<QueueId, Vec<u32>> = BTreeMap::new();
    let mut accounts = accounts.into_iter();
    loop {
        let side_by_side: Vec<_> = accounts.by_ref().take(ACCOUNTS_AT_ONCE).collect();
        let mut tasks = Vec::new();
        let Some(((account, letters), others)) = split_last(side_by_side) else { break };
        for (account, letters) in others {
            let on = shared.clone();
            let work = move || put_all(&on, &account, letters);
            let host = shared.host.clone();
            tasks.push(shared.host.spawn("delivery", async move { host.blocking(work).await }));
        }
        let mut put = put_all(shared, &account, letters);
        for task in tasks {
            put.extend(task.await.unwrap_or_default());
        }
        for (id, index) in put {
            arrived.entry(id).or_default().push(index);
        }
    }
    settle(shared, together, &arrived)
}

fn split_last<T>(mut all: Vec<T>) -> Option<(T, Vec<T>)> {
    all.pop().map(|last| (last, all))
}

/// Puts letters into one account; tells who of which message has it.
fn put_all(shared: &Shared, account: &AccountName, letters: Vec<Letter>) -> Vec<(QueueId, u32)> {
    let mut put = Vec::new();
    let mut note = |letters: &[Letter]| {
        for letter in letters {
            put.extend(letter.to.iter().map(|recipient| (letter.id, recipient.index)));
        }
    };
    match local::put(shared, account, &letters) {
        Ok(()) => note(&letters),
        Err(error) if letters.len() == 1 || is_of_disk(&error) => {
            tracing::debug!("mail for {account} waits in the queue: {error}");
        }
        // One of them it is; the others need not wait for it.
        Err(_) => {
            for letter in letters {
                match local::put(shared, account, std::slice::from_ref(&letter)) {
                    Ok(()) => note(std::slice::from_ref(&letter)),
                    Err(error) if is_of_disk(&error) => break,
                    Err(error) => tracing::debug!("{} waits in the queue: {error}", letter.id),
                }
            }
        }
    }
    put
}

const fn is_of_disk(error: &StoreError) -> bool {
    matches!(error, StoreError::Full(_) | StoreError::ReadOnly(_) | StoreError::Disk(_))
}

/// Those that arrived are done with; the others go into rows.
fn settle(
    shared: &Shared,
    together: Vec<Given>,
    arrived: &BTreeMap<QueueId, Vec<u32>>,
) -> Vec<Imported> {
    let (mut done, mut rest) = (Vec::new(), Vec::new());
    for Given { mut message, .. } in together {
        let has = arrived.get(&QueueId(message.id)).map(Vec::as_slice).unwrap_or_default();
        message.recipients.retain(|recipient| !has.contains(&recipient.index));
        if message.recipients.is_empty() {
            done.push(message.id);
        } else {
            rest.push(message);
        }
    }
    shared.progress.done(&done);
    rest
}

/// Messages that are on their way at once, in KiB of memory.
const ROOM_KIB: usize = 32 << 10;
/// What a message costs at least, beside its octets.
const LEAST_KIB: u32 = 8;
/// How long a message waits for room before it goes into the rows.
const PATIENCE: Duration = Duration::from_secs(1);
/// Messages of one commit.
const TOGETHER_MAX: usize = 256;
/// Between two commits, so that what comes meanwhile shares one. Nobody notices
/// so short a time, and the disk is left to those who wait for a 250.
const GATHERING: Duration = Duration::from_millis(5);
/// Accounts whose commits wait for the disk side by side.
const ACCOUNTS_AT_ONCE: usize = 8;
