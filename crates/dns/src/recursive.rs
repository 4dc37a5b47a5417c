//! A resolver that clients ask: the local server of a site (course D3).
//!
//! ```text
//!   datagram ─┐                        ┌─ answers in the order in which they are found
//!             ├─ may ask? ─ Resolving ─┤
//!   stream ───┘     └─ no: REFUSED     └─ RFC 7766 §6.2.1.1
//! ```

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use capa7_dissect::Room;
use capa7_dns_proto::Rcode;
use capa7_dns_proto::message::{Edns, EdnsOption, ExtendedError, Message};
use capa7_dns_proto::resolve::{ResolverConfig, Transport};
use capa7_net::{Host, Task, TcpListener, TcpStream, UdpSocket};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc;

use crate::access::AddressBlock;
use crate::authoritative::listen_addresses;
use crate::connections::{ConnectionLimits, Connections};
use crate::frames::{Frames, frame};
use crate::resolving::{Answer, NoteObserver, ReplyTo, ResolverTask, Resolving, deserves_reply};

/// How a resolver listens and works.
#[derive(Clone, Debug)]
pub struct RecursiveConfig {
    /// How it resolves.
    pub resolver: ResolverConfig,
    /// Where to listen; empty is port 53 of every address of the host.
    pub listen: Vec<SocketAddr>,
    /// Who may ask; everybody else is refused (RFC 5358).
    pub allow: Vec<AddressBlock>,
    /// Bounds on the TCP side.
    pub connections: ConnectionLimits,
}

impl Default for RecursiveConfig {
    fn default() -> Self {
        Self {
            resolver: ResolverConfig::default(),
            listen: Vec::new(),
            allow: AddressBlock::own_networks(),
            connections: ConnectionLimits::default(),
        }
    }
}

/// A running resolver; it stops with this value.
#[derive(Debug)]
pub struct RecursiveServer {
    resolving: Resolving,
    resolver: ResolverTask,
    listeners: Vec<Task<()>>,
}

impl RecursiveServer {
    /// Listens by UDP and TCP and resolves for those who may ask. `observer`
    /// hears every decision.
    ///
    /// # Errors
    /// When an address cannot be listened on.
    pub fn start(
        host: &Host,
        config: RecursiveConfig,
        observer: Option<NoteObserver>,
    ) -> io::Result<Self> {
        let mut sockets = Vec::new();
        for at in listen_addresses(host, &config.listen) {
            let host = host.in_room(Room::Dns);
            sockets.push((host.bind_udp(at)?, host.listen_tcp(at)?));
        }
        Ok(Self::start_on(host, sockets, config, observer))
    }

    /// The same on sockets that are open already.
    #[must_use]
    pub fn start_on(
        host: &Host,
        sockets: Vec<(UdpSocket, TcpListener)>,
        config: RecursiveConfig,
        observer: Option<NoteObserver>,
    ) -> Self {
        let host = host.in_room(Room::Dns);
        let (resolver, resolving) = ResolverTask::start(&host, config.resolver, observer);
        let gate = Gate { resolving: resolving.clone(), allow: config.allow.into() };
        let mut listeners = Vec::new();
        for (socket, listener) in sockets {
            listeners.push(host.spawn("dns udp", serve_udp(socket, gate.clone())));
            let streams = serve_tcp(host.clone(), listener, config.connections, gate.clone());
            listeners.push(host.spawn("dns tcp", streams));
        }
        Self { resolving, resolver, listeners }
    }

    /// The resolver, to ask it directly or to look at it.
    #[must_use]
    pub const fn resolving(&self) -> &Resolving {
        &self.resolving
    }

    /// Whether the resolver and every listener still serve.
    #[must_use]
    pub fn is_serving(&self) -> bool {
        self.resolver.is_running() && self.listeners.iter().all(|task| !task.is_finished())
    }
}

/// What each listener needs.
#[derive(Clone)]
struct Gate {
    resolving: Resolving,
    allow: Arc<[AddressBlock]>,
}

impl Gate {
    fn admits(&self, client: IpAddr) -> bool {
        self.allow.iter().any(|block| block.contains(client))
    }
}

async fn serve_udp(socket: UdpSocket, gate: Gate) {
    let socket = Arc::new(socket);
    loop {
        let query = match socket.recv_from().await {
            Ok(query) => query,
            Err(error) => {
                tracing::error!(%error, "the UDP socket failed: no more queries are answered");
                return;
            }
        };
        if !deserves_reply(&query.bytes) {
            continue;
        }
        if !gate.admits(query.from.ip()) {
            if let Some(refusal) = refusal(&query.bytes) {
                let _ = socket.send_to(refusal, query.from, query.cause).await;
            }
            continue;
        }
        let reply = ReplyTo::Datagram(Arc::clone(&socket), query.from);
        if gate.resolving.submit(query.bytes, Transport::Udp, query.cause, reply).await.is_err() {
            return;
        }
    }
}

async fn serve_tcp(host: Host, listener: TcpListener, limits: ConnectionLimits, gate: Gate) {
    let mut connections = Connections::default();
    loop {
        let Ok(stream) = listener.accept().await else {
            host.sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let client = stream.peer_addr().ip();
        if connections.admits(client, &limits) {
            let serve = one_connection(host.clone(), stream, limits, gate.clone());
            connections.keep(client, host.spawn("dns tcp", serve));
        }
    }
}

async fn one_connection(host: Host, mut stream: TcpStream, limits: ConnectionLimits, gate: Gate) {
    let admitted = gate.admits(stream.peer_addr().ip());
    let (mut frames, mut buffer) = (Frames::default(), vec![0; READ_OCTETS]);
    let (answer_to, mut answers) = mpsc::channel::<Answer>(limits.pipelined.max(1));
    let mut open = 0_usize;
    let mut client_is_done = false;
    while !(client_is_done && open == 0) {
        // A client with as many questions open as it may have is not read from.
        let may_read = !client_is_done && open < limits.pipelined.max(1);
        tokio::select! {
            biased;
            Some((octets, causes)) = answers.recv() => {
                open = open.saturating_sub(1);
                stream.set_write_cause(causes.first);
                let framed = frame(&octets).unwrap_or_default();
                let written = host.timeout(limits.idle, stream.write_all(&framed)).await;
                if !matches!(written, Ok(Ok(()))) {
                    return;
                }
            }
            read = host.timeout(limits.idle, stream.read(&mut buffer)), if may_read => match read {
                Ok(Ok(0)) => client_is_done = true,
                Ok(Ok(count)) => frames.push(buffer.get(..count).unwrap_or_default()),
                Ok(Err(_)) => return,
                Err(_idle) if open == 0 => return,
                Err(_idle) => {}
            },
        }
        while open < limits.pipelined.max(1) {
            let Some(query) = frames.next() else { break };
            if !deserves_reply(query) {
                return;
            }
            let query = Bytes::copy_from_slice(query);
            let cause = stream.read_cause();
            open += 1;
            if admitted {
                let reply = ReplyTo::Stream(answer_to.clone());
                if gate.resolving.submit(query, Transport::Tcp, cause, reply).await.is_err() {
                    return;
                }
            } else if let Some(refusal) = refusal(&query) {
                let _ = answer_to.try_send((refusal, cause.into()));
            } else {
                return;
            }
        }
    }
}

/// REFUSED with the reason (RFC 8914 §4.19), or nothing for what is no query.
fn refusal(query: &[u8]) -> Option<Vec<u8>> {
    let query = Message::parse(query).ok()?;
    if query.header.qr {
        return None;
    }
    let mut reply = query.reply(Rcode::REFUSED);
    if query.edns.is_some() {
        let text = "this resolver answers its own networks only".to_owned();
        let error = ExtendedError { code: ExtendedError::PROHIBITED, text };
        let options = vec![EdnsOption::ExtendedError(error)];
        reply.edns = Some(Edns { options, ..Edns::default() });
    }
    reply.write().ok()
}

/// What one read of a stream takes at most.
const READ_OCTETS: usize = 16 * 1024;
/// Wait after a failed accept, usually for want of descriptors.
const ACCEPT_PAUSE: std::time::Duration = std::time::Duration::from_millis(100);
