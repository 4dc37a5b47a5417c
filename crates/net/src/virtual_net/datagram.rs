//! Datagrams in memory.
//!
//! ```text
//!   send_to ─▶ faults ─▶ own access ─▶ regions ─▶ their access ─▶ socket
//!                │           │                        │             │
//!                └───────────┴── lost: a Fate ────────┴─────────────┘
//! ```

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use capa7_dissect::{Cause, Causes};

use super::Core;
use super::agenda::Happening;
use super::ports::Ports;
use super::slab::{Key, Slab};
use crate::capture::{Fate, HostId, Packet, What};
use crate::fault::{Forgery, MessageVerdict, MessageView, Transport};
use crate::host::Host;
use crate::link::{Arrival, flip_bit};
use crate::udp::{DATAGRAM_BYTES_MAX, Datagram};

/// All bound UDP sockets of a network.
#[derive(Debug)]
pub(super) struct UdpTable {
    ports: Ports,
    sockets: Slab<Inbox>,
}

/// What a socket has received and not handed out.
#[derive(Debug, Default)]
struct Inbox {
    waiting: VecDeque<Datagram>,
    bytes: usize,
    readers: Vec<Waker>,
}

/// Bytes that may wait in a socket, what each datagram costs beside its payload
/// included: what Linux gives by default (net.core.rmem_default).
const INBOX_BYTES_MAX: usize = 212_992;

/// What a waiting datagram costs beside its payload.
const DATAGRAM_OVERHEAD: usize = 256;

/// A datagram on its way.
#[derive(Debug)]
pub(super) struct Flight {
    message: Cause,
    from: SocketAddr,
    to: SocketAddr,
    from_host: HostId,
    to_host: HostId,
    bytes: Bytes,
    flipped_bit: Option<u32>,
    copy: Copies,
    leg: Leg,
}

/// Which copy of a datagram it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Copies {
    First,
    Another,
}

/// Where a datagram is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leg {
    /// With its sender, held by a fault.
    Held,
    /// At its receiver's access.
    AtAccess,
    /// Through it.
    AtHost,
}

impl UdpTable {
    pub(super) const fn new(seed: u64) -> Self {
        Self { ports: Ports::new(seed, PORT_STREAM), sockets: Slab::new() }
    }
}

/// Keeps the chances of ports apart from those of links and programs.
const PORT_STREAM: u64 = u64::MAX - 1;

/// A socket in memory.
#[derive(Debug)]
pub(crate) struct UdpSocket {
    core: Arc<Core>,
    host: Host,
    key: Key,
    local: SocketAddr,
}

impl Core {
    pub(crate) fn bind_udp(self: &Arc<Self>, host: &Host, at: SocketAddr) -> io::Result<UdpSocket> {
        let mut udp = self.udp();
        let local = udp.ports.choose(host.identity(), at)?;
        let key = udp.sockets.insert(Inbox::default());
        udp.ports.take(host.id(), local, Some(key));
        drop(udp);
        Ok(UdpSocket { core: Arc::clone(self), host: host.clone(), key, local })
    }

    fn deliver(&self, flight: &Flight, bytes: Bytes) -> Result<Vec<Waker>, &'static str> {
        let mut udp = self.udp();
        let key = udp.ports.find(flight.to_host, flight.to).ok_or("no_listener")?;
        let inbox = udp.sockets.get_mut(key).ok_or("no_listener")?;
        let cost = bytes.len() + DATAGRAM_OVERHEAD;
        if inbox.bytes + cost > INBOX_BYTES_MAX {
            return Err("socket_queue");
        }
        inbox.bytes += cost;
        let Flight { from, to, message: cause, .. } = *flight;
        inbox.waiting.push_back(Datagram { bytes, from, to, cause });
        Ok(std::mem::take(&mut inbox.readers))
    }

    /// A datagram is at its receiver's access, or through it.
    pub(super) fn on_datagram(self: &Arc<Self>, mut flight: Box<Flight>) {
        match flight.leg {
            Leg::Held => self.depart(*flight),
            Leg::AtHost => self.hand_over(&flight),
            Leg::AtAccess => {
                let (from, to, size) = (flight.from_host, flight.to_host, flight.bytes.len());
                let reached = self.shared.topology().reach(self.now(), from, to, size);
                if let Some(why) = reached.lost {
                    self.end(flight.message, Fate::Lost(why));
                }
                for (number, end) in reached.arrivals.as_slice().iter().enumerate() {
                    if number > 0 {
                        flight.copy = Copies::Another;
                    }
                    self.through_access(&flight, *end);
                }
            }
        }
    }

    fn through_access(&self, flight: &Flight, end: Arrival) {
        let flipped_bit = end.flipped_bit.or(flight.flipped_bit);
        let through = flight.next(Leg::AtHost, flipped_bit, flight.copy);
        if end.at == self.now() {
            self.hand_over(&through);
        } else {
            self.agenda().add(end.at, Happening::Datagram(Box::new(through)));
        }
    }

    fn hand_over(&self, flight: &Flight) {
        let bytes = match flight.flipped_bit {
            None => flight.bytes.clone(),
            Some(bit) => with_bit_flipped(&flight.bytes, bit),
        };
        let fate = match self.deliver(flight, bytes) {
            Err(why) => Fate::Lost(why),
            Ok(readers) => {
                readers.into_iter().for_each(Waker::wake);
                match (flight.flipped_bit, flight.copy) {
                    (Some(_), _) => Fate::Corrupted,
                    (None, Copies::Another) => Fate::Duplicated,
                    (None, Copies::First) => Fate::Delivered,
                }
            }
        };
        self.end(flight.message, fate);
    }

    /// A datagram leaves its host.
    fn depart(&self, flight: Flight) {
        let (from, to, size) = (flight.from_host, flight.to_host, flight.bytes.len());
        let left = self.shared.topology().leave(self.now(), from, to, size);
        if let Some(why) = left.lost {
            self.end(flight.message, Fate::Lost(why));
        }
        for (number, copy) in left.arrivals.as_slice().iter().enumerate() {
            let which = if number > 0 { Copies::Another } else { flight.copy };
            let next = flight.next(Leg::AtAccess, copy.flipped_bit, which);
            self.agenda().add(copy.at, Happening::Datagram(Box::new(next)));
        }
    }

    /// A datagram leaves its host as the faults let it.
    fn depart_judged(self: &Arc<Self>, flight: Flight, verdict: MessageVerdict) {
        let (now, message, from_host) = (self.now(), flight.message, flight.from_host);
        for note in verdict.notes {
            self.shared.capture.note(now, None, note.because(message));
        }
        for forgery in verdict.forged {
            self.forge(forgery, from_host, message);
        }
        if verdict.lost {
            self.end(message, Fate::Lost("fault"));
            return;
        }
        if let Some(rule) = verdict.held {
            let core = Arc::downgrade(self);
            self.shared.faults.hold(rule, move || {
                if let Some(core) = core.upgrade() {
                    core.depart_copies(flight, Duration::ZERO, verdict.copies);
                }
            });
            return;
        }
        self.depart_copies(flight, verdict.delay, verdict.copies);
    }

    fn depart_copies(&self, flight: Flight, delay: Duration, more: u32) {
        for _ in 0..more {
            let copy = flight.next(Leg::Held, None, Copies::Another);
            self.agenda().add(self.now() + delay, Happening::Datagram(Box::new(copy)));
        }
        if delay.is_zero() {
            self.depart(flight);
        } else {
            self.agenda().add(self.now() + delay, Happening::Datagram(Box::new(flight)));
        }
    }

    fn end(&self, message: Cause, fate: Fate) {
        self.shared.capture.end(self.now(), message, fate);
    }

    /// A datagram that somebody else makes in a host's name: it is at its
    /// victim after `after`, past every link.
    fn forge(&self, forgery: Forgery, victim: HostId, cause: Cause) {
        let packet = Packet {
            room: capa7_dissect::Room::Lab,
            from_host: None,
            to_host: Some(victim),
            from: forgery.from,
            to: forgery.to,
            bytes: forgery.bytes.clone(),
        };
        let now = self.now();
        let message = self.shared.capture.record(now, cause.into(), What::Datagram(packet));
        let flight = Flight {
            message,
            from: forgery.from,
            to: forgery.to,
            from_host: victim,
            to_host: victim,
            bytes: forgery.bytes,
            flipped_bit: None,
            copy: Copies::First,
            leg: Leg::AtHost,
        };
        self.agenda().add(now + forgery.after, Happening::Datagram(Box::new(flight)));
    }
}

impl Flight {
    fn next(&self, leg: Leg, flipped_bit: Option<u32>, copy: Copies) -> Self {
        Self { leg, flipped_bit, copy, bytes: self.bytes.clone(), ..*self }
    }
}

fn with_bit_flipped(bytes: &Bytes, bit: u32) -> Bytes {
    let mut changed = BytesMut::from(&bytes[..]);
    flip_bit(&mut changed, bit);
    changed.freeze()
}

impl UdpSocket {
    pub(crate) fn send_to(
        &self,
        bytes: Bytes,
        to: SocketAddr,
        causes: Causes,
    ) -> io::Result<Cause> {
        if bytes.len() > DATAGRAM_BYTES_MAX {
            return Err(io::Error::from_raw_os_error(libc::EMSGSIZE));
        }
        let from = self.source(to)?;
        let core = &self.core;
        let (now, from_host) = (core.now(), self.host.id());
        let to_host = core.shared.topology().nearest(from_host, to.ip());
        let mut packet =
            Packet { room: self.host.room(), from_host: Some(from_host), to_host, from, to, bytes };
        let faults = &core.shared.faults;
        let mut verdict = faults.are_any().then(|| {
            faults.judge_message(&MessageView { transport: Transport::Udp, packet: &packet })
        });
        // The record is of the wire: what a fault put in the bytes' place.
        if let Some(changed) = verdict.as_mut().and_then(|verdict| verdict.bytes.take()) {
            packet.bytes = changed;
        }
        let bytes = packet.bytes.clone();
        let message = core.shared.capture.record(now, causes, What::Datagram(packet));
        let Some(to_host) = to_host else {
            core.end(message, Fate::Lost("no_host"));
            return Ok(message);
        };
        let flight = Flight {
            message,
            from,
            to,
            from_host,
            to_host,
            bytes,
            flipped_bit: None,
            copy: Copies::First,
            leg: Leg::Held,
        };
        match verdict {
            None => core.depart(flight),
            Some(verdict) => core.depart_judged(flight, verdict),
        }
        Ok(message)
    }

    fn source(&self, to: SocketAddr) -> io::Result<SocketAddr> {
        if !self.local.ip().is_unspecified() {
            let same_family = self.local.is_ipv4() == to.is_ipv4();
            return if same_family { Ok(self.local) } else { Err(other_family()) };
        }
        if to.ip().is_loopback() {
            return Ok(SocketAddr::new(to.ip(), self.local.port()));
        }
        let ip = self.host.identity().source_for(to.ip())?;
        Ok(SocketAddr::new(ip, self.local.port()))
    }

    pub(crate) async fn recv_from(&self) -> io::Result<Datagram> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    fn poll_recv(&self, cx: &Context<'_>) -> Poll<io::Result<Datagram>> {
        let mut udp = self.core.udp();
        let Some(inbox) = udp.sockets.get_mut(self.key) else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        if let Some(datagram) = inbox.waiting.pop_front() {
            inbox.bytes -= datagram.bytes.len() + DATAGRAM_OVERHEAD;
            return Poll::Ready(Ok(datagram));
        }
        if !inbox.readers.iter().any(|reader| reader.will_wake(cx.waker())) {
            inbox.readers.push(cx.waker().clone());
        }
        Poll::Pending
    }

    pub(crate) const fn local_addr(&self) -> SocketAddr {
        self.local
    }
}

/// As Linux: the address family is not that of the socket.
pub(super) fn other_family() -> io::Error {
    io::Error::from_raw_os_error(libc::EAFNOSUPPORT)
}

impl Drop for UdpSocket {
    fn drop(&mut self) {
        let mut udp = self.core.udp();
        let inbox = udp.sockets.remove(self.key);
        udp.ports.release(self.host.id(), self.local);
        drop(udp);
        drop(inbox);
    }
}
