//! A message with bytes above ASCII for a server without 8BITMIME
//! (RFC 6152 §3): what must change, part by part, and nothing else.

use std::borrow::Cow;
use std::ops::Range;

use crate::envelope::BodyKind;
use crate::message::content::Content;
use crate::message::decode::{part_bytes, text};
use crate::message::encode::{TransferEncoding, encoded_words};
use crate::message::fields;
use crate::message::structure::{PartKind, scan};

/// The message in ASCII. Parts with other bytes or with lines above 998 are
/// written in quoted-printable or base64, fields in encoded words; the parts
/// stay where they were. Bytes that belong to no part (between parts, or too
/// deep inside) become question marks.
///
/// A signature over what changes no longer fits: signed parts of honest
/// writers are 7-bit already (RFC 1847 §2.1), and DKIM is signed afterwards.
#[must_use]
pub fn downgrade_to_7bit(message: &[u8]) -> Cow<'_, [u8]> {
    if is_clean(message) {
        return Cow::Borrowed(message);
    }
    let structure = scan(message);
    let mut edits: Vec<(Range<usize>, Vec<u8>)> = Vec::new();
    for (index, part) in structure.parts().iter().enumerate() {
        let header = message.get(part.header.clone()).unwrap_or_default();
        let body = message.get(part.body.clone()).unwrap_or_default();
        let place = if index == 0 { Place::Message } else { Place::Part };
        // What was encoded, but badly, is encoded once and not twice.
        let content = match part.kind {
            PartKind::Leaf if !is_clean(body) => Some(part_bytes(message, part)),
            _ => None,
        };
        let encoding = content.as_deref().map(|content| encoding_for(header, content));
        edits.push((part.header.clone(), new_header(header, encoding, place)));
        if let Some((encoding, content)) = encoding.zip(content) {
            let mut written = encoding.write(&content);
            if !body.ends_with(b"\n") && written.ends_with(b"\r\n") {
                written.truncate(written.len() - 2);
            }
            edits.push((part.body.clone(), written));
        }
    }
    edits.sort_by_key(|(range, _)| (range.start, range.end));
    let mut out = Vec::with_capacity(message.len() + message.len() / 4);
    let mut at = 0;
    for (range, written) in edits {
        copy_ascii(&mut out, message.get(at..range.start).unwrap_or_default());
        out.extend_from_slice(&written);
        at = at.max(range.end);
    }
    copy_ascii(&mut out, message.get(at..).unwrap_or_default());
    Cow::Owned(out)
}

/// Whether a message is the whole of something, or part of one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Message,
    Part,
}

fn is_clean(bytes: &[u8]) -> bool {
    bytes.is_ascii() && bytes.split(|byte| *byte == b'\n').all(|line| line.len() <= LINE_MAX)
}

fn encoding_for(header: &[u8], body: &[u8]) -> TransferEncoding {
    let content = Content::of(header);
    let is_text = content.content_type.is_none_or(|of| of.kind.eq_ignore_ascii_case(b"text"));
    if !is_text {
        return TransferEncoding::Base64;
    }
    match TransferEncoding::for_text(body, BodyKind::SevenBit) {
        TransferEncoding::SevenBit => TransferEncoding::QuotedPrintable,
        other => other,
    }
}

/// The fields in ASCII, with the encoding that holds for the body.
fn new_header(header: &[u8], encoding: Option<TransferEncoding>, place: Place) -> Vec<u8> {
    let mut out = Vec::with_capacity(header.len());
    let mut end = 0;
    let mut is_mime = false;
    let mut has_type = false;
    for field in fields::fields(header) {
        end = field.range.end;
        is_mime |= field.is("mime-version");
        has_type |= field.is("content-type");
        if field.is("content-transfer-encoding") {
            let said = field.value.trim_ascii();
            let is_wide =
                said.eq_ignore_ascii_case(b"8bit") || said.eq_ignore_ascii_case(b"binary");
            if is_wide && encoding.is_none() {
                out.extend_from_slice(b"Content-Transfer-Encoding: 7bit\r\n");
            }
            if is_wide || encoding.is_some() {
                continue;
            }
        }
        let line = header.get(field.range.clone()).unwrap_or_default();
        if line.is_ascii() {
            out.extend_from_slice(line);
        } else if field.is("received") {
            copy_ascii(&mut out, &without_recipient(line));
        } else {
            out.extend_from_slice(&ascii_field(field.name, field.value));
        }
    }
    if let Some(encoding) = encoding {
        if place == Place::Message && !is_mime {
            out.extend_from_slice(b"MIME-Version: 1.0\r\n");
        }
        if place == Place::Message && !has_type {
            // RFC 1428 §3: it did not say, and nobody knows.
            out.extend_from_slice(b"Content-Type: text/plain; charset=unknown-8bit\r\n");
        }
        out.extend_from_slice(
            format!("Content-Transfer-Encoding: {}\r\n", encoding.name()).as_bytes(),
        );
    }
    out.extend_from_slice(header.get(end..).unwrap_or_default());
    out
}

/// A field whose words beyond ASCII are encoded words, one by one, so that
/// addresses and separators beside them stay (RFC 2047 §5).
fn ascii_field(name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = name.iter().copied().filter(u8::is_ascii).collect();
    out.push(b':');
    let value = fields::unfold(value);
    let mut column = out.len();
    // RFC 2047 §5 (1): in text an encoded word has white space on both sides.
    let is_text = is_unstructured(name);
    // Whether an encoded word stood last: the space between two is not shown (RFC 2047 §6.2).
    let mut was_encoded = false;
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    for word in value.split(is_space).filter(|word| !word.is_empty()) {
        let written = if word.is_ascii() {
            was_encoded = false;
            word.to_vec()
        } else {
            let is_mark = |byte: &u8| !is_text && b"\"()<>,;:".contains(byte);
            let start = word.iter().take_while(|byte| is_mark(byte)).count();
            let tail = word.iter().rev().take_while(|byte| is_mark(byte)).count();
            let inner = word.get(start..word.len() - tail).unwrap_or_default();
            let around =
                |marks: &[u8]| marks.iter().copied().filter(|byte| *byte != b'"').collect();
            let before: Vec<u8> = around(word.get(..start).unwrap_or_default());
            let after: Vec<u8> = around(word.get(word.len() - tail..).unwrap_or_default());
            let space = if was_encoded && before.is_empty() { " " } else { "" };
            was_encoded = after.is_empty();
            let inner = encoded_words(&format!("{space}{}", text(None, inner)));
            [before, inner.into_bytes(), after].concat()
        };
        if column + written.len() > FOLD_COLUMN && column > 1 {
            out.extend_from_slice(b"\r\n");
            column = 0;
        }
        out.push(b' ');
        column += written.len() + 1;
        out.extend_from_slice(&written);
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// Whether the field's value is text, in which no sign means anything (RFC 5322 §2.2.1).
fn is_unstructured(name: &[u8]) -> bool {
    let names: [&[u8]; 3] = [b"subject", b"comments", b"content-description"];
    let is_own = name.get(..2).is_some_and(|start| start.eq_ignore_ascii_case(b"x-"));
    is_own || names.iter().any(|one| name.eq_ignore_ascii_case(one))
}

/// A trace field without the clause that names an address beyond ASCII: "an 'encoded-word'
/// MUST NOT be used in a Received header field" (RFC 2047 §5).
fn without_recipient(line: &[u8]) -> Vec<u8> {
    let start = line.windows(5).position(|some| some.eq_ignore_ascii_case(b"for <"));
    let Some(start) = start else { return line.to_vec() };
    let (before, rest) = line.split_at(start);
    let end = rest.iter().position(|byte| *byte == b'>').map_or(rest.len(), |at| at + 1);
    let (clause, after) = rest.split_at(end);
    if clause.is_ascii() {
        return line.to_vec();
    }
    [before.trim_ascii_end(), after].concat()
}

fn copy_ascii(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(bytes.iter().map(|byte| if byte.is_ascii() { *byte } else { b'?' }));
}

/// RFC 5322 §2.1.1: 998 and a CR.
const LINE_MAX: usize = 999;
/// Fields are folded before it.
const FOLD_COLUMN: usize = 78;

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::downgrade_to_7bit;
    use crate::message::addresses::mailboxes;
    use crate::message::decode::{address_text, header_text, mailbox_text, part_bytes, part_text};
    use crate::message::fields::first;
    use crate::message::structure::scan;

    const WIDE: &str = "From: \"José Ñ\" <jose@x.example>\r\nSubject: año\r\n nuevo\r\n\
        Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\
        preámbulo\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\
        Content-Transfer-Encoding: 8bit\r\n\r\nseñor\r\n--b\r\n\
        Content-Type: application/x\r\n\r\nÿ\r\n--b\r\n\r\nplain\r\n--b--\r\n";

    /// RFC 6152 §3: the parts stay, their text too; only their form changes.
    #[test]
    fn every_part_keeps_its_text() {
        let narrow = downgrade_to_7bit(WIDE.as_bytes());
        assert!(narrow.is_ascii());
        let structure = scan(&narrow);
        let parts = structure.parts();
        assert_eq!(parts.len(), 4);
        assert_eq!(part_text(&narrow, &parts[1]).unwrap(), "señor");
        assert_eq!(part_bytes(&narrow, &parts[2]).as_ref(), "ÿ".as_bytes());
        assert_eq!(part_text(&narrow, &parts[3]).unwrap(), "plain");
        let header = &narrow[parts[0].header.clone()];
        assert_eq!(header_text(first(header, "subject").unwrap()), "año nuevo");
        let from = mailboxes(first(header, "from").unwrap()).next().unwrap();
        assert_eq!(address_text(&from), "jose@x.example");
        assert!(mailbox_text(&from).starts_with("José"));
        assert_eq!(first(header, "content-transfer-encoding").unwrap(), b" 7bit");
    }

    /// RFC 2047 §6.2: white space between two encoded words is not shown.
    #[test]
    fn words_beyond_ascii_beside_each_other_keep_their_space() {
        for subject in ["año niño", "señor \"Ñuño\" á", "año\tniño x é é", "(ñ ñ) ñ"] {
            let message = format!("Subject: {subject}\r\n\r\nx\r\n");
            let narrow = downgrade_to_7bit(message.as_bytes());
            assert!(narrow.is_ascii());
            let told = header_text(first(&narrow, "subject").unwrap());
            assert_eq!(told, subject.replace('\t', " "));
        }
        let narrow = downgrade_to_7bit("From: \"José Ñuño\" <j@x.example>\r\n\r\nx\r\n".as_bytes());
        let from = first(&narrow, "from").unwrap();
        assert_eq!(mailbox_text(&mailboxes(from).next().unwrap()), "José Ñuño");
    }

    /// RFC 2047 §5: no encoded word in a trace field; what it tells otherwise stays.
    #[test]
    fn a_trace_field_loses_the_address_beyond_ascii_and_nothing_else() {
        let message = "Received: from x ([192.0.2.1])\r\n\tby mail.example with UTF8SMTP id 1\r\n\
            \tfor <josé@x.example>;\r\n\tSat, 28 Nov 2026 03:37:16 +0000\r\n\r\nx\r\n";
        let narrow = downgrade_to_7bit(message.as_bytes()).into_owned();
        let expected = message.replace("\r\n\tfor <josé@x.example>", "");
        assert_eq!(String::from_utf8(narrow).unwrap(), expected);
    }

    /// RFC 2045 §6: writers put bytes where their own encoding allows none.
    #[test]
    fn a_part_that_was_badly_encoded_keeps_its_text() {
        let message = b"Content-Type: text/plain; charset=utf-8\r\n\
            Content-Transfer-Encoding: quoted-printable\r\n\r\ncaf=C3=A9, a\xc3\xb1o\r\n";
        let narrow = downgrade_to_7bit(message);
        assert!(narrow.is_ascii());
        let structure = scan(&narrow);
        assert_eq!(part_text(&narrow, structure.root()).unwrap(), "café, año\r\n");
    }

    /// What is 7-bit already is not touched; what says nothing of itself says so.
    #[test]
    fn nothing_else_changes() {
        let plain = b"Subject: x\r\n\r\nbody\r\n";
        assert!(matches!(downgrade_to_7bit(plain), std::borrow::Cow::Borrowed(_)));
        let bare = downgrade_to_7bit(b"Subject: x\r\n\r\ncaf\xe9\r\n").into_owned();
        assert_eq!(
            String::from_utf8(bare).unwrap(),
            "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=unknown-8bit\r\n\
             Content-Transfer-Encoding: quoted-printable\r\n\r\ncaf=E9\r\n"
        );
        let long = [b"Subject: x\r\n\r\n".as_slice(), &b"x".repeat(1_200), b"\r\n"].concat();
        let lines = downgrade_to_7bit(&long);
        assert!(lines.split(|byte| *byte == b'\n').all(|line| line.len() <= 77));
    }

    proptest! {
        #[test]
        fn whatever_it_is_becomes_ascii(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            assert!(downgrade_to_7bit(&bytes).is_ascii());
        }
    }
}
