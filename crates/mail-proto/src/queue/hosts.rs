//! Which servers could not be reached a moment ago.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::smtp::client::Outcome;

use super::Moment;

/// The memory; bounded, and short: it only keeps many messages from finding
/// out the same one after the other.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    failed: BTreeMap<IpAddr, (Moment, Outcome)>,
}

impl Hosts {
    /// Why this address needs no new try yet.
    pub(super) fn failure(&self, now: Moment, address: IpAddr) -> Option<&Outcome> {
        self.failed.get(&address).filter(|(until, _)| *until > now).map(|(_, why)| why)
    }

    /// Keeps a failure in mind, for no longer than `first`, the shortest wait of the
    /// schedule: a planned attempt is a real one.
    pub(super) fn remember(&mut self, now: Moment, address: IpAddr, why: Outcome, first: Duration) {
        if self.failed.len() >= HOSTS_MAX {
            self.failed.retain(|_, (until, _)| *until > now);
        }
        if self.failed.len() < HOSTS_MAX || self.failed.contains_key(&address) {
            self.failed.insert(address, (now.plus(REMEMBERED.min(first)), why));
        }
    }

    pub(super) fn forget(&mut self, address: IpAddr) {
        self.failed.remove(&address);
    }

    pub(super) fn clear(&mut self) {
        self.failed.clear();
    }
}

/// How long a failure counts at most.
const REMEMBERED: Duration = Duration::from_secs(60);
/// Servers remembered; each takes some 200 octets.
const HOSTS_MAX: usize = 10_000;
