//! SMTP on a host: the server's shell and the client's connection.

pub mod connection;
pub mod orders;
pub mod server;

mod session;
