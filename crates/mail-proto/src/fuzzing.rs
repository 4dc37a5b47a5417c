//! What the fuzz targets claim, so that tests replay their corpora on the stable toolchain.
//!
//! Each function panics when its claim is broken.

use capa7_dissect::{Field, Message};

mod pop3;
mod smtp;

pub use pop3::{pop3_commands, pop3_replies, pop3_session};
pub use smtp::{smtp_commands, smtp_session};

/// Fields follow one another without a gap, and their parts are within them.
pub(crate) fn explained(message: &Message) {
    let mut at = 0;
    for field in &message.fields {
        assert_eq!(field.bytes.start, at, "{message:?}");
        let is_inside = |part: &Field| {
            let (part, field) = (&part.bytes, &field.bytes);
            part.start <= part.end && part.start >= field.start && part.end <= field.end
        };
        assert!(field.children.iter().all(is_inside), "{message:?}");
        at = field.bytes.end;
    }
}
