//! Dialogues between clients and sessions on one store.

mod dialogue;
mod limits;
mod meanwhile;
mod mirror;
mod queries;
mod standard;

pub(super) use dialogue::Table;
