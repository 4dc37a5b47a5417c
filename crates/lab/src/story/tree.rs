//! The tree of causes: everything that happened because of one event.

use std::collections::BTreeMap;

use super::HostTable;
use super::view::{EventType, EventView};

/// Who caused whom among a list of events.
#[derive(Clone, Debug, Default)]
pub struct CauseTree {
    children: BTreeMap<u64, Vec<u64>>,
    parents: BTreeMap<u64, u64>,
}

impl CauseTree {
    /// The tree of these events. Fates are part of their message and have no
    /// place of their own.
    #[must_use]
    pub fn of(events: &[EventView]) -> Self {
        let mut tree = Self::default();
        for event in events.iter().filter(|event| event.event_type != EventType::Fate) {
            tree.children.entry(event.cause).or_default().push(event.id);
            tree.parents.insert(event.id, event.cause);
        }
        tree
    }

    /// The events that `id` caused directly; 0 gives the roots.
    #[must_use]
    pub fn children(&self, id: u64) -> &[u64] {
        self.children.get(&id).map_or(&[], Vec::as_slice)
    }

    /// The event at the top of the tree that `id` is in.
    #[must_use]
    pub fn root_of(&self, id: u64) -> u64 {
        let mut current = id;
        // A cause has a smaller number than what it causes, so this ends.
        while let Some(&parent) = self.parents.get(&current) {
            if parent == 0 || parent >= current {
                break;
            }
            current = parent;
        }
        current
    }

    /// Everything that happened because of `id`, itself first, in order of
    /// depth-first walk, with the depth.
    #[must_use]
    pub fn below(&self, id: u64) -> Vec<(u64, usize)> {
        let mut found = Vec::new();
        let mut waiting = vec![(id, 0)];
        while let Some((current, depth)) = waiting.pop() {
            found.push((current, depth));
            let children = self.children(current).iter().rev();
            waiting.extend(children.filter(|child| **child > current).map(|c| (*c, depth + 1)));
        }
        found
    }
}

/// The tree below one event as indented text.
#[must_use]
pub fn tree_text(events: &[EventView], hosts: &HostTable, root: u64) -> String {
    let by_id: BTreeMap<u64, &EventView> = events.iter().map(|event| (event.id, event)).collect();
    let tree = CauseTree::of(events);
    let mut text = String::new();
    for (id, depth) in tree.below(root) {
        let Some(event) = by_id.get(&id) else { continue };
        let line = match event.event_type {
            EventType::Note => format!("{}: {}", hosts.called(event.from), event.summary),
            _ => format!(
                "{} → {}: {}",
                hosts.called(event.from),
                hosts.called(event.to),
                event.summary
            ),
        };
        text.push_str(&format!("{}{line}\n", "  ".repeat(depth)));
    }
    text
}
