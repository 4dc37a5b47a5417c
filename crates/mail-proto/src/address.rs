//! Mail addresses and paths (RFC 5321 §4.1.2), also beyond ASCII (RFC 6531 §3.3).
//!
//! ```text
//!   <@relay.example:"two words"@[192.0.2.1]>
//!    └─────┬──────┘ └────┬────┘ └────┬────┘
//!    source route      local       domain, or a literal in brackets
//!    (ignored)         dot-string or quoted
//! ```

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

mod read;

pub use read::{PathText, read_path};

/// `local-part@domain`.
///
/// The local part keeps its case and is unquoted; the domain is in lower case
/// and in its ASCII form (A-labels), or an address literal in brackets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    local: String,
    domain: String,
}

/// Where failures of a message are told: an address, or nobody (RFC 5321 §4.5.5).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReversePath(pub Option<Address>);

/// Where a message is to go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ForwardPath(pub Address);

/// Why a text is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no mail address: {problem}")]
pub struct AddressError {
    /// What was given.
    pub text: String,
    /// What is wrong.
    pub problem: &'static str,
}

impl Address {
    /// An address from an unquoted local part and a domain as written.
    ///
    /// # Errors
    /// When a part is empty or too long, has a control character, or the domain
    /// is none.
    pub fn new(local: &str, domain: &str) -> Result<Self, AddressError> {
        let wrong = |problem| AddressError { text: format!("{local}@{domain}"), problem };
        if local.is_empty() {
            return Err(wrong("nothing stands before the @"));
        }
        if local.chars().any(char::is_control) {
            return Err(wrong("a control character stands before the @"));
        }
        let domain = domain_of(domain).map_err(wrong)?;
        let address = Self { local: local.to_owned(), domain };
        // RFC 5321 §4.5.3.1.3: the path with its punctuation. The 64 octets of §4.5.3.1.1
        // are what all must take, and more than many a mailing list's return address has.
        if address.to_string().len() + 2 > PATH_OCTETS_MAX {
            return Err(wrong("a path has at most 256 octets"));
        }
        Ok(address)
    }

    /// The part before the last `@`, without quotes.
    #[must_use]
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The part after it: lower case, ASCII form.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Whether only servers with SMTPUTF8 can take it (RFC 6531 §3.2).
    #[must_use]
    pub fn needs_smtputf8(&self) -> bool {
        !self.local.is_ascii()
    }

    /// Whether it is a postmaster's, in any case (RFC 5321 §4.5.1).
    #[must_use]
    pub fn is_postmaster(&self) -> bool {
        self.local.eq_ignore_ascii_case("postmaster")
    }
}

/// A domain in lower case and ASCII form, or an address literal.
///
/// # Errors
/// When the text is neither.
pub fn read_domain(text: &str) -> Result<String, AddressError> {
    domain_of(text).map_err(|problem| AddressError { text: text.to_owned(), problem })
}

fn domain_of(text: &str) -> Result<String, &'static str> {
    if let Some(literal) = text.strip_prefix('[') {
        let literal = literal.strip_suffix(']').ok_or("a literal ends with ]")?;
        return literal_of(literal);
    }
    let ascii = if text.is_ascii() {
        text.to_ascii_lowercase()
    } else {
        // RFC 6531 §3.3, RFC 5891: U-labels travel as A-labels between us.
        idna::domain_to_ascii_cow(text.as_bytes(), idna::AsciiDenyList::STD3)
            .map_err(|_| "its domain is no international domain name")?
            .into_owned()
    };
    if ascii.is_empty() {
        return Err("nothing stands after the @");
    }
    // RFC 5321 §4.5.3.1.2.
    if ascii.len() > DOMAIN_OCTETS_MAX {
        return Err("its domain has more than 255 octets");
    }
    if ascii.split('.').all(is_label) { Ok(ascii) } else { Err("its domain is no domain name") }
}

/// RFC 5321 §4.1.2, `sub-domain`; RFC 1035 §2.3.4 for the length.
fn is_label(label: &str) -> bool {
    let bytes = label.as_bytes();
    bytes.len() <= LABEL_OCTETS_MAX
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
        && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
}

/// RFC 5321 §4.1.3; no other kind of literal was ever registered.
fn literal_of(text: &str) -> Result<String, &'static str> {
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return Ok(format!("[{address}]"));
    }
    let is_v6 = text.get(..5).is_some_and(|tag| tag.eq_ignore_ascii_case("IPv6:"));
    let address = text.get(5..).filter(|_| is_v6).and_then(|rest| rest.parse::<Ipv6Addr>().ok());
    address.map(|address| format!("[IPv6:{address}]")).ok_or("its address literal is none")
}

impl FromStr for Address {
    type Err = AddressError;

    /// Reads an address as it is written outside of paths: `a@b`, `"a b"@[192.0.2.1]`.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let wrong = |problem| AddressError { text: text.to_owned(), problem };
        let (address, rest) = read::mailbox(text).map_err(wrong)?;
        if rest.is_empty() { Ok(address) } else { Err(wrong("something follows it")) }
    }
}

impl fmt::Display for Address {
    /// Quotes the local part when it must be (RFC 5321 §4.1.2).
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if read::is_dot_string(&self.local) {
            return write!(out, "{}@{}", self.local, self.domain);
        }
        out.write_str("\"")?;
        for c in self.local.chars() {
            if matches!(c, '"' | '\\') {
                out.write_str("\\")?;
            }
            write!(out, "{c}")?;
        }
        write!(out, "\"@{}", self.domain)
    }
}

impl fmt::Display for ForwardPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "<{}>", self.0)
    }
}

impl fmt::Display for ReversePath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(address) => write!(out, "<{address}>"),
            None => out.write_str("<>"),
        }
    }
}

impl Serialize for Address {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// RFC 5321 §4.5.3.1.2.
const DOMAIN_OCTETS_MAX: usize = 255;
/// RFC 5321 §4.5.3.1.3.
const PATH_OCTETS_MAX: usize = 256;
/// RFC 1035 §2.3.4.
const LABEL_OCTETS_MAX: usize = 63;

#[cfg(test)]
mod tests;
