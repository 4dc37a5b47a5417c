//! What the fuzz targets claim, so that tests replay their corpora on the stable toolchain.
//!
//! Each function panics when its claim is broken.

mod smtp;

pub use smtp::{smtp_commands, smtp_session};
