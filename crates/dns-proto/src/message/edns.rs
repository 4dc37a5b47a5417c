//! EDNS: the OPT record and its options (RFC 6891 §6.1).
//!
//! ```text
//!   root name | type 41 | class = payload | ttl = rcode', version, do | rdlength | options
//!       1          2            2              1      1        2           2
//!
//!   option:  code (2) | length (2) | data
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::message::{ParseError, Reader};

/// What the OPT record says; the upper bits of the response code are in the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edns {
    /// The largest datagram that the sender takes.
    pub payload_octets: u16,
    /// The version, 0 in all of today's.
    pub version: u8,
    /// The sender takes DNSSEC records (RFC 3225 §3).
    pub dnssec_ok: bool,
    /// The other 15 flag bits, all unassigned: kept for the page.
    pub reserved: u16,
    /// The options, in wire order.
    pub options: Vec<EdnsOption>,
}

/// One option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EdnsOption {
    /// The name of the answering server, empty in a query (RFC 5001 §2.3).
    Nsid(Vec<u8>),
    /// Cookies (RFC 7873 §4).
    Cookie {
        /// The client's eight octets.
        client: [u8; 8],
        /// The server's: none, or 8 to 32 octets.
        server: Vec<u8>,
    },
    /// Why an answer is as it is (RFC 8914 §2).
    ExtendedError(ExtendedError),
    /// The network of the client (RFC 7871 §6).
    ClientSubnet {
        /// The network's address, zero beyond the prefix.
        address: IpAddr,
        /// Bits that the asker tells.
        source_prefix: u8,
        /// Bits for which the answer holds.
        scope_prefix: u8,
    },
    /// How long an idle TCP connection stays open, in 100 ms (RFC 7828 §3.1); none in a query.
    TcpKeepalive(Option<u16>),
    /// Octets without meaning that hide the length (RFC 7830 §3).
    Padding(Vec<u8>),
    /// Any other option, or one of the above that breaks its form.
    Other {
        /// The option's code.
        code: u16,
        /// Its octets.
        data: Vec<u8>,
    },
}

/// An extended DNS error (RFC 8914 §2): why an answer failed or is special.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ExtendedError {
    /// The code; see the constants.
    pub code: u16,
    /// Text for people, possibly empty.
    pub text: String,
}

impl ExtendedError {
    /// None of the others.
    pub const OTHER: u16 = 0;
    /// The data is past its time (RFC 8914 §4.4).
    pub const STALE_ANSWER: u16 = 3;
    /// A failure that was kept (RFC 8914 §4.14).
    pub const CACHED_ERROR: u16 = 13;
    /// The server is not ready yet (RFC 8914 §4.15).
    pub const NOT_READY: u16 = 14;
    /// The client may not ask (RFC 8914 §4.19).
    pub const PROHIBITED: u16 = 18;
    /// Recursion was not wanted and nothing is known (RFC 8914 §4.21).
    pub const NOT_AUTHORITATIVE: u16 = 20;
    /// The kind of query is not supported (RFC 8914 §4.22).
    pub const NOT_SUPPORTED: u16 = 21;
    /// No server of the zone gave an answer (RFC 8914 §4.23).
    pub const NO_REACHABLE_AUTHORITY: u16 = 22;
    /// The network failed (RFC 8914 §4.24).
    pub const NETWORK_ERROR: u16 = 23;
    /// The data of the zone cannot be used (RFC 8914 §4.25).
    pub const INVALID_DATA: u16 = 24;

    /// The answer was made by the server itself (registered after RFC 8914).
    pub const SYNTHESIZED: u16 = 29;

    /// The name of a registered code.
    pub const fn name(code: u16) -> Option<&'static str> {
        Some(match code {
            0 => "Other Error",
            1 => "Unsupported DNSKEY Algorithm",
            2 => "Unsupported DS Digest Type",
            3 => "Stale Answer",
            4 => "Forged Answer",
            5 => "DNSSEC Indeterminate",
            6 => "DNSSEC Bogus",
            7 => "Signature Expired",
            8 => "Signature Not Yet Valid",
            9 => "DNSKEY Missing",
            10 => "RRSIGs Missing",
            11 => "No Zone Key Bit Set",
            12 => "NSEC Missing",
            13 => "Cached Error",
            14 => "Not Ready",
            15 => "Blocked",
            16 => "Censored",
            17 => "Filtered",
            18 => "Prohibited",
            19 => "Stale NXDOMAIN Answer",
            20 => "Not Authoritative",
            21 => "Not Supported",
            22 => "No Reachable Authority",
            23 => "Network Error",
            24 => "Invalid Data",
            29 => "Synthesized",
            _ => return None,
        })
    }
}

impl Default for Edns {
    fn default() -> Self {
        Self {
            payload_octets: PAYLOAD_OCTETS,
            version: 0,
            dnssec_ok: false,
            reserved: 0,
            options: Vec::new(),
        }
    }
}

impl Edns {
    /// The extended errors among the options.
    pub fn extended_errors(&self) -> impl Iterator<Item = &ExtendedError> {
        self.options.iter().filter_map(|option| match option {
            EdnsOption::ExtendedError(error) => Some(error),
            _ => None,
        })
    }

    /// Reads class, TTL and data of an OPT record; gives also the response code's upper bits.
    pub(super) fn read(
        class: u16,
        ttl: u32,
        reader: &mut Reader<'_>,
        end: usize,
    ) -> Result<(Self, u8), ParseError> {
        let [rcode_upper, version, high, low] = ttl.to_be_bytes();
        let flags = u16::from_be_bytes([high, low]);
        let mut options = Vec::new();
        while reader.at() < end {
            let start = reader.at();
            let code = reader.u16("OPT option")?;
            let length = reader.u16("OPT option")?;
            let data = reader.take(usize::from(length), "OPT option")?;
            if reader.at() > end {
                return Err(ParseError::OptionLength { offset: start, code });
            }
            options.push(EdnsOption::parse(code, data));
        }
        let edns = Self {
            payload_octets: class,
            version,
            dnssec_ok: flags & DNSSEC_OK != 0,
            reserved: flags & !DNSSEC_OK,
            options,
        };
        Ok((edns, rcode_upper))
    }

    /// Octets of the OPT record on the wire.
    pub(super) fn wire_len(&self) -> usize {
        OPT_OCTETS + self.options.iter().map(|option| 4 + option.data().len()).sum::<usize>()
    }

    /// Appends the OPT record.
    pub(super) fn write(&self, rcode_upper: u8, out: &mut Vec<u8>) -> Option<()> {
        let flags = self.reserved & !DNSSEC_OK | if self.dnssec_ok { DNSSEC_OK } else { 0 };
        out.extend_from_slice(&[0, 0, 41]);
        out.extend_from_slice(&self.payload_octets.to_be_bytes());
        out.extend_from_slice(&[rcode_upper, self.version]);
        out.extend_from_slice(&flags.to_be_bytes());
        let length = u16::try_from(self.wire_len() - OPT_OCTETS).ok()?;
        out.extend_from_slice(&length.to_be_bytes());
        for option in &self.options {
            let data = option.data();
            out.extend_from_slice(&option.code().to_be_bytes());
            out.extend_from_slice(&u16::try_from(data.len()).ok()?.to_be_bytes());
            out.extend_from_slice(&data);
        }
        Some(())
    }
}

impl EdnsOption {
    /// Reads an option's data; what breaks its option's form is [`EdnsOption::Other`].
    pub(crate) fn parse(code: u16, data: &[u8]) -> Self {
        let other = || Self::Other { code, data: data.to_vec() };
        match code {
            NSID => Self::Nsid(data.to_vec()),
            COOKIE => parse_cookie(data).unwrap_or_else(other),
            EXTENDED_ERROR => parse_extended_error(data).unwrap_or_else(other),
            CLIENT_SUBNET => parse_client_subnet(data).unwrap_or_else(other),
            TCP_KEEPALIVE => match data {
                [] => Self::TcpKeepalive(None),
                [high, low] => Self::TcpKeepalive(Some(u16::from_be_bytes([*high, *low]))),
                _ => other(),
            },
            PADDING => Self::Padding(data.to_vec()),
            _ => other(),
        }
    }

    /// The option's number.
    pub fn code(&self) -> u16 {
        match self {
            Self::Nsid(_) => NSID,
            Self::Cookie { .. } => COOKIE,
            Self::ExtendedError(_) => EXTENDED_ERROR,
            Self::ClientSubnet { .. } => CLIENT_SUBNET,
            Self::TcpKeepalive(_) => TCP_KEEPALIVE,
            Self::Padding(_) => PADDING,
            Self::Other { code, .. } => *code,
        }
    }

    /// The option's octets.
    pub fn data(&self) -> Vec<u8> {
        match self {
            Self::Nsid(data) | Self::Padding(data) | Self::Other { data, .. } => data.clone(),
            Self::Cookie { client, server } => [client.as_slice(), server].concat(),
            Self::ExtendedError(error) => {
                [error.code.to_be_bytes().as_slice(), error.text.as_bytes()].concat()
            }
            Self::ClientSubnet { address, source_prefix, scope_prefix } => {
                let (family, octets) = match address {
                    IpAddr::V4(address) => (1_u8, address.octets().to_vec()),
                    IpAddr::V6(address) => (2, address.octets().to_vec()),
                };
                let told = usize::from(source_prefix.div_ceil(8)).min(octets.len());
                let head = [0, family, *source_prefix, *scope_prefix];
                [head.as_slice(), octets.get(..told).unwrap_or(&[])].concat()
            }
            Self::TcpKeepalive(None) => Vec::new(),
            Self::TcpKeepalive(Some(time)) => time.to_be_bytes().to_vec(),
        }
    }

    /// The option's name, lower case with underscores.
    pub const fn name_of(code: u16) -> &'static str {
        match code {
            NSID => "nsid",
            CLIENT_SUBNET => "client_subnet",
            COOKIE => "cookie",
            TCP_KEEPALIVE => "tcp_keepalive",
            PADDING => "padding",
            EXTENDED_ERROR => "extended_error",
            _ => "option",
        }
    }
}

fn parse_cookie(data: &[u8]) -> Option<EdnsOption> {
    let (client, server) = data.split_first_chunk::<8>()?;
    // RFC 7873 §4: a server cookie has 8 to 32 octets.
    (server.is_empty() || (8..=32).contains(&server.len()))
        .then(|| EdnsOption::Cookie { client: *client, server: server.to_vec() })
}

fn parse_extended_error(data: &[u8]) -> Option<EdnsOption> {
    let (code, text) = data.split_first_chunk::<2>()?;
    let text = String::from_utf8(text.to_vec()).ok()?;
    Some(EdnsOption::ExtendedError(ExtendedError { code: u16::from_be_bytes(*code), text }))
}

/// RFC 7871 §6: the address has just the octets of the prefix, zero beyond its bits.
fn parse_client_subnet(data: &[u8]) -> Option<EdnsOption> {
    let (head, told) = data.split_first_chunk::<4>()?;
    let [0, family, source_prefix, scope_prefix] = *head else { return None };
    if told.len() != usize::from(source_prefix.div_ceil(8)) {
        return None;
    }
    let spare_bits = u32::try_from(told.len() * 8).ok()? - u32::from(source_prefix);
    if told.last().is_some_and(|last| last.trailing_zeros() < spare_bits) {
        return None;
    }
    let address = match family {
        1 => {
            let mut octets = [0; 4];
            octets.get_mut(..told.len())?.copy_from_slice(told);
            IpAddr::V4(Ipv4Addr::from(octets))
        }
        2 => {
            let mut octets = [0; 16];
            octets.get_mut(..told.len())?.copy_from_slice(told);
            IpAddr::V6(Ipv6Addr::from(octets))
        }
        _ => return None,
    };
    Some(EdnsOption::ClientSubnet { address, source_prefix, scope_prefix })
}

/// Payload that passes without fragments nearly everywhere (RFC 9715 §3.1).
pub(crate) const PAYLOAD_OCTETS: u16 = 1232;
/// Octets of an OPT record without options.
pub(crate) const OPT_OCTETS: usize = 11;
/// The DO bit.
const DNSSEC_OK: u16 = 0x8000;
const NSID: u16 = 3;
const CLIENT_SUBNET: u16 = 8;
const COOKIE: u16 = 10;
const TCP_KEEPALIVE: u16 = 11;
const PADDING: u16 = 12;
const EXTENDED_ERROR: u16 = 15;
