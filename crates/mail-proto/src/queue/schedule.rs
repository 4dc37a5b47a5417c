//! When it is tried again (RFC 5321 §4.5.4.1).
//!
//! ```text
//!   attempt    1  2   3   4   5    6     7    8          36
//!   minute     0  5  15  35  75  155   240  480  …  7,200
//!                                        │                 │
//!                           delay notice ┘                 └ bounce
//! ```

use std::time::Duration;

use super::{Moment, Row};

/// The times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// From the first attempt to the second.
    pub first: Duration,
    /// Each wait is twice the one before, up to this.
    pub longest: Duration,
    /// The sender is told once that a message is late, so long after it came.
    pub late_after: Duration,
    /// A message is given up so long after it came.
    pub expire_after: Duration,
}

impl Default for Schedule {
    /// 5 minutes doubling to 4 hours; told after 4 hours; given up after 5 days
    /// (RFC 5321 §4.5.4.1: "at least 4-5 days").
    fn default() -> Self {
        Self {
            first: Duration::from_secs(5 * 60),
            longest: Duration::from_secs(4 * 3_600),
            late_after: Duration::from_secs(4 * 3_600),
            expire_after: Duration::from_secs(5 * 86_400),
        }
    }
}

impl Schedule {
    /// When a row is tried next if the attempt that begins now fails.
    ///
    /// The moments of bad news are attempts too: nobody is told that a message
    /// is late, or given up, without one more try.
    #[must_use]
    pub fn next(&self, row: &Row, now: Moment) -> Moment {
        let doublings = row.attempts.min(DOUBLINGS_MAX);
        let wait = self.first.saturating_mul(1 << doublings).min(self.longest);
        let mut next = now.plus(wait.max(SHORTEST));
        let late = row.accepted.plus(self.late_after);
        if !row.is_late && now < late {
            next = next.min(late);
        }
        let expiry = row.accepted.plus(self.expire_after);
        if now < expiry { next.min(expiry) } else { next }
    }

    /// Whether the sender is to know that it takes long.
    #[must_use]
    pub fn is_late(&self, row: &Row, now: Moment) -> bool {
        now >= row.accepted.plus(self.late_after)
    }

    /// Whether the attempt that just failed was the last.
    #[must_use]
    pub fn is_expired(&self, row: &Row, now: Moment) -> bool {
        now >= row.accepted.plus(self.expire_after)
    }
}

/// More would only overflow: 5 minutes × 2^16 is more than half a year.
const DOUBLINGS_MAX: u32 = 16;
/// A schedule of zeros must not make a busy loop.
const SHORTEST: Duration = Duration::from_millis(1);
