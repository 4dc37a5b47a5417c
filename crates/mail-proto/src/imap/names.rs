//! How mailbox names travel: in modified UTF-7 (RFC 3501 §5.1.3), or in UTF-8
//! once the client has enabled it (RFC 9051 §5.1).

use crate::utf7::{self, Utf7Error};

/// The form of mailbox names on a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Names {
    /// `Entw&APw-rfe`.
    #[default]
    ModifiedUtf7,
    /// `Entwürfe`.
    Utf8,
}

/// Octets that are no name in the connection's form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not UTF-8.
    #[error("a mailbox name is in UTF-8")]
    Utf8,
    /// Not modified UTF-7.
    #[error("a mailbox name is in modified UTF-7: {0}")]
    ModifiedUtf7(#[from] Utf7Error),
}

impl Names {
    /// A name as text. In the first form UTF-8 is taken too when it is not
    /// ASCII: it can be nothing else (RFC 9051 §5.1).
    ///
    /// # Errors
    /// When it is in neither form.
    pub fn decode(self, octets: &[u8]) -> Result<String, NameError> {
        if self == Self::ModifiedUtf7 && octets.is_ascii() {
            return Ok(utf7::decode(octets)?);
        }
        String::from_utf8(octets.to_vec()).map_err(|_| NameError::Utf8)
    }

    /// A name as it travels.
    #[must_use]
    pub fn encode(self, name: &str) -> String {
        match self {
            Self::ModifiedUtf7 => utf7::encode(name),
            Self::Utf8 => name.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9051 §5.1: each form on its own connection.
    #[test]
    fn a_name_is_read_in_the_form_of_its_connection() {
        assert_eq!(Names::ModifiedUtf7.decode(b"Entw&APw-rfe"), Ok("Entwürfe".to_owned()));
        assert_eq!(Names::ModifiedUtf7.decode("Entwürfe".as_bytes()), Ok("Entwürfe".to_owned()));
        assert_eq!(Names::Utf8.decode(b"Entw&APw-rfe"), Ok("Entw&APw-rfe".to_owned()));
        assert_eq!(Names::ModifiedUtf7.encode("a & ü"), "a &- &APw-");
        assert!(matches!(Names::ModifiedUtf7.decode(b"a & b"), Err(NameError::ModifiedUtf7(_))));
        assert_eq!(Names::Utf8.decode(b"\xff"), Err(NameError::Utf8));
    }
}
