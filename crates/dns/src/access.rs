//! Who may ask.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A block of addresses: `192.168.0.0/16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressBlock {
    address: IpAddr,
    prefix: u8,
}

/// A text is no block of addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a block of addresses; write 192.168.0.0/16, 2001:db8::/32 or one address")]
pub struct NotABlock(pub String);

impl AddressBlock {
    /// Whether `address` is in the block. An IPv4 address in IPv6 form counts
    /// as what it is.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(block), IpAddr::V4(one)) => {
                let shift = 32 - u32::from(self.prefix.min(32));
                (u64::from(block.to_bits()) >> shift) == (u64::from(one.to_bits()) >> shift)
            }
            (IpAddr::V6(block), IpAddr::V6(one)) => {
                let shift = 128 - u32::from(self.prefix.min(128));
                block.to_bits().checked_shr(shift) == one.to_bits().checked_shr(shift)
            }
            _ => false,
        }
    }

    /// The networks of one's own that no route of the Internet leads to:
    /// loopback, private (RFC 1918), link-local and unique local (RFC 4193).
    #[must_use]
    pub fn own_networks() -> Vec<Self> {
        let v4 = |a, b, prefix| Self { address: Ipv4Addr::new(a, b, 0, 0).into(), prefix };
        let v6 = |first, prefix| Self {
            address: Ipv6Addr::new(first, 0, 0, 0, 0, 0, 0, 0).into(),
            prefix,
        };
        vec![
            v4(127, 0, 8),
            v4(10, 0, 8),
            v4(172, 16, 12),
            v4(192, 168, 16),
            v4(169, 254, 16),
            Self { address: Ipv6Addr::LOCALHOST.into(), prefix: 128 },
            v6(0xfe80, 10),
            v6(0xfc00, 7),
        ]
    }

    /// Everybody: right only inside a network that nobody else reaches.
    #[must_use]
    pub fn everybody() -> Vec<Self> {
        vec![
            Self { address: Ipv4Addr::UNSPECIFIED.into(), prefix: 0 },
            Self { address: Ipv6Addr::UNSPECIFIED.into(), prefix: 0 },
        ]
    }
}

impl FromStr for AddressBlock {
    type Err = NotABlock;

    fn from_str(text: &str) -> Result<Self, NotABlock> {
        let wrong = || NotABlock(text.to_owned());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(longest), |text| text.parse::<u8>().map_err(|_| wrong()))?;
        if prefix > longest { Err(wrong()) } else { Ok(Self { address, prefix }) }
    }
}

impl From<IpAddr> for AddressBlock {
    /// The block of one address.
    fn from(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self { address, prefix: if address.is_ipv4() { 32 } else { 128 } }
    }
}

impl fmt::Display for AddressBlock {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_contains_the_addresses_that_share_its_prefix() {
        let check = |block: &str, address: &str, expect: bool| {
            let block: AddressBlock = block.parse().expect("a block");
            let address = address.parse().expect("an address");
            assert_eq!(block.contains(address), expect, "{block} and {address}");
        };
        check("192.168.0.0/16", "192.168.255.1", true);
        check("192.168.0.0/16", "192.169.0.1", false);
        check("0.0.0.0/0", "8.8.8.8", true);
        check("0.0.0.0/0", "::1", false);
        check("::/0", "2001:db8::1", true);
        check("127.0.0.1", "127.0.0.1", true);
        check("127.0.0.1", "127.0.0.2", false);
        check("10.0.0.0/8", "::ffff:10.1.2.3", true);
        check("fc00::/7", "fd12::1", true);
    }

    #[test]
    fn what_is_no_block_is_told() {
        for text in ["", "1.2.3/8", "1.2.3.4/33", "::/129", "1.2.3.4/x"] {
            assert_eq!(text.parse::<AddressBlock>(), Err(NotABlock(text.to_owned())));
        }
    }

    #[test]
    fn public_addresses_are_not_ones_own() {
        let own = AddressBlock::own_networks();
        let is_own = |text: &str| {
            let address = text.parse().expect("an address");
            own.iter().any(|block| block.contains(address))
        };
        assert!(is_own("127.1.2.3") && is_own("172.31.0.1") && is_own("::1") && is_own("fe80::1"));
        assert!(!is_own("172.32.0.1") && !is_own("9.9.9.9") && !is_own("2001:db8::1"));
    }
}
