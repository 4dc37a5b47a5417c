//! Percent-encoding, queries and forms (RFC 3986 §2.1, §3.4).

/// The bytes that a percent-encoded text stands for; none when a `%` is not
/// followed by two hexadecimal digits.
#[must_use]
pub fn percent_decode(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let high = (bytes.next()? as char).to_digit(16)?;
        let low = (bytes.next()? as char).to_digit(16)?;
        out.push(u8::try_from(high * 16 + low).ok()?);
    }
    Some(out)
}

/// As [`percent_decode`], for what must be text.
#[must_use]
pub fn percent_decode_text(text: &str) -> Option<String> {
    String::from_utf8(percent_decode(text)?).ok()
}

/// Percent-encodes all but unreserved characters (RFC 3986 §2.3).
#[must_use]
pub fn percent_encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte as char);
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// The pairs of a query or form, in order; a `+` is a blank. None when it is
/// malformed or has more than 256 pairs.
#[must_use]
pub fn parse_form(text: &str) -> Option<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        if pairs.len() == PAIRS_MAX {
            return None;
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let plain = |text: &str| percent_decode_text(&text.replace('+', " "));
        pairs.push((plain(name)?, plain(value)?));
    }
    Some(pairs)
}

/// Pairs of one form.
const PAIRS_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_decoded_and_broken_ones_refused() {
        // RFC 3986 §2.1: a percent sign and two hexadecimal digits.
        assert_eq!(percent_decode_text("caf%C3%A9").as_deref(), Some("café"));
        assert_eq!(percent_decode_text("100%25").as_deref(), Some("100%"));
        for broken in ["%", "%4", "%zz", "%+1"] {
            assert_eq!(percent_decode(broken), None, "{broken}");
        }
        assert_eq!(percent_decode_text("%ff"), None, "not UTF-8");
    }

    #[test]
    fn a_form_keeps_the_order_of_its_pairs() {
        let pairs = parse_form("q=ma%C3%B1ana+8&page=2&flag").expect("a form");
        let shown: Vec<(&str, &str)> =
            pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(shown, [("q", "mañana 8"), ("page", "2"), ("flag", "")]);
        assert_eq!(parse_form(&"a=1&".repeat(PAIRS_MAX + 1)), None);
    }

    proptest::proptest! {
        #[test]
        fn what_is_encoded_is_decoded(bytes: Vec<u8>) {
            proptest::prop_assert_eq!(percent_decode(&percent_encode(&bytes)), Some(bytes));
        }
    }
}
