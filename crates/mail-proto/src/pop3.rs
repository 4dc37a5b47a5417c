//! From a mailbox to a reader that takes messages away (RFC 1939).
//!
//! ```text
//!   client ── USER, PASS · AUTH · STLS ──▶ AUTHORIZATION
//!          ── STAT LIST RETR DELE … ─────▶ TRANSACTION
//!          ── QUIT ──────────────────────▶ UPDATE: the deleted ones go now
//! ```

pub mod client;
pub mod command;
pub mod lines;
pub mod server;
