//! Messages as they are written and read (RFC 5322, RFC 2045 to 2047).
//!
//! ```text
//!   bytes ──▶ structure      which bytes are header, body, part
//!               ├─ body_structure · envelope     as IMAP tells them
//!               └─ section                       as IMAP fetches them
//! ```
//! Nothing here changes a byte of what was received: ranges point into it.

pub mod addresses;
pub mod body_structure;
pub mod compose;
pub mod content;
pub mod date;
pub mod decode;
pub mod downgrade;
pub mod encode;
pub mod envelope;
pub mod fields;
pub mod flowed;
pub mod fuzzing;
pub mod reply;
pub mod report;
pub mod search;
pub mod section;
pub mod structure;
mod tokens;

#[cfg(test)]
mod tests;
