//! Mailboxes as files that other programs read: mbox and Maildir.
//!
//! ```text
//!   mbox      From andrea@… Thu Nov 26 …   one file, messages behind each other
//!   Maildir   cur/1764173560.….host:2,FS   one file per message, flags in its name
//! ```
//!
//! Both keep lines that end in LF alone, where mail has CR LF. A message whose
//! bytes such a file could not give back is written with CR LF.

pub mod folders;
pub mod line_ends;
pub mod maildir;
pub mod mbox;
