//! A listener and the sessions of its connections: what SMTP, IMAP and POP3 share.
//!
//! ```text
//!   accept ─▶ a place? ── yes ─▶ a session, owned here until it ends
//!                └─────── no ──▶ told so, closed
//! ```

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use capa7_net::{Host, Task, TcpListener, TcpStream};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::watch;

use crate::smtp::server::ServerTls;

/// One listener with its connections; dropping it ends them.
#[derive(Debug)]
pub(crate) struct Listening {
    address: SocketAddr,
    stopping: watch::Sender<bool>,
    task: Task<()>,
}

/// How many connections there are at once, and what whoever is too many is told.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// All clients together.
    pub(crate) total_max: usize,
    /// From one address.
    pub(crate) per_client_max: usize,
    /// The protocol's words for it; nothing is said within TLS, where there is nobody
    /// yet to tell it.
    pub(crate) full: Option<Vec<u8>>,
}

impl Places {
    /// Places of a listener whose clients are told `full` when there are none left.
    pub(crate) fn new(
        (total_max, per_client_max): (usize, usize),
        tls: &ServerTls,
        full: Vec<u8>,
    ) -> Self {
        let full = (!matches!(tls, ServerTls::Implicit(_))).then_some(full);
        Self { total_max, per_client_max, full }
    }
}

impl Listening {
    /// Serves the connections of a listener. A session gets its stream, and hears when it
    /// is to end.
    pub(crate) fn start<F>(
        host: &Host,
        listener: TcpListener,
        places: Places,
        name: &'static str,
        serve: impl FnMut(TcpStream, watch::Receiver<bool>) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let address = listener.local_addr();
        let (stopping, stopped) = watch::channel(false);
        let connections = Connections { open: Vec::new(), of: BTreeMap::new(), look_at: 0, places };
        let work = accept_all(host.clone(), listener, connections, (name, serve), stopped);
        Self { address, stopping, task: host.spawn(name, work) }
    }

    /// Where it listens.
    pub(crate) const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections, and waits until every session has finished what it does
    /// and said goodbye.
    pub(crate) async fn stop(self) {
        let _ = self.stopping.send(true);
        let _ = self.task.await;
    }
}

/// The connections that are open, each owned here, and perhaps some that have ended.
#[derive(Debug)]
struct Connections {
    open: Vec<(IpAddr, Task<()>)>,
    /// How many of them each client has.
    of: BTreeMap<IpAddr, usize>,
    /// So many make it worth a look which have ended.
    look_at: usize,
    places: Places,
}

impl Connections {
    fn admits(&mut self, client: IpAddr) -> bool {
        if self.has_place(client) && self.open.len() < self.look_at {
            return true;
        }
        let of = &mut self.of;
        self.open.retain(|(address, task)| {
            let is_open = !task.is_finished();
            if !is_open && let Some(count) = of.get_mut(address) {
                *count -= 1;
            }
            is_open
        });
        of.retain(|_, count| *count > 0);
        self.look_at = 2 * self.open.len() + LOOK_MIN;
        self.has_place(client)
    }

    fn has_place(&self, client: IpAddr) -> bool {
        let of_client = self.of.get(&client).copied().unwrap_or(0);
        self.open.len() < self.places.total_max && of_client < self.places.per_client_max
    }

    fn add(&mut self, client: IpAddr, task: Task<()>) {
        self.open.push((client, task));
        *self.of.entry(client).or_default() += 1;
    }

    /// Tells whoever is too many. It fits into an empty window: nobody can hold this up.
    async fn turn_away(&self, host: &Host, mut stream: TcpStream) {
        let Some(full) = &self.places.full else { return };
        let _ = host.timeout(TURNING_AWAY, stream.write_all(full)).await;
        let _ = host.timeout(TURNING_AWAY, stream.shutdown()).await;
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

async fn accept_all<F>(
    host: Host,
    listener: TcpListener,
    mut connections: Connections,
    (name, mut serve): (&'static str, impl FnMut(TcpStream, watch::Receiver<bool>) -> F),
    mut stopped: watch::Receiver<bool>,
) where
    F: Future<Output = ()> + Send + 'static,
{
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
            connections.turn_away(&host, stream).await;
            continue;
        }
        // In a box, for whoever awaits a future keeps it beside what it moves in.
        let served = Box::pin(serve(stream, stopped.clone()));
        let work = async move {
            served.await;
            tracing::debug!("a session is over: its place is free");
        };
        connections.add(client, host.spawn(name, work));
    }
    drop(listener);
    connections.end(&host).await;
}

/// How long sessions may take to finish what they do when the server stops.
const STOPPING: Duration = Duration::from_secs(30);
/// Wait after a failed accept, usually for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long a connection that is too many may hold up the others.
const TURNING_AWAY: Duration = Duration::from_millis(100);
/// So few connections are never looked through.
const LOOK_MIN: usize = 64;
