//! A listener of POP3: accepts connections and owns their sessions.

use std::net::SocketAddr;
use std::sync::Arc;

use capa7_mail_proto::pop3::server::ClearPasswords;
use capa7_net::{Host, TcpListener};

use super::session;
use crate::listening::{Listening, Places};
use crate::smtp::server::ServerTls;
use crate::store::Store;
use crate::users::Users;

/// The knobs of one listener.
#[derive(Clone, Debug)]
pub struct Pop3ServerConfig {
    /// The server's name, told in the greeting.
    pub hostname: String,
    /// Whether passwords may be told outside TLS.
    pub passwords: ClearPasswords,
    /// Whether and how TLS is offered.
    pub tls: ServerTls,
    /// Connections open at once, all clients together.
    pub connections_max: usize,
    /// Connections open at once from one address.
    pub connections_per_client_max: usize,
}

impl Pop3ServerConfig {
    /// One listener without TLS, and so without passwords: 1,000 connections,
    /// 50 from one address.
    #[must_use]
    pub fn new(hostname: impl Into<String>) -> Self {
        Self {
            hostname: hostname.into(),
            passwords: ClearPasswords::Refused,
            tls: ServerTls::Never,
            connections_max: 1_000,
            connections_per_client_max: 50,
        }
    }
}

/// One listener with its connections; dropping it ends them.
#[derive(Debug)]
pub struct Pop3Server {
    listening: Listening,
}

/// What every session of a listener shares.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: Pop3ServerConfig,
    pub(super) users: Users,
    pub(super) store: Store,
}

impl Pop3Server {
    /// Serves the connections of a listener.
    #[must_use]
    pub fn start(
        host: &Host,
        listener: TcpListener,
        config: Pop3ServerConfig,
        users: Users,
        store: Store,
    ) -> Self {
        // RFC 3206 §4: it may help to come again.
        let full = b"-ERR [SYS/TEMP] too many connections\r\n".to_vec();
        let bounds = (config.connections_max, config.connections_per_client_max);
        let places = Places::new(bounds, &config.tls, full);
        let shared = Arc::new(Shared { config, users, store });
        let on = host.clone();
        let serve =
            move |stream, stopped| session::serve(on.clone(), stream, Arc::clone(&shared), stopped);
        Self { listening: Listening::start(host, listener, places, "pop3", serve) }
    }

    /// Where it listens.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.listening.local_addr()
    }

    /// Takes no more connections, lets every session finish its command, says
    /// `-ERR [SYS/TEMP]` and closes; nothing that was marked is removed.
    pub async fn stop(self) {
        self.listening.stop().await;
    }
}
