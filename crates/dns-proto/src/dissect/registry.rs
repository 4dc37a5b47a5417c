//! What registrars and registries say, line by line.

use capa7_dissect::{Direction, Dissector, Field, Message};

/// Reads the dialogue of [`crate::registry`]: lines of text, as they come. Each
/// line is a field `registry_line`, which no message of DNS has.
#[derive(Clone, Copy, Debug, Default)]
pub struct RegistryDissector;

impl Dissector for RegistryDissector {
    fn push(&mut self, direction: Direction, _offset: u64, bytes: &[u8]) -> Vec<Message> {
        let text = String::from_utf8_lossy(bytes);
        let first = shorten(text.lines().next().unwrap_or_default());
        let (en, es) = match direction {
            Direction::ToServer => (
                format!("The registrar asks the registry: {first}."),
                format!("El registrador le pide al registro: {first}."),
            ),
            Direction::ToClient => (
                format!("The registry answers: {first}."),
                format!("El registro responde: {first}."),
            ),
        };
        let mut fields = Vec::new();
        let mut at = 0;
        for line in bytes.split_inclusive(|octet| *octet == b'\n').take(LINES_MAX) {
            let text = String::from_utf8_lossy(line);
            fields.push(Field::new("registry_line", text.trim_end(), at..at + line.len()));
            at += line.len();
        }
        let meaning = vec![("en", en), ("es", es)];
        vec![Message { summary: first, meaning, source: "course D9", fields, malformed: None }]
    }
}

fn shorten(line: &str) -> String {
    let mut shown: String = line.chars().filter(|c| !c.is_control()).take(SHOWN_CHARS).collect();
    if line.chars().count() > SHOWN_CHARS {
        shown.push('…');
    }
    shown
}

/// Enough to know an order by.
const SHOWN_CHARS: usize = 60;
/// An order has fewer.
const LINES_MAX: usize = 64;
