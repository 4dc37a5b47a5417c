//! Webmail: HTTP to the browser, IMAP to retrieve, SMTP to send (course M11).
//!
//! ```text
//!   browser ── HTTP ──▶ gateway ── IMAP ──▶ mailbox
//!                          └────── SMTP ──▶ submission
//! ```
//!
//! It serves any mail server. Passwords are kept in memory only, as long as
//! their session; every request is the cause of the messages beneath it.

mod change;
mod compose;
mod content;
mod conversations;
mod each;
mod events;
mod files;
mod folders;
mod html;
mod list;
mod problem;
mod read;
mod route;
mod session;
mod threads;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use capa7_http::server::{Server, ServerConfig};
use capa7_net::tls::TlsServer;
use capa7_net::{Host, Place, TcpListener};

use crate::imap_client::ImapSettings;
use crate::smtp::connection::TlsUse;
pub(crate) use html::plain;
use session::Sessions;

/// How a gateway is set up.
#[derive(Clone, Debug)]
pub struct WebmailConfig {
    /// Where browsers connect.
    pub listen: SocketAddr,
    /// TLS towards browsers, when it is given; cookies are then `Secure`.
    pub tls: Option<TlsServer>,
    /// The IMAP server.
    pub imap: Place,
    /// How it is spoken to.
    pub imap_settings: ImapSettings,
    /// The submission server.
    pub submission: Place,
    /// TLS towards the submission server.
    pub submission_tls: TlsUse,
    /// The domain of users who log in without one.
    pub domain: String,
    /// Bounds.
    pub limits: WebmailLimits,
}

/// Bounds of a gateway.
#[derive(Clone, Copy, Debug)]
pub struct WebmailLimits {
    /// Sessions of all users.
    pub sessions_max: usize,
    /// Sessions of one user; the oldest ends when there is one more.
    pub sessions_per_user_max: usize,
    /// A session that is not used for so long ends.
    pub session_idle: Duration,
    /// A session ends after so long in any case.
    pub session_age: Duration,
    /// Failed log-ins of one address within ten minutes.
    pub failures_max: u32,
    /// IMAP connections of one session for requests.
    pub connections_per_session_max: usize,
    /// Event streams of one session.
    pub streams_per_session_max: usize,
    /// Octets of a message with its attachments, as the browser sends it.
    pub compose_bytes_max: usize,
    /// Octets of a part that is read or downloaded.
    pub part_bytes_max: u64,
}

impl Default for WebmailLimits {
    /// 10,000 sessions, 16 of one user, 8 h idle, 7 days in all, 20 failures,
    /// 4 connections and 8 streams per session, 36 MiB to compose, 64 MiB to read.
    fn default() -> Self {
        Self {
            sessions_max: 10_000,
            sessions_per_user_max: 16,
            session_idle: Duration::from_secs(8 * 3_600),
            session_age: Duration::from_secs(7 * 24 * 3_600),
            failures_max: 20,
            connections_per_session_max: 4,
            streams_per_session_max: 8,
            compose_bytes_max: 36 << 20,
            part_bytes_max: 64 << 20,
        }
    }
}

impl WebmailConfig {
    /// A gateway to a server's two doors, all in clear: for a lab, or for a
    /// server on the same machine.
    #[must_use]
    pub fn new(
        listen: SocketAddr,
        imap: impl Into<Place>,
        submission: impl Into<Place>,
        domain: &str,
    ) -> Self {
        Self {
            listen,
            tls: None,
            imap: imap.into(),
            imap_settings: ImapSettings::default(),
            submission: submission.into(),
            submission_tls: TlsUse::Never,
            domain: domain.to_owned(),
            limits: WebmailLimits::default(),
        }
    }
}

/// A running gateway; it stops with this value.
#[derive(Debug)]
pub struct Webmail {
    server: Server,
}

/// What all requests share.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) host: Host,
    pub(crate) config: WebmailConfig,
    pub(crate) sessions: Sessions,
}

impl Webmail {
    /// Listens and serves the page and what it asks for.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub fn start(host: &Host, config: WebmailConfig) -> io::Result<Self> {
        let web = host.in_room(capa7_dissect::Room::Http);
        let listener = web.listen_tcp(config.listen)?;
        Ok(Self::start_on(host, listener, config))
    }

    /// The same on a listener that is open already.
    #[must_use]
    pub fn start_on(host: &Host, listener: TcpListener, config: WebmailConfig) -> Self {
        let http = ServerConfig {
            tls: config.tls.clone(),
            body_bytes_max: config.limits.compose_bytes_max,
            bodies_bytes_max: config.limits.compose_bytes_max.saturating_mul(8),
            ..ServerConfig::default()
        };
        let sessions = Sessions::new(config.limits);
        let gateway = Arc::new(Gateway { host: host.clone(), config, sessions });
        let server = Server::start(host, listener, http, move |request| {
            route::answer(Arc::clone(&gateway), request)
        });
        Self { server }
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Answers what was asked, then stops.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}
