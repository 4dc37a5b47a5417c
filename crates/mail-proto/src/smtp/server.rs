//! A server's side of one session, without sockets (RFC 5321 §3).
//!
//! ```text
//!                 EHLO, HELO           MAIL          RCPT
//!   (greeting) ──▶ Greeted ──▶ Ready ──────▶ Mail ──────▶ Mail (1 to n)
//!                     ▲  ▲       ▲             │ RSET        │ DATA, BDAT
//!            STARTTLS │  │       └─────────────┴──◀── 250 ───┤
//!                     └──┴── AUTH                        Data, Chunks
//! ```
//!
//! Bytes go in through [`Session::handle`]; what is to be done comes out of
//! [`Session::poll`]. After an output that asks something, nothing more is
//! read until its answer is an input.

mod config;
mod input;

pub use config::{AuthPolicy, Offers, Peer, Role, SessionConfig};
pub use input::{Acceptance, Input, Output, RecipientVerdict};
