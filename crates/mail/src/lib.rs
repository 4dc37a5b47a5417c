//! E-mail servers, queue, mailbox store, user agents and webmail.
//!
//! ```text
//!   capa7-mail-proto   addresses, messages, SMTP, IMAP, POP3, queue policy (pure)
//!   ─────────────────────────────────────────────────────────────────────────
//!   this crate         sockets, files and timers around them, over net::Host
//! ```
#![forbid(unsafe_code)]

pub mod agent;
pub mod archive;
pub mod config;
mod disk;
pub mod imap;
pub mod imap_client;
mod listening;
mod lookup;
pub mod pop3;
pub mod pop3_client;
pub mod queue;
pub mod serve;
pub mod server;
pub mod smtp;
pub mod spool;
pub mod store;
pub mod users;
pub mod webmail;
