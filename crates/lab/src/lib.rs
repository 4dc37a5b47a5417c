//! Worlds, scenarios, checks, the course and the page's server.
//!
//! ```text
//!   labs/worlds ──► World ──► Lab ──► capa7_net::Network
//!                              ▲              │ events
//!   labs/scenarios ─► Scenario─┘              ▼
//!                        checks ◄── story ── filter
//!                          │
//!                 report · course · page
//! ```
#![forbid(unsafe_code)]

pub mod course;
pub mod filter;
pub mod lab;
pub mod page;
pub mod run;
pub mod scenario;
pub mod source;
pub mod story;
pub mod temporary;
pub mod text;
pub mod units;
pub mod world;
