//! `cargo xtask setup` as a person meets it: on a terminal, without one, and
//! unattended.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails here")]

mod setup;
