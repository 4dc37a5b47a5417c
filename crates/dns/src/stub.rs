//! The client side: ask a server one question and wait for its answer.
//!
//! ```text
//!   query ──UDP──▶ server            again after a time-out, a new id and port
//!         ◀── reply, TC ──           the reply did not fit
//!   query ──TCP──▶ server            RFC 7766 §5
//!         ◀── reply ─────
//! ```
//! A client that knows several servers asks the next when one does not answer, or cannot, and
//! remembers for a while who did not (`stub/servers.rs`).

mod servers;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use capa7_dissect::{Cause, Causes};
use capa7_dns_proto::message::{Edns, EdnsOption, Message, ParseError, Question};
use capa7_dns_proto::{Name, Opcode, Rcode, RecordType};
use capa7_net::Host;
use rand::Rng as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use self::servers::Servers;
use crate::frames::{Frames, frame};

/// How to ask.
#[derive(Clone, Debug)]
pub struct StubOptions {
    /// RD: whether the server is asked to resolve (course D8).
    pub recursion_desired: bool,
    /// DO: whether signatures are wanted (RFC 3225).
    pub dnssec: bool,
    /// Whether the server is asked which of its replicas it is (NSID, RFC 5001 §2.1).
    pub nsid: bool,
    /// Octets that a reply by UDP may have; 0 asks without EDNS.
    pub payload_octets: u16,
    /// Ask by TCP from the start.
    pub tcp: bool,
    /// Datagrams sent to each server before giving up.
    pub tries: u32,
    /// How long each try waits.
    pub patience: Duration,
}

impl Default for StubOptions {
    /// As a host's own stub: RD, EDNS with 1,232 octets, three tries of 2 s.
    fn default() -> Self {
        Self {
            recursion_desired: true,
            dnssec: false,
            nsid: false,
            payload_octets: 1_232,
            tcp: false,
            tries: 3,
            patience: Duration::from_secs(2),
        }
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub struct StubReply {
    /// The reply, decoded.
    pub message: Message,
    /// The reply as it came.
    pub octets: Bytes,
    /// Who replied.
    pub server: SocketAddr,
    /// From the first query to the reply.
    pub took: Duration,
    /// Whether the reply came by TCP.
    pub tcp: bool,
    /// The captured reply, cause of what follows.
    pub cause: Cause,
}

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
pub enum StubError {
    /// Every try ran out of time.
    #[error("{server} did not answer in {tries} tries of {} s", patience.as_secs_f64())]
    NoAnswer {
        /// The server asked.
        server: SocketAddr,
        /// Datagrams sent.
        tries: u32,
        /// How long each waited.
        patience: Duration,
    },
    /// The network refused.
    #[error("cannot ask {server}: {error}")]
    Network {
        /// The server asked.
        server: SocketAddr,
        /// What the network said.
        error: io::Error,
    },
    /// What came over the server's own connection is no DNS message.
    #[error("{server} sent a malformed reply: {error}")]
    Malformed {
        /// The server asked.
        server: SocketAddr,
        /// Where it breaks the rules.
        error: ParseError,
    },
    /// What came over the server's own connection answers another question.
    #[error("{server} answered another question")]
    Mismatch {
        /// The server asked.
        server: SocketAddr,
    },
}

/// A stub resolver on a host (RFC 1034 §5.3.1): it asks its server and follows
/// nothing by itself. Clones know of each other which servers did not answer.
#[derive(Clone, Debug)]
pub struct StubClient {
    host: Host,
    servers: Arc<Mutex<Servers>>,
    options: StubOptions,
}

impl StubClient {
    /// A client that asks `server` as a host's own stub does.
    #[must_use]
    pub fn new(host: Host, server: SocketAddr) -> Self {
        let servers = Arc::new(Mutex::new(Servers::new([server])));
        Self { host, servers, options: StubOptions::default() }
    }

    /// The same client, which asks these in turn when its server does not answer, or
    /// answers that it cannot (RFC 1123 §6.1.3.3). One that did not answer is asked
    /// after the others for 30 s, and then, beside the next question, whether it is back.
    #[must_use]
    pub fn or(mut self, others: impl IntoIterator<Item = SocketAddr>) -> Self {
        let known = self.servers().known();
        self.servers = Arc::new(Mutex::new(Servers::new(known.into_iter().chain(others))));
        self
    }

    /// The same client with other options.
    #[must_use]
    pub fn with_options(mut self, options: StubOptions) -> Self {
        self.options = options;
        self
    }

    /// Asks for the records of one type at one name.
    ///
    /// # Errors
    /// [`StubError`]: no answer in time, refused by the network, or nonsense.
    pub async fn query(
        &self,
        name: &Name,
        rtype: RecordType,
        cause: Cause,
    ) -> Result<StubReply, StubError> {
        self.exchange(self.message(Question::new(name.clone(), rtype)), cause).await
    }

    /// Sends a message of any kind, such as an update (RFC 2136), and waits for
    /// its reply; the identifier is chosen here. By UDP it may be sent again,
    /// so what must not be done twice is sent by TCP.
    ///
    /// # Errors
    /// As for [`StubClient::query`].
    pub async fn exchange(&self, message: Message, cause: Cause) -> Result<StubReply, StubError> {
        let begin = self.host.now();
        self.probe(&message, cause);
        let mut reply = self.ask_in_turn(message, cause).await?;
        reply.took = self.host.now().since(begin);
        Ok(reply)
    }

    /// Round after round, each time of all that did not answer yet; those that were silent
    /// before are asked from the second round on.
    async fn ask_in_turn(&self, message: Message, cause: Cause) -> Result<StubReply, StubError> {
        let with_tries = |server| (server, self.options.tries.max(1));
        let (live, silent) = self.servers().by_standing();
        let mut waiting: Vec<_> = live.into_iter().map(with_tries).collect();
        let mut later: Vec<_> = silent.into_iter().map(with_tries).collect();
        loop {
            if waiting.is_empty() {
                waiting.append(&mut later);
            }
            let (mut told, mut again) = (None, Vec::new());
            let mut failure = None;
            for (server, left) in waiting {
                match self.ask(server, message.clone(), cause).await {
                    Ok(reply) if is_served(&reply.message) => return Ok(reply),
                    Ok(reply) => told = Some(reply),
                    // By TCP it was the only try.
                    Err(error) => {
                        if matches!(error, StubError::NoAnswer { tries: 2.., .. }) && left > 1 {
                            again.push((server, left - 1));
                        }
                        failure = Some(error);
                    }
                }
            }
            // Any reply says more than none.
            if let Some(reply) = told {
                return Ok(reply);
            }
            again.append(&mut later);
            match failure {
                Some(error) if again.is_empty() => return Err(error),
                _ => waiting = again,
            }
        }
    }

    /// Asks a server that was silent the same question, if it is time to: the reply is
    /// waited for by nobody.
    fn probe(&self, message: &Message, cause: Cause) {
        // Nothing else is safe to be done twice.
        if message.header.opcode != Opcode::QUERY {
            return;
        }
        let Some(server) = self.servers().begin_probe(self.host.now()) else { return };
        let (stub, message) = (self.clone(), message.clone());
        let work = async move {
            if let Err(error) = stub.ask(server, message, cause).await {
                tracing::debug!(%error, "the name server is not back");
            }
        };
        self.host.spawn("probe", work).detach();
    }

    /// Asks one server once, and remembers whether it said anything.
    async fn ask(
        &self,
        server: SocketAddr,
        message: Message,
        cause: Cause,
    ) -> Result<StubReply, StubError> {
        let outcome = self.ask_once(server, message, cause).await;
        match &outcome {
            Ok(_) | Err(StubError::Malformed { .. } | StubError::Mismatch { .. }) => {
                self.servers().answered(server);
            }
            Err(StubError::NoAnswer { .. } | StubError::Network { .. }) => {
                self.servers().was_silent(server, self.host.now());
            }
        }
        outcome
    }

    async fn ask_once(
        &self,
        server: SocketAddr,
        message: Message,
        cause: Cause,
    ) -> Result<StubReply, StubError> {
        if self.options.tcp {
            return self.ask_tcp(server, message, cause).await;
        }
        let reply = self.ask_udp(server, message.clone(), cause).await?;
        // RFC 7766 §5: a truncated reply is asked for again by TCP.
        if reply.message.header.tc {
            return self.ask_tcp(server, message, reply.cause).await;
        }
        Ok(reply)
    }

    fn servers(&self) -> MutexGuard<'_, Servers> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn message(&self, question: Question) -> Message {
        let mut query = Message::query(0, question);
        query.header.rd = self.options.recursion_desired;
        let StubOptions { payload_octets, dnssec, nsid, .. } = self.options;
        if payload_octets > 0 || dnssec || nsid {
            // RFC 5001 §2.1: the option in a query is empty.
            let ask_which = nsid.then(|| EdnsOption::Nsid(Vec::new()));
            query.edns = Some(Edns {
                payload_octets: payload_octets.max(512),
                dnssec_ok: dnssec,
                options: ask_which.into_iter().collect(),
                ..Edns::default()
            });
        }
        query
    }

    async fn ask_udp(
        &self,
        server: SocketAddr,
        mut query: Message,
        cause: Cause,
    ) -> Result<StubReply, StubError> {
        let network = |error| StubError::Network { server, error };
        // A fresh id and source port for each datagram (RFC 5452 §9.2).
        query.header.id = self.host.rng().random();
        let octets = query.write().map_err(|error| network(io::Error::other(error)))?;
        let socket = self.host.bind_udp(any_of(server)).map_err(network)?;
        socket.send_to(octets, server, cause).await.map_err(network)?;
        let wait = async {
            loop {
                let datagram = socket.recv_from().await?;
                if datagram.from != server {
                    continue;
                }
                if let Some(message) = reply_to(&query, &datagram.bytes) {
                    return Ok(StubReply {
                        message,
                        octets: datagram.bytes,
                        server,
                        took: Duration::ZERO,
                        tcp: false,
                        cause: datagram.cause,
                    });
                }
            }
        };
        let StubOptions { tries, patience, .. } = self.options;
        match self.host.timeout(patience, wait).await {
            Ok(reply) => reply.map_err(network),
            Err(_elapsed) => Err(StubError::NoAnswer { server, tries: tries.max(1), patience }),
        }
    }

    async fn ask_tcp(
        &self,
        server: SocketAddr,
        query: Message,
        cause: Cause,
    ) -> Result<StubReply, StubError> {
        let patience = self.options.patience * self.options.tries.max(1);
        match self.host.timeout(patience, self.exchange_tcp(server, query, cause)).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => Err(StubError::NoAnswer { server, tries: 1, patience }),
        }
    }

    async fn exchange_tcp(
        &self,
        server: SocketAddr,
        mut query: Message,
        cause: Cause,
    ) -> Result<StubReply, StubError> {
        let network = |error| StubError::Network { server, error };
        query.header.id = self.host.rng().random();
        let octets = query.write().map_err(|error| network(io::Error::other(error)))?;
        let framed = frame(&octets).ok_or_else(|| network(io::ErrorKind::InvalidInput.into()))?;
        let mut stream = self.host.connect_tcp(server, cause).await.map_err(network)?;
        stream.set_write_cause(cause);
        stream.write_all(&framed).await.map_err(network)?;
        let (mut frames, mut buffer) = (Frames::default(), vec![0; READ_OCTETS]);
        loop {
            if let Some(octets) = frames.next() {
                let octets = Bytes::copy_from_slice(octets);
                Message::parse(&octets).map_err(|error| StubError::Malformed { server, error })?;
                let message = reply_to(&query, &octets).ok_or(StubError::Mismatch { server })?;
                let (took, cause) = (Duration::ZERO, stream.read_cause());
                return Ok(StubReply { message, octets, server, took, tcp: true, cause });
            }
            let count = stream.read(&mut buffer).await.map_err(network)?;
            if count == 0 {
                return Err(network(io::ErrorKind::UnexpectedEof.into()));
            }
            frames.push(buffer.get(..count).unwrap_or_default());
        }
    }
}

/// Whether a server could do what it was asked; else another one may.
fn is_served(reply: &Message) -> bool {
    !matches!(reply.header.rcode, Rcode::SERVFAIL | Rcode::REFUSED | Rcode::NOTIMP)
}

/// The reply, when `octets` are one to this very query: same id, same
/// question (RFC 5452 §9.1). Anything else is as if it had not come.
fn reply_to(query: &Message, octets: &[u8]) -> Option<Message> {
    let reply = Message::parse(octets).ok()?;
    let matches = reply.header.qr
        && reply.header.id == query.header.id
        && reply.header.opcode == query.header.opcode
        // An error reply may leave the question out (RFC 1035 §4.1.1 asks for
        // the header only when the question could not be read).
        && (reply.questions == query.questions || reply.questions.is_empty());
    matches.then_some(reply)
}

/// The unspecified address of the server's family, any port.
pub(crate) fn any_of(server: SocketAddr) -> SocketAddr {
    let address = match server.ip() {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    SocketAddr::new(address, 0)
}

impl From<&StubReply> for Causes {
    fn from(reply: &StubReply) -> Self {
        reply.cause.into()
    }
}

/// What one read of a stream takes at most.
const READ_OCTETS: usize = 16 * 1024;
