//! Parameters in pieces, put together for those who read a structure (RFC 2231 §6).
//!
//! ```text
//!   title*0="a"; title*1="b"                    ─▶  title="ab"
//!   title*0*=us-ascii'en'a%20; title*1="b c"    ─▶  title*="us-ascii'en'a%20b%20c"
//! ```

use std::borrow::Cow;

use super::Parameters;

/// A piece of a value, or a whole one with a charset.
struct Piece<'p> {
    name: &'p [u8],
    number: u32,
    /// Whether its value has octets by number.
    is_extended: bool,
    value: &'p [u8],
}

/// The same parameters, those in pieces as one each, after all others and sorted by
/// name. What does not begin with piece 0 stays as it is.
pub(crate) fn join(parameters: &Parameters) -> Cow<'_, Parameters> {
    if !parameters.iter().any(|(name, _)| name.contains(&b'*')) {
        return Cow::Borrowed(parameters);
    }
    let mut joined = Parameters::new();
    let mut pieces = Vec::new();
    for (name, value) in parameters {
        match Piece::of(name, value) {
            Some(piece) => pieces.push(piece),
            None => joined.push((name.clone(), value.clone())),
        }
    }
    pieces.sort_by_cached_key(|piece| (piece.name.to_ascii_lowercase(), piece.number));
    let mut rest = pieces.as_slice();
    while let Some((first, _)) = rest.split_first() {
        let follows = |(piece, number): &(&Piece<'_>, u32)| {
            piece.name.eq_ignore_ascii_case(first.name) && piece.number == *number
        };
        let count = rest.iter().zip(0..).take_while(follows).count();
        let (run, after) = rest.split_at(count.max(1));
        joined.push(if count == 0 { first.alone() } else { whole(run) });
        rest = after;
    }
    Cow::Owned(joined)
}

impl<'p> Piece<'p> {
    /// `title*`, `title*0` or `title*0*`; none for every other name.
    fn of(name: &'p [u8], value: &'p [u8]) -> Option<Self> {
        let star = name.iter().position(|byte| *byte == b'*')?;
        let (name, mark) = (name.get(..star)?, name.get(star + 1..)?);
        let (digits, is_extended) = match mark.strip_suffix(b"*") {
            Some(digits) => (digits, true),
            None => (mark, mark.is_empty()),
        };
        let number = match digits {
            b"" if mark.is_empty() => 0,
            _ => str::from_utf8(digits).ok()?.parse().ok()?,
        };
        Some(Self { name, number, is_extended, value })
    }

    /// As it was written.
    fn alone(&self) -> (Vec<u8>, Vec<u8>) {
        let star = if self.is_extended { "*" } else { "" };
        let mark = format!("*{}{star}", self.number);
        ([self.name, mark.as_bytes()].concat(), self.value.to_vec())
    }
}

/// Pieces from 0 on without a gap, as one.
fn whole(run: &[Piece<'_>]) -> (Vec<u8>, Vec<u8>) {
    let mut name = run.first().map_or(&b""[..], |first| first.name).to_vec();
    if !run.iter().any(|piece| piece.is_extended) {
        return (name, run.iter().flat_map(|piece| piece.value).copied().collect());
    }
    name.push(b'*');
    let mut value = Vec::new();
    for (index, piece) in run.iter().enumerate() {
        if piece.is_extended {
            value.extend_from_slice(piece.value);
            continue;
        }
        if index == 0 {
            // RFC 2231 §4: neither charset nor language.
            value.extend_from_slice(b"''");
        }
        for byte in piece.value {
            if byte.is_ascii_alphanumeric() || b".-_".contains(byte) {
                value.push(*byte);
            } else {
                value.extend_from_slice(format!("%{byte:02X}").as_bytes());
            }
        }
    }
    (name, value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::content::Disposition;

    #[test]
    fn pieces_are_one_value_and_everything_else_stays() {
        let check = |value: &str, expected: &str| {
            let parsed = Disposition::parse(format!("inline; {value}").as_bytes()).unwrap();
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let joined: Vec<String> = join(&parsed.parameters)
                .iter()
                .map(|(name, value)| format!("{}={}", text(name), text(value)))
                .collect();
            assert_eq!(joined.join("; "), expected, "{value}");
        };
        check("A*1=b; x=y; a*0=\"a \"", "x=y; a=a b");
        // RFC 2231 §4.1, its own example.
        check(
            "title*0*=us-ascii'en'This%20is%20even%20more%20; title*1*=%2A%2A%2Afun%2A%2A%2A%20; \
             title*2=\"isn't it!\"",
            "title*=us-ascii'en'This%20is%20even%20more%20%2A%2A%2Afun%2A%2A%2A%20isn%27t%20it%21",
        );
        check("t*0=\"a b\"; t*1*=%20", "t*=''a%20b%20");
        check("t*=utf-8''%C3%B1; a=b", "a=b; t*=utf-8''%C3%B1");
        // A gap, no beginning, and names that are no pieces.
        check("t*0=a; t*2=c", "t=a; t*2=c");
        check("t*1*=b; u*x=1; *=2; t*-1=3", "u*x=1; t*-1=3; *=2; t*1*=b");
    }
}
