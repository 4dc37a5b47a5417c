//! The state of TCP connections in memory. No travel here: see `travel.rs`.
//!
//! ```text
//!   write ─▶ unsent ─▶ (window, turn on the uplink) ─▶ on its way ─▶ early
//!                          ▲                                           │ in order
//!                          └──── credits, one way later ◀── read ◀── ready
//! ```

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::task::Waker;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use capa7_dissect::{Cause, Direction, Room};

use super::ports::Ports;
use super::slab::{Key, Slab};
use crate::capture::{ConnectionId, HostId, Layer};
use crate::time::Time;

/// The end that asked for the connection.
pub(super) const CLIENT: usize = 0;
/// The end that was asked.
pub(super) const SERVER: usize = 1;

/// The most bytes that leave in one turn.
pub(super) const CHUNK_BYTES_MAX: usize = 16 << 10;

/// Bytes of one segment: RFC 6691 on Ethernet without options.
pub(super) const SEGMENT_BYTES: usize = 1460;

/// Bytes that a program may write ahead of its link.
pub(super) const UNSENT_BYTES_MAX: usize = 64 << 10;

/// Connections that may wait for `accept`, as Linux (net.core.somaxconn).
pub(super) const BACKLOG_MAX: usize = 4096;

/// Keeps the chances of ports apart from those of links and programs.
const PORT_STREAM: u64 = u64::MAX - 2;

/// All connections and welcoming sockets of a network.
#[derive(Debug)]
pub(super) struct TcpTable {
    pub(super) ports: Ports,
    pub(super) connections: Slab<Connection>,
    pub(super) welcomes: Slab<Welcome>,
    pub(super) uplinks: BTreeMap<HostId, Uplink>,
}

impl TcpTable {
    pub(super) const fn new(seed: u64) -> Self {
        Self {
            ports: Ports::new(seed, PORT_STREAM),
            connections: Slab::new(),
            welcomes: Slab::new(),
            uplinks: BTreeMap::new(),
        }
    }
}

/// A welcoming socket's inside.
#[derive(Debug)]
pub(super) struct Welcome {
    pub(super) room: Room,
    /// Open connections that nobody has accepted yet.
    pub(super) waiting: VecDeque<Key>,
    pub(super) acceptors: Vec<Waker>,
}

/// The streams that take turns on a host's access link.
#[derive(Debug, Default)]
pub(super) struct Uplink {
    /// Connection and direction, the next one first.
    pub(super) line: VecDeque<(Key, usize)>,
    /// The end of the present turn is in the agenda.
    pub(super) alarm: bool,
}

/// How far the handshake is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The first segment is on its way.
    Asked,
    /// The server has answered.
    Answered,
    /// Open at the client.
    Open,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) number: ConnectionId,
    pub(super) asked: Cause,
    pub(super) phase: Phase,
    pub(super) syn_sent: Time,
    pub(super) syn_tries: u32,
    pub(super) welcome: Option<Key>,
    pub(super) accepted: bool,
    pub(super) ends: [End; 2],
    /// By the end that writes into it.
    pub(super) pipes: [Pipe; 2],
    pub(super) limits: Limits,
}

/// What faults do to a connection.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Limits {
    pub(super) refused: bool,
    pub(super) silent: bool,
    /// Bytes that may still pass.
    pub(super) reset_after: Option<u64>,
    pub(super) slow_close: Duration,
    pub(super) rate_bps: Option<u64>,
}

/// One end.
#[derive(Debug)]
pub(super) struct End {
    pub(super) host: HostId,
    pub(super) at: SocketAddr,
    pub(super) room: Room,
    /// A program, or a welcoming socket on its behalf, has it.
    pub(super) open: bool,
    /// Torn down.
    pub(super) dead: bool,
    /// Why, until the program was told.
    pub(super) failure: Option<io::ErrorKind>,
    pub(super) reader: Option<Waker>,
    pub(super) writer: Option<Waker>,
}

/// How far the end of a direction is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Closing {
    /// The program may write more.
    #[default]
    Open,
    /// It will not.
    Wanted,
    /// The end is on its way.
    Sent,
    /// Everything arrived.
    Arrived,
}

/// One direction of a connection.
#[derive(Debug, Default)]
pub(super) struct Pipe {
    pub(super) unsent: VecDeque<Piece>,
    pub(super) unsent_bytes: usize,
    pub(super) closing: Closing,
    /// Bytes that have left.
    pub(super) sent: u64,
    /// Bytes that the sender knows to be read.
    freed: u64,
    /// Such news on its way: when it is there, and how many bytes.
    credits: VecDeque<(Time, u64)>,
    /// In the line of its uplink.
    pub(super) in_line: bool,
    /// The moment of the pump that is in the agenda.
    pub(super) pump: Option<Time>,
    /// The rate limit of a fault lets nothing leave before.
    pub(super) not_before: Time,
    /// Arrived out of order, by place.
    pub(super) early: BTreeMap<u64, Parcel>,
    /// Bytes that arrived in order.
    pub(super) arrived: u64,
    pub(super) ready: VecDeque<(Bytes, Cause)>,
}

/// What one write left to be sent.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) bytes: BytesMut,
    pub(super) cause: Cause,
    pub(super) layer: Layer,
}

/// A part of a stream on its way.
#[derive(Clone, Debug)]
pub(super) struct Parcel {
    pub(super) offset: u64,
    pub(super) bytes: Bytes,
    /// The captured chunk.
    pub(super) message: Cause,
    /// The last part of its chunk.
    pub(super) last: bool,
    /// Nothing follows.
    pub(super) fin: bool,
    pub(super) sent_at: Time,
    /// Time-outs so far.
    pub(super) timeouts: u32,
}

impl Parcel {
    /// How many segments it takes.
    pub(super) fn segments(&self) -> u32 {
        u32::try_from(self.bytes.len().div_ceil(SEGMENT_BYTES).max(1)).unwrap_or(u32::MAX)
    }

    /// Takes off the part that got lost: `lost` of its segments, the last ones.
    pub(super) fn split_lost(&mut self, lost: u32) -> Self {
        let kept = (self.segments() - lost) as usize * SEGMENT_BYTES;
        let bytes = self.bytes.split_off(kept.min(self.bytes.len()));
        let rest = Self { offset: self.offset + kept as u64, bytes, ..self.clone() };
        self.last = false;
        self.fin = false;
        rest
    }
}

impl End {
    pub(super) const fn new(host: HostId, at: SocketAddr, room: Room, open: bool) -> Self {
        Self { host, at, room, open, dead: false, failure: None, reader: None, writer: None }
    }

    pub(super) fn wake_both(&mut self) {
        self.reader.take().into_iter().chain(self.writer.take()).for_each(Waker::wake);
    }
}

impl Pipe {
    /// Takes in what the program wrote, as far as there is room.
    pub(super) fn push(&mut self, bytes: &[u8], cause: Cause, layer: Layer) -> usize {
        let room = UNSENT_BYTES_MAX.saturating_sub(self.unsent_bytes).min(bytes.len());
        let mut taken = &bytes[..room];
        self.unsent_bytes += room;
        if let Some(last) = self.unsent.back_mut() {
            let space = CHUNK_BYTES_MAX.saturating_sub(last.bytes.len()).min(taken.len());
            if last.cause == cause && last.layer == layer {
                last.bytes.extend_from_slice(&taken[..space]);
                taken = &taken[space..];
            }
        }
        for part in taken.chunks(CHUNK_BYTES_MAX) {
            self.unsent.push_back(Piece { bytes: BytesMut::from(part), cause, layer });
        }
        room
    }

    /// Takes out what may leave: at most one chunk and `most` bytes.
    pub(super) fn pull(&mut self, most: u64) -> Option<Piece> {
        let piece = self.unsent.front_mut()?;
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let size = piece.bytes.len().min(CHUNK_BYTES_MAX).min(most);
        self.unsent_bytes -= size;
        if size < piece.bytes.len() {
            let bytes = piece.bytes.split_to(size);
            return Some(Piece { bytes, cause: piece.cause, layer: piece.layer });
        }
        self.unsent.pop_front()
    }

    /// Keeps what arrived until all before it is there. A fault may empty a
    /// chunk, which then has its place in common with the next one.
    pub(super) fn keep_early(&mut self, parcel: Parcel) {
        match self.early.entry(parcel.offset) {
            Entry::Vacant(place) => {
                place.insert(parcel);
            }
            Entry::Occupied(mut other) => {
                let fin = other.get().fin || parcel.fin;
                if parcel.bytes.len() > other.get().bytes.len() {
                    other.insert(parcel);
                }
                other.get_mut().fin = fin;
            }
        }
    }

    pub(super) fn forget_unsent(&mut self) {
        self.unsent.clear();
        self.unsent_bytes = 0;
    }

    /// Bytes that the receiver's window lets leave.
    pub(super) fn window(&mut self, now: Time, size: u64) -> u64 {
        while let Some((at, bytes)) = self.credits.front().copied() {
            if at > now {
                break;
            }
            self.freed += bytes;
            self.credits.pop_front();
        }
        size.saturating_sub(self.sent - self.freed.min(self.sent))
    }

    /// The receiver read; the sender knows at `at`.
    pub(super) fn credit(&mut self, at: Time, bytes: u64) {
        match self.credits.back_mut() {
            Some((last, sum)) if *last == at => *sum += bytes,
            _ => self.credits.push_back((at, bytes)),
        }
    }

    pub(super) fn next_credit(&self) -> Option<Time> {
        self.credits.front().map(|(at, _)| *at)
    }

    /// Whether there is something to send, the window aside.
    pub(super) fn has_something(&self) -> bool {
        self.unsent_bytes > 0 || self.closing == Closing::Wanted
    }

    pub(super) fn has_unread(&self) -> bool {
        !self.ready.is_empty() || !self.early.is_empty()
    }
}

impl Connection {
    /// Whether nobody needs it any more.
    pub(super) fn is_over(&self) -> bool {
        let finished = |from: usize| {
            self.ends[from].dead
                || self.ends[1 - from].dead
                || self.pipes[from].closing == Closing::Arrived
        };
        !self.ends[CLIENT].open && !self.ends[SERVER].open && finished(CLIENT) && finished(SERVER)
    }
}

/// The direction of what an end writes.
pub(super) const fn direction(from: usize) -> Direction {
    if from == CLIENT { Direction::ToServer } else { Direction::ToClient }
}
