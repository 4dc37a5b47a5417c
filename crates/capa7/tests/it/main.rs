//! The binary as a user meets it: what it prints, how it exits, what other
//! programs get from it.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "these tests stand outside of the program, as its user and its clients do"
)]

mod program;

mod commands;
mod exchange;
mod floods;
mod mail;
mod mistakes;
mod mutt;
mod queries;
mod sealed;
mod serving;
mod stock;
