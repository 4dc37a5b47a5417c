//! What the fuzz targets claim, so that tests replay their corpora on the
//! stable toolchain, and the model of a store that the tests share.
//!
//! Each function panics when its claim is broken.

mod commands;
mod dialogue;
pub mod model;

pub use commands::commands;
pub use dialogue::session;

#[cfg(test)]
mod tests;
