//! What a session is made from.

use std::net::IpAddr;
use std::time::Duration;

/// What a listener is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Port 25: takes mail of anybody for the own domains, and relays for
    /// those who have logged in.
    Mx,
    /// Ports 587 and 465: takes mail of those who have logged in, for anywhere
    /// (RFC 6409 §4.3), and completes its header.
    Submission,
}

/// When somebody may log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthPolicy {
    /// Never.
    Never,
    /// Within TLS; in clear only by mechanisms that do not show the password
    /// (RFC 4954 §4).
    UnderTls,
    /// Also in clear: for labs, where one's own typing is the point.
    InClear,
}

/// Whose addresses `MAIL` may name after a log-in (RFC 6409 §6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SenderPolicy {
    /// Anybody's.
    Any,
    /// Those of the account that logged in, and nobody.
    Own,
}

/// Extensions that a server may be without, as old ones are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offers {
    /// RFC 2920.
    pub pipelining: bool,
    /// RFC 6152.
    pub eight_bit: bool,
    /// RFC 6531.
    pub smtputf8: bool,
    /// RFC 3030.
    pub chunking: bool,
}

/// The knobs of a session.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// The server's name, as in its greeting and its trace lines.
    pub hostname: String,
    /// The domain of `Postmaster` without a domain (RFC 5321 §4.5.1).
    pub postmaster_domain: String,
    /// What the listener is for.
    pub role: Role,
    /// Whether STARTTLS is offered (RFC 3207).
    pub starttls: bool,
    /// When somebody may log in.
    pub auth: AuthPolicy,
    /// Whose addresses `MAIL` may name after a log-in.
    pub senders: SenderPolicy,
    /// Extensions that are offered.
    pub offers: Offers,
    /// Whether [`super::Output::AskPolicy`] comes before a transaction's
    /// commands are obeyed.
    pub asks_policy: bool,
    /// Bytes of a message (RFC 1870).
    pub message_octets_max: u64,
    /// Recipients of a message; RFC 5321 §4.5.3.1.8 asks for 100 at least.
    pub recipients_max: usize,
    /// Refused commands, after which the session ends.
    pub errors_max: u32,
    /// Commands of a session that begin no message.
    pub idle_commands_max: u32,
    /// Refused log-ins, after which the session ends.
    pub auth_failures_max: u32,
    /// `Received:` lines, from which on a message is taken for a loop
    /// (RFC 5321 §6.3).
    pub hops_max: u32,
    /// How long a client may take over a command or a piece of data
    /// (RFC 5321 §4.5.3.2.7).
    pub idle: Duration,
}

/// Who is at the other end.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its address.
    pub address: IpAddr,
    /// The version of TLS that the session began with.
    pub tls: Option<String>,
    /// A word for the session, unique at the server: part of the trace lines.
    pub session: String,
    /// Random bytes: nonces follow from them.
    pub seed: [u8; 32],
}

impl Offers {
    /// All of them.
    pub const ALL: Self =
        Self { pipelining: true, eight_bit: true, smtputf8: true, chunking: true };
    /// None of them: RFC 821 with EHLO.
    pub const NONE: Self =
        Self { pipelining: false, eight_bit: false, smtputf8: false, chunking: false };
}

impl SessionConfig {
    /// Whether the password may be told at this point (RFC 4954 §4).
    pub(super) const fn takes_passwords(&self, is_tls: bool) -> bool {
        match self.auth {
            AuthPolicy::Never => false,
            AuthPolicy::UnderTls => is_tls,
            AuthPolicy::InClear => true,
        }
    }

    /// A server with the usual bounds: 50 MiB a message, 1,000 recipients, 20
    /// errors, 100 idle commands, 3 refused log-ins, 100 hops, 5 minutes. Log-ins
    /// under TLS at a submission server, never at the other kind.
    #[must_use]
    pub fn new(hostname: impl Into<String>, role: Role) -> Self {
        let hostname = hostname.into();
        Self {
            postmaster_domain: hostname.clone(),
            hostname,
            role,
            starttls: false,
            auth: match role {
                Role::Mx => AuthPolicy::Never,
                Role::Submission => AuthPolicy::UnderTls,
            },
            senders: SenderPolicy::Any,
            offers: Offers::ALL,
            asks_policy: false,
            message_octets_max: 50 << 20,
            recipients_max: 1_000,
            errors_max: 20,
            idle_commands_max: 100,
            auth_failures_max: 3,
            hops_max: 100,
            idle: Duration::from_secs(300),
        }
    }
}
