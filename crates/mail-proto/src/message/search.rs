//! Whether a message has a text: the keys of IMAP's `SEARCH` that look inside
//! (RFC 9051 §6.4.4).

use crate::message::decode::{header_text, part_text};
use crate::message::fields;
use crate::message::structure::{PartKind, Structure};

/// A text that is looked for without case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needle(String);

impl Needle {
    /// What to look for; the empty text is in every text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.to_lowercase())
    }

    /// Whether a text has it.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        text.to_lowercase().contains(&self.0)
    }
}

/// `HEADER name text`: whether a field of that name has the text; with an empty
/// text, whether there is such a field.
#[must_use]
pub fn header(header: &[u8], name: &str, needle: &Needle) -> bool {
    fields::fields(header).any(|field| field.is(name) && needle.is_in(&header_text(field.value)))
}

/// `BODY text`: whether a body has the text, decoded, in parts of type text and
/// in the headers of messages inside: they are text of the message around them,
/// whose own fields do not count (RFC 9051 §6.4.4). Dovecot looks there too.
#[must_use]
pub fn body(message: &[u8], structure: &Structure, needle: &Needle) -> bool {
    let mut left = TEXT_BYTES_MAX;
    structure.parts().iter().any(|part| {
        if let PartKind::Message(id) = &part.kind {
            return any_field(message, &structure.part(*id).header, needle);
        }
        if part.body.len() > left {
            return false;
        }
        left -= part.body.len();
        part_text(message, part).is_some_and(|text| needle.is_in(&text))
    })
}

/// `TEXT text`: whether a body has the text, or a header: the message's own, a
/// part's, that of a message inside (RFC 9051 §6.4.4).
#[must_use]
pub fn text(message: &[u8], structure: &Structure, needle: &Needle) -> bool {
    structure.parts().iter().any(|part| any_field(message, &part.header, needle))
        || body(message, structure, needle)
}

fn any_field(message: &[u8], header: &std::ops::Range<usize>, needle: &Needle) -> bool {
    let header = message.get(header.clone()).unwrap_or_default();
    fields::fields(header).any(|field| {
        let line = header.get(field.range).unwrap_or_default();
        needle.is_in(&header_text(line))
    })
}

/// Bodies of one message that are decoded for a search.
const TEXT_BYTES_MAX: usize = 64 << 20;

#[cfg(test)]
mod tests {
    use super::{Needle, body, header, text};
    use crate::message::structure::scan;

    const MESSAGE: &[u8] = b"Subject: =?iso-8859-1?q?Caf=E9?=\r\nX-Empty:\r\n\
        Content-Type: multipart/mixed; boundary=b\r\n\r\nPREAMBLE\r\n\
        --b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n\
        w5FBTkTDmg==\r\n\
        --b\r\nContent-Type: image/png; name=\"=?utf-8?q?se=C3=B1al?=.png\"\r\n\r\npixels\r\n\
        --b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ndeep=\r\n--b--\r\n";

    /// RFC 9051 §6.4.4: decoded, without case, where the key says.
    #[test]
    fn texts_are_found_where_they_are() {
        let structure = scan(MESSAGE);
        let of = |words: &str| {
            let needle = Needle::new(words);
            (
                header(MESSAGE, "SUBJECT", &needle),
                body(MESSAGE, &structure, &needle),
                text(MESSAGE, &structure, &needle),
            )
        };
        assert_eq!(of("CAFÉ"), (true, false, true));
        assert_eq!(of("ñandú"), (false, true, true));
        assert_eq!(of("deep="), (false, true, true));
        assert_eq!(of("subject: INNER"), (false, true, true));
        assert_eq!(of("señal.PNG"), (false, false, true));
        assert_eq!(of("pixels"), (false, false, false));
        assert_eq!(of("x-empty"), (false, false, true));
        assert!(header(MESSAGE, "x-empty", &Needle::new("")));
        assert!(!header(MESSAGE, "x-missing", &Needle::new("")));
    }
}
