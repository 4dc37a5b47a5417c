//! `BODY` and `BODYSTRUCTURE` of IMAP: the structure as text (RFC 9051 §7.5.2).
//!
//! ```text
//!   one part    (type subtype parameters id description encoding octets
//!                [lines | envelope body lines] · md5 disposition language location)
//!   several     ((part)(part) subtype · parameters disposition language location)
//! ```
//! What is behind the point is in `BODYSTRUCTURE` only.

use crate::message::content::continued::join;
use crate::message::content::{Content, ContentType, Disposition, Parameters};
use crate::message::envelope;
use crate::message::fields::unfold;
use crate::message::structure::{DefaultType, Part, PartKind, Structure};

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `BODY`: without extension data.
    Body,
    /// `BODYSTRUCTURE`: with it.
    BodyStructure,
}

/// Writes the structure of a message. The calls go as deep as the parts, to
/// [`DEPTH_MAX`](crate::message::structure::DEPTH_MAX).
pub fn write(out: &mut Vec<u8>, message: &[u8], structure: &Structure, form: Form) {
    Writer { out, message, structure, form }.part(structure.root());
}

/// The structure of a message as a value of its own.
#[must_use]
pub fn text(message: &[u8], structure: &Structure, form: Form) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out, message, structure, form);
    out
}

struct Writer<'a> {
    out: &'a mut Vec<u8>,
    message: &'a [u8],
    structure: &'a Structure,
    form: Form,
}

impl Writer<'_> {
    fn part(&mut self, part: &Part) {
        let header = self.message.get(part.header.clone()).unwrap_or_default();
        let content = Content::of(header);
        self.out.push(b'(');
        match &part.kind {
            PartKind::Multipart(children) => {
                for child in children {
                    self.part(self.structure.part(*child));
                }
                if children.is_empty() {
                    // The grammar wants a part (RFC 9051 §9, `body-type-mpart`).
                    self.out.extend_from_slice(EMPTY_PART);
                    self.out.extend_from_slice(match self.form {
                        Form::Body => b")",
                        Form::BodyStructure => b" NIL NIL NIL NIL)",
                    });
                }
                self.out.push(b' ');
                self.multipart(&content);
            }
            _ => self.single(part, &content),
        }
        self.out.push(b')');
    }

    fn multipart(&mut self, content: &Content<'_>) {
        let content_type = content.content_type.as_ref();
        let subtype = content_type.map_or(&b"mixed"[..], |content| &content.subtype);
        write_string(self.out, subtype);
        if self.form == Form::BodyStructure {
            self.out.push(b' ');
            let none = Parameters::new();
            let parameters = content_type.map_or(&none, |content| &content.parameters);
            write_parameters(self.out, &join(parameters));
            self.extension(content);
        }
    }

    fn single(&mut self, part: &Part, content: &Content<'_>) {
        let content_type = effective_type(part, content);
        write_string(self.out, &content_type.kind);
        self.out.push(b' ');
        write_string(self.out, &content_type.subtype);
        self.out.push(b' ');
        write_parameters(self.out, &content_type.parameters);
        for text in [content.id, content.description] {
            self.out.push(b' ');
            write_optional(self.out, text.map(unfold).as_deref());
        }
        self.out.push(b' ');
        write_string(self.out, content.encoding.unwrap_or(b"7bit"));
        write_number(self.out, part.body.len());
        if let PartKind::Message(id) = &part.kind {
            let message = self.structure.part(*id);
            self.out.push(b' ');
            envelope::write(self.out, self.message.get(message.header.clone()).unwrap_or_default());
            self.out.push(b' ');
            self.part(message);
            write_number(self.out, part.lines);
        } else if content_type.kind.eq_ignore_ascii_case(b"text") {
            write_number(self.out, part.lines);
        }
        if self.form == Form::BodyStructure {
            self.out.push(b' ');
            write_optional(self.out, content.md5.map(unfold).as_deref());
            self.extension(content);
        }
    }

    /// Disposition, language, location.
    fn extension(&mut self, content: &Content<'_>) {
        self.out.push(b' ');
        write_disposition(self.out, content.disposition.as_ref());
        self.out.push(b' ');
        write_languages(self.out, &content.languages);
        self.out.push(b' ');
        write_optional(self.out, content.location.map(unfold).as_deref());
    }
}

/// The type as its header says, or the default. What is not looked into is told
/// as octets, for its own type would promise a structure.
fn effective_type(part: &Part, content: &Content<'_>) -> ContentType {
    let of = |kind: &str, subtype: &str| ContentType {
        kind: kind.into(),
        subtype: subtype.into(),
        parameters: Parameters::new(),
    };
    if part.kind == PartKind::Opaque {
        return of("application", "octet-stream");
    }
    let mut content_type = match (&content.content_type, part.default_type) {
        (Some(content_type), _) => ContentType {
            parameters: join(&content_type.parameters).into_owned(),
            ..content_type.clone()
        },
        (None, DefaultType::Message) => of("message", "rfc822"),
        (None, DefaultType::Text) => of("text", "plain"),
    };
    // RFC 2045 §5.2: text without a charset is in US-ASCII.
    if content_type.kind.eq_ignore_ascii_case(b"text")
        && content_type.parameter("charset").is_none()
    {
        content_type.parameters.push((b"charset".to_vec(), b"us-ascii".to_vec()));
    }
    content_type
}

fn write_parameters(out: &mut Vec<u8>, parameters: &Parameters) {
    if parameters.is_empty() {
        out.extend_from_slice(NIL);
        return;
    }
    for (index, (name, value)) in parameters.iter().enumerate() {
        out.push(if index == 0 { b'(' } else { b' ' });
        write_string(out, name);
        out.push(b' ');
        write_string(out, value);
    }
    out.push(b')');
}

fn write_disposition(out: &mut Vec<u8>, disposition: Option<&Disposition>) {
    let Some(disposition) = disposition else {
        out.extend_from_slice(NIL);
        return;
    };
    out.push(b'(');
    write_string(out, &disposition.kind);
    out.push(b' ');
    write_parameters(out, &join(&disposition.parameters));
    out.push(b')');
}

fn write_languages(out: &mut Vec<u8>, languages: &[&[u8]]) {
    if languages.is_empty() {
        out.extend_from_slice(NIL);
        return;
    }
    for (index, language) in languages.iter().enumerate() {
        out.push(if index == 0 { b'(' } else { b' ' });
        write_string(out, language);
    }
    out.push(b')');
}

fn write_number(out: &mut Vec<u8>, number: usize) {
    out.extend_from_slice(format!(" {number}").as_bytes());
}

/// A string, or NIL.
pub(super) fn write_optional(out: &mut Vec<u8>, text: Option<&[u8]>) {
    match text {
        Some(text) => write_string(out, text),
        None => out.extend_from_slice(NIL),
    }
}

/// A quoted string, or a literal where quotes cannot hold it (RFC 9051 §4.3).
/// NUL, which neither can hold, becomes the replacement character.
pub fn write_string(out: &mut Vec<u8>, text: &[u8]) {
    let is_quotable = |byte: &u8| byte.is_ascii() && !matches!(byte, 0 | b'\r' | b'\n');
    if text.iter().all(is_quotable) && text.len() <= QUOTED_BYTES_MAX {
        out.push(b'"');
        for byte in text {
            if matches!(byte, b'"' | b'\\') {
                out.push(b'\\');
            }
            out.push(*byte);
        }
        out.push(b'"');
        return;
    }
    let nul_count = text.iter().filter(|byte| **byte == 0).count();
    let long = text.len() + nul_count * ("\u{FFFD}".len() - 1);
    out.extend_from_slice(format!("{{{long}}}\r\n").as_bytes());
    for byte in text {
        match byte {
            0 => out.extend_from_slice("\u{FFFD}".as_bytes()),
            _ => out.push(*byte),
        }
    }
}

/// Nothing, where a string or list could be.
pub(super) const NIL: &[u8] = b"NIL";
/// What stands in a multipart without parts.
const EMPTY_PART: &[u8] = b"(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0";
/// Longer strings are literals: clients read lines into bounded buffers.
const QUOTED_BYTES_MAX: usize = 4_096;
