//! Starting what runs on the hosts.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;

use capa7_dns::{Authoritative, AuthoritativeConfig};
use capa7_dns_proto::answer::AnswerSettings;
use capa7_dns_proto::{Name, RecordType};
use capa7_net::Host;

use super::LabError;
use super::served::ServedZones;
use crate::world::World;

/// A local name server of the lab.
#[derive(Debug)]
pub struct Resolver {}
impl Resolver {
    pub(super) fn flush(&self, _: Option<&Name>) {}
}
pub(super) fn cached(_: &Resolver, _: &Name, _: RecordType) -> Vec<super::RecordShown> {
    Vec::new()
}

/// What runs; it stops with this value.
#[derive(Debug, Default)]
pub(super) struct Servers {
    authoritative: Vec<Authoritative>,
}

/// Starts the services of every host.
pub(super) fn start(
    world: &World,
    hosts: &[Host],
    zones: &mut ServedZones,
) -> Result<(Servers, BTreeMap<String, Resolver>), LabError> {
    let mut servers = Servers::default();
    let resolvers = BTreeMap::new();
    for (described, host) in world.hosts.iter().zip(hosts) {
        let failed = |service, error: io::Error| LabError::Service {
            host: described.name.clone(),
            service,
            problem: error.to_string(),
        };
        if !described.services.zones.is_empty() {
            let settings = AnswerSettings {
                server_identifier: described.services.nsid.clone().unwrap_or_default().into(),
                address_order: described.services.address_order,
                ..AnswerSettings::default()
            };
            let config = AuthoritativeConfig { settings, ..AuthoritativeConfig::default() };
            let set = zones.set(&described.services.zones)?;
            let server = Authoritative::start(host, set, &config);
            servers.authoritative.push(server.map_err(|e| failed("the name server", e))?);
        }
    }
    Ok((servers, resolvers))
}

/// Where uppercase servers listen (course K1).
pub(super) fn uppercase_address(host: &Host) -> Option<SocketAddr> {
    host.addresses().first().map(|address| SocketAddr::new(*address, UPPERCASE_PORT))
}

const UPPERCASE_PORT: u16 = 12_000;
