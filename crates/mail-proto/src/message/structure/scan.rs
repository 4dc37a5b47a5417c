//! The pass over the lines.

use crate::message::content::ContentType;
use crate::message::fields;
use crate::message::structure::{
    DEPTH_MAX, DefaultType, PARTS_MAX, Part, PartId, PartKind, Structure,
};

/// Finds the parts of a message, in time linear in its length.
#[must_use]
pub fn scan(message: &[u8]) -> Structure {
    let mut scan = Scan { message, parts: Vec::new(), open: Vec::new(), in_header: true, floor: 0 };
    scan.begin(DefaultType::Text, At::START);
    let mut at = At::START;
    while let Some(end) = fields::line_end(message, at.offset) {
        let line = message.get(at.offset..end).unwrap_or_default();
        at = scan.on_line(line, at);
    }
    scan.end_headers(at);
    scan.close_above(0, at);
    Structure { parts: scan.parts }
}

struct Scan<'a> {
    message: &'a [u8],
    parts: Vec<Part>,
    /// From the message to the innermost open part.
    open: Vec<Open>,
    in_header: bool,
    /// No part ends before it: where the last delimiter ended.
    floor: usize,
}

/// A part whose end was not seen.
struct Open {
    id: PartId,
    /// Of a multipart whose closing delimiter was not seen.
    boundary: Option<Vec<u8>>,
    /// What its parts are when they do not say.
    default_type: DefaultType,
    /// Line ends before its body.
    lines_before: usize,
}

/// A place in the message.
#[derive(Clone, Copy)]
struct At {
    offset: usize,
    /// Line ends before it.
    lines: usize,
}

impl At {
    const START: Self = Self { offset: 0, lines: 0 };

    fn after(self, line: &[u8]) -> Self {
        let lines = self.lines + usize::from(line.ends_with(b"\n"));
        Self { offset: self.offset + line.len(), lines }
    }
}

impl Scan<'_> {
    fn on_line(&mut self, line: &[u8], at: At) -> At {
        let after = at.after(line);
        if let Some((level, is_last)) = self.delimiter(line) {
            self.end_headers(at);
            self.close_above(level + 1, self.before_line_end(at));
            if is_last {
                self.end_multipart(level);
            } else {
                self.floor = after.offset;
                let default_type = self.open.get(level).map(|open| open.default_type);
                self.begin(default_type.unwrap_or(DefaultType::Text), after);
            }
        } else if self.in_header && fields::is_empty_line(line) {
            self.end_header(after);
        }
        after
    }

    /// The open multipart whose delimiter the line is, and whether it is the
    /// last one. RFC 2046 §5.1.1: the boundary need only begin the line; of
    /// several the longest is meant, then the innermost.
    fn delimiter(&self, line: &[u8]) -> Option<(usize, bool)> {
        let text = fields::without_line_end(line.strip_prefix(b"--")?);
        let mut found: Option<(usize, &[u8])> = None;
        for (level, open) in self.open.iter().enumerate().rev() {
            let Some(boundary) = open.boundary.as_deref() else { continue };
            let is_longer = found.is_none_or(|(_, best)| best.len() < boundary.len());
            if is_longer && text.starts_with(boundary) {
                found = Some((level, boundary));
            }
        }
        let (level, boundary) = found?;
        let is_last = text.get(boundary.len()..).is_some_and(|rest| rest.starts_with(b"--"));
        Some((level, is_last))
    }

    /// The place before the line end that stands before a delimiter.
    fn before_line_end(&self, at: At) -> At {
        let before = self.message.get(..at.offset).unwrap_or_default();
        let offset = fields::without_line_end(before).len();
        if offset < self.floor || offset == at.offset {
            return At { offset: self.floor.max(offset), lines: at.lines };
        }
        At { offset, lines: at.lines - 1 }
    }

    /// A part begins with its header, inside the innermost open part.
    fn begin(&mut self, default_type: DefaultType, at: At) {
        let id = PartId(self.parts.len());
        let parent = self.open.last().map(|open| open.id);
        if let Some(parent) = parent.and_then(|parent| self.parts.get_mut(parent.0)) {
            match &mut parent.kind {
                PartKind::Multipart(children) => children.push(id),
                kind => *kind = PartKind::Message(id),
            }
        }
        self.parts.push(Part {
            header: at.offset..at.offset,
            body: at.offset..at.offset,
            lines: 0,
            kind: PartKind::Leaf,
            default_type,
        });
        let lines_before = at.lines;
        self.open.push(Open { id, boundary: None, default_type: DefaultType::Text, lines_before });
        self.in_header = true;
        if self.parts.len() >= PARTS_MAX {
            // What follows is the body of this part, whatever it looks like.
            for open in &mut self.open {
                open.boundary = None;
            }
        }
    }

    /// No header goes on here, neither that of a message that would begin here.
    fn end_headers(&mut self, at: At) {
        while self.in_header {
            self.end_header(at);
        }
    }

    /// The header of the innermost part ends; what its body holds is decided.
    fn end_header(&mut self, at: At) {
        let depth = self.open.len();
        let may_grow = depth < DEPTH_MAX && self.parts.len() < PARTS_MAX;
        let Some(open) = self.open.last_mut() else { return };
        let Some(part) = self.parts.get_mut(open.id.0) else { return };
        self.in_header = false;
        open.lines_before = at.lines;
        part.header.end = at.offset;
        part.body = at.offset..at.offset;
        let header = self.message.get(part.header.clone()).unwrap_or_default();
        let content = fields::first(header, "content-type").and_then(ContentType::parse);
        let is_message = match &content {
            Some(content) => content.is("message", "rfc822") || content.is("message", "global"),
            None => part.default_type == DefaultType::Message,
        };
        if is_message && may_grow {
            self.begin(DefaultType::Text, at);
            return;
        }
        let content = content.filter(|content| content.kind.eq_ignore_ascii_case(b"multipart"));
        let Some(content) = content else {
            part.kind = if is_message { PartKind::Opaque } else { PartKind::Leaf };
            return;
        };
        if !may_grow {
            part.kind = PartKind::Opaque;
            return;
        }
        part.kind = PartKind::Multipart(Vec::new());
        let boundary = content.parameter("boundary").filter(|boundary| !boundary.is_empty());
        open.boundary = boundary.map(<[u8]>::to_vec);
        if content.subtype.eq_ignore_ascii_case(b"digest") {
            open.default_type = DefaultType::Message;
        }
    }

    /// The closing delimiter was seen: an epilogue follows.
    fn end_multipart(&mut self, level: usize) {
        if let Some(open) = self.open.get_mut(level) {
            open.boundary = None;
        }
    }

    /// Ends the parts at this level and deeper. The line end that is taken from
    /// them may be that of a header, when no body follows (RFC 2046 §5.1.1,
    /// `body-part`).
    fn close_above(&mut self, level: usize, at: At) {
        for open in self.open.drain(level.min(self.open.len())..) {
            if let Some(part) = self.parts.get_mut(open.id.0) {
                let end = at.offset;
                part.header = part.header.start.min(end)..part.header.end.min(end);
                part.body = part.body.start.min(end)..end;
                part.lines = at.lines.saturating_sub(open.lines_before);
            }
        }
    }
}
