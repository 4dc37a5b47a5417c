//! DNS without sockets: names, messages, zones, answering, cache, iteration.
#![forbid(unsafe_code)]

pub mod answer;
pub mod cache;
pub mod dissect;
pub mod fuzzing;
pub mod hints;
mod instant;
pub mod message;
mod name;
pub mod present;
pub mod rdata;
mod record_type;
pub mod registry;
pub mod resolve;
pub mod update;
pub mod zone;
pub mod zone_file;

pub use instant::Instant;
pub use name::{
    LABEL_OCTETS_MAX, LABELS_MAX, Labels, NAME_OCTETS_MAX, Name, NameBuilder, NameError,
};
pub use record_type::{Opcode, Rcode, RecordClass, RecordType, UnknownMnemonic};
