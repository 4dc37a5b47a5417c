//! A lab's datagrams: recorded, broken as told, shaped, and handed to the
//! kernel when they are due.
//!
//! ```text
//!   send_to ─▶ record ─▶ faults ─▶ leave ─ ─ wheel ─ ─▶ reach ─ ─ wheel ─ ─▶ kernel
//!                                  sender's             receiver's            send
//!                                  access + regions     access
//! ```

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use capa7_dissect::{Cause, Causes, Room};
use socket2::SockRef;
use tokio::net;

use super::Core;
use super::bare;
use super::front::{DATAGRAM_OVERHEAD, Front, Seat, lock};
use super::in_flight::Sent;
use crate::capture::{Fate, HostId, Packet, What};
use crate::fault::{Forgery, MessageVerdict, MessageView, Transport};
use crate::host::Host;
use crate::link::flip_bit;
use crate::udp::{DATAGRAM_BYTES_MAX, Datagram};

/// A lab host's datagram socket.
#[derive(Debug)]
pub(crate) struct UdpSocket {
    core: Arc<Core>,
    host: Host,
    seat: Seat,
}

/// A datagram on its way between two hosts.
#[derive(Clone, Debug)]
#[expect(clippy::disallowed_types, reason = "this is the door")]
pub(super) struct Flight {
    core: Arc<Core>,
    socket: Arc<net::UdpSocket>,
    message: Cause,
    from: SocketAddr,
    to: SocketAddr,
    from_host: HostId,
    to_host: Option<HostId>,
    bytes: Bytes,
    flipped_bit: Option<u32>,
    is_copy: bool,
    /// What its arrival will mean.
    fate: Fate,
}

/// What the kernel counts for a datagram beside its bytes, rounded up (its
/// `truesize`).
const KERNEL_OVERHEAD: usize = 768;

impl UdpSocket {
    pub(super) fn bind(core: &Arc<Core>, host: &Host, at: SocketAddr) -> io::Result<Self> {
        let seat = Seat::take(core, host, at)?;
        Ok(Self { core: Arc::clone(core), host: host.clone(), seat })
    }

    pub(super) const fn local_addr(&self) -> SocketAddr {
        self.seat.local
    }

    pub(super) async fn recv_from(&self) -> Datagram {
        self.seat.inbox.take().await
    }

    pub(super) fn send_to(
        &self,
        bytes: Bytes,
        to: SocketAddr,
        causes: Causes,
    ) -> io::Result<Cause> {
        if bytes.len() > DATAGRAM_BYTES_MAX {
            return Err(io::Error::from_raw_os_error(libc::EMSGSIZE));
        }
        let core = &self.core;
        core.permit(to.ip())?;
        let front = self.front_for(to)?;
        let (now, from_host) = (core.now(), self.host.id());
        let to_host = core.shared.topology().nearest(from_host, to.ip());
        let (room, from) = (self.host.room(), front.at);
        let from_host_known = Some(from_host);
        let mut packet = Packet { room, from_host: from_host_known, to_host, from, to, bytes };
        let faults = &core.shared.faults;
        let mut verdict = faults.are_any().then(|| {
            faults.judge_message(&MessageView { transport: Transport::Udp, packet: &packet })
        });
        // The record is of the wire: what a fault put in the bytes' place.
        if let Some(changed) = verdict.as_mut().and_then(|verdict| verdict.bytes.take()) {
            packet.bytes = changed;
        }
        let bytes = packet.bytes.clone();
        let message = core.capture().record(now, causes, What::Datagram(packet));
        let flight = Flight {
            core: Arc::clone(core),
            socket: Arc::clone(&front.socket),
            message,
            from,
            to,
            from_host,
            to_host,
            bytes,
            flipped_bit: None,
            is_copy: false,
            fate: Fate::Delivered,
        };
        match verdict {
            None => flight.depart(),
            Some(verdict) => flight.depart_judged(verdict),
        }
        Ok(message)
    }

    /// The front whose address the datagram bears as its source.
    fn front_for(&self, to: SocketAddr) -> io::Result<&Front> {
        let fronts = &self.seat.fronts;
        let same_family = fronts.iter().find(|front| front.at.is_ipv4() == to.is_ipv4());
        let front = same_family.ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(front)
    }
}

impl Flight {
    /// Leaves the sender as the faults let it.
    fn depart_judged(self, verdict: MessageVerdict) {
        let now = self.core.now();
        for note in verdict.notes {
            self.core.capture().note(now, None, note.because(self.message));
        }
        for forgery in verdict.forged {
            self.core.forge(forgery, self.from_host, self.message);
        }
        if verdict.lost {
            return self.end(Fate::Lost("fault"));
        }
        if let Some(rule) = verdict.held {
            let core = Arc::clone(&self.core);
            core.shared.faults.hold(rule, move || self.depart_copies(verdict.copies));
            return;
        }
        let core = Arc::clone(&self.core);
        core.at(now + verdict.delay, move || self.depart_copies(verdict.copies));
    }

    fn depart_copies(self, more: u32) {
        for _ in 0..more {
            Self { is_copy: true, ..self.clone() }.depart();
        }
        self.depart();
    }

    /// Takes the sender's access.
    fn depart(self) {
        let Some(to_host) = self.to_host else { return self.leave_the_lab() };
        let is_outside = self.core.is_foreign(to_host)
            || self.core.is_outside(self.to)
            || self.core.is_neighbour(self.to.ip()) && self.core.front_at(self.to).is_none();
        if is_outside {
            return self.leave_the_lab();
        }
        let now = self.core.now();
        let size = self.bytes.len();
        let left = self.core.shared.topology().leave(now, self.from_host, to_host, size);
        if let Some(why) = left.lost {
            return self.end(Fate::Lost(why));
        }
        for (number, copy) in left.arrivals.as_slice().iter().enumerate() {
            let next = self.next(copy.flipped_bit, number > 0);
            self.core.at(copy.at, move || next.reach(to_host));
        }
    }

    /// Takes the receiver's access.
    fn reach(self, to_host: HostId) {
        let now = self.core.now();
        let size = self.bytes.len();
        let reached = self.core.shared.topology().reach(now, self.from_host, to_host, size);
        if let Some(why) = reached.lost {
            return self.end(Fate::Lost(why));
        }
        for (number, copy) in reached.arrivals.as_slice().iter().enumerate() {
            let next = self.next(copy.flipped_bit, number > 0);
            self.core.at(copy.at, move || next.hand_over(to_host));
        }
    }

    fn next(&self, flipped_bit: Option<u32>, is_copy: bool) -> Self {
        let flipped_bit = flipped_bit.or(self.flipped_bit);
        Self { flipped_bit, is_copy: is_copy || self.is_copy, ..self.clone() }
    }

    /// Gives it to the kernel, which has it at the receiver at once.
    fn hand_over(mut self, to_host: HostId) {
        let fate = match (self.flipped_bit, self.is_copy) {
            (Some(_), _) => Fate::Corrupted,
            (None, true) => Fate::Duplicated,
            (None, false) => Fate::Delivered,
        };
        if let Some(bit) = self.flipped_bit {
            let mut changed = BytesMut::from(&self.bytes[..]);
            flip_bit(&mut changed, bit);
            self.bytes = changed.freeze();
        }
        self.fate = fate;
        self.to_host = Some(to_host);
        match self.core.front_at(self.to) {
            Some(front) if front.inbox_of(Some(to_host)).is_some() => front.enter(self),
            _ => self.end(Fate::Lost("no_listener")),
        }
    }

    /// What it loads its receiver's kernel queue with.
    pub(super) fn load(&self) -> usize {
        2 * self.bytes.len() + KERNEL_OVERHEAD
    }

    /// What it takes of a socket's room while it waits.
    pub(super) fn cost(&self) -> usize {
        self.bytes.len() + DATAGRAM_OVERHEAD
    }

    pub(super) const fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// Puts it into its receiver's kernel queue; says whether that worked.
    pub(super) fn send_with_load(&self) -> bool {
        self.send(self.fate.clone(), self.load())
    }

    /// Goes to a program that is not ours: the wire to it shapes what passes
    /// there, and takes the record over.
    fn leave_the_lab(self) {
        let known = self.to_host.is_some() || self.core.is_outside(self.to);
        if !known && !self.core.is_neighbour(self.to.ip()) {
            return self.end(Fate::Lost("no_host"));
        }
        let foreign = self.to_host.filter(|host| self.core.is_foreign(*host));
        if foreign.is_some() {
            self.send(Fate::Delivered, 0);
            return;
        }
        match send_now(&self.socket, &self.bytes, self.core.to_machine(self.to)) {
            Ok(_) => self.end(Fate::Delivered),
            Err(error) => self.refused(&error),
        }
    }

    fn send(&self, fate: Fate, load: usize) -> bool {
        let (now, core) = (self.core.now(), &self.core);
        let sent = Sent { cause: self.message, to_host: self.to_host, fate };
        let left = (sent, load);
        lock(&core.in_flight).leave_with_load(now, self.from, self.to, &self.bytes, left);
        match send_now(&self.socket, &self.bytes, core.to_machine(self.to)) {
            Ok(_) => true,
            Err(error) => {
                lock(&core.in_flight).arrive(self.from, self.to, &self.bytes);
                self.refused(&error);
                false
            }
        }
    }

    fn refused(&self, error: &io::Error) {
        tracing::debug!(from = %self.from, to = %self.to, %error, "the kernel took no datagram");
        self.end(Fate::Lost("kernel"));
    }

    pub(super) fn end(&self, fate: Fate) {
        self.core.capture().end(self.core.now(), self.message, fate);
    }
}

impl Core {
    /// A datagram that somebody else makes in a host's name: it is at its victim
    /// after a while, past every link.
    fn forge(self: &Arc<Self>, forgery: Forgery, victim: HostId, cause: Cause) {
        let Forgery { from, to, bytes, after } = forgery;
        let packet = Packet {
            room: Room::Lab,
            from_host: None,
            to_host: Some(victim),
            from,
            to,
            bytes: bytes.clone(),
        };
        let now = self.now();
        let message = self.capture().record(now, cause.into(), What::Datagram(packet));
        let core = Arc::clone(self);
        self.at(now + after, move || core.send_in_the_name_of(from, to, victim, &bytes, message));
    }

    fn send_in_the_name_of(
        &self,
        from: SocketAddr,
        to: SocketAddr,
        victim: HostId,
        bytes: &Bytes,
        message: Cause,
    ) {
        let sent = Sent { cause: message, to_host: Some(victim), fate: Fate::Delivered };
        lock(&self.in_flight).leave(self.now(), from, to, bytes, sent);
        let machine = self.to_machine(to);
        let outcome = match self.front_at(from) {
            Some(front) => send_now(&front.socket, bytes, machine),
            None => bare::bind_udp(self.to_machine(from))
                .and_then(|socket| socket.send_to(bytes, machine)),
        };
        if outcome.is_err() {
            lock(&self.in_flight).arrive(from, to, bytes);
            self.capture().end(self.now(), message, Fate::Lost("kernel"));
        }
    }

    /// Does something at a moment; at once when that has come.
    pub(super) fn at(&self, at: crate::time::Time, job: impl FnOnce() + Send + 'static) {
        if at <= self.now() {
            job();
        } else {
            self.wheel.at(at, job);
        }
    }
}

/// Sends from any thread. Tokio's own call waits until the reactor has heard of
/// a new socket, for which the wheel has no time.
#[expect(clippy::disallowed_types, reason = "this is the door")]
fn send_now(socket: &net::UdpSocket, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
    SockRef::from(socket).send_to(bytes, &to.into())
}
