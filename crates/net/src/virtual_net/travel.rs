//! How the pieces of streams travel: handshake, turns, loss, reset.
//!
//! ```text
//!   client                         server
//!     │ SYN ───────────────────────▶ │  nobody there: RST, refused
//!     │ ◀─────────────────── SYN+ACK │
//!   open                             │
//!     │ ACK ───────────────────────▶ │  accept
//!     │ data ══════════════════════▶ │  lost segments come again, later
//!     │ FIN ───────────────────────▶ │  end of stream
//! ```

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;
use capa7_dissect::{Cause, Causes};

use super::Core;
use super::agenda::Happening;
use super::connection::{
    BACKLOG_MAX, CLIENT, Closing, Connection, Parcel, Phase, Piece, SERVER, TcpTable, direction,
};
use super::slab::Key;
use crate::capture::{ConnectionChange, Fate, HostId, Packet, What};
use crate::fault::{MessageView, Transport};
use crate::time::Time;

/// Something on its way from one end of a connection to the other.
#[derive(Debug)]
pub(super) struct Travel {
    connection: Key,
    from: usize,
    leg: Leg,
    cargo: Cargo,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leg {
    /// To be sent (again).
    Again,
    /// At the receiver's access.
    AtAccess,
    /// Through it.
    AtHost,
}

#[derive(Debug)]
enum Cargo {
    Syn,
    SynAck,
    Ack,
    Reset,
    Data(Parcel),
}

/// RFC 6298 §2.1: the first segment is repeated after one second, then after
/// twice as long each time.
const SYN_TIMEOUT: Duration = Duration::from_secs(1);

/// Linux repeats it six times (net.ipv4.tcp_syn_retries): 127 s in all.
const SYN_REPEATS_MAX: u32 = 6;

/// Linux takes no shorter retransmission time-out.
const RETRANSMIT_TIMEOUT_MIN: Duration = Duration::from_millis(200);

/// RFC 6298 §2.5: nor need it be longer than a minute.
const RETRANSMIT_TIMEOUT_MAX: Duration = Duration::from_secs(60);

/// Linux gives up after this many (net.ipv4.tcp_retries2).
const RETRANSMITS_MAX: u32 = 15;

/// RFC 5681 §3.2: this many segments after a lost one make it come again after
/// a round trip, without the time-out.
const DUPLICATE_ACKS: u32 = 3;

/// The way.
impl Core {
    pub(super) fn on_travel(self: &Arc<Self>, travel: Travel) {
        let mut tcp = self.tcp();
        self.go_on(&mut tcp, travel);
    }

    fn go_on(self: &Arc<Self>, tcp: &mut TcpTable, travel: Travel) {
        match travel.leg {
            Leg::Again => self.send_again(tcp, travel),
            Leg::AtAccess => self.cross(tcp, travel),
            Leg::AtHost => self.arrive(tcp, travel),
        }
    }

    /// Sends something from an end's access.
    fn launch(self: &Arc<Self>, tcp: &mut TcpTable, mut travel: Travel) {
        let Some((from, to)) = hosts(tcp, &travel) else { return };
        if let Cargo::Data(parcel) = &mut travel.cargo {
            parcel.sent_at = self.now();
        }
        let (size, segments) = travel.cargo.size();
        let silent = self.is_silent(tcp, &travel);
        let (at, lost) = if silent {
            (self.now(), segments)
        } else {
            self.shared.topology().leave_stream(self.now(), from, to, size, segments)
        };
        if let Some(kept) = self.without_lost(tcp, travel, lost) {
            self.schedule(at, Travel { leg: Leg::AtAccess, ..kept });
        }
    }

    /// Takes something through the receiver's access.
    fn cross(self: &Arc<Self>, tcp: &mut TcpTable, travel: Travel) {
        let Some((from, to)) = hosts(tcp, &travel) else { return };
        let (size, segments) = travel.cargo.size();
        let now = self.now();
        let (at, lost) = self.shared.topology().reach_stream(now, from, to, size, segments);
        let Some(kept) = self.without_lost(tcp, travel, lost) else { return };
        let through = Travel { leg: Leg::AtHost, ..kept };
        if at == now {
            self.arrive(tcp, through);
        } else {
            self.schedule(at, through);
        }
    }

    fn schedule(&self, at: Time, travel: Travel) {
        self.agenda().add(at, Happening::Stream(Box::new(travel)));
    }

    /// What remains of something of which `lost` segments got lost; the rest is
    /// sent again in its time.
    fn without_lost(&self, tcp: &mut TcpTable, travel: Travel, lost: u32) -> Option<Travel> {
        if lost == 0 {
            return Some(travel);
        }
        let (_, segments) = travel.cargo.size();
        let Travel { connection, from, leg, cargo } = travel;
        match cargo {
            Cargo::Data(mut parcel) if lost < segments => {
                let rest = parcel.split_lost(lost);
                self.repeat(tcp, connection, from, rest, segments - lost);
                Some(Travel { connection, from, leg, cargo: Cargo::Data(parcel) })
            }
            Cargo::Data(parcel) => {
                self.repeat(tcp, connection, from, parcel, 0);
                None
            }
            Cargo::Syn | Cargo::SynAck => {
                self.repeat_syn(tcp, connection);
                None
            }
            Cargo::Ack => {
                // RFC 9293 §3.8.1: the server repeats its SYN+ACK, the client
                // its ACK.
                let again = Travel { connection, from, leg: Leg::Again, cargo: Cargo::Ack };
                self.schedule(self.now() + SYN_TIMEOUT, again);
                None
            }
            // The peer learns it when it next sends.
            Cargo::Reset => None,
        }
    }

    fn repeat(
        &self,
        tcp: &mut TcpTable,
        key: Key,
        from: usize,
        mut parcel: Parcel,
        survivors: u32,
    ) {
        let Some(connection) = tcp.connections.get_mut(key) else { return };
        let round_trip = self.round_trip(connection);
        let wait = if survivors >= DUPLICATE_ACKS {
            round_trip
        } else {
            parcel.timeouts += 1;
            let first = (round_trip * 2).max(RETRANSMIT_TIMEOUT_MIN);
            let doubled = 1_u32.checked_shl(parcel.timeouts - 1).unwrap_or(u32::MAX);
            first.saturating_mul(doubled).min(RETRANSMIT_TIMEOUT_MAX.max(first))
        };
        let at = (parcel.sent_at + wait).max(self.now());
        self.schedule(
            at,
            Travel { connection: key, from, leg: Leg::Again, cargo: Cargo::Data(parcel) },
        );
    }

    fn repeat_syn(&self, tcp: &TcpTable, key: Key) {
        let Some(connection) = tcp.connections.get(key) else { return };
        // From the moment at which the client sent it, on the client's clock.
        let wait = SYN_TIMEOUT * (1 << connection.syn_tries.min(SYN_REPEATS_MAX));
        let at = (connection.syn_sent + wait).max(self.now());
        self.schedule(
            at,
            Travel { connection: key, from: CLIENT, leg: Leg::Again, cargo: Cargo::Syn },
        );
    }

    fn send_again(self: &Arc<Self>, tcp: &mut TcpTable, travel: Travel) {
        let Some(connection) = tcp.connections.get_mut(travel.connection) else { return };
        if connection.ends[travel.from].dead {
            return;
        }
        match &travel.cargo {
            Cargo::Data(parcel) if parcel.timeouts > RETRANSMITS_MAX => {
                let from = travel.from;
                self.fail(connection, from, std::io::ErrorKind::TimedOut);
                self.tell(connection, from, ConnectionChange::TimedOut);
                self.remove_if_over(tcp, travel.connection);
            }
            Cargo::Syn if connection.phase == Phase::Open => {}
            Cargo::Syn if connection.syn_tries >= SYN_REPEATS_MAX => {
                self.fail(connection, CLIENT, std::io::ErrorKind::TimedOut);
                self.tell(connection, CLIENT, ConnectionChange::TimedOut);
                self.remove_if_over(tcp, travel.connection);
            }
            Cargo::Syn => {
                connection.syn_tries += 1;
                connection.syn_sent = self.now();
                self.launch(tcp, travel);
            }
            _ => self.launch(tcp, travel),
        }
    }

    fn round_trip(&self, connection: &Connection) -> Duration {
        let [client, server] = &connection.ends;
        self.shared.topology().round_trip(client.host, server.host)
    }

    fn is_silent(&self, tcp: &TcpTable, travel: &Travel) -> bool {
        matches!(travel.cargo, Cargo::Syn)
            && tcp.connections.get(travel.connection).is_some_and(|found| found.limits.silent)
    }
}

/// The handshake and the ends.
impl Core {
    /// Sends the first segment.
    pub(super) fn ask(self: &Arc<Self>, tcp: &mut TcpTable, connection: Key) {
        self.launch(tcp, Travel { connection, from: CLIENT, leg: Leg::Again, cargo: Cargo::Syn });
    }

    fn answer(self: &Arc<Self>, tcp: &mut TcpTable, key: Key, from: usize, cargo: Cargo) {
        self.launch(tcp, Travel { connection: key, from, leg: Leg::Again, cargo });
    }

    fn arrive(self: &Arc<Self>, tcp: &mut TcpTable, travel: Travel) {
        let Travel { connection: key, from, cargo, .. } = travel;
        match cargo {
            Cargo::Syn => self.on_syn(tcp, key),
            Cargo::SynAck => self.on_syn_ack(tcp, key),
            Cargo::Ack => self.on_ack(tcp, key),
            Cargo::Reset => self.on_reset(tcp, key, 1 - from),
            Cargo::Data(parcel) => self.on_data(tcp, key, from, parcel),
        }
    }

    fn on_syn(self: &Arc<Self>, tcp: &mut TcpTable, key: Key) {
        let Some(connection) = tcp.connections.get_mut(key) else { return };
        if connection.phase != Phase::Asked {
            // It was repeated since our answer got lost.
            return self.answer(tcp, key, SERVER, Cargo::SynAck);
        }
        let server = &connection.ends[SERVER];
        let welcome = tcp.ports.find(server.host, server.at);
        let Some(found) = welcome.and_then(|welcome| tcp.welcomes.get(welcome)) else {
            // RFC 9293 §3.10.7.1: nobody listens.
            return self.answer(tcp, key, SERVER, Cargo::Reset);
        };
        if connection.limits.refused {
            return self.answer(tcp, key, SERVER, Cargo::Reset);
        }
        if found.waiting.len() >= BACKLOG_MAX {
            return self.repeat_syn(tcp, key);
        }
        connection.phase = Phase::Answered;
        connection.welcome = welcome;
        connection.ends[SERVER].room = found.room;
        connection.ends[SERVER].open = true;
        self.answer(tcp, key, SERVER, Cargo::SynAck);
    }

    fn on_syn_ack(self: &Arc<Self>, tcp: &mut TcpTable, key: Key) {
        let Some(connection) = tcp.connections.get_mut(key) else { return };
        if connection.ends[CLIENT].dead {
            return self.answer(tcp, key, CLIENT, Cargo::Reset);
        }
        if connection.phase == Phase::Open {
            return;
        }
        connection.phase = Phase::Open;
        self.tell(connection, CLIENT, ConnectionChange::Open);
        connection.ends[CLIENT].wake_both();
        self.answer(tcp, key, CLIENT, Cargo::Ack);
    }

    fn on_ack(self: &Arc<Self>, tcp: &mut TcpTable, key: Key) {
        let Some(connection) = tcp.connections.get_mut(key) else { return };
        if connection.accepted || connection.ends[SERVER].dead {
            return;
        }
        connection.accepted = true;
        let welcome = connection.welcome.and_then(|welcome| tcp.welcomes.get_mut(welcome));
        let Some(welcome) = welcome else {
            // The welcoming socket was closed meanwhile.
            return self.tear_down(tcp, key, SERVER);
        };
        welcome.waiting.push_back(key);
        welcome.acceptors.drain(..).for_each(Waker::wake);
    }

    fn on_reset(&self, tcp: &mut TcpTable, key: Key, end: usize) {
        let Some(connection) = tcp.connections.get_mut(key) else { return };
        if connection.ends[end].dead {
            return;
        }
        if connection.phase == Phase::Asked {
            self.fail(connection, end, std::io::ErrorKind::ConnectionRefused);
            self.tell(connection, SERVER, ConnectionChange::Refused);
        } else {
            self.fail(connection, end, std::io::ErrorKind::ConnectionReset);
            if end == SERVER && !connection.accepted {
                connection.ends[SERVER].open = false;
            }
        }
        self.remove_if_over(tcp, key);
    }

    /// Tears a connection down from one end and tells the other.
    pub(super) fn tear_down(self: &Arc<Self>, tcp: &mut TcpTable, key: Key, from: usize) {
        let Some(connection) = tcp.connections.get_mut(key) else { return };
        if !connection.ends[from].dead {
            self.tell(connection, from, ConnectionChange::Reset);
        }
        connection.ends[from].dead = true;
        connection.pipes[from].forget_unsent();
        self.answer(tcp, key, from, Cargo::Reset);
    }

    /// A program has let go of its end.
    pub(super) fn close_end(self: &Arc<Self>, tcp: &mut TcpTable, key: Key, end: usize) {
        let Some(connection) = tcp.connections.get_mut(key) else { return };
        connection.ends[end].open = false;
        let unread = connection.pipes[1 - end].has_unread();
        if end == CLIENT && connection.phase != Phase::Open {
            connection.ends[CLIENT].dead = true;
        } else if connection.ends[end].dead {
            // It was told already.
        } else if unread {
            // RFC 1122 §4.2.2.13: the peer must learn that data was lost.
            self.tear_down(tcp, key, end);
        } else {
            self.finish(tcp, key, end);
        }
        self.remove_if_over(tcp, key);
    }

    /// A program will write no more.
    pub(super) fn finish(self: &Arc<Self>, tcp: &mut TcpTable, key: Key, end: usize) {
        let Some(connection) = tcp.connections.get_mut(key) else { return };
        let pipe = &mut connection.pipes[end];
        if pipe.closing == Closing::Open && !connection.ends[end].dead {
            pipe.closing = Closing::Wanted;
            self.offer(tcp, key, end);
        }
    }

    fn fail(&self, connection: &mut Connection, end: usize, why: std::io::ErrorKind) {
        connection.ends[end].dead = true;
        connection.ends[end].failure = Some(why);
        connection.pipes[end].forget_unsent();
        connection.ends[end].wake_both();
    }

    /// Records what an end did to a connection.
    fn tell(&self, connection: &Connection, end: usize, change: ConnectionChange) {
        let (acting, other) = (&connection.ends[end], &connection.ends[1 - end]);
        let packet = Packet {
            room: acting.room,
            from_host: Some(acting.host),
            to_host: Some(other.host),
            from: acting.at,
            to: other.at,
            bytes: Bytes::new(),
        };
        let what = What::Connection { connection: connection.number, change, packet };
        self.shared.capture.record(self.now(), Causes::from(connection.asked), what);
    }

    pub(super) fn remove_if_over(&self, tcp: &mut TcpTable, key: Key) {
        if tcp.connections.get(key).is_some_and(Connection::is_over)
            && let Some(connection) = tcp.connections.remove(key)
        {
            let client = &connection.ends[CLIENT];
            tcp.ports.release(client.host, client.at);
        }
    }
}

/// Data.
impl Core {
    fn on_data(self: &Arc<Self>, tcp: &mut TcpTable, key: Key, from: usize, parcel: Parcel) {
        let Some(connection) = tcp.connections.get_mut(key) else { return };
        let receiver = &connection.ends[1 - from];
        if receiver.dead || (!receiver.open && !parcel.bytes.is_empty()) {
            // RFC 1122 §4.2.2.13: nobody will read it.
            self.tear_down(tcp, key, 1 - from);
            return self.remove_if_over(tcp, key);
        }
        if from == CLIENT && !connection.accepted {
            // Data acknowledges the handshake too.
            self.on_ack(tcp, key);
        }
        let Some(connection) = tcp.connections.get_mut(key) else { return };
        if parcel.last {
            self.shared.capture.end(self.now(), parcel.message, Fate::Delivered);
        }
        let pipe = &mut connection.pipes[from];
        pipe.early.insert(parcel.offset, parcel);
        let mut finished = false;
        while let Some(next) = pipe.early.first_entry() {
            if *next.key() != pipe.arrived {
                break;
            }
            let parcel = next.remove();
            pipe.arrived += parcel.bytes.len() as u64;
            finished |= parcel.fin;
            if !parcel.bytes.is_empty() {
                pipe.ready.push_back((parcel.bytes, parcel.message));
            }
        }
        if let Some(reader) = connection.ends[1 - from].reader.take() {
            reader.wake();
        }
        if finished {
            connection.pipes[from].closing = Closing::Arrived;
            let other = connection.pipes[1 - from].closing == Closing::Arrived;
            let change =
                if other { ConnectionChange::Closed } else { ConnectionChange::HalfClosed };
            self.tell(connection, from, change);
            self.remove_if_over(tcp, key);
        }
    }

    /// Puts a direction that has something to send into its uplink's line.
    pub(super) fn offer(self: &Arc<Self>, tcp: &mut TcpTable, key: Key, from: usize) {
        if let Some(host) = self.line_up(tcp, key, from) {
            self.serve(tcp, host);
        }
    }

    fn line_up(&self, tcp: &mut TcpTable, key: Key, from: usize) -> Option<HostId> {
        let connection = tcp.connections.get_mut(key)?;
        let end = &connection.ends[from];
        let pipe = &mut connection.pipes[from];
        if pipe.in_line || end.dead || !pipe.has_something() {
            return None;
        }
        let now = self.now();
        let window = pipe.window(now, self.shared.config.tcp_window_bytes as u64);
        let wait_until = if pipe.not_before > now {
            Some(pipe.not_before)
        } else if pipe.unsent_bytes > 0 && window == 0 {
            Some(pipe.next_credit().unwrap_or(Time::NEVER))
        } else {
            None
        };
        if let Some(at) = wait_until {
            if at != Time::NEVER && pipe.pump.is_none_or(|pump| pump > at || pump < now) {
                pipe.pump = Some(at);
                self.agenda().add(at, Happening::Pump(key, from));
            }
            return None;
        }
        pipe.in_line = true;
        let host = end.host;
        tcp.uplinks.entry(host).or_default().line.push_back((key, from));
        Some(host)
    }

    /// A direction may go on: its window opened or its rate allows it.
    pub(super) fn on_pump(self: &Arc<Self>, key: Key, from: usize) {
        let mut tcp = self.tcp();
        if let Some(connection) = tcp.connections.get_mut(key) {
            connection.pipes[from].pump = None;
            self.offer(&mut tcp, key, from);
        }
    }

    pub(super) fn on_uplink(self: &Arc<Self>, host: HostId) {
        let mut tcp = self.tcp();
        tcp.uplinks.entry(host).or_default().alarm = false;
        self.serve(&mut tcp, host);
    }

    /// Gives the streams of a host's access their turns, one chunk each.
    fn serve(self: &Arc<Self>, tcp: &mut TcpTable, host: HostId) {
        loop {
            let Some(uplink) = tcp.uplinks.get_mut(&host) else { return };
            if uplink.line.is_empty() {
                return;
            }
            let free_at = self.shared.topology().uplink_busy_until(host);
            if free_at > self.now() {
                if !uplink.alarm {
                    uplink.alarm = true;
                    self.agenda().add(free_at, Happening::Uplink(host));
                }
                return;
            }
            let Some((key, from)) = uplink.line.pop_front() else { return };
            if let Some(connection) = tcp.connections.get_mut(key) {
                connection.pipes[from].in_line = false;
                self.send_chunk(tcp, key, from);
                self.line_up(tcp, key, from);
            }
        }
    }

    fn send_chunk(self: &Arc<Self>, tcp: &mut TcpTable, key: Key, from: usize) {
        let now = self.now();
        let Some(connection) = tcp.connections.get_mut(key) else { return };
        if connection.ends[from].dead {
            return;
        }
        let window_size = self.shared.config.tcp_window_bytes as u64;
        let limits = connection.limits;
        let pipe = &mut connection.pipes[from];
        let most = pipe.window(now, window_size).min(limits.reset_after.unwrap_or(u64::MAX));
        let piece = pipe.pull(most);
        let fin = pipe.unsent_bytes == 0 && pipe.closing == Closing::Wanted;
        if fin {
            pipe.closing = Closing::Sent;
        }
        let offset = pipe.sent;
        let slow = fin && !limits.slow_close.is_zero();
        if let Some(piece) = piece {
            let size = piece.bytes.len() as u64;
            if let Some(rate) = limits.rate_bps {
                pipe.not_before =
                    now + Duration::from_nanos(size.saturating_mul(1_000_000_000) / rate);
            }
            if let Some(writer) = connection.ends[from].writer.take() {
                writer.wake();
            }
            self.send_piece(tcp, key, from, piece, fin && !slow);
            self.count_down(tcp, key, size);
            if !slow {
                return;
            }
        }
        if fin {
            let offset = tcp.connections.get(key).map_or(offset, |found| found.pipes[from].sent);
            let end = Parcel { fin: true, ..Parcel::empty(offset, now) };
            let travel = Travel { connection: key, from, leg: Leg::Again, cargo: Cargo::Data(end) };
            if slow {
                self.schedule(now + limits.slow_close, travel);
            } else {
                self.launch(tcp, travel);
            }
        }
    }

    /// Records a chunk and sends it as the faults let it.
    fn send_piece(
        self: &Arc<Self>,
        tcp: &mut TcpTable,
        key: Key,
        from: usize,
        piece: Piece,
        fin: bool,
    ) {
        let now = self.now();
        let Some(connection) = tcp.connections.get_mut(key) else { return };
        let (sender, receiver) = (&connection.ends[from], &connection.ends[1 - from]);
        let packet = Packet {
            room: sender.room,
            from_host: Some(sender.host),
            to_host: Some(receiver.host),
            from: sender.at,
            to: receiver.at,
            bytes: piece.bytes.freeze(),
        };
        let faults = &self.shared.faults;
        let verdict = faults.are_any().then(|| {
            faults.judge_message(&MessageView { transport: Transport::Tcp, packet: &packet })
        });
        let mut bytes = packet.bytes.clone();
        let offset = connection.pipes[from].sent;
        let what = What::Chunk {
            connection: connection.number,
            direction: direction(from),
            offset,
            layer: piece.layer,
            packet,
        };
        let message = self.shared.capture.record(now, Causes::from(piece.cause), what);
        let mut verdict = verdict.unwrap_or_default();
        if let Some(changed) = verdict.bytes.take() {
            bytes = changed;
        }
        connection.pipes[from].sent += bytes.len() as u64;
        for note in std::mem::take(&mut verdict.notes) {
            self.shared.capture.note(now, None, note.because(message));
        }
        let parcel = Parcel { bytes, message, fin, last: true, ..Parcel::empty(offset, now) };
        let cargo = Cargo::Data(parcel);
        let travel = Travel { connection: key, from, leg: Leg::Again, cargo };
        if let Some(rule) = verdict.held {
            let core = Arc::downgrade(self);
            faults.hold(rule, move || {
                if let Some(core) = core.upgrade() {
                    core.schedule(core.now(), travel);
                }
            });
        } else if verdict.lost {
            let (_, segments) = travel.cargo.size();
            self.without_lost(tcp, travel, segments);
        } else if verdict.delay.is_zero() {
            self.launch(tcp, travel);
        } else {
            self.schedule(now + verdict.delay, travel);
        }
    }

    /// Counts bytes down to the reset that a fault wants.
    fn count_down(self: &Arc<Self>, tcp: &mut TcpTable, key: Key, size: u64) {
        let Some(connection) = tcp.connections.get_mut(key) else { return };
        let Some(left) = &mut connection.limits.reset_after else { return };
        *left = left.saturating_sub(size);
        if *left == 0 {
            self.tear_down(tcp, key, CLIENT);
            if let Some(connection) = tcp.connections.get_mut(key) {
                self.fail(connection, CLIENT, std::io::ErrorKind::ConnectionReset);
            }
        }
    }

    /// The program at `end` read `bytes`.
    pub(super) fn credit(self: &Arc<Self>, tcp: &mut TcpTable, key: Key, end: usize, bytes: u64) {
        let Some(connection) = tcp.connections.get_mut(key) else { return };
        let (reader, writer) = (connection.ends[end].host, connection.ends[1 - end].host);
        let way = self.shared.topology().one_way(reader, writer);
        let pipe = &mut connection.pipes[1 - end];
        pipe.credit(self.now() + way, bytes);
        if pipe.has_something() {
            self.offer(tcp, key, 1 - end);
        }
    }
}

impl Parcel {
    const fn empty(offset: u64, sent_at: Time) -> Self {
        Self {
            offset,
            bytes: Bytes::new(),
            message: Cause::NONE,
            last: false,
            fin: false,
            sent_at,
            timeouts: 0,
        }
    }
}

impl Cargo {
    /// Payload bytes and segments.
    fn size(&self) -> (usize, u32) {
        match self {
            Self::Data(parcel) => (parcel.bytes.len(), parcel.segments()),
            Self::Syn | Self::SynAck | Self::Ack | Self::Reset => (0, 1),
        }
    }
}

/// The hosts that something travels between.
fn hosts(tcp: &TcpTable, travel: &Travel) -> Option<(HostId, HostId)> {
    let connection = tcp.connections.get(travel.connection)?;
    Some((connection.ends[travel.from].host, connection.ends[1 - travel.from].host))
}
