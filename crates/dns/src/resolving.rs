//! The task that owns a resolver's machine: sockets and timers around it.
//!
//! ```text
//!   Resolving::ask ──▶ requests ─┐            ┌─ Answer ──▶ who asked
//!                                ├─ machine ──┤
//!   one task per exchange ───────┘            ├─ SendUdp, SendTcp ──▶ a task with a socket
//!     its own socket, its own random port     ├─ Close ──▶ that task ends
//!                                             └─ Note, Wake
//! ```

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use capa7_dissect::{Cause, Causes, Room};
use capa7_dns_proto::Instant;
use capa7_dns_proto::message::HEADER_OCTETS;
use capa7_dns_proto::resolve::{
    ClientId, ExchangeTag, Input, Output, Resolver, ResolverConfig, ResolverNote, Transport,
};
use capa7_net::{Host, Note, Task, Time, UdpSocket};
use rand::RngCore as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{mpsc, oneshot};

use crate::frames::{Frames, frame};
use crate::stub::any_of;

/// An answer with why it was given.
pub(crate) type Answer = (Vec<u8>, Causes);

/// Called with every decision, beside the capture.
pub type NoteObserver = Box<dyn FnMut(Time, &ResolverNote) + Send>;

/// A resolver at work. Cloning shares it; it ends with its [`ResolverTask`].
#[derive(Clone, Debug)]
pub struct Resolving {
    requests: mpsc::Sender<Request>,
}

/// The owner of a resolver's task: the resolver stops with this value.
#[derive(Debug)]
pub struct ResolverTask(Task<()>);

/// The resolver has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the resolver has stopped")]
pub struct ResolverStopped;

enum Request {
    Ask { octets: Bytes, transport: Transport, cause: Cause, reply: ReplyTo },
    Prime(Cause),
    Look(Look),
}

type Look = Box<dyn FnOnce(&mut Resolver, Instant) + Send>;

/// Where an answer goes.
pub(crate) enum ReplyTo {
    Datagram(Arc<UdpSocket>, SocketAddr),
    Stream(mpsc::Sender<Answer>),
    Caller(oneshot::Sender<Answer>),
}

/// What came back to an exchange.
enum Upstream {
    Datagram { tag: ExchangeTag, from: SocketAddr, octets: Bytes, cause: Cause },
    Stream { tag: ExchangeTag, octets: Bytes, cause: Cause },
    Failed(ExchangeTag),
}

impl ResolverTask {
    /// Starts a resolver on a host. `observer` hears every decision.
    #[must_use]
    pub fn start(
        host: &Host,
        config: ResolverConfig,
        observer: Option<NoteObserver>,
    ) -> (Self, Resolving) {
        let host = host.in_room(Room::Dns);
        let (requests, inbox) = mpsc::channel(REQUESTS_WAITING_MAX);
        let (replies, upstream) = mpsc::channel(REPLIES_WAITING_MAX);
        let mut seed = [0; 32];
        host.rng().fill_bytes(&mut seed);
        let shell = Shell {
            machine: Resolver::new(config, seed),
            clients: BTreeMap::new(),
            exchanges: BTreeMap::new(),
            last_client: 0,
            wake: Time::NEVER,
            replies,
            observer,
            host: host.clone(),
        };
        let task = host.spawn("resolver", shell.run(inbox, upstream));
        (Self(task), Resolving { requests })
    }

    /// Whether it still works.
    #[must_use]
    pub fn is_running(&self) -> bool {
        !self.0.is_finished()
    }
}

impl Resolving {
    /// Asks with a whole query and waits for the whole reply.
    ///
    /// # Errors
    /// [`ResolverStopped`], also when the query is one that gets no reply.
    pub async fn ask(&self, query: Bytes, cause: Cause) -> Result<Answer, ResolverStopped> {
        let (reply, answer) = oneshot::channel();
        self.submit(query, Transport::Tcp, cause, ReplyTo::Caller(reply)).await?;
        answer.await.map_err(|_| ResolverStopped)
    }

    /// Learns the root's servers before anybody asks.
    ///
    /// # Errors
    /// [`ResolverStopped`].
    pub async fn prime(&self, cause: Cause) -> Result<(), ResolverStopped> {
        self.requests.send(Request::Prime(cause)).await.map_err(|_| ResolverStopped)
    }

    /// Looks at the machine between two events, or changes it.
    ///
    /// # Errors
    /// [`ResolverStopped`].
    pub async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&mut Resolver, Instant) -> T + Send + 'static,
    ) -> Result<T, ResolverStopped> {
        let (give, take) = oneshot::channel();
        let look: Look = Box::new(move |machine, now| {
            let _ = give.send(look(machine, now));
        });
        self.requests.send(Request::Look(look)).await.map_err(|_| ResolverStopped)?;
        take.await.map_err(|_| ResolverStopped)
    }

    pub(crate) async fn submit(
        &self,
        octets: Bytes,
        transport: Transport,
        cause: Cause,
        reply: ReplyTo,
    ) -> Result<(), ResolverStopped> {
        let request = Request::Ask { octets, transport, cause, reply };
        self.requests.send(request).await.map_err(|_| ResolverStopped)
    }
}

struct Shell {
    machine: Resolver,
    clients: BTreeMap<ClientId, ReplyTo>,
    exchanges: BTreeMap<ExchangeTag, Task<()>>,
    last_client: u64,
    wake: Time,
    replies: mpsc::Sender<Upstream>,
    observer: Option<NoteObserver>,
    host: Host,
}

impl Shell {
    async fn run(
        mut self,
        mut requests: mpsc::Receiver<Request>,
        mut upstream: mpsc::Receiver<Upstream>,
    ) {
        loop {
            let alarm = self.host.sleep_until(self.wake);
            tokio::select! {
                biased;
                Some(reply) = upstream.recv() => self.on_reply(reply),
                request = requests.recv() => match request {
                    Some(request) => self.on_request(request).await,
                    None => return,
                },
                () = alarm => {
                    self.wake = Time::NEVER;
                    self.machine.handle(self.now(), Input::Timer);
                }
            }
            self.carry_out().await;
        }
    }

    fn now(&self) -> Instant {
        Instant(self.host.now().0)
    }

    async fn on_request(&mut self, request: Request) {
        let now = self.now();
        match request {
            // Nothing will answer it: who asked is told by the dropped `reply`.
            Request::Ask { octets, .. } if !deserves_reply(&octets) => {}
            Request::Ask { octets, transport, cause, reply } => {
                // Nobody hears how it was found: the short way for a server under load.
                let mut answer = Vec::new();
                if !self.is_heard()
                    && self.machine.answer_from_cache(now, transport, &octets, &mut answer)
                {
                    return deliver(reply, answer, cause.into()).await;
                }
                self.last_client += 1;
                let client = ClientId(self.last_client);
                self.clients.insert(client, reply);
                let input = Input::Query { client, transport, octets: &octets, cause };
                self.machine.handle(now, input);
            }
            Request::Prime(cause) => self.machine.handle(now, Input::Prime { cause }),
            Request::Look(look) => look(&mut self.machine, now),
        }
    }

    fn on_reply(&mut self, reply: Upstream) {
        let now = self.now();
        match reply {
            Upstream::Datagram { tag, from, octets, cause } => {
                let input = Input::UdpReply { tag, from, octets: &octets, cause };
                self.machine.handle(now, input);
            }
            Upstream::Stream { tag, octets, cause } => {
                self.machine.handle(now, Input::TcpReply { tag, octets: &octets, cause });
            }
            Upstream::Failed(tag) => self.machine.handle(now, Input::Failed { tag }),
        }
    }

    async fn carry_out(&mut self) {
        while let Some(output) = self.machine.poll() {
            match output {
                Output::SendUdp { tag, server, octets, causes } => {
                    let (host, replies) = (self.host.clone(), self.replies.clone());
                    let exchange = exchange_udp(host, tag, server, octets, causes, replies);
                    self.exchanges.insert(tag, self.host.spawn("dns exchange", exchange));
                }
                Output::SendTcp { tag, server, octets, causes } => {
                    let (host, replies) = (self.host.clone(), self.replies.clone());
                    let exchange = exchange_tcp(host, tag, server, octets, causes, replies);
                    self.exchanges.insert(tag, self.host.spawn("dns exchange", exchange));
                }
                Output::Close { tag } => drop(self.exchanges.remove(&tag)),
                Output::Answer { client, octets, causes } => {
                    if let Some(reply) = self.clients.remove(&client) {
                        deliver(reply, octets, causes).await;
                    }
                }
                Output::Note { note, causes } => self.tell(&note, causes),
                Output::Wake { at, .. } => self.wake = Time(at.0),
            }
        }
    }

    /// Whether somebody hears the resolver's decisions.
    fn is_heard(&self) -> bool {
        self.observer.is_some() || self.host.capture().is_on()
    }

    fn tell(&mut self, note: &ResolverNote, causes: Causes) {
        if let Some(observer) = &mut self.observer {
            observer(self.host.now(), note);
        }
        if self.host.capture().is_on() {
            self.host.note(to_net_note(note).because(causes));
        }
    }
}

/// Whether these octets are a query: two servers must not answer each other's
/// replies for ever (RFC 1035 §4.1.1, QR).
pub(crate) fn deserves_reply(octets: &[u8]) -> bool {
    octets.len() >= HEADER_OCTETS && octets.get(2).is_some_and(|flags| flags & 0x80 == 0)
}

/// A decision as the capture keeps it: the reason in English, the Spanish one
/// among the facts as `reason_es`.
fn to_net_note(note: &ResolverNote) -> Note {
    let mut told = Note::new(Room::Dns, note.kind(), "");
    if let Ok(serde_json::Value::Object(mut facts)) = serde_json::to_value(note) {
        facts.remove("kind");
        told.data = facts;
    }
    for (language, reason) in note.meaning() {
        match language {
            "en" => told.reason = reason,
            _ => told = told.with(&format!("reason_{language}"), reason),
        }
    }
    told
}

async fn deliver(reply: ReplyTo, octets: Vec<u8>, causes: Causes) {
    match reply {
        ReplyTo::Datagram(socket, client) => {
            if let Err(error) = socket.send_to(octets, client, causes).await {
                tracing::debug!(%error, %client, "cannot reply");
            }
        }
        // A stream has room for as many answers as it may have questions open.
        ReplyTo::Stream(stream) => drop(stream.try_send((octets, causes))),
        ReplyTo::Caller(caller) => drop(caller.send((octets, causes))),
    }
}

/// Sends one query from a socket of its own and passes on what comes back,
/// until the machine closes the exchange.
async fn exchange_udp(
    host: Host,
    tag: ExchangeTag,
    server: SocketAddr,
    octets: Vec<u8>,
    causes: Causes,
    replies: mpsc::Sender<Upstream>,
) {
    let talk = async {
        let socket = host.bind_udp(any_of(server))?;
        socket.send_to(octets, server, causes).await?;
        loop {
            let datagram = socket.recv_from().await?;
            let (from, octets, cause) = (datagram.from, datagram.bytes, datagram.cause);
            let reply = Upstream::Datagram { tag, from, octets, cause };
            if replies.send(reply).await.is_err() {
                return Ok(());
            }
        }
    };
    let outcome: io::Result<()> = talk.await;
    if outcome.is_err() {
        let _ = replies.send(Upstream::Failed(tag)).await;
    }
}

/// The same over a connection of its own (RFC 7766 §5).
async fn exchange_tcp(
    host: Host,
    tag: ExchangeTag,
    server: SocketAddr,
    octets: Vec<u8>,
    causes: Causes,
    replies: mpsc::Sender<Upstream>,
) {
    let talk = async {
        let framed = frame(&octets).ok_or(io::ErrorKind::InvalidInput)?;
        let mut stream = host.connect_tcp(server, causes.first).await?;
        stream.set_write_cause(causes.first);
        stream.write_all(&framed).await?;
        let (mut frames, mut buffer) = (Frames::default(), vec![0; READ_OCTETS]);
        loop {
            let count = stream.read(&mut buffer).await?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            frames.push(buffer.get(..count).unwrap_or_default());
            let cause = stream.read_cause();
            while let Some(octets) = frames.next() {
                let octets = Bytes::copy_from_slice(octets);
                if replies.send(Upstream::Stream { tag, octets, cause }).await.is_err() {
                    return Ok(());
                }
            }
        }
    };
    let outcome: io::Result<()> = talk.await;
    if outcome.is_err() {
        let _ = replies.send(Upstream::Failed(tag)).await;
    }
}

/// Questions that wait for the machine; listeners wait while it is full, and
/// the kernel or the link drops what comes meanwhile.
const REQUESTS_WAITING_MAX: usize = 1_024;
/// Replies that wait for the machine.
const REPLIES_WAITING_MAX: usize = 1_024;
/// What one read of a stream takes at most.
const READ_OCTETS: usize = 16 * 1024;
