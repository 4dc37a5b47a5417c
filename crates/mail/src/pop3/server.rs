//! A listener of POP3: accepts connections and owns their sessions.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use capa7_mail_proto::pop3::server::ClearPasswords;
use capa7_net::{Host, Task, TcpListener, TcpStream};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::watch;

use super::session;
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
    address: SocketAddr,
    stopping: watch::Sender<bool>,
    task: Task<()>,
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
        let address = listener.local_addr();
        let (stopping, stopped) = watch::channel(false);
        let connections = Connections {
            open: Vec::new(),
            total_max: config.connections_max,
            per_client_max: config.connections_per_client_max,
        };
        let shared = Arc::new(Shared { config, users, store });
        let work = accept_all(host.clone(), listener, shared, connections, stopped);
        Self { address, stopping, task: host.spawn("pop3 server", work) }
    }

    /// Where it listens.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections, lets every session finish its command, says
    /// `-ERR [SYS/TEMP]` and closes; nothing that was marked is removed.
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
            turn_away(&host, stream, &shared.config.tls).await;
            continue;
        }
        let work = session::serve(host.clone(), stream, Arc::clone(&shared), stopped.clone());
        connections.open.push((client, host.spawn("pop3 session", work)));
    }
    drop(listener);
    connections.end(&host).await;
}

/// RFC 3206 §4: it may help to come again. Within TLS there is nobody yet to tell
/// it.
async fn turn_away(host: &Host, mut stream: TcpStream, tls: &ServerTls) {
    if matches!(tls, ServerTls::Implicit(_)) {
        return;
    }
    let bye = b"-ERR [SYS/TEMP] too many connections\r\n";
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
