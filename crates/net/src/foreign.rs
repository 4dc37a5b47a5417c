//! Which hosts are programs of other people: exec'ed, outside of this process.

use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock};

use crate::capture::HostId;

/// The hosts whose packets travel over a wire. What is sent to them is shaped
/// there, packet by packet, and not at the sending socket.
#[derive(Debug, Default)]
pub(crate) struct Foreign(RwLock<BTreeSet<HostId>>);

impl Foreign {
    /// Whether a host has a wire of its own.
    pub(crate) fn contains(&self, host: HostId) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains(&host)
    }

    /// Says that it has one from now on.
    pub(crate) fn insert(&self, host: HostId) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(host);
    }
}
