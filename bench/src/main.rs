//! Comparisons with peers.

fn main() {}
