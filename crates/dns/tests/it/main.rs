//! Tests of the crate from outside: its servers and its client on hosts of a
//! virtual network, and on a socket of this machine.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod authoritative;
mod limits;
mod recursive;
mod reference_over_udp;
mod stub;
mod updates;
mod world;
