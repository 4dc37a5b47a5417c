//! The line of causes from one event back to another.

use std::collections::BTreeMap;

use super::log::Log;
use crate::scenario::file::FilterText;
use crate::story::EventView;

/// How far a line of causes has come at an event.
#[derive(Clone, Copy, Debug)]
struct Reached {
    /// Filters that it passed, from the last one backwards.
    passed: usize,
    /// The event that this one caused on the line.
    next: Option<u64>,
    is_link: bool,
}

/// Of the lines of causes that end at `end`, which passes the last filter, one
/// that passes most of the filters before it, each at an earlier cause than the
/// filter after it. The events that pass, in order; both kinds of causes count,
/// the first and those beside it.
pub(super) fn longest<'a>(
    end: &'a EventView,
    filters: &[FilterText],
    log: &Log<'a>,
) -> Vec<&'a EventView> {
    let mut reached = BTreeMap::new();
    let mut waiting = BTreeMap::from([(end.id, Reached { passed: 1, next: None, is_link: true })]);
    let mut best = (1, end.id);
    // A cause has a smaller number than what it causes: each event comes up
    // once, when all that it caused on the way have come up.
    while let Some((id, at)) = waiting.pop_last() {
        reached.insert(id, at);
        if at.passed > best.0 {
            best = (at.passed, id);
        }
        let Some(event) = log.event(id) else { continue };
        for cause in std::iter::once(&event.cause).chain(&event.also) {
            let Some(before) = log.event(*cause).filter(|before| before.id < id) else { continue };
            let wanted = filters.iter().rev().nth(at.passed);
            let is_link = wanted.is_some_and(|filter| filter.0.matches(before, log.hosts));
            let passed = at.passed + usize::from(is_link);
            let known = waiting.get(cause).map_or(0, |known| known.passed);
            if passed > known {
                waiting.insert(*cause, Reached { passed, next: Some(id), is_link });
            }
        }
    }
    let mut line = Vec::with_capacity(best.0);
    let mut at = Some(best.1);
    while let Some((id, here)) = at.and_then(|id| Some((id, reached.get(&id)?))) {
        line.extend(log.event(id).filter(|_| here.is_link));
        at = here.next;
    }
    line
}
