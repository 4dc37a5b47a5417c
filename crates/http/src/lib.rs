//! A small HTTP/1.1 client and server over a host.
//!
//! ```text
//!   handler: Request ─▶ Response          one object per response (course H1)
//!   ───────────────────────────────
//!   connection: heads, bodies, timers     persistent, answers in order
//!   ───────────────────────────────
//!   net::Stream                           in clear or within TLS
//! ```
#![forbid(unsafe_code)]

pub mod client;
pub mod message;
pub mod server;

mod connection;
