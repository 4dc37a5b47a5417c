//! User agents: what a person runs to send mail and to read it (course M1).
//!
//! ```text
//!   letter ──▶ compose ──▶ message, envelope ──▶ send ──SMTP──▶ submission
//!   a file ──▶ from_file ──▶ message, envelope ──▶
//!   message ──▶ summary (a row, JSON) · mbox entry        for `fetch`
//! ```

pub mod send;
pub mod show;

pub use send::{Letter, SendError, SendRequest, compose, from_file, send};
pub use show::{Summary, mbox_entry, summary};
