//! Many messages in one file (RFC 4155), with `mboxrd` quoting.
//!
//! ```text
//!   From andrea@uc.edu.co Thu Nov 26 16:12:40 2026    the separator, in UTC
//!   Status: RO                                        flags: \Seen
//!   X-Status: F                                       \Flagged
//!   X-Keywords: Work                                  keywords
//!   Subject: hello                                    the message …
//!
//!   >From the start: a line of the message that begins with From
//!   >>From: no, with >From
//!                                                     an empty line ends it
//!   From carlos@…
//! ```
//!
//! A separator stands at the beginning or behind an empty line and bears a
//! date, so that files of programs that quote nothing are read too.

mod marks;
mod read;
mod separator;
mod write;

pub use read::{Event, NotMbox, Reader};
pub use separator::{Separator, sender_of};
pub use write::Writer;

#[cfg(test)]
mod tests;
