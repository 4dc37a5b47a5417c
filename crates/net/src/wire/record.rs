//! What the switch tells the capture.
//!
//! Each message has one record. What a program sends is recorded here as it
//! leaves; what the house sends was recorded by its socket, and is found again
//! by source, destination and bytes. Streams between a program and the house
//! are recorded by the house's sockets, except for a refusal, of which no
//! socket knows.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use bytes::Bytes;
use capa7_dissect::{Cause, Causes, Direction, Room};

use super::packet::{Segment, Transport, View};
use super::streams::{Ends, Seen, asks};
use super::switch::{Flight, Switch};
use crate::capture::{ConnectionChange, ConnectionId, Fate, HostId, Layer, Packet, What};
use crate::real::Sent;

/// Ways whose latest datagram is remembered.
const WAYS_MAX: usize = 4096;

/// The latest datagram of each way between two sockets.
#[derive(Debug, Default)]
pub(super) struct Recent {
    latest: BTreeMap<(SocketAddr, SocketAddr), Cause>,
    order: VecDeque<(SocketAddr, SocketAddr)>,
}

impl Recent {
    fn remember(&mut self, from: SocketAddr, to: SocketAddr, message: Cause) {
        if self.latest.insert((from, to), message).is_none() {
            self.order.push_back((from, to));
        }
        if self.order.len() > WAYS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.latest.remove(&oldest);
        }
    }

    fn find(&self, from: SocketAddr, to: SocketAddr) -> Cause {
        self.latest.get(&(from, to)).copied().unwrap_or(Cause::NONE)
    }
}

impl Switch {
    /// A packet of the house: its socket has recorded it, and judged it if it is
    /// a datagram.
    pub(super) fn take_from_house(&mut self, mut flight: Flight) {
        match (flight.view.transport, flight.view.ends()) {
            (Transport::Udp { .. }, Some((from, to))) => {
                let known = self.core.take_over(from, to, flight.payload());
                flight.message = known.map_or(Cause::NONE, |sent| sent.cause);
            }
            (Transport::Tcp(segment), Some(ends)) => {
                return self.take_segment(flight, segment, ends);
            }
            _ => self.note_refusal(&flight.view),
        }
        self.depart(flight);
    }

    /// A packet of a program: recorded here, and judged by the faults.
    pub(super) fn take_from_program(&mut self, mut flight: Flight) {
        match (flight.view.transport, flight.view.ends()) {
            (Transport::Udp { .. }, Some((from, to))) => {
                // An answer is because of the latest question from there.
                let because = self.recent.find(to, from);
                flight.message = self.record_datagram(&flight, from, to, because);
                self.judge_datagram(flight);
            }
            (Transport::Tcp(segment), Some(ends)) => self.take_segment(flight, segment, ends),
            _ => {
                self.note_refusal(&flight.view);
                self.depart(flight);
            }
        }
    }

    fn record_datagram(
        &self,
        flight: &Flight,
        from: SocketAddr,
        to: SocketAddr,
        because: Cause,
    ) -> Cause {
        let bytes = Bytes::copy_from_slice(flight.payload());
        let packet = self.packet((flight.from, flight.to), (from, to), bytes);
        let now = self.core.now();
        self.shared.capture.record(now, because.into(), What::Datagram(packet))
    }

    pub(super) fn packet(&self, hosts: (HostId, HostId), (from, to): Ends, bytes: Bytes) -> Packet {
        let (from_host, to_host) = (Some(hosts.0), Some(hosts.1));
        Packet { room: room_of(from, to), from_host, to_host, from, to, bytes }
    }

    /// A datagram for an address that no host has.
    pub(super) fn record_unreachable(&self, frame: &[u8], view: &View, sender: HostId) {
        let (Transport::Udp { .. }, Some((from, to))) = (view.transport, view.ends()) else {
            return;
        };
        let bytes = Bytes::copy_from_slice(frame.get(view.payload.clone()).unwrap_or_default());
        let (room, from_host) = (room_of(from, to), Some(sender));
        let packet = Packet { room, from_host, to_host: None, from, to, bytes };
        let (now, capture) = (self.core.now(), &self.shared.capture);
        let message = capture.record(now, Causes::NONE, What::Datagram(packet));
        capture.end(now, message, Fate::Lost("no_host"));
    }

    /// A packet is about to be at its receiver.
    pub(super) fn record_arrival(&mut self, flight: &Flight, fate: Fate) {
        let now = self.core.now();
        match (flight.view.transport, flight.view.ends()) {
            (Transport::Udp { .. }, Some((from, to))) => {
                self.recent.remember(from, to, flight.message);
                if self.is_program(flight.to) {
                    self.shared.capture.end(now, flight.message, fate);
                } else {
                    let (cause, to_host) = (flight.message, Some(flight.to));
                    self.core.hand_over(from, to, flight.payload(), Sent { cause, to_host, fate });
                }
            }
            (Transport::Tcp(segment), Some((from, to))) => {
                let length = flight.view.payload.len();
                if let Some((_, direction, flow)) = self.streams.find(from, to) {
                    for chunk in flow.on_arrive(direction, segment, length) {
                        self.shared.capture.end(now, chunk, Fate::Delivered);
                    }
                }
            }
            _ => {}
        }
    }

    /// The refusal of a datagram travels back: nobody listened.
    fn note_refusal(&self, view: &View) {
        if let Transport::PortUnreachable { from, to } = view.transport {
            let message = self.recent.find(from, to);
            self.shared.capture.end(self.core.now(), message, Fate::Lost("no_listener"));
        }
    }

    /// Follows a segment's connection from its SYN on. Says which it is when
    /// this segment asks for it.
    pub(super) fn follow_new(&mut self, flight: &Flight, segment: Segment) -> Option<Packet> {
        let ends = flight.view.ends()?;
        let is_again = self.streams.find(ends.0, ends.1).is_some_and(|(_, way, flow)| {
            way == Direction::ToServer && flow.was_asked_with(segment)
        });
        if !asks(segment) || is_again {
            return None;
        }
        let connection = self.shared.capture.new_connection();
        if let Some(oldest) = self.streams.open(ends, segment, connection) {
            self.harms.forget(oldest);
        }
        let packet = self.packet((flight.from, flight.to), ends, Bytes::new());
        if self.is_between_programs((flight.from, flight.to)) {
            self.record_change(ends, ConnectionChange::Asked, packet.clone());
        }
        Some(packet)
    }

    /// Takes what a segment shows of its connection, if that is followed.
    pub(super) fn follow(&mut self, flight: &Flight, segment: Segment) {
        let Some((from, to)) = flight.view.ends() else { return };
        let Some((ends, direction, flow)) = self.streams.find(from, to) else { return };
        let seen = flow.on_leave(direction, segment, flight.payload());
        let hosts = (flight.from, flight.to);
        let opener = match direction {
            Direction::ToServer => hosts,
            Direction::ToClient => (hosts.1, hosts.0),
        };
        // Of streams between a program and the house its socket tells.
        let is_ours = self.is_between_programs(hosts);
        for seen in seen {
            match seen {
                Seen::Change(change) => {
                    self.record_own_change(ends, opener, direction, change);
                }
                Seen::Chunk { direction, offset, bytes } if is_ours => {
                    let packet = self.packet(hosts, (from, to), bytes);
                    self.record_chunk(ends, direction, offset, packet);
                }
                Seen::Chunk { .. } => {}
            }
        }
    }

    /// Records a change of a connection of which no socket of the house tells:
    /// between two programs, or the refusal of one that a program asked for.
    pub(super) fn record_own_change(
        &mut self,
        ends: Ends,
        hosts: (HostId, HostId),
        actor: Direction,
        change: ConnectionChange,
    ) {
        let asked = self.packet(hosts, ends, Bytes::new());
        let packet = match actor {
            Direction::ToServer => asked.clone(),
            Direction::ToClient => self.packet((hosts.1, hosts.0), (ends.1, ends.0), Bytes::new()),
        };
        if self.is_between_programs(hosts) {
            // The third segment, the opener's, is the one that opens.
            let opens = change == ConnectionChange::Open;
            self.record_change(ends, change, if opens { asked } else { packet });
        } else if change == ConnectionChange::Refused && self.is_program(hosts.0) {
            self.record_change(ends, ConnectionChange::Asked, asked);
            self.record_change(ends, change, packet);
        }
    }

    fn is_between_programs(&self, hosts: (HostId, HostId)) -> bool {
        self.is_program(hosts.0) && self.is_program(hosts.1)
    }

    fn record_chunk(&mut self, ends: Ends, direction: Direction, offset: u64, packet: Packet) {
        let (now, length) = (self.core.now(), packet.bytes.len() as u64);
        let Some((_, _, flow)) = self.streams.find(ends.0, ends.1) else { return };
        let (connection, layer) = (flow.connection, Layer::Clear);
        let what = What::Chunk { connection, direction, offset, layer, packet };
        let chunk = self.shared.capture.record(now, flow.latest.into(), what);
        flow.latest = chunk;
        flow.recorded(direction, offset, length, chunk);
    }

    fn record_change(&mut self, ends: Ends, change: ConnectionChange, packet: Packet) {
        let now = self.core.now();
        let Some((_, _, flow)) = self.streams.find(ends.0, ends.1) else { return };
        let connection: ConnectionId = flow.connection;
        let what = What::Connection { connection, change, packet };
        flow.latest = self.shared.capture.record(now, flow.latest.into(), what);
    }
}

/// The room of a program's message, by its well-known port.
pub(super) const fn room_of(from: SocketAddr, to: SocketAddr) -> Room {
    match Room::of_port(to.port()) {
        Room::Other => Room::of_port(from.port()),
        room => room,
    }
}
