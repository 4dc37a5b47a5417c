//! The book of a registry: who holds which name below a top-level domain, until
//! when, and which name servers stand in the zone for it (course D9, D14).
//!
//! ```text
//!   registrar ──order──► Dialogue ──► Book ──► Update of the zone (RFC 2136)
//!             ◄─reply───             book rules    NS and glue
//! ```
//!
//! The book decides alone; what it decided is entered in the zone by an update
//! that requires the name to be free there too. Between the two the name is
//! reserved, so that two orders for one name cannot both win.

mod book;
mod date;
mod dialogue;

pub use book::{Book, Refusal, Registration, Reservation, ServerEntry};
pub use date::Date;
pub use dialogue::{Dialogue, LINE_OCTETS_MAX, REGISTRY_PORT, Request, Response};
