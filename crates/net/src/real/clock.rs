//! The real clocks.

#![allow(clippy::disallowed_methods, reason = "this is the door")]

use std::time::{Instant, SystemTime};

use crate::time::{Time, UnixTime};

/// The machine's monotonic clock, counted from a beginning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn now(self) -> Time {
        Time(u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// A moment in the words of the system; one beyond all is very late.
    pub(crate) fn instant(self, at: Time) -> Instant {
        /// Far enough for any wait, near enough for every system's clock.
        const LATE_SECS: u64 = 100 * 365 * 86_400;
        let late = std::time::Duration::from_secs(LATE_SECS);
        self.0 + at.since(Time::ZERO).min(late)
    }

    /// The calendar, as the machine has it.
    pub(crate) fn wall() -> UnixTime {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        UnixTime(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
    }
}
