//! The only door to network, clock, randomness and threads.
//!
//! Everything that a program gets from its machine comes through a [`Host`].
//! A host belongs to a [`Network`], which is either *virtual* (in memory, on
//! virtual time, deterministic) or *real* (kernel sockets, shaped and tapped in
//! a lab, bare in `serve`).
//!
//! ```text
//!   rooms (dns, mail, …)      one code for both
//!   ───────────────────────────────────────────
//!   Host · UdpSocket · TcpStream · Task · Note
//!   ───────────────┬───────────────────────────
//!   virtual_net    │ real
//!   event heap     │ tokio + kernel sockets
//!   ───────────────┴───────────────────────────
//!   topology · links · faults · capture (shared)
//! ```

pub mod batch;
pub mod capture;
pub mod control;
pub mod doctor;
pub mod exec;
pub mod export;
pub mod fault;
pub mod host;
pub mod link;
pub mod loopback;
pub mod memory;
pub mod namespace;
pub mod network;
pub mod note;
pub mod passage;
pub mod publish;
pub mod signals;
pub mod startup;
pub mod stopwatch;
pub mod stream;
pub mod task;
pub mod tcp;
pub mod terminal;
pub mod time;
pub mod tls;
pub mod topology;
pub mod udp;
pub mod wire;

mod foreign;
mod real;
mod virtual_net;

pub use capa7_dissect::{Cause, Causes, Room};
pub use capture::{Capture, ConnectionId, Event, HostId};
pub use fault::Faults;
pub use host::{Elapsed, Host};
pub use link::LinkConfig;
pub use network::{Network, NetworkConfig, Stalled, VirtualNetwork};
pub use note::Note;
pub use passage::{Passage, Place, passage};
pub use stream::Stream;
pub use task::{Task, TaskEnded};
pub use tcp::{TcpListener, TcpStream};
pub use time::{Time, UnixTime};
pub use topology::{HostConfig, NetworkError};
pub use udp::{Datagram, UdpSocket};
