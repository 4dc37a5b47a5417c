//! Field lines: names without case, values in order (RFC 9110 §5).

/// The fields of a head, in the order in which they were written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(Vec<Field>);

/// One field line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The name as written; compared without case (RFC 9110 §5.1).
    pub name: String,
    /// The value without the white space around it; bytes above 127 are opaque
    /// (RFC 9110 §5.5).
    pub value: Vec<u8>,
}

/// What cannot be written as a field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` cannot be a field with this value")]
pub struct FieldError {
    /// The field's name as given.
    pub name: String,
}

impl Fields {
    /// No fields.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a field line.
    ///
    /// # Errors
    /// When the name is no token, or the value has a control character, so that
    /// it could begin a line of its own.
    pub fn push(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), FieldError> {
        let value = value.as_ref();
        if !is_token(name.as_bytes()) || !value.iter().copied().all(is_value_byte) {
            return Err(FieldError { name: name.to_owned() });
        }
        self.push_parsed(name.to_owned(), value.trim_ascii().to_vec());
        Ok(())
    }

    /// The same fields with one more; one that cannot be written is left out.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let _ = self.push(name, value);
        self
    }

    pub(crate) fn push_parsed(&mut self, name: String, value: Vec<u8>) {
        self.0.push(Field { name, value });
    }

    /// The lines in order.
    pub fn iter(&self) -> impl Iterator<Item = &Field> {
        self.0.iter()
    }

    /// How many lines there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The values of all lines with this name, in order.
    pub fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        let named = self.0.iter().filter(move |field| field.name.eq_ignore_ascii_case(name));
        named.map(|field| field.value.as_slice())
    }

    /// The first value with this name, when it is text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.all(name).next().and_then(|value| std::str::from_utf8(value).ok())
    }

    /// Whether a field exists.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// Whether the list of this name has the element `word` (RFC 9110 §5.6.1).
    #[must_use]
    pub fn list_has(&self, name: &str, word: &str) -> bool {
        self.all(name).any(|value| {
            let mut elements = value.split(|byte| *byte == b',');
            elements.any(|element| element.trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
        })
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        for field in &self.0 {
            out.extend_from_slice(field.name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(&field.value);
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// Whether bytes are a token (RFC 9110 §5.6.2).
#[must_use]
pub fn is_token(bytes: &[u8]) -> bool {
    let is_tchar = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !bytes.is_empty() && bytes.iter().all(is_tchar)
}

/// Whether a byte may be in a field's value (RFC 9110 §5.5).
pub(crate) const fn is_value_byte(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}
