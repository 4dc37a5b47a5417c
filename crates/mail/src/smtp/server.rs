//! A listener of SMTP: accepts connections and owns their sessions.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use capa7_mail_proto::envelope::Envelope;
use capa7_mail_proto::smtp::refusal::Refusal;
use capa7_mail_proto::smtp::server::SessionConfig;
use capa7_net::tls::TlsServer;
use capa7_net::{Host, TcpListener};
use tokio::sync::mpsc;

use super::orders::Orders;
use super::session;
use crate::listening::{Listening, Places};
use crate::queue::Queue;
use crate::users::Users;

/// The knobs of one listener.
#[derive(Clone, Debug)]
pub struct SmtpServerConfig {
    /// The sessions' knobs.
    pub session: SessionConfig,
    /// Whether and how TLS is offered.
    pub tls: ServerTls,
    /// Connections open at once, all clients together.
    pub connections_max: usize,
    /// Connections open at once from one address.
    pub connections_per_client_max: usize,
    /// Replies that are to be given instead of the server's own; without it
    /// nobody is asked.
    pub orders: Option<Orders>,
}

/// Whether and how a listener offers TLS.
#[derive(Clone, Debug, Default)]
pub enum ServerTls {
    /// Not at all.
    #[default]
    Never,
    /// STARTTLS (RFC 3207).
    Offered(TlsServer),
    /// From the first byte (RFC 8314 §3.3).
    Implicit(TlsServer),
}

/// Where accepted messages go.
#[derive(Clone, Debug)]
pub enum Destination {
    /// To the queue, which keeps and delivers them.
    Queue(Queue),
    /// To whoever reads the channel: for tests of sessions alone.
    Channel(mpsc::Sender<Taken>),
}

/// A message that a [`Destination::Channel`] got.
#[derive(Debug)]
pub struct Taken {
    /// Its envelope.
    pub envelope: Envelope,
    /// Its bytes, trace lines first.
    pub message: Bytes,
}

/// One listener with its connections; dropping it ends them.
#[derive(Debug)]
pub struct SmtpServer {
    listening: Listening,
}

/// What every session of a listener shares.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) session: Arc<SessionConfig>,
    pub(super) tls: ServerTls,
    pub(super) users: Users,
    pub(super) destination: Destination,
    pub(super) orders: Option<Orders>,
}

impl SmtpServer {
    /// Serves the connections of a listener.
    #[must_use]
    pub fn start(
        host: &Host,
        listener: TcpListener,
        config: SmtpServerConfig,
        users: Users,
        destination: Destination,
    ) -> Self {
        let SmtpServerConfig { mut session, tls, orders, .. } = config;
        session.asks_policy = orders.is_some();
        session.starttls = matches!(tls, ServerTls::Offered(_));
        // RFC 5321 §3.8, §4.2.1: 421 and close.
        let mut full = Vec::new();
        Refusal::ManyConnections.reply().write(&mut full);
        let bounds = (config.connections_max, config.connections_per_client_max);
        let places = Places::new(bounds, &tls, full);
        let session = Arc::new(session);
        let shared = Arc::new(Shared { session, tls, users, destination, orders });
        let on = host.clone();
        let serve =
            move |stream, stopped| session::serve(on.clone(), stream, Arc::clone(&shared), stopped);
        Self { listening: Listening::start(host, listener, places, "smtp", serve) }
    }

    /// Where it listens.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.listening.local_addr()
    }

    /// Takes no more connections, lets every session finish its command, says
    /// 421 and closes (RFC 5321 §3.8).
    pub async fn stop(self) {
        self.listening.stop().await;
    }
}

impl SmtpServerConfig {
    /// One listener without TLS: 1,000 connections, 50 from one address.
    #[must_use]
    pub const fn new(session: SessionConfig) -> Self {
        Self {
            session,
            tls: ServerTls::Never,
            connections_max: 1_000,
            connections_per_client_max: 50,
            orders: None,
        }
    }
}
