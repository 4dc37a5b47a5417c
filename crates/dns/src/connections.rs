//! How many connections a server holds at once, and how long each may be idle.

use std::net::IpAddr;
use std::time::Duration;

use capa7_net::Task;

/// Bounds on the TCP side of a DNS server (RFC 7766 §6.2).
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// Connections open at once, all clients together.
    pub total: usize,
    /// Connections open at once from one address (RFC 7766 §6.2.2).
    pub per_client: usize,
    /// A connection that brings nothing for so long is closed (RFC 7766 §6.2.3).
    pub idle: Duration,
    /// Messages of one connection that may be waiting for their answers.
    pub pipelined: usize,
}

impl Default for ConnectionLimits {
    /// 4,096 connections, 64 from one address, 10 s idle, 128 messages on their way.
    fn default() -> Self {
        Self { total: 4_096, per_client: 64, idle: Duration::from_secs(10), pipelined: 128 }
    }
}

/// The connections that are open, each owned here.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    open: Vec<(IpAddr, Task<()>)>,
}

impl Connections {
    /// Whether one more connection from `client` is within the limits.
    pub(crate) fn admits(&mut self, client: IpAddr, limits: &ConnectionLimits) -> bool {
        self.open.retain(|(_, task)| !task.is_finished());
        let of_client = self.open.iter().filter(|(address, _)| *address == client).count();
        self.open.len() < limits.total && of_client < limits.per_client
    }

    /// Keeps the task that serves a connection.
    pub(crate) fn keep(&mut self, client: IpAddr, task: Task<()>) {
        self.open.push((client, task));
    }
}
