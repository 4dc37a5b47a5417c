//! DNS without sockets: names, messages, zones, answering, cache, iteration.
#![forbid(unsafe_code)]
