//! Network namespaces of the sealed mode.
//!
//! ```text
//!  exec'ed host A        the wire             the house
//!  eth0 A/32 ───veth──── w1   (user-space     up0   every address is local:
//!  exec'ed host B        w2    forwarder)     lo    local 0.0.0.0/0 dev lo
//!  eth0 B/32 ───veth──── w0 ───────veth─────── ┘    A/32, B/32 dev up0
//! ```
//! The *house* holds all of the lab's servers on their true addresses. It is
//! entered by the whole process, before any thread starts; from then on no
//! packet of the process can leave the machine, for there is no device that
//! would carry it. Each program that runs as a host of its own lives in a
//! namespace with that host's address. The *wire* is a third kind, without
//! addresses, in which the far ends of the veth pairs lie.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

pub(crate) mod netlink;
pub(crate) mod sys;

use netlink::{Netlink, Route, RouteKind};
use sys::Kind;

/// The number of `lo` in every namespace.
const LOOPBACK: u32 = 1;
/// The number of the interface that leads to the wire, in the house and in
/// the namespaces of exec'ed hosts; far above what the kernel gives by itself.
pub(crate) const TO_WIRE: u32 = 1000;

/// Looks at IPv6 addresses before they are given up, and the wait between.
const TENTATIVE_LOOKS_MAX: u32 = 2000;
const TENTATIVE_WAIT: Duration = Duration::from_millis(1);

/// Settings of every namespace of a lab, below /proc/sys/net. Low ports and
/// ping are for everyone; packets may come from anywhere; refusals are sent
/// without a limit, so that a program learns of each.
const SETTINGS: [(&str, &str); 10] = [
    ("ipv4/ip_unprivileged_port_start", "0"),
    ("ipv4/ping_group_range", "0 2147483647"),
    ("ipv4/conf/all/rp_filter", "0"),
    ("ipv4/conf/default/rp_filter", "0"),
    ("ipv4/icmp_ratelimit", "0"),
    ("ipv6/icmp/ratelimit", "0"),
    ("ipv6/ip_nonlocal_bind", "1"),
    ("ipv6/conf/default/accept_dad", "0"),
    ("ipv6/conf/default/addr_gen_mode", "1"),
    ("ipv6/conf/default/router_solicitations", "0"),
];
/// The further setting of the wire: its interfaces say nothing by themselves.
const SILENT: (&str, &str) = ("ipv6/conf/default/disable_ipv6", "1");

/// Why a lab cannot be sealed on this machine.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// Namespaces were to be entered after threads had started.
    #[error("the process has {0} threads: namespaces must be entered by a single one")]
    Threads(usize),
    /// The kernel refuses to make the namespaces.
    #[error("this machine refuses {step} ({source})")]
    Refused {
        /// What was tried, in words.
        step: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
}

impl SealError {
    pub(crate) fn at(step: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Refused { step, source }
    }
}

impl From<SealError> for io::Error {
    fn from(error: SealError) -> Self {
        Self::new(io::ErrorKind::PermissionDenied, error)
    }
}

/// The namespace of all servers, which this process has entered.
#[derive(Debug)]
pub struct House {
    net: OwnedFd,
    user: Option<OwnedFd>,
    routes: Mutex<Netlink>,
    ipv6: bool,
}

impl House {
    /// Moves this process into a network of its own in which every address is
    /// local. Call it with one thread, before tokio starts, after all
    /// listeners for the outside are open: they stay outside.
    ///
    /// Root needs no user namespace; others get one in which they keep their
    /// user number and have capabilities over nothing but the lab.
    ///
    /// # Errors
    /// [`SealError`] when there are more threads than one or the machine
    /// refuses; the process may then be in a namespace that is of no use, so
    /// find out first with [`crate::doctor`], which tries in a child.
    pub fn enter() -> Result<Self, SealError> {
        let threads = fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
        if threads > 1 {
            return Err(SealError::Threads(threads));
        }
        let user = unshare_with_rights()?;
        let net = this_namespace("net").map_err(SealError::at("to look at its namespaces"))?;
        let mut routes = Netlink::open().map_err(SealError::at("a netlink socket"))?;
        apply(&SETTINGS);
        // AppArmor may let unshare pass and refuse this.
        routes.link_up(LOOPBACK, true).map_err(SealError::at("to bring lo up"))?;
        routes
            .add_route(&any_local(Ipv4Addr::UNSPECIFIED.into(), None))
            .map_err(SealError::at("the route that makes every address local"))?;
        let ipv6 = routes.add_route(&any_local(Ipv6Addr::UNSPECIFIED.into(), None)).is_ok();
        Ok(Self { net, user, routes: Mutex::new(routes), ipv6 })
    }

    /// The network namespace, for programs that join it.
    #[must_use]
    pub fn net(&self) -> BorrowedFd<'_> {
        self.net.as_fd()
    }

    /// The user namespace, when one was needed.
    #[must_use]
    pub fn user(&self) -> Option<BorrowedFd<'_>> {
        self.user.as_ref().map(AsFd::as_fd)
    }

    /// Whether IPv6 addresses are local too.
    #[must_use]
    pub const fn has_ipv6(&self) -> bool {
        self.ipv6
    }

    /// Chooses the source of packets whose socket has none, instead of the
    /// destination itself: the address of programs that share the house when
    /// there is no wire.
    ///
    /// # Errors
    /// As the kernel's.
    pub fn set_default_source(&self, source: Ipv4Addr) -> io::Result<()> {
        self.routes().add_route(&any_local(Ipv4Addr::UNSPECIFIED.into(), Some(source.into())))
    }

    pub(crate) fn routes(&self) -> std::sync::MutexGuard<'_, Netlink> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A network namespace besides the house, held open.
#[derive(Debug)]
pub(crate) struct Namespace {
    fd: OwnedFd,
    /// The kernel's tables of that namespace.
    pub routes: Netlink,
    /// Any socket of that namespace, for requests about its interfaces.
    pub any: Socket,
}

impl Namespace {
    /// Makes a namespace for an exec'ed host, with `lo` up. The calling
    /// thread stays where it is.
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    pub(crate) fn of_host() -> io::Result<Self> {
        std::thread::scope(|scope| {
            let maker = scope.spawn(|| {
                sys::unshare(&[Kind::Net])?;
                apply(&SETTINGS);
                let mut made = Self::here()?;
                made.routes.link_up(LOOPBACK, true)?;
                Ok(made)
            });
            maker.join().unwrap_or_else(|_| Err(io::Error::other("a namespace's thread broke")))
        })
    }

    /// Moves the calling thread, which must stay a thread of its own, into a
    /// new namespace for the wire.
    pub(crate) fn enter_wire() -> io::Result<Self> {
        sys::unshare(&[Kind::Net])?;
        apply(&SETTINGS);
        apply(&[SILENT]);
        Self::here()
    }

    fn here() -> io::Result<Self> {
        let fd = this_namespace("net")?;
        let any = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
        Ok(Self { fd, routes: Netlink::open()?, any })
    }

    /// The descriptor that programs join.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Gives the interface to the wire its addresses and sends everything
    /// there.
    pub(crate) fn settle(&mut self, addresses: &[IpAddr]) -> io::Result<()> {
        self.routes.link_up(TO_WIRE, false)?;
        for &address in addresses {
            self.routes.add_address(TO_WIRE, address)?;
        }
        let v4 = addresses.iter().copied().find(IpAddr::is_ipv4);
        let v6 = addresses.iter().copied().find(IpAddr::is_ipv6);
        let anywhere = [(v4, Ipv4Addr::UNSPECIFIED.into()), (v6, Ipv6Addr::UNSPECIFIED.into())];
        for (source, to) in anywhere {
            if source.is_some() {
                let kind = RouteKind::Link;
                self.routes.add_route(&Route { to: (to, 0), interface: TO_WIRE, kind, source })?;
            }
        }
        if v6.is_some() { self.await_ipv6() } else { Ok(()) }
    }

    /// Waits until the kernel has put its IPv6 addresses to use, which it does
    /// some time after it was told them, even without looking for duplicates.
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    fn await_ipv6(&self) -> io::Result<()> {
        let wait = || -> io::Result<()> {
            sys::setns(self.fd(), Kind::Net)?;
            for _ in 0..TENTATIVE_LOOKS_MAX {
                let addresses = fs::read_to_string("/proc/thread-self/net/if_inet6")?;
                let routes = fs::read_to_string("/proc/thread-self/net/ipv6_route")?;
                if are_in_use(&addresses, &routes) {
                    return Ok(());
                }
                std::thread::sleep(TENTATIVE_WAIT);
            }
            Err(io::Error::new(io::ErrorKind::TimedOut, "its IPv6 addresses stay tentative"))
        };
        let broken = |_| Err(io::Error::other("a namespace's thread broke"));
        std::thread::scope(|scope| scope.spawn(wait).join().unwrap_or_else(broken))
    }
}

/// Whether all addresses of /proc/net/if_inet6 are in use: the kernel first
/// takes an address out of its tentative state and then adds the route by
/// which the host reaches itself, so it is the route that counts. In
/// /proc/net/ipv6_route a line has the destination, its prefix length, …, and
/// in the ninth column the flags, all in hexadecimal.
fn are_in_use(addresses: &str, routes: &str) -> bool {
    let local: Vec<&str> = routes
        .lines()
        .filter_map(|line| {
            let columns: Vec<&str> = line.split_whitespace().collect();
            let flags = u32::from_str_radix(columns.get(8)?, 16).ok()?;
            let is_own = columns.get(1) == Some(&"80") && flags & LOCAL_ROUTE != 0;
            is_own.then(|| columns.first().copied())?
        })
        .collect();
    addresses
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .all(|address| local.contains(&address))
}

/// `RTF_LOCAL` of linux/ipv6_route.h.
const LOCAL_ROUTE: u32 = 0x8000_0000;

/// The calling thread's namespace of one kind, as a descriptor.
pub(crate) fn this_namespace(kind: &str) -> io::Result<OwnedFd> {
    fs::File::open(format!("/proc/thread-self/ns/{kind}")).map(OwnedFd::from)
}

/// New namespaces; the user namespace is returned when one was needed.
fn unshare_with_rights() -> Result<Option<OwnedFd>, SealError> {
    if sys::unshare(&[Kind::Net]).is_ok() {
        return Ok(None);
    }
    let (uid, gid) = sys::who_am_i();
    sys::unshare(&[Kind::User, Kind::Net])
        .map_err(SealError::at("a user namespace with a network in it"))?;
    let step = "to write the numbers of the user namespace";
    // A group map needs setgroups off first (user_namespaces(7)).
    fs::write("/proc/self/setgroups", "deny").map_err(SealError::at(step))?;
    fs::write("/proc/self/uid_map", format!("{uid} {uid} 1")).map_err(SealError::at(step))?;
    fs::write("/proc/self/gid_map", format!("{gid} {gid} 1")).map_err(SealError::at(step))?;
    this_namespace("user").map(Some).map_err(SealError::at("to look at its namespaces"))
}

/// Writes settings of the calling thread's namespace. One that this kernel
/// does not have, or that a container keeps from us, stays as it is.
fn apply(settings: &[(&str, &str)]) {
    for (name, value) in settings {
        if let Err(error) = fs::write(format!("/proc/sys/net/{name}"), value) {
            tracing::debug!(name, %error, "a setting of a network namespace stays as it is");
        }
    }
}

fn any_local(to: IpAddr, source: Option<IpAddr>) -> Route {
    Route { to: (to, 0), interface: LOOPBACK, kind: RouteKind::Local, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_in_use_when_the_host_reaches_itself_by_it() {
        let zeros = "00000000000000000000000000000000";
        let address = "20010db8000000000000000000000006";
        let listed = format!("{address} 3e8 80 00 82     eth0\n");
        let line = |flags: &str| {
            format!("{address} 80 {zeros} 00 {zeros} 00000000 00000002 00000000 {flags} eth0\n")
        };
        assert!(!are_in_use(&listed, &line("00000001")));
        assert!(are_in_use(&listed, &line("80200001")));
        assert!(!are_in_use(&listed, ""));
        assert!(are_in_use("", ""));
    }
}
