//! Tests of the crate from outside.

mod corpora;
mod dovecot;
mod tricky_messages;
