//! What a dissector makes of bytes.

use std::ops::Range;

use serde::Serialize;

/// Which end of a connection sent the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From the end that opened the connection.
    ToServer,
    /// From the end that accepted it.
    ToClient,
}

/// One decoded message of a protocol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// One short line for a ladder's arrow: `www.urosario.edu.co A?`.
    pub summary: String,
    /// One sentence in plain words, as pairs (language, text): `en`, `es`.
    pub meaning: Vec<(&'static str, String)>,
    /// The document that governs it: `RFC 1035 §4.1.1`.
    pub source: &'static str,
    /// The fields in wire order; every byte of a well-formed message is in one.
    pub fields: Vec<Field>,
    /// What is wrong with it, when it breaks its protocol's rules.
    pub malformed: Option<String>,
}

/// One field of a message with the bytes that hold it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Field {
    /// The standard's name in lower case with underscores: `qname`, `ttl`.
    /// Filters use it.
    pub name: &'static str,
    /// The value as a person writes it.
    pub value: String,
    /// The bytes within the message.
    pub bytes: Range<usize>,
    /// The section that defines the field, empty when its parent's holds.
    pub source: &'static str,
    /// The parts, in wire order.
    pub children: Vec<Field>,
}

impl Field {
    /// A field without parts or source of its own.
    #[must_use]
    pub fn new(name: &'static str, value: impl Into<String>, bytes: Range<usize>) -> Self {
        Self { name, value: value.into(), bytes, source: "", children: Vec::new() }
    }

    /// The same field with the section that defines it.
    #[must_use]
    pub fn with_source(mut self, source: &'static str) -> Self {
        self.source = source;
        self
    }

    /// The same field with its parts.
    #[must_use]
    pub fn with_children(mut self, children: Vec<Self>) -> Self {
        self.children = children;
        self
    }
}

/// Turns the bytes of one connection, or of datagrams between two addresses,
/// into messages. A dissector never fails: what it cannot read it reports as
/// [`Message::malformed`].
pub trait Dissector: std::fmt::Debug + Send {
    /// Takes the bytes that travelled in `direction` from `offset` on (a
    /// datagram's offset is 0) and returns the messages that are complete.
    fn push(&mut self, direction: Direction, offset: u64, bytes: &[u8]) -> Vec<Message>;
}
