//! The server's side.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::sasl::password::{Password, PrepareError, prepare};
use crate::sasl::scram::{self, ScramCredentials};
use crate::sasl::{MESSAGE_BYTES_MAX, Mechanism, NONCE_BYTES};

/// One exchange, from the client's first message to the verdict.
///
/// ```text
///   begin(initial response or none) ─▶ Challenge ─▶ handle(response) ─▶ …
///     … ─▶ CheckPassword     the caller asks its users; the exchange is over
///     … ─▶ NeedScram         the caller answers by `give_scram`
///     … ─▶ Accepted │ Refused
/// ```
#[derive(Debug)]
pub struct ServerExchange {
    nonce: String,
    state: State,
}

/// What is to be done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this (in base64) and hand the client's line to
    /// [`ServerExchange::handle`].
    Challenge(Vec<u8>),
    /// Who it says to be; whether the password is right decides the caller.
    CheckPassword {
        /// Whom the client wants to act as: none, or `user` itself.
        authzid: Option<String>,
        /// The name to log in by.
        user: String,
        /// What was given as proof.
        password: Password,
    },
    /// Look up the user's credentials for [`ServerExchange::give_scram`].
    NeedScram {
        /// The name to log in by.
        user: String,
    },
    /// The proof was right.
    Accepted {
        /// Who it is.
        user: String,
    },
    /// The exchange failed.
    Refused(Refusal),
}

/// Why an exchange failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The client gave up with `*` (RFC 4954 §4, RFC 9051 §6.2.2).
    #[error("the client cancelled")]
    Cancelled,
    /// The message breaks the mechanism's rules.
    #[error("malformed: {0}")]
    Malformed(&'static str),
    /// Name or password cannot be compared.
    #[error("name or password: {0}")]
    Unprepared(#[from] PrepareError),
    /// The client wants to act as another user.
    #[error("nobody may act as another user")]
    ActsForAnother,
    /// The client wants the exchange bound to TLS, which was not offered
    /// (RFC 5802 §6).
    #[error("no channel binding was offered")]
    ChannelBinding,
    /// No such user, or the proof is wrong: the client does not learn which.
    #[error("user or password is wrong")]
    WrongCredentials,
}

#[derive(Debug)]
enum State {
    Begin(Mechanism),
    Plain,
    LoginUser,
    LoginPassword { user: String },
    ScramFirst,
    ScramLookup(ScramFirst),
    ScramProof { first: ScramFirst, credentials: ScramCredentials, nonce: String, server: String },
    ScramLast { user: String },
    Over,
}

/// What the client's first message said.
#[derive(Debug)]
struct ScramFirst {
    /// `n,,` or `y,a=…,`, which the last message repeats.
    gs2_header: String,
    /// The rest of the message, as signed.
    bare: String,
    user: String,
    nonce: String,
}

impl ServerExchange {
    /// An exchange that has not begun. `nonce` is random, new each time.
    #[must_use]
    pub fn new(mechanism: Mechanism, nonce: [u8; NONCE_BYTES]) -> Self {
        Self { nonce: scram::nonce_text(nonce), state: State::Begin(mechanism) }
    }

    /// Begins, with the initial response if the command had one (RFC 4422 §5).
    pub fn begin(&mut self, initial: Option<&[u8]>) -> Step {
        let (state, prompt) = match std::mem::replace(&mut self.state, State::Over) {
            State::Begin(Mechanism::Plain) => (State::Plain, ""),
            State::Begin(Mechanism::Login) => (State::LoginUser, LOGIN_USER),
            State::Begin(Mechanism::ScramSha256) => (State::ScramFirst, ""),
            _ => return Step::Refused(Refusal::Malformed("it has begun already")),
        };
        self.state = state;
        match initial {
            Some(response) => self.handle(response),
            None => Step::Challenge(prompt.into()),
        }
    }

    /// The client's next message, decoded from base64.
    pub fn handle(&mut self, response: &[u8]) -> Step {
        self.advance(response).unwrap_or_else(|refusal| {
            self.state = State::Over;
            Step::Refused(refusal)
        })
    }

    /// The credentials that [`Step::NeedScram`] asked for; none refuses, which
    /// tells that there is no such user: better give
    /// [`ScramCredentials::decoy`].
    pub fn give_scram(&mut self, credentials: Option<ScramCredentials>) -> Step {
        let State::ScramLookup(first) = std::mem::replace(&mut self.state, State::Over) else {
            return Step::Refused(Refusal::Malformed("no credentials are wanted"));
        };
        let Some(credentials) = credentials else {
            return Step::Refused(Refusal::WrongCredentials);
        };
        let nonce = format!("{}{}", first.nonce, self.nonce);
        let salt = STANDARD.encode(&credentials.salt);
        let server = format!("r={nonce},s={salt},i={}", credentials.iterations);
        let challenge = server.clone().into_bytes();
        self.state = State::ScramProof { first, credentials, nonce, server };
        Step::Challenge(challenge)
    }

    /// The client cancelled with `*`.
    pub fn cancel(&mut self) -> Step {
        self.state = State::Over;
        Step::Refused(Refusal::Cancelled)
    }

    fn advance(&mut self, response: &[u8]) -> Result<Step, Refusal> {
        if response.len() > MESSAGE_BYTES_MAX {
            return Err(Refusal::Malformed("the message is too long"));
        }
        match std::mem::replace(&mut self.state, State::Over) {
            State::Plain => on_plain(response),
            State::LoginUser => {
                let user = prepare(utf8(response)?)?;
                self.state = State::LoginPassword { user };
                Ok(Step::Challenge(LOGIN_PASSWORD.into()))
            }
            State::LoginPassword { user } => {
                let password = Password::from_bytes(response)?;
                Ok(Step::CheckPassword { authzid: None, user, password })
            }
            State::ScramFirst => {
                let first = ScramFirst::parse(utf8(response)?)?;
                let user = first.user.clone();
                self.state = State::ScramLookup(first);
                Ok(Step::NeedScram { user })
            }
            State::ScramProof { first, credentials, nonce, server } => {
                let signature = check_proof(response, &first, &credentials, &nonce, &server)?;
                self.state = State::ScramLast { user: first.user };
                Ok(Step::Challenge(format!("v={}", STANDARD.encode(signature)).into_bytes()))
            }
            // The client has nothing to add (RFC 4422 §5, RFC 9051 §6.2.2).
            State::ScramLast { user } if response.is_empty() => Ok(Step::Accepted { user }),
            State::ScramLast { .. } => Err(Refusal::Malformed("an empty line ends SCRAM")),
            State::Begin(_) | State::ScramLookup(_) | State::Over => {
                Err(Refusal::Malformed("no message is expected"))
            }
        }
    }
}

/// `[authzid] NUL authcid NUL passwd` (RFC 4616 §2).
fn on_plain(response: &[u8]) -> Result<Step, Refusal> {
    let mut parts = response.split(|byte| *byte == 0);
    let (Some(authzid), Some(user), Some(password), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Refusal::Malformed("PLAIN has three parts between two NULs"));
    };
    let user = prepare(utf8(user)?)?;
    let authzid = acts_as(utf8(authzid)?, &user)?;
    Ok(Step::CheckPassword { authzid, user, password: Password::from_bytes(password)? })
}

/// One acts as oneself only.
fn acts_as(authzid: &str, user: &str) -> Result<Option<String>, Refusal> {
    if authzid.is_empty() {
        return Ok(None);
    }
    let authzid = prepare(authzid)?;
    if authzid == user { Ok(Some(authzid)) } else { Err(Refusal::ActsForAnother) }
}

impl ScramFirst {
    /// `gs2-header client-first-message-bare` (RFC 5802 §7).
    fn parse(message: &str) -> Result<Self, Refusal> {
        let malformed = Refusal::Malformed;
        let mut parts = message.splitn(3, ',');
        let (Some(flag), Some(authzid), Some(bare)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed("SCRAM begins with n,,"));
        };
        // RFC 5802 §6: `y` says that the client thinks we cannot bind, which is so.
        match flag {
            "n" | "y" => {}
            _ if flag.starts_with("p=") => return Err(Refusal::ChannelBinding),
            _ => return Err(malformed("the flag of channel binding is n, y or p")),
        }
        let mut attributes = bare.split(',');
        // RFC 5802 §5.1: `m` demands an extension that nobody has defined.
        let user = attributes.next().filter(|text| !text.starts_with("m="));
        let user = scram::attribute(user, "n").and_then(scram::unescape);
        let user = prepare(&user.ok_or(malformed("a user name comes first"))?)?;
        let nonce = scram::attribute(attributes.next(), "r").filter(|text| scram::is_nonce(text));
        let nonce = nonce.ok_or(malformed("a nonce comes second"))?.to_owned();
        if !authzid.is_empty() {
            let name = scram::attribute(Some(authzid), "a").and_then(scram::unescape);
            acts_as(&name.ok_or(malformed("the second part is a=name"))?, &user)?;
        }
        let gs2_header = format!("{flag},{authzid},");
        Ok(Self { gs2_header, bare: bare.to_owned(), user, nonce })
    }
}

/// `channel-binding "," nonce ["," extensions] "," proof` (RFC 5802 §7); the
/// server's signature when all of it is right.
fn check_proof(
    response: &[u8],
    first: &ScramFirst,
    credentials: &ScramCredentials,
    nonce: &str,
    server: &str,
) -> Result<[u8; scram::KEY_BYTES], Refusal> {
    let message = utf8(response)?;
    let (unproved, proof) =
        message.rsplit_once(",p=").ok_or(Refusal::Malformed("a proof comes last"))?;
    let proof = scram::key_of(proof).ok_or(Refusal::Malformed("the proof has 32 bytes"))?;
    let mut attributes = unproved.split(',');
    let binding = scram::attribute(attributes.next(), "c");
    // RFC 5802 §6: whoever changed the flag on the way is found here.
    if binding != Some(STANDARD.encode(&first.gs2_header).as_str()) {
        return Err(Refusal::ChannelBinding);
    }
    if scram::attribute(attributes.next(), "r") != Some(nonce) {
        return Err(Refusal::Malformed("the nonce is not ours"));
    }
    let messages = format!("{},{server},{unproved}", first.bare);
    if !credentials.accepts(&proof, &messages) {
        return Err(Refusal::WrongCredentials);
    }
    Ok(credentials.signature(&messages))
}

fn utf8(bytes: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(bytes).map_err(|_| Refusal::Unprepared(PrepareError::NotUtf8))
}

/// What clients of LOGIN know to ask the user for.
const LOGIN_USER: &str = "Username:";
const LOGIN_PASSWORD: &str = "Password:";
