//! The data of streams: turns on the uplink, faults, arrival, windows.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use capa7_dissect::Causes;

use super::Core;
use super::agenda::Happening;
use super::connection::{CLIENT, Closing, Parcel, Piece, TcpTable, direction};
use super::slab::Key;
use super::travel::{Cargo, Travel};
use crate::capture::{ConnectionChange, Fate, HostId, Packet, What};
use crate::fault::{MessageView, Transport};
use crate::time::Time;

impl Core {
    pub(super) fn on_data(
        self: &Arc<Self>,
        tcp: &mut TcpTable,
        key: Key,
        from: usize,
        parcel: Parcel,
    ) {
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
        pipe.keep_early(parcel);
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
        // A reset is on its way to this end: nothing more is sent.
        let torn = connection.limits.reset_after == Some(0);
        if pipe.in_line || end.dead || torn || !pipe.has_something() {
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
        if connection.ends[from].dead || connection.limits.reset_after == Some(0) {
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
            let travel = Travel::new(key, from, Cargo::Data(end));
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
        let mut packet = Packet {
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
        let mut verdict = verdict.unwrap_or_default();
        // The record holds what travels.
        packet.bytes = verdict.bytes.take().unwrap_or(packet.bytes);
        let bytes = packet.bytes.clone();
        let offset = connection.pipes[from].sent;
        let what = What::Chunk {
            connection: connection.number,
            direction: direction(from),
            offset,
            layer: piece.layer,
            packet,
        };
        let message = self.shared.capture.record(now, Causes::from(piece.cause), what);
        connection.pipes[from].sent += bytes.len() as u64;
        for note in std::mem::take(&mut verdict.notes) {
            self.shared.capture.note(now, None, note.because(message));
        }
        let parcel = Parcel { bytes, message, fin, last: true, ..Parcel::empty(offset, now) };
        let travel = Travel::new(key, from, Cargo::Data(parcel));
        if let Some(rule) = verdict.held {
            let core = Arc::downgrade(self);
            faults.hold(rule, move || {
                if let Some(core) = core.upgrade() {
                    core.schedule(core.now(), travel);
                }
            });
        } else if verdict.lost {
            self.lose(tcp, travel);
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
                self.fail(connection, CLIENT, ErrorKind::ConnectionReset);
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
