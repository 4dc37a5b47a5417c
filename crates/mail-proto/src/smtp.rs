//! From server to server (RFC 5321): both sides of a session as machines.
//!
//! ```text
//!   client ── command line ──▶ line · command · parameters ──▶ server
//!          ◀── reply ───────── refusal · reply
//!          ── data ──────────▶ data (CRLF.CRLF, dots) · content (limits) · trace
//! ```

pub mod client;
pub mod command;
pub mod content;
pub mod data;
pub mod line;
pub mod parameters;
pub mod refusal;
pub mod reply;
pub mod server;
pub mod trace;
pub mod xtext;
