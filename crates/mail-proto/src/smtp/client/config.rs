//! What a client is told, and what it tells.

use std::fmt;

use crate::address::Address;
use crate::sasl::NONCE_BYTES;
use crate::smtp::reply::Reply;

/// How a client behaves.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Its name, or an address literal (RFC 5321 §4.1.1.1).
    pub helo: String,
    /// Whether TLS is begun by STARTTLS.
    pub tls: TlsPolicy,
    /// Whether the session is within TLS from its first byte.
    pub within_tls: bool,
    /// As whom it logs in.
    pub credentials: Option<Credentials>,
    /// Whether BDAT is used where it is offered (RFC 3030).
    pub chunking: bool,
    /// Random bytes for one log-in.
    pub nonce: [u8; NONCE_BYTES],
}

/// When a client begins TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsPolicy {
    /// Never.
    #[default]
    Never,
    /// When the server offers it (RFC 7435).
    WhenOffered,
    /// Always: without it nothing is sent.
    Required,
}

/// As whom a client logs in.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user's name.
    pub user: String,
    /// The password.
    pub password: String,
    /// Whether PLAIN and LOGIN may be used without TLS: for labs.
    pub in_clear: bool,
}

/// What became of one recipient of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipientOutcome {
    /// The recipient.
    pub address: Address,
    /// What became of it.
    pub outcome: Outcome,
}

/// Taken, later, or never.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The server has the message for this recipient; with its words.
    Delivered(Reply),
    /// Not this time.
    Deferred(Reason),
    /// Not ever.
    Failed(Reason),
}

/// Why a recipient did not get the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The server's words.
    Said(Reply),
    /// Our own finding, phrased as a reply.
    Found(Reply),
    /// We have given up, phrased as a reply; with the server's words of the last try.
    GivenUp(Reply, Reply),
}

impl Reason {
    /// The words, whoever's they are.
    #[must_use]
    pub const fn reply(&self) -> &Reply {
        match self {
            Self::Said(reply) | Self::Found(reply) | Self::GivenUp(reply, _) => reply,
        }
    }
}

impl fmt::Debug for Credentials {
    /// Passwords do not get into logs by accident.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Credentials({}, …)", self.user)
    }
}
