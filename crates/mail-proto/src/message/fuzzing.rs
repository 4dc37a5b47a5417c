//! What holds for any bytes as a message: the claim of a fuzz target.

use std::ops::Range;

use crate::message::body_structure::{Form, text};
use crate::message::decode::part_bytes;
use crate::message::downgrade::downgrade_to_7bit;
use crate::message::envelope::envelope;
use crate::message::reply::body_text;
use crate::message::report;
use crate::message::search::{self, Needle};
use crate::message::section::{Section, SectionText, extract};
use crate::message::structure::{DEPTH_MAX, PARTS_MAX, Part, PartKind, Structure, scan};

/// Ranges lie in their parent, one behind the other; everything can be written;
/// header and text are the message; made 7-bit, it has the same parts with the
/// same content.
///
/// # Panics
/// When it does not hold.
pub fn message_structure(message: &[u8]) {
    let structure = scan(message);
    assert!(structure.parts().len() <= PARTS_MAX);
    let root = structure.root();
    assert_eq!((root.header.start, root.body.end), (0, message.len()));
    check_part(message, &structure, root, 1);
    let header = message.get(root.header.clone()).expect("a range of the message");
    let told = envelope(header).len() + text(message, &structure, Form::BodyStructure).len();
    assert!(told <= 60 * (message.len() + 10), "what is told is not much longer than the message");
    for part in [&[][..], &[1], &[1, 1], &[2], &[1, 2, 1]] {
        for text in [SectionText::Whole, SectionText::Header, SectionText::Text, SectionText::Mime]
        {
            let section = Section { part: part.to_vec(), text };
            let bytes = extract(message, &structure, &section);
            assert!(bytes.is_none_or(|bytes| bytes.len() <= message.len()));
        }
    }
    let whole = |text| extract(message, &structure, &Section { part: Vec::new(), text });
    assert_eq!(whole(SectionText::Whole).as_deref(), Some(message));
    let (header, body) = (whole(SectionText::Header), whole(SectionText::Text));
    assert_eq!([header.unwrap_or_default(), body.unwrap_or_default()].concat(), message);
    let _ = search::text(message, &structure, &Needle::new("needle"));
    let _ = (body_text(message, &structure), report::parse(message));
    let narrow = downgrade_to_7bit(message);
    assert!(narrow.is_ascii());
    // A boundary beyond ASCII is none afterwards.
    let mut headers = structure.parts().iter().map(|part| header_of(message, part));
    if headers.all(<[u8]>::is_ascii) {
        same_parts(message, &structure, &narrow);
    }
}

fn header_of<'m>(message: &'m [u8], part: &Part) -> &'m [u8] {
    message.get(part.header.clone()).expect("a range of the message")
}

fn same_parts(message: &[u8], structure: &Structure, narrow: &[u8]) {
    let narrowed = scan(narrow);
    assert_eq!(structure.parts().len(), narrowed.parts().len());
    for (part, narrow_part) in structure.parts().iter().zip(narrowed.parts()) {
        match (&part.kind, &narrow_part.kind) {
            (PartKind::Leaf, PartKind::Leaf) => {
                let (before, after) = (part_bytes(message, part), part_bytes(narrow, narrow_part));
                assert_eq!(before, after, "a part keeps its content");
            }
            (PartKind::Multipart(one), PartKind::Multipart(other)) => assert_eq!(one, other),
            (PartKind::Message(one), PartKind::Message(other)) => assert_eq!(one, other),
            (one, other) => assert_eq!(one, other),
        }
    }
}

fn check_part(message: &[u8], structure: &Structure, part: &Part, depth: usize) {
    assert!(depth <= DEPTH_MAX);
    assert!(part.header.start <= part.header.end && part.header.end == part.body.start);
    let body = message.get(part.body.clone()).expect("a range of the message");
    assert_eq!(part.lines, body.iter().filter(|byte| **byte == b'\n').count());
    match &part.kind {
        PartKind::Leaf | PartKind::Opaque => {}
        PartKind::Message(id) => {
            let inner = structure.part(*id);
            assert_eq!((inner.header.start, inner.body.end), (part.body.start, part.body.end));
            check_part(message, structure, inner, depth + 1);
        }
        PartKind::Multipart(children) => {
            let mut at = part.body.start;
            for child in children {
                let child = structure.part(*child);
                let Range { start, end } = child.header.start..child.body.end;
                assert!(at <= start && end <= part.body.end, "parts follow each other");
                at = end;
                check_part(message, structure, child, depth + 1);
            }
        }
    }
}
