//! Mailbox names in modified UTF-7, as IMAP4rev1 writes them (RFC 3501 §5.1.3).
//!
//! ```text
//!   Mülleimer & mehr   ◀──▶   M&APw-lleimer &- mehr
//! ```

use base64::Engine as _;
use base64::alphabet::IMAP_MUTF7;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};

/// Why bytes are no name in modified UTF-7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Utf7Error {
    /// A byte that stands for nothing outside of a shift.
    #[error("byte {0} is not printable ASCII")]
    Byte(usize),
    /// `&` without its `-`.
    #[error("the shift at byte {0} does not end")]
    Unended(usize),
    /// What is between `&` and `-` is no UTF-16 in base64.
    #[error("the shift at byte {0} is no UTF-16 in base64")]
    Broken(usize),
    /// A shift that writes what stands for itself, or follows another: one name
    /// would have two forms.
    #[error("the shift at byte {0} is needless")]
    Needless(usize),
}

/// The name as modified UTF-7.
#[must_use]
pub fn encode(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    let mut shifted = Vec::new();
    for c in name.chars() {
        if is_direct(c) {
            end_shift(&mut encoded, &mut shifted);
            encoded.push(c);
            if c == '&' {
                encoded.push('-');
            }
        } else {
            let mut units = [0; 2];
            shifted.extend(c.encode_utf16(&mut units).iter().flat_map(|unit| unit.to_be_bytes()));
        }
    }
    end_shift(&mut encoded, &mut shifted);
    encoded
}

/// The name that modified UTF-7 stands for.
///
/// # Errors
/// [`Utf7Error`]: RFC 3501 §5.1.3 has one form for each name, and no other is
/// taken.
pub fn decode(encoded: &[u8]) -> Result<String, Utf7Error> {
    let mut name = String::with_capacity(encoded.len());
    let mut at = 0;
    let mut after_shift = None;
    while let Some(byte) = encoded.get(at) {
        if *byte != b'&' {
            let c = char::from(*byte);
            if !is_direct(c) {
                return Err(Utf7Error::Byte(at));
            }
            name.push(c);
            at += 1;
            continue;
        }
        let rest = encoded.get(at + 1..).unwrap_or_default();
        let long = rest.iter().position(|byte| *byte == b'-').ok_or(Utf7Error::Unended(at))?;
        let text = rest.get(..long).unwrap_or_default();
        if text.is_empty() {
            name.push('&');
        } else {
            let shifted = decode_shift(text).ok_or(Utf7Error::Broken(at))?;
            if after_shift == Some(at) || shifted.chars().any(is_direct) {
                return Err(Utf7Error::Needless(at));
            }
            name.push_str(&shifted);
            after_shift = Some(at + long + 2);
        }
        at += long + 2;
    }
    Ok(name)
}

fn decode_shift(text: &[u8]) -> Option<String> {
    let bytes = BASE64.decode(text).ok()?;
    let (units, rest) = bytes.as_chunks::<2>();
    let units: Vec<u16> = units.iter().map(|unit| u16::from_be_bytes(*unit)).collect();
    if !rest.is_empty() || units.is_empty() {
        return None;
    }
    String::from_utf16(&units).ok()
}

fn end_shift(encoded: &mut String, shifted: &mut Vec<u8>) {
    if !shifted.is_empty() {
        encoded.push('&');
        BASE64.encode_string(shifted.as_slice(), encoded);
        encoded.push('-');
        shifted.clear();
    }
}

/// Printable ASCII stands for itself.
const fn is_direct(c: char) -> bool {
    matches!(c, ' '..='~')
}

/// With `,` for `/`, without padding, and no bits left over.
const BASE64: GeneralPurpose = GeneralPurpose::new(&IMAP_MUTF7, NO_PAD);

#[cfg(test)]
mod tests {
    use proptest::prelude::proptest;

    use super::{Utf7Error, decode, encode};

    /// The examples of RFC 3501 §5.1.3, both ways.
    #[test]
    fn names_of_the_standard_go_both_ways() {
        for (name, encoded) in [
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("Mülleimer & mehr", "M&APw-lleimer &- mehr"),
            ("😀", "&2D3eAA-"),
            ("INBOX", "INBOX"),
            ("&", "&-"),
        ] {
            assert_eq!(encode(name), encoded);
            assert_eq!(decode(encoded.as_bytes()).as_deref(), Ok(name));
        }
    }

    /// RFC 3501 §5.1.3: what is broken or has another form is no name.
    #[test]
    fn broken_names_are_refused() {
        for (encoded, error) in [
            (&b"a&"[..], Utf7Error::Unended(1)),
            (b"&U,BTFw", Utf7Error::Unended(0)),
            (b"&*-", Utf7Error::Broken(0)),
            (b"&AA-", Utf7Error::Broken(0)),
            (b"&2D0-", Utf7Error::Broken(0)),
            (b"&APx-", Utf7Error::Broken(0)),
            (b"&AGE-", Utf7Error::Needless(0)),
            (b"&ACY-", Utf7Error::Needless(0)),
            (b"&U,A-&VDA-", Utf7Error::Needless(5)),
            (b"caf\xC3\xA9", Utf7Error::Byte(3)),
            (b"a\r\n", Utf7Error::Byte(1)),
        ] {
            assert_eq!(decode(encoded), Err(error), "{}", encoded.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn every_name_comes_back(name in ".*") {
            assert_eq!(decode(encode(&name).as_bytes()).as_deref(), Ok(name.as_str()));
        }

        #[test]
        fn what_is_decoded_has_one_form(bytes in "[&a,A-Z0-9-]{0,12}") {
            if let Ok(name) = decode(bytes.as_bytes()) {
                assert_eq!(encode(&name), bytes);
            }
        }
    }
}
