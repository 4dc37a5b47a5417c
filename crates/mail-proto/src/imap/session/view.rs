//! The messages of the selected mailbox as the client numbers them
//! (RFC 9051 §2.3.1.2).

use std::num::NonZeroU32;

use crate::imap::sequence::SequenceSet;
use crate::mailbox::Uid;

/// Identifiers by number. Kept as runs of consecutive identifiers: a mailbox
/// that was never expunged is one run, whatever its size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct View {
    runs: Vec<Run>,
}

/// `count` messages with the identifiers from `uid` on and the numbers from
/// `number` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    uid: u32,
    count: u32,
    number: u32,
}

impl View {
    /// The messages with these identifiers, ascending.
    pub(super) fn new(uids: impl IntoIterator<Item = Uid>) -> Self {
        let mut view = Self::default();
        uids.into_iter().for_each(|uid| view.push(uid));
        view
    }

    /// Adds a message at the end; an identifier that is not the highest is one
    /// that the view has.
    pub(super) fn push(&mut self, uid: Uid) {
        let (uid, number) = (uid.0.get(), self.len() + 1);
        match self.runs.last_mut() {
            Some(run) if uid < run.uid + run.count => {}
            Some(run) if uid == run.uid + run.count => run.count += 1,
            _ => self.runs.push(Run { uid, count: 1, number }),
        }
    }

    pub(super) fn len(&self) -> u32 {
        self.runs.last().map_or(0, |run| run.number + run.count - 1)
    }

    /// The highest identifier.
    pub(super) fn last_uid(&self) -> Option<Uid> {
        self.runs.last().and_then(|run| uid(run.uid + run.count - 1))
    }

    pub(super) fn number_of(&self, uid: Uid) -> Option<u32> {
        let uid = uid.0.get();
        let after = self.runs.partition_point(|run| run.uid <= uid);
        let run = self.runs.get(after.checked_sub(1)?)?;
        (uid - run.uid < run.count).then(|| run.number + (uid - run.uid))
    }

    /// Takes a message away, which renumbers those after it; its number.
    pub(super) fn remove(&mut self, gone: Uid) -> Option<u32> {
        let number = self.number_of(gone)?;
        let gone = gone.0.get();
        let after = self.runs.partition_point(|run| run.uid <= gone);
        let at = after.checked_sub(1)?;
        let run = *self.runs.get(at)?;
        let before = gone - run.uid;
        let rest = Run { uid: gone + 1, count: run.count - before - 1, number };
        let parts = [Run { count: before, ..run }, rest];
        self.runs.splice(at..=at, parts.into_iter().filter(|part| part.count > 0));
        let renumbered = at + usize::from(before > 0) + usize::from(rest.count > 0);
        self.runs.iter_mut().skip(renumbered).for_each(|run| run.number -= 1);
        Some(number)
    }

    /// The identifiers of a set of numbers, ascending; none when a number is
    /// not in use (RFC 9051 §9, `seq-number`).
    pub(super) fn of_numbers(&self, set: &SequenceSet) -> Option<Vec<Uid>> {
        let mut uids = Vec::new();
        for (first, last) in set.resolve(self.len()) {
            if first == 0 || last > self.len() {
                return None;
            }
            let start = self.runs.partition_point(|run| run.number + run.count <= first);
            for run in self.runs.iter().skip(start).take_while(|run| run.number <= last) {
                let from = first.max(run.number) - run.number;
                let to = last.min(run.number + run.count - 1) - run.number;
                uids.extend((run.uid + from..=run.uid + to).filter_map(uid));
            }
        }
        Some(uids)
    }

    /// The identifiers in a set that are in use, ascending; others are ignored
    /// (RFC 9051 §6.4.9).
    pub(super) fn of_uids(&self, set: &SequenceSet) -> Vec<Uid> {
        let largest = self.last_uid().map_or(0, |uid| uid.0.get());
        let mut uids = Vec::new();
        for (first, last) in set.resolve(largest) {
            let start = self.runs.partition_point(|run| run.uid + run.count <= first);
            for run in self.runs.iter().skip(start).take_while(|run| run.uid <= last) {
                let (from, to) = (first.max(run.uid), last.min(run.uid + run.count - 1));
                uids.extend((from..=to).filter_map(uid));
            }
        }
        uids
    }
}

fn uid(number: u32) -> Option<Uid> {
    NonZeroU32::new(number).map(Uid)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever is added and taken away, numbers are places in the list of
        /// identifiers.
        #[test]
        fn numbers_are_places(
            uids in prop::collection::btree_set(1_u32..200, 0..80),
            gone in prop::collection::vec(1_u32..200, 0..60),
        ) {
            let mut model: Vec<u32> = uids.into_iter().collect();
            let mut view = View::new(model.iter().filter_map(|number| uid(*number)));
            for number in gone {
                let place = model.iter().position(|uid| *uid == number);
                let removed = uid(number).and_then(|uid| view.remove(uid));
                prop_assert_eq!(removed.map(|number| number as usize - 1), place);
                if let Some(place) = place {
                    model.remove(place);
                }
                prop_assert_eq!(view.len() as usize, model.len());
            }
            for (place, number) in model.iter().enumerate() {
                let found = uid(*number).and_then(|uid| view.number_of(uid));
                prop_assert_eq!(found.map(|number| number as usize), Some(place + 1));
            }
            let all = SequenceSet::parse(b"1:*").expect("a set");
            let uids: Vec<u32> = view.of_uids(&all).iter().map(|uid| uid.0.get()).collect();
            prop_assert_eq!(&uids, &model);
            if !model.is_empty() {
                let by_number = view.of_numbers(&all).expect("numbers in use");
                prop_assert_eq!(by_number, view.of_uids(&all));
            }
        }
    }
}
