//! What the messages of the uppercase programs say (course K1, K2).

use capa7_dissect::{Direction, Dissector, Field, Message};

/// Reads a datagram or a chunk of the uppercase programs: text, as it is.
/// There is no framing to wait for, so every chunk is one message.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Uppercase;

impl Dissector for Uppercase {
    fn push(&mut self, direction: Direction, _offset: u64, bytes: &[u8]) -> Vec<Message> {
        let text = String::from_utf8_lossy(bytes);
        let shown = shorten(&text);
        let (summary, en, es) = match direction {
            Direction::ToServer => (
                format!("“{shown}”"),
                format!("The client asks: write “{shown}” in capital letters."),
                format!("El cliente pide: escribe «{shown}» en mayúsculas."),
            ),
            Direction::ToClient => (
                format!("“{shown}”"),
                format!("The server answers: “{shown}”."),
                format!("El servidor responde: «{shown}»."),
            ),
        };
        let name = match direction {
            Direction::ToServer => "sentence",
            Direction::ToClient => "modified_sentence",
        };
        vec![Message {
            summary,
            meaning: vec![("en", en), ("es", es)],
            source: "course K1",
            fields: vec![Field::new(name, text.trim_end_matches(['\r', '\n']), 0..bytes.len())],
            malformed: None,
        }]
    }
}

/// At most [`SHOWN_CHARS`] characters on one line.
fn shorten(text: &str) -> String {
    let line = text.trim_end_matches(['\r', '\n']);
    let mut shown: String =
        line.chars().take(SHOWN_CHARS).map(|c| if c.is_control() { '·' } else { c }).collect();
    if line.chars().count() > SHOWN_CHARS {
        shown.push('…');
    }
    shown
}

/// Enough to know the sentence by.
const SHOWN_CHARS: usize = 40;
