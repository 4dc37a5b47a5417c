//! DNS without sockets: names, messages, zones, answering, cache, iteration.
#![forbid(unsafe_code)]

pub mod message;
mod name;
mod record_type;

pub use name::{
    LABEL_OCTETS_MAX, LABELS_MAX, Labels, NAME_OCTETS_MAX, Name, NameBuilder, NameError,
};
pub use record_type::{Opcode, Rcode, RecordClass, RecordType, UnknownMnemonic};
