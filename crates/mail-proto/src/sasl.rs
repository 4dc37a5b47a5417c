//! Who somebody is: exchanges of SASL (RFC 4422) that SMTP, IMAP and POP3 carry
//! in base64, and which are decoded before they come here.
//!
//! ```text
//!   PLAIN          ──  NUL user NUL password ──▶                     RFC 4616
//!   LOGIN          ◀─ "Username:" ─  user ──▶  ◀─ "Password:" ─  password ──▶
//!   SCRAM-SHA-256  ──  user, nonce ──▶  ◀─ nonces, salt, count ─     RFC 7677
//!                  ──  proof ──▶        ◀─ the server's proof ─  "" ──▶
//! ```

pub mod client;
pub mod password;
pub mod scram;
pub mod server;

pub use client::{ClientError, ClientExchange};
pub use password::Password;
pub use scram::ScramCredentials;
pub use server::{Refusal, ServerExchange, Step};

/// A way to prove who one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mechanism {
    /// Name and password in the clear (RFC 4616): only inside TLS.
    Plain,
    /// The same in two steps, never a standard, still spoken by many clients:
    /// only inside TLS.
    Login,
    /// A proof that does not tell the password (RFC 7677).
    ScramSha256,
}

impl Mechanism {
    /// All, the best first.
    pub const ALL: [Self; 3] = [Self::ScramSha256, Self::Plain, Self::Login];

    /// The registered name (RFC 4422 §3.1).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
        }
    }

    /// The mechanism of that name, in any case; none when we do not know it.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mechanism| mechanism.name().eq_ignore_ascii_case(name))
    }

    /// The best that both sides know.
    #[must_use]
    pub fn best<'a>(offered: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let known: Vec<_> = offered.into_iter().filter_map(Self::parse).collect();
        Self::ALL.into_iter().find(|mechanism| known.contains(mechanism))
    }

    /// Whether who listens learns the password (RFC 4616 §4).
    #[must_use]
    pub const fn shows_password(self) -> bool {
        matches!(self, Self::Plain | Self::Login)
    }
}

/// Random bytes of each side's nonce; in base64 they are 24 characters without
/// a comma (RFC 5802 §5.1).
pub const NONCE_BYTES: usize = 18;

/// A decoded message of an exchange is not longer.
pub const MESSAGE_BYTES_MAX: usize = 4_096;

#[cfg(test)]
mod tests;
