//! A client and a server, 10 ms apart, and what the server tells.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use capa7_net::{Host, HostConfig, LinkConfig, NetworkConfig, VirtualNetwork};
use capa7_sockets::{PORT, Tell};

pub(crate) const SERVER: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2)), PORT);

pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// The network, the client's host, the server's host.
pub(crate) fn world(client_up: LinkConfig) -> (VirtualNetwork, Host, Host) {
    let net = VirtualNetwork::new(NetworkConfig::default());
    let host = |name: &str, last, up| {
        let config = HostConfig {
            name: name.to_owned(),
            addresses: vec![Ipv4Addr::new(10, 0, 0, last).into()],
            up,
            down: LinkConfig { latency_ns: 10_000_000, ..LinkConfig::default() },
            ..HostConfig::default()
        };
        net.network().add_host(config).expect("a new name")
    };
    let client = host("client", 1, client_up);
    let server = host("server", 2, LinkConfig::default());
    (net, client, server)
}

/// A listener that remembers.
pub(crate) fn telling() -> (Tell, Arc<Mutex<Vec<String>>>) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&lines);
    (Arc::new(move |line: &str| sink.lock().expect("no panic").push(line.to_owned())), lines)
}
