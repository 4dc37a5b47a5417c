//! Greetings, what is offered, and the beginning of TLS.

use super::{Hello, Next, Output, Session, State, Transaction};
use crate::sasl::Mechanism;
use crate::smtp::refusal::Refusal;
use crate::smtp::reply::Reply;

impl Session {
    /// The first word (RFC 5321 §3.1), or what a policy says instead.
    pub(super) fn greet(&mut self, refusal: Option<Reply>) -> State {
        let Some(reply) = refusal else {
            let text = format!("{} ESMTP capa7", self.config.hostname);
            self.say(&Reply::new(220, None, text));
            return State::Commands(None);
        };
        self.say(&reply);
        if reply.is_closing() {
            return self.close();
        }
        self.is_turned_away = true;
        State::Commands(None)
    }

    pub(super) fn on_hello(&mut self, hello: Hello, begun: Option<Transaction>) -> Next {
        self.abandon(begun);
        let greeting = format!("{} greets {}", self.config.hostname, hello.name);
        let mut reply = Reply::new(250, None, greeting);
        if hello.extended {
            reply.lines.extend(self.offered());
        }
        self.hello = Some(hello);
        self.say(&reply);
        Next::Again(State::Commands(None))
    }

    /// The lines of an EHLO reply (RFC 5321 §4.1.1.1).
    fn offered(&self) -> Vec<String> {
        let offers = self.config.offers;
        let mut lines = Vec::new();
        let mut offer = |line: String| lines.push(line);
        if offers.pipelining {
            offer("PIPELINING".to_owned());
        }
        offer(format!("SIZE {}", self.config.message_octets_max));
        if offers.eight_bit {
            offer("8BITMIME".to_owned());
            // RFC 6531 §3.1: SMTPUTF8 needs 8BITMIME.
            if offers.smtputf8 {
                offer("SMTPUTF8".to_owned());
            }
        }
        if offers.chunking {
            offer("CHUNKING".to_owned());
        }
        offer("ENHANCEDSTATUSCODES".to_owned());
        offer("DSN".to_owned());
        // RFC 3207 §4.2: not again within TLS.
        if self.config.starttls && self.peer.tls.is_none() {
            offer("STARTTLS".to_owned());
        }
        let mechanisms: Vec<_> =
            Mechanism::ALL.into_iter().filter(|one| self.offers_mechanism(*one)).collect();
        if !mechanisms.is_empty() {
            let names: Vec<_> = mechanisms.into_iter().map(Mechanism::name).collect();
            offer(format!("AUTH {}", names.join(" ")));
        }
        lines
    }

    pub(super) fn on_starttls(&mut self, begun: Option<Transaction>) -> Next {
        if !self.config.starttls {
            return self.refuse(&Refusal::NotOffered("STARTTLS"), State::Commands(begun));
        }
        if self.peer.tls.is_some() {
            let refusal = Refusal::Sequence("TLS has begun already");
            return self.refuse(&refusal, State::Commands(begun));
        }
        self.abandon(begun);
        self.say(&Reply::new(220, Some((0, 0)), "begin TLS"));
        // RFC 3207 §4.2: what was slipped in behind the command was not sent by
        // who speaks within TLS; nothing of it is obeyed.
        self.inbox.clear();
        self.outbox.push_back(Output::StartTls);
        Next::Wait(State::Tls)
    }

    pub(super) fn on_tls(&mut self, version: String) -> State {
        // RFC 3207 §4.2: all that was learned in clear is forgotten.
        self.inbox.clear();
        self.peer.tls = Some(version);
        self.hello = None;
        self.user = None;
        State::Commands(None)
    }
}
