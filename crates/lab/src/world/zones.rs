//! The zones of a world: written or derived, changed by scenarios, moved to
//! 127.0.0.0/8 for loopback labs.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use capa7_dns_proto::zone_file::{ReadOptions, ZoneFile, ZoneFileRecord};
use capa7_dns_proto::{Name, RecordType};

use super::World;
use super::build::Place;
use super::file::{Derivation, Parts, RecordFile, ZoneFile as ZoneEntry};
use crate::source::{Folder, SourceError};

/// A zone.
#[derive(Clone, Debug)]
pub struct WorldZone {
    /// The name at its top.
    pub origin: Name,
    /// Its records.
    pub records: ZoneFile,
    /// Whether the records follow from the hosts' addresses.
    pub reverse: bool,
}

/// Puts in the zones of `parts`.
pub(super) fn add(world: &mut World, place: &Place<'_>, parts: &Parts) -> Result<(), SourceError> {
    for entry in &parts.zone {
        let zone = read(place, entry)?;
        world.zones.retain(|known| known.origin != zone.origin);
        world.zones.push(zone);
    }
    Ok(())
}

/// Makes the record changes of `parts`.
pub(super) fn change(
    world: &mut World,
    place: &Place<'_>,
    parts: &Parts,
) -> Result<(), SourceError> {
    for change in &parts.record {
        let spot = change.zone.span();
        let zone = Name::parse(change.zone.get_ref())
            .ok()
            .and_then(|origin| world.zones.iter_mut().find(|zone| zone.origin == origin));
        let Some(zone) = zone else {
            return Err(place.error(&spot, format!("no zone `{}`", change.zone.get_ref())));
        };
        zone.change(&change.edit()).map_err(|problem| place.error(&spot, problem))?;
    }
    Ok(())
}

fn read(place: &Place<'_>, entry: &ZoneEntry) -> Result<WorldZone, SourceError> {
    let spot = entry.origin.span();
    let origin = Name::parse(entry.origin.get_ref())
        .map_err(|error| place.error(&spot, format!("not a zone's name: {error}")))?;
    let records = match (&entry.file, &entry.text, entry.derive) {
        (Some(file), None, None) => {
            let text = place.folder.read(file.get_ref()).map_err(|error| {
                place.error(
                    &file.span(),
                    format!("the zone file `{}`: {}", file.get_ref(), error.problem),
                )
            })?;
            read_records(place.folder, &place.folder.shown(file.get_ref()), &text, &origin)?
        }
        (None, Some(text), None) => read_records(place.folder, place.file, text.get_ref(), &origin)
            .map_err(|error| place.error(&text.span(), of_inner_text(&error)))?,
        (None, None, Some(Derivation::Reverse)) => ZoneFile::new(),
        _ => {
            let problem = "a zone has one of: file, text, derive = \"reverse\"";
            return Err(place.error(&spot, problem));
        }
    };
    let reverse = entry.derive.is_some();
    if !reverse && records.apex() != Some(&origin) {
        let problem = format!("the zone file has no SOA record of `{origin}`");
        return Err(place.error(&spot, problem));
    }
    Ok(WorldZone { origin, records, reverse })
}

fn read_records(
    folder: &Folder,
    file: &str,
    text: &str,
    origin: &Name,
) -> Result<ZoneFile, SourceError> {
    let options = ReadOptions { origin: Some(origin.clone()), ..ReadOptions::default() };
    let mut load =
        |name: &str| folder.read(name).map(String::into_bytes).map_err(|error| error.to_string());
    ZoneFile::read(file, text.as_bytes(), &options, &mut load).map_err(|errors| {
        let Some(first) = errors.0.first() else {
            return SourceError::of_file(file, "the zone cannot be read");
        };
        let place = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        SourceError {
            file: first.file.clone(),
            position: Some((place(first.line), place(first.column))),
            problem: first.problem.to_string(),
        }
    })
}

/// The error of a zone that stands inside another file.
fn of_inner_text(error: &SourceError) -> String {
    match error.position {
        Some((line, column)) => format!("line {line}, column {column} of it: {}", error.problem),
        None => error.problem.clone(),
    }
}

/// A change of a zone's records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ZoneEdit {
    /// Take out all records of an owner (`www`), or of an owner and type
    /// (`www A`).
    pub remove: Option<String>,
    /// Put in these lines of a master file, names relative to the zone.
    pub add: Option<String>,
}

impl RecordFile {
    pub(crate) fn edit(&self) -> ZoneEdit {
        ZoneEdit {
            remove: self.remove.as_ref().map(|text| text.get_ref().clone()),
            add: self.add.as_ref().map(|text| text.get_ref().clone()),
        }
    }
}

impl WorldZone {
    /// Changes the records and raises the serial (RFC 1982).
    ///
    /// # Errors
    /// In words, when nothing matches what is to be removed, or the added
    /// lines cannot be read or lie outside the zone.
    pub fn change(&mut self, edit: &ZoneEdit) -> Result<(), String> {
        let unwanted = edit.remove.as_deref().map(|text| self.unwanted(text)).transpose()?;
        let goes = |record: &ZoneFileRecord<'_>| {
            unwanted.as_ref().is_some_and(|(owner, record_type)| {
                record.owner == owner && record_type.is_none_or(|t| t == record.record_type)
            })
        };
        let mut records = ZoneFile::new();
        for record in self.records.records().filter(|record| !goes(record)) {
            let data = match record.record_type {
                RecordType::SOA => with_next_serial(record.data),
                _ => record.data.to_vec(),
            };
            push(&mut records, record.owner, record.record_type, record.ttl, &data)?;
        }
        if edit.remove.is_some() && records.len() == self.records.len() {
            let what = edit.remove.as_deref().unwrap_or_default();
            return Err(format!("zone {} has no `{what}` to remove", self.origin));
        }
        for record in self.added(edit.add.as_deref().unwrap_or_default())?.records() {
            if !record.owner.is_subdomain_of(&self.origin) {
                return Err(format!("{} is not in zone {}", record.owner, self.origin));
            }
            push(&mut records, record.owner, record.record_type, record.ttl, record.data)?;
        }
        self.records = records;
        Ok(())
    }

    fn unwanted(&self, text: &str) -> Result<(Name, Option<RecordType>), String> {
        let mut words = text.split_whitespace();
        let owner = match words.next() {
            None | Some("@") => self.origin.clone(),
            Some(owner) => {
                Name::parse_relative(owner, &self.origin).map_err(|error| error.to_string())?
            }
        };
        let record_type = words
            .next()
            .map(str::parse)
            .transpose()
            .map_err(|_| format!("`{text}`: write an owner, or an owner and a type"))?;
        Ok((owner, record_type))
    }

    fn added(&self, lines: &str) -> Result<ZoneFile, String> {
        let text = format!("$ORIGIN {}\n$TTL {ADDED_TTL}\n{lines}\n", self.origin);
        ZoneFile::read_text("added lines", &text).map_err(|errors| errors.to_string())
    }

    /// The same zone with every address of type A moved.
    fn moved(&self, addresses: &LoopbackAddresses) -> Self {
        let mut records = ZoneFile::new();
        for record in self.records.records() {
            let moved = match record.record_type {
                RecordType::A => addresses.of_data(record.data).map(|moved| moved.octets()),
                // Loopback labs speak IPv4 only: 127.0.0.0/8 has many
                // addresses, ::1 is one.
                RecordType::AAAA => continue,
                _ => None,
            };
            let data = moved.as_ref().map_or(record.data, |octets| octets.as_slice());
            let kept = push(&mut records, record.owner, record.record_type, record.ttl, data);
            debug_assert!(kept.is_ok(), "a zone of this size was held before");
        }
        Self { origin: self.origin.clone(), records, reverse: self.reverse }
    }
}

pub(super) fn push(
    records: &mut ZoneFile,
    owner: &Name,
    record_type: RecordType,
    ttl: u32,
    data: &[u8],
) -> Result<(), String> {
    records.push(owner.clone(), record_type, ttl, data).map_err(|problem| problem.to_string())
}

/// The SOA data with its serial one higher; the five numbers are the last 20
/// octets (RFC 1035 §3.3.13).
fn with_next_serial(data: &[u8]) -> Vec<u8> {
    let mut data = data.to_vec();
    let serial = data.len().checked_sub(SOA_NUMBERS_OCTETS).map(|start| start..start + 4);
    if let Some(octets) = serial.and_then(|range| data.get_mut(range))
        && let Ok(current) = <[u8; 4]>::try_from(&*octets)
    {
        octets.copy_from_slice(&u32::from_be_bytes(current).wrapping_add(1).to_be_bytes());
    }
    data
}

const SOA_NUMBERS_OCTETS: usize = 20;

/// Seconds to live of added lines that give none.
const ADDED_TTL: u32 = 3600;

/// Fills the reverse zones from the hosts' addresses (RFC 1035 §3.5). A
/// reverse zone below another is delegated from it.
pub(super) fn derive_reverse(world: &mut World) {
    let origins: Vec<Name> =
        world.zones.iter().filter(|zone| zone.reverse).map(|zone| zone.origin.clone()).collect();
    for origin in &origins {
        let records = reverse_records(world, origin, &origins);
        if let Some(zone) = world.zones.iter_mut().find(|zone| zone.origin == *origin) {
            zone.records = records;
        }
    }
}

fn reverse_records(world: &World, origin: &Name, origins: &[Name]) -> ZoneFile {
    let mut records = ZoneFile::new();
    let servers = servers_of(world, origin);
    let mut soa = Vec::new();
    let primary = servers.first().cloned().unwrap_or_else(Name::root);
    soa.extend_from_slice(primary.as_wire());
    soa.extend_from_slice(primary.as_wire());
    for number in [1_u32, 7200, 900, 1_209_600, 3600] {
        soa.extend_from_slice(&number.to_be_bytes());
    }
    let mut put = |owner: &Name, record_type, data: &[u8]| {
        // A reverse zone has one small record per host.
        let kept = records.push(owner.clone(), record_type, REVERSE_TTL, data);
        debug_assert!(kept.is_ok(), "{kept:?}");
    };
    put(origin, RecordType::SOA, &soa);
    for server in &servers {
        put(origin, RecordType::NS, server.as_wire());
    }
    let below = |name: &Name| {
        let inner = |other: &&Name| *other != origin && other.is_subdomain_of(origin);
        origins.iter().filter(inner).find(|other| name.is_subdomain_of(other)).cloned()
    };
    for other in origins.iter().filter(|other| *other != origin && other.is_subdomain_of(origin)) {
        for server in servers_of(world, other) {
            put(other, RecordType::NS, server.as_wire());
        }
    }
    let mut done: Vec<Name> = Vec::new();
    for host in &world.hosts {
        for name in host.addresses.iter().filter_map(|address| reverse_name(*address)) {
            if !name.is_subdomain_of(origin) || below(&name).is_some() || done.contains(&name) {
                continue;
            }
            if let Ok(target) = Name::parse(&host.public_name) {
                put(&name, RecordType::PTR, target.as_wire());
                done.push(name);
            }
        }
    }
    records
}

fn servers_of(world: &World, origin: &Name) -> Vec<Name> {
    let serves =
        |zones: &[String]| zones.iter().any(|z| Name::parse(z).is_ok_and(|z| z == *origin));
    let mut names: Vec<Name> = world
        .hosts
        .iter()
        .filter(|host| serves(&host.services.zones))
        .filter_map(|host| Name::parse(&host.public_name).ok())
        .collect();
    names.dedup();
    names
}

/// The name under `in-addr.arpa` of an IPv4 address (RFC 1035 §3.5).
fn reverse_name(address: IpAddr) -> Option<Name> {
    let IpAddr::V4(address) = address else { return None };
    let [a, b, c, d] = address.octets();
    Name::parse(&format!("{d}.{c}.{b}.{a}.in-addr.arpa.")).ok()
}

const REVERSE_TTL: u32 = 3600;

/// Which 127.x.y.z stands for an address in a loopback lab.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoopbackAddresses(BTreeMap<IpAddr, Ipv4Addr>);

impl LoopbackAddresses {
    /// One loopback address for each address of the world: first those of the
    /// hosts, then those that only zones name.
    #[must_use]
    pub fn of(world: &World) -> Self {
        let mut map = Self::default();
        for address in world.hosts.iter().flat_map(|host| &host.addresses) {
            map.add(*address);
        }
        for zone in &world.zones {
            for record in zone.records.records().filter(|r| r.record_type == RecordType::A) {
                if let Ok(octets) = <[u8; 4]>::try_from(record.data) {
                    map.add(IpAddr::from(octets));
                }
            }
        }
        map
    }

    fn add(&mut self, address: IpAddr) {
        let number = self.0.len();
        self.0.entry(address).or_insert_with(|| loopback(number));
    }

    /// The loopback address that stands for `address`.
    #[must_use]
    pub fn get(&self, address: IpAddr) -> Option<Ipv4Addr> {
        self.0.get(&address).copied()
    }

    fn of_data(&self, data: &[u8]) -> Option<Ipv4Addr> {
        self.get(IpAddr::from(<[u8; 4]>::try_from(data).ok()?))
    }
}

/// The n-th loopback address of a lab: 127.70.0.1 and up, without the ends of
/// each 256, so that none looks like a network's or a broadcast address.
fn loopback(number: usize) -> Ipv4Addr {
    let octet = |value: usize| u8::try_from(value % 256).unwrap_or(0);
    Ipv4Addr::new(
        127,
        70_u8.wrapping_add(octet(number / (254 * 256))),
        octet(number / 254),
        octet(number % 254) + 1,
    )
}

impl World {
    /// The same world with every address moved to 127.0.0.0/8: hosts, records,
    /// glue and reverse zones.
    #[must_use]
    pub fn in_loopback(&self) -> Self {
        let addresses = LoopbackAddresses::of(self);
        let mut world = self.clone();
        for host in &mut world.hosts {
            host.addresses.retain(IpAddr::is_ipv4);
            for address in &mut host.addresses {
                if let Some(moved) = addresses.get(*address) {
                    *address = IpAddr::V4(moved);
                }
            }
        }
        for zone in &mut world.zones {
            *zone = zone.moved(&addresses);
        }
        derive_reverse(&mut world);
        world.moved_to = Some(addresses);
        world
    }

    /// The address that stands for `address` in this world: itself, unless the
    /// world was moved to loopback.
    #[must_use]
    pub fn moved(&self, address: IpAddr) -> IpAddr {
        let moved = self.moved_to.as_ref().and_then(|addresses| addresses.get(address));
        moved.map_or(address, IpAddr::V4)
    }

    /// A zone by its origin.
    #[must_use]
    pub fn zone(&self, origin: &Name) -> Option<&WorldZone> {
        self.zones.iter().find(|zone| zone.origin == *origin)
    }
}
