//! The uppercase programs over UDP and TCP.
#![forbid(unsafe_code)]
