//! Streams between two programs of other people, put together from the
//! segments that pass.
//!
//! ```text
//!           SYN            SYN,ACK
//!  (none) ───────▶ asked ──────────▶ open ──FIN──▶ half closed ──FIN──▶ ended
//!                    │ RST             │ RST
//!                    ▼ ended           ▼ ended
//! ```
//! Segments are looked at when they leave their sender, who sends new bytes in
//! order: what is sent again was seen already, and a gap means that the wire
//! itself missed a segment, which its sender will send again.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use bytes::Bytes;
use capa7_dissect::{Cause, Direction};

use super::packet::{Segment, flag};
use crate::capture::{ConnectionChange, ConnectionId};

/// Connections that are followed at once; the oldest are let go.
const FLOWS_MAX: usize = 4096;
/// Bytes of one direction that wait for a missing segment.
const WAITING_BYTES_MAX: usize = 1 << 20;
/// Chunks of one direction whose arrival has not been seen.
const UNARRIVED_MAX: usize = 1024;

/// The connections that are followed.
#[derive(Debug, Default)]
pub(super) struct Streams {
    flows: BTreeMap<Ends, Flow>,
    order: VecDeque<Ends>,
}

/// The end that opened a connection, the end that was asked.
pub(super) type Ends = (SocketAddr, SocketAddr);

/// A connection.
#[derive(Debug)]
pub(super) struct Flow {
    pub(super) connection: ConnectionId,
    state: State,
    /// The sequence number of the SYN that asked.
    asked: u32,
    ways: [Way; 2],
    /// The last event of the connection, because of which the next happens.
    pub(super) latest: Cause,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Asked,
    Open,
    /// Nothing new is to come; what is under way still arrives.
    Ended,
}

/// One direction.
#[derive(Debug, Default)]
struct Way {
    /// The number of the next byte, once the direction's SYN was seen.
    next: Option<u32>,
    offset: u64,
    finished: bool,
    waiting: BTreeMap<u64, Bytes>,
    waiting_bytes: usize,
    unarrived: VecDeque<(u64, u64, Cause)>,
}

/// What a segment shows that was not known before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// The connection changed.
    Change(ConnectionChange),
    /// New bytes of one direction.
    Chunk { direction: Direction, offset: u64, bytes: Bytes },
}

impl Streams {
    /// The connection that a segment belongs to, and its direction.
    pub(super) fn find(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
    ) -> Option<(Ends, Direction, &mut Flow)> {
        let direction = match self.flows.contains_key(&(from, to)) {
            true => Direction::ToServer,
            false => Direction::ToClient,
        };
        let ends = if direction == Direction::ToServer { (from, to) } else { (to, from) };
        self.flows.get_mut(&ends).map(|flow| (ends, direction, flow))
    }

    /// Begins to follow a connection with the SYN that asks for it. Returns
    /// the one that is let go for it.
    pub(super) fn open(
        &mut self,
        ends: Ends,
        syn: Segment,
        connection: ConnectionId,
    ) -> Option<Ends> {
        let asking = Way { next: Some(syn.sequence.wrapping_add(1)), ..Way::default() };
        let flow = Flow {
            connection,
            state: State::Asked,
            asked: syn.sequence,
            ways: [asking, Way::default()],
            latest: Cause::NONE,
        };
        if self.flows.insert(ends, flow).is_none() {
            self.order.push_back(ends);
        }
        if self.flows.len() <= FLOWS_MAX {
            return None;
        }
        let oldest = self.order.pop_front()?;
        self.flows.remove(&oldest);
        Some(oldest)
    }
}

/// Whether a segment asks for a connection.
pub(super) const fn asks(segment: Segment) -> bool {
    segment.flags & (flag::SYN | flag::ACK | flag::RST) == flag::SYN
}

impl Flow {
    /// Whether this SYN is the one that asked, sent again.
    pub(super) const fn was_asked_with(&self, syn: Segment) -> bool {
        self.asked == syn.sequence
    }

    /// Whether a segment begins with bytes that were not seen.
    pub(super) fn is_new(&mut self, direction: Direction, segment: Segment) -> bool {
        let way = self.way(direction);
        way.next.is_some_and(|next| segment.sequence.wrapping_sub(next).cast_signed() >= 0)
    }

    /// Takes a segment as it leaves its sender.
    pub(super) fn on_leave(
        &mut self,
        direction: Direction,
        segment: Segment,
        payload: &[u8],
    ) -> Vec<Seen> {
        let mut seen = Vec::new();
        if self.state == State::Ended {
            return seen;
        }
        if segment.flags & flag::RST != 0 {
            let refused = self.state == State::Asked && direction == Direction::ToClient;
            self.end();
            let change = match refused {
                true => ConnectionChange::Refused,
                false => ConnectionChange::Reset,
            };
            return vec![Seen::Change(change)];
        }
        if segment.flags & flag::SYN != 0 {
            let way = self.way(direction);
            let first_time = way.next.is_none();
            way.next.get_or_insert(segment.sequence.wrapping_add(1));
            if first_time && direction == Direction::ToClient {
                self.state = State::Open;
                seen.push(Seen::Change(ConnectionChange::Open));
            }
            return seen;
        }
        let way = self.way(direction);
        way.take(segment.sequence, payload, |offset, bytes| {
            seen.push(Seen::Chunk { direction, offset, bytes });
        });
        let end = segment.sequence.wrapping_add(u32::try_from(payload.len()).unwrap_or(0));
        let all_seen = way.next == Some(end);
        if segment.flags & flag::FIN != 0 && all_seen && !way.finished {
            way.finished = true;
            let both = self.ways.iter().all(|way| way.finished);
            if both {
                self.end();
            }
            seen.push(Seen::Change(match both {
                true => ConnectionChange::Closed,
                false => ConnectionChange::HalfClosed,
            }));
        }
        seen
    }

    /// Whether it has ended.
    pub(super) fn is_over(&self) -> bool {
        self.state == State::Ended
    }

    /// Ends the connection: nothing new is seen of it.
    pub(super) fn end(&mut self) {
        self.state = State::Ended;
        for way in &mut self.ways {
            way.waiting = BTreeMap::new();
            way.waiting_bytes = 0;
        }
    }

    /// Remembers the number under which a chunk was recorded.
    pub(super) fn recorded(&mut self, direction: Direction, start: u64, length: u64, cause: Cause) {
        let way = self.way(direction);
        way.unarrived.push_back((start, start + length, cause));
        if way.unarrived.len() > UNARRIVED_MAX {
            way.unarrived.pop_front();
        }
    }

    /// Takes a segment that arrived; returns the chunks that are complete by
    /// it.
    pub(super) fn on_arrive(
        &mut self,
        direction: Direction,
        segment: Segment,
        length: usize,
    ) -> Vec<Cause> {
        let way = self.way(direction);
        let Some(start) = way.place(segment.sequence) else { return Vec::new() };
        let end = start + i64::try_from(length).unwrap_or(0);
        let covers = |(from, to): (u64, u64)| {
            i64::try_from(from).is_ok_and(|from| start <= from)
                && i64::try_from(to).is_ok_and(|to| to <= end)
        };
        let mut arrived = Vec::new();
        way.unarrived.retain(|&(from, to, cause)| {
            let done = covers((from, to));
            if done {
                arrived.push(cause);
            }
            !done
        });
        arrived
    }

    const fn way(&mut self, direction: Direction) -> &mut Way {
        let [to_server, to_client] = &mut self.ways;
        match direction {
            Direction::ToServer => to_server,
            Direction::ToClient => to_client,
        }
    }
}

impl Way {
    /// The offset of a sequence number, counted from the stream's first byte;
    /// below zero for the SYN. Sequence numbers wrap (RFC 9293 §3.4).
    fn place(&self, sequence: u32) -> Option<i64> {
        let ahead = sequence.wrapping_sub(self.next?).cast_signed();
        Some(i64::try_from(self.offset).unwrap_or(i64::MAX) + i64::from(ahead))
    }

    /// Takes the payload of a segment and gives what is new, in order.
    fn take(&mut self, sequence: u32, payload: &[u8], mut give: impl FnMut(u64, Bytes)) {
        let Some(start) = self.place(sequence) else { return };
        // What was seen before is skipped.
        let known = i64::try_from(self.offset).unwrap_or(i64::MAX) - start;
        let skip = usize::try_from(known.max(0)).unwrap_or(usize::MAX);
        let Some(new) = payload.get(skip..).filter(|new| !new.is_empty()) else { return };
        let Ok(at) = u64::try_from(start + i64::try_from(skip).unwrap_or(i64::MAX)) else { return };
        if at > self.offset {
            self.keep(at, new);
            return;
        }
        self.advance(new.len());
        give(at, Bytes::copy_from_slice(new));
        self.give_waiting(&mut give);
    }

    fn keep(&mut self, at: u64, bytes: &[u8]) {
        if self.waiting_bytes + bytes.len() <= WAITING_BYTES_MAX
            && self.waiting.insert(at, Bytes::copy_from_slice(bytes)).is_none()
        {
            self.waiting_bytes += bytes.len();
        }
    }

    fn give_waiting(&mut self, give: &mut impl FnMut(u64, Bytes)) {
        while let Some((at, bytes)) = self.waiting.pop_first() {
            if at > self.offset {
                self.waiting.insert(at, bytes);
                return;
            }
            self.waiting_bytes -= bytes.len();
            let skip = usize::try_from(self.offset - at).unwrap_or(usize::MAX);
            if skip < bytes.len() {
                let (at, new) = (self.offset, bytes.slice(skip..));
                self.advance(new.len());
                give(at, new);
            }
        }
    }

    fn advance(&mut self, length: usize) {
        self.offset += length as u64;
        let length = u32::try_from(length).unwrap_or(0);
        self.next = self.next.map(|next| next.wrapping_add(length));
    }
}

#[cfg(test)]
mod tests;
