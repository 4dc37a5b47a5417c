//! A server: connections, their bounds, and their end.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use capa7_dissect::Room;
use capa7_http_proto::head::HeadLimits;
use capa7_net::tls::TlsServer;
use capa7_net::{Host, Task, TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::connection::Connection;
use crate::message::{Request, Response};

/// How a server treats its clients.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// TLS from the first byte, when it is given.
    pub tls: Option<TlsServer>,
    /// Bounds on a head.
    pub head: HeadLimits,
    /// Bytes of one request's body.
    pub body_bytes_max: usize,
    /// Bytes of the bodies of all requests that are on their way; who comes when
    /// they are used up is told to come again.
    pub bodies_bytes_max: usize,
    /// Connections open at once.
    pub connections_max: usize,
    /// Connections open at once from one address.
    pub connections_per_client_max: usize,
    /// How long a connection may be idle between requests (RFC 9112 §9.5).
    pub idle: Duration,
    /// How long a head may take, from its first byte on; a TLS handshake too.
    pub head_time: Duration,
    /// How long a body may bring nothing.
    pub body_time: Duration,
    /// How long a client may take nothing of a response.
    pub write_time: Duration,
    /// How long requests that are being answered may take at the end.
    pub shutdown_time: Duration,
}

impl Default for ServerConfig {
    /// In clear; 1 MiB of body, 64 MiB of all bodies, 1,024 connections, 64 from
    /// one address; 60 s idle, 10 s for a head, 30 s for a body, 30 s for a
    /// write, 10 s at the end.
    fn default() -> Self {
        Self {
            tls: None,
            head: HeadLimits::default(),
            body_bytes_max: 1 << 20,
            bodies_bytes_max: 64 << 20,
            connections_max: 1_024,
            connections_per_client_max: 64,
            idle: Duration::from_secs(60),
            head_time: Duration::from_secs(10),
            body_time: Duration::from_secs(30),
            write_time: Duration::from_secs(30),
            shutdown_time: Duration::from_secs(10),
        }
    }
}

/// A running server; it stops with this value.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: Task<()>,
}

/// What the connections of a server share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) host: Host,
    pub(crate) config: ServerConfig,
    /// KiB that bodies may still take.
    pub(crate) bodies: Arc<Semaphore>,
}

impl Server {
    /// Answers requests with `handler`.
    #[must_use]
    pub fn start<H, F>(host: &Host, listener: TcpListener, config: ServerConfig, handler: H) -> Self
    where
        H: Fn(Request) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Response> + Send + 'static,
    {
        let host = host.in_room(Room::Http);
        let address = listener.local_addr();
        let (stop, stopping) = watch::channel(false);
        let bodies = Arc::new(Semaphore::new((config.bodies_bytes_max >> 10).max(1)));
        let shared = Arc::new(Shared { host: host.clone(), config, bodies });
        let task = host.spawn("http", accept(shared, listener, stopping, handler));
        Self { address, stop, task }
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops: no connection is taken any more, requests that are being answered
    /// are answered, streams end.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        let _ = self.task.await;
    }
}

async fn accept<H, F>(
    shared: Arc<Shared>,
    listener: TcpListener,
    mut stopping: watch::Receiver<bool>,
    handler: H,
) where
    H: Fn(Request) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response> + Send + 'static,
{
    let mut open: Vec<(IpAddr, Task<()>)> = Vec::new();
    loop {
        let stream = tokio::select! {
            biased;
            _ = stopping.changed() => break,
            accepted = listener.accept() => match accepted {
                Ok(stream) => stream,
                Err(error) => {
                    tracing::error!(%error, "a connection was not taken");
                    shared.host.sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        open.retain(|(_, task)| !task.is_finished());
        let client = stream.peer_addr().ip();
        let of_client = open.iter().filter(|(address, _)| *address == client).count();
        let config = &shared.config;
        if open.len() >= config.connections_max || of_client >= config.connections_per_client_max {
            tracing::debug!(%client, "too many connections");
            continue;
        }
        let work = serve(Arc::clone(&shared), stream, stopping.clone(), handler.clone());
        open.push((client, shared.host.spawn("http connection", work)));
    }
    drop(listener);
    let all = async {
        for (_, task) in open {
            let _ = task.await;
        }
    };
    if shared.host.timeout(shared.config.shutdown_time, all).await.is_err() {
        tracing::warn!("some requests were not answered in time before the end");
    }
}

async fn serve<H, F>(
    shared: Arc<Shared>,
    stream: TcpStream,
    stopping: watch::Receiver<bool>,
    handler: H,
) where
    H: Fn(Request) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response> + Send + 'static,
{
    let client = stream.peer_addr();
    let stream = match &shared.config.tls {
        None => stream.into(),
        Some(tls) => {
            let begun = capa7_net::Stream::from(stream).accept_tls(tls);
            match shared.host.timeout(shared.config.head_time, begun).await {
                Ok(Ok(stream)) => stream,
                Ok(Err(error)) => return tracing::debug!(%client, %error, "no TLS"),
                Err(_) => return tracing::debug!(%client, "no TLS in time"),
            }
        }
    };
    match Connection::new(shared, stream, stopping).run(handler).await {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
        Err(error) => tracing::debug!(%client, %error, "a connection ended"),
    }
}

/// After a failure of `accept`, such as no descriptors, before the next try.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
