//! Which name server a command asks.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context as _, Result};
use capa7_dns::{StubClient, system_servers};
use capa7_net::Host;

/// A server as it is typed: an address, with a port where it is not 53.
pub(crate) fn parse_server(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(SocketAddr::new(address, DNS_PORT));
    }
    text.parse().map_err(|_| {
        format!(
            "`{text}` is not a name server; write an address: 198.41.0.4, 127.0.0.1:5300, [::1]:53"
        )
    })
}

/// A client of the server that was named, or of the machine's own.
pub(crate) fn stub(host: &Host, named: Option<SocketAddr>) -> Result<StubClient> {
    let servers = match named {
        Some(server) => vec![server],
        None => system_servers().context("name a server")?,
    };
    let (first, others) = servers.split_first().context("this machine has no name server")?;
    Ok(StubClient::new(host.clone(), *first).or(others.iter().copied()))
}

/// RFC 1035 §4.2.
pub(crate) const DNS_PORT: u16 = 53;
