//! A world: regions, sites, hosts with their services, and zones.
//!
//! ```text
//!   world.toml ──parse──► file::WorldFile ──build──► World
//!   scenario's [world] ──► file::Parts ─────alter──┘
//! ```
//!
//! A [`World`] is complete and checked: every name that one part uses, another
//! part defines. It holds no network; `Lab` starts one from it.

pub(crate) mod build;
pub(crate) mod file;
mod mail;
mod places;
mod zones;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use capa7_dns_proto::answer::AddressOrder;
use capa7_dns_proto::{Name, RecordType};
use capa7_mail_proto::address::Address;
use capa7_net::UnixTime;
use capa7_net::link::LinkConfig;
use serde::Serialize;

use crate::source::{Folder, SourceError, parse_toml};
use crate::text::Bilingual;

pub use file::{MailExtension, ResolverPreset, SocketService};
pub use places::{Path as RegionPath, Region, Site};
pub use zones::{LoopbackAddresses, WorldZone, ZoneEdit};

/// A whole private internet, as data.
#[derive(Clone, Debug)]
pub struct World {
    /// Its identifier.
    pub name: String,
    /// Its title for people.
    pub title: Bilingual,
    /// A sentence about it.
    pub about: Bilingual,
    /// The calendar when it begins (virtual runs).
    pub start: UnixTime,
    /// The places of the map.
    pub regions: Vec<Region>,
    /// One-way times between regions, one per unordered pair.
    pub paths: Vec<RegionPath>,
    /// Places with people and a local name server.
    pub sites: Vec<Site>,
    /// The kinds of access links.
    pub links: BTreeMap<String, (LinkConfig, LinkConfig)>,
    /// The machines, in the order in which the file names them.
    pub hosts: Vec<WorldHost>,
    /// The zones.
    pub zones: Vec<WorldZone>,
    /// Which loopback address stands for which, once the world was moved.
    moved_to: Option<LoopbackAddresses>,
}

/// A machine.
#[derive(Clone, Debug)]
pub struct WorldHost {
    /// Unique in the world; replicas add `@region`.
    pub name: String,
    /// The name without the replica's mark.
    pub public_name: String,
    /// Its addresses; replicas share them.
    pub addresses: Vec<IpAddr>,
    /// Where it is.
    pub region: String,
    /// The site that it belongs to.
    pub site: Option<String>,
    /// Its place in the hierarchy, for the map and for filters.
    pub tier: Tier,
    /// Who sits at it.
    pub person: Option<String>,
    /// A sentence about it.
    pub about: Option<Bilingual>,
    /// Access link from the host.
    pub up: LinkConfig,
    /// Access link to the host.
    pub down: LinkConfig,
    /// What runs on it.
    pub services: Services,
    /// For programs from outside: the lab starts nothing on it.
    pub foreign: bool,
}

/// What runs on a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Services {
    /// Origins of the zones that it answers for.
    pub zones: Vec<String>,
    /// What it calls itself in NSID (RFC 5001).
    pub nsid: Option<String>,
    /// Whether answers turn the order of addresses (course D1).
    pub address_order: AddressOrder,
    /// Its local name server.
    pub resolver: Option<ResolverService>,
    /// Uppercase servers.
    pub sockets: Vec<SocketService>,
    /// The zone whose names it sells as a registry.
    pub registry: Option<String>,
    /// Whether it is a registrar.
    pub registrar: bool,
    /// Its mail server.
    pub mail: Option<MailService>,
    /// Its webmail site.
    pub webmail: Option<WebmailService>,
}

/// A mail server: who has a mailbox, and what it does not offer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailService {
    /// The domains whose mail it takes.
    pub domains: Vec<String>,
    /// Whole addresses.
    pub people: Vec<Address>,
    /// Extensions of SMTP that it lacks.
    pub lacks: Vec<MailExtension>,
}

/// A webmail site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebmailService {
    /// The host whose mailboxes it shows and that it sends through.
    pub mail: String,
}

/// How a local name server works.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResolverService {
    /// The kind.
    pub preset: ResolverPreset,
    /// QNAME minimisation, when not as the preset has it.
    pub minimise: Option<bool>,
    /// The longest that anything stays in the cache.
    pub ttl_max: Option<std::time::Duration>,
    /// Hosts to begin at; empty: the roots of the world.
    pub begins_at: Vec<String>,
    /// Bytes of cache.
    pub cache_bytes: Option<u64>,
}

/// The place of a host in the hierarchy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Answers for the root.
    Root,
    /// Answers for a top-level domain.
    Tld,
    /// Answers for an organisation.
    Authoritative,
    /// A local name server.
    Resolver,
    /// Serves something that is not a name.
    Server,
    /// Somebody's machine.
    Client,
}

impl Tier {
    /// All, from the top of the map down.
    pub const ALL: [Self; 6] =
        [Self::Root, Self::Tld, Self::Authoritative, Self::Resolver, Self::Server, Self::Client];

    /// The lower-case name used in filters and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Tld => "tld",
            Self::Authoritative => "authoritative",
            Self::Resolver => "resolver",
            Self::Server => "server",
            Self::Client => "client",
        }
    }
}

impl World {
    /// The world that the binary carries under this name.
    ///
    /// # Errors
    /// When there is none, or it is not well formed.
    pub fn carried(name: &str) -> Result<Self, SourceError> {
        Self::load(&Folder::Carried(format!("worlds/{name}")), WORLD_FILE)
    }

    /// A world from a file on disk.
    ///
    /// # Errors
    /// When it cannot be read or is not well formed, with line and column.
    pub fn from_path(path: &Path) -> Result<Self, SourceError> {
        let path = if path.is_dir() { path.join(WORLD_FILE) } else { path.to_path_buf() };
        let (folder, file) = Folder::of_file(&path);
        Self::load(&folder, &file)
    }

    fn load(folder: &Folder, file: &str) -> Result<Self, SourceError> {
        let text = folder.read(file)?;
        let shown = folder.shown(file);
        let place = build::Place { folder, file: &shown, text: &text };
        let parsed = parse_toml(&shown, &text)?;
        build::build(&place, &parsed)
    }

    /// A host by its unique name.
    #[must_use]
    pub fn host(&self, name: &str) -> Option<&WorldHost> {
        self.hosts.iter().find(|host| host.name == name)
    }

    /// A site by its identifier.
    #[must_use]
    pub fn site(&self, id: &str) -> Option<&Site> {
        self.sites.iter().find(|site| site.id == id)
    }

    /// The host whose local name server `host` uses (course D3).
    #[must_use]
    pub fn resolver_of(&self, host: &WorldHost) -> Option<&WorldHost> {
        let site = self.site(host.site.as_deref()?)?;
        self.host(site.resolver.as_deref()?)
    }

    /// The registry that sells the names of a zone (course D14).
    #[must_use]
    pub fn registry_of(&self, zone: &Name) -> Option<&WorldHost> {
        let sells = |sold: &String| Name::parse(sold).is_ok_and(|sold| sold == *zone);
        self.hosts.iter().find(|host| host.services.registry.as_ref().is_some_and(sells))
    }

    /// The servers of a zone, its primary first: the one that its SOA record
    /// names (RFC 1035 §3.3.13).
    #[must_use]
    pub fn servers_of(&self, zone: &Name) -> Vec<&WorldHost> {
        let serves = |host: &&WorldHost| {
            host.services.zones.iter().any(|known| Name::parse(known).is_ok_and(|z| z == *zone))
        };
        let known = self.zones.iter().find(|known| known.origin == *zone);
        let primary = known.and_then(|known| {
            let mut records = known.records.records();
            let soa = records.find(|record| record.record_type == RecordType::SOA)?;
            Name::from_wire_prefix(soa.data).ok()
        });
        let mut servers: Vec<&WorldHost> = self.hosts.iter().filter(serves).collect();
        servers.sort_by_key(|host| Name::parse(&host.public_name).ok() != primary);
        servers
    }

    /// The host that a person or a scenario means: by its name, by the name
    /// of the person who sits at it, or by the first label of its name, where
    /// only one host has it.
    #[must_use]
    pub fn meant(&self, word: &str) -> Option<&WorldHost> {
        let word = word.trim_end_matches('.');
        let by_name = self.hosts.iter().find(|host| host.name.eq_ignore_ascii_case(word));
        by_name
            .or_else(|| only(self.hosts.iter().filter(|host| host.is_person(word))))
            .or_else(|| only(self.hosts.iter().filter(|host| host.first_label_is(word))))
            .or_else(|| self.hosts.iter().find(|host| host.public_name.eq_ignore_ascii_case(word)))
    }

    /// The mail address of a person, with the server that keeps their mailbox:
    /// the name before the @ is the person's.
    #[must_use]
    pub fn address_of_person(&self, word: &str) -> Option<(&Address, &WorldHost)> {
        let person = self.meant(word)?.person.as_deref()?;
        self.hosts.iter().find_map(|host| {
            let people = &host.services.mail.as_ref()?.people;
            let address = people.iter().find(|a| a.local().eq_ignore_ascii_case(person))?;
            Some((address, host))
        })
    }

    /// All hosts that a word means: one as [`World::meant`], or those of a
    /// site, or of a tier.
    #[must_use]
    pub fn group(&self, word: &str) -> Vec<&WorldHost> {
        if let Some(host) = self.meant(word) {
            return vec![host];
        }
        let is_client = |host: &&WorldHost| host.tier == Tier::Client && !host.foreign;
        if word == Tier::Client.name() {
            return self.hosts.iter().filter(is_client).collect();
        }
        if self.site(word).is_some() {
            let in_site = |host: &&WorldHost| host.site.as_deref() == Some(word);
            return self.hosts.iter().filter(is_client).filter(in_site).collect();
        }
        self.hosts.iter().filter(|host| host.tier.name() == word).collect()
    }
}

impl WorldHost {
    /// Whether the person at this host has this name.
    #[must_use]
    pub fn is_person(&self, name: &str) -> bool {
        self.person.as_deref().is_some_and(|person| person.eq_ignore_ascii_case(name))
    }

    fn first_label_is(&self, word: &str) -> bool {
        self.name.split('.').next().is_some_and(|label| label.eq_ignore_ascii_case(word))
    }
}

/// The only item, none when there are several.
fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    items.next().filter(|_| items.next().is_none())
}

/// The name of a world's main file.
pub(crate) const WORLD_FILE: &str = "world.toml";

#[cfg(test)]
mod tests;
