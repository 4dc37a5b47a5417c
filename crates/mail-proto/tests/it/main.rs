//! Tests of the crate from outside.

mod dovecot;
mod tricky_messages;
