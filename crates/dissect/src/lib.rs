//! The vocabulary in which rooms explain their messages.
//!
//! Pure data, shared by the protocol cores (`*-proto`), the door (`net`) and the
//! lab: a [`Cause`] says because of which event something happened, a [`Room`]
//! says which protocol a line of code or a message belongs to, and a
//! [`Message`] is what a dissector makes of bytes.
#![forbid(unsafe_code)]

mod cause;
mod message;
mod room;

pub use cause::{Cause, Causes};
pub use message::{Direction, Dissector, Field, Message};
pub use room::Room;
