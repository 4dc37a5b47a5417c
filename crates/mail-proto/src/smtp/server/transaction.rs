//! MAIL and RCPT: the envelope of one message (RFC 5321 §3.3).

use super::taking::Taking;
use super::{Next, Output, RecipientVerdict, Role, SenderPolicy, SenderVerdict, Session, State};
use crate::address::{Address, ForwardPath, ReversePath};
use crate::envelope::{BodyKind, Envelope, Recipient};
use crate::smtp::command::RecipientPath;
use crate::smtp::parameters::{MailParameters, RcptParameters};
use crate::smtp::refusal::Refusal;
use crate::smtp::reply::Reply;

/// A message that has begun.
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) envelope: Envelope,
    /// Octets that the client announced.
    pub(super) size: Option<u64>,
    pub(super) chunks: Chunks,
}

/// What came of a message in chunks so far (RFC 3030 §2).
#[derive(Debug)]
pub(super) enum Chunks {
    /// Nothing.
    None,
    /// Some, and more must come.
    Some(Taking),
    /// One was refused: only RSET helps.
    Refused,
}

/// A recipient about whom the users are asked.
#[derive(Debug)]
pub(super) struct AskedRecipient(Recipient);

impl Transaction {
    pub(super) const fn holds_content(&self) -> bool {
        matches!(self.chunks, Chunks::Some(_))
    }
}

impl Session {
    pub(super) fn on_mail(
        &mut self,
        from: ReversePath,
        parameters: MailParameters,
        begun: Option<Transaction>,
    ) -> Next {
        if let Some(refusal) = self.mail_refusal(&from, &parameters, begun.is_some()) {
            return self.refuse(&refusal, State::Commands(begun));
        }
        let envelope = Envelope {
            from: from.clone(),
            recipients: Vec::new(),
            body: parameters.body.unwrap_or_default(),
            smtputf8: parameters.smtputf8,
            returns: parameters.returns.unwrap_or_default(),
            envelope_id: parameters.envelope_id,
        };
        let begun = Transaction { envelope, size: parameters.size, chunks: Chunks::None };
        if let (SenderPolicy::Own, Some(user)) = (self.config.senders, &self.user) {
            self.outbox.push_back(Output::CheckSender { user: user.clone(), from });
            return Next::Wait(State::Sender(begun));
        }
        Next::Again(self.on_sender(SenderVerdict::Own, begun))
    }

    fn mail_refusal(
        &self,
        from: &ReversePath,
        parameters: &MailParameters,
        has_begun: bool,
    ) -> Option<Refusal> {
        let offers = self.config.offers;
        let octets_max = self.config.message_octets_max;
        if self.hello.is_none() {
            // RFC 5321 §4.1.4.
            return Some(Refusal::Sequence("say EHLO or HELO first"));
        }
        if has_begun {
            // RFC 5321 §4.1.4: no message within another.
            return Some(Refusal::Sequence("a message has begun already; RSET begins anew"));
        }
        if self.config.role == Role::Submission && self.user.is_none() {
            // RFC 6409 §4.3.
            return Some(Refusal::LogInFirst);
        }
        if parameters.size.is_some_and(|size| size > octets_max) {
            return Some(Refusal::AnnouncedTooLarge(octets_max));
        }
        if parameters.smtputf8 && !(offers.smtputf8 && offers.eight_bit) {
            return Some(Refusal::ParameterNotOffered("SMTPUTF8"));
        }
        match parameters.body {
            Some(BodyKind::Binary) => return Some(Refusal::ParameterNotOffered("BINARYMIME")),
            Some(BodyKind::EightBit) if !offers.eight_bit => {
                return Some(Refusal::ParameterNotOffered("8BITMIME"));
            }
            _ => {}
        }
        let needs_smtputf8 = from.0.as_ref().is_some_and(Address::needs_smtputf8);
        (needs_smtputf8 && !parameters.smtputf8).then_some(Refusal::NeedsSmtputf8)
    }

    pub(super) fn on_sender(&mut self, verdict: SenderVerdict, begun: Transaction) -> State {
        match verdict {
            SenderVerdict::Own => {
                let text = format!("from {}", begun.envelope.from);
                self.say(&Reply::new(250, Some((1, 0)), text));
                State::Commands(Some(begun))
            }
            SenderVerdict::Foreign => {
                match self.refuse(&Refusal::ForeignSender, State::Commands(None)) {
                    Next::Again(state) | Next::Wait(state) => state,
                }
            }
        }
    }

    pub(super) fn on_rcpt(
        &mut self,
        to: RecipientPath,
        parameters: RcptParameters,
        begun: Option<Transaction>,
    ) -> Next {
        let Some(begun) = begun else {
            return self.refuse(&Refusal::Sequence("say MAIL first"), State::Commands(None));
        };
        let path = match self.recipient(to, &begun) {
            Ok(path) => path,
            Err(refusal) => return self.refuse(&refusal, State::Commands(Some(begun))),
        };
        let RcptParameters { notify, original } = parameters;
        let (address, cause) = (path.0.clone(), self.cause);
        self.outbox.push_back(Output::CheckRecipient { address, cause });
        Next::Wait(State::Recipient(begun, AskedRecipient(Recipient { path, notify, original })))
    }

    fn recipient(&self, to: RecipientPath, begun: &Transaction) -> Result<ForwardPath, Refusal> {
        if !matches!(begun.chunks, Chunks::None) {
            return Err(Refusal::Sequence("the message's chunks have begun"));
        }
        // RFC 5321 §4.5.3.1.8: at least 100; §4.5.3.1.10: 452 for more.
        if begun.envelope.recipients.len() >= self.config.recipients_max {
            return Err(Refusal::ManyRecipients(self.config.recipients_max));
        }
        let path = match to {
            RecipientPath::Path(path) => path,
            // RFC 5321 §4.5.1: always there.
            RecipientPath::Postmaster => {
                let address = Address::new("postmaster", &self.config.postmaster_domain);
                ForwardPath(address.map_err(|_| Refusal::UnknownRecipient)?)
            }
        };
        if path.0.needs_smtputf8() && !begun.envelope.smtputf8 {
            return Err(Refusal::NeedsSmtputf8);
        }
        Ok(path)
    }

    pub(super) fn on_recipient(
        &mut self,
        verdict: RecipientVerdict,
        mut begun: Transaction,
        AskedRecipient(recipient): AskedRecipient,
    ) -> State {
        let refusal = match verdict {
            RecipientVerdict::Local => None,
            RecipientVerdict::Unknown => Some(Refusal::UnknownRecipient),
            RecipientVerdict::TryLater => Some(Refusal::RecipientTryLater),
            // Only for those who have logged in: an open relay serves abuse.
            RecipientVerdict::Elsewhere => self.user.is_none().then_some(Refusal::NoRelay),
        };
        if let Some(refusal) = refusal {
            let next = self.refuse(&refusal, State::Commands(Some(begun)));
            let (Next::Again(state) | Next::Wait(state)) = next;
            return state;
        }
        self.say(&Reply::new(250, Some((1, 5)), format!("to {}", recipient.path)));
        // Who is named twice gets the message once.
        if !begun.envelope.recipients.iter().any(|known| known.path == recipient.path) {
            begun.envelope.recipients.push(recipient);
        }
        State::Commands(Some(begun))
    }
}
