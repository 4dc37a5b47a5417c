//! The wire: what carries packets between exec'ed programs and the house.
//!
//! ```text
//!    A's namespace        a thread in a namespace of its own        house
//!    eth0 ──veth── [packet socket]            [packet socket] ──veth── up0
//!                        │                           ▲
//!                        ▼                           │
//!                  record · faults · own access · regions · their access
//!                        │
//!    eth0 ──veth── [packet socket]
//!    B's namespace
//! ```
//! The thread is a switch with the links of the topology in it: the model that
//! shapes the sockets of the house shapes each packet of a foreign program,
//! in both directions. The far ends have an MTU of 65,535, so that a datagram
//! is one packet here as it is in the house, and routes that keep TCP's
//! segments at the size of an Ethernet path.
//!
//! A corrupted datagram gets a right checksum, so that the program sees the
//! changed bit as it would in the house; a corrupted segment keeps its wrong
//! one, is dropped by its receiver and sent again.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use socket2::{Domain, Socket, Type};

pub(crate) mod packet;
pub(crate) mod port;

mod harm;
mod record;
mod streams;
mod switch;

use port::Port;
use switch::{Flight, Switch};

use crate::capture::HostId;
use crate::host::Host;
use crate::namespace::netlink::{End, Mac, Route, RouteKind};
use crate::namespace::{House, Namespace, TO_WIRE, sys};
use crate::network::{Engine, Network};

/// The largest packet of every interface of a lab: IP's own limit.
pub(crate) const MTU: u32 = 65_535;
/// Interface numbers on the wire begin after this one.
const FIRST_PORT: u32 = 2000;
/// The `ETHTOOL_` commands of linux/ethtool.h that switch off what real cards
/// do for the kernel and a packet socket would have to do: receive and
/// transmit checksums, scatter-gather, TCP and generic segmentation, generic
/// receive offload.
const OFFLOADS: [u32; 6] = [0x15, 0x17, 0x19, 0x1f, 0x24, 0x2c];

/// The wire of a sealed lab and the namespaces at its ends.
#[derive(Debug)]
pub struct Wire {
    network: Network,
    house: Arc<House>,
    mail: Mailbox,
    thread: Option<JoinHandle<()>>,
    ends: Mutex<BTreeMap<HostId, Namespace>>,
}

/// Why a host cannot have a wire of its own.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The network has no kernel sockets, or another lab's.
    #[error("programs can be run as hosts in a sealed lab only")]
    NotSealed,
    /// Its address would be in two places.
    #[error(
        "{0} runs services of the lab itself, so no other program can be that host: choose a \
         host without services, or a new name"
    )]
    Busy(String),
    /// It has no address.
    #[error("{0} has no address, so no program can run as it")]
    NoAddress(String),
    /// The kernel refused.
    #[error("cannot make a namespace for {host}: {source}")]
    Refused {
        /// The host's name.
        host: String,
        /// What the kernel said.
        source: io::Error,
    },
}

/// What the switch is told.
pub(crate) enum Command {
    /// Here is the near end of a host's wire.
    Attach { host: HostId, interface: u32, done: mpsc::Sender<io::Result<()>> },
    /// A packet that a fault held back goes on.
    Depart(Box<Flight>),
    /// The lab ends.
    Stop,
}

/// The way into the switch's thread.
#[derive(Clone, Debug)]
pub(crate) struct Mailbox {
    commands: mpsc::Sender<Command>,
    bell: Arc<UnixStream>,
}

impl Mailbox {
    pub(crate) fn send(&self, command: Command) {
        // The thread ends with the lab; what is told it later is of no use.
        let _gone = self.commands.send(command);
        // A full bell rings already.
        let _rings = io::Write::write(&mut &*self.bell, &[0]);
    }
}

impl Wire {
    /// Starts the wire of a sealed lab.
    ///
    /// # Errors
    /// When the network is not of this process's sockets, or the kernel
    /// refuses veth pairs or packet sockets: `doctor` tells beforehand.
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    pub fn start(network: &Network, house: Arc<House>) -> io::Result<Self> {
        let Engine::Real(core) = network.engine() else {
            return Err(io::Error::new(io::ErrorKind::Unsupported, WireError::NotSealed));
        };
        let (commands, inbox) = mpsc::channel();
        let (bell, ear) = UnixStream::pair()?;
        bell.set_nonblocking(true)?;
        ear.set_nonblocking(true)?;
        let mail = Mailbox { commands, bell: Arc::new(bell) };
        let (begun, ready) = mpsc::channel();
        let shared = Arc::clone(&network.shared);
        let (core, to_house, own_mail) = (Arc::clone(core), Arc::clone(&house), mail.clone());
        let work = move || {
            let opened = Namespace::enter_wire().and_then(|mut wire| {
                let port = open_house_port(&mut wire, &to_house)?;
                Ok((wire, port))
            });
            match opened {
                Ok((wire, port)) => {
                    let _told = begun.send(Ok(wire));
                    Switch::new(core, shared, own_mail, port).run(&inbox, &ear);
                }
                Err(error) => {
                    let _told = begun.send(Err(error));
                }
            }
        };
        let thread = std::thread::Builder::new().name("capa7-wire".into()).spawn(work)?;
        let wire = ready.recv().map_err(io::Error::other)??;
        settle_house(&house)?;
        let ends = Mutex::new(BTreeMap::new());
        let mut made = Self { network: network.clone(), house, mail, thread: Some(thread), ends };
        made.keep_wire(wire);
        Ok(made)
    }

    fn keep_wire(&mut self, wire: Namespace) {
        let ends = self.ends.get_mut().unwrap_or_else(PoisonError::into_inner);
        ends.insert(WIRE_ITSELF, wire);
    }

    /// The network namespace of a host, for a program that is to run as it:
    /// made at the first call and kept until the lab ends, so that several
    /// programs can be one host.
    ///
    /// # Errors
    /// When the host runs the lab's own services or has no address, or the
    /// kernel refuses.
    pub fn attach(&self, host: &Host) -> Result<OwnedFd, WireError> {
        let name = || host.name().to_owned();
        let refused = |source| WireError::Refused { host: name(), source };
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(end) = ends.get(&host.id()) {
            return end.fd().try_clone_to_owned().map_err(refused);
        }
        let Engine::Real(core) = self.network.engine() else { return Err(WireError::NotSealed) };
        if host.addresses().is_empty() {
            return Err(WireError::NoAddress(name()));
        }
        if host.addresses().iter().any(|address| core.has_sockets_at(*address)) {
            return Err(WireError::Busy(name()));
        }
        let wire = ends.get_mut(&WIRE_ITSELF).ok_or(WireError::NotSealed)?;
        let end = make_end(wire, host).map_err(refused)?;
        let (done, ready) = mpsc::channel();
        let interface = FIRST_PORT + 1 + host.id().0;
        self.mail.send(Command::Attach { host: host.id(), interface, done });
        ready.recv().map_err(io::Error::other).and_then(|told| told).map_err(refused)?;
        for address in host.addresses() {
            self.house.routes().add_route(&way_to(*address)).map_err(refused)?;
        }
        core.mark_foreign(host.id());
        let fd = end.fd().try_clone_to_owned().map_err(refused)?;
        ends.insert(host.id(), end);
        Ok(fd)
    }

    /// The house at this wire's other end.
    #[must_use]
    pub fn house(&self) -> &House {
        &self.house
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.mail.send(Command::Stop);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the wire's thread broke");
        }
    }
}

/// The place of the wire's own namespace among the ends; no host has it.
const WIRE_ITSELF: HostId = HostId(u32::MAX);

/// Makes the veth pair to the house, in the calling thread's namespace.
fn open_house_port(wire: &mut Namespace, house: &House) -> io::Result<Port> {
    let [near, far] = macs(FIRST_PORT);
    let near = End { name: "house", index: FIRST_PORT, mac: near };
    let far = End { name: "up0", index: TO_WIRE, mac: far };
    wire.routes.add_veth(&near, &far, house.net(), MTU)?;
    wire.routes.link_up(FIRST_PORT, false)?;
    Port::open(FIRST_PORT)
}

/// Readies the house's end; the calling thread is in the house.
fn settle_house(house: &House) -> io::Result<()> {
    let any = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
    offloads_off(&any, "up0");
    house.routes().link_up(TO_WIRE, false)
}

/// Makes a host's namespace and the veth pair to it, up but without a packet
/// socket at its near end.
fn make_end(wire: &mut Namespace, host: &Host) -> io::Result<Namespace> {
    let index = FIRST_PORT + 1 + host.id().0;
    let mut end = Namespace::of_host()?;
    let [near, far] = macs(index);
    let name = format!("h{}", host.id().0);
    let near = End { name: &name, index, mac: near };
    let far = End { name: "eth0", index: TO_WIRE, mac: far };
    wire.routes.add_veth(&near, &far, end.fd().as_fd(), MTU)?;
    wire.routes.link_up(index, false)?;
    offloads_off(&end.any, "eth0");
    end.settle(host.addresses())?;
    Ok(end)
}

fn offloads_off(socket: &Socket, interface: &str) {
    for command in OFFLOADS {
        if let Err(error) = sys::ethtool_set(socket, interface, command, 0) {
            tracing::debug!(interface, command, %error, "an offload stays as it is");
        }
    }
}

/// The house's way to an exec'ed host: before the route by which the house
/// itself has every address.
fn way_to(address: IpAddr) -> Route {
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let kind = RouteKind::LinkFirst;
    Route { to: (address, bits), interface: TO_WIRE, kind, source: None }
}

/// The Ethernet addresses of a pair's near and far end: locally administered,
/// told apart by the interface's number.
pub(crate) const fn macs(interface: u32) -> [Mac; 2] {
    let [a, b, c, d] = interface.to_be_bytes();
    [[0x02, 0, a, b, c, d], [0x02, 1, a, b, c, d]]
}
