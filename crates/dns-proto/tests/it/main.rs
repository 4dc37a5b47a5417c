//! Tests of the crate from outside.

mod allocation;
mod corpora;
mod reference_answers;
mod reference_cases;
