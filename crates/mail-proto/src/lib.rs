//! E-mail without sockets, clocks or tasks.
//!
//! ```text
//!   address · mailbox        the words that all share
//!   message                  what is written and read (RFC 5322, MIME)
//!   sasl                     who somebody is
//!   smtp · queue             from server to server (course M4–M7)
//!   imap · pop3              from mailbox to reader (course M10)
//! ```
#![forbid(unsafe_code)]

pub mod address;
pub mod archive;
pub mod dissect;
pub mod envelope;
pub mod fuzzing;
pub mod imap;
pub mod mailbox;
pub mod message;
pub mod pop3;
pub mod queue;
pub mod sasl;
pub mod smtp;
pub mod utf7;
pub mod zone;
