//! The house's own chores: test, setup, tidy, bench, fuzz.

fn main() {}
