//! A message in the form of the page's three panes.

use capa7_dissect::{Field, Message};
use serde::Serialize;

use crate::story::{Detail, EventView};
use crate::text::Bilingual;

/// What a message means, its fields, its bytes.
#[derive(Clone, Debug, Serialize)]
pub struct MessageView {
    /// The event.
    pub view: EventView,
    /// A sentence in both languages.
    pub meaning: Bilingual,
    /// The document that governs it.
    pub source: String,
    /// The fields in wire order.
    pub fields: Vec<FieldView>,
    /// The bytes in hexadecimal.
    pub bytes: String,
}

/// One field with the bytes that hold it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldView {
    /// The name that filters use.
    pub name: &'static str,
    /// As a person writes it.
    pub value: String,
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
    /// The section that defines it.
    pub source: &'static str,
    /// Its parts.
    pub children: Vec<Self>,
}

impl From<Detail> for MessageView {
    fn from(detail: Detail) -> Self {
        let Detail { view, messages, bytes } = detail;
        let meaning = meaning(&view, &messages);
        let source = messages.first().map_or("", |message| message.source).to_owned();
        let fields = messages.iter().flat_map(|message| message.fields.iter().map(field));
        Self { meaning, source, fields: fields.collect(), bytes: hex(&bytes), view }
    }
}

fn meaning(view: &EventView, messages: &[Message]) -> Bilingual {
    if messages.is_empty() {
        let size = view.size;
        return match view.transport {
            Some("tcp") => Bilingual::new(
                format!("{size} bytes of a stream; the rest of the message comes in later ones."),
                format!("{size} bytes de un flujo; el resto del mensaje viene en los siguientes."),
            ),
            _ => Bilingual::new(
                format!("{size} bytes of a protocol that no room of the lab explains."),
                format!("{size} bytes de un protocolo que ninguna sala del laboratorio explica."),
            ),
        };
    }
    let in_language = |code: &str| {
        let sentences = messages
            .iter()
            .filter_map(|message| message.meaning.iter().find(|(language, _)| *language == code));
        sentences.map(|(_, text)| text.as_str()).collect::<Vec<_>>().join(" ")
    };
    Bilingual::new(in_language("en"), in_language("es"))
}

fn field(field: &Field) -> FieldView {
    FieldView {
        name: field.name,
        value: field.value.clone(),
        start: field.bytes.start,
        end: field.bytes.end,
        source: field.source,
        children: field.children.iter().map(self::field).collect(),
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_as_two_digits_each() {
        assert_eq!(hex(&[0, 0x7c, 0xff]), "007cff");
    }

    #[test]
    fn a_field_keeps_its_place_and_its_parts() {
        let part = Field::new("qr", "reply", 2..3);
        let whole = Field::new("flags", "reply", 2..4)
            .with_source("RFC 1035 §4.1.1")
            .with_children(vec![part]);
        let view = field(&whole);
        assert_eq!((view.start, view.end, view.source), (2, 4, "RFC 1035 §4.1.1"));
        assert_eq!(view.children[0].name, "qr");
    }
}
