//! What a program says of its own decisions.

use capa7_dissect::{Causes, Room};
use serde::Serialize;
use serde_json::{Map, Value};

/// A decision or change of state that is not a message: cached, retried,
/// chosen. Rooms keep typed notes of their own and turn them into this at the
/// door; nobody parses log lines.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Note {
    /// The room that speaks.
    pub room: Room,
    /// What happened, the room's stable word in snake case: `cached`.
    pub kind: &'static str,
    /// Why, one English sentence; a page may phrase it anew from `data`.
    pub reason: String,
    /// The facts, by stable names.
    pub data: Map<String, Value>,
    /// Because of what.
    pub causes: Causes,
}

impl Note {
    /// A note without facts.
    #[must_use]
    pub fn new(room: Room, kind: &'static str, reason: impl Into<String>) -> Self {
        Self { room, kind, reason: reason.into(), data: Map::new(), causes: Causes::NONE }
    }

    /// The same note with one fact more.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.data.insert(name.to_owned(), value.into());
        self
    }

    /// The same note with its cause.
    #[must_use]
    pub fn because(mut self, causes: impl Into<Causes>) -> Self {
        self.causes = causes.into();
        self
    }
}
