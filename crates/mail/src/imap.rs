//! IMAP on a host: sessions of `mail-proto` over streams, users and store.

mod account;
mod ahead;
pub mod server;
mod session;
