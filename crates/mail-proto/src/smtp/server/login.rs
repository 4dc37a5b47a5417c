//! AUTH (RFC 4954): SASL in base64, one line at a time.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Next, Output, PasswordVerdict, Session, State, Transaction};
use crate::sasl::{self, Mechanism, NONCE_BYTES, ScramCredentials, ServerExchange, Step};
use crate::smtp::command::AUTH_LINE_OCTETS_MAX;
use crate::smtp::refusal::Refusal;
use crate::smtp::reply::Reply;

/// A log-in under way.
#[derive(Debug)]
pub(super) struct LogIn {
    exchange: ServerExchange,
    waits_for: WaitsFor,
}

#[derive(Debug, PartialEq, Eq)]
enum WaitsFor {
    Line,
    /// The verdict on the password of this user.
    Password(String),
    Scram,
}

impl LogIn {
    pub(super) fn waits_for_line(&self) -> bool {
        self.waits_for == WaitsFor::Line
    }
}

impl Session {
    /// Whether a mechanism can be used at this point (RFC 4954 §4).
    pub(super) fn offers_mechanism(&self, mechanism: Mechanism) -> bool {
        let may_log_in = self.config.auth != super::AuthPolicy::Never;
        let takes_passwords = self.config.takes_passwords(self.peer.tls.is_some());
        may_log_in && (takes_passwords || !mechanism.shows_password())
    }

    pub(super) fn on_auth(
        &mut self,
        mechanism: &str,
        initial: Option<String>,
        begun: Option<Transaction>,
    ) -> Next {
        let refusal = self.auth_refusal(mechanism, begun.is_some());
        let (Ok(mechanism), None) = (&refusal, &begun) else {
            let refusal = refusal.err().unwrap_or(Refusal::UnknownMechanism);
            return self.refuse(&refusal, State::Commands(begun));
        };
        let mut exchange = ServerExchange::new(*mechanism, self.nonce());
        let step = match initial.as_deref().map(decode_initial) {
            None => exchange.begin(None),
            Some(Some(response)) => exchange.begin(Some(&response)),
            Some(None) => return self.refuse(&not_base64(), State::Commands(None)),
        };
        self.on_step(step, exchange)
    }

    fn auth_refusal(&self, mechanism: &str, is_in_mail: bool) -> Result<Mechanism, Refusal> {
        if self.config.auth == super::AuthPolicy::Never {
            return Err(Refusal::NotOffered("AUTH"));
        }
        if !self.hello.as_ref().is_some_and(|hello| hello.extended) {
            return Err(Refusal::Sequence("say EHLO first"));
        }
        // RFC 4954 §4: once, and not within a message.
        if self.user.is_some() {
            return Err(Refusal::Sequence("you have logged in already"));
        }
        if is_in_mail {
            return Err(Refusal::Sequence("a message has begun; RSET first"));
        }
        let mechanism = Mechanism::parse(mechanism).ok_or(Refusal::UnknownMechanism)?;
        if self.offers_mechanism(mechanism) { Ok(mechanism) } else { Err(Refusal::TlsFirst) }
    }

    fn nonce(&mut self) -> [u8; NONCE_BYTES] {
        let mut context = ring::digest::Context::new(&ring::digest::SHA256);
        context.update(&self.peer.seed);
        context.update(&self.counts.nonces.to_be_bytes());
        self.counts.nonces += 1;
        let mut nonce = [0; NONCE_BYTES];
        let digest = context.finish();
        nonce.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
        nonce
    }

    pub(super) fn on_login_line(&mut self, mut login: LogIn) -> Next {
        if login.waits_for != WaitsFor::Line {
            return Next::Wait(State::LogIn(login));
        }
        let line = match self.inbox.next_line(|_| AUTH_LINE_OCTETS_MAX) {
            Ok(None) => return Next::Wait(State::LogIn(login)),
            Ok(Some(line)) => line,
            Err(fault) => return self.refuse(&Refusal::Line(fault), State::Commands(None)),
        };
        self.counts.steps += 1;
        // RFC 4954 §4: `*` ends the exchange.
        if line == b"*" {
            return self.refuse(&Refusal::ExchangeCancelled, State::Commands(None));
        }
        match STANDARD.decode(&line) {
            Ok(response) => {
                let step = login.exchange.handle(&response);
                self.on_step(step, login.exchange)
            }
            Err(_) => self.refuse(&not_base64(), State::Commands(None)),
        }
    }

    fn on_step(&mut self, step: Step, exchange: ServerExchange) -> Next {
        let wait = |waits_for| Next::Wait(State::LogIn(LogIn { exchange, waits_for }));
        match step {
            Step::Challenge(challenge) => {
                self.say(&Reply::new(334, None, STANDARD.encode(challenge)));
                match wait(WaitsFor::Line) {
                    Next::Wait(state) | Next::Again(state) => Next::Again(state),
                }
            }
            Step::CheckPassword { user, password, .. } => {
                let cause = self.cause;
                let name = user.clone();
                self.outbox.push_back(Output::CheckPassword { user, password, cause });
                wait(WaitsFor::Password(name))
            }
            Step::NeedScram { user } => {
                self.outbox.push_back(Output::NeedScram { user });
                wait(WaitsFor::Scram)
            }
            Step::Accepted { user } => Next::Again(self.log_in(user)),
            Step::Refused(sasl::Refusal::Cancelled) => {
                self.refuse(&Refusal::ExchangeCancelled, State::Commands(None))
            }
            Step::Refused(refusal @ sasl::Refusal::Malformed(_)) => {
                self.refuse(&Refusal::BadExchange(refusal.to_string()), State::Commands(None))
            }
            Step::Refused(_) => self.wrong_credentials(),
        }
    }

    pub(super) fn on_password(&mut self, verdict: PasswordVerdict, login: LogIn) -> State {
        let WaitsFor::Password(user) = login.waits_for else { return State::LogIn(login) };
        let next = match verdict {
            PasswordVerdict::Right => return self.log_in(user),
            PasswordVerdict::Wrong => self.wrong_credentials(),
            PasswordVerdict::TryLater => {
                self.refuse(&Refusal::LogInTryLater, State::Commands(None))
            }
        };
        state_of(next)
    }

    pub(super) fn on_scram(
        &mut self,
        credentials: Option<ScramCredentials>,
        mut login: LogIn,
    ) -> State {
        if login.waits_for != WaitsFor::Scram {
            return State::LogIn(login);
        }
        let step = login.exchange.give_scram(credentials);
        state_of(self.on_step(step, login.exchange))
    }

    fn log_in(&mut self, user: String) -> State {
        self.say(&Reply::new(235, Some((7, 0)), "welcome"));
        self.outbox.push_back(Output::LoggedIn { user: user.clone(), cause: self.cause });
        self.user = Some(user);
        State::Commands(None)
    }

    fn wrong_credentials(&mut self) -> Next {
        self.counts.auth_failures += 1;
        let next = self.refuse(&Refusal::WrongCredentials, State::Commands(None));
        if self.counts.auth_failures < self.config.auth_failures_max {
            return next;
        }
        match state_of(next) {
            State::Closed => Next::Wait(State::Closed),
            state => Next::Wait(self.end(&Refusal::ManyLogIns, state)),
        }
    }
}

fn state_of(next: Next) -> State {
    match next {
        Next::Again(state) | Next::Wait(state) => state,
    }
}

/// RFC 4954 §4: `=` is an empty response.
fn decode_initial(text: &str) -> Option<Vec<u8>> {
    if text == "=" { Some(Vec::new()) } else { STANDARD.decode(text).ok() }
}

fn not_base64() -> Refusal {
    Refusal::BadExchange("the response is not base64".to_owned())
}
