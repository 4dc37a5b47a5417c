//! Counting what held, what failed and what did not run.

use std::fmt;
use std::ops::AddAssign;

/// How many checks passed, failed, and which did not run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Checks that held.
    pub(crate) passed: usize,
    /// Checks that did not.
    pub(crate) failed: usize,
    /// What did not run, and for want of what.
    pub(crate) skipped: Vec<String>,
}

impl Tally {
    /// One check.
    pub(crate) fn of(held: bool) -> Self {
        if held { Self { passed: 1, ..Self::default() } } else { Self::failed(1) }
    }

    /// That many failures.
    pub(crate) fn failed(failed: usize) -> Self {
        Self { failed, ..Self::default() }
    }

    /// Something that did not run for want of a peer: a failure when peers are
    /// required.
    pub(crate) fn missing(what: &str, strict: bool) -> Self {
        let mut tally = Self::default();
        if strict {
            println!("missing: {what}");
            tally.failed = 1;
        } else {
            tally.skip(format!("{what} is missing; `cargo xtask setup` installs it"));
        }
        tally
    }

    /// Records what did not run.
    pub(crate) fn skip(&mut self, what: String) {
        self.skipped.push(what);
    }

    /// Takes skipped tests, which their runner counted as passed, out of those.
    pub(crate) fn move_to_skipped(&mut self, skipped: Vec<String>) {
        self.passed = self.passed.saturating_sub(skipped.len());
        self.skipped.extend(skipped);
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped.extend(other.skipped);
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { passed, failed, skipped } = self;
        write!(f, "{passed} passed, {failed} failed, {} skipped", skipped.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skipped_test_is_not_a_passed_one() {
        let mut tally = Tally { passed: 5, failed: 1, skipped: Vec::new() };
        tally.move_to_skipped(vec!["a: dig".to_owned(), "b: dig".to_owned()]);
        assert_eq!(tally.to_string(), "3 passed, 1 failed, 2 skipped");
    }

    #[test]
    fn a_missing_peer_fails_only_where_peers_are_required() {
        assert_eq!(Tally::missing("dig", true).failed, 1);
        let lenient = Tally::missing("dig", false);
        assert_eq!((lenient.failed, lenient.skipped.len()), (0, 1));
    }
}
