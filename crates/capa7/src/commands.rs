//! One module per command; each returns the process's exit code.

pub(crate) mod config;
pub(crate) mod course;
pub(crate) mod dns;
pub(crate) mod lab;
pub(crate) mod mail;
pub(crate) mod run;
pub(crate) mod scenarios;
pub(crate) mod sockets;
