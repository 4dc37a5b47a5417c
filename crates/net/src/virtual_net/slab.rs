//! Numbered places that can be used again, with keys that cannot.

/// A place and the use of it that is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    place: u32,
    r#use: u32,
}

/// Values by key. A key whose value was removed finds nothing, also when its
/// place has a new value.
#[derive(Debug)]
pub(super) struct Slab<T> {
    places: Vec<Place<T>>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Place<T> {
    r#use: u32,
    value: Option<T>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Slab<T> {
    pub(super) const fn new() -> Self {
        Self { places: Vec::new(), free: Vec::new() }
    }

    pub(super) fn insert(&mut self, value: T) -> Key {
        if let Some(place) = self.free.pop() {
            let slot = &mut self.places[place as usize];
            slot.value = Some(value);
            return Key { place, r#use: slot.r#use };
        }
        let place = u32::try_from(self.places.len()).expect("fewer than 2^32 things at a time");
        self.places.push(Place { r#use: 0, value: Some(value) });
        Key { place, r#use: 0 }
    }

    pub(super) fn get(&self, key: Key) -> Option<&T> {
        let slot = self.places.get(key.place as usize)?;
        slot.value.as_ref().filter(|_| slot.r#use == key.r#use)
    }

    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let slot = self.places.get_mut(key.place as usize)?;
        slot.value.as_mut().filter(|_| slot.r#use == key.r#use)
    }

    pub(super) fn remove(&mut self, key: Key) -> Option<T> {
        let slot = self.places.get_mut(key.place as usize)?;
        if slot.r#use != key.r#use {
            return None;
        }
        let value = slot.value.take()?;
        slot.r#use = slot.r#use.wrapping_add(1);
        self.free.push(key.place);
        Some(value)
    }

    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    pub(super) fn keys(&self) -> Vec<Key> {
        let used = self.places.iter().enumerate().filter(|(_, slot)| slot.value.is_some());
        used.map(|(place, slot)| Key {
            place: u32::try_from(place).expect("places are numbered by u32"),
            r#use: slot.r#use,
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_key_does_not_find_the_new_value_of_its_place() {
        let mut slab = Slab::default();
        let old = slab.insert("old");
        assert_eq!(slab.remove(old), Some("old"));
        let new = slab.insert("new");
        assert_eq!((slab.get(old), slab.get(new)), (None, Some(&"new")));
        assert_eq!((slab.remove(old), slab.len()), (None, 1));
    }
}
