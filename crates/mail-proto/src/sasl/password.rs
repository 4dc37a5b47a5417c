//! Passwords, and names as both sides write them.

use std::fmt;

/// What only the user knows. It is never shown, also not by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

/// Why a text is no password or user name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrepareError {
    /// Nothing is left of it.
    #[error("it is empty")]
    Empty,
    /// Longer than [`TEXT_BYTES_MAX`].
    #[error("it is longer than {TEXT_BYTES_MAX} bytes")]
    TooLong,
    /// It has a character that nobody sees (RFC 4013 §2.3).
    #[error("it has a control character")]
    Control,
    /// It is not UTF-8.
    #[error("it is not UTF-8")]
    NotUtf8,
}

impl Password {
    /// A password as typed, brought into the form that is compared.
    ///
    /// # Errors
    /// As [`prepare`].
    pub fn new(typed: &str) -> Result<Self, PrepareError> {
        prepare(typed).map(Self)
    }

    /// A password as it came over the wire.
    ///
    /// # Errors
    /// As [`prepare`], and when the bytes are not UTF-8.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PrepareError> {
        Self::new(std::str::from_utf8(bytes).map_err(|_| PrepareError::NotUtf8)?)
    }

    /// The password itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Password(…)")
    }
}

/// Brings a user name or password into the form that is compared: spaces of
/// other scripts become the common space, what is commonly mapped to nothing
/// goes (RFC 4013 §2.1), control characters are refused (RFC 4013 §2.3).
///
/// Compatibility forms are left alone (no NFKC, unlike RFC 4013 §2.2): the
/// later profile for passwords leaves them too (RFC 8265 §4.2.1), and composed
/// letters are what keyboards give.
///
/// # Errors
/// [`PrepareError`]
pub fn prepare(typed: &str) -> Result<String, PrepareError> {
    if typed.len() > TEXT_BYTES_MAX {
        return Err(PrepareError::TooLong);
    }
    let mut text = String::with_capacity(typed.len());
    for c in typed.chars() {
        if c.is_control() || is_unseen(c) {
            return Err(PrepareError::Control);
        }
        match c {
            '\u{AD}' | '\u{34F}' | '\u{1806}' | '\u{180B}'..='\u{180D}' => {}
            '\u{200B}'..='\u{200D}' | '\u{2060}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' => {}
            '\u{A0}' | '\u{1680}' | '\u{2000}'..='\u{200A}' => text.push(' '),
            '\u{202F}' | '\u{205F}' | '\u{3000}' => text.push(' '),
            other => text.push(other),
        }
    }
    if text.is_empty() {
        return Err(PrepareError::Empty);
    }
    Ok(text)
}

/// Marks of direction, separators and tags, which are written but not seen
/// (RFC 3454 appendix C.2.2, C.6, C.8, C.9).
const fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{6DD}' | '\u{70F}' | '\u{180E}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}'
        | '\u{2061}'..='\u{2063}' | '\u{206A}'..='\u{206F}' | '\u{FFF9}'..='\u{FFFD}'
        | '\u{E0001}' | '\u{E0020}'..='\u{E007F}')
}

/// A name or password has at most so many bytes: four times what a person types,
/// and cheap to hash.
pub const TEXT_BYTES_MAX: usize = 1_024;
