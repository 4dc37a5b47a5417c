//! A client that keeps its connections.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use capa7_dissect::Room;
use capa7_http_proto::body::{BodyDecoder, BodyError, Framing, FramingError};
use capa7_http_proto::fields::Fields;
use capa7_http_proto::head::{HeadError, HeadLimits, RequestHead, ResponseHead};
use capa7_net::tls::TlsClient;
use capa7_net::{Cause, Host, Stream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// How a client behaves.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// TLS from the first byte, when it is given.
    pub tls: Option<TlsClient>,
    /// Bounds on a head.
    pub head: HeadLimits,
    /// Bytes of one response's body.
    pub body_bytes_max: usize,
    /// How long an exchange may take, with its connection.
    pub time: Duration,
    /// Connections kept for one server.
    pub kept_per_server: usize,
}

impl Default for ClientConfig {
    /// In clear, 16 MiB of body, 30 s, 4 connections kept.
    fn default() -> Self {
        Self {
            tls: None,
            head: HeadLimits::default(),
            body_bytes_max: 16 << 20,
            time: Duration::from_secs(30),
            kept_per_server: 4,
        }
    }
}

/// A client. Cheap to clone: the clones share their connections.
#[derive(Clone, Debug)]
pub struct Client {
    host: Host,
    config: ClientConfig,
    kept: Arc<Mutex<BTreeMap<Server, Vec<Open>>>>,
}

/// Where a request goes: an address, and the name in `Host` and certificate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Server {
    /// The address.
    pub address: SocketAddr,
    /// The name.
    pub name: String,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The response's head.
    pub head: ResponseHead,
    /// Its body, decoded.
    pub body: Bytes,
    /// The event that brought its last bytes.
    pub cause: Cause,
}

/// Why nothing came back.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The network failed, or the server closed.
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
    /// It took too long.
    #[error("no answer in time")]
    TimedOut,
    /// The server's head is malformed.
    #[error("the server's head is malformed: {0}")]
    Head(#[from] HeadError),
    /// Nobody can say where the body ends.
    #[error("the response's body has no clear end: {0}")]
    Framing(#[from] FramingError),
    /// The body is malformed or too long.
    #[error("the response's body is malformed: {0}")]
    Body(#[from] BodyError),
}

#[derive(Debug)]
struct Open {
    stream: Stream,
    waiting: Vec<u8>,
}

impl Client {
    /// A client on a host.
    #[must_use]
    pub fn new(host: &Host, config: ClientConfig) -> Self {
        Self { host: host.in_room(Room::Http), config, kept: Arc::default() }
    }

    /// Sends a request and waits for the whole response.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn send(
        &self,
        server: &Server,
        method: &str,
        target: &str,
        fields: &Fields,
        body: &[u8],
        cause: Cause,
    ) -> Result<Answer, ClientError> {
        let mut head = RequestHead::new(method, target, &server.name);
        for field in fields.iter() {
            let _ = head.fields.push(&field.name, &field.value);
        }
        if !body.is_empty() || matches!(method, "POST" | "PUT" | "PATCH") {
            let length = body.len().to_string();
            head.fields = head.fields.with("Content-Length", length);
        }
        let mut wire = Vec::new();
        head.write(&mut wire);
        wire.extend_from_slice(body);
        let exchange = self.exchange(server, method, &wire, cause);
        let limit = self.config.time;
        self.host.timeout(limit, exchange).await.map_err(|_| ClientError::TimedOut)?
    }

    async fn exchange(
        &self,
        server: &Server,
        method: &str,
        wire: &[u8],
        cause: Cause,
    ) -> Result<Answer, ClientError> {
        if let Some(mut open) = self.take(server) {
            match self.on(&mut open, method, wire, cause).await {
                Ok(answer) => return Ok(self.keep(server, open, answer)),
                // RFC 9112 §9.3.1: a kept connection may just have been closed;
                // what changes nothing is asked again on a new one.
                Err(ClientError::Io(_)) if is_idempotent(method) => {}
                Err(error) => return Err(error),
            }
        }
        let stream = Stream::from(self.host.connect_tcp(server.address, cause).await?);
        let stream = match &self.config.tls {
            Some(tls) => stream.connect_tls(tls, host_of(&server.name)).await?,
            None => stream,
        };
        let mut open = Open { stream, waiting: Vec::new() };
        let answer = self.on(&mut open, method, wire, cause).await?;
        Ok(self.keep(server, open, answer))
    }

    fn take(&self, server: &Server) -> Option<Open> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get_mut(server)?.pop()
    }

    fn keep(&self, server: &Server, open: Open, answer: Answer) -> Answer {
        let told = !matches!(Framing::of_response(&answer.head, "GET"), Ok(Framing::UntilClose));
        if answer.head.is_persistent() && told && open.waiting.is_empty() {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            let of_server = kept.entry(server.clone()).or_default();
            if of_server.len() < self.config.kept_per_server {
                of_server.push(open);
            }
        }
        answer
    }

    async fn on(
        &self,
        open: &mut Open,
        method: &str,
        wire: &[u8],
        cause: Cause,
    ) -> Result<Answer, ClientError> {
        open.stream.set_write_cause(cause);
        open.stream.write_all(wire).await?;
        open.stream.flush().await?;
        let head = loop {
            if let Some((head, length)) = ResponseHead::parse(&open.waiting, &self.config.head)? {
                open.waiting.drain(..length);
                // RFC 9110 §15.2: interim responses are passed over.
                if !head.status.is_interim() {
                    break head;
                }
                continue;
            }
            if open.read().await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        };
        let framing = Framing::of_response(&head, method)?;
        let mut decoder = BodyDecoder::new(framing, self.config.body_bytes_max as u64)?;
        let mut body = Vec::new();
        loop {
            let taken = decoder.decode(&open.waiting, &mut body)?;
            open.waiting.drain(..taken);
            if decoder.is_done() {
                break;
            }
            if open.read().await? == 0 {
                decoder.end()?;
                break;
            }
        }
        let cause = open.stream.read_cause();
        Ok(Answer { head, body: body.into(), cause })
    }
}

impl Open {
    async fn read(&mut self) -> io::Result<usize> {
        self.waiting.reserve(READ_BYTES);
        self.stream.read_buf(&mut self.waiting).await
    }
}

/// The name without its port.
fn host_of(name: &str) -> &str {
    name.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(name, |(n, _)| n)
}

/// RFC 9110 §9.2.2.
fn is_idempotent(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "PUT" | "DELETE" | "OPTIONS" | "TRACE")
}

/// Bytes asked for at once.
const READ_BYTES: usize = 16 << 10;
