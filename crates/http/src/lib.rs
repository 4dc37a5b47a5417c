//! A small HTTP/1.1 client and server over a host.
#![forbid(unsafe_code)]
