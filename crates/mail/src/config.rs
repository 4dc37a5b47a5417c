//! What an operator writes: `mail.toml`.

mod text;

pub use text::{FileError, parse_toml, read_text};
