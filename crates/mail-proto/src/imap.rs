//! Reading and keeping messages on a server (RFC 3501, RFC 9051; course M10).
//!
//! ```text
//!   client                                            server
//!     │  a FETCH 1 BODY[]        command, search, fetch, sequence
//!     │ ──────────────────────────────────────────────▶ │ session ⇄ store
//!     │  * 1 FETCH (BODY[] {42}  response               │
//!     │ ◀────────────────────────────────────────────── │
//! ```

pub mod client;
pub mod command;
pub mod date;
pub mod fetch;
pub mod frame;
pub mod fuzzing;
pub mod names;
pub mod response;
pub mod search;
pub mod sequence;
pub mod session;
pub mod store;
