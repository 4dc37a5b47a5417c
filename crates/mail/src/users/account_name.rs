//! What an account is called.

use std::fmt;
use std::str::FromStr;

use capa7_mail_proto::address::Address;
use serde::{Deserialize, Serialize};

/// An account's name: its main address in lower case, which is also the name
/// of its folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountName(String);

/// A text cannot be an account's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` cannot be an account: write name@domain with letters, digits, `.`, `-` and `_`, \
     at most 200 bytes"
)]
pub struct NotAnAccountName(pub String);

impl AccountName {
    /// The account that has `address` as its main one.
    ///
    /// # Errors
    /// When the address has characters that a folder's name should not have.
    pub fn of(address: &Address) -> Result<Self, NotAnAccountName> {
        // RFC 5321 §2.4: a host may treat its own local parts without case.
        let text = format!("{}@{}", address.local().to_lowercase(), address.domain());
        let is_plain = |part: &str| {
            !part.is_empty()
                && !part.starts_with('.')
                && part.chars().all(|c| c.is_alphanumeric() || ".-_".contains(c))
        };
        if text.len() > NAME_BYTES_MAX || !is_plain(address.domain()) {
            return Err(NotAnAccountName(text));
        }
        if is_plain(&address.local().to_lowercase()) {
            Ok(Self(text))
        } else {
            Err(NotAnAccountName(text))
        }
    }

    /// The name: `andrea@ucatolica.edu.co`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the `@`.
    #[must_use]
    pub fn local(&self) -> &str {
        self.0.split_once('@').map_or("", |(local, _)| local)
    }

    /// The part after it.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.split_once('@').map_or("", |(_, domain)| domain)
    }

    /// The main address.
    ///
    /// # Panics
    /// Never: a name was made of an address.
    #[must_use]
    pub fn address(&self) -> Address {
        self.0.parse().expect("an account's name is an address")
    }
}

impl FromStr for AccountName {
    type Err = NotAnAccountName;

    fn from_str(text: &str) -> Result<Self, NotAnAccountName> {
        let address: Address = text.parse().map_err(|_| NotAnAccountName(text.to_owned()))?;
        Self::of(&address)
    }
}

impl TryFrom<String> for AccountName {
    type Error = NotAnAccountName;

    fn try_from(text: String) -> Result<Self, NotAnAccountName> {
        text.parse()
    }
}

impl From<AccountName> for String {
    fn from(name: AccountName) -> Self {
        name.0
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Longer names would not fit into a folder's name (255 bytes).
const NAME_BYTES_MAX: usize = 200;
