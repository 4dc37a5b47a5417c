//! The uppercase programs in virtual time, and once on this machine.

mod tcp;
mod udp;
mod world;
