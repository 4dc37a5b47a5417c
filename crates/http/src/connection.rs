//! One connection of a server: requests one after the other, answers in their
//! order (RFC 9112 §9.3).
//!
//! ```text
//!   idle ─▶ head ─▶ body ─▶ handler ─▶ response ─┐
//!    ▲                                           │
//!    └───────────────────────────────────────────┘
//! ```

use std::future::Future;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use capa7_http_proto::body::{BodyDecoder, Framing, write_chunk, write_last_chunk};
use capa7_http_proto::date::HttpDate;
use capa7_http_proto::fields::Fields;
use capa7_http_proto::head::{RequestHead, ResponseHead, Version};
use capa7_http_proto::status::Status;
use capa7_net::{Cause, Stream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};

use crate::message::{Body, Piece, Request, Response};
use crate::server::Shared;

/// A connection and the bytes that were read and not yet understood.
#[derive(Debug)]
pub(crate) struct Connection {
    shared: Arc<Shared>,
    stream: Stream,
    stopping: watch::Receiver<bool>,
    waiting: Vec<u8>,
    cause: Cause,
}

/// Why no request was read.
enum End {
    /// The client has nothing more to say, or the server stops.
    Quiet,
    /// The client broke a rule, and is told so.
    Refused(Status, String),
    /// The connection broke.
    Broken(io::Error),
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

impl Connection {
    pub(crate) fn new(
        shared: Arc<Shared>,
        stream: Stream,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        Self { shared, stream, stopping, waiting: Vec::new(), cause: Cause::NONE }
    }

    /// Serves until the client or the server has enough.
    pub(crate) async fn run<H, F>(mut self, handler: H) -> io::Result<()>
    where
        H: Fn(Request) -> F + Send + Sync,
        F: Future<Output = Response> + Send,
    {
        loop {
            let (request, permit) = match self.request().await {
                Ok(read) => read,
                Err(End::Quiet) => break,
                Err(End::Refused(status, why)) => {
                    self.refuse(status, &why).await?;
                    break;
                }
                Err(End::Broken(error)) => return Err(error),
            };
            let (head, cause) = (request.head.clone(), request.cause);
            let response = handler(request).await;
            drop(permit);
            let stays = head.is_persistent() && !*self.stopping.borrow();
            if !self.respond(&head, response, cause, stays).await? {
                break;
            }
        }
        self.stream.shutdown().await
    }

    async fn request(&mut self) -> Result<(Request, Option<OwnedSemaphorePermit>), End> {
        let head = self.head().await?;
        let refused = |status, why: &dyn std::fmt::Display| End::Refused(status, why.to_string());
        let framing =
            Framing::of_request(&head).map_err(|error| refused(error.status(), &error))?;
        if framing == Framing::None {
            let (peer, cause) = (self.stream.peer_addr(), self.cause);
            return Ok((Request { head, body: Bytes::new(), peer, cause }, None));
        }
        let longest = self.shared.config.body_bytes_max;
        let mut decoder = BodyDecoder::new(framing, longest as u64)
            .map_err(|error| refused(error.status(), &error))?;
        let reserved = match framing {
            Framing::Length(length) => usize::try_from(length).unwrap_or(longest),
            _ => longest,
        };
        let kib = u32::try_from(reserved.div_ceil(1 << 10)).unwrap_or(u32::MAX);
        let bodies = Arc::clone(&self.shared.bodies);
        let permit = bodies.try_acquire_many_owned(kib);
        let permit = permit.map_err(|_| refused(Status::UNAVAILABLE, &"busy: come again"))?;
        if head.fields.list_has("expect", "100-continue") && head.version == Version::Http11 {
            // RFC 9110 §10.1.1: the client waits for leave to send its body.
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n", self.cause).await?;
        }
        let mut body = Vec::new();
        loop {
            let taken = decoder.decode(&self.waiting, &mut body);
            let taken = taken.map_err(|error| refused(error.status(), &error))?;
            self.waiting.drain(..taken);
            if decoder.is_done() {
                break;
            }
            let (host, limit) = (self.shared.host.clone(), self.shared.config.body_time);
            match host.timeout(limit, self.read()).await {
                Err(_) => return Err(refused(Status::REQUEST_TIMEOUT, &"the body is too slow")),
                Ok(0) => return Err(End::Broken(io::ErrorKind::UnexpectedEof.into())),
                Ok(_) => {}
            }
        }
        let (peer, cause) = (self.stream.peer_addr(), self.cause);
        Ok((Request { head, body: body.into(), peer, cause }, Some(permit)))
    }

    async fn head(&mut self) -> Result<RequestHead, End> {
        let (host, limits) = (self.shared.host.clone(), self.shared.config.head);
        let mut until = None;
        loop {
            match RequestHead::parse(&self.waiting, &limits) {
                Ok(Some((head, length))) => {
                    self.waiting.drain(..length);
                    return Ok(head);
                }
                Ok(None) => {}
                Err(error) => return Err(End::Refused(error.status(), error.to_string())),
            }
            if self.waiting.is_empty() {
                let idle = self.shared.config.idle;
                let mut stopping = self.stopping.clone();
                if *stopping.borrow() {
                    return Err(End::Quiet);
                }
                let read = tokio::select! {
                    biased;
                    _ = stopping.changed() => return Err(End::Quiet),
                    read = host.timeout(idle, self.read()) => read,
                };
                if matches!(read, Err(_) | Ok(0)) {
                    return Err(End::Quiet);
                }
                continue;
            }
            let limit = *until.get_or_insert_with(|| host.now() + self.shared.config.head_time);
            let left = limit.since(host.now());
            match host.timeout(left, self.read()).await {
                // RFC 9110 §15.5.9.
                Err(_) => {
                    let why = "the head is too slow".to_owned();
                    return Err(End::Refused(Status::REQUEST_TIMEOUT, why));
                }
                Ok(0) => return Err(End::Broken(io::ErrorKind::UnexpectedEof.into())),
                Ok(_) => {}
            }
        }
    }

    /// Reads more; 0 at the end of the connection, however it ended.
    async fn read(&mut self) -> usize {
        self.waiting.reserve(READ_BYTES);
        let count = self.stream.read_buf(&mut self.waiting).await.unwrap_or(0);
        if count > 0 {
            self.cause = self.stream.read_cause();
        }
        count
    }

    async fn write(&mut self, bytes: &[u8], cause: Cause) -> io::Result<()> {
        self.stream.set_write_cause(cause);
        for piece in bytes.chunks(WRITE_BYTES) {
            let written = self.stream.write_all(piece);
            let written = self.shared.host.timeout(self.shared.config.write_time, written).await;
            written.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        }
        let flushed = self.stream.flush();
        let flushed = self.shared.host.timeout(self.shared.config.write_time, flushed).await;
        flushed.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    async fn refuse(&mut self, status: Status, why: &str) -> io::Result<()> {
        let mut head = self.response_head(status, &Fields::new());
        let body = format!("{why}\n");
        head.fields = head
            .fields
            .with("Content-Type", "text/plain; charset=utf-8")
            .with("Content-Length", body.len().to_string())
            .with("Connection", "close");
        let mut bytes = Vec::new();
        head.write(&mut bytes);
        bytes.extend_from_slice(body.as_bytes());
        self.write(&bytes, self.cause).await?;
        // What the client still sends is read for a while, or the kernel would
        // reset the connection before the answer is read (RFC 9112 §9.6).
        self.stream.shutdown().await?;
        let (host, limit) = (self.shared.host.clone(), self.shared.config.head_time);
        let drained = async {
            for _ in 0..DRAIN_READS_MAX {
                self.waiting.clear();
                if self.read().await == 0 {
                    break;
                }
            }
        };
        let _ = host.timeout(limit, drained).await;
        Ok(())
    }

    fn response_head(&self, status: Status, fields: &Fields) -> ResponseHead {
        let mut head = ResponseHead::new(status);
        let unix_s = self.shared.host.wall_clock().secs();
        // RFC 9110 §6.6.1.
        head.fields = head.fields.with("Date", HttpDate { unix_s }.to_string());
        for field in fields.iter().filter(|field| !is_ours(&field.name)) {
            let _ = head.fields.push(&field.name, &field.value);
        }
        head
    }

    /// Sends a response; returns whether the connection stays open.
    async fn respond(
        &mut self,
        request: &RequestHead,
        response: Response,
        cause: Cause,
        stays: bool,
    ) -> io::Result<bool> {
        let cause = response.cause.unwrap_or(cause);
        let mut head = self.response_head(response.status, &response.fields);
        let bodyless = response.status.has_no_body();
        let chunked = request.version == Version::Http11;
        let is_stream = matches!(response.body, Body::Stream(_));
        let stays = stays && (chunked || !is_stream);
        if !stays {
            head.fields = head.fields.with("Connection", "close");
        } else if request.version == Version::Http10 {
            head.fields = head.fields.with("Connection", "keep-alive");
        }
        match response.body {
            Body::Whole(content) => {
                // RFC 9110 §8.6: none with 1xx and 204.
                if !bodyless {
                    let length = content.len().to_string();
                    head.fields = head.fields.with("Content-Length", length);
                }
                let mut bytes = Vec::new();
                head.write(&mut bytes);
                if request.method != "HEAD" && !bodyless {
                    bytes.extend_from_slice(&content);
                }
                self.write(&bytes, cause).await?;
            }
            Body::Stream(pieces) => {
                if chunked {
                    head.fields = head.fields.with("Transfer-Encoding", "chunked");
                }
                let mut bytes = Vec::new();
                head.write(&mut bytes);
                self.write(&bytes, cause).await?;
                if request.method != "HEAD" && !bodyless {
                    return Ok(self.pour(pieces, chunked).await? && stays);
                }
            }
        }
        Ok(stays)
    }

    /// Sends pieces as they come; returns whether the body came to its end while
    /// the client was there.
    async fn pour(&mut self, mut pieces: mpsc::Receiver<Piece>, chunked: bool) -> io::Result<bool> {
        let mut stopping = self.stopping.clone();
        loop {
            let full = self.waiting.len() >= PIPELINED_BYTES_MAX;
            let piece = tokio::select! {
                biased;
                _ = stopping.changed() => break,
                piece = pieces.recv() => piece,
                count = self.read(), if !full => {
                    if count == 0 {
                        return Ok(false);
                    }
                    continue;
                }
            };
            let Some(piece) = piece else { break };
            let mut bytes = Vec::new();
            if chunked {
                write_chunk(&piece.bytes, &mut bytes);
            } else {
                bytes.extend_from_slice(&piece.bytes);
            }
            self.write(&bytes, piece.cause).await?;
        }
        if chunked {
            let mut bytes = Vec::new();
            write_last_chunk(&mut bytes);
            self.write(&bytes, Cause::NONE).await?;
        }
        Ok(true)
    }
}

/// Fields that only the connection may say.
fn is_ours(name: &str) -> bool {
    OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours))
}

const OURS: [&str; 4] = ["content-length", "transfer-encoding", "connection", "date"];
/// Bytes asked for at once.
const READ_BYTES: usize = 16 << 10;
/// Bytes handed to the stream at once: a slow client that takes some of them is
/// not a silent one.
const WRITE_BYTES: usize = 64 << 10;
/// Bytes of further requests that are kept while a stream is sent.
const PIPELINED_BYTES_MAX: usize = 32 << 10;
/// Reads after a refusal: at most 16 MiB are thrown away.
const DRAIN_READS_MAX: usize = 1_024;
