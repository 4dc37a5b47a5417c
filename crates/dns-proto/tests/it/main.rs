//! Tests of the crate from outside.

mod allocation;
mod reference_answers;
