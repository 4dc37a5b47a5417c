//! DNS without sockets: names, messages, zones, answering, cache, iteration.
#![forbid(unsafe_code)]

pub mod cache;
mod instant;
pub mod message;
mod name;
mod rdata;
mod record_type;
mod zone_file;

pub use instant::Instant;
pub use name::{
    LABEL_OCTETS_MAX, LABELS_MAX, Labels, NAME_OCTETS_MAX, Name, NameBuilder, NameError,
};
pub use rdata::{RdataError, RdataText, parse_rdata};
pub use record_type::{Opcode, Rcode, RecordClass, RecordType, UnknownMnemonic};
pub use zone_file::{
    ERRORS_MAX, FILE_OCTETS_MAX, Finding, INCLUDE_DEPTH_MAX, IncludeLoader, Position, Problem,
    ReadOptions, Severity, ZONE_DATA_OCTETS_MAX, ZoneFile, ZoneFileError, ZoneFileErrors,
    ZoneFileRecord,
};
