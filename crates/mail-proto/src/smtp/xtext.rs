//! xtext: any bytes in printable ASCII (RFC 3461 §4).

/// The bytes behind an xtext; none when it is none.
#[must_use]
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(digit(rest.next()?)? * 16 + digit(rest.next()?)?),
            b'!'..=b'~' if byte != b'=' => bytes.push(byte),
            _ => return None,
        }
    }
    Some(bytes)
}

/// The xtext of some bytes.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    use std::fmt::Write as _;

    bytes.iter().fold(String::with_capacity(bytes.len()), |mut text, byte| {
        match byte {
            b'+' | b'=' => {}
            b'!'..=b'~' => {
                text.push(char::from(*byte));
                return text;
            }
            _ => {}
        }
        let _ = write!(text, "+{byte:02X}");
        text
    })
}

/// RFC 3461 §4: only capitals.
const fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_xtext_is_refused() {
        assert_eq!(decode("a+3Db"), Some(b"a=b".to_vec()));
        for text in ["a=b", "a b", "+3", "+3d", "+", "ñ"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(bytes: Vec<u8>) {
            prop_assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }
    }
}
