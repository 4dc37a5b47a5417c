//! A client's side of a session, without sockets (RFC 5321 §3).

mod config;

pub use config::{ClientConfig, Credentials, Outcome, Reason, RecipientOutcome, TlsPolicy};
