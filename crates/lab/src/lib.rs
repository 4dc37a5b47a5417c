//! Worlds, scenarios, checks, the course and the page's server.
#![forbid(unsafe_code)]
