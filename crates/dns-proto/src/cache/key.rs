//! What a cache entry is found by.

use std::hash::{Hash, Hasher};

use indexmap::Equivalent;

use crate::{Name, RecordType};

/// What kind of knowledge about a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Records of a type, or that there are none.
    Set(RecordType),
    /// The name does not exist.
    NoName,
    /// The servers of the zone of this name.
    Cut,
    /// A failure to find out.
    Failure(RecordType),
    /// A whole answer.
    Answer(RecordType),
}

impl Kind {
    fn number(self) -> u32 {
        let typed = |tag: u32, rtype: RecordType| tag << 16 | u32::from(rtype.0);
        match self {
            Self::Set(rtype) => typed(0, rtype),
            Self::NoName => 1 << 16,
            Self::Cut => 2 << 16,
            Self::Failure(rtype) => typed(3, rtype),
            Self::Answer(rtype) => typed(4, rtype),
        }
    }
}

/// A name in lower case and the kind of knowledge about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) name: Name,
    pub(crate) kind: Kind,
}

impl Key {
    /// The name must be in lower case already.
    pub(crate) const fn new(name: Name, kind: Kind) -> Self {
        Self { name, kind }
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        KeyRef { wire: self.name.as_wire(), kind: self.kind }.hash(state);
    }
}

/// A key that borrows its name's octets, so that looking up needs no allocation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyRef<'n> {
    wire: &'n [u8],
    kind: Kind,
}

impl<'n> KeyRef<'n> {
    /// The name must be in lower case already.
    pub(crate) fn new(name: &'n Name, kind: Kind) -> Self {
        Self { wire: name.as_wire(), kind }
    }

    /// The octets must be an uncompressed name in lower case.
    pub(crate) const fn of_wire(wire: &'n [u8], kind: Kind) -> Self {
        Self { wire, kind }
    }
}

impl Hash for KeyRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.wire);
        state.write_u32(self.kind.number());
    }
}

impl Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.kind == key.kind && self.wire == key.name.as_wire()
    }
}
