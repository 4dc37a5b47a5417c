//! A set of hosts that reach each other.

use std::fmt::Write;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use capa7_dissect::Room;
use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;
use sha2::{Digest, Sha256};

use crate::capture::{Capture, HostId};
use crate::fault::Faults;
use crate::foreign::Foreign;
use crate::host::Host;
use crate::link::LinkConfig;
use crate::note::Note;
use crate::time::{Time, UnixTime};
use crate::tls::PlaintextJoin;
use crate::topology::{Access, HostConfig, Identity, NetworkError, Topology};
use crate::{real, virtual_net};

pub use crate::virtual_net::{Stalled, VirtualNetwork};

/// What a network is made from.
#[derive(Clone, Debug)]
pub struct NetworkConfig {
    /// Everything random in a virtual network follows from it.
    pub seed: u64,
    /// The calendar time at which the network begins (virtual networks).
    pub wall_clock: UnixTime,
    /// Bytes that the capture may hold; the oldest events go first.
    pub capture_bytes: usize,
    /// One-way latency between two regions.
    pub regions: Vec<(String, String, Duration)>,
    /// One-way latency between two regions that `regions` does not name.
    pub default_region_latency: Duration,
    /// Bytes that a TCP receiver lets its peer send before it reads.
    pub tcp_window_bytes: usize,
}

/// 2027-02-01T00:00:00Z, a Monday: virtual worlds begin with the term.
const DEFAULT_WALL_CLOCK: UnixTime = UnixTime(1_801_440_000 * 1_000_000_000);

/// Enough for some 200,000 small messages.
const DEFAULT_CAPTURE_BYTES: usize = 64 << 20;

/// A window that fills 100 Mbit/s over 20 ms.
const DEFAULT_TCP_WINDOW_BYTES: usize = 256 << 10;

impl Default for NetworkConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            wall_clock: DEFAULT_WALL_CLOCK,
            capture_bytes: DEFAULT_CAPTURE_BYTES,
            regions: Vec::new(),
            default_region_latency: Duration::ZERO,
            tcp_window_bytes: DEFAULT_TCP_WINDOW_BYTES,
        }
    }
}

/// A handle on a network. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Network {
    pub(crate) shared: Arc<Shared>,
    engine: Engine,
}

/// What moves the bytes.
#[derive(Clone, Debug)]
pub(crate) enum Engine {
    /// Kernel sockets.
    Real(Arc<real::Core>),
    /// Memory.
    Virtual(Arc<virtual_net::Core>),
}

/// What both engines share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: NetworkConfig,
    topology: Mutex<Topology>,
    pub(crate) faults: Faults,
    pub(crate) capture: Capture,
    pub(crate) plaintext: PlaintextJoin,
    pub(crate) foreign: Foreign,
}

impl Shared {
    pub(crate) fn new(config: NetworkConfig) -> Self {
        Self {
            topology: Mutex::new(Topology::new(&config)),
            faults: Faults::seeded(config.seed),
            capture: Capture::new(config.capture_bytes),
            plaintext: PlaintextJoin::default(),
            foreign: Foreign::default(),
            config,
        }
    }

    pub(crate) fn topology(&self) -> MutexGuard<'_, Topology> {
        self.topology.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hosts.
impl Network {
    pub(crate) const fn new(shared: Arc<Shared>, engine: Engine) -> Self {
        Self { shared, engine }
    }

    pub(crate) const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Whether time and chance are the network's own.
    #[must_use]
    pub const fn is_virtual(&self) -> bool {
        matches!(self.engine, Engine::Virtual(_))
    }

    /// Adds a host.
    ///
    /// # Errors
    /// When the name is taken or a link's shares are not between 0 and 1.
    pub fn add_host(&self, config: HostConfig) -> Result<Host, NetworkError> {
        let identity = self.shared.topology().add(config)?;
        Ok(self.handle(identity))
    }

    /// The host with this name.
    #[must_use]
    pub fn host(&self, name: &str) -> Option<Host> {
        let found = self.shared.topology().by_name(name);
        found.map(|identity| self.handle(identity))
    }

    /// The host with this number.
    #[must_use]
    pub fn host_by_id(&self, id: HostId) -> Option<Host> {
        let found = self.shared.topology().identity(id);
        found.map(|identity| self.handle(identity))
    }

    /// A host that has this address; of several replicas the first added.
    #[must_use]
    pub fn host_by_address(&self, address: IpAddr) -> Option<Host> {
        let found = self.shared.topology().by_address(address);
        found.map(|identity| self.handle(identity))
    }

    /// Whether a program of somebody else has become this host: then its
    /// address is that program's, and the house has no sockets there.
    #[must_use]
    pub fn is_foreign(&self, host: HostId) -> bool {
        self.shared.foreign.contains(host)
    }

    /// All hosts in the order of their addition.
    #[must_use]
    pub fn hosts(&self) -> Vec<Host> {
        let all = self.shared.topology().identities();
        all.into_iter().map(|identity| self.handle(identity)).collect()
    }

    fn handle(&self, identity: Arc<Identity>) -> Host {
        Host::new(self.clone(), identity, Room::Other)
    }
}

/// Ways between hosts.
impl Network {
    /// Changes a host's access link in both directions, from this moment on, and
    /// notes it (`link`).
    ///
    /// # Errors
    /// When there is no such host or a share is not between 0 and 1.
    pub fn set_access(
        &self,
        host: HostId,
        up: LinkConfig,
        down: LinkConfig,
    ) -> Result<(), NetworkError> {
        let data = [("up", serde_json::to_value(&up)), ("down", serde_json::to_value(&down))];
        self.shared.topology().set_access(host, up, down)?;
        let note = Note::new(Room::Lab, "link", "the host's access link changed");
        let note = data
            .into_iter()
            .fold(note, |note, (direction, link)| note.with(direction, link.unwrap_or_default()));
        self.shared.capture.note(self.now(), Some(host), note);
        Ok(())
    }

    /// A host's access link as configured.
    #[must_use]
    pub fn access(&self, host: HostId) -> Option<Access> {
        self.shared.topology().access(host)
    }

    /// Changes the one-way latency between two regions, in both directions, and
    /// notes it (`region`).
    pub fn set_region_latency(&self, one: &str, other: &str, latency: Duration) {
        self.shared.topology().set_region_latency(one, other, latency);
        let millis = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
        let note = Note::new(Room::Lab, "region", "the way between two regions changed")
            .with("one", one)
            .with("other", other)
            .with("latency_ms", millis);
        self.shared.capture.note(self.now(), None, note);
    }

    /// The round trip of an empty packet between two hosts: both accesses'
    /// latencies and the regions', without jitter, rates and queues.
    #[must_use]
    pub fn round_trip(&self, one: HostId, other: HostId) -> Duration {
        self.shared.topology().round_trip(one, other)
    }

    /// The host that a packet from `from` to `address` reaches: of several
    /// replicas that are up the one with the shortest round trip, of equals the
    /// first added.
    #[must_use]
    pub fn nearest(&self, from: HostId, address: IpAddr) -> Option<HostId> {
        self.shared.topology().nearest(from, address)
    }

    /// Switches a host off or on: a host that is down sends and receives
    /// nothing; its programs keep running. It is noted (`host_down`, `host_up`).
    pub fn set_host_down(&self, host: HostId, down: bool) {
        self.shared.topology().set_down(host, down);
        let (kind, reason) = if down {
            ("host_down", "the host was switched off")
        } else {
            ("host_up", "the host was switched on")
        };
        self.shared.capture.note(self.now(), Some(host), Note::new(Room::Lab, kind, reason));
    }

    /// What is broken on purpose.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }
}

/// Clocks, randomness and record.
impl Network {
    /// The time since the network began.
    #[must_use]
    pub fn now(&self) -> Time {
        match &self.engine {
            Engine::Real(core) => core.now(),
            Engine::Virtual(core) => core.now(),
        }
    }

    /// The calendar time.
    #[must_use]
    pub fn wall_clock(&self) -> UnixTime {
        match &self.engine {
            Engine::Real(core) => core.wall_clock(),
            Engine::Virtual(core) => {
                UnixTime(self.shared.config.wall_clock.0.saturating_add(core.now().0))
            }
        }
    }

    /// The record of everything.
    #[must_use]
    pub fn capture(&self) -> &Capture {
        &self.shared.capture
    }

    /// SHA-256 over everything recorded so far: moments, senders, receivers,
    /// rooms, plaintext bytes, notes. Two runs with one seed have one digest.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.shared.capture.digest()
    }

    /// The digest in lower-case hexadecimal.
    #[must_use]
    pub fn digest_hex(&self) -> String {
        self.digest().iter().fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// The seed that the network was made with.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.shared.config.seed
    }

    pub(crate) fn stream(&self, host: &Identity) -> ChaCha12Rng {
        if matches!(self.engine, Engine::Real(_)) {
            return ChaCha12Rng::from_os_rng();
        }
        let call = host.rng_calls.fetch_add(1, Ordering::Relaxed);
        derived_rng(self.shared.config.seed, &host.name, call)
    }
}

/// The random stream number `call` that belongs to a name under a seed.
pub(crate) fn derived_rng(seed: u64, name: &str, call: u64) -> ChaCha12Rng {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update(call.to_le_bytes());
    hash.update(name.as_bytes());
    ChaCha12Rng::from_seed(hash.finalize().into())
}
