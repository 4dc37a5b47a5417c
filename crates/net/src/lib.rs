//! The only door to network, clock, randomness and threads, real and virtual.
