//! Who is where: hosts, regions, round trips, anycast.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use rand_chacha::ChaCha12Rng;

use crate::capture::HostId;
use crate::link::{Arrival, Link, LinkConfig, Transmission};
use crate::network::{NetworkConfig, derived_rng};
use crate::time::Time;

/// What a network needs to know of a host.
#[derive(Clone, Debug, Default)]
pub struct HostConfig {
    /// The host's name, unique in its network: `dns.cs.umass.edu`.
    pub name: String,
    /// Its addresses; several hosts with one address are replicas of it, and
    /// the nearest to the sender receives (anycast).
    pub addresses: Vec<IpAddr>,
    /// The region's name; regions have round trips between them.
    pub region: String,
    /// Access link from the host.
    pub up: LinkConfig,
    /// Access link to the host.
    pub down: LinkConfig,
}

/// Why a host or link was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// Two hosts with one name.
    #[error("there is already a host named {0:?}")]
    NameTaken(String),
    /// No host has this number.
    #[error("there is no host number {}", .0.0)]
    NoSuchHost(HostId),
    /// A share is not between 0 and 1.
    #[error("{field} is a share: it must be between 0 and 1")]
    BadShare {
        /// The field's name.
        field: &'static str,
    },
}

/// Both directions of a host's access link.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Access {
    /// From the host.
    pub up: LinkConfig,
    /// To the host.
    pub down: LinkConfig,
}

/// What stays true of a host as long as it lives.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) id: HostId,
    pub(crate) name: String,
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) region: String,
    pub(crate) rng_calls: AtomicU64,
}

impl Identity {
    /// The address from which the host speaks to `to`: its first of that
    /// family.
    pub(crate) fn source_for(&self, to: IpAddr) -> io::Result<IpAddr> {
        let same_family = |address: &&IpAddr| address.is_ipv4() == to.is_ipv4();
        self.addresses
            .iter()
            .find(same_family)
            .copied()
            .ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
    }
}

/// The hosts of a network and the ways between them.
#[derive(Debug, Default)]
pub(crate) struct Topology {
    hosts: Vec<Station>,
    names: BTreeMap<String, HostId>,
    addresses: BTreeMap<IpAddr, Vec<HostId>>,
    regions: Vec<String>,
    latencies: BTreeMap<(u32, u32), Duration>,
    default_latency: Duration,
    seed: u64,
}

/// A host with its access link.
#[derive(Debug)]
struct Station {
    identity: Arc<Identity>,
    region: u32,
    up: Link,
    down: Link,
    chances: ChaCha12Rng,
    is_down: bool,
}

/// A packet's way to itself: within one host.
const LOOPBACK: Duration = Duration::ZERO;

/// Hosts and regions.
impl Topology {
    pub(crate) fn new(config: &NetworkConfig) -> Self {
        let mut topology = Self {
            default_latency: config.default_region_latency,
            seed: config.seed,
            ..Self::default()
        };
        for (one, other, latency) in &config.regions {
            topology.set_region_latency(one, other, *latency);
        }
        topology
    }

    pub(crate) fn add(&mut self, config: HostConfig) -> Result<Arc<Identity>, NetworkError> {
        config.up.check()?;
        config.down.check()?;
        if self.names.contains_key(&config.name) {
            return Err(NetworkError::NameTaken(config.name));
        }
        let id = HostId(u32::try_from(self.hosts.len()).unwrap_or(u32::MAX));
        let region = self.region_number(&config.region);
        let chances = derived_rng(self.seed, &config.name, LINK_STREAM);
        let identity = Arc::new(Identity {
            id,
            name: config.name,
            addresses: config.addresses,
            region: config.region,
            rng_calls: AtomicU64::new(0),
        });
        self.names.insert(identity.name.clone(), id);
        for address in &identity.addresses {
            self.addresses.entry(*address).or_default().push(id);
        }
        self.hosts.push(Station {
            identity: Arc::clone(&identity),
            region,
            up: Link::new(config.up),
            down: Link::new(config.down),
            chances,
            is_down: false,
        });
        Ok(identity)
    }

    pub(crate) fn identity(&self, id: HostId) -> Option<Arc<Identity>> {
        self.station(id).map(|station| Arc::clone(&station.identity))
    }

    pub(crate) fn by_name(&self, name: &str) -> Option<Arc<Identity>> {
        self.names.get(name).and_then(|id| self.identity(*id))
    }

    pub(crate) fn by_address(&self, address: IpAddr) -> Option<Arc<Identity>> {
        let first = self.addresses.get(&address)?.first()?;
        self.identity(*first)
    }

    pub(crate) fn identities(&self) -> Vec<Arc<Identity>> {
        self.hosts.iter().map(|station| Arc::clone(&station.identity)).collect()
    }

    pub(crate) fn access(&self, host: HostId) -> Option<Access> {
        self.station(host).map(|station| Access {
            up: station.up.config().clone(),
            down: station.down.config().clone(),
        })
    }

    pub(crate) fn set_access(
        &mut self,
        host: HostId,
        up: LinkConfig,
        down: LinkConfig,
    ) -> Result<(), NetworkError> {
        up.check()?;
        down.check()?;
        let station = self.station_mut(host).ok_or(NetworkError::NoSuchHost(host))?;
        station.up.set_config(up);
        station.down.set_config(down);
        Ok(())
    }

    pub(crate) fn set_down(&mut self, host: HostId, down: bool) {
        if let Some(station) = self.station_mut(host) {
            station.is_down = down;
        }
    }

    pub(crate) fn is_down(&self, host: HostId) -> bool {
        self.station(host).is_none_or(|station| station.is_down)
    }

    pub(crate) fn set_region_latency(&mut self, one: &str, other: &str, latency: Duration) {
        let pair = ordered(self.region_number(one), self.region_number(other));
        self.latencies.insert(pair, latency);
    }

    fn region_number(&mut self, name: &str) -> u32 {
        let known = self.regions.iter().position(|region| region == name);
        let number = known.unwrap_or_else(|| {
            self.regions.push(name.to_owned());
            self.regions.len() - 1
        });
        u32::try_from(number).unwrap_or(u32::MAX)
    }

    fn station(&self, id: HostId) -> Option<&Station> {
        self.hosts.get(id.0 as usize)
    }

    fn station_mut(&mut self, id: HostId) -> Option<&mut Station> {
        self.hosts.get_mut(id.0 as usize)
    }
}

/// Ways.
impl Topology {
    /// One-way latency between two hosts' regions: none within a region, unless
    /// the configuration says otherwise.
    pub(crate) fn between(&self, from: HostId, to: HostId) -> Duration {
        let (Some(one), Some(other)) = (self.station(from), self.station(to)) else {
            return Duration::ZERO;
        };
        let pair = ordered(one.region, other.region);
        match self.latencies.get(&pair) {
            Some(latency) => *latency,
            None if one.region == other.region => Duration::ZERO,
            None => self.default_latency,
        }
    }

    /// The way of an empty packet, without jitter, rates and queues.
    pub(crate) fn one_way(&self, from: HostId, to: HostId) -> Duration {
        if from == to {
            return LOOPBACK;
        }
        let up = self.station(from).map_or(0, |station| station.up.config().latency_ns);
        let down = self.station(to).map_or(0, |station| station.down.config().latency_ns);
        self.between(from, to) + Duration::from_nanos(up.saturating_add(down))
    }

    pub(crate) fn round_trip(&self, one: HostId, other: HostId) -> Duration {
        self.one_way(one, other) + self.one_way(other, one)
    }

    pub(crate) fn nearest(&self, from: HostId, address: IpAddr) -> Option<HostId> {
        let Some(owners) = self.addresses.get(&address) else {
            // Every host calls itself by 127.0.0.1: RFC 1122 §3.2.1.3.
            return address.is_loopback().then_some(from);
        };
        match owners.as_slice() {
            [only] => Some(*only),
            replicas => {
                let up = replicas.iter().copied().filter(|id| !self.is_down(*id));
                up.min_by_key(|id| (self.round_trip(from, *id), *id)).or(replicas.first().copied())
            }
        }
    }

    /// Sends a packet over the sender's access and between the regions: the
    /// arrivals are at the receiver's access, which [`Topology::reach`] takes.
    pub(crate) fn leave(
        &mut self,
        now: Time,
        from: HostId,
        to: HostId,
        size: usize,
    ) -> Transmission {
        if self.is_down(from) {
            return Transmission::lost("host_down");
        }
        if from == to {
            return Transmission::at(now + LOOPBACK);
        }
        let between = self.between(from, to);
        let Some(station) = self.station_mut(from) else { return Transmission::lost("no_host") };
        let sent = station.up.transmit(now, size, &mut station.chances);
        let mut out = Transmission { lost: sent.lost, ..Transmission::default() };
        for copy in sent.arrivals.as_slice() {
            out.arrivals.push(Arrival { at: copy.at + between, ..*copy });
        }
        out
    }

    /// Takes a packet at the receiver's access to the receiver.
    pub(crate) fn reach(
        &mut self,
        now: Time,
        from: HostId,
        to: HostId,
        size: usize,
    ) -> Transmission {
        if self.is_down(to) {
            return Transmission::lost("host_down");
        }
        if from == to {
            return Transmission::at(now);
        }
        let Some(station) = self.station_mut(to) else { return Transmission::lost("no_host") };
        station.down.transmit(now, size, &mut station.chances)
    }

    /// Takes bytes of a stream to the receiver's access; see
    /// [`Link::transmit_stream`]. All segments are lost when the sender is down.
    pub(crate) fn leave_stream(
        &mut self,
        now: Time,
        from: HostId,
        to: HostId,
        size: usize,
        segments: u32,
    ) -> (Time, u32) {
        if self.is_down(from) {
            return (now, segments);
        }
        if from == to {
            return (now + LOOPBACK, 0);
        }
        let between = self.between(from, to);
        let Some(station) = self.station_mut(from) else { return (now, segments) };
        let (at, lost) = station.up.transmit_stream(now, size, segments, &mut station.chances);
        (at + between, lost)
    }

    /// Takes bytes of a stream from the receiver's access to the receiver.
    pub(crate) fn reach_stream(
        &mut self,
        now: Time,
        from: HostId,
        to: HostId,
        size: usize,
        segments: u32,
    ) -> (Time, u32) {
        if self.is_down(to) {
            return (now, segments);
        }
        if from == to {
            return (now, 0);
        }
        let Some(station) = self.station_mut(to) else { return (now, segments) };
        station.down.transmit_stream(now, size, segments, &mut station.chances)
    }

    /// When the host's access has sent what it took so far.
    pub(crate) fn uplink_busy_until(&self, host: HostId) -> Time {
        self.station(host).map_or(Time::ZERO, |station| station.up.busy_until())
    }
}

/// The stream of a host's links; its programs' streams count from 0.
const LINK_STREAM: u64 = u64::MAX;

const fn ordered(one: u32, other: u32) -> (u32, u32) {
    if one <= other { (one, other) } else { (other, one) }
}
