//! A running world: its hosts on a network, their services, and what people
//! do in it.
//!
//! ```text
//!   World ──start──► Lab ──► hosts, zones, resolvers, uppercase servers
//!                     ▲
//!          act, break ┘     the same for virtual, sealed and loopback networks
//! ```
//!
//! Every action is a note of kind `action`, and what follows from it has that
//! note as its cause: from one click, the tree of everything that happened.

mod action;
mod breakage;
mod browse;
mod letters;
mod load;
mod mail;
mod mailbox;
mod outcome;
mod program;
mod readers;
mod registries;
mod send;
mod served;
mod services;
mod typed;
mod uppercase;
mod webmail;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use capa7_dissect::{Cause, Causes};
use capa7_dns_proto::{Name, RecordType};
use capa7_net::tls::Authority;
use capa7_net::{Host, HostConfig, Network, NetworkConfig};

use crate::story::HostTable;
use crate::text::Bilingual;
use crate::world::{World, WorldHost};

pub use breakage::Breakage;
use mail::MailServers;
pub use mailbox::MessageShown;
pub use outcome::{ActionResult, LoadResult, Outcome, RecordShown};
pub use program::{ProgramCall, ProgramEnd, ProgramFuture, Programs};
pub use services::Resolver;

/// A running world. Cloning shares it; it ends with its network.
#[derive(Clone, Debug)]
pub struct Lab {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    network: Network,
    world: World,
    hosts: HostTable,
    zones: Arc<Mutex<served::ServedZones>>,
    resolvers: BTreeMap<String, Resolver>,
    uppercase: uppercase::UppercaseServers,
    /// Servers run as long as they are held.
    _servers: services::Servers,
    programs: OnceLock<Programs>,
    authority: Authority,
    mail: MailServers,
    _webmail: Vec<capa7_mail::webmail::Webmail>,
}

/// Why something cannot be done in this lab.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabError {
    /// The world has no such host.
    #[error("`{0}` is no host or person of this world")]
    NoHost(String),
    /// The host is in no site with a local name server.
    #[error("`{0}` has no local name server: its site names none")]
    NoResolver(String),
    /// The world has no such zone.
    #[error("there is no zone `{0}` in this world")]
    NoZone(String),
    /// A zone does not take the change.
    #[error("{0}")]
    Zone(String),
    /// A service did not start.
    #[error("{service} of {host} did not start: {problem}")]
    Service {
        /// The host.
        host: String,
        /// What it was to run.
        service: &'static str,
        /// What the network said.
        problem: String,
    },
    /// Something is not a name, an address or the like.
    #[error("{0}")]
    Bad(String),
}

impl Lab {
    /// Puts the hosts of a world on a network and starts their services. For a
    /// loopback network give [`World::in_loopback`].
    ///
    /// # Errors
    /// When a service cannot listen, or a zone cannot be served.
    pub async fn start(network: &Network, world: &World) -> Result<Self, LabError> {
        let mut hosts = Vec::with_capacity(world.hosts.len());
        for host in &world.hosts {
            let added = network.add_host(HostConfig {
                name: host.name.clone(),
                addresses: host.addresses.clone(),
                region: host.region.clone(),
                up: host.up.clone(),
                down: host.down.clone(),
            });
            hosts.push(added.map_err(|error| LabError::Bad(error.to_string()))?);
        }
        let zones = Arc::new(Mutex::new(served::ServedZones::new(world)?));
        let (servers, resolvers) = services::start(world, &hosts, &zones)?;
        let uppercase = uppercase::UppercaseServers::default();
        uppercase.start_all(&world.hosts.iter().zip(&hosts).collect::<Vec<_>>())?;
        let authority = Authority::new(network)
            .map_err(|error| LabError::Bad(format!("no certificate authority: {error}")))?;
        let mail = MailServers::start(world, &hosts, &authority).await?;
        let webmail = webmail::start(world, &hosts)?;
        let shared = Shared {
            network: network.clone(),
            authority,
            mail,
            _webmail: webmail,
            world: world.clone(),
            hosts: HostTable::of(world),
            zones,
            resolvers,
            uppercase,
            _servers: servers,
            programs: OnceLock::new(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The network that the lab runs on.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.shared.network
    }

    /// The world as it was at the start.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.shared.world
    }

    /// Who is who.
    #[must_use]
    pub fn hosts(&self) -> &HostTable {
        &self.shared.hosts
    }

    /// The local name servers, by host.
    #[must_use]
    pub fn resolvers(&self) -> &BTreeMap<String, Resolver> {
        &self.shared.resolvers
    }

    /// Who signs the certificates of this lab's servers.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.shared.authority
    }

    /// The records of a zone at this moment.
    #[must_use]
    pub fn zone_records(&self, origin: &Name) -> Vec<RecordShown> {
        self.zones().records(origin)
    }

    /// The records of a zone named as text.
    pub(crate) fn zone_named(&self, origin: &str) -> Vec<RecordShown> {
        Name::parse(origin).map(|origin| self.zone_records(&origin)).unwrap_or_default()
    }

    /// What a resolver has in its cache for a name and type, with the seconds
    /// that are left.
    pub(crate) async fn cached(
        &self,
        resolver: &str,
        name: &str,
        record_type: RecordType,
    ) -> Vec<RecordShown> {
        let found = self.shared.world.meant(resolver);
        let resolver = found.and_then(|host| self.shared.resolvers.get(&host.name));
        let (Some(resolver), Ok(name)) = (resolver, Name::parse(name)) else { return Vec::new() };
        services::cached(resolver, name, record_type).await
    }

    fn zones(&self) -> MutexGuard<'_, served::ServedZones> {
        served::lock(&self.shared.zones)
    }

    /// The machine that a word means, with its description.
    fn host(&self, word: &str) -> Result<(&WorldHost, Host), LabError> {
        let unknown = || LabError::NoHost(word.to_owned());
        let described = self.shared.world.meant(word).ok_or_else(unknown)?;
        let host = self.shared.network.host(&described.name).ok_or_else(unknown)?;
        Ok((described, host))
    }

    /// The address of the name server that a host asks: the one given by name
    /// or address, or that of its site (course D3).
    fn name_server(&self, host: &WorldHost, given: Option<&str>) -> Result<SocketAddr, LabError> {
        let named = match given {
            Some(word) => match word.parse::<IpAddr>() {
                Ok(address) => return Ok(SocketAddr::new(address, DNS_PORT)),
                Err(_) => self.host(word)?.0,
            },
            None => self
                .shared
                .world
                .resolver_of(host)
                .ok_or_else(|| LabError::NoResolver(host.name.clone()))?,
        };
        let address = named.addresses.first();
        let address =
            address.ok_or_else(|| LabError::Bad(format!("{} has no address", named.name)));
        Ok(SocketAddr::new(*address?, DNS_PORT))
    }

    /// What a person does, as the root of a tree of causes.
    fn note_action(&self, host: &Host, text: Bilingual) -> Cause {
        let note = capa7_net::Note::new(capa7_dissect::Room::Lab, ACTION, text.en);
        let note = note.with("reason_es", text.es);
        host.in_room(capa7_dissect::Room::Lab).note(note.because(Causes::NONE))
    }
}

/// How a network for this world is configured.
#[must_use]
pub fn network_config(world: &World, seed: u64, capture_bytes: usize) -> NetworkConfig {
    NetworkConfig {
        seed,
        wall_clock: world.start,
        capture_bytes,
        regions: world
            .paths
            .iter()
            .map(|path| (path.from.clone(), path.to.clone(), path.one_way))
            .collect(),
        ..NetworkConfig::default()
    }
}

/// The kind of the notes that begin trees of causes.
pub const ACTION: &str = "action";

const DNS_PORT: u16 = 53;

#[cfg(test)]
mod tests;
