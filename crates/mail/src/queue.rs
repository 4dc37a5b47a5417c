//! The queue: what was accepted and is not yet delivered.
//!
//! ```text
//!   SMTP server, webmail ── accept ──▶ journal (one sync for all that wait)
//!                                        │ 250
//!                  ┌─────────────────────┴──┐ for others, long ones, or with wishes
//!                  ▼ for mailboxes here      ▼
//!                lane ── cannot be now ──▶ rows (SQLite): who gets what, next attempt
//!                  │                         │ due
//!                  ▼            ┌────────────┴───────────┐
//!                store ◀── own domains     MX ─▶ SMTP connection ─▶ next hop
//! ```
//!
//! What is for mailboxes here goes there straight from the journal, in the
//! order in which it was accepted. It comes into the rows only when it cannot be
//! delivered at once.

mod begin;
mod disk;
mod intake;
mod lane;
mod ledger;
mod local;
mod manage;
mod notes;
mod notices;
mod progress;
mod rows;
mod runner;
mod session;
mod shared;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use capa7_mail_proto::envelope::Envelope;
use capa7_mail_proto::queue::{Input, Schedule, servers_passed};
use capa7_net::tls::TlsClient;
use capa7_net::{Cause, Task};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use crate::disk::DiskFailure;
use crate::spool::{Incoming, MessageWriter, SpooledMessage, Sync};

pub use manage::{Entry, EntryState, QueueFiles, QueueTable, Selection, TableRow};

use disk::Part;
use intake::Submission;
use ledger::Request;
use rows::{Command, Write};
use shared::Shared;

/// The knobs of a queue.
#[derive(Clone, Debug)]
pub struct QueueConfig {
    /// The folder that holds it.
    pub root: PathBuf,
    /// The server's name: in HELO, in notifications, and as an MX that is us.
    pub name: String,
    /// Whether a commit waits for the disk.
    pub sync: Sync,
    /// The resolver that is asked for MX and addresses.
    pub resolver: SocketAddr,
    /// Asked in turn when that one is silent, or cannot; none.
    pub other_resolvers: Vec<SocketAddr>,
    /// The port of other servers; 25 but in tests.
    pub port: u16,
    /// Whom to trust for opportunistic TLS; none goes in clear.
    pub tls: Option<TlsClient>,
    /// When it is tried again, told and given up.
    pub schedule: Schedule,
    /// Sessions with other servers at once; 50.
    pub sessions_max: usize,
    /// Sessions with one destination at once; 4.
    pub sessions_per_destination_max: usize,
}

/// The number of a queued message; later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct QueueId(pub u64);

/// A text that is no queue id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no queue id: it has up to 16 hexadecimal digits")]
pub struct NotAQueueId(String);

/// Why a message was not accepted; the sender keeps it and tries again.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// No space on the disk (452 4.3.1).
    #[error("the disk is full")]
    Full,
    /// The disk cannot be written to (451 4.3.0).
    #[error("the disk is read-only")]
    ReadOnly,
    /// The disk failed (451 4.3.0).
    #[error("the disk failed: {0}")]
    Disk(io::Error),
    /// The message has passed too many servers (554 5.4.6, RFC 5321 §6.3).
    #[error("the message goes in circles: it has passed {0} servers")]
    Loop(usize),
    /// The server is stopping (421 4.3.2).
    #[error("the queue is closed")]
    Closed,
}

/// A running queue. Cheap to clone.
#[derive(Clone)]
pub struct Queue {
    shared: Arc<Shared>,
    incoming: Arc<Incoming>,
    open: Arc<Mutex<Option<Open>>>,
}

/// What a queue that was not stopped has.
struct Open {
    submissions: mpsc::Sender<Submission>,
    requests: mpsc::Sender<Request>,
    tell: mpsc::UnboundedSender<Input>,
    tasks: Tasks,
}

/// In the order in which they end.
struct Tasks {
    intake: Task<()>,
    lane: Task<()>,
    runner: Task<()>,
    ledger: Task<()>,
}

impl QueueConfig {
    /// A queue in this folder, for a server of this name: full sync, port 25,
    /// no TLS, the course's schedule.
    #[must_use]
    pub fn new(root: PathBuf, name: &str, resolver: SocketAddr) -> Self {
        Self {
            root,
            name: name.to_owned(),
            sync: Sync::Full,
            resolver,
            other_resolvers: Vec::new(),
            port: 25,
            tls: None,
            schedule: Schedule::default(),
            sessions_max: 50,
            sessions_per_destination_max: 4,
        }
    }
}

impl fmt::Display for QueueId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:x}", self.0)
    }
}

impl FromStr for QueueId {
    type Err = NotAQueueId;

    fn from_str(text: &str) -> Result<Self, NotAQueueId> {
        u64::from_str_radix(text, 16).map(Self).map_err(|_| NotAQueueId(text.to_owned()))
    }
}

impl TryFrom<String> for QueueId {
    type Error = NotAQueueId;

    fn try_from(text: String) -> Result<Self, NotAQueueId> {
        text.parse()
    }
}

impl From<QueueId> for String {
    fn from(id: QueueId) -> Self {
        id.to_string()
    }
}

/// Messages.
impl Queue {
    /// A place for a message that arrives.
    #[must_use]
    pub fn writer(&self) -> MessageWriter {
        MessageWriter::new(self.shared.host.clone(), Arc::clone(&self.incoming))
    }

    /// Why a message whose bytes could not be written is not accepted; the
    /// operator is told.
    pub(crate) fn unwritable(&self, error: &io::Error) -> AcceptError {
        let failure = DiskFailure::from(error);
        self.shared.disk.failed(Part::Journal, &failure);
        failure.into()
    }

    /// Takes a message for all recipients of its envelope; returns when it is
    /// durable, so that the answer may be 250 (RFC 5321 §4.2.5, §6.1).
    ///
    /// # Errors
    /// [`AcceptError`]: nothing was taken, and the sender must be told so.
    pub async fn accept(
        &self,
        envelope: Envelope,
        message: SpooledMessage,
        cause: Cause,
    ) -> Result<QueueId, AcceptError> {
        if let Some(failure) = self.shared.refuses() {
            return Err(failure.into());
        }
        let looked = message.head(&self.shared.host).await;
        let (head, message) = looked.map_err(|error| self.unwritable(&error))?;
        let passed = servers_passed(&head);
        drop(head);
        // RFC 5321 §6.3: a large bound, at least 100.
        if passed > SERVERS_PASSED_MAX {
            return Err(AcceptError::Loop(passed));
        }
        let submissions = self.open(|open| open.submissions.clone()).ok_or(AcceptError::Closed)?;
        let (answer, answered) = oneshot::channel();
        let submission = Submission { envelope, message, cause, answer };
        submissions.send(submission).await.map_err(|_| AcceptError::Closed)?;
        answered.await.map_err(|_| AcceptError::Closed)?
    }

    /// Lets what is being delivered finish, for a bounded time, and stops. What
    /// is not finished is delivered after the next beginning.
    pub async fn stop(self) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Open { submissions, requests, tell, tasks }) = open else { return };
        let host = &self.shared.host;
        drop(submissions);
        let _ = host.timeout(STOP, tasks.intake).await;
        let _ = host.timeout(STOP, tasks.lane).await;
        let _ = tell.send(Input::Stop);
        drop(tell);
        let _ = host.timeout(STOP, tasks.runner).await;
        drop(requests);
        let _ = host.timeout(STOP, tasks.ledger).await;
    }

    fn open<T>(&self, take: impl FnOnce(&Open) -> T) -> Option<T> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(take)
    }
}

/// Management.
impl Queue {
    /// Recipients in the queue, the oldest first, after `skip` others.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn list(&self, which: Selection, skip: u64, limit: u64) -> io::Result<Vec<Entry>> {
        let (shared, now) = (self.shared.clone(), self.shared.now());
        let work = move || shared.read_or_say(|rows| rows.list(&which, now, (skip, limit)));
        self.shared.host.blocking(work).await
    }

    /// The queue at a glance.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn table(&self) -> io::Result<QueueTable> {
        let (shared, now) = (self.shared.clone(), self.shared.now());
        self.shared.host.blocking(move || shared.read_or_say(|rows| rows.table(now))).await
    }

    /// Recipients wait until they are released; how many. A message that
    /// is being given at this moment is not held back.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn hold(&self, which: Selection) -> io::Result<u64> {
        self.manage(Command::Hold(which)).await
    }

    /// Held recipients are due at once; how many.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn release(&self, which: Selection) -> io::Result<u64> {
        self.manage(Command::Release(which, self.shared.now())).await
    }

    /// Recipients that are not held are due at once; how many.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn flush(&self, which: Selection) -> io::Result<u64> {
        self.manage(Command::Flush(which, self.shared.now())).await
    }

    /// Recipients are forgotten, and nobody is told; how many.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn delete(&self, which: Selection) -> io::Result<u64> {
        self.manage(Command::Delete(which)).await
    }

    async fn manage(&self, command: Command) -> io::Result<u64> {
        let closed = || io::Error::other("the queue is closed");
        if let Some(failure) = self.shared.refuses() {
            return Err(io::Error::other(AcceptError::from(failure)));
        }
        let requests = self.open(|open| open.requests.clone()).ok_or_else(closed)?;
        let (answer, answered) = oneshot::channel();
        let request = Request { write: Write::Manage(command), answer: Some(answer) };
        requests.send(request).await.map_err(|_| closed())?;
        drop(requests);
        answered.await.map_err(|_| closed())?.map_err(io::Error::other)
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Queue({})", self.shared.config.root.display())
    }
}

/// RFC 5321 §6.3: "normally at least 100".
const SERVERS_PASSED_MAX: usize = 100;
/// How long each part of the queue may take to end.
const STOP: Duration = Duration::from_secs(30);
