//! Which name server a command asks.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context as _, Result};

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

/// The first name server of the machine's own configuration; `how` says how
/// another one is named.
pub(crate) fn own_server(how: &str) -> Result<SocketAddr> {
    let text = std::fs::read_to_string(RESOLV_CONF)
        .with_context(|| format!("cannot read {RESOLV_CONF}: name a server, {how}"))?;
    let servers = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
    let address = servers.filter_map(|rest| rest.trim().parse().ok()).next();
    let address: IpAddr =
        address.with_context(|| format!("{RESOLV_CONF} names no server: name one, {how}"))?;
    Ok(SocketAddr::new(address, DNS_PORT))
}

/// RFC 1035 §4.2.
pub(crate) const DNS_PORT: u16 = 53;
const RESOLV_CONF: &str = "/etc/resolv.conf";
