//! Where iteration begins: the names and addresses of the root servers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::message::Record;
use crate::{Name, RecordType};

/// The servers of the root as they are known before anything was asked (RFC 9609 §2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hints {
    /// Each server with its addresses.
    pub servers: Vec<(Name, Vec<IpAddr>)>,
}

impl Hints {
    /// The thirteen names of the root at their true addresses (course D2).
    pub fn internet() -> Self {
        let servers = ROOT_SERVERS.iter().map(|(letter, v4, v6)| {
            let name = [b"\x01", letter.as_slice(), b"\x0croot-servers\x03net\x00"].concat();
            let name = Name::from_wire(&name).unwrap_or_else(|_| Name::root());
            let v4 = IpAddr::V4(Ipv4Addr::from(*v4));
            (name, vec![v4, IpAddr::V6(Ipv6Addr::from(*v6))])
        });
        Self { servers: servers.collect() }
    }

    /// The servers that the NS records of the root name, with the A and AAAA records of these
    /// names: the content of a hints file. None when no server has an address.
    pub fn from_records(records: &[Record]) -> Option<Self> {
        let mut servers: Vec<(Name, Vec<IpAddr>)> = Vec::new();
        for name in records.iter().filter(|record| record.name.is_root()).filter_map(Record::ns) {
            if servers.iter().any(|(known, _)| *known == name) {
                continue;
            }
            let own = records.iter().filter(|record| record.name == name);
            let addresses = own.filter_map(|record| match record.rtype {
                RecordType::A => record.a().map(IpAddr::V4),
                RecordType::AAAA => record.aaaa().map(IpAddr::V6),
                _ => None,
            });
            let addresses: Vec<IpAddr> = addresses.collect();
            servers.push((name, addresses));
        }
        let usable = servers.iter().any(|(_, addresses)| !addresses.is_empty());
        usable.then_some(Self { servers })
    }
}

/// Letter, IPv4 and IPv6 address as of the root hints file of December 2023.
const ROOT_SERVERS: [([u8; 1], [u8; 4], [u16; 8]); 13] = [
    (*b"a", [198, 41, 0, 4], [0x2001, 0x503, 0xba3e, 0, 0, 0, 2, 0x30]),
    (*b"b", [170, 247, 170, 2], [0x2801, 0x1b8, 0x10, 0, 0, 0, 0, 0xb]),
    (*b"c", [192, 33, 4, 12], [0x2001, 0x500, 2, 0, 0, 0, 0, 0xc]),
    (*b"d", [199, 7, 91, 13], [0x2001, 0x500, 0x2d, 0, 0, 0, 0, 0xd]),
    (*b"e", [192, 203, 230, 10], [0x2001, 0x500, 0xa8, 0, 0, 0, 0, 0xe]),
    (*b"f", [192, 5, 5, 241], [0x2001, 0x500, 0x2f, 0, 0, 0, 0, 0xf]),
    (*b"g", [192, 112, 36, 4], [0x2001, 0x500, 0x12, 0, 0, 0, 0, 0xd0d]),
    (*b"h", [198, 97, 190, 53], [0x2001, 0x500, 1, 0, 0, 0, 0, 0x53]),
    (*b"i", [192, 36, 148, 17], [0x2001, 0x7fe, 0, 0, 0, 0, 0, 0x53]),
    (*b"j", [192, 58, 128, 30], [0x2001, 0x503, 0xc27, 0, 0, 0, 2, 0x30]),
    (*b"k", [193, 0, 14, 129], [0x2001, 0x7fd, 0, 0, 0, 0, 0, 1]),
    (*b"l", [199, 7, 83, 42], [0x2001, 0x500, 0x9f, 0, 0, 0, 0, 0x42]),
    (*b"m", [202, 12, 27, 33], [0x2001, 0xdc3, 0, 0, 0, 0, 0, 0x35]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Rdata;

    #[test]
    fn the_root_has_thirteen_names_with_two_addresses_each() {
        // Goal: course D2: thirteen names.
        let hints = Hints::internet();
        assert_eq!(hints.servers.len(), 13);
        assert_eq!(hints.servers[0].0, Name::parse("a.root-servers.net").unwrap());
        assert_eq!(hints.servers[12].1[1].to_string(), "2001:dc3::35");
        assert_eq!(hints.servers[9].1[1].to_string(), "2001:503:c27::2:30");
        assert!(hints.servers.iter().all(|(_, addresses)| addresses.len() == 2));
    }

    #[test]
    fn a_hints_file_without_any_address_is_no_hints() {
        let server = Name::parse("ns.lab").unwrap();
        let ns = Record::new(Name::root(), RecordType::NS, 60, Rdata::name(&server));
        assert_eq!(Hints::from_records(std::slice::from_ref(&ns)), None);
        let a = Record::new(server.clone(), RecordType::A, 60, Rdata::a([192, 0, 2, 1].into()));
        let hints = Hints::from_records(&[ns, a]).unwrap();
        assert_eq!(hints.servers, [(server, vec![[192, 0, 2, 1].into()])]);
    }
}
