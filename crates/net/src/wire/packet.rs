//! Frames on the wire: just enough of Ethernet, IP, UDP and TCP to see who
//! speaks to whom, and to change a packet so that it stays one.
//!
//! ```text
//!  ├ to 6 ┼ from 6 ┼ type 2 ┼ IPv4 header 20… or IPv6 header 40 ┤ transport
//!  UDP  ├ from 2 ┼ to 2 ┼ length 2 ┼ checksum 2 ┤ payload
//!  TCP  ├ from 2 ┼ to 2 ┼ sequence 4 ┼ acknowledged 4 ┼ words+flags 2 ┼ … ┤
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Range;

use crate::namespace::netlink::Mac;

/// Length of an Ethernet header.
pub(crate) const ETHERNET_BYTES: usize = 14;

const TYPE_IPV4: u16 = 0x0800;
const TYPE_IPV6: u16 = 0x86dd;
const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;
const IPV4_HEADER_BYTES: usize = 20;
const IPV6_HEADER_BYTES: usize = 40;
const UDP_HEADER_BYTES: usize = 8;
const TCP_HEADER_BYTES: usize = 20;
const ICMP_HEADER_BYTES: usize = 8;
/// What a router sends its errors with.
const TIME_TO_LIVE: u8 = 64;
/// Destination unreachable: RFC 792.
const UNREACHABLE: u8 = 3;
/// Its codes: the host, or nobody listens at the port.
const UNREACHABLE_HOST: u8 = 1;
const UNREACHABLE_PORT: u8 = 3;
/// The same in IPv6, type and both codes: RFC 4443 §3.1.
const UNREACHABLE_V6: u8 = 1;
const UNREACHABLE_HOST_V6: u8 = 3;
const UNREACHABLE_PORT_V6: u8 = 4;
/// An error makes no longer packet than every IPv6 link carries: RFC 4443 §2.4.
const ERROR_BYTES_MAX_V6: usize = 1280;

/// The flags of a TCP segment that open and end connections (RFC 9293 §3.1).
pub(crate) mod flag {
    pub(crate) const FIN: u8 = 0x01;
    pub(crate) const SYN: u8 = 0x02;
    pub(crate) const RST: u8 = 0x04;
    pub(crate) const ACK: u8 = 0x10;
}

/// What a frame is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) from: IpAddr,
    pub(crate) to: IpAddr,
    pub(crate) transport: Transport,
    /// Where the payload lies in the frame: after the transport's header, or
    /// after IP's when the transport is not known.
    pub(crate) payload: Range<usize>,
}

/// What a packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    /// A whole datagram.
    Udp { from: u16, to: u16 },
    /// A segment of a stream.
    Tcp(Segment),
    /// A refusal: nobody listens where a datagram from the first address to
    /// the second arrived.
    PortUnreachable { from: SocketAddr, to: SocketAddr },
    /// Anything else, also fragments.
    Other,
}

/// The header of a TCP segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) from: u16,
    pub(crate) to: u16,
    pub(crate) sequence: u32,
    pub(crate) acknowledged: u32,
    pub(crate) flags: u8,
    pub(crate) header_bytes: usize,
}

impl View {
    /// Reads a frame; none when it is not a well-formed IP packet.
    pub(crate) fn parse(frame: &[u8]) -> Option<Self> {
        match u16_at(frame, 12)? {
            TYPE_IPV4 => Self::parse_ipv4(frame),
            TYPE_IPV6 => Self::parse_ipv6(frame),
            _ => None,
        }
    }

    /// RFC 791 §3.1.
    fn parse_ipv4(frame: &[u8]) -> Option<Self> {
        let packet = frame.get(ETHERNET_BYTES..)?;
        let first = *packet.first()?;
        let header = usize::from(first & 0x0f) * 4;
        let total = usize::from(u16_at(packet, 2)?);
        if first >> 4 != 4 || header < IPV4_HEADER_BYTES || total < header || packet.len() < total {
            return None;
        }
        let from = IpAddr::V4(Ipv4Addr::from(*packet.get(12..)?.first_chunk::<4>()?));
        let to = IpAddr::V4(Ipv4Addr::from(*packet.get(16..)?.first_chunk::<4>()?));
        let rest = ETHERNET_BYTES + header..ETHERNET_BYTES + total;
        // More fragments, or not the first one.
        let is_fragment = u16_at(packet, 6)? & 0x3fff != 0;
        let protocol = *packet.get(9)?;
        Some(Self::with_transport(frame, from, to, rest, (!is_fragment).then_some(protocol)))
    }

    /// RFC 8200 §3. Packets with extension headers count as [`Transport::Other`].
    fn parse_ipv6(frame: &[u8]) -> Option<Self> {
        let packet = frame.get(ETHERNET_BYTES..)?;
        let length = usize::from(u16_at(packet, 4)?);
        if packet.first()? >> 4 != 6 || packet.len() < IPV6_HEADER_BYTES + length {
            return None;
        }
        let from = IpAddr::V6(Ipv6Addr::from(*packet.get(8..)?.first_chunk::<16>()?));
        let to = IpAddr::V6(Ipv6Addr::from(*packet.get(24..)?.first_chunk::<16>()?));
        let start = ETHERNET_BYTES + IPV6_HEADER_BYTES;
        let protocol = *packet.get(6)?;
        Some(Self::with_transport(frame, from, to, start..start + length, Some(protocol)))
    }

    fn with_transport(
        frame: &[u8],
        from: IpAddr,
        to: IpAddr,
        rest: Range<usize>,
        protocol: Option<u8>,
    ) -> Self {
        let bytes = frame.get(rest.clone()).unwrap_or_default();
        let known = match protocol {
            Some(UDP) => udp(bytes),
            Some(TCP) => tcp(bytes),
            Some(ICMP) if from.is_ipv4() => port_unreachable(bytes),
            Some(ICMPV6) if from.is_ipv6() => port_unreachable_v6(bytes),
            _ => None,
        };
        let (transport, header) = known.unwrap_or((Transport::Other, 0));
        Self { from, to, transport, payload: rest.start + header..rest.end }
    }

    /// The two ends, when there are ports.
    pub(crate) fn ends(&self) -> Option<(SocketAddr, SocketAddr)> {
        let (from, to) = match self.transport {
            Transport::Udp { from, to } => (from, to),
            Transport::Tcp(segment) => (segment.from, segment.to),
            Transport::PortUnreachable { .. } | Transport::Other => return None,
        };
        Some((SocketAddr::new(self.from, from), SocketAddr::new(self.to, to)))
    }
}

/// RFC 768.
fn udp(bytes: &[u8]) -> Option<(Transport, usize)> {
    let whole = usize::from(u16_at(bytes, 4)?) == bytes.len();
    let ports = Transport::Udp { from: u16_at(bytes, 0)?, to: u16_at(bytes, 2)? };
    (whole && bytes.len() >= UDP_HEADER_BYTES).then_some((ports, UDP_HEADER_BYTES))
}

/// RFC 9293 §3.1.
fn tcp(bytes: &[u8]) -> Option<(Transport, usize)> {
    let header = usize::from(bytes.get(12)? >> 4) * 4;
    if header < TCP_HEADER_BYTES || bytes.len() < header {
        return None;
    }
    let segment = Segment {
        from: u16_at(bytes, 0)?,
        to: u16_at(bytes, 2)?,
        sequence: u32_at(bytes, 4)?,
        acknowledged: u32_at(bytes, 8)?,
        flags: *bytes.get(13)?,
        header_bytes: header,
    };
    Some((Transport::Tcp(segment), header))
}

/// RFC 792: the refused packet's header and 8 bytes follow the error's.
fn port_unreachable(bytes: &[u8]) -> Option<(Transport, usize)> {
    if bytes.get(..2)? != [UNREACHABLE, UNREACHABLE_PORT] {
        return None;
    }
    let refused = bytes.get(ICMP_HEADER_BYTES..)?;
    let header = usize::from(refused.first()? & 0x0f) * 4;
    let ports = refused.get(header..)?;
    if *refused.get(9)? != UDP {
        return None;
    }
    let from = Ipv4Addr::from(*refused.get(12..)?.first_chunk::<4>()?);
    let to = Ipv4Addr::from(*refused.get(16..)?.first_chunk::<4>()?);
    let from = SocketAddr::new(from.into(), u16_at(ports, 0)?);
    let to = SocketAddr::new(to.into(), u16_at(ports, 2)?);
    Some((Transport::PortUnreachable { from, to }, 0))
}

/// RFC 4443 §3.1: as much of the refused packet as fits follows.
fn port_unreachable_v6(bytes: &[u8]) -> Option<(Transport, usize)> {
    if bytes.get(..2)? != [UNREACHABLE_V6, UNREACHABLE_PORT_V6] {
        return None;
    }
    let refused = bytes.get(ICMP_HEADER_BYTES..)?;
    if *refused.get(6)? != UDP {
        return None;
    }
    let from = Ipv6Addr::from(*refused.get(8..)?.first_chunk::<16>()?);
    let to = Ipv6Addr::from(*refused.get(24..)?.first_chunk::<16>()?);
    let from = SocketAddr::new(from.into(), u16_at(refused, IPV6_HEADER_BYTES)?);
    let to = SocketAddr::new(to.into(), u16_at(refused, IPV6_HEADER_BYTES + 2)?);
    Some((Transport::PortUnreachable { from, to }, 0))
}

/// Addresses a frame to the interface at the end of a wire.
pub(crate) fn set_macs(frame: &mut [u8], to: Mac, from: Mac) {
    for (byte, value) in frame.iter_mut().zip(to.into_iter().chain(from)) {
        *byte = value;
    }
}

/// Computes the checksum of a datagram or segment anew, after its payload was
/// changed: its receiver takes it.
pub(crate) fn mend(frame: &mut [u8], view: &View) {
    let (protocol, header, place) = match view.transport {
        Transport::Udp { .. } => (UDP, UDP_HEADER_BYTES, 6),
        Transport::Tcp(segment) => (TCP, segment.header_bytes, 16),
        Transport::PortUnreachable { .. } | Transport::Other => return,
    };
    let Some(start) = view.payload.start.checked_sub(header) else { return };
    let place = start + place..start + place + 2;
    put(frame, place.clone(), &[0, 0]);
    let bytes = frame.get(start..view.payload.end).unwrap_or_default();
    let sum = fold(pseudo_header(view.from, view.to, protocol, bytes.len()) + words(bytes));
    // In UDP, zero would mean that there is none: RFC 768.
    let sum = if sum == 0 && protocol == UDP { 0xffff } else { sum };
    put(frame, place, &sum.to_be_bytes());
}

/// The pseudo header of RFC 768, RFC 9293 §3.1 and RFC 8200 §8.1, summed.
fn pseudo_header(from: IpAddr, to: IpAddr, protocol: u8, length: usize) -> u32 {
    let address = |address: IpAddr| match address {
        IpAddr::V4(address) => words(&address.octets()),
        IpAddr::V6(address) => words(&address.octets()),
    };
    let length = u32::try_from(length).unwrap_or(0);
    address(from) + address(to) + u32::from(protocol) + (length >> 16) + (length & 0xffff)
}

/// Makes a datagram. None when the ends are of two families or it is too long.
pub(crate) fn datagram(from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(UDP_HEADER_BYTES + payload.len()).ok()?;
    let mut bytes = Vec::with_capacity(usize::from(length));
    for half in [from.port(), to.port(), length, 0] {
        bytes.extend_from_slice(&half.to_be_bytes());
    }
    bytes.extend_from_slice(payload);
    ip_packet(from.ip(), to.ip(), UDP, &bytes)
}

/// Makes the segment that tears a connection down (RFC 9293 §3.10.7): with
/// `acknowledged` it refuses a SYN.
pub(crate) fn reset(
    from: SocketAddr,
    to: SocketAddr,
    sequence: u32,
    acknowledged: Option<u32>,
) -> Option<Vec<u8>> {
    let acknowledges = if acknowledged.is_some() { flag::ACK } else { 0 };
    let mut bytes = Vec::with_capacity(TCP_HEADER_BYTES);
    bytes.extend_from_slice(&from.port().to_be_bytes());
    bytes.extend_from_slice(&to.port().to_be_bytes());
    bytes.extend_from_slice(&sequence.to_be_bytes());
    bytes.extend_from_slice(&acknowledged.unwrap_or(0).to_be_bytes());
    // Five words of header, the flags, no window, checksum and pointer later.
    bytes.extend_from_slice(&[0x50, flag::RST | acknowledges, 0, 0, 0, 0, 0, 0]);
    ip_packet(from.ip(), to.ip(), TCP, &bytes)
}

/// What a router answers to a packet for a host that is not there (RFC 792,
/// RFC 1812 §5.2.7.1, RFC 4443 §3.1), in that host's name, so that the sender
/// knows which. Never to an error (RFC 1122 §3.2.2).
pub(crate) fn host_unreachable(frame: &[u8], view: &View) -> Option<Vec<u8>> {
    if !matches!(view.transport, Transport::Udp { .. } | Transport::Tcp(_)) {
        return None;
    }
    let quoted = frame.get(ETHERNET_BYTES..view.payload.start)?;
    let (protocol, kind, code, sum) = match view.to {
        IpAddr::V4(_) => (ICMP, UNREACHABLE, UNREACHABLE_HOST, 0),
        IpAddr::V6(_) => {
            let room = ERROR_BYTES_MAX_V6 - IPV6_HEADER_BYTES - ICMP_HEADER_BYTES;
            if quoted.len() > room {
                return None;
            }
            let length = ICMP_HEADER_BYTES + quoted.len();
            let sum = pseudo_header(view.to, view.from, ICMPV6, length);
            (ICMPV6, UNREACHABLE_V6, UNREACHABLE_HOST_V6, sum)
        }
    };
    let mut error = vec![kind, code, 0, 0, 0, 0, 0, 0];
    error.extend_from_slice(quoted);
    let sum = fold(sum + words(&error));
    put(&mut error, 2..4, &sum.to_be_bytes());
    ip_packet(view.to, view.from, protocol, &error)
}

/// A frame without addresses around an IP packet.
fn ip_packet(from: IpAddr, to: IpAddr, protocol: u8, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut frame = vec![0; 12];
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let total = u16::try_from(IPV4_HEADER_BYTES + bytes.len()).ok()?;
            let mut header = vec![0x45, 0];
            header.extend_from_slice(&total.to_be_bytes());
            header.extend_from_slice(&[0, 0, 0, 0, TIME_TO_LIVE, protocol, 0, 0]);
            header.extend_from_slice(&from.octets());
            header.extend_from_slice(&to.octets());
            let sum = fold(words(&header));
            put(&mut header, 10..12, &sum.to_be_bytes());
            frame.extend_from_slice(&TYPE_IPV4.to_be_bytes());
            frame.extend_from_slice(&header);
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let length = u16::try_from(bytes.len()).ok()?;
            frame.extend_from_slice(&TYPE_IPV6.to_be_bytes());
            frame.extend_from_slice(&[0x60, 0, 0, 0]);
            frame.extend_from_slice(&length.to_be_bytes());
            frame.extend_from_slice(&[protocol, TIME_TO_LIVE]);
            frame.extend_from_slice(&from.octets());
            frame.extend_from_slice(&to.octets());
        }
        _ => return None,
    }
    frame.extend_from_slice(bytes);
    let view = View::parse(&frame)?;
    mend(&mut frame, &view);
    Some(frame)
}

/// The sum of 16-bit words, RFC 1071; an odd byte is the first of its word.
fn words(bytes: &[u8]) -> u32 {
    let (pairs, odd) = bytes.as_chunks::<2>();
    let sum: u32 = pairs.iter().map(|pair| u32::from(u16::from_be_bytes(*pair))).sum();
    sum + odd.first().map_or(0, |byte| u32::from(*byte) << 8)
}

/// The checksum that a sum makes: carries added in, then complemented.
fn fold(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    !u16::try_from(sum).unwrap_or(0)
}

fn put(bytes: &mut [u8], place: Range<usize>, value: &[u8]) {
    if let Some(place) = bytes.get_mut(place) {
        place.copy_from_slice(value);
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|pair| u16::from_be_bytes(*pair))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|word| u32::from_be_bytes(*word))
}

#[cfg(test)]
mod tests;
