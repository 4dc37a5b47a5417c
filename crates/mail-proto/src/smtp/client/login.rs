//! Logging in (RFC 4954).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Client, Failure, State};
use crate::sasl::{ClientExchange, Mechanism, Password};
use crate::smtp::reply::Reply;

/// A log-in under way.
#[derive(Debug)]
pub(super) struct LogIn {
    exchange: ClientExchange,
    /// What the client says first, when it did not fit into the command.
    first: Option<Vec<u8>>,
    /// The exchange failed on our side; the server is told by `*`.
    gave_up: Option<String>,
}

impl Client {
    /// Logs in when it has to.
    pub(super) fn log_in(&mut self) {
        let Some(credentials) = self.config.credentials.clone() else { return self.ready() };
        let may_show = self.is_tls || credentials.in_clear;
        let offered = self.extensions.auth.iter().map(String::as_str).filter(|name| {
            may_show || Mechanism::parse(name).is_some_and(|known| !known.shows_password())
        });
        let Some(mechanism) = Mechanism::best(offered) else {
            let why = if may_show { "no known way is offered" } else { "no safe way is offered" };
            return self.fail(Failure::LogIn(why.to_owned()));
        };
        let password = match Password::new(&credentials.password) {
            Ok(password) => password,
            Err(error) => return self.fail(Failure::LogIn(error.to_string())),
        };
        let nonce = self.config.nonce;
        let mut exchange = ClientExchange::new(mechanism, &credentials.user, &password, nonce);
        let mut first = exchange.initial_response();
        let initial = first.as_ref().map(|response| STANDARD.encode(response));
        // RFC 4954 §4: an initial response that makes the line too long waits.
        match initial.filter(|text| text.len() <= INITIAL_OCTETS_MAX) {
            Some(initial) => {
                first = None;
                self.write(&format!("AUTH {} {initial}", mechanism.name()));
            }
            None => self.write(&format!("AUTH {}", mechanism.name())),
        }
        self.state = State::LogIn(Box::new(LogIn { exchange, first, gave_up: None }));
    }

    pub(super) fn on_login_reply(&mut self, reply: &Reply, mut login: LogIn) {
        if let Some(why) = login.gave_up {
            return self.fail(Failure::LogIn(why));
        }
        match reply.code.number() {
            334 => {
                match login.answer(&reply.text()) {
                    Ok(response) => self.write(&STANDARD.encode(response)),
                    Err(why) => {
                        self.write("*");
                        login.gave_up = Some(why);
                    }
                }
                self.state = State::LogIn(Box::new(login));
            }
            235 => match login.exchange.finish() {
                Ok(()) => self.ready(),
                Err(error) => self.fail(Failure::LogIn(error.to_string())),
            },
            _ => self.fail(Failure::LogIn(format!("the server says: {reply}"))),
        }
    }
}

impl LogIn {
    fn answer(&mut self, challenge: &str) -> Result<Vec<u8>, String> {
        if let Some(first) = self.first.take() {
            return Ok(first);
        }
        let challenge = STANDARD.decode(challenge.trim()).map_err(|error| error.to_string())?;
        self.exchange.handle(&challenge).map_err(|error| error.to_string())
    }
}

/// A command line has 512 octets (RFC 5321 §4.5.3.1.4).
const INITIAL_OCTETS_MAX: usize = 480;
