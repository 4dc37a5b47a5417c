//! The switch: takes packets out of the wires' ends, holds each as long as its
//! way takes, and puts it where it belongs.
//!
//! ```text
//!  receive ─▶ whose? ─▶ record ─▶ faults ─▶ leave ┄┄▶ reach ┄┄▶ deliver
//!                │                            │         │
//!                └ no such host               └ lost    └ lost
//! ```

use std::cmp::{Ordering as Order, Reverse};
use std::collections::{BTreeMap, BinaryHeap};
use std::io;
use std::net::IpAddr;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc;

use capa7_dissect::Cause;

use super::harm::Harms;
use super::packet::{self, ETHERNET_BYTES, Transport, View};
use super::port::Port;
use super::streams::Streams;
use super::{Command, FIRST_PORT, MTU, Mailbox, macs, record};
use crate::capture::{Fate, HostId};
use crate::link::{Arrival, Transmission, flip_bit};
use crate::namespace::netlink::Mac;
use crate::namespace::sys;
use crate::network::Shared;
use crate::real::Core;
use crate::time::Time;

/// Frames taken from one end before the others get their turn.
const FRAMES_PER_TURN: usize = 64;
/// Bytes of packets on their way; more are lost as in a full queue.
const UNDER_WAY_BYTES_MAX: usize = 256 << 20;
/// What a packet costs besides its bytes, so that empty ones are bounded too.
const PACKET_OVERHEAD: usize = 256;
/// The house's place among the ports.
const HOUSE: usize = 0;

/// The switch with what it knows.
pub(super) struct Switch {
    pub(super) core: Arc<Core>,
    pub(super) shared: Arc<Shared>,
    pub(super) mail: Mailbox,
    pub(super) streams: Streams,
    pub(super) recent: record::Recent,
    pub(super) harms: Harms,
    ports: Vec<End>,
    of_host: BTreeMap<HostId, usize>,
    agenda: BinaryHeap<Reverse<Due>>,
    sequence: u64,
    under_way_bytes: usize,
}

/// The near end of a wire.
struct End {
    port: Port,
    near: Mac,
    far: Mac,
    host: Option<HostId>,
}

/// A packet on its way.
#[derive(Clone, Debug)]
pub(crate) struct Flight {
    pub(super) frame: Vec<u8>,
    pub(super) view: View,
    pub(super) from: HostId,
    pub(super) to: HostId,
    /// The recorded datagram; none for other packets.
    pub(super) message: Cause,
    flipped_bit: Option<u32>,
    copies: Arc<Copies>,
}

/// What the copies of one datagram know together.
#[derive(Debug, Default)]
struct Copies {
    under_way: AtomicU32,
    arrived: AtomicBool,
}

/// A packet's next step.
struct Due {
    at: Time,
    sequence: u64,
    step: Step,
    flight: Flight,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// To the sender's access.
    Leave,
    /// From the regions to the receiver's access.
    Reach,
    /// Out of the receiver's access.
    Deliver,
}

impl Flight {
    pub(super) fn new(frame: Vec<u8>, view: View, from: HostId, to: HostId) -> Self {
        let copies = Copies { under_way: AtomicU32::new(1), arrived: AtomicBool::new(false) };
        let copies = Arc::new(copies);
        Self { frame, view, from, to, message: Cause::NONE, flipped_bit: None, copies }
    }

    pub(super) fn payload(&self) -> &[u8] {
        self.frame.get(self.view.payload.clone()).unwrap_or_default()
    }

    /// Gives a segment other bytes; as many, or its stream would be torn.
    pub(super) fn replace_payload(&mut self, bytes: &[u8]) {
        let place = self.view.payload.clone();
        if let Some(payload) = self.frame.get_mut(place).filter(|old| old.len() == bytes.len()) {
            payload.copy_from_slice(bytes);
            packet::mend(&mut self.frame, &self.view);
        }
    }

    /// One more of the same.
    pub(super) fn copy(&self) -> Self {
        self.copies.under_way.fetch_add(1, Ordering::Relaxed);
        self.clone()
    }

    fn cost(&self) -> usize {
        self.frame.len() + PACKET_OVERHEAD
    }
}

impl Switch {
    pub(super) fn new(core: Arc<Core>, shared: Arc<Shared>, mail: Mailbox, house: Port) -> Self {
        let [near, far] = macs(FIRST_PORT);
        Self {
            core,
            shared,
            mail,
            streams: Streams::default(),
            recent: record::Recent::default(),
            harms: Harms::default(),
            ports: vec![End { port: house, near, far, host: None }],
            of_host: BTreeMap::new(),
            agenda: BinaryHeap::new(),
            sequence: 0,
            under_way_bytes: 0,
        }
    }

    /// Forwards until it is told to stop.
    pub(super) fn run(mut self, inbox: &mpsc::Receiver<Command>, ear: &UnixStream) {
        let mut buffer = vec![0; ETHERNET_BYTES + MTU as usize + 1];
        loop {
            let wait = self.agenda.peek().map(|Reverse(due)| due.at.since(self.core.now()));
            let mut fds = vec![ear.as_raw_fd()];
            fds.extend(self.ports.iter().map(|end| end.port.raw()));
            let ready = match sys::wait_readable(&fds, wait) {
                Ok(ready) => ready,
                Err(error) => {
                    tracing::error!(%error, "the wire stops: its sockets cannot be watched");
                    return;
                }
            };
            for (number, _) in ready.iter().enumerate().filter(|(_, ready)| **ready) {
                match number.checked_sub(1) {
                    Some(port) => self.drain(port, &mut buffer),
                    None => while matches!(io::Read::read(&mut &*ear, &mut buffer), Ok(1..)) {},
                }
            }
            while let Ok(command) = inbox.try_recv() {
                match command {
                    Command::Attach { host, interface, done } => {
                        let _gone = done.send(self.attach(host, interface));
                    }
                    Command::Depart(flight) => self.step(Step::Leave, *flight),
                    Command::Stop => return,
                }
            }
            self.take_due();
        }
    }

    fn attach(&mut self, host: HostId, interface: u32) -> io::Result<()> {
        let [near, far] = macs(interface);
        let port = Port::open(interface)?;
        self.of_host.insert(host, self.ports.len());
        self.ports.push(End { port, near, far, host: Some(host) });
        Ok(())
    }

    fn drain(&mut self, port: usize, buffer: &mut [u8]) {
        for _ in 0..FRAMES_PER_TURN {
            let Some(end) = self.ports.get(port) else { return };
            match end.port.receive(buffer) {
                Ok(Some(frame)) => {
                    // A frame of our own, where the kernel echoes them.
                    if frame.get(6..12) == Some(end.near.as_slice()) {
                        continue;
                    }
                    let (frame, host) = (frame.to_vec(), end.host);
                    self.take(frame, host);
                }
                Ok(None) => return,
                Err(error) => {
                    tracing::debug!(%error, "an end of the wire failed");
                    return;
                }
            }
        }
    }

    /// Takes a frame that came out of the end of `sender`, none for the house.
    fn take(&mut self, frame: Vec<u8>, sender: Option<HostId>) {
        let Some(view) = View::parse(&frame) else { return };
        if is_for_many(view.to) {
            return;
        }
        let Some((from, to)) = self.ends_of(&view, sender) else {
            self.no_such_host(&frame, &view, sender);
            return;
        };
        let flight = Flight::new(frame, view, from, to);
        match sender {
            None => self.take_from_house(flight),
            Some(_) => self.take_from_program(flight),
        }
    }

    /// Sender and receiver. A shared address of the house stands for the
    /// replica that is nearest to the program.
    fn ends_of(&self, view: &View, sender: Option<HostId>) -> Option<(HostId, HostId)> {
        let topology = self.shared.topology();
        if let Some(from) = sender {
            return topology.nearest(from, view.to).map(|to| (from, to));
        }
        let to = topology.by_address(view.to)?.id;
        topology.nearest(to, view.from).map(|from| (from, to))
    }

    fn no_such_host(&self, frame: &[u8], view: &View, sender: Option<HostId>) {
        let Some(sender) = sender else { return };
        self.record_unreachable(frame, view, sender);
        // The next router says so at once; nothing of it is shaped.
        let answer = packet::host_unreachable(frame, view);
        if let Some(Err(error)) = answer.map(|answer| self.put(sender, answer)) {
            tracing::debug!(%error, "an end of the wire took no frame");
        }
    }

    /// Lets a packet go on its way.
    pub(super) fn depart(&mut self, flight: Flight) {
        self.step(Step::Leave, flight);
    }

    /// Lets a packet go on its way at a later moment.
    pub(super) fn depart_at(&mut self, at: Time, flight: Flight) {
        self.schedule(at, Step::Leave, flight);
    }

    fn take_due(&mut self) {
        let now = self.core.now();
        while let Some(Reverse(due)) = self.agenda.peek()
            && due.at <= now
        {
            let Some(Reverse(due)) = self.agenda.pop() else { return };
            self.under_way_bytes -= due.flight.cost();
            self.step(due.step, due.flight);
        }
    }

    fn schedule(&mut self, at: Time, step: Step, flight: Flight) {
        if at <= self.core.now() {
            return self.step(step, flight);
        }
        if self.under_way_bytes + flight.cost() > UNDER_WAY_BYTES_MAX {
            return self.lose(&flight, "queue");
        }
        self.under_way_bytes += flight.cost();
        self.sequence += 1;
        self.agenda.push(Reverse(Due { at, sequence: self.sequence, step, flight }));
    }

    fn step(&mut self, step: Step, flight: Flight) {
        let now = self.core.now();
        let (from, to, size) = (flight.from, flight.to, flight.view.payload.len());
        let (sent, next) = match step {
            Step::Leave => (self.shared.topology().leave(now, from, to, size), Step::Reach),
            Step::Reach => (self.shared.topology().reach(now, from, to, size), Step::Deliver),
            Step::Deliver => return self.deliver(flight),
        };
        self.go_on(sent, next, flight);
    }

    fn go_on(&mut self, sent: Transmission, next: Step, flight: Flight) {
        let Some((first, more)) = sent.arrivals.as_slice().split_first() else {
            return self.lose(&flight, sent.lost.unwrap_or("loss"));
        };
        for arrival in more {
            let copy = flight.copy();
            self.arrive(*arrival, next, copy);
        }
        self.arrive(*first, next, flight);
    }

    fn arrive(&mut self, arrival: Arrival, next: Step, mut flight: Flight) {
        flight.flipped_bit = flight.flipped_bit.or(arrival.flipped_bit);
        self.schedule(arrival.at, next, flight);
    }

    fn deliver(&mut self, mut flight: Flight) {
        let before = flight.copies.arrived.swap(true, Ordering::Relaxed);
        flight.copies.under_way.fetch_sub(1, Ordering::Relaxed);
        let fate = match (flight.flipped_bit, before) {
            (Some(_), _) => Fate::Corrupted,
            (None, true) => Fate::Duplicated,
            (None, false) => Fate::Delivered,
        };
        if let Some(bit) = flight.flipped_bit {
            let place = flight.view.payload.clone();
            if let Some(payload) = flight.frame.get_mut(place) {
                flip_bit(payload, bit);
            }
            if matches!(flight.view.transport, Transport::Udp { .. }) {
                packet::mend(&mut flight.frame, &flight.view);
            }
        }
        self.record_arrival(&flight, fate);
        let (to, message) = (flight.to, flight.message);
        if let Err(error) = self.put(to, flight.frame) {
            tracing::debug!(%error, "an end of the wire took no frame");
            self.shared.capture.end(self.core.now(), message, Fate::Lost("kernel"));
        }
    }

    /// Puts a frame on the wire to a host.
    fn put(&self, to: HostId, mut frame: Vec<u8>) -> io::Result<()> {
        let port = self.of_host.get(&to).copied().unwrap_or(HOUSE);
        let end = self.ports.get(port).ok_or(io::ErrorKind::NotFound)?;
        packet::set_macs(&mut frame, end.far, end.near);
        end.port.send(&frame)
    }

    /// Whether a host is a program of its own, behind a wire.
    pub(super) fn is_program(&self, host: HostId) -> bool {
        self.of_host.contains_key(&host)
    }

    pub(super) fn lose(&self, flight: &Flight, why: &'static str) {
        let left = flight.copies.under_way.fetch_sub(1, Ordering::Relaxed);
        if left <= 1 && !flight.copies.arrived.load(Ordering::Relaxed) {
            self.shared.capture.end(self.core.now(), flight.message, Fate::Lost(why));
        }
    }
}

const fn is_for_many(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_multicast() || address.is_broadcast(),
        IpAddr::V6(address) => address.is_multicast(),
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Order> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> Order {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}
