//! The knobs of a session.

use std::time::Duration;

/// The knobs of a server's sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionConfig {
    /// The server's name, for the greeting.
    pub host: String,
    /// Whether a password may be said outside TLS (RFC 9051 §6.2.3,
    /// `LOGINDISABLED`).
    pub cleartext_login: CleartextLogin,
    /// Octets of a message that is added (RFC 7889 §3).
    pub append_octets_max: u64,
    /// A client that has not logged in and says nothing for so long is sent
    /// away.
    pub login_time: Duration,
    /// The same of one that has; 30 minutes at least (RFC 9051 §5.4).
    pub idle_time: Duration,
    /// Failed attempts to log in before the connection ends.
    pub failed_logins_max: u32,
    /// Commands in a row that are `BAD` before the connection ends.
    pub bad_commands_max: u32,
}

/// Whether a password may be said outside TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CleartextLogin {
    /// It may: labs and loopback.
    Allowed,
    /// `LOGINDISABLED`, and only mechanisms that do not show it.
    Refused,
}

/// Whether a connection is within TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// It is not and cannot be.
    Never,
    /// `STARTTLS` begins it.
    Offered,
    /// It is.
    Active,
}

impl SessionConfig {
    /// The usual knobs: passwords within TLS only, messages up to 50 MiB, one
    /// minute to log in, 30 minutes of silence, three failed attempts, ten bad
    /// commands.
    #[must_use]
    pub const fn new(host: String) -> Self {
        Self {
            host,
            cleartext_login: CleartextLogin::Refused,
            append_octets_max: 50 << 20,
            login_time: Duration::from_secs(60),
            idle_time: Duration::from_secs(30 * 60),
            failed_logins_max: 3,
            bad_commands_max: 10,
        }
    }
}
