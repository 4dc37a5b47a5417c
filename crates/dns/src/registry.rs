//! A registry as a service: its book over TCP for registrars, its decisions in
//! the zone by DNS UPDATE (course D9, D14).
//!
//! ```text
//!   registrar ──lines, TCP──► registry ──UPDATE, TCP──► primary of the zone
//!             ◄── ok until ──          ◄── NOERROR ────
//! ```
//!
//! The lines are those of [`capa7_dns_proto::registry`].

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use capa7_dissect::{Cause, Room};
use capa7_dns_proto::registry::{
    Book, Date, Dialogue, LINE_OCTETS_MAX, REGISTRY_PORT, Registration, Request, Response,
};
use capa7_dns_proto::{Name, Rcode};
use capa7_net::{Host, Note, Task, TcpListener, TcpStream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::access::AddressBlock;
use crate::authoritative::port_of_each_address;
use crate::connections::{ConnectionLimits, Connections};
use crate::stub::{StubClient, StubOptions};

/// How a registry works.
#[derive(Clone, Debug)]
pub struct RegistryConfig {
    /// The book to begin with; its zone is what the registry sells.
    pub book: Book,
    /// The primary server of the zone, which takes the registry's updates.
    pub primary: SocketAddr,
    /// Where to listen; empty is [`REGISTRY_PORT`] of every address of the host.
    pub listen: Vec<SocketAddr>,
    /// Whose orders are taken.
    pub registrars: Vec<AddressBlock>,
    /// Bounds on connections.
    pub connections: ConnectionLimits,
}

/// A running registry; it stops with this value.
#[derive(Debug)]
pub struct Registry {
    book: Arc<Mutex<Book>>,
    _tasks: Vec<Task<()>>,
}

impl Registry {
    /// Listens for registrars.
    ///
    /// # Errors
    /// When an address cannot be listened on.
    pub fn start(host: &Host, config: RegistryConfig) -> io::Result<Self> {
        let host = host.in_room(Room::Dns);
        let book = Arc::new(Mutex::new(config.book));
        let options = StubOptions { recursion_desired: false, tcp: true, ..StubOptions::default() };
        let primary = StubClient::new(host.clone(), config.primary).with_options(options);
        let desk = Desk { host: host.clone(), book: Arc::clone(&book), primary };
        let mut tasks = Vec::new();
        for at in port_of_each_address(&host, &config.listen, REGISTRY_PORT) {
            let listener = host.listen_tcp(at)?;
            let (registrars, limits) = (config.registrars.clone(), config.connections);
            tasks.push(host.spawn("registry", accept(listener, desk.clone(), registrars, limits)));
        }
        Ok(Self { book, _tasks: tasks })
    }

    /// Who holds a name.
    #[must_use]
    pub fn find(&self, domain: &Name) -> Option<Registration> {
        lock(&self.book).find(domain).cloned()
    }

    /// All names that are held.
    #[must_use]
    pub fn registrations(&self) -> Vec<Registration> {
        lock(&self.book).registrations().cloned().collect()
    }
}

/// What each connection needs.
#[derive(Clone, Debug)]
struct Desk {
    host: Host,
    book: Arc<Mutex<Book>>,
    primary: StubClient,
}

fn lock(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(
    listener: TcpListener,
    desk: Desk,
    registrars: Vec<AddressBlock>,
    limits: ConnectionLimits,
) {
    let mut connections = Connections::default();
    loop {
        let stream = match listener.accept().await {
            Ok(stream) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a registrar");
                desk.host.sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let client = stream.peer_addr().ip();
        let known = registrars.iter().any(|block| block.contains(client));
        if known && connections.admits(client, &limits) {
            let serve = serve(desk.clone(), stream, limits.idle);
            connections.keep(client, desk.host.spawn("registrar", serve));
        }
    }
}

/// Reads lines and answers each request, until the registrar closes, is idle
/// too long or writes a line without end.
async fn serve(desk: Desk, mut stream: TcpStream, idle: Duration) {
    let (mut held, mut buffer) = (Vec::new(), vec![0; LINE_OCTETS_MAX]);
    let mut dialogue = Dialogue::default();
    loop {
        let read = desk.host.timeout(idle, stream.read(&mut buffer)).await;
        let Ok(Ok(count @ 1..)) = read else { return };
        held.extend_from_slice(buffer.get(..count).unwrap_or_default());
        let cause = stream.read_cause();
        while let Some(end) = held.iter().position(|octet| *octet == b'\n') {
            let line: Vec<u8> = held.drain(..=end).collect();
            let (response, because) = match dialogue.handle(&String::from_utf8_lossy(&line)) {
                Ok(None) => continue,
                Ok(Some(request)) => desk.answer(request, cause).await,
                Err(problem) => (Response::Failed(problem), cause),
            };
            stream.set_write_cause(because);
            let line = format!("{response}\n");
            let written = desk.host.timeout(idle, stream.write_all(line.as_bytes())).await;
            if !matches!(written, Ok(Ok(()))) {
                return;
            }
        }
        if held.len() > LINE_OCTETS_MAX {
            return;
        }
    }
}

impl Desk {
    async fn answer(&self, request: Request, cause: Cause) -> (Response, Cause) {
        match request {
            Request::Info(domain) => {
                let response = match lock(&self.book).find(&domain) {
                    Some(held) => Response::Ok(format!("{domain:#} held by {}", held.registrant)),
                    None => Response::Refused(format!("{domain:#} is not registered")),
                };
                (response, cause)
            }
            Request::Register { domain, registrant, years, servers } => {
                let today = Date::of(self.host.wall_clock().secs());
                let reserved =
                    lock(&self.book).reserve(&domain, &registrant, years, &servers, today);
                match reserved {
                    Ok(reserved) => self.enter(reserved, cause).await,
                    Err(refusal) => {
                        let note =
                            Note::new(Room::Dns, "registration_refused", refusal.to_string())
                                .with("domain", domain.to_string());
                        let cause = self.host.note(note.because(cause));
                        (Response::Refused(refusal.to_string()), cause)
                    }
                }
            }
        }
    }

    /// Enters the name in the zone and then in the book; or in neither.
    async fn enter(
        &self,
        reserved: capa7_dns_proto::registry::Reservation,
        cause: Cause,
    ) -> (Response, Cause) {
        let zone = lock(&self.book).zone().clone();
        let update = reserved.update(&zone).into_message();
        let problem = match self.primary.exchange(update, cause).await {
            Ok(reply) if reply.message.header.rcode == Rcode::NOERROR => {
                let held = lock(&self.book).enter(reserved);
                return self.entered(&held, reply.cause);
            }
            Ok(reply) => {
                let rcode = reply.message.header.rcode;
                (format!("the primary server of {zone} answered {rcode}"), reply.cause)
            }
            Err(error) => (error.to_string(), cause),
        };
        lock(&self.book).release(&reserved);
        (Response::Failed(problem.0), problem.1)
    }

    fn entered(&self, held: &Registration, cause: Cause) -> (Response, Cause) {
        let domain = &held.domain;
        let date = |date: Option<Date>| date.map(|date| date.to_string()).unwrap_or_default();
        let servers: Vec<String> =
            held.servers.iter().map(|server| server.name.to_string()).collect();
        let reason = format!("{domain:#} is held by {}", held.registrant);
        let note = Note::new(Room::Dns, "registered", reason)
            .with("domain", domain.to_string())
            .with("registrant", held.registrant.clone())
            .with("servers", servers.join(" "))
            .with("registered", date(held.registered))
            .with("expires", date(held.expires));
        let cause = self.host.note(note.because(cause));
        (Response::Ok(format!("{domain:#} until {}", date(held.expires))), cause)
    }
}

/// Places an order with a registry and waits for its answer, as a registrar
/// does; the answer with its event.
///
/// # Errors
/// When the registry cannot be reached, or says nothing that makes sense.
pub async fn place_order(
    host: &Host,
    registry: SocketAddr,
    request: &Request,
    cause: Cause,
) -> io::Result<(Response, Cause)> {
    let talk = async {
        let mut stream = host.in_room(Room::Dns).connect_tcp(registry, cause).await?;
        stream.set_write_cause(cause);
        stream.write_all(request.to_string().as_bytes()).await?;
        let (mut line, mut buffer) = (Vec::new(), vec![0; LINE_OCTETS_MAX]);
        while !line.ends_with(b"\n") {
            let count = stream.read(&mut buffer).await?;
            if count == 0 || line.len() > LINE_OCTETS_MAX {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "no answer"));
            }
            line.extend_from_slice(buffer.get(..count).unwrap_or_default());
        }
        let response = Response::parse(&String::from_utf8_lossy(&line));
        let response = response.ok_or_else(|| io::Error::other("an answer without sense"))?;
        Ok((response, stream.read_cause()))
    };
    match host.timeout(ORDER_PATIENCE, talk).await {
        Ok(answer) => answer,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time")),
    }
}

/// Longer than the registry waits for its primary.
const ORDER_PATIENCE: Duration = Duration::from_secs(15);
/// Wait after a failed accept, usually for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
