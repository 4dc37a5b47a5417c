//! Server and client: in pairs on a virtual network, and beside curl.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod curl;
mod pair;
mod rules;
mod world;
