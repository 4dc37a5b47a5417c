//! The client's side.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

use crate::sasl::password::Password;
use crate::sasl::scram::{self, ITERATIONS_MAX, ITERATIONS_MIN};
use crate::sasl::{MESSAGE_BYTES_MAX, Mechanism, NONCE_BYTES};

/// One exchange, from the first message to the server's verdict.
///
/// `initial_response` goes with the command where the protocol can carry it;
/// otherwise the server's first, empty challenge asks for it. When the server
/// says that all is well, `finish` tells whether it proved itself too.
#[derive(Debug)]
pub struct ClientExchange {
    mechanism: Mechanism,
    user: String,
    password: Password,
    nonce: String,
    state: State,
}

/// Why the client gives up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The server breaks the mechanism's rules.
    #[error("the server's message is malformed: {0}")]
    Malformed(&'static str),
    /// The server wants fewer rounds than are safe (RFC 7677 §4), or more than
    /// are sensible.
    #[error("the server wants {0} iterations: {ITERATIONS_MIN} to {ITERATIONS_MAX} are given")]
    Iterations(u32),
    /// The server does not know the password: it may be another.
    #[error("the server did not prove that it knows the password")]
    ServerUnproved,
    /// The server says why it refuses (RFC 5802 §7, `server-error`).
    #[error("the server refuses the proof")]
    Refused,
}

#[derive(Debug)]
enum State {
    Begin,
    LoginPassword,
    ScramFirst,
    ScramProof { signature: hmac::Tag },
    Sent,
    Failed,
}

impl ClientExchange {
    /// An exchange that has not begun. `nonce` is random, new each time.
    #[must_use]
    pub fn new(
        mechanism: Mechanism,
        user: &str,
        password: &Password,
        nonce: [u8; NONCE_BYTES],
    ) -> Self {
        Self {
            mechanism,
            user: user.to_owned(),
            password: password.clone(),
            nonce: scram::nonce_text(nonce),
            state: State::Begin,
        }
    }

    /// Which mechanism it is.
    #[must_use]
    pub const fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// What the client says first; none when the server does (LOGIN), or when
    /// it was said.
    pub fn initial_response(&mut self) -> Option<Vec<u8>> {
        match (&self.state, self.mechanism) {
            (State::Begin, Mechanism::Plain) => {
                self.state = State::Sent;
                Some(format!("\0{}\0{}", self.user, self.password.as_str()).into_bytes())
            }
            (State::Begin, Mechanism::ScramSha256) => {
                self.state = State::ScramFirst;
                // RFC 5802 §6: `n`, for this client cannot bind to a channel.
                Some(format!("{GS2_HEADER}{}", self.first_bare()).into_bytes())
            }
            _ => None,
        }
    }

    /// The server's challenge, decoded from base64; what to answer.
    ///
    /// # Errors
    /// [`ClientError`]; then the exchange is to be cancelled with `*`.
    pub fn handle(&mut self, challenge: &[u8]) -> Result<Vec<u8>, ClientError> {
        self.answer(challenge).inspect_err(|_| self.state = State::Failed)
    }

    /// The server says that the user is logged in.
    ///
    /// # Errors
    /// [`ClientError::ServerUnproved`] when it should have proved itself first
    /// (RFC 5802 §5): it may be another server, to be left.
    pub const fn finish(&self) -> Result<(), ClientError> {
        match self.state {
            State::Sent => Ok(()),
            _ => Err(ClientError::ServerUnproved),
        }
    }

    fn answer(&mut self, challenge: &[u8]) -> Result<Vec<u8>, ClientError> {
        if challenge.len() > MESSAGE_BYTES_MAX {
            return Err(ClientError::Malformed("it is too long"));
        }
        match std::mem::replace(&mut self.state, State::Failed) {
            // Whatever the prompts say, the name is asked first.
            State::Begin if self.mechanism == Mechanism::Login => {
                self.state = State::LoginPassword;
                Ok(self.user.clone().into_bytes())
            }
            State::Begin => {
                self.state = State::Begin;
                self.initial_response().ok_or(ClientError::Malformed("nothing is left to say"))
            }
            State::LoginPassword => {
                self.state = State::Sent;
                Ok(self.password.as_str().to_owned().into_bytes())
            }
            State::ScramFirst => self.on_server_first(challenge),
            State::ScramProof { signature } => {
                on_server_final(challenge, &signature)?;
                self.state = State::Sent;
                Ok(Vec::new())
            }
            State::Sent | State::Failed => Err(ClientError::Malformed("nothing is left to say")),
        }
    }

    /// `nonce "," salt "," iteration-count ["," extensions]` (RFC 5802 §7).
    fn on_server_first(&mut self, challenge: &[u8]) -> Result<Vec<u8>, ClientError> {
        let malformed = ClientError::Malformed;
        let server = std::str::from_utf8(challenge).map_err(|_| malformed("it is not UTF-8"))?;
        let mut attributes = server.split(',');
        let nonce = scram::attribute(attributes.next(), "r").filter(|text| scram::is_nonce(text));
        let nonce = nonce.ok_or(malformed("a nonce comes first"))?;
        // RFC 5802 §5.1, `r`: ours comes first, and the server adds its own.
        if nonce.strip_prefix(&self.nonce).is_none_or(str::is_empty) {
            return Err(malformed("the nonce does not go on from ours"));
        }
        let salt = scram::attribute(attributes.next(), "s");
        let salt = salt.and_then(|text| STANDARD.decode(text).ok()).filter(|salt| !salt.is_empty());
        let salt = salt.ok_or(malformed("a salt comes second"))?;
        let count = scram::attribute(attributes.next(), "i").and_then(|text| text.parse().ok());
        let count = count.ok_or(malformed("a number of iterations comes third"))?;
        if !(ITERATIONS_MIN..=ITERATIONS_MAX).contains(&count) {
            return Err(ClientError::Iterations(count));
        }
        let unproved = format!("c={},r={nonce}", STANDARD.encode(GS2_HEADER));
        let messages = format!("{},{server},{unproved}", self.first_bare());
        let (proof, server_key) = scram::prove(&self.password, &salt, count, &messages);
        let signature = hmac::sign(&server_key, messages.as_bytes());
        self.state = State::ScramProof { signature };
        Ok(format!("{unproved},p={}", STANDARD.encode(proof)).into_bytes())
    }

    fn first_bare(&self) -> String {
        format!("n={},r={}", scram::escape(&self.user), self.nonce)
    }
}

/// `verifier` or `server-error` (RFC 5802 §7).
fn on_server_final(challenge: &[u8], signature: &hmac::Tag) -> Result<(), ClientError> {
    if challenge.starts_with(b"e=") {
        return Err(ClientError::Refused);
    }
    let text = std::str::from_utf8(challenge).ok().and_then(|text| text.split(',').next());
    let shown = scram::attribute(text, "v").and_then(scram::key_of);
    let shown = shown.ok_or(ClientError::Malformed("a signature is expected"))?;
    // A tag of each under one key compares them in constant time.
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"compare");
    let expected = hmac::sign(&key, signature.as_ref());
    hmac::verify(&key, &shown, expected.as_ref()).map_err(|_| ClientError::ServerUnproved)
}

/// No channel binding, no other identity.
const GS2_HEADER: &str = "n,,";
