//! What a part says of its content: type, encoding, disposition (RFC 2045,
//! RFC 2183).

pub(crate) mod continued;

use crate::message::decode::{extended_value, header_text};
use crate::message::fields::{self, Field};
use crate::message::tokens::{TSPECIALS, Tokens};

/// `Content-Type` (RFC 2045 §5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentType {
    /// `text`, as written.
    pub kind: Vec<u8>,
    /// `plain`, as written.
    pub subtype: Vec<u8>,
    /// In their order.
    pub parameters: Parameters,
}

/// `Content-Disposition` (RFC 2183 §2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disposition {
    /// `attachment`, as written.
    pub kind: Vec<u8>,
    /// In their order.
    pub parameters: Parameters,
}

/// Names and values as written, without quotes; continuations and charsets of
/// RFC 2231 are left as they are.
pub type Parameters = Vec<(Vec<u8>, Vec<u8>)>;

/// The `Content-` fields of a part that readers ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content<'a> {
    /// None: absent or malformed, so that the default holds (RFC 2045 §5.2).
    pub content_type: Option<ContentType>,
    /// `Content-Transfer-Encoding` (RFC 2045 §6), a token.
    pub encoding: Option<&'a [u8]>,
    /// `Content-ID`, folded as it is.
    pub id: Option<&'a [u8]>,
    /// `Content-Description`, folded as it is.
    pub description: Option<&'a [u8]>,
    /// None: absent or malformed.
    pub disposition: Option<Disposition>,
    /// `Content-MD5` (RFC 1864).
    pub md5: Option<&'a [u8]>,
    /// `Content-Language` (RFC 3282), tags in their order.
    pub languages: Vec<&'a [u8]>,
    /// `Content-Location` (RFC 2557), folded as it is.
    pub location: Option<&'a [u8]>,
}

impl<'a> Content<'a> {
    /// What a part's header says; of fields given twice the first counts.
    #[must_use]
    pub fn of(header: &'a [u8]) -> Self {
        let mut content = Self::default();
        for field in fields::fields(header) {
            // Most fields are of other kinds: one look at the name leaves them.
            let is_content = field.name.get(..8);
            if is_content.is_some_and(|start| start.eq_ignore_ascii_case(b"content-")) {
                content.add(&field);
            }
        }
        content
    }

    /// The media type and, where there is one, the name of the file (RFC 2183
    /// §2.3), for people: `image/png museum.png`.
    #[must_use]
    pub fn label(&self) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let media_type = self.content_type.as_ref().map_or_else(
            || "text/plain".to_owned(),
            |of| format!("{}/{}", text(&of.kind), text(&of.subtype)),
        );
        let disposition = self.disposition.as_ref();
        match disposition.and_then(|of| text_parameter(&of.parameters, "filename")) {
            Some(name) => format!("{media_type} {name}"),
            None => media_type,
        }
    }

    fn add(&mut self, field: &Field<'a>) {
        let mut tokens = Tokens::new(field.value);
        let text = Some(field.value);
        match field.name.get(8..).unwrap_or_default().to_ascii_lowercase().as_slice() {
            b"type" if self.content_type.is_none() => {
                self.content_type = ContentType::parse(field.value);
            }
            b"transfer-encoding" if self.encoding.is_none() => {
                tokens.skip_space();
                self.encoding = tokens.word(TSPECIALS);
            }
            b"disposition" if self.disposition.is_none() => {
                self.disposition = Disposition::parse(field.value);
            }
            b"language" if self.languages.is_empty() => self.languages = languages(field.value),
            b"id" if self.id.is_none() => self.id = text,
            b"description" if self.description.is_none() => self.description = text,
            b"md5" if self.md5.is_none() => self.md5 = text,
            b"location" if self.location.is_none() => self.location = text,
            _ => {}
        }
    }
}

impl ContentType {
    /// A value of the field; none when it has no type with a subtype.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let mut tokens = Tokens::new(value);
        tokens.skip_space();
        let kind = tokens.word(TSPECIALS)?.to_vec();
        tokens.skip_space();
        tokens.take(b'/')?;
        tokens.skip_space();
        let subtype = tokens.word(TSPECIALS)?.to_vec();
        Some(Self { kind, subtype, parameters: parameters(&mut tokens) })
    }

    /// Whether it is that type and subtype, in any case.
    #[must_use]
    pub fn is(&self, kind: &str, subtype: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind.as_bytes())
            && self.subtype.eq_ignore_ascii_case(subtype.as_bytes())
    }

    /// The value of a parameter.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&[u8]> {
        parameter(&self.parameters, name)
    }
}

impl Disposition {
    /// A value of the field; none when it begins with no word.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let mut tokens = Tokens::new(value);
        tokens.skip_space();
        let kind = tokens.word(TSPECIALS)?.to_vec();
        Some(Self { kind, parameters: parameters(&mut tokens) })
    }
}

/// The value of the first parameter of that name, in any case.
#[must_use]
pub fn parameter<'a>(parameters: &'a Parameters, name: &str) -> Option<&'a [u8]> {
    let found = parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name.as_bytes()));
    found.map(|(_, value)| value.as_slice())
}

/// The value of a parameter as text: with its charset (RFC 2231 §4), in pieces
/// (§3), or with encoded words, as many programs write it.
#[must_use]
pub fn text_parameter(parameters: &Parameters, name: &str) -> Option<String> {
    let extended = parameter(parameters, &format!("{name}*")).and_then(extended_value);
    extended
        .or_else(|| joined(parameters, name))
        .or_else(|| parameter(parameters, name).map(header_text))
}

/// RFC 2231 §3, §4.1: pieces by number; those with a star have bytes by number,
/// the first of them the charset.
fn joined(parameters: &Parameters, name: &str) -> Option<String> {
    let mut whole = Vec::new();
    for number in 0..PARAMETERS_MAX {
        if let Some(piece) = parameter(parameters, &format!("{name}*{number}*")) {
            whole.extend_from_slice(piece);
        } else if let Some(piece) = parameter(parameters, &format!("{name}*{number}")) {
            if number == 0 {
                whole.extend_from_slice(b"utf-8''");
            }
            for byte in piece {
                whole.extend_from_slice(if *byte == b'%' {
                    b"%25"
                } else {
                    std::slice::from_ref(byte)
                });
            }
        } else {
            break;
        }
    }
    extended_value(&whole)
}

/// `*(";" attribute "=" value)` (RFC 2045 §5.1); what is no parameter is
/// skipped up to the next semicolon.
fn parameters(tokens: &mut Tokens<'_>) -> Parameters {
    let mut parameters = Vec::new();
    while parameters.len() < PARAMETERS_MAX {
        tokens.skip_to(b";");
        if tokens.take(b';').is_none() {
            break;
        }
        tokens.skip_space();
        let Some(name) = tokens.word(TSPECIALS) else { continue };
        tokens.skip_space();
        if tokens.take(b'=').is_none() {
            continue;
        }
        tokens.skip_space();
        // Many programs write values with a slash or a question mark unquoted.
        if let Some(value) = tokens.value(b";\"()") {
            parameters.push((name.to_vec(), value.into_owned()));
        }
    }
    parameters
}

fn languages(value: &[u8]) -> Vec<&[u8]> {
    let mut tokens = Tokens::new(value);
    let mut languages = Vec::new();
    while languages.len() < LANGUAGES_MAX {
        tokens.skip_space();
        languages.extend(tokens.word(TSPECIALS));
        tokens.skip_to(b",");
        if tokens.take(b',').is_none() {
            break;
        }
    }
    languages
}

/// More parameters of one field are not read; honest ones have a handful, and
/// RFC 2231 continuations some dozens.
const PARAMETERS_MAX: usize = 256;
/// More languages are not read.
const LANGUAGES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::{Disposition, text_parameter};

    fn name(value: &str) -> Option<String> {
        text_parameter(&Disposition::parse(value.as_bytes())?.parameters, "filename")
    }

    /// RFC 2231 §3, §4, §4.1 (its own example), and what others write.
    #[test]
    fn names_are_read_in_all_their_forms() {
        for (value, shown) in [
            ("attachment; filename=\"a b.pdf\"", "a b.pdf"),
            ("attachment; filename*=utf-8'es'a%C3%B1o.pdf", "año.pdf"),
            ("attachment; filename*0=\"a%20\"; filename*1=\"b.pdf\"", "a%20b.pdf"),
            (
                "attachment; filename*1*=%2A%2A%2Afun%2A%2A%2A%20; filename*2=\"isn't it!\"; \
                 filename*0*=us-ascii'en'This%20is%20even%20more%20",
                "This is even more ***fun*** isn't it!",
            ),
            ("attachment; filename*0*=utf-8''a%C3; filename*1*=%B1o", "año"),
            ("attachment; filename=\"=?utf-8?Q?a=C3=B1o?=\"", "año"),
            ("attachment; filename*=broken; filename=whole", "whole"),
        ] {
            assert_eq!(name(value).as_deref(), Some(shown), "{value}");
        }
        assert_eq!(name("attachment; filename*1*=b; other=x"), None);
        assert_eq!(name("attachment"), None);
    }
}
