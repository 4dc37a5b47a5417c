//! One seed, one run.
