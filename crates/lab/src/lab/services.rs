//! Starting what runs on the hosts.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use capa7_dns::{
    AddressBlock, Authoritative, AuthoritativeConfig, RecursiveConfig, RecursiveServer, Registry,
};
use capa7_dns_proto::answer::AnswerSettings;
use capa7_dns_proto::cache::{CacheEntry, CacheState};
use capa7_dns_proto::hints::Hints;
use capa7_dns_proto::resolve::{Minimisation, ResolverConfig};
use capa7_dns_proto::{Name, RecordType};
use capa7_net::Host;

use super::served::{ServedZones, lock};
use super::{LabError, RecordShown, registries};
use crate::world::{ResolverPreset, ResolverService, World, WorldHost};

/// A local name server of the lab.
pub type Resolver = RecursiveServer;

/// What runs; it stops with this value.
#[derive(Debug, Default)]
pub(super) struct Servers {
    authoritative: Vec<Authoritative>,
    registries: Vec<Registry>,
}

/// Starts the services of every host.
pub(super) fn start(
    world: &World,
    hosts: &[Host],
    zones: &Arc<Mutex<ServedZones>>,
) -> Result<(Servers, BTreeMap<String, Resolver>), LabError> {
    let mut servers = Servers::default();
    let mut resolvers = BTreeMap::new();
    for (described, host) in world.hosts.iter().zip(hosts) {
        let failed = |service, error: io::Error| LabError::Service {
            host: described.name.clone(),
            service,
            problem: match error.kind() {
                io::ErrorKind::AddrInUse => {
                    format!("{error}; does another lab run on this machine in loopback mode?")
                }
                _ => error.to_string(),
            },
        };
        if !described.services.zones.is_empty() {
            let settings = AnswerSettings {
                server_identifier: described.services.nsid.clone().unwrap_or_default().into(),
                address_order: described.services.address_order,
                ..AnswerSettings::default()
            };
            let updates = registries::updates(world, hosts, &described.services.zones, zones);
            let config =
                AuthoritativeConfig { settings, updates, ..AuthoritativeConfig::default() };
            let set = lock(zones).set(&described.services.zones)?;
            let server = Authoritative::start(host, set, &config);
            servers.authoritative.push(server.map_err(|e| failed("the name server", e))?);
        }
        if let Some(service) = &described.services.resolver {
            let config = resolver_config(world, service);
            let server = RecursiveServer::start(host, config, None);
            let server = server.map_err(|e| failed("the local name server", e))?;
            resolvers.insert(described.name.clone(), server);
        }
        if let Some(zone) = &described.services.registry {
            let config = registries::config(world, zone, &lock(zones))?;
            let registry = Registry::start(host, config);
            servers.registries.push(registry.map_err(|e| failed("the registry", e))?);
        }
    }
    Ok((servers, resolvers))
}

fn resolver_config(world: &World, service: &ResolverService) -> RecursiveConfig {
    let base = match service.preset {
        ResolverPreset::Iterated => ResolverConfig { ipv6: false, ..ResolverConfig::default() },
        ResolverPreset::AsDrawn => ResolverConfig::as_drawn(),
    };
    let mut resolver = ResolverConfig { hints: hints(world, &service.begins_at), ..base };
    if let Some(minimise) = service.minimise {
        resolver.minimisation =
            if minimise { Minimisation::OneLabelMore } else { Minimisation::WholeName };
    }
    if let Some(ttl_max) = service.ttl_max {
        resolver.cache.ttl_max_s = u32::try_from(ttl_max.as_secs()).unwrap_or(u32::MAX);
    }
    if let Some(bytes) = service.cache_bytes {
        resolver.cache.octets_max = usize::try_from(bytes).unwrap_or(usize::MAX);
    }
    // Every host of a lab may ask: who uses which resolver is the sites' matter.
    RecursiveConfig { resolver, allow: AddressBlock::everybody(), ..RecursiveConfig::default() }
}

/// The names and addresses that a resolver begins with: the hosts given, or
/// those that serve the root.
fn hints(world: &World, begins_at: &[String]) -> Hints {
    let is_start = |host: &&WorldHost| match begins_at {
        [] => host.services.zones.iter().any(|zone| zone == "."),
        given => given.contains(&host.public_name),
    };
    let mut servers: Vec<(Name, Vec<IpAddr>)> = Vec::new();
    for host in world.hosts.iter().filter(is_start) {
        let Ok(name) = Name::parse(&host.public_name) else { continue };
        if !servers.iter().any(|(known, _)| *known == name) {
            servers.push((name, host.addresses.clone()));
        }
    }
    Hints { servers }
}

/// The live records of a cache for one name and type, with the seconds left.
pub(super) async fn cached(
    resolver: &Resolver,
    name: Name,
    record_type: RecordType,
) -> Vec<RecordShown> {
    let looked = resolver.resolving().look(move |machine, now| {
        let is_wanted = |entry: &CacheEntry| {
            entry.name == name && entry.rtype == record_type && entry.state == CacheState::Records
        };
        let entries = machine.cache().entries(now).filter(is_wanted);
        let shown = entries.flat_map(|entry| {
            let left = entry.expires.seconds_left(now);
            let records = entry.records.into_iter();
            records.map(move |record| RecordShown { ttl: left, ..RecordShown::of(&record) })
        });
        shown.collect()
    });
    looked.await.unwrap_or_default()
}
