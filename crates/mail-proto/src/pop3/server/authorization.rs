//! AUTHORIZATION: who is it? (RFC 1939 §4)

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Channel, OpenRefusal, Session, State, Transaction, What};
use crate::pop3::command::{Command, mechanism_names};
use crate::pop3::server::Listed;
use crate::sasl::{Mechanism, ServerExchange, Step};

impl Session {
    pub(super) fn in_authorization(&mut self, user: Option<String>, command: Command) {
        match command {
            Command::Capa => {
                self.state = State::Authorization { user };
                self.capabilities();
            }
            Command::Stls => self.on_stls(user),
            Command::User(name) if self.mechanisms().contains(&Mechanism::Plain) => {
                // Whether there is such a user is told after PASS, if at all.
                self.state = State::Authorization { user: Some(name) };
                self.ok("and the password?");
            }
            Command::User(_) | Command::Pass(_)
                if !self.mechanisms().contains(&Mechanism::Plain) =>
            {
                self.state = State::Authorization { user: None };
                self.err("[AUTH]", "no password in clear: begin TLS first (STLS)");
            }
            Command::Pass(password) => match user {
                Some(user) => {
                    self.state = State::Checking;
                    self.output(What::CheckPassword { user, password });
                }
                None => {
                    self.state = State::Authorization { user: None };
                    self.err("", "USER comes first");
                }
            },
            Command::Auth(None) => {
                self.state = State::Authorization { user };
                let names = mechanism_names(&self.mechanisms()).join("\r\n");
                self.send(format!("+OK\r\n{names}\r\n.\r\n").into_bytes());
            }
            Command::Auth(Some((name, initial))) => self.on_auth(&name, initial.as_deref()),
            Command::Quit => {
                self.ok("good bye");
                self.close();
            }
            _ => {
                self.state = State::Authorization { user };
                self.err("", "log in first");
            }
        }
    }

    fn on_stls(&mut self, user: Option<String>) {
        match self.channel {
            Channel::StlsOffered => {
                self.state = State::StartingTls;
                // RFC 2595 §2.4, §4: what came in clear behind the command
                // may be anybody's, and nothing learnt in clear is kept.
                self.inbox.clear();
                self.ok("begin TLS");
                self.output(What::StartTls);
            }
            Channel::Tls => {
                self.state = State::Authorization { user };
                self.err("", "TLS is there already");
            }
            Channel::Clear => {
                self.state = State::Authorization { user };
                self.err("", "there is no TLS here");
            }
        }
    }

    fn on_auth(&mut self, name: &str, initial: Option<&str>) {
        self.state = State::Authorization { user: None };
        let offered = self.mechanisms();
        let Some(mechanism) = Mechanism::parse(name).filter(|known| offered.contains(known)) else {
            self.err("[AUTH]", "this mechanism is not offered here");
            return;
        };
        // RFC 5034 §4: `=` is an empty initial response.
        let initial = match initial {
            None => None,
            Some("=") => Some(Vec::new()),
            Some(text) => match STANDARD.decode(text) {
                Ok(response) => Some(response),
                Err(_) => {
                    self.err("", "the initial response is not in base64");
                    self.count_error();
                    return;
                }
            },
        };
        let mut exchange = Box::new(ServerExchange::new(mechanism, self.config.nonce));
        let step = exchange.begin(initial.as_deref());
        self.on_step(exchange, step);
    }

    pub(super) fn on_step(&mut self, exchange: Box<ServerExchange>, step: Step) {
        match step {
            Step::Challenge(challenge) => {
                self.state = State::Exchange(exchange);
                self.send(format!("+ {}\r\n", STANDARD.encode(challenge)).into_bytes());
            }
            Step::CheckPassword { user, password, .. } => {
                self.state = State::Checking;
                self.output(What::CheckPassword { user, password });
            }
            Step::NeedScram { user } => {
                self.state = State::LookingUp(exchange);
                self.output(What::NeedScram { user });
            }
            Step::Accepted { user } => self.open(user),
            Step::Refused(refusal) => self.refuse_login(&refusal.to_string()),
        }
    }

    pub(super) fn on_checked(&mut self, user: Option<String>) {
        match user {
            Some(user) => self.open(user),
            None => self.refuse_login("user or password is wrong"),
        }
    }

    fn open(&mut self, user: String) {
        self.state = State::Opening;
        self.output(What::Open { user });
    }

    fn refuse_login(&mut self, why: &str) {
        self.state = State::Authorization { user: None };
        self.login_failures += 1;
        // RFC 3206 §4.
        self.err("[AUTH]", why);
        if self.login_failures >= self.config.login_failures_max {
            self.close();
        }
    }

    pub(super) fn on_opened(&mut self, opened: Result<Vec<Listed>, OpenRefusal>) {
        match opened {
            Ok(listed) => {
                let transaction = Transaction::new(listed);
                let (count, octets) = transaction.total();
                self.state = State::Transaction(transaction);
                self.ok(&format!("the maildrop has {count} messages ({octets} octets)"));
            }
            Err(refusal) => {
                self.state = State::Authorization { user: None };
                match refusal {
                    // RFC 2449 §8.1.1.
                    OpenRefusal::InUse => self.err("[IN-USE]", "another session has the maildrop"),
                    OpenRefusal::Unavailable => {
                        self.err("[SYS/TEMP]", "the maildrop cannot be opened now");
                    }
                }
            }
        }
    }
}
