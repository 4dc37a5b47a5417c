//! IMAP on a host: sessions of `mail-proto` over streams, users and store.

mod account;
pub mod server;
mod session;
