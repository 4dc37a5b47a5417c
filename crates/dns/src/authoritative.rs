//! A server that answers for its zones, on a host of a network.
//!
//! ```text
//!   datagram ─┐                         ┌─ datagram
//!             ├─▶ answer(zones, query) ─┤         one pure function for both
//!   stream ───┘                         └─ stream
//! ```
//!
//! The zones are one immutable value that can be swapped while queries are
//! answered: every query sees the old zones or the new ones, whole.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use arc_swap::ArcSwap;
use capa7_dissect::{Cause, Room};
use capa7_dns_proto::answer::{AnswerContext, AnswerSettings, Transport, answer};
use capa7_dns_proto::zone::ZoneSet;
use capa7_net::{Host, Task, UdpSocket};

use crate::connections::ConnectionLimits;
use crate::stream;
use crate::updates::{UpdateConfig, Updates};

/// How an authoritative server listens and names itself.
#[derive(Clone, Debug, Default)]
pub struct AuthoritativeConfig {
    /// Where to listen; empty is port 53 of every address of the host.
    pub listen: Vec<SocketAddr>,
    /// What is answered beside the zones' content: the order of addresses, and
    /// the identifier that tells replicas apart (NSID, RFC 5001).
    pub settings: AnswerSettings,
    /// Bounds on the TCP side.
    pub connections: ConnectionLimits,
    /// Who may change the zones by message; nobody by default.
    pub updates: UpdateConfig,
}

/// A running authoritative server; it stops with this value.
#[derive(Debug)]
pub struct Authoritative {
    zones: Arc<ArcSwap<ZoneSet>>,
    tasks: Vec<Task<()>>,
}

impl Authoritative {
    /// Listens by UDP and TCP and answers from `zones`.
    ///
    /// # Errors
    /// When an address cannot be listened on.
    pub fn start(
        host: &Host,
        zones: Arc<ArcSwap<ZoneSet>>,
        config: &AuthoritativeConfig,
    ) -> io::Result<Self> {
        let host = host.in_room(Room::Dns);
        let updates = Updates::new(&config.updates, &zones);
        let answerer = Answerer::new(Arc::clone(&zones), config.settings.clone());
        let answerer = answerer.with_updates(updates);
        let mut tasks = Vec::new();
        for at in listen_addresses(&host, &config.listen) {
            let socket = host.bind_udp(at)?;
            let listener = host.listen_tcp(at)?;
            tasks.push(host.spawn("dns udp", serve_udp(socket, answerer.clone())));
            let streams =
                stream::serve(host.clone(), listener, config.connections, answerer.clone());
            tasks.push(host.spawn("dns tcp", streams));
        }
        Ok(Self { zones, tasks })
    }

    /// The zones; storing others swaps them between two queries.
    #[must_use]
    pub const fn zones(&self) -> &Arc<ArcSwap<ZoneSet>> {
        &self.zones
    }

    /// Whether every listener still serves.
    #[must_use]
    pub fn is_serving(&self) -> bool {
        self.tasks.iter().all(|task| !task.is_finished())
    }
}

/// The listed addresses, or port 53 of every address of the host.
pub(crate) fn listen_addresses(host: &Host, listed: &[SocketAddr]) -> Vec<SocketAddr> {
    port_of_each_address(host, listed, DNS_PORT)
}

/// The listed addresses, or one port of every address of the host.
pub(crate) fn port_of_each_address(
    host: &Host,
    listed: &[SocketAddr],
    port: u16,
) -> Vec<SocketAddr> {
    if listed.is_empty() {
        host.addresses().iter().map(|address| SocketAddr::new(*address, port)).collect()
    } else {
        listed.to_vec()
    }
}

async fn serve_udp(socket: UdpSocket, mut answerer: Answerer) {
    let mut out = vec![0; ANSWER_OCTETS_MAX];
    loop {
        match socket.recv_from().await {
            Ok(query) => {
                let asker = Asker { client: query.from.ip(), cause: query.cause };
                let changed = answerer.update(&query.bytes, asker);
                let reply = changed.or_else(|| {
                    let reply = answerer.answer(&query.bytes, Transport::Datagram, &mut out);
                    reply.map(<[u8]>::to_vec)
                });
                let Some(reply) = reply else { continue };
                if let Err(error) = socket.send_to(reply, query.from, query.cause).await {
                    tracing::debug!(%error, client = %query.from, "cannot reply");
                }
            }
            Err(error) => {
                tracing::error!(%error, "the UDP socket failed: no more queries are answered");
                return;
            }
        }
    }
}

/// The answering function with what it needs beside the query; one per task.
#[derive(Debug)]
pub(crate) struct Answerer {
    zones: Arc<ArcSwap<ZoneSet>>,
    context: AnswerContext,
    updates: Option<Updates>,
}

/// Who sent a message, and the event that brought it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker {
    pub(crate) client: IpAddr,
    pub(crate) cause: Cause,
}

impl Answerer {
    pub(crate) fn new(zones: Arc<ArcSwap<ZoneSet>>, settings: AnswerSettings) -> Self {
        Self { zones, context: AnswerContext::new(settings), updates: None }
    }

    fn with_updates(self, updates: Updates) -> Self {
        Self { updates: Some(updates), ..self }
    }

    /// Carries out a message that is an update; the reply.
    pub(crate) fn update(&self, message: &[u8], asker: Asker) -> Option<Vec<u8>> {
        self.updates.as_ref()?.reply(message, asker.client, asker.cause)
    }

    /// The reply in `out`, or none for what gets no reply.
    pub(crate) fn answer<'o>(
        &mut self,
        query: &[u8],
        transport: Transport,
        out: &'o mut [u8],
    ) -> Option<&'o [u8]> {
        let reply = answer(&self.zones.load(), query, transport, out, &mut self.context)?;
        out.get(..reply.octets)
    }

    /// Appends the reply to a message of a stream, its length in front.
    /// `scratch` has room for the largest message.
    pub(crate) fn answer_framed(
        &mut self,
        query: &[u8],
        asker: Asker,
        scratch: &mut [u8],
        out: &mut Vec<u8>,
    ) {
        let changed = self.update(query, asker);
        let reply = match &changed {
            Some(reply) => Some(reply.as_slice()),
            None => self.answer(query, Transport::Stream, scratch),
        };
        let Some(reply) = reply else { return };
        if let Ok(length) = u16::try_from(reply.len()) {
            out.extend_from_slice(&length.to_be_bytes());
            out.extend_from_slice(reply);
        }
    }
}

impl Clone for Answerer {
    /// The same zones and settings with scratch memory of its own.
    fn clone(&self) -> Self {
        let fresh = Self::new(Arc::clone(&self.zones), self.context.settings().clone());
        Self { updates: self.updates.clone(), ..fresh }
    }
}

const DNS_PORT: u16 = 53;
/// The largest message that a stream can frame (RFC 1035 §4.2.2).
pub(crate) const ANSWER_OCTETS_MAX: usize = 65_535;
