//! Octets as people read them: every field with its place, and one sentence of meaning.
//!
//! ```text
//!   datagrams:  one message each
//!   stream:     | length (2) | message | length (2) | message | ...   (RFC 1035 §4.2.2)
//! ```
//!
//! The fields of a stream's message begin with its length, so that messages lie end to end.

use capa7_dissect::{Direction, Dissector, Field, Message};

mod fields;
mod meaning;
mod options;
mod registry;
mod summary;

pub use registry::RegistryDissector;

/// Reads the DNS messages of one connection, or of the datagrams between two addresses.
#[derive(Debug)]
pub struct DnsDissector {
    framing: Framing,
}

#[derive(Debug)]
enum Framing {
    Datagrams,
    Streams { to_server: Stream, to_client: Stream },
}

impl DnsDissector {
    /// For datagrams: each is a message.
    pub const fn datagrams() -> Self {
        Self { framing: Framing::Datagrams }
    }

    /// For the two directions of a TCP connection.
    pub const fn stream() -> Self {
        Self { framing: Framing::Streams { to_server: Stream::new(), to_client: Stream::new() } }
    }
}

impl Dissector for DnsDissector {
    fn push(&mut self, direction: Direction, offset: u64, bytes: &[u8]) -> Vec<Message> {
        match (&mut self.framing, direction) {
            (Framing::Datagrams, _) => vec![dissect(bytes)],
            (Framing::Streams { to_server, .. }, Direction::ToServer) => {
                to_server.push(offset, bytes)
            }
            (Framing::Streams { to_client, .. }, Direction::ToClient) => {
                to_client.push(offset, bytes)
            }
        }
    }
}

/// Dissects one whole message, without a length in front.
pub fn dissect(octets: &[u8]) -> Message {
    message_of(octets, 0)
}

/// One direction of a connection: at most one message and one chunk are held.
#[derive(Debug)]
struct Stream {
    held: Vec<u8>,
    /// The offset of the octet after those held.
    next: u64,
}

impl Stream {
    const fn new() -> Self {
        Self { held: Vec::new(), next: 0 }
    }

    fn push(&mut self, offset: u64, bytes: &[u8]) -> Vec<Message> {
        let mut messages = Vec::new();
        if offset > self.next {
            // What was lost cannot be read, and where a message begins is a guess from here.
            let missing = offset - self.next;
            let mut message = message_of(&std::mem::take(&mut self.held), 0);
            message.summary = "…".to_owned();
            message.malformed = Some(format!("{missing} octets of the stream are missing"));
            messages.push(message);
            self.next = offset;
        }
        // Octets that were sent again are known already.
        let known = usize::try_from(self.next - offset).unwrap_or(usize::MAX);
        let fresh = bytes.get(known.min(bytes.len())..).unwrap_or(&[]);
        self.held.extend_from_slice(fresh);
        self.next += u64::try_from(fresh.len()).unwrap_or(0);
        let mut rest = self.held.as_slice();
        while let Some((framed, after)) = first_framed(rest) {
            messages.push(message_of(framed, LENGTH_OCTETS));
            rest = after;
        }
        self.held = rest.to_vec();
        messages
    }
}

/// Splits off the first message with its length, when all of it is there.
fn first_framed(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = octets.first_chunk::<LENGTH_OCTETS>().map(|two| u16::from_be_bytes(*two))?;
    octets.split_at_checked(LENGTH_OCTETS + usize::from(length))
}

/// Dissects a message that has `prefix` octets in front: none, or those of its length.
fn message_of(octets: &[u8], prefix: usize) -> Message {
    let body = octets.get(prefix..).unwrap_or(&[]);
    let (mut fields, malformed) = fields::fields(body);
    if prefix > 0 {
        fields.iter_mut().for_each(|field| shift(field, prefix));
        let length = Field::new("length", body.len().to_string(), 0..prefix);
        fields.insert(0, length.with_source("RFC 1035 §4.2.2"));
    }
    let parsed = crate::message::Message::parse(body);
    let (summary, meaning) = match &parsed {
        Ok(message) => (summary::summary(message), meaning::meaning(message)),
        Err(error) => (summary::broken(), meaning::broken(error)),
    };
    let malformed = malformed.or_else(|| parsed.err().map(|error| error.to_string()));
    Message { summary, meaning, source: "RFC 1035 §4.1", fields, malformed }
}

fn shift(field: &mut Field, by: usize) {
    field.bytes = field.bytes.start + by..field.bytes.end + by;
    field.children.iter_mut().for_each(|child| shift(child, by));
}

/// Octets of the length in front of a stream's messages.
const LENGTH_OCTETS: usize = 2;

#[cfg(test)]
mod tests;
