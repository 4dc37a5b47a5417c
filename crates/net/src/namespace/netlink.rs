//! A small rtnetlink client: devices, addresses, routes.
//!
//! ```text
//!  0       4     6      8        12       16
//!  ├ length┼ type┼ flags┼ sequence┼ port id┤ body (ifinfomsg, rtmsg, …)
//!  └ then attributes: length 2, type 2, value, padding to 4
//! ```
//! All numbers are in host order, as the kernel reads them. A socket belongs
//! for good to the namespace in which its thread was when it was made.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

use socket2::{Domain, Protocol, Socket, Type};

/// The largest answer read; acknowledgements repeat at most our own request.
const ANSWER_BYTES_MAX: usize = 16 * 1024;
/// Answers that are read before an acknowledgement is given up.
const ANSWERS_MAX: usize = 64;
/// Length of the header `nlmsghdr`.
const HEADER_BYTES: usize = 16;

const REQUEST_ACKNOWLEDGED: u16 = 0x0001 | 0x0004;
const CREATE: u16 = 0x0400;
const EXCLUSIVE: u16 = 0x0200;
const REPLACE: u16 = 0x0100;
const NLMSG_ERROR: u16 = 2;

/// `VETH_INFO_PEER` of linux/veth.h.
const VETH_INFO_PEER: u16 = 1;
/// The maximum segment size of a route's metrics, from linux/rtnetlink.h.
const RTAX_ADVMSS: u16 = 8;
/// Length of an Ethernet address.
pub(crate) type Mac = [u8; 6];

/// A socket to the kernel's tables of one network namespace.
#[derive(Debug)]
pub(crate) struct Netlink {
    socket: Socket,
    sequence: u32,
}

/// One end of a veth pair that is to be made.
#[derive(Debug)]
pub(crate) struct End<'a> {
    /// Interface name, at most 15 bytes.
    pub name: &'a str,
    /// Interface number, free in its namespace.
    pub index: u32,
    /// Ethernet address.
    pub mac: Mac,
}

/// A route that is to be added.
#[derive(Debug)]
pub(crate) struct Route {
    /// Destination and prefix length.
    pub to: (IpAddr, u8),
    /// The interface's number.
    pub interface: u32,
    /// `Local` delivers here, `Link` sends out of the interface.
    pub kind: RouteKind,
    /// Source address for sockets that have not chosen one.
    pub source: Option<IpAddr>,
}

/// What a route does with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RouteKind {
    /// Deliver to this machine (in the table of local addresses).
    Local,
    /// Send out of the interface (in the table of local addresses, which is
    /// asked first).
    LinkFirst,
    /// Send out of the interface (in the main table).
    Link,
}

/// The segment size that routes over a wire announce: the wires carry packets
/// of up to 65,535 bytes, so that no datagram is cut into fragments, but TCP
/// is to send segments of the size that an Ethernet path would carry.
const SEGMENT_BYTES: u32 = 1460;

impl Netlink {
    /// Opens a socket in the calling thread's network namespace.
    pub(crate) fn open() -> io::Result<Self> {
        let route = Protocol::from(libc::NETLINK_ROUTE);
        let socket = Socket::new(Domain::from(libc::AF_NETLINK), Type::RAW, Some(route))?;
        Ok(Self { socket, sequence: 0 })
    }

    /// Brings an interface up; `arp` off makes every neighbour reachable
    /// without asking (the wire has no one who would answer).
    pub(crate) fn link_up(&mut self, index: u32, arp: bool) -> io::Result<()> {
        let no_arp = if arp { 0 } else { libc::IFF_NOARP.cast_unsigned() };
        let flags = libc::IFF_UP.cast_unsigned() | no_arp;
        self.request(libc::RTM_NEWLINK, 0, &interface_body(index, flags, flags), |_| ())
    }

    /// Makes a veth pair: `here` in this namespace, `there` in `other`'s.
    pub(crate) fn add_veth(
        &mut self,
        here: &End<'_>,
        there: &End<'_>,
        other: BorrowedFd<'_>,
        mtu: u32,
    ) -> io::Result<()> {
        let body = interface_body(here.index, 0, 0);
        self.request(libc::RTM_NEWLINK, CREATE | EXCLUSIVE, &body, |message| {
            message.end(here, mtu);
            message.nest(libc::IFLA_LINKINFO, |info| {
                info.attribute(libc::IFLA_INFO_KIND, b"veth");
                info.nest(libc::IFLA_INFO_DATA, |data| {
                    data.nest(VETH_INFO_PEER, |peer| {
                        peer.bytes.extend_from_slice(&interface_body(there.index, 0, 0));
                        peer.end(there, mtu);
                        let fd = other.as_raw_fd().to_ne_bytes();
                        peer.attribute(libc::IFLA_NET_NS_FD, &fd);
                    });
                });
            });
        })
    }

    /// Gives an interface an address of its own, without a network around it.
    pub(crate) fn add_address(&mut self, interface: u32, address: IpAddr) -> io::Result<()> {
        let (family, bits) = family(address);
        let mut body = vec![family, bits, libc::IFA_F_NODAD.try_into().unwrap_or(0), 0];
        body.extend_from_slice(&interface.to_ne_bytes());
        let value = octets(address);
        self.request(libc::RTM_NEWADDR, CREATE | REPLACE, &body, |message| {
            message.attribute(libc::IFA_LOCAL, &value);
            message.attribute(libc::IFA_ADDRESS, &value);
        })
    }

    /// Adds or replaces a route.
    pub(crate) fn add_route(&mut self, route: &Route) -> io::Result<()> {
        let (address, bits) = route.to;
        let table = match route.kind {
            RouteKind::Local | RouteKind::LinkFirst => libc::RT_TABLE_LOCAL,
            RouteKind::Link => libc::RT_TABLE_MAIN,
        };
        let (kind, scope) = match route.kind {
            RouteKind::Local => (libc::RTN_LOCAL, libc::RT_SCOPE_HOST),
            RouteKind::LinkFirst | RouteKind::Link => (libc::RTN_UNICAST, libc::RT_SCOPE_LINK),
        };
        let scope = if address.is_ipv6() { libc::RT_SCOPE_UNIVERSE } else { scope };
        let (family, _) = family(address);
        // struct rtmsg: family, two prefix lengths, tos, table, protocol,
        // scope, type, flags.
        let mut body = vec![family, bits, 0, 0, table, libc::RTPROT_STATIC, scope, kind];
        body.extend_from_slice(&0_u32.to_ne_bytes());
        self.request(libc::RTM_NEWROUTE, CREATE | REPLACE, &body, |message| {
            if bits > 0 {
                message.attribute(libc::RTA_DST, &octets(address));
            }
            message.attribute(libc::RTA_OIF, &route.interface.to_ne_bytes());
            if let Some(source) = route.source {
                message.attribute(libc::RTA_PREFSRC, &octets(source));
            }
            if route.kind != RouteKind::Local {
                message.nest(libc::RTA_METRICS, |metrics| {
                    metrics.attribute(RTAX_ADVMSS, &SEGMENT_BYTES.to_ne_bytes());
                });
            }
        })
    }

    /// Sends one request and waits for its acknowledgement.
    fn request(
        &mut self,
        kind: u16,
        flags: u16,
        body: &[u8],
        fill: impl FnOnce(&mut Message),
    ) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut message = Message { bytes: vec![0; HEADER_BYTES] };
        message.bytes.extend_from_slice(body);
        fill(&mut message);
        let length = u32::try_from(message.bytes.len()).unwrap_or(u32::MAX);
        let mut header = Vec::with_capacity(HEADER_BYTES);
        header.extend_from_slice(&length.to_ne_bytes());
        header.extend_from_slice(&kind.to_ne_bytes());
        header.extend_from_slice(&(flags | REQUEST_ACKNOWLEDGED).to_ne_bytes());
        header.extend_from_slice(&self.sequence.to_ne_bytes());
        header.extend_from_slice(&0_u32.to_ne_bytes());
        message.bytes.splice(..HEADER_BYTES, header);
        self.socket.send(&message.bytes)?;
        self.acknowledgement()
    }

    fn acknowledgement(&self) -> io::Result<()> {
        let mut buffer = vec![0; ANSWER_BYTES_MAX];
        for _ in 0..ANSWERS_MAX {
            let length = io::Read::read(&mut &self.socket, &mut buffer)?;
            let answer = buffer.get(..length).unwrap_or_default();
            let kind = number::<2>(answer, 4).map(u16::from_ne_bytes);
            let sequence = number::<4>(answer, 8).map(u32::from_ne_bytes);
            if kind != Some(NLMSG_ERROR) || sequence != Some(self.sequence) {
                continue;
            }
            let code = number::<4>(answer, HEADER_BYTES).map_or(0, i32::from_ne_bytes);
            return if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(-code)) };
        }
        Err(io::Error::other("the kernel did not acknowledge a netlink request"))
    }
}

/// A request under construction.
struct Message {
    bytes: Vec<u8>,
}

impl Message {
    fn attribute(&mut self, kind: u16, value: &[u8]) {
        self.nest(kind, |message| message.bytes.extend_from_slice(value));
    }

    fn nest(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0, 0]);
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        fill(self);
        let length = u16::try_from(self.bytes.len() - start).unwrap_or(u16::MAX);
        self.bytes.splice(start..start + 2, length.to_ne_bytes());
        while !self.bytes.len().is_multiple_of(4) {
            self.bytes.push(0);
        }
    }

    fn end(&mut self, end: &End<'_>, mtu: u32) {
        let mut name = end.name.as_bytes().to_vec();
        name.push(0);
        self.attribute(libc::IFLA_IFNAME, &name);
        self.attribute(libc::IFLA_ADDRESS, &end.mac);
        self.attribute(libc::IFLA_MTU, &mtu.to_ne_bytes());
    }
}

/// struct ifinfomsg: family 1, padding 1, type 2, index 4, flags 4, mask 4.
fn interface_body(index: u32, flags: u32, mask: u32) -> Vec<u8> {
    let mut body = vec![0; 4];
    for word in [index, flags, mask] {
        body.extend_from_slice(&word.to_ne_bytes());
    }
    body
}

fn family(address: IpAddr) -> (u8, u8) {
    let (family, bits) = match address {
        IpAddr::V4(_) => (libc::AF_INET, 32),
        IpAddr::V6(_) => (libc::AF_INET6, 128),
    };
    (u8::try_from(family).unwrap_or(0), bits)
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_attributes_state_their_length_and_are_padded_to_four() {
        let mut message = Message { bytes: Vec::new() };
        message.nest(1, |inner| inner.attribute(2, b"abc"));
        let mut expected = Vec::new();
        for half in [12_u16, 1, 7, 2] {
            expected.extend_from_slice(&half.to_ne_bytes());
        }
        expected.extend_from_slice(b"abc\0");
        assert_eq!(message.bytes, expected);
    }

    #[test]
    fn the_kernels_refusal_is_its_error_number() {
        let mut netlink = Netlink::open().expect("a netlink socket");
        let error = netlink.link_up(2_000_000, true).expect_err("no such interface");
        let code = error.raw_os_error();
        assert!([Some(libc::ENODEV), Some(libc::EPERM)].contains(&code), "{error}");
    }
}
