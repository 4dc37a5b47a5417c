//! One event as page, filter and checks see it.

use std::net::SocketAddr;

use capa7_dissect::{Field, Room};
use capa7_net::capture::HostId;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

/// The kinds of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EventType {
    /// A datagram, or a chunk of a stream.
    Message,
    /// A connection opened, closed, was refused.
    Connection,
    /// A host or a person said or did something.
    Note,
    /// An earlier message arrived or was lost.
    Fate,
}

impl EventType {
    /// The word of filters and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Connection => "connection",
            Self::Note => "note",
            Self::Fate => "fate",
        }
    }
}

/// One event. The names of the JSON are a contract with the page.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EventView {
    /// Its number.
    pub id: u64,
    /// Nanoseconds since the network began.
    pub at: u64,
    /// The number of the event because of which it happened; 0 for none.
    pub cause: u64,
    /// Further causes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<u64>,
    /// What it is.
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// Whose protocol it is.
    pub room: Room,
    /// The host that sent, asked or spoke.
    pub from: Option<HostId>,
    /// The host that is to receive.
    pub to: Option<HostId>,
    /// Source address and port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_addr: Option<SocketAddr>,
    /// Destination address and port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_addr: Option<SocketAddr>,
    /// `udp` or `tcp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transport: Option<&'static str>,
    /// The connection's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<u64>,
    /// One short line.
    pub summary: String,
    /// Bytes.
    pub size: usize,
    /// The decoded fields by name.
    pub fields: Fields,
    /// What breaks the protocol's rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub malformed: Option<String>,
    /// For a fate: the number of the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<u64>,
    /// `delivered`, `duplicated`, `corrupted`, or `lost: REASON`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fate: Option<String>,
    /// When it met its fate, nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fate_at: Option<u64>,
    /// For a note: what happened, the room's word. For a connection: what
    /// became of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// For a note: why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// For a note: the facts.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub data: Map<String, Value>,
}

/// Decoded fields, flat: each with the field of the top level that it is
/// part of. A name may occur several times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(Vec<FlatField>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct FlatField {
    part_of: &'static str,
    name: &'static str,
    value: Box<str>,
}

impl Fields {
    /// Adds the fields of a message.
    pub(crate) fn extend(&mut self, fields: &[Field]) {
        for field in fields {
            self.add(field, field.name);
        }
        self.0.shrink_to_fit();
    }

    fn add(&mut self, field: &Field, part_of: &'static str) {
        let value = field.value.as_str().into();
        self.0.push(FlatField { part_of, name: field.name, value });
        for child in &field.children {
            self.add(child, part_of);
        }
    }

    /// The values of the fields with this name: `ttl`, or `answer.ttl` for
    /// those within the part `answer` only.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let (part, leaf) = match name.split_once('.') {
            Some((part, leaf)) => (Some(part), leaf),
            None => (None, name),
        };
        self.0
            .iter()
            .filter(move |field| {
                field.name == leaf && part.is_none_or(|part| field.part_of == part)
            })
            .map(|field| &*field.value)
    }

    /// The first value of a field.
    #[must_use]
    pub fn first<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.values(name).next()
    }

    /// Bytes of memory, about.
    fn weight(&self) -> usize {
        let values = self.0.iter().map(|field| held(field.value.len()));
        self.0.capacity() * size_of::<FlatField>() + values.sum::<usize>()
    }

    /// Whether nothing was decoded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Fields {
    /// A map from name to value, or to the list of values where a name occurs
    /// several times.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut names: Vec<&'static str> = Vec::new();
        for field in &self.0 {
            if !names.contains(&field.name) {
                names.push(field.name);
            }
        }
        let mut map = serializer.serialize_map(Some(names.len()))?;
        for name in names {
            let values: Vec<&str> = self.values(name).collect();
            match values.as_slice() {
                [one] => map.serialize_entry(name, one)?,
                several => map.serialize_entry(name, several)?,
            }
        }
        map.end()
    }
}

impl EventView {
    /// An event of which nothing is known yet.
    pub(crate) fn empty(id: u64, event_type: EventType) -> Self {
        Self {
            id,
            at: 0,
            cause: 0,
            also: Vec::new(),
            event_type,
            room: Room::Other,
            from: None,
            to: None,
            from_addr: None,
            to_addr: None,
            transport: None,
            connection: None,
            summary: String::new(),
            size: 0,
            fields: Fields::default(),
            malformed: None,
            of: None,
            fate: None,
            fate_at: None,
            kind: None,
            reason: None,
            data: Map::new(),
        }
    }

    /// Bytes of memory that it takes, about.
    pub(crate) fn weight(&self) -> usize {
        let texts = [&self.malformed, &self.fate, &self.kind, &self.reason];
        let texts = texts.into_iter().flatten().chain([&self.summary]);
        let facts = self.data.iter().map(|(name, value)| {
            held(name.len()) + FACT_WEIGHT + value.as_str().map_or(0, |text| held(text.len()))
        });
        size_of::<Self>()
            + self.also.len() * size_of::<u64>()
            + self.fields.weight()
            + texts.map(|text| held(text.capacity())).sum::<usize>()
            + facts.sum::<usize>()
    }

    /// Whether it is a message that did not arrive.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.fate.as_deref().is_some_and(|fate| fate.starts_with("lost"))
    }
}

/// Bytes that an allocator takes for a text of this length, about.
const fn held(length: usize) -> usize {
    if length == 0 { 0 } else { length + ALLOCATION_WEIGHT }
}

/// What an allocator adds to a small piece of memory, about.
const ALLOCATION_WEIGHT: usize = 16;
/// An entry of a map of facts beside its texts, about.
const FACT_WEIGHT: usize = 112;

/// An event of a scenario's run as one line of JSON: as [`json_line`], after
/// the scenario's name, because the numbers begin again with each run.
#[must_use]
pub fn run_line(scenario: &str, view: &EventView) -> String {
    #[derive(Serialize)]
    struct OfRun<'a> {
        scenario: &'a str,
        #[serde(flatten)]
        view: &'a EventView,
    }
    serde_json::to_string(&OfRun { scenario, view }).unwrap_or_default()
}

/// An event as one line of JSON, without the line's end.
#[must_use]
pub fn json_line(view: &EventView) -> String {
    // The structure has only string keys, so that writing cannot fail.
    serde_json::to_string(view).unwrap_or_default()
}
