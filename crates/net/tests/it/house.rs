//! Small networks for tests.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use capa7_net::{Host, HostConfig, LinkConfig, NetworkConfig, VirtualNetwork};

/// The address 10.0.0.`last`.
pub(crate) fn ip(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, last))
}

pub(crate) fn at(last: u8, port: u16) -> SocketAddr {
    SocketAddr::new(ip(last), port)
}

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A link with nothing but latency.
pub(crate) fn latency(millis: u64) -> LinkConfig {
    LinkConfig { latency_ns: millis * 1_000_000, ..LinkConfig::default() }
}

/// A network with this seed and perfect ways.
pub(crate) fn network(seed: u64) -> VirtualNetwork {
    VirtualNetwork::new(NetworkConfig { seed, ..NetworkConfig::default() })
}

/// A host with the address 10.0.0.`last` and the same link both ways.
pub(crate) fn host(net: &VirtualNetwork, name: &str, last: u8, link: &LinkConfig) -> Host {
    host_with(net, name, last, link.clone(), link.clone())
}

pub(crate) fn host_with(
    net: &VirtualNetwork,
    name: &str,
    last: u8,
    up: LinkConfig,
    down: LinkConfig,
) -> Host {
    let config = HostConfig {
        name: name.to_owned(),
        addresses: vec![ip(last)],
        region: "here".to_owned(),
        up,
        down,
    };
    net.network().add_host(config).expect("a new name and sane links")
}

/// Two hosts, 10.0.0.1 and 10.0.0.2, each with this link both ways.
pub(crate) fn pair(seed: u64, link: &LinkConfig) -> (VirtualNetwork, Host, Host) {
    let net = network(seed);
    let (one, two) = (host(&net, "one", 1, link), host(&net, "two", 2, link));
    (net, one, two)
}
