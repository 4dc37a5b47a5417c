//! A connection between two hosts of a lab: what lies between its two kernel
//! sockets.
//!
//! ```text
//!   write ─▶ queue of pieces ─ ─ leave, reach (links, losses cost time) ─ ─▶ due
//!              │ in order, when due                                           │
//!            pump ─▶ kernel ─▶ read ─ ─ credit for the window, one way later ─┘
//! ```

#![allow(clippy::disallowed_types, reason = "this is the door")]

use std::collections::VecDeque;
use std::io;
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use capa7_dissect::{Cause, Causes, Direction, Room};
use socket2::SockRef;
use tokio::io::ReadBuf;
use tokio::net;
use tokio::sync::Notify;

use super::Core;
use super::front::lock;
use super::tap::{Ends, opposite};
use crate::capture::{ConnectionChange, ConnectionId, Fate, HostId, What};
use crate::fault::{ConnectionVerdict, MessageVerdict};
use crate::time::Time;

/// The payload of a segment on Ethernet: RFC 9293 §3.7.1.
const SEGMENT_BYTES: usize = 1460;

/// Linux takes no shorter retransmission time-out; RFC 6298 §2.4 allows finer
/// clocks than its own second.
const RETRANSMISSION_MIN: Duration = Duration::from_millis(200);

/// RFC 6298 §2.5: nor need it be longer than a minute.
const RETRANSMISSION_MAX: Duration = Duration::from_secs(60);

/// The wait for the answer to a first segment: RFC 6298 §2.1.
pub(super) const FIRST_RETRANSMISSION: Duration = Duration::from_secs(1);

/// Linux gives up after this many (net.ipv4.tcp_retries2).
const TRIES_MAX: u32 = 15;

/// RFC 5681 §3.2: this many segments beside a lost one make it come again after
/// a round trip, without the time-out.
const DUPLICATE_ACKS: u32 = 3;

/// One connection, shared by its two ends.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) core: Arc<Core>,
    pub(super) id: ConnectionId,
    /// As the client sees them.
    pub(super) ends: Ends,
    pub(super) room: Room,
    pub(super) asked: Cause,
    client: HostId,
    pub(super) server: HostId,
    to_server: Way,
    to_client: Way,
    reset_after: Option<u64>,
    slow_close: Duration,
    rate_bps: Option<u64>,
    carried: AtomicU64,
    is_broken: AtomicBool,
    /// Whether one direction has ended; held while an end is recorded.
    is_half_closed: Mutex<bool>,
}

/// One direction.
#[derive(Debug, Default)]
struct Way {
    state: Mutex<State>,
    due: Notify,
    sink: OnceLock<Arc<net::TcpStream>>,
}

#[derive(Debug, Default)]
struct State {
    /// Pieces that are not with the kernel; the first has number `first`.
    pieces: VecDeque<Piece>,
    first: u64,
    /// Where in the stream the pieces end that the kernel has and nobody has
    /// read, and why they were sent.
    in_kernel: VecDeque<(u64, Cause)>,
    handed_over: u64,
    read: u64,
    /// Bytes that the writer wrote and has no credit back for.
    outstanding: usize,
    finished: bool,
    broken: Option<io::ErrorKind>,
    writer: Option<Waker>,
    rate_busy_until: Time,
}

#[derive(Debug)]
struct Piece {
    bytes: Bytes,
    cause: Cause,
    is_due: bool,
    is_end: bool,
}

/// What a pump does next.
enum Next {
    Bytes(Bytes, Cause),
    End,
    Wait,
    Stop,
}

impl Connection {
    pub(super) fn new(
        core: &Arc<Core>,
        id: ConnectionId,
        ends: Ends,
        hosts: (HostId, HostId),
        asked: (Room, Cause),
        verdict: &ConnectionVerdict,
    ) -> Self {
        Self {
            core: Arc::clone(core),
            id,
            ends,
            room: asked.0,
            asked: asked.1,
            client: hosts.0,
            server: hosts.1,
            to_server: Way::default(),
            to_client: Way::default(),
            reset_after: verdict.reset_after,
            slow_close: verdict.slow_close,
            rate_bps: verdict.rate_bps,
            carried: AtomicU64::new(0),
            is_broken: AtomicBool::new(false),
            is_half_closed: Mutex::new(false),
        }
    }

    /// Gives a direction the kernel socket that its bytes leave by, and starts
    /// to carry.
    pub(super) fn open(self: &Arc<Self>, direction: Direction, sink: Arc<net::TcpStream>) {
        let pump = Arc::clone(self).pump(direction, Arc::clone(&sink));
        if self.way(direction).sink.set(sink).is_ok() {
            self.core.keep(self.core.runtime().spawn(pump).abort_handle());
        }
    }

    const fn way(&self, direction: Direction) -> &Way {
        match direction {
            Direction::ToServer => &self.to_server,
            Direction::ToClient => &self.to_client,
        }
    }

    fn state(&self, direction: Direction) -> MutexGuard<'_, State> {
        lock(&self.way(direction).state)
    }

    const fn hosts(&self, direction: Direction) -> (HostId, HostId) {
        match direction {
            Direction::ToServer => (self.client, self.server),
            Direction::ToClient => (self.server, self.client),
        }
    }

    /// Records what became of the connection.
    pub(super) fn changed(&self, change: ConnectionChange, cause: Cause) -> Cause {
        let packet = self.ends.packet(self.room, Bytes::new());
        let what = What::Connection { connection: self.id, change, packet };
        self.core.capture().record(self.core.now(), Causes::from(cause), what)
    }
}

/// Writing.
impl Connection {
    /// How much may be written at this moment; waits when it is nothing.
    pub(super) fn poll_room(
        &self,
        direction: Direction,
        cx: &Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let mut state = self.state(direction);
        if let Some(kind) = state.broken {
            return Poll::Ready(Err(kind.into()));
        }
        if state.finished {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let window = self.core.shared.config.tcp_window_bytes.max(1);
        match window.saturating_sub(state.outstanding) {
            0 => {
                state.writer = Some(cx.waker().clone());
                Poll::Pending
            }
            room => Poll::Ready(Ok(room)),
        }
    }

    /// Takes bytes that were recorded as `cause`, broken as the faults tell.
    pub(super) fn write(
        self: &Arc<Self>,
        direction: Direction,
        bytes: Bytes,
        cause: Cause,
        verdict: MessageVerdict,
    ) {
        let now = self.core.now();
        for note in verdict.notes {
            self.core.capture().note(now, None, note.because(cause));
        }
        let credit = bytes.len();
        let bytes = verdict.bytes.unwrap_or(bytes);
        let size = bytes.len();
        let number = self.queue(direction, Piece { bytes, cause, is_due: false, is_end: false });
        // Other bytes in their place do not change what the writer may write.
        self.state(direction).outstanding += credit;
        if credit > size {
            self.credit(direction, credit - size);
        }
        let trip = Trip { direction, number, size, segments: segments(size), tries: 0 };
        let connection = Arc::clone(self);
        let leave = move || connection.leave(trip);
        if let Some(rule) = verdict.held {
            self.core.shared.faults.hold(rule, leave);
        } else if verdict.lost {
            let connection = Arc::clone(self);
            connection.try_again(trip, trip.segments);
        } else {
            self.core.at(now + verdict.delay, leave);
        }
    }

    /// Sends the end of the stream after everything before it.
    pub(super) fn finish(self: &Arc<Self>, direction: Direction) {
        {
            let mut state = self.state(direction);
            if state.finished || state.broken.is_some() {
                return;
            }
            state.finished = true;
        }
        let end = Piece { bytes: Bytes::new(), cause: Cause::NONE, is_due: false, is_end: true };
        let number = self.queue(direction, end);
        let trip = Trip { direction, number, size: 0, segments: 1, tries: 0 };
        let connection = Arc::clone(self);
        self.core.at(self.core.now() + self.slow_close, move || connection.leave(trip));
    }

    fn queue(&self, direction: Direction, piece: Piece) -> u64 {
        let mut state = self.state(direction);
        state.pieces.push_back(piece);
        state.first + state.pieces.len() as u64 - 1
    }

    /// The receiver has read: the writer may write as much again.
    fn credit(&self, direction: Direction, bytes: usize) {
        let mut state = self.state(direction);
        state.outstanding = state.outstanding.saturating_sub(bytes);
        let writer = state.writer.take();
        drop(state);
        if let Some(writer) = writer {
            writer.wake();
        }
    }
}

/// A piece on its way.
#[derive(Clone, Copy, Debug)]
struct Trip {
    direction: Direction,
    number: u64,
    size: usize,
    segments: u32,
    tries: u32,
}

/// Travelling.
impl Connection {
    fn leave(self: Arc<Self>, trip: Trip) {
        let now = self.limited(trip);
        let (from, to) = self.hosts(trip.direction);
        let mut topology = self.core.shared.topology();
        let (at, lost) = topology.leave_stream(now, from, to, trip.size, trip.segments);
        drop(topology);
        let core = Arc::clone(&self.core);
        core.at(at, move || self.reach(trip, lost));
    }

    fn reach(self: Arc<Self>, trip: Trip, lost: u32) {
        let (from, to) = self.hosts(trip.direction);
        let left = trip.segments - lost.min(trip.segments);
        let now = self.core.now();
        let mut topology = self.core.shared.topology();
        let (at, also) = topology.reach_stream(now, from, to, trip.size, left);
        drop(topology);
        let lost = lost + also;
        if lost > 0 {
            return self.try_again(trip, lost);
        }
        let core = Arc::clone(&self.core);
        core.at(at, move || self.arrive(trip));
    }

    /// What was lost leaves again after its time-out, which doubles: RFC 6298
    /// §5.5.
    fn try_again(self: Arc<Self>, trip: Trip, lost: u32) {
        if trip.tries >= TRIES_MAX {
            self.change_to_broken(ConnectionChange::TimedOut, io::ErrorKind::TimedOut);
            return;
        }
        let round_trip = self.core.shared.topology().round_trip(self.client, self.server);
        let wait = if trip.tries == 0 && trip.segments.saturating_sub(lost) >= DUPLICATE_ACKS {
            round_trip
        } else {
            let doubled = RETRANSMISSION_MIN.max(round_trip * 2) * (1 << trip.tries);
            doubled.min(RETRANSMISSION_MAX)
        };
        let size = trip.size.min(lost as usize * SEGMENT_BYTES);
        let again = Trip { size, segments: lost, tries: trip.tries + 1, ..trip };
        let core = Arc::clone(&self.core);
        core.at(core.now() + wait, move || self.leave(again));
    }

    fn arrive(&self, trip: Trip) {
        let mut state = self.state(trip.direction);
        let place = usize::try_from(trip.number.saturating_sub(state.first)).unwrap_or(usize::MAX);
        if let Some(piece) = state.pieces.get_mut(place) {
            piece.is_due = true;
        }
        drop(state);
        self.way(trip.direction).due.notify_one();
    }

    /// When a piece may leave under a limit of the connection's own.
    fn limited(&self, trip: Trip) -> Time {
        let now = self.core.now();
        let Some(rate_bps) = self.rate_bps else { return now };
        let mut state = self.state(trip.direction);
        let nanos = trip.size as u128 * 1_000_000_000 / u128::from(rate_bps.max(1));
        let busy = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        state.rate_busy_until = state.rate_busy_until.max(now) + busy;
        state.rate_busy_until
    }
}

/// Handing over.
impl Connection {
    async fn pump(self: Arc<Self>, direction: Direction, sink: Arc<net::TcpStream>) {
        loop {
            match self.next(direction) {
                Next::Stop => return,
                Next::Wait => self.way(direction).due.notified().await,
                Next::End => {
                    self.ended();
                    // The peer may be gone; then there is nothing to end.
                    let _ = SockRef::from(&*sink).shutdown(Shutdown::Write);
                    return;
                }
                Next::Bytes(bytes, cause) => {
                    // Its way is over; what its reader's kernel does is not the net's.
                    self.core.capture().end(self.core.now(), cause, Fate::Delivered);
                    if let Err(error) = write_all(&sink, &bytes).await {
                        tracing::debug!(%error, "a connection of the lab ended early");
                        self.change_to_broken(ConnectionChange::Reset, error.kind());
                        return;
                    }
                    self.count(bytes.len());
                }
            }
        }
    }

    fn next(&self, direction: Direction) -> Next {
        let mut state = self.state(direction);
        if state.broken.is_some() {
            return Next::Stop;
        }
        if !state.pieces.front().is_some_and(|piece| piece.is_due) {
            return Next::Wait;
        }
        let Some(piece) = state.pieces.pop_front() else { return Next::Wait };
        state.first += 1;
        if piece.is_end {
            return Next::End;
        }
        // Known before the kernel has it, so that no byte is read without cause.
        state.handed_over += piece.bytes.len() as u64;
        let end = state.handed_over;
        state.in_kernel.push_back((end, piece.cause));
        Next::Bytes(piece.bytes, piece.cause)
    }

    /// Records that a direction has ended: of two at once, one is the first.
    fn ended(&self) {
        let mut is_half_closed = lock(&self.is_half_closed);
        let change = match std::mem::replace(&mut *is_half_closed, true) {
            false => ConnectionChange::HalfClosed,
            true => ConnectionChange::Closed,
        };
        self.changed(change, self.asked);
    }

    fn count(&self, bytes: usize) {
        let carried = self.carried.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64;
        if self.reset_after.is_some_and(|most| carried >= most) {
            self.change_to_broken(ConnectionChange::Reset, io::ErrorKind::ConnectionReset);
        }
    }

    /// Ends both directions with an error; the first reason counts.
    fn change_to_broken(&self, change: ConnectionChange, kind: io::ErrorKind) {
        const BOTH: [Direction; 2] = [Direction::ToServer, Direction::ToClient];
        if self.is_broken.swap(true, Ordering::Relaxed) {
            return;
        }
        // Recorded before either end can know it.
        self.changed(change, self.asked);
        let mut writers = Vec::new();
        for direction in BOTH {
            let mut state = self.state(direction);
            state.broken = Some(kind);
            state.pieces.clear();
            writers.extend(state.writer.take());
        }
        // Known to both ends before anybody is woken.
        writers.into_iter().for_each(Waker::wake);
        for direction in BOTH {
            let way = self.way(direction);
            way.due.notify_one();
            if let Some(sink) = way.sink.get() {
                // Wakes whoever reads there; what counts is the reason above.
                let _ = SockRef::from(&**sink).shutdown(Shutdown::Both);
            }
        }
    }
}

/// Reading.
impl Connection {
    /// Reads what the kernel has of one piece; the answer is because of what that was
    /// sent, and nothing at the end of the stream.
    ///
    /// Nothing is handed over meanwhile: what came between a look at the pieces and
    /// the read would be read without its cause.
    pub(super) fn read(
        self: &Arc<Self>,
        direction: Direction,
        socket: &net::TcpStream,
        buf: &mut ReadBuf<'_>,
    ) -> io::Result<Option<Cause>> {
        let mut state = self.state(direction);
        if let Some(kind) = state.broken {
            return Err(kind.into());
        }
        let (end, cause) = state.in_kernel.front().copied().unwrap_or((u64::MAX, Cause::NONE));
        let most = usize::try_from(end - state.read).unwrap_or(usize::MAX).min(buf.remaining());
        let bytes = socket.try_read(buf.initialize_unfilled_to(most))?;
        if bytes == 0 {
            return Ok(None);
        }
        buf.advance(bytes);
        state.read += bytes as u64;
        while state.in_kernel.front().is_some_and(|(end, _)| *end <= state.read) {
            state.in_kernel.pop_front();
        }
        drop(state);
        self.was_read(direction, bytes);
        Ok(Some(cause))
    }

    /// The writer hears one way later that the program has read.
    fn was_read(self: &Arc<Self>, direction: Direction, bytes: usize) {
        let (from, to) = self.hosts(opposite(direction));
        let one_way = self.core.shared.topology().one_way(from, to);
        let connection = Arc::clone(self);
        let credit = move || connection.credit(direction, bytes);
        self.core.at(self.core.now() + one_way, credit);
    }
}

/// Segments that so many bytes take.
fn segments(size: usize) -> u32 {
    u32::try_from(size.div_ceil(SEGMENT_BYTES)).unwrap_or(u32::MAX).max(1)
}

async fn write_all(sink: &net::TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        sink.writable().await?;
        match sink.try_write(bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
