//! HTTP/1.1 without sockets, clocks or tasks (RFC 9110, RFC 9112).
//!
//! ```text
//!   bytes ─▶ head ─▶ framing ─▶ body          what a message is made of
//!            target · cookie · date           what its words mean
//!            dissect                          what a reader of the lab sees
//! ```
#![forbid(unsafe_code)]

pub mod body;
pub mod cookie;
pub mod date;
pub mod dissect;
pub mod fields;
#[doc(hidden)]
pub mod fuzzing;
pub mod head;
pub mod status;
pub mod target;
