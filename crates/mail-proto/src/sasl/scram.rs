//! SCRAM-SHA-256 (RFC 5802, RFC 7677): keys, proofs and the messages' form.
//!
//! ```text
//!   SaltedPassword = PBKDF2(password, salt, iterations)
//!      ├─ "Client Key" ─▶ ClientKey ── SHA-256 ─▶ StoredKey   (kept)
//!      └─ "Server Key" ─▶ ServerKey                           (kept)
//!   proof     = ClientKey XOR HMAC(StoredKey, the messages)   from the client
//!   signature =               HMAC(ServerKey, the messages)   from the server
//! ```

use std::fmt;
use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac, pbkdf2};

use crate::sasl::NONCE_BYTES;
use crate::sasl::password::Password;

/// What a server keeps to check proofs: the password does not follow from it
/// (RFC 5802 §2.2).
#[derive(Clone, PartialEq, Eq)]
pub struct ScramCredentials {
    /// Random, one for each password.
    pub salt: Vec<u8>,
    /// Rounds of PBKDF2.
    pub iterations: u32,
    /// SHA-256 of the client's key.
    pub stored_key: [u8; KEY_BYTES],
    /// The key that the server proves itself with.
    pub server_key: [u8; KEY_BYTES],
}

impl ScramCredentials {
    /// The credentials of a password (RFC 5802 §3). It takes as long as
    /// `iterations` say; fewer than [`ITERATIONS_MIN`] are raised to it.
    #[must_use]
    pub fn derive(password: &Password, salt: &[u8], iterations: u32) -> Self {
        let iterations = iterations.max(ITERATIONS_MIN);
        let salted = salted_password(password, salt, iterations);
        Self {
            salt: salt.to_vec(),
            iterations,
            stored_key: sha256(&mac(&salted, b"Client Key")),
            server_key: mac(&salted, b"Server Key"),
        }
    }

    /// Credentials that no password meets, the same at each question, so that
    /// nobody learns which users there are. `secret` is the server's own.
    #[must_use]
    pub fn decoy(secret: &[u8], user: &str) -> Self {
        let of = |what: &str| mac(secret, format!("{what}\0{user}").as_bytes());
        Self {
            salt: of("salt").get(..SALT_BYTES).unwrap_or_default().to_vec(),
            iterations: ITERATIONS_MIN,
            stored_key: of("stored key"),
            server_key: of("server key"),
        }
    }

    /// Whether a proof fits the messages; in constant time.
    pub(super) fn accepts(&self, proof: &[u8; KEY_BYTES], messages: &str) -> bool {
        let client_key = xor(proof, &mac(&self.stored_key, messages.as_bytes()));
        // Comparing two tags under one key is `ring`'s comparison in constant time.
        let key = hmac::Key::new(hmac::HMAC_SHA256, messages.as_bytes());
        let expected = hmac::sign(&key, &self.stored_key);
        hmac::verify(&key, &sha256(&client_key), expected.as_ref()).is_ok()
    }

    /// What proves that the server has these credentials.
    pub(super) fn signature(&self, messages: &str) -> [u8; KEY_BYTES] {
        mac(&self.server_key, messages.as_bytes())
    }
}

impl fmt::Debug for ScramCredentials {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "ScramCredentials({} iterations, …)", self.iterations)
    }
}

/// A client's proof, and the signature that it wants from the server
/// (RFC 5802 §3).
pub(super) fn prove(
    password: &Password,
    salt: &[u8],
    iterations: u32,
    messages: &str,
) -> ([u8; KEY_BYTES], hmac::Key) {
    let salted = salted_password(password, salt, iterations);
    let client_key = mac(&salted, b"Client Key");
    let proof = xor(&client_key, &mac(&sha256(&client_key), messages.as_bytes()));
    (proof, hmac::Key::new(hmac::HMAC_SHA256, &mac(&salted, b"Server Key")))
}

/// A nonce as text.
pub(super) fn nonce_text(nonce: [u8; NONCE_BYTES]) -> String {
    STANDARD.encode(nonce)
}

/// A user's name with `=` and `,` escaped (RFC 5802 §5.1, `n`).
pub(super) fn escape(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

/// The name again; none when another escape is in it, as RFC 5802 §5.1 wants.
pub(super) fn unescape(text: &str) -> Option<String> {
    let mut pieces = text.split('=');
    let mut name = pieces.next()?.to_owned();
    for piece in pieces {
        if let Some(rest) = piece.strip_prefix("2C") {
            name.push(',');
            name.push_str(rest);
        } else {
            name.push('=');
            name.push_str(piece.strip_prefix("3D")?);
        }
    }
    Some(name)
}

/// The value of `letter=value`.
pub(super) fn attribute<'a>(text: Option<&'a str>, letter: &str) -> Option<&'a str> {
    text?.strip_prefix(letter)?.strip_prefix('=')
}

/// A nonce has printable characters but no comma (RFC 5802 §7, `printable`).
pub(super) fn is_nonce(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= NONCE_CHARACTERS_MAX
        && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',')
}

/// Bytes of base64 as a key; none when they are no key.
pub(super) fn key_of(base64: &str) -> Option<[u8; KEY_BYTES]> {
    STANDARD.decode(base64).ok()?.try_into().ok()
}

fn salted_password(password: &Password, salt: &[u8], iterations: u32) -> [u8; KEY_BYTES] {
    let mut salted = [0; KEY_BYTES];
    let rounds = NonZeroU32::new(iterations).unwrap_or(NonZeroU32::MIN);
    let secret = password.as_str().as_bytes();
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, salt, secret, &mut salted);
    salted
}

fn mac(key: &[u8], message: &[u8]) -> [u8; KEY_BYTES] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message);
    tag.as_ref().try_into().expect("HMAC-SHA-256 has 32 bytes")
}

fn sha256(bytes: &[u8]) -> [u8; KEY_BYTES] {
    let digest = digest::digest(&digest::SHA256, bytes);
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

fn xor(one: &[u8; KEY_BYTES], other: &[u8; KEY_BYTES]) -> [u8; KEY_BYTES] {
    std::array::from_fn(|index| one[index] ^ other[index])
}

/// Bytes of SHA-256.
pub const KEY_BYTES: usize = 32;
/// Bytes of a salt, when the caller has no other wish.
pub const SALT_BYTES: usize = 16;
/// Fewer rounds are too cheap to guess against (RFC 7677 §4).
pub const ITERATIONS_MIN: u32 = 4_096;
/// A server that asks a client for more wants its processor, not its proof
/// (RFC 5802 §9): at this bound a proof takes about half a second.
pub const ITERATIONS_MAX: u32 = 1_000_000;
/// Longer nonces are refused; common ones have 24 to 64 characters, and the
/// two sides' are joined.
const NONCE_CHARACTERS_MAX: usize = 512;
