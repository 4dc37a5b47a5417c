//! HTTP/1.1 without sockets, clocks or tasks (RFC 9110, RFC 9112).
#![forbid(unsafe_code)]
