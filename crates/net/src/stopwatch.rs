//! How long something took on the real machine, for people to read.

#![expect(clippy::disallowed_methods, reason = "this is the door")]

use std::time::{Duration, Instant};

/// A stop-watch of the real machine, for reports and benchmarks. It must not
/// take part in decisions: those use [`crate::Host::now`], which a virtual
/// network replaces.
#[derive(Clone, Copy, Debug)]
pub struct StopWatch(Instant);

impl StopWatch {
    /// Begins to measure.
    #[must_use]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
