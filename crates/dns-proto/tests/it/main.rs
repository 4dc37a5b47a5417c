//! Tests of the crate from outside.

mod reference_answers;
