//! Tests of the crate from outside.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod agent;
mod dovecot;
mod imap;
mod odd;
mod pop3;
mod queue;
mod slow;
mod smtp;
mod store_kill;
mod webmail;
