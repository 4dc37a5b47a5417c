//! Where hosts stand on the map: tiers from the root down, stable positions.
//!
//! ```text
//!   root          ▢ ▢ ▢ ▢ ▢        y grows downwards, 0 to 1
//!   top level      ▢ ▢ ▢ ▢         x grows to the right, 0 to 1
//!   authoritative   ▢ ▢ ▢
//!   resolvers        ▢ ▢
//!   servers         ▢ ▢ ▢
//!   clients        ▢ ▢ ▢ ▢
//! ```
//!
//! The same hosts always stand at the same places. A tier with many hosts takes
//! several rows; tiers with one or two hosts lean to different sides, so that
//! lines to the tiers above do not lie on each other.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::story::{HostEntry, HostTable};
use crate::world::{SocketService, Tier, World};

/// A host of the map.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HostView {
    /// Its number.
    pub id: usize,
    /// Its name.
    pub name: String,
    /// A short name that tells it apart.
    pub label: String,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// Where it is.
    pub region: String,
    /// The site that it belongs to.
    pub site: String,
    /// Its place in the hierarchy.
    pub tier: Tier,
    /// Left to right, 0 to 1; none when it does not stand on the map.
    pub x: Option<f64>,
    /// Top to bottom, 0 to 1.
    pub y: Option<f64>,
    /// What runs on it.
    pub services: Vec<String>,
    /// Who sits at it.
    pub person: Option<String>,
}

/// A row of the map that bears a name.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TierView {
    /// The tier's word.
    pub id: &'static str,
    /// Top to bottom, 0 to 1.
    pub y: f64,
}

/// A map.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Map {
    /// All hosts, those without a place on the map included.
    pub hosts: Vec<HostView>,
    /// The tiers that have hosts.
    pub tiers: Vec<TierView>,
    /// The regions that have hosts.
    pub regions: Vec<String>,
}

/// The map of a network's hosts. `among` leaves places only to those that take
/// part in a story.
#[must_use]
pub(super) fn map(hosts: &HostTable, world: &World, among: Option<&BTreeSet<usize>>) -> Map {
    let entries = hosts.entries();
    let mut views: Vec<HostView> =
        entries.iter().enumerate().map(|(id, host)| view(id, host, world)).collect();
    tell_apart(&mut views);
    let rows = rows(&views, among);
    let count = rows.len();
    for (index, (tier, row)) in rows.iter().enumerate() {
        let y = share(index, count);
        for (place, id) in row.iter().enumerate() {
            if let Some(host) = views.get_mut(*id) {
                host.x = Some(across(*tier, place, row.len()));
                host.y = Some(y);
            }
        }
    }
    let regions: BTreeSet<String> = entries.iter().map(|host| host.region.clone()).collect();
    Map { hosts: views, tiers: tiers(&rows), regions: regions.into_iter().collect() }
}

/// The hosts of each row, top to bottom.
fn rows(hosts: &[HostView], among: Option<&BTreeSet<usize>>) -> Vec<(Tier, Vec<usize>)> {
    let mut rows = Vec::new();
    for tier in Tier::ALL {
        let ids: Vec<usize> = hosts
            .iter()
            .filter(|host| host.tier == tier && among.is_none_or(|ids| ids.contains(&host.id)))
            .map(|host| host.id)
            .collect();
        let count = ids.len().div_ceil(row_max(tier));
        for row in 0..count {
            // Every second, third… host: neighbours of a wide tier stay together.
            rows.push((tier, ids.iter().copied().skip(row).step_by(count).collect()));
        }
    }
    rows
}

/// The names of the tiers, each in the middle of its rows.
fn tiers(rows: &[(Tier, Vec<usize>)]) -> Vec<TierView> {
    let mut tiers = Vec::new();
    for tier in Tier::ALL {
        let own = rows.iter().enumerate().filter(|(_, (of, _))| *of == tier);
        let ys: Vec<f64> = own.map(|(index, _)| share(index, rows.len())).collect();
        if let (Some(first), Some(last)) = (ys.first(), ys.last()) {
            tiers.push(TierView { id: tier.name(), y: f64::midpoint(*first, *last) });
        }
    }
    tiers
}

/// The middle of the `index`th of `count` equal parts of the whole.
#[expect(clippy::cast_precision_loss, reason = "a few hundred at most")]
fn share(index: usize, count: usize) -> f64 {
    (index as f64 + 0.5) / count.max(1) as f64
}

/// Where in its row a host stands.
fn across(tier: Tier, place: usize, count: usize) -> f64 {
    let even = share(place, count);
    if count > LEANING_MAX {
        return even;
    }
    let lean = match tier {
        Tier::Root => -0.22,
        Tier::Tld => -0.05,
        Tier::Authoritative => 0.2,
        Tier::Resolver => 0.0,
        Tier::Server => 0.27,
        Tier::Client => -0.14,
    };
    // Two hosts of one tier stand nearer to each other than evenly.
    0.5 + (even - 0.5) * 0.8 + lean
}

fn view(id: usize, host: &HostEntry, world: &World) -> HostView {
    let services = world.host(&host.name).map(|found| services(&found.services));
    HostView {
        id,
        name: host.name.clone(),
        label: label(host, world),
        addresses: host.addresses.iter().map(ToString::to_string).collect(),
        region: host.region.clone(),
        site: host.site.clone().unwrap_or_default(),
        tier: host.tier,
        x: None,
        y: None,
        services: services.unwrap_or_default(),
        person: host.person.clone(),
    }
}

fn services(services: &crate::world::Services) -> Vec<String> {
    let mut list: Vec<String> = services.zones.iter().map(|zone| format!("zone {zone}")).collect();
    if services.resolver.is_some() {
        list.push("resolver".to_owned());
    }
    list.extend(services.sockets.iter().map(|socket| {
        let word = match socket {
            SocketService::Udp => "uppercase over UDP",
            SocketService::Tcp => "uppercase over TCP",
        };
        word.to_owned()
    }));
    if let Some(mail) = &services.mail {
        list.extend(mail.domains.iter().map(|domain| format!("mail {domain}")));
    }
    if let Some(webmail) = &services.webmail {
        list.push(format!("webmail of {}", webmail.mail));
    }
    list
}

/// What the host is called within its tier: a root server by its letter, a
/// top-level server by its zone, a name server or resolver by whom it serves,
/// others by the first labels of their names.
fn label(host: &HostEntry, world: &World) -> String {
    let (public, replica) = match host.name.split_once('@') {
        Some((public, region)) => (public, Some(region)),
        None => (host.name.as_str(), None),
    };
    let mark = replica.map(|region| format!("·{region}")).unwrap_or_default();
    // A server of many organisations is called by its own name.
    let zones = world.host(&host.name).map_or(&[][..], |found| &found.services.zones);
    let zone = zones.first().filter(|_| zones.len() <= ZONES_OF_ONE_MAX);
    let base = match (host.tier, zone) {
        (Tier::Root, _) => first_labels(public, 1),
        (Tier::Tld, Some(zone)) => zone.trim_end_matches('.').to_owned(),
        (Tier::Authoritative, Some(zone)) => organisation(zone, world),
        (Tier::Resolver, _) => match public.split_once('.') {
            Some((_, domain)) => organisation(domain, world),
            None => public.to_owned(),
        },
        _ => organisation(public, world),
    };
    format!("{base}{mark}")
}

/// A name without the domain that a registry gives names in: `umass.edu` is
/// `umass`, `www.urosario.edu.co` is `www.urosario`.
fn organisation(name: &str, world: &World) -> String {
    let name = name.trim_end_matches('.');
    let registries = world.hosts.iter().filter(|host| host.tier == Tier::Tld);
    let zones = registries.flat_map(|host| &host.services.zones);
    let shortest = zones
        .filter_map(|zone| name.strip_suffix(zone.trim_end_matches('.'))?.strip_suffix('.'))
        .min_by_key(|rest| rest.len());
    first_labels(shortest.unwrap_or(name), LABEL_MAX)
}

/// More zones than a hosting company of the default world has are everybody's.
const ZONES_OF_ONE_MAX: usize = 16;

/// The first labels of a name that together are no longer than `most`, at
/// least one.
fn first_labels(name: &str, most: usize) -> String {
    let mut kept = String::new();
    for label in name.split('.') {
        if !kept.is_empty() {
            if kept.len() + 1 + label.len() > most {
                break;
            }
            kept.push('.');
        }
        kept.push_str(label);
    }
    kept
}

/// Gives hosts of one tier that would be called the same the first label of
/// their names in addition.
fn tell_apart(hosts: &mut [HostView]) {
    let labels: Vec<(Tier, String)> =
        hosts.iter().map(|host| (host.tier, host.label.clone())).collect();
    for host in hosts {
        let same = labels.iter().filter(|(tier, label)| *tier == host.tier && *label == host.label);
        if same.count() > 1 {
            host.label = format!("{} {}", host.label, first_labels(&host.name, 1));
        }
    }
}

/// Hosts of one row; more take a further row. Root and top-level servers have
/// the shortest labels.
const fn row_max(tier: Tier) -> usize {
    match tier {
        Tier::Root => 26,
        Tier::Tld => 17,
        Tier::Client => 13,
        Tier::Authoritative | Tier::Resolver | Tier::Server => 7,
    }
}

/// Rows with more hosts stand evenly.
const LEANING_MAX: usize = 2;
/// Letters of a label: what a column of the ladder can show.
const LABEL_MAX: usize = 14;

#[cfg(test)]
mod tests {
    use super::*;

    fn whole() -> (World, HostTable) {
        let world = World::carried("internet").unwrap();
        let hosts = HostTable::of(&world);
        (world, hosts)
    }

    #[test]
    fn every_host_of_the_world_stands_on_the_map_and_no_two_at_one_place() {
        let (world, hosts) = whole();
        let map = map(&hosts, &world, None);
        let mut places = BTreeSet::new();
        for host in &map.hosts {
            let (x, y) = (host.x.unwrap(), host.y.unwrap());
            assert!((0.0..=1.0).contains(&x) && (0.0..=1.0).contains(&y), "{}", host.name);
            assert!(places.insert((x.to_bits(), y.to_bits())), "{}", host.name);
        }
    }

    #[test]
    fn every_label_is_short_and_tells_its_host_apart() {
        let (world, hosts) = whole();
        let map = map(&hosts, &world, None);
        let labels: BTreeSet<(Tier, &str)> =
            map.hosts.iter().map(|host| (host.tier, host.label.as_str())).collect();
        assert_eq!(labels.len(), map.hosts.len());
        for (tier, label) in
            [(Tier::Tld, "edu"), (Tier::Authoritative, "cs.umass"), (Tier::Server, "www.urosario")]
        {
            assert!(labels.contains(&(tier, label)), "{label}");
        }
    }

    #[test]
    fn the_root_stands_above_the_clients() {
        let (world, hosts) = whole();
        let map = map(&hosts, &world, None);
        let order: Vec<&str> = map.tiers.iter().map(|tier| tier.id).collect();
        assert_eq!(order, ["root", "tld", "authoritative", "resolver", "server", "client"]);
        assert!(map.tiers.is_sorted_by(|a, b| a.y < b.y));
    }

    #[test]
    fn a_story_of_few_hosts_leaves_the_others_without_a_place() {
        let (world, hosts) = whole();
        let among = BTreeSet::from([0, 3]);
        let map = map(&hosts, &world, Some(&among));
        let placed = map.hosts.iter().filter(|host| host.x.is_some()).count();
        assert_eq!(placed, 2);
        assert_eq!(map.hosts.len(), hosts.entries().len());
    }
}
