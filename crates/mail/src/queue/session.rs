//! One batch's deliveries: to mailboxes here, or over one connection.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use capa7_mail_proto::address::ForwardPath;
use capa7_mail_proto::envelope::{Envelope, Recipient};
use capa7_mail_proto::queue::{BatchId, End, Input, MessageId, Success, Way, Work};
use capa7_mail_proto::smtp::client::{Outcome, Reason};
use capa7_mail_proto::smtp::reply::Reply;
use capa7_net::{Cause, Causes};
use tokio::sync::mpsc;

use super::rows::{GivenRecipient, Stored};
use super::shared::Shared;
use super::{QueueId, local, notes};
use crate::smtp::connection::{ClientSettings, Connection, ConnectionError, TlsUse};

/// What a session is given.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) way: Way,
    pub(super) work: Vec<Work>,
}

/// One message with those of its recipients that are delivered together.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) stored: Stored,
    pub(super) recipients: Vec<GivenRecipient>,
    pub(super) body: Bytes,
}

/// What there is of one message when its turn has come.
#[derive(Debug)]
struct Loaded {
    /// None when it cannot be read, or nobody is left.
    parcel: Option<Parcel>,
    /// Recipients that were held or deleted meanwhile.
    withdrawn: Vec<u32>,
}

/// One batch's session.
pub(super) struct Session {
    shared: Arc<Shared>,
    batch: BatchId,
    tell: mpsc::UnboundedSender<Input>,
    connection: Option<(IpAddr, Connection)>,
}

impl Session {
    pub(super) const fn new(
        shared: Arc<Shared>,
        batch: BatchId,
        tell: mpsc::UnboundedSender<Input>,
    ) -> Self {
        Self { shared, batch, tell, connection: None }
    }

    /// Works until nothing more comes, then says goodbye.
    pub(super) async fn run(mut self, mut jobs: mpsc::UnboundedReceiver<Job>) {
        while let Some(job) = jobs.recv().await {
            let (end, cause) = match job.way {
                Way::Local => self.local(job.work).await,
                Way::Remote { host, address } => self.remote(&host, address, job.work).await,
            };
            let _ = self.tell.send(Input::Ended { batch: self.batch, end, cause });
        }
        if let Some((_, connection)) = self.connection {
            connection.quit().await;
        }
    }

    async fn local(&self, work: Vec<Work>) -> (End, Cause) {
        let (mut last, mut rest) = (Cause::NONE, &work[..]);
        while !rest.is_empty() {
            let parcels = self.load(rest).await;
            let (these, later) = rest.split_at(parcels.len().min(rest.len()));
            // One after the other: what other batches deliver meanwhile shares
            // their wait for the disk, and their order stays.
            for (one, loaded) in these.iter().zip(parcels) {
                last = self.put(one, loaded).await;
            }
            rest = later;
        }
        (End::Done, last)
    }

    /// Puts one message into mailboxes here.
    async fn put(&self, one: &Work, loaded: Loaded) -> Cause {
        let Some(parcel) = self.in_turn(one, loaded) else { return one.causes.first };
        let cause = self.announce(&parcel, local::LOCAL, one.causes.clone());
        let outcomes = local::deliver(&self.shared, &parcel, cause).await;
        self.outcomes(one.message, outcomes, Success::InMailbox, cause);
        cause
    }

    async fn remote(&mut self, to: &str, address: IpAddr, work: Vec<Work>) -> (End, Cause) {
        let mut last = Cause::NONE;
        for one in work {
            let Some(loaded) = self.load(std::slice::from_ref(&one)).await.pop() else { continue };
            let Some(parcel) = self.in_turn(&one, loaded) else { continue };
            let cause = self.announce(&parcel, to, one.causes.clone());
            let (_, connection) = match self.connection.take().filter(|(at, _)| *at == address) {
                Some(open) => self.connection.insert(open),
                None => match self.open(to, address, cause).await {
                    Ok(connection) => self.connection.insert((address, connection)),
                    Err(error) => return (End::Unreachable(unreachable(error)), cause),
                },
            };
            let success =
                if connection.extensions().dsn { Success::PassedOn } else { Success::Relayed };
            let envelope = envelope_of(&parcel);
            let sent = connection.send(&envelope, parcel.body, cause).await;
            let reply = connection.reply_cause();
            last = if reply.is_some() { reply } else { cause };
            let (is_in_doubt, is_over) = (connection.is_in_doubt(), connection.is_over());
            match sent {
                Ok(outcomes) => {
                    let indexes = parcel.recipients.iter().map(|recipient| recipient.index);
                    let outcomes = outcomes.into_iter().map(|one| one.outcome);
                    let (closing, outcomes): (Vec<_>, Vec<_>) =
                        indexes.zip(outcomes).partition(|(_, outcome)| is_closing(outcome));
                    if !outcomes.is_empty() {
                        self.outcomes(one.message, outcomes, success, last);
                    }
                    if is_over {
                        self.connection = None;
                        let (reason, during) = (ended(closing), one.message);
                        return (End::Broken { reason, during }, last);
                    }
                }
                Err(error) => {
                    self.connection = None;
                    let reason = broken(&error);
                    // Whether the server has it nobody knows: this message waits, so
                    // that it is not given to another server meanwhile. One that was
                    // never said to its end may go on at once.
                    if is_in_doubt {
                        self.same(&one, &Outcome::Deferred(reason.clone()), last);
                    }
                    return (End::Broken { reason, during: one.message }, last);
                }
            }
        }
        (End::Done, last)
    }

    async fn open(
        &self,
        to: &str,
        address: IpAddr,
        cause: Cause,
    ) -> Result<Connection, ConnectionError> {
        let config = &self.shared.config;
        let tls = match &config.tls {
            Some(client) => TlsUse::WhenOffered { client: client.clone(), name: to.to_owned() },
            None => TlsUse::Never,
        };
        let helo = config.name.clone();
        let settings = ClientSettings { helo, tls, credentials: None, chunking: false };
        let at = SocketAddr::new(address, config.port);
        Connection::open(&self.shared.host, at, settings, cause).await
    }

    /// The first messages of the work, as many as memory is given for, and at
    /// least one.
    async fn load(&self, work: &[Work]) -> Vec<Loaded> {
        let shared = self.shared.clone();
        let wanted: Vec<(MessageId, Vec<u32>)> =
            work.iter().take(TOGETHER_MAX).map(|one| (one.message, one.indexes.clone())).collect();
        let load = move || {
            let (mut parcels, mut held) = (Vec::with_capacity(wanted.len()), 0);
            for (message, indexes) in wanted {
                let loaded = load_one(&shared, message, &indexes);
                held += loaded.parcel.as_ref().map_or(0, |parcel| parcel.body.len());
                parcels.push(loaded);
                if held >= HELD_OCTETS_MAX {
                    break;
                }
            }
            parcels
        };
        self.shared.host.blocking(load).await
    }

    /// Notes that its turn has come; the last note is the cause of what follows.
    fn announce(&self, parcel: &Parcel, to: &str, causes: Causes) -> Cause {
        let (host, id) = (&self.shared.host, QueueId(parcel.stored.id));
        let mut first = Cause::NONE;
        for recipient in &parcel.recipients {
            let facts = (to, recipient.attempts);
            let note = notes::delivering(host, id, &recipient.address, facts, causes.clone());
            first = if first.is_some() { first } else { note };
        }
        first
    }

    fn outcomes(
        &self,
        message: MessageId,
        outcomes: Vec<(u32, Outcome)>,
        success: Success,
        cause: Cause,
    ) {
        let batch = self.batch;
        let _ = self.tell.send(Input::Outcomes { batch, message, outcomes, success, cause });
    }

    fn same(&self, work: &Work, outcome: &Outcome, cause: Cause) {
        let outcomes = work.indexes.iter().map(|index| (*index, outcome.clone())).collect();
        self.outcomes(work.message, outcomes, Success::PassedOn, cause);
    }

    /// What is to be given of a message; tells who is not. On a disk that fails the
    /// rows are tried again.
    fn in_turn(&self, work: &Work, loaded: Loaded) -> Option<Parcel> {
        let Loaded { parcel, withdrawn } = loaded;
        let is_for_nobody = work.indexes.iter().all(|index| withdrawn.contains(index));
        let (batch, message) = (self.batch, work.message);
        if !withdrawn.is_empty() {
            let _ = self.tell.send(Input::Withdrawn { batch, message, indexes: withdrawn });
        }
        if parcel.is_none() && !is_for_nobody {
            let reply = Reply::new(451, Some((3, 0)), "the queue cannot read the message");
            self.same(work, &Outcome::Deferred(Reason::Found(reply)), work.causes.first);
        }
        parcel
    }
}

fn load_one(shared: &Shared, message: MessageId, indexes: &[u32]) -> Loaded {
    let find =
        || shared.read(|rows| Ok((rows.message(message)?, rows.recipients(message, indexes)?)));
    let unreadable = || Loaded { parcel: None, withdrawn: Vec::new() };
    let Some((found, mut recipients)) = find() else { return unreadable() };
    recipients.retain(|recipient| !recipient.is_held);
    let is_left = |index: &u32| recipients.iter().any(|recipient| recipient.index == *index);
    let withdrawn = indexes.iter().copied().filter(|index| !is_left(index)).collect();
    let Some(mut stored) = found.filter(|_| !recipients.is_empty()) else {
        return Loaded { parcel: None, withdrawn };
    };
    let mut body = shared.body(&stored);
    if body.is_err() {
        // Taken from the journal into the rows at this moment.
        let Some((Some(again), _)) = find() else { return unreadable() };
        stored = again;
        body = shared.body(&stored);
    }
    match body {
        Ok(body) => Loaded { parcel: Some(Parcel { stored, recipients, body }), withdrawn },
        Err(error) => {
            let id = QueueId(stored.id);
            tracing::error!("queued message {id} cannot be read: {error}");
            Loaded { parcel: None, withdrawn }
        }
    }
}

fn envelope_of(parcel: &Parcel) -> Envelope {
    let Stored { from, wishes, .. } = &parcel.stored;
    let recipient = |given: &GivenRecipient| Recipient {
        path: ForwardPath(given.address.clone()),
        notify: given.notify,
        original: given.original.clone(),
    };
    Envelope {
        from: from.clone(),
        recipients: parcel.recipients.iter().map(recipient).collect(),
        body: wishes.body,
        smtputf8: wishes.smtputf8,
        returns: wishes.returns,
        envelope_id: wishes.envelope_id.clone(),
    }
}

/// A session that never began (RFC 3463 §3.5: 4.4.1, no answer from host).
fn unreachable(error: ConnectionError) -> Outcome {
    if let ConnectionError::Refused(reply) = error {
        let is_transient = reply.is_transient();
        let reason = Reason::Said(reply);
        return if is_transient { Outcome::Deferred(reason) } else { Outcome::Failed(reason) };
    }
    let enhanced = match error {
        ConnectionError::Tls(_) => (7, 5),
        ConnectionError::Garbage(_) => (5, 0),
        _ => (4, 1),
    };
    let reply = Reply::new(451, Some(enhanced), error.to_string());
    Outcome::Deferred(Reason::Found(reply))
}

/// Whether a server ended the session instead of an answer (RFC 5321 §3.8): it does
/// not have the message, and another server or session may take it.
fn is_closing(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Deferred(Reason::Said(reply)) if reply.is_closing())
}

/// Why a session ended after an answer.
fn ended(closing: Vec<(u32, Outcome)>) -> Reason {
    match closing.into_iter().next() {
        Some((_, Outcome::Deferred(reason))) => reason,
        _ => Reason::Found(Reply::new(451, Some((4, 2)), "the server ended the session")),
    }
}

/// A session that broke (RFC 3463 §3.5: 4.4.2, bad connection).
fn broken(error: &ConnectionError) -> Reason {
    match error {
        ConnectionError::Refused(reply) if reply.is_transient() => Reason::Said(reply.clone()),
        other => Reason::Found(Reply::new(451, Some((4, 2)), other.to_string())),
    }
}

/// Messages that are loaded at once.
const TOGETHER_MAX: usize = 16;
/// Octets of messages after which no more is loaded beside them.
const HELD_OCTETS_MAX: usize = 1 << 20;
