//! One module per command; each returns the process's exit code.

pub(crate) mod dns;
