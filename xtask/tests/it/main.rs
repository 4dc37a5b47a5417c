//! `cargo xtask setup` as a person meets it: on a terminal, without one, and
//! unattended.

mod setup;
