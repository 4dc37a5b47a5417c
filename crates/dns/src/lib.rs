//! DNS servers and the client side for other rooms.
//!
//! ```text
//!   capa7-dns-proto   names, messages, zones, answer, cache, iteration (pure)
//!   ──────────────────────────────────────────────────────────────────────
//!   this crate        sockets and timers around them, over net::Host
//! ```
#![forbid(unsafe_code)]

mod access;
mod authoritative;
mod connections;
mod frames;
mod recursive;
mod registry;
mod resolving;
mod serve;
mod stream;
mod stub;
mod system;
mod updates;
mod zone_files;

pub use access::{AddressBlock, NotABlock};
pub use authoritative::{Authoritative, AuthoritativeConfig};
pub use connections::ConnectionLimits;
pub use recursive::{RecursiveConfig, RecursiveServer};
pub use registry::{Registry, RegistryConfig, place_order};
pub use resolving::{NoteObserver, ResolverStopped, ResolverTask, Resolving};
pub use serve::{ServeConfig, ServeError, load_zones, serve};
pub use stub::{StubClient, StubError, StubOptions, StubReply};
pub use system::system_servers;
pub use updates::{UpdateConfig, ZoneKeeper};
pub use zone_files::{ZoneLoadError, read_zone_file};
