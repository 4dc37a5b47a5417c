//! POP3 on a host: sessions of `mail-proto` over streams, users and the inbox.

mod maildrop;
pub mod server;
mod session;
