//! From text to bytes that servers carry; those that every server does are
//! lines of at most 76 ASCII characters (RFC 2045 §6, RFC 2047, course M9).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::envelope::BodyKind;

/// How a part's bytes are written (RFC 2045 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferEncoding {
    /// As they are: ASCII in lines.
    SevenBit,
    /// As they are: any bytes in lines, for servers that take them (RFC 6152).
    EightBit,
    /// Letters as they are, other bytes by number.
    QuotedPrintable,
    /// Three bytes in four letters.
    Base64,
}

impl TransferEncoding {
    /// The shortest that a text needs, where a message may hold such bytes.
    #[must_use]
    pub fn for_text(text: &[u8], body: BodyKind) -> Self {
        let unsafe_bytes = text.iter().filter(|byte| !is_safe(**byte)).count();
        let is_short = |line: &[u8]| line.len() <= LINE_BYTES_MAX;
        let has_bare_cr =
            text.windows(2).any(|pair| matches!(pair, [b'\r', after] if *after != b'\n'));
        let is_in_lines = !has_bare_cr
            && !text.ends_with(b"\r")
            && text.split(|byte| *byte == b'\n').all(is_short);
        if is_in_lines && unsafe_bytes == 0 {
            return Self::SevenBit;
        }
        // RFC 6152 §3: the rules of lines stay, and so does the one on null bytes
        // (RFC 2045 §2.8).
        let is_wide = |byte: &u8| !byte.is_ascii() || is_safe(*byte);
        if is_in_lines && body == BodyKind::EightBit && text.iter().all(is_wide) {
            return Self::EightBit;
        }
        // An escape takes three letters, base64 four for three bytes.
        if unsafe_bytes * 6 > text.len() { Self::Base64 } else { Self::QuotedPrintable }
    }

    /// Its name in a header.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SevenBit => "7bit",
            Self::EightBit => "8bit",
            Self::QuotedPrintable => "quoted-printable",
            Self::Base64 => "base64",
        }
    }

    /// Writes bytes in this encoding.
    #[must_use]
    pub fn write(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::SevenBit | Self::EightBit => bytes.to_vec(),
            Self::QuotedPrintable => quoted_printable(bytes),
            Self::Base64 => base64_lines(bytes),
        }
    }
}

/// A text with CR LF at the end of each line, also the last.
#[must_use]
pub fn with_crlf(text: &str) -> String {
    let mut lines = String::with_capacity(text.len() + 2);
    for line in text.lines() {
        lines.push_str(line);
        lines.push_str("\r\n");
    }
    lines
}

/// A text for an unstructured field or a display name: in ASCII as it is,
/// otherwise as encoded words of whole letters (RFC 2047 §2, §5). Line ends and
/// other controls become spaces, so that nothing can add a field.
#[must_use]
pub fn words(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let text = text.trim();
    if text.is_ascii() && !text.contains("=?") {
        return text.to_owned();
    }
    encoded_words(text)
}

/// A text without control characters as encoded words, its spaces too.
pub(crate) fn encoded_words(text: &str) -> String {
    let mut words = Vec::new();
    let mut word = String::new();
    for c in text.chars() {
        if word.len() + c.len_utf8() > WORD_TEXT_BYTES_MAX {
            words.push(std::mem::take(&mut word));
        }
        word.push(c);
    }
    words.push(word);
    let encoded = words.iter().map(|word| format!("=?utf-8?B?{}?=", STANDARD.encode(word)));
    encoded.collect::<Vec<_>>().join(" ")
}

/// `Name: value` with folds before column 78 where the value has spaces
/// (RFC 5322 §2.1.1, §2.2.3), and its line end.
#[must_use]
pub fn field(name: &str, value: &str) -> String {
    let mut folded = format!("{name}:");
    let mut column = folded.len();
    for word in value.split(' ') {
        let is_long = column + 1 + word.len() > FOLD_COLUMN;
        if is_long && column > 1 && !word.is_empty() && column > name.len() + 1 {
            folded.push_str("\r\n");
            column = 0;
        }
        folded.push(' ');
        folded.push_str(word);
        column += 1 + word.len();
    }
    folded.push_str("\r\n");
    folded
}

/// RFC 2045 §6.7: lines of at most 76, no space at their end. No line that was
/// none before begins like a delimiter (RFC 2046 §5.1.1).
fn quoted_printable(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 8);
    let mut column = 0;
    let mut rest = bytes;
    while let Some((byte, behind)) = rest.split_first() {
        if rest.starts_with(b"\r\n") {
            out.extend_from_slice(b"\r\n");
            column = 0;
            rest = rest.get(2..).unwrap_or_default();
            continue;
        }
        let is_at_end = behind.is_empty() || behind.starts_with(b"\r\n");
        let is_literal = match byte {
            b' ' | b'\t' => !is_at_end,
            b'=' => false,
            _ => byte.is_ascii_graphic(),
        };
        let is_full = column + if is_literal { 1 } else { 3 } > ENCODED_LINE_MAX - 1;
        if is_full {
            out.extend_from_slice(b"=\r\n");
            column = 0;
        }
        let is_literal = is_literal && !(is_full && rest.starts_with(b"--"));
        let long = if is_literal { 1 } else { 3 };
        if is_literal {
            out.push(*byte);
        } else {
            out.extend_from_slice(format!("={byte:02X}").as_bytes());
        }
        column += long;
        rest = behind;
    }
    out
}

/// RFC 2045 §6.8: lines of 76.
fn base64_lines(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() / 3 * 4 + bytes.len() / 20);
    for line in bytes.chunks(ENCODED_LINE_MAX / 4 * 3) {
        out.extend_from_slice(STANDARD.encode(line).as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out
}

const fn is_safe(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~')
}

/// RFC 5322 §2.1.1, without the line end.
const LINE_BYTES_MAX: usize = 998;
/// RFC 2045 §6.7, §6.8.
const ENCODED_LINE_MAX: usize = 76;
/// RFC 5322 §2.1.1 recommends 78.
const FOLD_COLUMN: usize = 78;
/// In base64, with its 12 characters around, a word has 64: a line with `Subject`
/// stays below the 76 of RFC 2047 §2.
const WORD_TEXT_BYTES_MAX: usize = 39;

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::{TransferEncoding, field, words};
    use crate::message::decode::{header_text, transfer};

    /// RFC 2047 §2, §5: words come back, are short, and add no field.
    #[test]
    fn subjects_in_any_script_are_ascii() {
        let subject = "Añoranza de la señora: 日本語テキスト, and more than a line of it";
        let written = field("Subject", &words(subject));
        assert!(written.is_ascii() && written.lines().all(|line| line.len() <= 76), "{written}");
        assert_eq!(header_text(&written.as_bytes()["Subject:".len()..]), subject);
        assert_eq!(words("a\r\nBcc: b"), "a  Bcc: b");
        assert_eq!(header_text(words("=?x?=").as_bytes()), "=?x?=");
    }

    /// RFC 2046 §5.1.1: a delimiter is at the beginning of a line; the text had it
    /// in the middle.
    #[test]
    fn a_soft_line_break_makes_no_delimiter() {
        for before in 60..90 {
            let text = [b"x".repeat(before), b"--b\r\n-- \r\n".to_vec()].concat();
            let written = TransferEncoding::QuotedPrintable.write(&text);
            let lines: Vec<&[u8]> = written.split(|byte| *byte == b'\n').collect();
            assert_eq!(lines.iter().filter(|line| line.starts_with(b"--")).count(), 1, "{before}");
            assert!(lines.iter().all(|line| line.len() <= 77), "{before}");
            assert_eq!(transfer(Some(b"quoted-printable"), &written).as_ref(), text);
        }
    }

    proptest! {
        #[test]
        fn every_encoding_comes_back(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            for encoding in [TransferEncoding::QuotedPrintable, TransferEncoding::Base64] {
                let written = encoding.write(&bytes);
                assert!(written.is_ascii());
                assert!(written.split(|byte| *byte == b'\n').all(|line| line.len() <= 77));
                let read = transfer(Some(encoding.name().as_bytes()), &written);
                assert_eq!(read.as_ref(), bytes);
            }
        }

        #[test]
        fn every_text_comes_back(text in "\\PC{0,80}") {
            assert_eq!(header_text(words(&text).as_bytes()), text.trim());
        }
    }
}
