//! The uppercase programs of the course (K1–K3): a client sends text, the
//! server sends it back in capitals.
//!
//! ```text
//!   udp_client ── one datagram ──▶ udp_server     no handshake, may get lost
//!   tcp_client ══ one stream ═══▶ tcp_server      a handshake, nothing is lost
//! ```
//!
//! Each program is one short file. They run on any [`capa7_net::Host`]: on this
//! machine, or on a host of a lab.
#![forbid(unsafe_code)]

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use capa7_net::Host;

pub mod tcp_client;
pub mod tcp_server;
pub mod udp_client;
pub mod udp_server;
pub mod uppercase;

/// The port of the course's programs.
pub const PORT: u16 = 12_000;

/// What a program tells the person who started it, a line at a time.
pub type Tell = Arc<dyn Fn(&str) + Send + Sync>;

/// Waits for `work`, and makes its being late an error like others.
async fn within<T>(
    host: &Host,
    limit: Duration,
    work: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    host.timeout(limit, work).await.unwrap_or(Err(io::ErrorKind::TimedOut.into()))
}
