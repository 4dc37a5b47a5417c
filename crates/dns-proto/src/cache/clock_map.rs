//! A map bounded in octets that drops what was not used lately.
//!
//! ```text
//!        hand
//!         v
//!   [ a* | b | c* | d ]     * = used since the hand last passed
//! ```
//!
//! To make room the hand moves on: a used entry loses its mark, an unused one is dropped. The
//! entries lie in one vector, so that finding room needs neither list nor tree.

use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher};

use indexmap::{Equivalent, IndexMap};

/// A map whose entries have a size; the sum of sizes stays within a bound.
#[derive(Debug)]
pub(crate) struct ClockMap<K, V> {
    entries: IndexMap<K, Slot<V>, SeededHash>,
    hand: usize,
    octets: usize,
    octets_max: usize,
}

#[derive(Debug)]
struct Slot<V> {
    value: V,
    octets: usize,
    used: bool,
}

impl<K: Hash + Eq, V> ClockMap<K, V> {
    /// An empty map. The seed keeps peers from choosing names that collide.
    pub(crate) fn new(octets_max: usize, seed: u64) -> Self {
        let entries = IndexMap::with_hasher(SeededHash { seed });
        Self { entries, hand: 0, octets: 0, octets_max }
    }

    /// The value of a key, marked as used.
    pub(crate) fn find<Q: Hash + Equivalent<K>>(&mut self, key: &Q) -> Option<&V> {
        let slot = self.entries.get_mut(key)?;
        slot.used = true;
        Some(&slot.value)
    }

    /// Puts a value in place of an older one, dropping others as needed. A value above the
    /// bound is not kept. Gives the number of entries dropped to make room.
    pub(crate) fn insert(&mut self, key: K, value: V, octets: usize) -> usize {
        let octets = octets + ENTRY_OVERHEAD_OCTETS;
        self.remove(&key);
        if octets > self.octets_max {
            return 0;
        }
        let before = self.entries.len();
        while self.octets + octets > self.octets_max {
            self.drop_one();
        }
        self.octets += octets;
        let dropped = before - self.entries.len();
        self.entries.insert(key, Slot { value, octets, used: false });
        dropped
    }

    /// Takes a key out.
    pub(crate) fn remove<Q: ?Sized + Hash + Equivalent<K>>(&mut self, key: &Q) -> Option<V> {
        let slot = self.entries.swap_remove(key)?;
        self.octets -= slot.octets;
        Some(slot.value)
    }

    /// Keeps only what the condition holds for; gives the number of entries dropped.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&K, &V) -> bool) -> usize {
        let (before, octets) = (self.entries.len(), &mut self.octets);
        self.entries.retain(|key, slot| {
            let kept = keep(key, &slot.value);
            if !kept {
                *octets -= slot.octets;
            }
            kept
        });
        before - self.entries.len()
    }

    /// Drops everything.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.octets = 0;
        self.hand = 0;
    }

    /// The entries; their order depends only on what was done to the map.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().map(|(key, slot)| (key, &slot.value))
    }

    /// Number of entries.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Sum of the entries' sizes.
    pub(crate) fn octets(&self) -> usize {
        self.octets
    }

    fn drop_one(&mut self) {
        loop {
            if self.hand >= self.entries.len() {
                self.hand = 0;
            }
            let Some((_, slot)) = self.entries.get_index_mut(self.hand) else {
                self.octets = 0;
                return;
            };
            if !slot.used {
                self.octets -= slot.octets;
                self.entries.swap_remove_index(self.hand);
                return;
            }
            slot.used = false;
            self.hand += 1;
        }
    }
}

/// Hashing with a key of its own per map.
#[derive(Clone, Debug)]
struct SeededHash {
    seed: u64,
}

impl BuildHasher for SeededHash {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.seed);
        hasher
    }
}

/// What an entry costs besides its data: key, slot, hash and index, rounded up.
const ENTRY_OVERHEAD_OCTETS: usize = 160;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_outlives_what_is_not() {
        // Goal: the bound holds at every step, and a used entry survives a flood of others.
        let mut map = ClockMap::new(10 * (ENTRY_OVERHEAD_OCTETS + 40), 1);
        map.insert(0_u32, "kept", 40);
        for key in 1..1000 {
            assert!(map.find(&0).is_some(), "{key}");
            map.insert(key, "flood", 40);
            assert!(map.octets() <= 10 * (ENTRY_OVERHEAD_OCTETS + 40));
        }
        assert_eq!(map.len(), 10);
        map.insert(1000, "too large", 1 << 20);
        assert!(map.find(&1000).is_none());
        assert_eq!(map.retain(|key, _| *key == 0), 9);
        assert_eq!((map.len(), map.octets()), (1, ENTRY_OVERHEAD_OCTETS + 40));
    }
}
