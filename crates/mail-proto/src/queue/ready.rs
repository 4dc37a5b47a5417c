//! Destinations in the order in which they get a turn.

use std::collections::{BTreeSet, VecDeque};

use super::Destination;

/// A line in which each destination stands once.
#[derive(Debug, Default)]
pub(super) struct Ready {
    line: VecDeque<Destination>,
    members: BTreeSet<Destination>,
}

impl Ready {
    pub(super) fn push(&mut self, destination: Destination) {
        if self.members.insert(destination.clone()) {
            self.line.push_back(destination);
        }
    }

    pub(super) fn pop(&mut self) -> Option<Destination> {
        let first = self.line.pop_front()?;
        self.members.remove(&first);
        Some(first)
    }

    pub(super) fn remove(&mut self, destination: &Destination) {
        if self.members.remove(destination) {
            self.line.retain(|one| one != destination);
        }
    }

    pub(super) fn contains(&self, destination: &Destination) -> bool {
        self.members.contains(destination)
    }

    pub(super) fn len(&self) -> usize {
        self.line.len()
    }
}
