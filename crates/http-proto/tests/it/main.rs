//! Tests of the crate from outside.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod body;
mod corpora;
mod dissect;
mod head;
