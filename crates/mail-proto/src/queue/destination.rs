//! Where recipients go: one name for all that share servers.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use crate::address::Address;

/// What recipients share that one session can serve.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Destination {
    /// Mailboxes here.
    Local,
    /// The servers of a domain.
    Domain(String),
    /// One server, by an address literal (RFC 5321 §4.1.3).
    Address(IpAddr),
}

/// A text that is no destination.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no destination: neither `local`, nor a domain, nor an address in brackets")]
pub struct NotADestination(String);

impl Destination {
    /// Where an address of another server leads.
    ///
    /// # Errors
    /// For an address literal of an unknown kind.
    pub fn of(address: &Address) -> Result<Self, NotADestination> {
        let domain = address.domain();
        if domain.starts_with('[') {
            return domain.parse();
        }
        Ok(Self::Domain(domain.to_owned()))
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => out.write_str(LOCAL),
            Self::Domain(domain) => out.write_str(domain),
            Self::Address(IpAddr::V4(address)) => write!(out, "[{address}]"),
            Self::Address(IpAddr::V6(address)) => write!(out, "[IPv6:{address}]"),
        }
    }
}

impl FromStr for Destination {
    type Err = NotADestination;

    fn from_str(text: &str) -> Result<Self, NotADestination> {
        let wrong = || NotADestination(text.to_owned());
        if text.is_empty() {
            return Err(wrong());
        }
        if text == LOCAL {
            return Ok(Self::Local);
        }
        let Some(literal) = text.strip_prefix('[') else {
            return Ok(Self::Domain(text.to_ascii_lowercase()));
        };
        let literal = literal.strip_suffix(']').ok_or_else(wrong)?;
        // RFC 5321 §4.1.3: the tag in any case.
        if let Some((tag, rest)) = literal.split_at_checked(5)
            && tag.eq_ignore_ascii_case("IPv6:")
        {
            let address: Ipv6Addr = rest.parse().map_err(|_| wrong())?;
            return Ok(Self::Address(IpAddr::V6(address)));
        }
        Ok(Self::Address(IpAddr::V4(literal.parse().map_err(|_| wrong())?)))
    }
}

/// No domain of the internet has this one label alone.
const LOCAL: &str = "local";

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 5321 §4.1.3: literals of both kinds.
    #[test]
    fn destinations_are_written_and_read_back() {
        for text in ["local", "urosario.edu.co", "[192.0.2.1]", "[IPv6:2001:db8::1]"] {
            assert_eq!(text.parse::<Destination>().unwrap().to_string(), text);
        }
        for wrong in ["", "[", "[x]", "[IPv6:192.0.2.1]", "[192.0.2.1"] {
            assert!(wrong.parse::<Destination>().is_err(), "{wrong}");
        }
        let address: Address = "ana@[192.0.2.9]".parse().unwrap();
        let destination = Destination::of(&address).unwrap();
        assert_eq!(destination, Destination::Address([192, 0, 2, 9].into()));
    }
}
