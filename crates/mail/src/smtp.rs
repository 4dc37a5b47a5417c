//! SMTP on a host: the server's shell and the client's connection.

use bytes::Bytes;

pub mod connection;
pub mod server;

mod session;

/// The message in 7 bits, for a server that takes no more (RFC 6152 §3).
const fn seven_bit(_message: &Bytes) -> Option<Bytes> {
    None
}
