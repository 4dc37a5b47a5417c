//! A listener of SMTP: accepts connections and owns their sessions.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use capa7_mail_proto::envelope::Envelope;
use capa7_mail_proto::smtp::refusal::Refusal;
use capa7_mail_proto::smtp::server::SessionConfig;
use capa7_net::tls::TlsServer;
use capa7_net::{Host, Task, TcpListener, TcpStream};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::{mpsc, watch};

use super::orders::Orders;
use super::session;
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
    address: SocketAddr,
    stopping: watch::Sender<bool>,
    task: Task<()>,
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
        let address = listener.local_addr();
        let (stopping, stopped) = watch::channel(false);
        let SmtpServerConfig { mut session, tls, orders, .. } = config;
        session.asks_policy = orders.is_some();
        session.starttls = matches!(tls, ServerTls::Offered(_));
        let session = Arc::new(session);
        let shared = Arc::new(Shared { session, tls, users, destination, orders });
        let connections = Connections {
            open: Vec::new(),
            total_max: config.connections_max,
            per_client_max: config.connections_per_client_max,
        };
        let work = accept_all(host.clone(), listener, shared, connections, stopped);
        Self { address, stopping, task: host.spawn("smtp server", work) }
    }

    /// Where it listens.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections, lets every session finish its command, says
    /// 421 and closes (RFC 5321 §3.8).
    pub async fn stop(self) {
        let _ = self.stopping.send(true);
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
            orders: None,
        }
    }
}

/// The connections that are open, each owned here.
#[derive(Debug)]
struct Connections {
    open: Vec<(IpAddr, Task<()>)>,
    total_max: usize,
    per_client_max: usize,
}

impl Connections {
    fn admits(&mut self, client: IpAddr) -> bool {
        self.open.retain(|(_, task)| !task.is_finished());
        let of_client = self.open.iter().filter(|(address, _)| *address == client).count();
        self.open.len() < self.total_max && of_client < self.per_client_max
    }

    /// Waits for the sessions that end by themselves; the others are dropped.
    async fn end(self, host: &Host) {
        let all = async {
            for (_, task) in self.open {
                let _ = task.await;
            }
        };
        let _ = host.timeout(STOPPING, all).await;
    }
}

async fn accept_all(
    host: Host,
    listener: TcpListener,
    shared: Arc<Shared>,
    mut connections: Connections,
    mut stopped: watch::Receiver<bool>,
) {
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stopped.wait_for(|stopped| *stopped) => break,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok(stream) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                host.sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let client = stream.peer_addr().ip();
        if !connections.admits(client) {
            turn_away(&host, stream, &shared.tls).await;
            continue;
        }
        let served = session::serve(host.clone(), stream, Arc::clone(&shared), stopped.clone());
        let work = async move {
            served.await;
            tracing::debug!("a session is over: its place is free");
        };
        connections.open.push((client, host.spawn("smtp session", work)));
    }
    drop(listener);
    connections.end(&host).await;
}

/// RFC 5321 §3.8, §4.2.1: 421 and close. Within TLS there is nobody yet to tell it.
async fn turn_away(host: &Host, mut stream: TcpStream, tls: &ServerTls) {
    if matches!(tls, ServerTls::Implicit(_)) {
        return;
    }
    let mut bytes = Vec::new();
    Refusal::ManyConnections.reply().write(&mut bytes);
    // It fits into an empty window: nobody can hold this up.
    let _ = host.timeout(TURNING_AWAY, stream.write_all(&bytes)).await;
    let _ = host.timeout(TURNING_AWAY, stream.shutdown()).await;
}

/// How long sessions may take to finish what they do when the server stops.
const STOPPING: Duration = Duration::from_secs(30);
/// Wait after a failed accept, usually for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long a connection that is too many may hold up the others.
const TURNING_AWAY: Duration = Duration::from_millis(100);
