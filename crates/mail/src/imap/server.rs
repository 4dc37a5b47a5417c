//! A listener of IMAP: accepts connections and owns their sessions.

use std::net::SocketAddr;
use std::sync::Arc;

use capa7_mail_proto::imap::session::SessionConfig;
use capa7_net::{Host, TcpListener};

use super::session;
use crate::listening::{Listening, Places};
use crate::smtp::server::ServerTls;
use crate::store::Store;
use crate::users::Users;

/// The knobs of one listener.
#[derive(Clone, Debug)]
pub struct ImapServerConfig {
    /// The sessions' knobs.
    pub session: SessionConfig,
    /// Whether and how TLS is offered.
    pub tls: ServerTls,
    /// Connections open at once, all clients together.
    pub connections_max: usize,
    /// Connections open at once from one address.
    pub connections_per_client_max: usize,
}

impl ImapServerConfig {
    /// One listener without TLS: 20,000 connections, 100 from one address. Mail
    /// programs hold some each, and many people may be behind one address.
    #[must_use]
    pub const fn new(session: SessionConfig) -> Self {
        Self {
            session,
            tls: ServerTls::Never,
            connections_max: 20_000,
            connections_per_client_max: 100,
        }
    }
}

/// One listener with its connections; dropping it ends them.
#[derive(Debug)]
pub struct ImapServer {
    listening: Listening,
}

/// What every session of a listener shares.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) session: Arc<SessionConfig>,
    pub(super) tls: ServerTls,
    pub(super) users: Users,
    pub(super) store: Store,
}

impl ImapServer {
    /// Serves the connections of a listener.
    #[must_use]
    pub fn start(
        host: &Host,
        listener: TcpListener,
        config: ImapServerConfig,
        users: Users,
        store: Store,
    ) -> Self {
        let ImapServerConfig { session, tls, .. } = config;
        // RFC 9051 §7.1.5: a greeting of `BYE`.
        let full = b"* BYE [UNAVAILABLE] too many connections\r\n".to_vec();
        let bounds = (config.connections_max, config.connections_per_client_max);
        let places = Places::new(bounds, &tls, full);
        let shared = Arc::new(Shared { session: Arc::new(session), tls, users, store });
        let on = host.clone();
        let serve =
            move |stream, stopped| session::serve(on.clone(), stream, Arc::clone(&shared), stopped);
        Self { listening: Listening::start(host, listener, places, "imap", serve) }
    }

    /// Where it listens.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.listening.local_addr()
    }

    /// Takes no more connections, lets every session finish its command, says
    /// `BYE` and closes (RFC 9051 §7.1.5).
    pub async fn stop(self) {
        self.listening.stop().await;
    }
}
