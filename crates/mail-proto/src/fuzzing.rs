//! What the fuzz targets claim, so that tests replay their corpora on the stable toolchain.
//!
//! Each function panics when its claim is broken.

mod pop3;
mod smtp;

pub use pop3::{pop3_commands, pop3_replies, pop3_session};
pub use smtp::{smtp_commands, smtp_session};
