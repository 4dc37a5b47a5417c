//! Tests of the crate from outside.

mod corpora;
mod dovecot;
mod message_corpus;
mod tricky_messages;
