//! IP packets as they would be on a wire, with right lengths and checksums.
//!
//! ```text
//!   IPv4: 45 00 len(2) id(2) 40 00 ttl proto sum(2) source(4) destination(4)
//!   IPv6: 60 00 00 00 len(2) next hops source(16) destination(16)
//!   UDP:  source(2) destination(2) len(2) sum(2)
//!   TCP:  source(2) destination(2) seq(4) ack(4) offset+flags(2) win(2) sum(2) 0 0
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Hops that a packet may take; RFC 1340 recommends 64.
const HOPS: u8 = 64;

const PROTOCOL_TCP: u8 = 6;
const PROTOCOL_UDP: u8 = 17;

/// Flags of a TCP segment: RFC 9293 §3.1.
pub(super) const FIN: u8 = 0x01;
pub(super) const SYN: u8 = 0x02;
pub(super) const RST: u8 = 0x04;
pub(super) const PSH: u8 = 0x08;
pub(super) const ACK: u8 = 0x10;

/// With the scale of [`SYN_OPTIONS`] it stands for 8 MiB.
const TCP_WINDOW: u16 = u16::MAX;

/// Maximum segment size 1460 (RFC 9293 §3.2), then nothing, then window scale 7
/// (RFC 7323 §2.2).
const SYN_OPTIONS: [u8; 8] = [2, 4, 0x05, 0xb4, 1, 3, 3, 7];

/// The numbers of one TCP segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) sequence: u32,
    pub(super) acknowledged: u32,
    pub(super) flags: u8,
}

/// A UDP packet; none when the two addresses are of different families or the
/// payload is too long.
pub(super) fn udp(from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Option<Vec<u8>> {
    let size = u16::try_from(8 + payload.len()).ok()?;
    let mut part = Vec::with_capacity(usize::from(size));
    part.extend(from.port().to_be_bytes());
    part.extend(to.port().to_be_bytes());
    part.extend(size.to_be_bytes());
    part.extend([0; 2]);
    part.extend(payload);
    let ends = Ends::new(from.ip(), to.ip())?;
    let sum = match ends.checksum(PROTOCOL_UDP, &part) {
        // RFC 768: zero would say that there is none.
        0 => u16::MAX,
        sum => sum,
    };
    part[6..8].copy_from_slice(&sum.to_be_bytes());
    ends.packet(PROTOCOL_UDP, &part)
}

/// A TCP packet; none as for [`udp`].
pub(super) fn tcp(
    from: SocketAddr,
    to: SocketAddr,
    segment: Segment,
    payload: &[u8],
) -> Option<Vec<u8>> {
    let options: &[u8] = if segment.flags & SYN != 0 { &SYN_OPTIONS } else { &[] };
    let words = u8::try_from((20 + options.len()) / 4).ok()?;
    let mut part = Vec::with_capacity(20 + options.len() + payload.len());
    part.extend(from.port().to_be_bytes());
    part.extend(to.port().to_be_bytes());
    part.extend(segment.sequence.to_be_bytes());
    part.extend(segment.acknowledged.to_be_bytes());
    part.extend([words << 4, segment.flags]);
    part.extend(TCP_WINDOW.to_be_bytes());
    part.extend([0; 4]);
    part.extend(options);
    part.extend(payload);
    let ends = Ends::new(from.ip(), to.ip())?;
    let sum = ends.checksum(PROTOCOL_TCP, &part);
    part[16..18].copy_from_slice(&sum.to_be_bytes());
    ends.packet(PROTOCOL_TCP, &part)
}

/// Two addresses of one family.
#[derive(Clone, Copy, Debug)]
enum Ends {
    V4(Ipv4Addr, Ipv4Addr),
    V6(Ipv6Addr, Ipv6Addr),
}

impl Ends {
    fn new(from: IpAddr, to: IpAddr) -> Option<Self> {
        match (from, to) {
            (IpAddr::V4(from), IpAddr::V4(to)) => Some(Self::V4(from, to)),
            (IpAddr::V6(from), IpAddr::V6(to)) => Some(Self::V6(from, to)),
            _ => None,
        }
    }

    /// The checksum over the pseudo header and `part`: RFC 768, RFC 8200 §8.1.
    fn checksum(self, protocol: u8, part: &[u8]) -> u16 {
        let mut sum = Sum::default();
        match self {
            Self::V4(from, to) => {
                sum.add(&from.octets());
                sum.add(&to.octets());
            }
            Self::V6(from, to) => {
                sum.add(&from.octets());
                sum.add(&to.octets());
            }
        }
        sum.add(&[0, protocol]);
        sum.add(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        sum.add(part);
        sum.value()
    }

    fn packet(self, protocol: u8, part: &[u8]) -> Option<Vec<u8>> {
        let mut packet = Vec::with_capacity(40 + part.len());
        match self {
            Self::V4(from, to) => {
                let size = u16::try_from(20 + part.len()).ok()?;
                packet.extend([0x45, 0]);
                packet.extend(size.to_be_bytes());
                packet.extend([0, 0, 0x40, 0, HOPS, protocol, 0, 0]);
                packet.extend(from.octets());
                packet.extend(to.octets());
                let mut sum = Sum::default();
                sum.add(&packet);
                packet[10..12].copy_from_slice(&sum.value().to_be_bytes());
            }
            Self::V6(from, to) => {
                let size = u16::try_from(part.len()).ok()?;
                packet.extend([0x60, 0, 0, 0]);
                packet.extend(size.to_be_bytes());
                packet.extend([protocol, HOPS]);
                packet.extend(from.octets());
                packet.extend(to.octets());
            }
        }
        packet.extend(part);
        Some(packet)
    }
}

/// The sum of sixteen-bit words: RFC 1071.
#[derive(Clone, Copy, Debug, Default)]
struct Sum(u64);

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        for pair in bytes.chunks(2) {
            let word = [pair[0], pair.get(1).copied().unwrap_or(0)];
            self.0 += u64::from(u16::from_be_bytes(word));
        }
    }

    fn value(self) -> u16 {
        let mut sum = self.0;
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !u16::try_from(sum).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_rfc_1071() {
        // RFC 1071 §3: the words 0001 f203 f4f5 f6f7 sum to ddf2.
        let mut sum = Sum::default();
        sum.add(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
        assert_eq!(sum.value(), !0xddf2);
    }

    #[test]
    fn a_packet_verifies_to_zero_in_both_families() {
        for (from, to) in [("10.0.0.1:5", "10.0.0.2:53"), ("[fd00::1]:5", "[fd00::2]:53")] {
            let (from, to): (SocketAddr, SocketAddr) = (from.parse().unwrap(), to.parse().unwrap());
            let ends = Ends::new(from.ip(), to.ip()).unwrap();
            let header = if from.is_ipv4() { 20 } else { 40 };
            for payload in [&b"odd"[..], b"even", b""] {
                let packet = udp(from, to, payload).unwrap();
                assert_eq!(ends.checksum(PROTOCOL_UDP, &packet[header..]), 0);
                let segment = Segment { sequence: 1, acknowledged: 2, flags: SYN };
                let packet = tcp(from, to, segment, payload).unwrap();
                assert_eq!(ends.checksum(PROTOCOL_TCP, &packet[header..]), 0);
            }
        }
    }

    #[test]
    fn the_longest_datagram_fits_and_a_longer_one_does_not() {
        let (from, to) = ("10.0.0.1:5".parse().unwrap(), "10.0.0.2:53".parse().unwrap());
        assert_eq!(udp(from, to, &[0; 65_507]).map(|packet| packet.len()), Some(65_535));
        assert_eq!(udp(from, to, &[0; 65_508]), None);
    }
}
