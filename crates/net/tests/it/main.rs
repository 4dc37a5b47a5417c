//! The door's behaviour, through its public face only.

mod determinism;
mod house;
mod udp;
