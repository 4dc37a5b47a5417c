//! What proves a password.

use std::fmt;
use std::sync::{Arc, OnceLock};

use argon2::password_hash::{PasswordHash, SaltString};
use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use capa7_mail_proto::sasl::scram::ITERATIONS_MIN;
use capa7_mail_proto::sasl::{Password, ScramCredentials};
use rand::RngCore;
use sha2::{Digest as _, Sha256};

/// How an account's password is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Kept);

#[derive(Clone, PartialEq, Eq)]
enum Kept {
    /// A PHC string of argon2id, and what SCRAM needs.
    Hash { phc: String, scram: Option<ScramCredentials> },
    /// The password itself: in labs only. What SCRAM needs is derived when
    /// somebody asks, once for all clones.
    Plain { password: String, scram: Arc<OnceLock<Option<ScramCredentials>>> },
}

/// Why a password or its hash is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Too short or too long.
    #[error("a password has 1 to 1,024 bytes and no control character")]
    Password,
    /// Not such a text.
    #[error(
        "these are no credentials for SCRAM-SHA-256: delete the line, or let \
         `capa7 mail user passwd` write it"
    )]
    Scram,
    /// Not such a text.
    #[error("this is no hash by argon2id; `capa7 mail user passwd` writes one: {0}")]
    Hash(String),
}

impl Secret {
    /// A password kept as it is: no secret, for labs.
    #[must_use]
    pub fn plain(password: &str) -> Self {
        Self(Kept::Plain { password: password.to_owned(), scram: Arc::default() })
    }

    /// A hash, and credentials for SCRAM, as they are in a file.
    ///
    /// # Errors
    /// When the text is no PHC string of argon2id with costs in their bounds,
    /// or the other no credentials.
    pub fn from_texts(phc: &str, scram: Option<&str>) -> Result<Self, SecretError> {
        let wrong = |error: &dyn fmt::Display| SecretError::Hash(error.to_string());
        let hash = PasswordHash::new(phc).map_err(|error| wrong(&error))?;
        if hash.algorithm != argon2::ARGON2ID_IDENT || hash.hash.is_none() {
            return Err(wrong(&"it does not begin with $argon2id$"));
        }
        let costs = argon2::Params::try_from(&hash).map_err(|error| wrong(&error))?;
        if costs.m_cost() > MEMORY_KIB_MAX || costs.t_cost() > ROUNDS_MAX {
            return Err(wrong(&"its costs are above 1 GiB or 64 rounds"));
        }
        let scram = match scram {
            Some(text) => Some(parse_scram(text).ok_or(SecretError::Scram)?),
            None => None,
        };
        Ok(Self(Kept::Hash { phc: phc.to_owned(), scram }))
    }

    /// Hashes a new password with a fresh salt. It takes a moment: to be
    /// called where blocking is allowed.
    ///
    /// # Errors
    /// For a password that no protocol could carry.
    pub fn of_password(password: &str, rng: &mut impl RngCore) -> Result<Self, SecretError> {
        let password = Password::new(password).map_err(|_| SecretError::Password)?;
        let mut salts = [[0; SALT_BYTES]; 2];
        salts.iter_mut().for_each(|salt| rng.fill_bytes(salt));
        let phc = SaltString::encode_b64(&salts[0])
            .and_then(|salt| {
                let argon2 = Argon2::default();
                Ok(argon2.hash_password(password.as_str().as_bytes(), &salt)?.to_string())
            })
            .map_err(|error| SecretError::Hash(error.to_string()))?;
        let scram = Some(ScramCredentials::derive(&password, &salts[1], SCRAM_ITERATIONS));
        Ok(Self(Kept::Hash { phc, scram }))
    }

    /// The hash for a file; none for what is no hash.
    #[must_use]
    pub fn hash(&self) -> Option<&str> {
        match &self.0 {
            Kept::Hash { phc, .. } => Some(phc),
            Kept::Plain { .. } => None,
        }
    }

    /// What SCRAM needs, for a file; none for what is no hash, or has none.
    #[must_use]
    pub fn scram_text(&self) -> Option<String> {
        match &self.0 {
            Kept::Hash { scram, .. } => scram.as_ref().map(write_scram),
            Kept::Plain { .. } => None,
        }
    }

    /// What SCRAM needs; none when only another way to log in is possible.
    #[must_use]
    pub fn scram(&self) -> Option<ScramCredentials> {
        match &self.0 {
            Kept::Hash { scram, .. } => scram.clone(),
            Kept::Plain { password, scram } => {
                let derive = || {
                    let secret = Password::new(password).ok()?;
                    let salt = Sha256::digest(password);
                    let salt = salt.get(..SALT_BYTES).unwrap_or_default();
                    Some(ScramCredentials::derive(&secret, salt, ITERATIONS_MIN))
                };
                scram.get_or_init(derive).clone()
            }
        }
    }

    /// Whether [`Secret::verify`] takes a moment.
    #[must_use]
    pub const fn is_costly(&self) -> bool {
        matches!(self.0, Kept::Hash { .. })
    }

    /// Whether the password is right.
    #[must_use]
    pub fn verify(&self, password: &Password) -> bool {
        let given = password.as_str();
        match &self.0 {
            Kept::Hash { phc, .. } => PasswordHash::new(phc).is_ok_and(|hash| {
                Argon2::default().verify_password(given.as_bytes(), &hash).is_ok()
            }),
            // Compared by digests, whose common beginning tells nothing.
            Kept::Plain { password, .. } => Sha256::digest(password) == Sha256::digest(given),
        }
    }

    /// What nobody's password matches, at the cost of a usual one.
    pub(super) fn decoy() -> Self {
        Self(Kept::Hash { phc: DECOY.to_owned(), scram: None })
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

/// `SCRAM-SHA-256$ITERATIONS:SALT$STORED:SERVER` with base64, as RFC 5803 §2
/// has it for SCRAM-SHA-1.
fn write_scram(scram: &ScramCredentials) -> String {
    let base64 = |bytes: &[u8]| STANDARD.encode(bytes);
    let (salt, stored) = (base64(&scram.salt), base64(&scram.stored_key));
    let server = base64(&scram.server_key);
    format!("{SCHEME}${}:{salt}${stored}:{server}", scram.iterations)
}

fn parse_scram(text: &str) -> Option<ScramCredentials> {
    let (info, value) = text.strip_prefix(SCHEME)?.strip_prefix('$')?.split_once('$')?;
    let ((iterations, salt), (stored, server)) = (info.split_once(':')?, value.split_once(':')?);
    let key = |text: &str| <[u8; 32]>::try_from(STANDARD.decode(text).ok()?).ok();
    Some(ScramCredentials {
        salt: STANDARD.decode(salt).ok()?,
        iterations: iterations.parse().ok().filter(|count| *count >= ITERATIONS_MIN)?,
        stored_key: key(stored)?,
        server_key: key(server)?,
    })
}

/// RFC 7677 §2.
const SCHEME: &str = "SCRAM-SHA-256";
/// Rounds for new passwords: as many as others use; a client on a phone needs
/// a few milliseconds for them.
const SCRAM_ITERATIONS: u32 = 10_000;
/// As RFC 9106 §4 recommends.
const SALT_BYTES: usize = 16;
/// A file may not ask for more memory per login.
const MEMORY_KIB_MAX: u32 = 1 << 20;
/// Nor for more rounds.
const ROUNDS_MAX: u32 = 64;
