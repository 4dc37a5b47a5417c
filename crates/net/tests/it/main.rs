//! The door's behaviour, through its public face only.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod clock;
mod determinism;
mod export;
mod fault;
mod house;
mod loopback;
mod loopback_streams;
mod machine;
mod passage;
mod tcp;
mod tls;
mod udp;
