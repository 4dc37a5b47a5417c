//! A point in time, as the caller's clock tells it.

use std::time::Duration;

use serde::Serialize;

/// Nanoseconds since a start that the caller chooses; it never goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Instant(pub u64);

impl Instant {
    /// A point so many seconds after the start.
    pub const fn from_seconds(seconds: u64) -> Self {
        Self(seconds.saturating_mul(NANOSECONDS))
    }

    /// The point `after` later.
    #[must_use]
    pub fn plus(self, after: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(after.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// The point so many seconds later.
    #[must_use]
    pub fn plus_seconds(self, seconds: u32) -> Self {
        Self(self.0.saturating_add(u64::from(seconds).saturating_mul(NANOSECONDS)))
    }

    /// The time since `earlier`, zero when that is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// Whole seconds left until this point, rounded down: a copy never outlives what it was
    /// copied from (RFC 1035 §3.2.1).
    pub fn seconds_left(self, now: Self) -> u32 {
        u32::try_from(self.0.saturating_sub(now.0) / NANOSECONDS).unwrap_or(u32::MAX)
    }
}

const NANOSECONDS: u64 = 1_000_000_000;
