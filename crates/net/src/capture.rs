//! What was seen: every message with its fate, and every note, in order.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use capa7_dissect::{Cause, Causes, Direction, Room};
use serde::Serialize;

use crate::note::Note;
use crate::time::Time;

mod digest;
mod ring;

use ring::Ring;

/// The number of a host in its network, in the order of addition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct HostId(pub u32);

/// The number of a TCP connection in its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ConnectionId(pub u64);

/// One thing that happened. Cheap to clone.
#[derive(Clone, Debug, Serialize)]
pub struct Event {
    /// The event's number, from 1; causes name it.
    pub id: Cause,
    /// When it began: sent, opened, decided.
    pub at: Time,
    /// Because of what.
    pub causes: Causes,
    /// What it is.
    #[serde(flatten)]
    pub what: What,
}

/// The kinds of events.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum What {
    /// A datagram left a host.
    Datagram(Packet),
    /// A chunk of a TCP stream left a host.
    Chunk {
        /// The connection.
        connection: ConnectionId,
        /// Which end sent it.
        direction: Direction,
        /// Bytes of this direction and layer before it.
        offset: u64,
        /// What the bytes are.
        layer: Layer,
        /// The bytes and their way.
        #[serde(flatten)]
        packet: Packet,
    },
    /// A TCP connection changed: asked for, open, refused, closed, reset.
    Connection {
        /// The connection.
        connection: ConnectionId,
        /// What became of it.
        change: ConnectionChange,
        /// The end that acted, the other end, no bytes.
        #[serde(flatten)]
        packet: Packet,
    },
    /// A host said something of itself.
    Note {
        /// The host that speaks, none for the network or a person.
        host: Option<HostId>,
        /// What it said.
        note: Arc<Note>,
    },
    /// A datagram or chunk that was captured earlier met its fate: the fold
    /// of the two ends' records of one message.
    Fate {
        /// The message.
        of: Cause,
        /// When.
        #[serde(skip)]
        at: Time,
        /// How it ended.
        fate: Fate,
    },
}

/// Bytes on their way.
#[derive(Clone, Debug, Serialize)]
pub struct Packet {
    /// The room of the socket that sent it.
    pub room: Room,
    /// The sending host, none when it is outside the network's knowledge.
    pub from_host: Option<HostId>,
    /// The receiving host (for an anycast address: the replica).
    pub to_host: Option<HostId>,
    /// Source address and port.
    pub from: SocketAddr,
    /// Destination address and port.
    pub to: SocketAddr,
    /// What was sent.
    #[serde(skip)]
    pub bytes: Bytes,
}

/// What the bytes of a stream are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// What the program wrote, as it is on the wire.
    Clear,
    /// TLS records as they are on the wire; the digest counts their length.
    Sealed,
    /// What the program wrote above TLS.
    Plaintext,
}

/// What became of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionChange {
    /// Asked for: the first segment left.
    Asked,
    /// Open at both ends.
    Open,
    /// Nobody listens there.
    Refused,
    /// One end has sent its last byte.
    HalfClosed,
    /// Both have.
    Closed,
    /// Torn down.
    Reset,
    /// No answer in time.
    TimedOut,
}

/// How a message ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It arrived.
    Delivered,
    /// It arrived once more.
    Duplicated,
    /// It arrived with a changed byte.
    Corrupted,
    /// It did not arrive; the reason in a word: `loss`, `queue`, `cut`,
    /// `no_listener`, `no_host`, `fault`.
    Lost(&'static str),
}

impl Fate {
    /// The fate in a word: `delivered`, or the reason of a loss.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Duplicated => "duplicated",
            Self::Corrupted => "corrupted",
            Self::Lost(why) => why,
        }
    }
}

/// The record of a network: a bounded ring of events. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Capture(Arc<Ring>);

/// Reading.
impl Capture {
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Arc::new(Ring::new(bytes)))
    }

    /// Whether anything is recorded: one relaxed load.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.is_on()
    }

    /// Starts or stops recording; on a bare machine it is off until someone
    /// watches.
    pub fn set_on(&self, on: bool) {
        self.0.set_on(on);
    }

    /// The events that are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.lock().len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of the oldest event that is held; the next one's when none is.
    #[must_use]
    pub fn first_id(&self) -> Cause {
        self.0.lock().first_id()
    }

    /// The number that the next event gets.
    #[must_use]
    pub fn next_id(&self) -> Cause {
        self.0.lock().next_id()
    }

    /// Events that were recorded and are not held any more.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.0.lock().evicted()
    }

    /// One event, if it is still held.
    #[must_use]
    pub fn get(&self, id: Cause) -> Option<Event> {
        self.0.lock().get(id).cloned()
    }

    /// The latest fate of a message, if the message is still held and met one.
    #[must_use]
    pub fn fate(&self, of: Cause) -> Option<(Time, Fate)> {
        self.0.lock().fate(of)
    }

    /// At most `limit` events after number `past`, in order. Events that were
    /// evicted are left out: compare with [`Capture::evicted`].
    #[must_use]
    pub fn since(&self, past: Cause, limit: usize) -> Vec<Event> {
        self.0.lock().since(past, limit)
    }

    /// Waits until an event newer than number `past` exists.
    pub async fn wait_past(&self, past: Cause) {
        self.0.wait_past(past).await;
    }

    /// SHA-256 over everything recorded so far, evicted or not.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.0.lock().digest()
    }
}

/// Recording.
impl Capture {
    /// Records an event and returns its number; none when recording is off.
    pub(crate) fn record(&self, at: Time, causes: Causes, what: What) -> Cause {
        if !self.is_on() {
            return Cause::NONE;
        }
        self.0.record(at, causes, what)
    }

    /// Records what a host, the network or a person says.
    pub(crate) fn note(&self, at: Time, host: Option<HostId>, note: Note) -> Cause {
        let causes = note.causes.clone();
        self.record(at, causes, What::Note { host, note: Arc::new(note) })
    }

    /// Records how a captured message ended.
    pub(crate) fn end(&self, at: Time, of: Cause, fate: Fate) {
        if of.is_some() {
            self.record(at, Causes::from(of), What::Fate { of, at, fate });
        }
    }

    /// A number for a new connection.
    pub(crate) fn new_connection(&self) -> ConnectionId {
        self.0.new_connection()
    }
}

#[cfg(test)]
mod tests;
