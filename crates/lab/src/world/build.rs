//! From the file's structures to a checked [`World`].

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Range;
use std::time::Duration;

use capa7_dns_proto::Name;
use capa7_dns_proto::answer::AddressOrder;
use capa7_net::UnixTime;
use capa7_net::link::LinkConfig;
use toml::Spanned;

use super::file::{HostFile, LinkFile, Parts, ResolverFile, SiteFile, WorldFile};
use super::places::{Path, Region, SWITCHING, Site, one_way};
use super::{ResolverService, Services, Tier, WebmailService, World, WorldHost};
use super::{mail, zones};
use crate::source::{Folder, SourceError};

/// The file that is being built from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) folder: &'a Folder,
    pub(crate) file: &'a str,
    pub(crate) text: &'a str,
}

impl Place<'_> {
    /// An error at a place of this file.
    pub(crate) fn error(&self, span: &Range<usize>, problem: impl Into<String>) -> SourceError {
        SourceError::at(self.file, self.text, span, problem)
    }

    pub(crate) fn of<T>(&self, item: &Spanned<T>, problem: impl Into<String>) -> SourceError {
        self.error(&item.span(), problem)
    }
}

/// A world from its file.
pub(crate) fn build(place: &Place<'_>, file: &WorldFile) -> Result<World, SourceError> {
    let start = unix_time(file.start.get_ref())
        .ok_or_else(|| place.of(&file.start, "write a moment in UTC: 2021-04-21T19:00:00Z"))?;
    let mut world = World {
        name: file.name.get_ref().clone(),
        title: file.title.clone(),
        about: file.about.clone(),
        start,
        regions: Vec::new(),
        paths: Vec::new(),
        sites: Vec::new(),
        links: BTreeMap::new(),
        hosts: Vec::new(),
        zones: Vec::new(),
        moved_to: None,
    };
    alter(&mut world, place, &file.parts())?;
    Ok(world)
}

/// Adds parts to a world; a host, zone, link or path that is there already is
/// replaced.
pub(crate) fn alter(
    world: &mut World,
    place: &Place<'_>,
    parts: &Parts,
) -> Result<(), SourceError> {
    for unwanted in &parts.without {
        let before = world.hosts.len();
        world.hosts.retain(|host| host.name != *unwanted.get_ref());
        if world.hosts.len() == before {
            return Err(place.of(unwanted, no_such("host", unwanted.get_ref())));
        }
    }
    add_places(world, place, parts)?;
    for (name, pair) in &parts.link {
        let both = (link(&pair.up, LinkConfig::default()), link(&pair.down, LinkConfig::default()));
        world.links.insert(name.clone(), both);
    }
    let mut named: Vec<&str> = Vec::new();
    for file in &parts.host {
        if named.contains(&file.name.get_ref().as_str()) {
            return Err(place.of(&file.name, format!("host `{}` twice", file.name.get_ref())));
        }
        named.push(file.name.get_ref());
        let hosts = hosts(world, place, file)?;
        world.hosts.retain(|host| host.public_name != *file.name.get_ref());
        world.hosts.extend(hosts);
    }
    zones::add(world, place, parts)?;
    mail::derive_records(world, place, parts)?;
    zones::change(world, place, parts)?;
    check_references(world, place, parts)?;
    set_tiers(world);
    zones::derive_reverse(world);
    Ok(())
}

fn add_places(world: &mut World, place: &Place<'_>, parts: &Parts) -> Result<(), SourceError> {
    for file in &parts.region {
        if world.regions.iter().any(|region| region.id == *file.id.get_ref()) {
            return Err(place.of(&file.id, format!("region `{}` twice", file.id.get_ref())));
        }
        let region = Region {
            id: file.id.get_ref().clone(),
            name: file.name.clone(),
            latitude: file.latitude,
            longitude: file.longitude,
        };
        for other in &world.regions {
            let (from, to) = (other.id.clone(), region.id.clone());
            world.paths.push(Path { from, to, one_way: one_way(other, &region) });
        }
        let own = region.id.clone();
        world.paths.push(Path { from: own.clone(), to: own, one_way: SWITCHING });
        world.regions.push(region);
    }
    for file in &parts.path {
        let [a, b] = file.between.get_ref();
        let path = world
            .paths
            .iter_mut()
            .find(|path| (path.from == *a && path.to == *b) || (path.from == *b && path.to == *a));
        match path {
            Some(path) => path.one_way = file.one_way.0,
            None => {
                let unknown = if world.regions.iter().any(|known| known.id == *a) { b } else { a };
                return Err(place.of(&file.between, no_such("region", unknown)));
            }
        }
    }
    for file in &parts.site {
        let site = site(world, place, file)?;
        world.sites.retain(|known| known.id != site.id);
        world.sites.push(site);
    }
    Ok(())
}

fn site(world: &World, place: &Place<'_>, file: &SiteFile) -> Result<Site, SourceError> {
    known_region(world, place, &file.region)?;
    Ok(Site {
        id: file.id.get_ref().clone(),
        name: file.name.clone(),
        region: file.region.get_ref().clone(),
        resolver: file.resolver.as_ref().map(|name| name.get_ref().clone()),
        search: file.search.clone(),
    })
}

fn known_region(
    world: &World,
    place: &Place<'_>,
    region: &Spanned<String>,
) -> Result<(), SourceError> {
    if world.regions.iter().any(|known| known.id == *region.get_ref()) {
        return Ok(());
    }
    let known: Vec<&str> = world.regions.iter().map(|region| region.id.as_str()).collect();
    let problem =
        format!("{}; there are {}", no_such("region", region.get_ref()), known.join(", "));
    Err(place.of(region, problem))
}

/// The hosts of one entry: one, or one per replica.
fn hosts(world: &World, place: &Place<'_>, file: &HostFile) -> Result<Vec<WorldHost>, SourceError> {
    let name = file.name.get_ref();
    let spoilt = name.is_empty() || name.contains(|c: char| c.is_whitespace() || "@/:".contains(c));
    if spoilt || Name::parse(name).is_err() {
        return Err(place.of(&file.name, format!("`{name}` is not a host's name")));
    }
    if file.addresses.is_empty() {
        let problem = format!("`{name}` has no address: give it `addresses = [\"…\"]`");
        return Err(place.of(&file.name, problem));
    }
    let site = match &file.site {
        Some(id) => Some(
            world.site(id.get_ref()).ok_or_else(|| place.of(id, no_such("site", id.get_ref())))?,
        ),
        None => None,
    };
    let (up, down) = match &file.link {
        Some(kind) => world
            .links
            .get(kind.get_ref())
            .cloned()
            .ok_or_else(|| place.of(kind, no_such("link", kind.get_ref())))?,
        None => Default::default(),
    };
    let services = services(place, file)?;
    let host = |region: &str| WorldHost {
        name: name.clone(),
        public_name: name.clone(),
        addresses: file.addresses.iter().map(|address| *address.get_ref()).collect(),
        region: region.to_owned(),
        site: file.site.as_ref().map(|id| id.get_ref().clone()),
        tier: Tier::Client,
        person: file.person.clone(),
        about: file.about.clone(),
        up: up.clone(),
        down: down.clone(),
        services: services.clone(),
        foreign: file.foreign,
    };
    if !file.replicas.is_empty() {
        return replicas(world, place, file, host);
    }
    match (&file.region, site) {
        (Some(region), _) => {
            known_region(world, place, region)?;
            Ok(vec![host(region.get_ref())])
        }
        (None, Some(site)) => Ok(vec![host(&site.region)]),
        (None, None) => {
            Err(place.of(&file.name, format!("`{name}` is nowhere: give it a site or a region")))
        }
    }
}

/// One host per region that has a copy; each names itself in NSID.
fn replicas(
    world: &World,
    place: &Place<'_>,
    file: &HostFile,
    host: impl Fn(&str) -> WorldHost,
) -> Result<Vec<WorldHost>, SourceError> {
    let mut hosts = Vec::with_capacity(file.replicas.len());
    for region in &file.replicas {
        known_region(world, place, region)?;
        let mut replica = host(region.get_ref());
        replica.name = format!("{}@{}", replica.public_name, region.get_ref());
        replica.services.nsid = Some(format!("{}.{}", region.get_ref(), replica.public_name));
        if hosts.iter().any(|known: &WorldHost| known.name == replica.name) {
            return Err(place.of(region, format!("a second replica in `{}`", region.get_ref())));
        }
        hosts.push(replica);
    }
    Ok(hosts)
}

fn services(place: &Place<'_>, file: &HostFile) -> Result<Services, SourceError> {
    let serves = &file.serves;
    Ok(Services {
        zones: serves.zones.iter().map(|zone| zone.get_ref().clone()).collect(),
        nsid: (!serves.zones.is_empty()).then(|| file.name.get_ref().clone()),
        address_order: match serves.rotate {
            Some(false) => AddressOrder::Fixed,
            _ => AddressOrder::Rotate,
        },
        resolver: serves.resolver.as_ref().map(resolver),
        sockets: serves.sockets.clone(),
        registry: serves.registry.as_ref().map(|registry| registry.zone.get_ref().clone()),
        registrar: serves.registrar,
        mail: serves.mail.as_ref().map(|service| mail::service(place, service)).transpose()?,
        webmail: serves
            .webmail
            .as_ref()
            .map(|service| WebmailService { mail: service.mail.get_ref().clone() }),
    })
}

fn resolver(file: &ResolverFile) -> ResolverService {
    ResolverService {
        preset: file.preset,
        minimise: file.minimise,
        ttl_max: file.ttl_max.map(|span| span.0),
        begins_at: file.begins_at.iter().map(|name| name.get_ref().clone()).collect(),
        cache_bytes: file.cache.map(|size| size.0),
    }
}

/// Every name that one part uses is defined by another.
fn check_references(world: &World, place: &Place<'_>, parts: &Parts) -> Result<(), SourceError> {
    for file in &parts.host {
        for zone in &file.serves.zones {
            let origin = Name::parse(zone.get_ref())
                .map_err(|error| place.of(zone, format!("not a zone's name: {error}")))?;
            if !world.zones.iter().any(|known| known.origin == origin) {
                return Err(place.of(zone, no_such("zone", zone.get_ref())));
            }
        }
        if let Some(registry) = &file.serves.registry {
            let zone = registry.zone.get_ref();
            let is_served = Name::parse(zone).is_ok_and(|zone| !world.servers_of(&zone).is_empty());
            if !is_served {
                let problem = format!("{}: no host serves it", no_such("zone", zone));
                return Err(place.of(&registry.zone, problem));
            }
        }
        for server in file.serves.resolver.iter().flat_map(|resolver| &resolver.begins_at) {
            if !world.hosts.iter().any(|host| host.public_name == *server.get_ref()) {
                return Err(place.of(server, no_such("host", server.get_ref())));
            }
        }
        for address in &file.addresses {
            check_address(world, place, file, address)?;
        }
        if let Some(webmail) = &file.serves.webmail {
            mail::check_webmail(world, place, webmail)?;
        }
    }
    for site in &parts.site {
        let Some(name) = &site.resolver else { continue };
        let host = world.host(name.get_ref());
        let host = host.ok_or_else(|| place.of(name, no_such("host", name.get_ref())))?;
        if host.services.resolver.is_none() {
            let problem = format!("`{}` serves no resolver: give it one", host.name);
            return Err(place.of(name, problem));
        }
    }
    Ok(())
}

/// An address belongs to one host, or to the replicas of one; of two hosts the
/// one that came first has it.
fn check_address(
    world: &World,
    place: &Place<'_>,
    file: &HostFile,
    address: &Spanned<IpAddr>,
) -> Result<(), SourceError> {
    let value = address.get_ref();
    if value.is_unspecified() || value.is_multicast() || value.is_loopback() {
        return Err(place.of(address, format!("{value} cannot be a host's address")));
    }
    let is_own = |host: &WorldHost| host.public_name == *file.name.get_ref();
    let mut earlier = world.hosts.iter().take_while(|host| !is_own(host));
    if let Some(other) = earlier.find(|host| host.addresses.contains(value)) {
        let name = &other.public_name;
        return Err(place.of(address, format!("{value} belongs to `{name}`: give it another")));
    }
    if file.addresses.iter().filter(|own| own.get_ref() == value).count() > 1 {
        return Err(place.of(address, format!("{value} twice: write it once")));
    }
    Ok(())
}

fn set_tiers(world: &mut World) {
    for host in &mut world.hosts {
        let zones = &host.services.zones;
        let labels = |zone: &String| zone.split('.').filter(|label| !label.is_empty()).count();
        host.tier = if zones.iter().any(|zone| labels(zone) == 0) {
            Tier::Root
        } else if zones.iter().any(|zone| labels(zone) == 1) {
            Tier::Tld
        } else if !zones.is_empty() {
            Tier::Authoritative
        } else if host.services.resolver.is_some() {
            Tier::Resolver
        } else if host.person.is_some() || host.foreign {
            Tier::Client
        } else {
            Tier::Server
        };
    }
}

/// A link's numbers, where the file gives them.
pub(crate) fn link(file: &LinkFile, base: LinkConfig) -> LinkConfig {
    LinkConfig {
        rate_bps: file.rate.map_or(base.rate_bps, |rate| rate.0),
        latency_ns: file.latency.map_or(base.latency_ns, |span| nanos(span.0)),
        jitter_ns: file.jitter.map_or(base.jitter_ns, |span| nanos(span.0)),
        loss: file.loss.unwrap_or(base.loss),
        duplicate: file.duplicate.unwrap_or(base.duplicate),
        reorder: file.reorder.unwrap_or(base.reorder),
        corrupt: file.corrupt.unwrap_or(base.corrupt),
        queue_bytes: file.queue.map_or(base.queue_bytes, |size| size.0),
        cut: file.cut.unwrap_or(base.cut),
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn no_such(kind: &str, name: &str) -> String {
    format!("there is no {kind} `{name}` in this world")
}

/// Seconds since 1970 of a moment in UTC; none for local times and dates
/// before.
fn unix_time(moment: &toml::value::Datetime) -> Option<UnixTime> {
    let (date, time, offset) = (moment.date?, moment.time?, moment.offset?);
    if !matches!(offset, toml::value::Offset::Z | toml::value::Offset::Custom { minutes: 0 }) {
        return None;
    }
    let days = days_since_1970(i64::from(date.year), i64::from(date.month), i64::from(date.day));
    let clock = i64::from(time.hour) * 3600 + i64::from(time.minute) * 60;
    let secs = u64::try_from(days * 86_400 + clock + i64::from(time.second.unwrap_or(0))).ok()?;
    secs.checked_mul(1_000_000_000).map(UnixTime)
}

/// Days from 1970-01-01 in the Gregorian calendar, counted from the first of
/// March so that the leap day ends a year.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::days_since_1970;

    #[test]
    fn the_calendar_counts_leap_days() {
        assert_eq!(days_since_1970(1970, 1, 1), 0);
        assert_eq!(days_since_1970(2000, 2, 29), 11_016);
        assert_eq!(days_since_1970(2021, 4, 21), 18_738);
    }
}
