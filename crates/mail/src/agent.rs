//! User agents: what a person runs to send mail and to read it (course M1).
//!
//! ```text
//!   letter ──▶ compose ──▶ message, envelope ──▶ send ──SMTP──▶ submission
//!   a file ──▶ from_file ──▶ message, envelope ──▶
//!   mailbox ──IMAP, POP3──▶ Reader ──▶ summary (a row) · shown · saved
//! ```

pub mod fetch;
pub mod save;
pub mod send;
pub mod show;
pub mod wanted;

pub use fetch::{Entry, FetchError, FetchProtocol, FetchRequest, Reader};
pub use save::{SaveForm, Saved, save};
pub use send::{Letter, SendError, SendRequest, compose, from_file, send};
pub use show::{Shown, ShownFile, Summary, for_terminal, mbox_entry, shown, summary};
pub use wanted::Wanted;
