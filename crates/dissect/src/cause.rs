//! Why something happened.

use serde::{Deserialize, Serialize};

/// The event because of which something happens: the number of a captured
/// message or note, or none.
///
/// Numbers start at 1 and grow in the order in which a network records events.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Cause(pub u64);

impl Cause {
    /// Nothing known made this happen: it is the root of a tree.
    pub const NONE: Self = Self(0);

    /// Whether there is a cause.
    #[must_use]
    pub const fn is_some(self) -> bool {
        self.0 != 0
    }
}

/// The parents of one event: the first is its place in the tree of causes, the
/// others are links (a query that was answered together with another).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Causes {
    /// The parent in the tree.
    pub first: Cause,
    /// Further parents, linked but not placed.
    pub also: Vec<Cause>,
}

impl Causes {
    /// No parent: the event starts a tree.
    pub const NONE: Self = Self { first: Cause::NONE, also: Vec::new() };

    /// Adds a parent: it becomes the first when there is none yet.
    pub fn push(&mut self, cause: Cause) {
        if !cause.is_some() || self.first == cause || self.also.contains(&cause) {
            return;
        }
        if self.first.is_some() {
            self.also.push(cause);
        } else {
            self.first = cause;
        }
    }
}

impl From<Cause> for Causes {
    fn from(first: Cause) -> Self {
        Self { first, also: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_parent_pushed_is_the_place_in_the_tree() {
        let mut causes = Causes::NONE;
        for number in [0, 7, 7, 3, 3] {
            causes.push(Cause(number));
        }
        assert_eq!(causes, Causes { first: Cause(7), also: vec![Cause(3)] });
    }
}
