//! Kernel sockets for datagrams, and the programs behind them.
//!
//! ```text
//!   kernel socket 198.41.0.4:53 ── reader ─┬─▶ inbox of a.root, Bogotá
//!   (one per address and port)             └─▶ inbox of a.root, Boston
//! ```
//!
//! Replicas of an anycast address have one kernel socket between them; a
//! datagram goes to the replica that is nearest to its sender. A program bound
//! to the unspecified address has a front at each address of its host.

#![allow(clippy::disallowed_types, reason = "this is the door")]

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use capa7_dissect::{Cause, Causes};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;
use tokio::net;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::bare;
use super::datagram::Flight;
use super::in_flight::Sent;
use super::{Core, room_of};
use crate::capture::{Fate, HostId, Packet, What};
use crate::host::Host;
use crate::time::Time;
use crate::topology::Identity;
use crate::udp::Datagram;

/// Bytes that may wait in a socket, what each datagram costs beside its payload
/// included: what Linux gives by default (net.core.rmem_default).
const INBOX_BYTES_MAX: usize = 212_992;

/// What a waiting datagram costs beside its payload.
pub(super) const DATAGRAM_OVERHEAD: usize = 256;

/// What our datagrams may load a kernel queue with: half of what the smallest
/// usual one (net.core.rmem_default) holds, for others send there too.
const KERNEL_LOAD_MAX: usize = 106_496;

/// A kernel hands over at once; what it has kept for so long it has dropped.
const KERNEL_SILENCE_MAX: Duration = Duration::from_secs(1);

/// RFC 6335 §6: the dynamic ports.
const EPHEMERAL_FIRST: u16 = 49152;

/// Ports tried before a host counts as having none left.
const EPHEMERAL_TRIES: u32 = 256;

/// Datagrams that wait for one program.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    queue: Mutex<Queue>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Datagram>,
    bytes: usize,
}

impl Inbox {
    pub(super) async fn take(&self) -> Datagram {
        loop {
            if let Some(datagram) = self.pop() {
                return datagram;
            }
            self.arrived.notified().await;
        }
    }

    fn pop(&self) -> Option<Datagram> {
        let mut queue = lock(&self.queue);
        let datagram = queue.waiting.pop_front()?;
        queue.bytes -= datagram.bytes.len() + DATAGRAM_OVERHEAD;
        let more = !queue.waiting.is_empty();
        drop(queue);
        if more {
            // Permits do not add up: another reader may still be waiting.
            self.arrived.notify_one();
        }
        Some(datagram)
    }

    /// `taken` is called when there is room, before anybody can read it.
    fn put(&self, datagram: Datagram, taken: impl FnOnce()) -> Result<(), &'static str> {
        let cost = datagram.bytes.len() + DATAGRAM_OVERHEAD;
        let mut queue = lock(&self.queue);
        if queue.bytes + cost > INBOX_BYTES_MAX {
            return Err("socket_queue");
        }
        taken();
        queue.bytes += cost;
        queue.waiting.push_back(datagram);
        drop(queue);
        self.arrived.notify_one();
        Ok(())
    }
}

/// All fronts of a network.
#[derive(Debug, Default)]
pub(super) struct Fronts {
    open: BTreeMap<SocketAddr, Arc<Front>>,
    /// Sockets outlive their front while something on its way is to leave by
    /// them; a program that binds again meanwhile gets the same one.
    sockets: BTreeMap<SocketAddr, Weak<net::UdpSocket>>,
}

impl Fronts {
    /// Whether the kernel still has a socket of these.
    pub(super) fn has_open_sockets(&self) -> bool {
        self.sockets.values().any(|socket| socket.strong_count() > 0)
    }

    /// Whether a program has a socket at this address.
    pub(super) fn has_any_at(&self, address: IpAddr) -> bool {
        self.open.keys().any(|at| at.ip() == address)
    }
}

/// One kernel socket and the programs that have its address.
#[derive(Debug)]
pub(super) struct Front {
    pub(super) at: SocketAddr,
    pub(super) socket: Arc<net::UdpSocket>,
    members: Mutex<Vec<Member>>,
    reader: Mutex<Option<AbortHandle>>,
    entrance: Mutex<Entrance>,
}

/// What stands between our senders and the kernel's queue, which drops without
/// a word when it is full: what would not fit waits here.
#[derive(Debug, Default)]
struct Entrance {
    in_kernel: usize,
    waiting: VecDeque<Flight>,
    waiting_bytes: usize,
    last_left: Time,
}

#[derive(Clone, Debug)]
struct Member {
    host: HostId,
    inbox: Arc<Inbox>,
}

/// A program's places at the fronts of its host; dropping it gives them up.
#[derive(Debug)]
pub(super) struct Seat {
    core: Arc<Core>,
    pub(super) local: SocketAddr,
    pub(super) fronts: Vec<Arc<Front>>,
    pub(super) inbox: Arc<Inbox>,
}

/// The addresses that a host's program has when it asks for `ip`.
pub(super) fn addresses_of(core: &Core, host: &Identity, ip: IpAddr) -> io::Result<Vec<IpAddr>> {
    // Every host calls itself by 127.0.0.1: RFC 1122 §3.2.1.3. In loopback mode
    // most of 127/8 are the hosts' own.
    let is_itself = || ip.is_loopback() && core.shared.topology().by_address(ip).is_none();
    let own: Vec<IpAddr> = if ip.is_unspecified() {
        let same_family = |own: &&IpAddr| own.is_ipv4() == ip.is_ipv4();
        host.addresses.iter().filter(same_family).copied().collect()
    } else if host.addresses.contains(&ip) || is_itself() {
        vec![ip]
    } else {
        Vec::new()
    };
    if own.is_empty() {
        let words = format!("{ip} is not an address of {}", host.name);
        return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, words));
    }
    Ok(own)
}

/// Tries ports for a program that asked for any; `bind` gets each.
pub(super) fn any_port<T>(mut bind: impl FnMut(u16) -> io::Result<T>) -> io::Result<T> {
    let mut chances = ChaCha12Rng::from_os_rng();
    for _ in 0..EPHEMERAL_TRIES {
        match bind(chances.random_range(EPHEMERAL_FIRST..=u16::MAX)) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            outcome => return outcome,
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}

/// Who may be behind a front already when a program takes its place there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Company {
    /// Other hosts with the same address.
    Replicas,
    /// Nobody.
    None,
}

impl Seat {
    /// Takes places for a program at `at`.
    pub(super) fn take(core: &Arc<Core>, host: &Host, at: SocketAddr) -> io::Result<Self> {
        core.permit_bind(at.ip())?;
        let addresses = addresses_of(core, host.identity(), at.ip())?;
        if at.port() != 0 {
            return Self::take_port(core, host.id(), at, &addresses, Company::Replicas);
        }
        any_port(|port| {
            let at = SocketAddr::new(at.ip(), port);
            Self::take_port(core, host.id(), at, &addresses, Company::None)
        })
    }

    fn take_port(
        core: &Arc<Core>,
        host: HostId,
        at: SocketAddr,
        addresses: &[IpAddr],
        company: Company,
    ) -> io::Result<Self> {
        let inbox = Arc::new(Inbox::default());
        let core = Arc::clone(core);
        // Dropped on the way by an error, it gives up what it took so far.
        let mut seat = Self { core, local: at, fronts: Vec::new(), inbox };
        for ip in addresses {
            let at = SocketAddr::new(*ip, at.port());
            let member = Member { host, inbox: Arc::clone(&seat.inbox) };
            seat.fronts.push(seat.core.join_front(at, member, company)?);
        }
        Ok(seat)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut fronts = lock(&self.core.fronts);
        for front in &self.fronts {
            let mut members = lock(&front.members);
            members.retain(|member| !Arc::ptr_eq(&member.inbox, &self.inbox));
            if members.is_empty() {
                fronts.open.remove(&front.at);
                if let Some(reader) = lock(&front.reader).take() {
                    reader.abort();
                }
            }
        }
    }
}

impl Core {
    fn join_front(
        self: &Arc<Self>,
        at: SocketAddr,
        member: Member,
        company: Company,
    ) -> io::Result<Arc<Front>> {
        let mut fronts = lock(&self.fronts);
        if let Some(front) = fronts.open.get(&at) {
            let mut members = lock(&front.members);
            let taken = members.iter().any(|other| other.host == member.host);
            if taken || company == Company::None {
                return Err(io::ErrorKind::AddrInUse.into());
            }
            members.push(member);
            drop(members);
            return Ok(Arc::clone(front));
        }
        let socket = match fronts.sockets.get(&at).and_then(Weak::upgrade) {
            Some(_) if company == Company::None => return Err(io::ErrorKind::AddrInUse.into()),
            Some(lingering) => lingering,
            None => {
                let socket = bare::bind_udp(self.to_machine(at))?;
                let _context = self.runtime().enter();
                Arc::new(net::UdpSocket::from_std(socket)?)
            }
        };
        fronts.sockets.retain(|_, socket| socket.strong_count() > 0);
        fronts.sockets.insert(at, Arc::downgrade(&socket));
        let front = Arc::new(Front {
            at,
            socket,
            members: Mutex::new(vec![member]),
            reader: Mutex::default(),
            entrance: Mutex::default(),
        });
        fronts.open.insert(at, Arc::clone(&front));
        drop(fronts);
        let reader = read(Arc::downgrade(self), Arc::downgrade(&front), Arc::clone(&front.socket));
        let reader = self.runtime().spawn(reader).abort_handle();
        *lock(&front.reader) = Some(reader);
        Ok(front)
    }

    /// The kernel socket at an address, if a program has it.
    pub(super) fn front_at(&self, at: SocketAddr) -> Option<Arc<Front>> {
        lock(&self.fronts).open.get(&at).cloned()
    }

    /// Gives a datagram that the kernel handed over to the program it is for.
    fn arrived(&self, front: &Front, bytes: Bytes, from: SocketAddr) {
        let (now, to) = (self.now(), front.at);
        let known = lock(&self.in_flight).arrive_with_load(from, to, &bytes);
        let (sent, load) = known.unwrap_or_else(|| (self.arrived_unknown(front, &bytes, from), 0));
        front.leave_kernel(load, now);
        let Sent { cause, to_host, fate } = sent;
        let datagram = Datagram { bytes, from, to, cause };
        let outcome = match front.inbox_of(to_host) {
            None => Err("no_listener"),
            Some(inbox) => inbox.put(datagram, || self.capture().end(now, cause, fate)),
        };
        if let Err(why) = outcome {
            self.capture().end(now, cause, Fate::Lost(why));
        }
    }

    /// A datagram that none of our sockets sent: a program outside did.
    fn arrived_unknown(&self, front: &Front, bytes: &Bytes, from: SocketAddr) -> Sent {
        let to = front.at;
        if self.front_at(from).is_none() {
            lock(&self.outside).remember(from);
        }
        let topology = self.shared.topology();
        let from_host = topology.by_address(from.ip()).map(|identity| identity.id);
        let nearest = from_host.and_then(|from| topology.nearest(from, to.ip()));
        drop(topology);
        let to_host = nearest.filter(|host| front.inbox_of(Some(*host)).is_some());
        let to_host = to_host.or_else(|| front.first_host());
        let bytes = bytes.clone();
        let packet = Packet { room: room_of(from, to), from_host, to_host, from, to, bytes };
        let what = What::Datagram(packet);
        let cause = self.capture().record(self.now(), Causes::from(Cause::NONE), what);
        Sent { cause, to_host, fate: Fate::Delivered }
    }
}

impl Front {
    /// The inbox of a host's program here.
    pub(super) fn inbox_of(&self, host: Option<HostId>) -> Option<Arc<Inbox>> {
        let members = lock(&self.members);
        let member = members.iter().find(|member| Some(member.host) == host)?;
        Some(Arc::clone(&member.inbox))
    }

    /// Lets a datagram into the kernel's queue now or when there is room.
    pub(super) fn enter(&self, flight: Flight) {
        let load = flight.load();
        let now = flight.core().now();
        let mut entrance = lock(&self.entrance);
        if entrance.in_kernel == 0 {
            entrance.last_left = now;
        } else if now.since(entrance.last_left) > KERNEL_SILENCE_MAX {
            // Dropped after all: nothing of it will ever leave.
            entrance.in_kernel = 0;
        }
        if entrance.in_kernel == 0 || entrance.in_kernel + load <= KERNEL_LOAD_MAX {
            entrance.in_kernel += load;
            drop(entrance);
            if !flight.send_with_load() {
                self.leave_kernel(load, now);
            }
        } else if entrance.waiting_bytes + flight.cost() <= INBOX_BYTES_MAX {
            entrance.waiting_bytes += flight.cost();
            entrance.waiting.push_back(flight);
        } else {
            drop(entrance);
            flight.end(Fate::Lost("socket_queue"));
        }
    }

    /// Something left the kernel's queue: what waits may enter.
    fn leave_kernel(&self, load: usize, now: Time) {
        if load == 0 {
            return;
        }
        let mut entrance = lock(&self.entrance);
        entrance.last_left = now;
        entrance.in_kernel = entrance.in_kernel.saturating_sub(load);
        while let Some(next) = entrance.waiting.front() {
            let load = next.load();
            if entrance.in_kernel > 0 && entrance.in_kernel + load > KERNEL_LOAD_MAX {
                return;
            }
            let Some(next) = entrance.waiting.pop_front() else { return };
            entrance.waiting_bytes -= next.cost();
            // In the lock, so that the order stays; sending does not block.
            if next.send_with_load() {
                entrance.in_kernel += load;
            }
        }
    }

    fn first_host(&self) -> Option<HostId> {
        lock(&self.members).first().map(|member| member.host)
    }
}

/// Takes what the kernel hands over, as long as the front is there.
async fn read(core: Weak<Core>, front: Weak<Front>, socket: Arc<net::UdpSocket>) {
    loop {
        let outcome = bare::receive(&socket).await;
        let (Some(core), Some(front)) = (core.upgrade(), front.upgrade()) else { return };
        match outcome {
            Ok((bytes, from)) => core.arrived(&front, bytes, core.inside(from)),
            Err(error) => {
                tracing::error!(address = %front.at, %error, "a socket of the lab failed");
                return;
            }
        }
    }
}

/// Senders that none of our hosts is: programs outside that speak to us. What
/// goes to them leaves at once.
#[derive(Debug, Default)]
pub(super) struct Outside(VecDeque<SocketAddr>);

/// Programs outside that are remembered at most.
const OUTSIDE_MAX: usize = 256;

impl Outside {
    fn remember(&mut self, address: SocketAddr) {
        self.0.retain(|known| *known != address);
        self.0.push_back(address);
        if self.0.len() > OUTSIDE_MAX {
            self.0.pop_front();
        }
    }

    pub(super) fn knows(&self, address: SocketAddr) -> bool {
        self.0.contains(&address)
    }
}

/// A lock whose holders leave it in order even when they panic.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
