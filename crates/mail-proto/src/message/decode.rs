//! From bytes to text: transfer encodings (RFC 2045 §6), charsets, encoded
//! words (RFC 2047). Everything is read with patience: what cannot be decoded
//! is shown as it stands.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

use crate::message::addresses::Mailbox;
use crate::message::content::Content;
use crate::message::fields::unfold;
use crate::message::structure::{Part, PartKind};

/// A part's body without its transfer encoding.
#[must_use]
pub fn part_bytes<'a>(message: &'a [u8], part: &Part) -> Cow<'a, [u8]> {
    let content = Content::of(message.get(part.header.clone()).unwrap_or_default());
    transfer(content.encoding, message.get(part.body.clone()).unwrap_or_default())
}

/// The text of a part whose type is text; none for others.
#[must_use]
pub fn part_text(message: &[u8], part: &Part) -> Option<String> {
    let content = Content::of(message.get(part.header.clone()).unwrap_or_default());
    let is_text =
        content.content_type.as_ref().is_none_or(|of| of.kind.eq_ignore_ascii_case(b"text"));
    if !is_text || part.kind != PartKind::Leaf {
        return None;
    }
    let charset = content.content_type.as_ref().and_then(|of| of.parameter("charset"));
    let body = transfer(content.encoding, message.get(part.body.clone()).unwrap_or_default());
    Some(text(charset, &body))
}

/// Bytes without their transfer encoding; an unknown one changes nothing.
#[must_use]
pub fn transfer<'a>(encoding: Option<&[u8]>, body: &'a [u8]) -> Cow<'a, [u8]> {
    match encoding.map(<[u8]>::to_ascii_lowercase).as_deref() {
        Some(b"base64") => Cow::Owned(base64_bytes(body)),
        Some(b"quoted-printable") => Cow::Owned(quoted_printable(body)),
        _ => Cow::Borrowed(body),
    }
}

/// Bytes of a charset as text. Without a charset, or with an unknown one, it is
/// UTF-8 if it can be, else Windows-1252, in which every byte is a letter.
#[must_use]
pub fn text(charset: Option<&[u8]>, bytes: &[u8]) -> String {
    let named = charset.and_then(Encoding::for_label);
    // Much that says to be US-ASCII is UTF-8; no ASCII is lost by looking.
    let encoding = match named {
        Some(encoding) if encoding != WINDOWS_1252 && encoding != UTF_8 => encoding,
        _ if std::str::from_utf8(bytes).is_ok() => UTF_8,
        _ => WINDOWS_1252,
    };
    encoding.decode_without_bom_handling(bytes).0.into_owned()
}

/// The value of an unstructured field, or a phrase, as text: unfolded, with its
/// encoded words decoded (RFC 2047 §6.2).
#[must_use]
pub fn header_text(value: &[u8]) -> String {
    let value = unfold(value);
    let mut rest = value.as_ref();
    let mut shown = String::with_capacity(rest.len());
    // Words of one charset are joined before decoding: some writers cut letters.
    let mut open: Option<(Vec<u8>, Vec<u8>)> = None;
    let mut plain = Vec::new();
    while let Some(byte) = rest.first() {
        if let Some((word, behind)) = rest.starts_with(b"=?").then(|| encoded_word(rest)).flatten()
        {
            // RFC 2047 §6.2: space between two encoded words is none.
            if open.is_none() || !plain.iter().all(u8::is_ascii_whitespace) {
                close_word(&mut shown, &mut open);
                shown.push_str(&text(None, &plain));
            }
            plain.clear();
            match &mut open {
                Some((charset, bytes)) if *charset == word.charset => bytes.extend(word.bytes),
                _ => {
                    close_word(&mut shown, &mut open);
                    open = Some((word.charset, word.bytes));
                }
            }
            rest = behind;
        } else {
            plain.push(*byte);
            rest = rest.get(1..).unwrap_or_default();
        }
    }
    close_word(&mut shown, &mut open);
    shown.push_str(&text(None, &plain));
    shown
}

/// A mailbox as people read it: its name, or its address.
#[must_use]
pub fn mailbox_text(mailbox: &Mailbox) -> String {
    mailbox.name.as_deref().map_or_else(|| address_text(mailbox), header_text)
}

/// `local@domain` of a mailbox.
#[must_use]
pub fn address_text(mailbox: &Mailbox) -> String {
    let mut shown = text(None, &mailbox.local);
    if let Some(domain) = &mailbox.domain {
        shown.push('@');
        shown.push_str(&text(None, domain));
    }
    shown
}

/// A file name of RFC 2231 §4 (`utf-8'en'%c3%a1.pdf`), or none when it is not
/// in that form.
#[must_use]
pub fn extended_value(value: &[u8]) -> Option<String> {
    let mut parts = value.splitn(3, |byte| *byte == b'\'');
    let (charset, _, escaped) = (parts.next()?, parts.next()?, parts.next()?);
    Some(text(Some(charset), &unescape(escaped, b'%')))
}

fn close_word(shown: &mut String, open: &mut Option<(Vec<u8>, Vec<u8>)>) {
    if let Some((charset, bytes)) = open.take() {
        shown.push_str(&text(Some(&charset), &bytes));
    }
}

struct EncodedWord {
    charset: Vec<u8>,
    bytes: Vec<u8>,
}

/// `=?charset*language?Q or B?text?=` (RFC 2047 §2, RFC 2231 §5).
fn encoded_word(text: &[u8]) -> Option<(EncodedWord, &[u8])> {
    let inner = text.strip_prefix(b"=?")?;
    let mut parts = inner.splitn(3, |byte| *byte == b'?');
    let (charset, encoding, behind) = (parts.next()?, parts.next()?, parts.next()?);
    // No question mark is in the text: looking for one keeps a field of openings
    // linear.
    let long = behind.iter().position(|byte| *byte == b'?')?;
    if long > ENCODED_WORD_BYTES_MAX || behind.get(long + 1) != Some(&b'=') {
        return None;
    }
    let (encoded, rest) = behind.split_at(long);
    let bytes = match encoding {
        b"Q" | b"q" => {
            let spaced: Vec<u8> =
                encoded.iter().map(|byte| if *byte == b'_' { b' ' } else { *byte }).collect();
            unescape(&spaced, b'=')
        }
        b"B" | b"b" => base64_bytes(encoded),
        _ => return None,
    };
    let charset = charset.split(|byte| *byte == b'*').next()?.to_ascii_lowercase();
    if charset.is_empty() || charset.len() > CHARSET_BYTES_MAX {
        return None;
    }
    Some((EncodedWord { charset, bytes }, rest.get(2..)?))
}

/// RFC 2045 §6.8: what is not of the alphabet is skipped, a rest is dropped.
fn base64_bytes(body: &[u8]) -> Vec<u8> {
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let mut decoded = Vec::with_capacity(body.len() / 4 * 3);
    // Some writers join several encodings, each with its padding.
    for run in body.split(|byte| *byte == b'=') {
        let mut letters: Vec<u8> = run.iter().copied().filter(is_letter).collect();
        if letters.len() % 4 == 1 {
            letters.pop();
        }
        decoded.extend(BASE64.decode(&letters).unwrap_or_default());
    }
    decoded
}

/// RFC 2045 §6.7: soft line breaks go, spaces at line ends go.
fn quoted_printable(body: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(body.len());
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let end = line.get(text.len()..).unwrap_or_default();
        let text = text.trim_ascii_end();
        match text.strip_suffix(b"=") {
            Some(soft) => decoded.extend(unescape(soft, b'=')),
            None => {
                decoded.extend(unescape(text, b'='));
                decoded.extend_from_slice(end);
            }
        }
    }
    decoded
}

/// Two hexadecimal digits after `mark` are a byte; anything else stays.
fn unescape(text: &[u8], mark: u8) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let digits = (*byte == mark).then(|| text.get(at + 1..at + 3)).flatten();
        let value = digits.and_then(|digits| {
            let [high, low] = [digits.first()?, digits.get(1)?];
            let digit = |byte: &u8| char::from(*byte).to_digit(16);
            u8::try_from(digit(high)? * 16 + digit(low)?).ok()
        });
        bytes.push(value.unwrap_or(*byte));
        at += if value.is_some() { 3 } else { 1 };
    }
    bytes
}

/// Takes what other writers leave out or leave over.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// RFC 2047 §2 allows 75 characters; many writers take more.
const ENCODED_WORD_BYTES_MAX: usize = 4_096;
/// Registered names have up to 45.
const CHARSET_BYTES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::{header_text, part_text, text, transfer};
    use crate::message::structure::scan;

    /// The examples of RFC 2047 §8, and words that are none.
    #[test]
    fn encoded_words_are_shown_as_the_standard_shows_them() {
        for (value, shown) in [
            ("(=?ISO-8859-1?Q?a?=)", "(a)"),
            ("=?ISO-8859-1?Q?a?= b", "a b"),
            ("=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=", "ab"),
            ("=?ISO-8859-1?Q?a?=\r\n     =?ISO-8859-1?Q?b?=", "ab"),
            ("=?ISO-8859-1?Q?a_b?=", "a b"),
            ("=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "a b"),
            ("=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=", "If you can read this yo"),
            ("=?US-ASCII?Q?Keith_Moore?= <m@x>", "Keith Moore <m@x>"),
            ("=?utf-8?q?=C3?= =?utf-8?q?=A1?=", "á"),
            ("=?utf-8*es?q?=C3=A1?=", "á"),
            ("=?x-unknown?q?=E9?=", "é"),
            ("=?utf-8?x?a?= =?utf-8?q?open", "=?utf-8?x?a?= =?utf-8?q?open"),
            ("=?", "=?"),
        ] {
            assert_eq!(header_text(value.as_bytes()), shown, "{value}");
        }
    }

    /// RFC 2045 §6.7, §6.8, with what real writers do to them.
    #[test]
    fn transfer_encodings_are_taken_away() {
        let of = |encoding: &str, body: &[u8]| {
            String::from_utf8(transfer(Some(encoding.as_bytes()), body).into_owned()).unwrap()
        };
        assert_eq!(of("Quoted-Printable", b"a=\r\nb =3D=  \r\n=zz=4\r\n"), "ab ==zz=4\r\n");
        assert_eq!(of("BASE64", b"aGVs\r\n bG8=\r\naGk"), "hellohi");
        assert_eq!(of("base64", b"aGVsbG8!"), "hello");
        assert_eq!(of("8bit", b"a=3D"), "a=3D");
    }

    /// A charset that is not so is no reason to show nothing.
    #[test]
    fn a_wrong_charset_is_tolerated() {
        assert_eq!(text(Some(b"us-ascii"), "á".as_bytes()), "á");
        assert_eq!(text(Some(b"utf-8"), b"\xe9"), "é");
        assert_eq!(text(Some(b"no-such"), b"a\xe9"), "aé");
        assert_eq!(text(Some(b"iso-8859-2"), b"\xb1"), "ą");
        assert_eq!(text(Some(b"shift_jis"), b"\x93\xfa"), "日");
        let message = b"Content-Type: text/plain; charset=utf-8\r\n\r\n\xe9\r\n";
        assert_eq!(part_text(message, scan(message).root()).unwrap(), "é\r\n");
    }
}
