//! Who has which port.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};

use rand::Rng;
use rand_chacha::ChaCha12Rng;

use super::slab::Key;
use crate::capture::HostId;
use crate::network::derived_rng;
use crate::topology::Identity;

/// The ports of one transport, for all hosts.
#[derive(Debug)]
pub(super) struct Ports {
    taken: BTreeMap<(HostId, u16), Vec<Claim>>,
    chances: BTreeMap<HostId, ChaCha12Rng>,
    seed: u64,
    stream: u64,
}

#[derive(Debug)]
struct Claim {
    ip: IpAddr,
    owner: Option<Key>,
}

/// RFC 6335 §6: the dynamic ports.
const EPHEMERAL_FIRST: u16 = 49152;

impl Ports {
    /// The ports of a transport; `stream` keeps its chances apart from others.
    pub(super) const fn new(seed: u64, stream: u64) -> Self {
        Self { taken: BTreeMap::new(), chances: BTreeMap::new(), seed, stream }
    }

    /// The address that a program gets that asks for `at`: port 0 becomes a free
    /// one. It is not taken yet.
    pub(super) fn choose(&mut self, host: &Identity, at: SocketAddr) -> io::Result<SocketAddr> {
        let ip = at.ip();
        let own = ip.is_unspecified() || ip.is_loopback() || host.addresses.contains(&ip);
        if !own {
            return Err(io::ErrorKind::AddrNotAvailable.into());
        }
        if at.port() != 0 {
            let free = self.is_free(host.id, at);
            return if free { Ok(at) } else { Err(io::ErrorKind::AddrInUse.into()) };
        }
        self.free_port(host, ip)
    }

    /// Takes an address that [`Ports::choose`] gave; without an owner it is the
    /// local end of a connection.
    pub(super) fn take(&mut self, host: HostId, at: SocketAddr, owner: Option<Key>) {
        self.taken.entry((host, at.port())).or_default().push(Claim { ip: at.ip(), owner });
    }

    pub(super) fn release(&mut self, host: HostId, at: SocketAddr) {
        let Some(claims) = self.taken.get_mut(&(host, at.port())) else { return };
        if let Some(place) = claims.iter().position(|claim| claim.ip == at.ip()) {
            claims.swap_remove(place);
        }
        if claims.is_empty() {
            self.taken.remove(&(host, at.port()));
        }
    }

    /// The owner of the port that a packet to `to` finds on a host: the one
    /// bound to that very address before the one bound to all.
    pub(super) fn find(&self, host: HostId, to: SocketAddr) -> Option<Key> {
        let claims = self.taken.get(&(host, to.port()))?;
        let exact = claims.iter().find(|claim| claim.ip == to.ip());
        exact.or_else(|| claims.iter().find(|claim| claim.ip.is_unspecified()))?.owner
    }

    fn is_free(&self, host: HostId, at: SocketAddr) -> bool {
        let clashes = |claim: &Claim| {
            claim.ip == at.ip() || claim.ip.is_unspecified() || at.ip().is_unspecified()
        };
        !self.taken.get(&(host, at.port())).is_some_and(|claims| claims.iter().any(clashes))
    }

    /// A random free port, then the next ones upwards: RFC 6056 §3.3.1.
    fn free_port(&mut self, host: &Identity, ip: IpAddr) -> io::Result<SocketAddr> {
        let fresh = || derived_rng(self.seed, &host.name, self.stream);
        let chances = self.chances.entry(host.id).or_insert_with(fresh);
        let start = chances.random_range(EPHEMERAL_FIRST..=u16::MAX);
        let upwards = (start..=u16::MAX).chain(EPHEMERAL_FIRST..start);
        upwards
            .map(|port| SocketAddr::new(ip, port))
            .find(|at| self.is_free(host.id, *at))
            .ok_or_else(|| io::ErrorKind::AddrInUse.into())
    }
}
