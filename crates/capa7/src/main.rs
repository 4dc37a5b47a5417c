//! The internet's application layer in one binary.

fn main() {}
