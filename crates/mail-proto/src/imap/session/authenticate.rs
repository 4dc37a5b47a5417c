//! Who the client is (RFC 9051 §6.2).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Doing, Output, Session};
use crate::imap::frame::Frame;
use crate::imap::response::{Code, Status, StatusText};
use crate::imap::store::StoreResult;
use crate::sasl::{Mechanism, Password, ScramCredentials, ServerExchange, Step};

/// A login under way.
#[derive(Debug)]
pub(super) struct Exchange {
    tag: String,
    /// The exchange of `AUTHENTICATE`; none for `LOGIN`.
    sasl: Option<ServerExchange>,
    waits: WaitsFor,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WaitsFor {
    Client,
    Answer,
}

impl Exchange {
    pub(super) const fn is_reading(&self) -> bool {
        matches!(self.waits, WaitsFor::Client)
    }
}

impl Session {
    pub(super) fn log_in(&mut self, tag: String, user: String, password: &[u8]) {
        if !self.may_show_password() {
            let text = "passwords are taken within TLS only";
            let status = StatusText::with_code(Status::No, Code::PrivacyRequired, text);
            self.refuse(Some(&tag), &status);
            return;
        }
        let Ok(password) = Password::from_bytes(password) else {
            self.on_login_failed(&tag);
            return;
        };
        self.out.push(Output::CheckPassword { user, password });
        self.wait_for_answer(tag, None);
    }

    pub(super) fn authenticate(&mut self, tag: String, name: &str, initial: Option<&[u8]>) {
        let Some(mechanism) = Mechanism::parse(name) else {
            let text = "the mechanism is not known";
            self.refuse(Some(&tag), &StatusText::with_code(Status::No, Code::Cannot, text));
            return;
        };
        if mechanism.shows_password() && !self.may_show_password() {
            let text = "this mechanism is for TLS only";
            let status = StatusText::with_code(Status::No, Code::PrivacyRequired, text);
            self.refuse(Some(&tag), &status);
            return;
        }
        // `=` is an empty response (RFC 4959 §3).
        let initial = match initial {
            Some(b"=") => Some(Vec::new()),
            Some(text) => match STANDARD.decode(text) {
                Ok(initial) => Some(initial),
                Err(_) => return self.refuse(Some(&tag), &bad_base64()),
            },
            None => None,
        };
        // Each exchange of a connection has a nonce of its own.
        for byte in &mut self.nonce {
            *byte = byte.wrapping_add(1);
        }
        let mut sasl = ServerExchange::new(mechanism, self.nonce);
        let step = sasl.begin(initial.as_deref());
        self.on_step(tag, sasl, step);
    }

    fn wait_for_answer(&mut self, tag: String, sasl: Option<ServerExchange>) {
        let exchange = Exchange { tag, sasl, waits: WaitsFor::Answer };
        self.doing = Doing::Authenticating(Box::new(exchange));
    }

    fn on_step(&mut self, tag: String, sasl: ServerExchange, step: Step) {
        match step {
            Step::Challenge(challenge) => {
                self.out.writer().continuation(&STANDARD.encode(challenge));
                let exchange = Exchange { tag, sasl: Some(sasl), waits: WaitsFor::Client };
                self.doing = Doing::Authenticating(Box::new(exchange));
            }
            Step::CheckPassword { authzid, user, password } => {
                // Nobody acts for another here (RFC 4616 §2).
                if authzid.is_some_and(|authzid| authzid != user) {
                    let text = "you cannot act for somebody else";
                    let status = StatusText::with_code(Status::No, Code::AuthorizationFailed, text);
                    self.refuse(Some(&tag), &status);
                    return;
                }
                self.out.push(Output::CheckPassword { user, password });
                self.wait_for_answer(tag, Some(sasl));
            }
            Step::NeedScram { user } => {
                self.out.push(Output::NeedScram { user });
                self.wait_for_answer(tag, Some(sasl));
            }
            Step::Accepted { user } => {
                let cause = self.out.cause();
                self.out.push(Output::OpenAccount { user, cause });
                self.wait_for_answer(tag, Some(sasl));
            }
            Step::Refused(crate::sasl::Refusal::Cancelled) => {
                // RFC 9051 §6.2.2: a cancelled exchange is BAD.
                let bad = StatusText::new(Status::Bad, "AUTHENTICATE was cancelled");
                self.refuse(Some(&tag), &bad);
            }
            Step::Refused(_) => self.on_login_failed(&tag),
        }
    }

    /// The client's line in an exchange.
    pub(super) fn on_exchange_frame(&mut self, frame: Frame) {
        let Doing::Authenticating(exchange) = std::mem::replace(&mut self.doing, Doing::Reading)
        else {
            return;
        };
        let Exchange { tag, sasl: Some(mut sasl), .. } = *exchange else { return };
        let step = match frame {
            Frame::Command(line) if line == b"*" => sasl.cancel(),
            Frame::Command(line) => match STANDARD.decode(&line) {
                Ok(response) => sasl.handle(&response),
                Err(_) => return self.refuse(Some(&tag), &bad_base64()),
            },
            _ => return self.refuse(Some(&tag), &bad_base64()),
        };
        self.on_step(tag, sasl, step);
    }

    pub(super) fn on_scram(&mut self, credentials: Option<ScramCredentials>) {
        match std::mem::replace(&mut self.doing, Doing::Reading) {
            Doing::Authenticating(exchange) => {
                let Exchange { tag, sasl: Some(mut sasl), .. } = *exchange else { return };
                let step = sasl.give_scram(credentials);
                self.on_step(tag, sasl, step);
            }
            other => self.doing = other,
        }
    }

    pub(super) fn on_password_checked(&mut self, user: Option<String>) {
        match (std::mem::replace(&mut self.doing, Doing::Reading), user) {
            (Doing::Authenticating(exchange), Some(user)) => {
                let cause = self.out.cause();
                self.out.push(Output::OpenAccount { user, cause });
                self.doing = Doing::Authenticating(exchange);
            }
            (Doing::Authenticating(exchange), None) => self.on_login_failed(&exchange.tag),
            (other, _) => self.doing = other,
        }
    }

    pub(super) fn on_account_opened(&mut self, result: &StoreResult) {
        let exchange = match std::mem::replace(&mut self.doing, Doing::Reading) {
            Doing::Authenticating(exchange) => exchange,
            other => {
                self.doing = other;
                return;
            }
        };
        if let Err(error) = result {
            let status = super::refusal::of_store(error, super::refusal::Missing::IsNamed);
            self.end(&exchange.tag, &status);
            return;
        }
        self.become_user();
        // What a client may do has changed: it need not ask (RFC 9051 §6.2.2).
        let code = Code::Capability(self.capabilities());
        self.end(&exchange.tag, &StatusText::with_code(Status::Ok, code, "logged in"));
    }

    fn on_login_failed(&mut self, tag: &str) {
        self.strikes.failed_logins += 1;
        let text = "name or password is wrong";
        let status = StatusText::with_code(Status::No, Code::AuthenticationFailed, text);
        self.end(tag, &status);
        if self.strikes.failed_logins >= self.config.failed_logins_max {
            self.farewell(StatusText::new(Status::Bye, "too many failed attempts"));
        }
    }
}

fn bad_base64() -> StatusText {
    StatusText::new(Status::Bad, "the response is not in base64")
}
