//! Who is who: the hosts of a network by number, with what filters and texts
//! call them.

use std::net::IpAddr;

use capa7_net::capture::HostId;
use serde::Serialize;

use crate::world::{Tier, World, WorldHost};

/// The hosts of a network, by number.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct HostTable(Vec<HostEntry>);

/// One host, as it is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HostEntry {
    /// Unique in its network.
    pub name: String,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// Where it is.
    pub region: String,
    /// The site that it belongs to.
    pub site: Option<String>,
    /// Its place in the hierarchy.
    pub tier: Tier,
    /// Who sits at it.
    pub person: Option<String>,
}

impl From<&WorldHost> for HostEntry {
    fn from(host: &WorldHost) -> Self {
        Self {
            name: host.name.clone(),
            addresses: host.addresses.clone(),
            region: host.region.clone(),
            site: host.site.clone(),
            tier: host.tier,
            person: host.person.clone(),
        }
    }
}

impl HostTable {
    /// The hosts of a world, numbered in its order.
    #[must_use]
    pub fn of(world: &World) -> Self {
        Self(world.hosts.iter().map(HostEntry::from).collect())
    }

    /// The host with this number.
    #[must_use]
    pub fn get(&self, id: HostId) -> Option<&HostEntry> {
        self.0.get(usize::try_from(id.0).ok()?)
    }

    /// All hosts in the order of their numbers.
    #[must_use]
    pub fn entries(&self) -> &[HostEntry] {
        &self.0
    }

    /// Adds a host at the next number: one that joined after the start.
    pub fn push(&mut self, entry: HostEntry) {
        self.0.push(entry);
    }

    /// The number of the host with this name.
    #[must_use]
    pub fn id_of(&self, name: &str) -> Option<HostId> {
        let index = self.0.iter().position(|host| host.name == name)?;
        u32::try_from(index).ok().map(HostId)
    }

    /// What a text calls the host: the person's name where somebody sits at
    /// it, its own name otherwise.
    #[must_use]
    pub fn called(&self, id: Option<HostId>) -> String {
        match id.and_then(|id| self.get(id)) {
            Some(HostEntry { person: Some(person), .. }) => person.clone(),
            Some(host) => host.name.clone(),
            None => "?".to_owned(),
        }
    }
}

impl HostEntry {
    /// Whether `word` means this host: its tier, name, first label, a domain
    /// that it is in, its person, region, site or address.
    #[must_use]
    pub fn is(&self, word: &str) -> bool {
        let word = word.trim_end_matches('.');
        let same = |text: &str| text.eq_ignore_ascii_case(word);
        let public = self.name.split('@').next().unwrap_or(&self.name);
        same(self.tier.name())
            || same(&self.name)
            || same(public)
            || is_below(public, word)
            || public.split('.').next().is_some_and(same)
            || self.person.as_deref().is_some_and(same)
            || same(&self.region)
            || self.site.as_deref().is_some_and(same)
            || word.parse().is_ok_and(|address: IpAddr| self.addresses.contains(&address))
    }
}

/// Whether `name` lies in `domain`, by whole labels.
fn is_below(name: &str, domain: &str) -> bool {
    let start = name.len().checked_sub(domain.len());
    domain.contains('.')
        && start.is_some_and(|start| {
            start > 0
                && name.as_bytes().get(start - 1) == Some(&b'.')
                && name.get(start..).is_some_and(|end| end.eq_ignore_ascii_case(domain))
        })
}
