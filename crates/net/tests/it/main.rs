//! The door, seen from the programs that go through it.

mod loopback;
mod machine;
