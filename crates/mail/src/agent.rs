//! User agents: what a person runs to send mail and to read it (course M1).
//!
//! ```text
//!   letter ──▶ compose ──▶ message, envelope ──▶ send ──SMTP──▶ submission
//!   a file ──▶ from_file ──▶ message, envelope ──▶
//!   a name, a user's domain ──▶ find ──▶ the server's addresses
//!   mailbox ──IMAP, POP3──▶ Reader ──▶ summary (a row) · shown · saved
//! ```

pub mod fetch;
pub mod find;
pub mod save;
pub mod send;
pub mod show;
pub mod wanted;

pub use fetch::{Entry, FetchError, FetchProtocol, FetchRequest, Reader};
pub use find::{
    Begin, FindError, Server, ServerName, Service, Tried, Trying, first, named, of_domain,
};
pub use save::{SaveForm, Saved, save};
pub use send::{Letter, SendError, SendRequest, compose, from_file, send};
pub use show::{Shown, ShownFile, Summary, for_terminal, shown, summary};
pub use wanted::Wanted;
