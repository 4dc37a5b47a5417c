//! A listener of IMAP: accepts connections and owns their sessions.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use capa7_mail_proto::imap::session::SessionConfig;
use capa7_net::{Host, Task, TcpListener, TcpStream};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::watch;

use super::session;
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
        let address = listener.local_addr();
        let (stopping, stopped) = watch::channel(false);
        let ImapServerConfig { session, tls, connections_max, connections_per_client_max } = config;
        let shared = Arc::new(Shared { session: Arc::new(session), tls, users, store });
        let connections = Connections {
            open: Vec::new(),
            total_max: connections_max,
            per_client_max: connections_per_client_max,
        };
        let work = accept_all(host.clone(), listener, shared, connections, stopped);
        Self { address, stopping, task: host.spawn("imap server", work) }
    }

    /// Where it listens.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections, lets every session finish its command, says
    /// `BYE` and closes (RFC 9051 §7.1.5).
    pub async fn stop(self) {
        let _ = self.stopping.send(true);
        let _ = self.task.await;
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
        let work = session::serve(host.clone(), stream, Arc::clone(&shared), stopped.clone());
        connections.open.push((client, host.spawn("imap session", work)));
    }
    drop(listener);
    connections.end(&host).await;
}

/// RFC 9051 §7.1.5: a greeting of `BYE`. Within TLS there is nobody yet to tell
/// it.
async fn turn_away(host: &Host, mut stream: TcpStream, tls: &ServerTls) {
    if matches!(tls, ServerTls::Implicit(_)) {
        return;
    }
    let bye = b"* BYE [UNAVAILABLE] too many connections\r\n";
    // It fits into an empty window: nobody can hold this up.
    let _ = host.timeout(TURNING_AWAY, stream.write_all(bye)).await;
    let _ = host.timeout(TURNING_AWAY, stream.shutdown()).await;
}

/// How long sessions may take to finish what they do when the server stops.
const STOPPING: Duration = Duration::from_secs(30);
/// Wait after a failed accept, usually for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long a connection that is too many may hold up the others.
const TURNING_AWAY: Duration = Duration::from_millis(100);
