//! What proves a password.

use std::fmt;

use argon2::password_hash::{PasswordHash, SaltString};
use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use rand::RngCore;
use sha2::{Digest as _, Sha256};

/// How an account's password is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Kept);

#[derive(Clone, PartialEq, Eq)]
enum Kept {
    /// A PHC string of argon2id.
    Hash(String),
    /// The password itself: in labs only.
    Plain(String),
}

/// Why a password or its hash is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Too short or too long.
    #[error("a password has 1 to 1,000 bytes and no control character")]
    Password,
    /// Not such a text.
    #[error("this is no hash by argon2id; `capa7 mail user passwd` writes one: {0}")]
    Hash(String),
}

impl Secret {
    /// A password kept as it is: no secret, for labs.
    #[must_use]
    pub fn plain(password: &str) -> Self {
        Self(Kept::Plain(password.to_owned()))
    }

    /// A hash as it is in a file.
    ///
    /// # Errors
    /// When the text is no PHC string of argon2id with costs in their bounds.
    pub fn from_hash(text: &str) -> Result<Self, SecretError> {
        let wrong = |error: &dyn fmt::Display| SecretError::Hash(error.to_string());
        let hash = PasswordHash::new(text).map_err(|error| wrong(&error))?;
        if hash.algorithm != argon2::ARGON2ID_IDENT || hash.hash.is_none() {
            return Err(wrong(&"it does not begin with $argon2id$"));
        }
        let costs = argon2::Params::try_from(&hash).map_err(|error| wrong(&error))?;
        if costs.m_cost() > MEMORY_KIB_MAX || costs.t_cost() > ROUNDS_MAX {
            return Err(wrong(&"its costs are above 1 GiB or 64 rounds"));
        }
        Ok(Self(Kept::Hash(text.to_owned())))
    }

    /// Hashes a new password with a fresh salt. It takes a moment: to be
    /// called where blocking is allowed.
    ///
    /// # Errors
    /// For a password that no protocol could carry.
    pub fn of_password(password: &str, rng: &mut impl RngCore) -> Result<Self, SecretError> {
        let is_fit = (1..=PASSWORD_BYTES_MAX).contains(&password.len())
            && !password.chars().any(char::is_control);
        if !is_fit {
            return Err(SecretError::Password);
        }
        let mut salt = [0; SALT_BYTES];
        rng.fill_bytes(&mut salt);
        let hash = SaltString::encode_b64(&salt)
            .and_then(|salt| {
                Ok(Argon2::default().hash_password(password.as_bytes(), &salt)?.to_string())
            })
            .map_err(|error| SecretError::Hash(error.to_string()))?;
        Ok(Self(Kept::Hash(hash)))
    }

    /// The text for a file; none for what is no hash.
    #[must_use]
    pub fn hash(&self) -> Option<&str> {
        match &self.0 {
            Kept::Hash(text) => Some(text),
            Kept::Plain(_) => None,
        }
    }

    /// Whether [`Secret::verify`] takes a moment.
    #[must_use]
    pub const fn is_costly(&self) -> bool {
        matches!(self.0, Kept::Hash(_))
    }

    /// Whether the password is right.
    #[must_use]
    pub fn verify(&self, password: &str) -> bool {
        match &self.0 {
            Kept::Hash(text) => PasswordHash::new(text).is_ok_and(|hash| {
                Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
            }),
            // Compared by digests, whose common beginning tells nothing.
            Kept::Plain(kept) => Sha256::digest(kept) == Sha256::digest(password),
        }
    }

    /// What nobody's password matches, at the cost of a usual one.
    #[must_use]
    pub(super) fn decoy() -> Self {
        Self(Kept::Hash(DECOY.to_owned()))
    }
}

impl fmt::Debug for Secret {
    /// Secrets do not get into logs by accident.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(…)")
    }
}

/// A hash that stands for users who do not exist: made of no password, with
/// the costs of [`Argon2::default`].
const DECOY: &str = "$argon2id$v=19$m=19456,t=2,p=1$\
    AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Longer passwords are refused.
const PASSWORD_BYTES_MAX: usize = 1_000;
/// As RFC 9106 §4 recommends.
const SALT_BYTES: usize = 16;
/// A file may not ask for more memory per login.
const MEMORY_KIB_MAX: u32 = 1 << 20;
/// Nor for more rounds.
const ROUNDS_MAX: u32 = 64;
