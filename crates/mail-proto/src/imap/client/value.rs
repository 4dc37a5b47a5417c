//! What responses are made of: atoms, strings, lists (RFC 9051 §4).

use bytes::Bytes;

use super::frame::literal;

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// A word without quotes, with its brackets if it has some.
    Atom(Bytes),
    /// A quoted string or a literal.
    Text(Bytes),
    /// A list in parentheses.
    List(Vec<Value>),
}

impl Value {
    /// The octets, unless it is `NIL` or a list.
    pub(crate) fn text(&self) -> Option<Bytes> {
        match self {
            Self::Atom(atom) if atom.eq_ignore_ascii_case(b"NIL") => None,
            Self::Atom(text) | Self::Text(text) => Some(text.clone()),
            Self::List(_) => None,
        }
    }

    /// As [`Value::text`], in a vector of its own.
    pub(crate) fn octets(&self) -> Option<Vec<u8>> {
        self.text().map(|text| text.to_vec())
    }

    /// The octets as text; what is not UTF-8 is replaced.
    pub(crate) fn string(&self) -> Option<String> {
        self.text().map(|text| String::from_utf8_lossy(&text).into_owned())
    }

    /// A number.
    pub(crate) fn number(&self) -> Option<u64> {
        match self {
            Self::Atom(atom) | Self::Text(atom) => std::str::from_utf8(atom).ok()?.parse().ok(),
            Self::List(_) => None,
        }
    }

    /// The list's values; none of anything else.
    pub(crate) fn list(&self) -> &[Self] {
        match self {
            Self::List(values) => values,
            _ => &[],
        }
    }

    /// The strings of a list.
    pub(crate) fn strings(&self) -> Vec<String> {
        self.list().iter().filter_map(Self::string).collect()
    }
}

/// Reads values from a response.
#[derive(Debug)]
pub(crate) struct Reader<'r> {
    bytes: &'r Bytes,
    at: usize,
    values: usize,
}

impl<'r> Reader<'r> {
    pub(crate) const fn new(bytes: &'r Bytes, at: usize) -> Self {
        Self { bytes, at, values: 0 }
    }

    /// All values up to the end; none when they are malformed.
    pub(crate) fn all(mut self) -> Option<Vec<Value>> {
        let mut values = Vec::new();
        loop {
            self.skip_spaces();
            if self.at >= self.bytes.len() {
                return Some(values);
            }
            values.push(self.value(0)?);
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_spaces(&mut self) {
        while self.peek().is_some_and(|byte| matches!(byte, b' ' | b'\r' | b'\n' | b'\t')) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        self.values += 1;
        if self.values > VALUES_MAX || depth > DEPTH_MAX {
            return None;
        }
        match self.peek()? {
            b'(' => self.list(depth),
            b'"' => self.quoted(),
            b'{' => self.literal(),
            // `literal8` (RFC 9051 §4.3).
            b'~' if self.bytes.get(self.at + 1) == Some(&b'{') => {
                self.at += 1;
                self.literal()
            }
            b')' => None,
            _ => self.atom(),
        }
    }

    fn list(&mut self, depth: usize) -> Option<Value> {
        self.at += 1;
        let mut values = Vec::new();
        loop {
            self.skip_spaces();
            if self.peek()? == b')' {
                self.at += 1;
                return Some(Value::List(values));
            }
            values.push(self.value(depth + 1)?);
        }
    }

    fn quoted(&mut self) -> Option<Value> {
        self.at += 1;
        let start = self.at;
        let mut unescaped: Option<Vec<u8>> = None;
        loop {
            let byte = self.peek()?;
            match byte {
                b'"' => {
                    let plain = self.bytes.slice(start..self.at);
                    self.at += 1;
                    return Some(Value::Text(unescaped.map_or(plain, Bytes::from)));
                }
                b'\\' => {
                    let so_far = self.bytes.get(start..self.at).unwrap_or_default();
                    let text = unescaped.get_or_insert_with(|| so_far.to_vec());
                    self.at += 1;
                    text.push(*self.bytes.get(self.at)?);
                }
                _ => {
                    if let Some(text) = &mut unescaped {
                        text.push(byte);
                    }
                }
            }
            self.at += 1;
        }
    }

    fn literal(&mut self) -> Option<Value> {
        let rest = self.bytes.get(self.at..)?;
        let line = rest.iter().position(|byte| *byte == b'\n')?;
        let text = rest.get(..line)?;
        let octets = literal(text.strip_suffix(b"\r").unwrap_or(text))?;
        let start = self.at + line + 1;
        let end = start.checked_add(octets).filter(|end| *end <= self.bytes.len())?;
        self.at = end;
        Some(Value::Text(self.bytes.slice(start..end)))
    }

    /// An atom reaches over brackets: `BODY[HEADER.FIELDS (FROM)]<0>`.
    fn atom(&mut self) -> Option<Value> {
        let start = self.at;
        let mut brackets = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'[' => brackets += 1,
                b']' if brackets > 0 => brackets -= 1,
                b' ' | b'(' | b')' | b'\r' | b'\n' if brackets == 0 => break,
                _ => {}
            }
            self.at += 1;
        }
        (self.at > start).then(|| Value::Atom(self.bytes.slice(start..self.at)))
    }
}

/// Values of one response.
const VALUES_MAX: usize = 200_000;
/// Lists within lists; a body structure has two for each level.
const DEPTH_MAX: usize = 128;
