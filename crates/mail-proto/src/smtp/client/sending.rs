//! One message on its way (RFC 5321 §3.3): commands in groups where the server
//! takes them (RFC 2920), outcomes as they come.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::steps::{self, Needs, Step};
use super::{Client, Failure, Outcome, Output, Reason, RecipientOutcome, State};
use crate::envelope::{Envelope, Recipient};
use crate::smtp::data::DataWriter;
use crate::smtp::reply::{Reply, Severity};

/// A message on its way.
#[derive(Debug)]
pub(super) struct Sending {
    envelope: Envelope,
    needs: Needs,
    message: Bytes,
    /// Commands that are not yet written.
    todo: VecDeque<Step>,
    /// Commands whose replies must come.
    asked: VecDeque<Step>,
    /// What became of each recipient; none while it is open.
    outcomes: Vec<Option<Outcome>>,
    /// Whether RCPT was answered with 2xx.
    taken: Vec<bool>,
    body: Body,
}

#[derive(Debug)]
enum Body {
    /// It is not its turn.
    Waits,
    /// Dots are doubled; bytes before `at` have left.
    Data { writer: Option<DataWriter>, at: usize },
    /// As it is, in one chunk.
    Chunk { at: usize },
}

impl Client {
    /// Begins a message, or says why it cannot be sent.
    pub(super) fn send(&mut self, envelope: Envelope, message: Bytes) {
        let limit = self.extensions.size.flatten();
        if has_bare_end(&message) {
            let why = found(550, 6, 0, "the message has a bare CR or LF");
            return self.sent(fail_all(&envelope, &why));
        }
        if limit.is_some_and(|limit| message.len() as u64 > limit) {
            // RFC 1870 §6.2.
            let why = found(552, 3, 4, "the message is larger than the server takes");
            return self.sent(fail_all(&envelope, &why));
        }
        let is_ascii = message.is_ascii();
        if !is_ascii && !self.extensions.eight_bit {
            self.state = State::Downgrading(envelope);
            self.outbox.push_back(Output::Downgrade(message));
            return;
        }
        self.begin(envelope, message, is_ascii);
    }

    pub(super) fn on_downgraded(&mut self, envelope: Envelope, message: Option<Bytes>) {
        match message.filter(|message| message.is_ascii() && !has_bare_end(message)) {
            Some(message) => self.begin(envelope, message, true),
            None => {
                // RFC 6152 §3; RFC 3463 §3.7.
                let why = found(554, 6, 3, "the server takes 7 bits only, the message needs 8");
                self.sent(fail_all(&envelope, &why));
            }
        }
    }

    fn begin(&mut self, envelope: Envelope, message: Bytes, is_ascii: bool) {
        let sender_needs = steps::sender_needs_smtputf8(&envelope);
        let header_needs = envelope.smtputf8 && !header_of(&message).is_ascii();
        let offers = self.extensions.smtputf8;
        let why = found(553, 6, 7, "the server takes no addresses or headers beyond ASCII");
        let mut sending = Sending {
            needs: Needs {
                octets: message.len(),
                eight_bit: !is_ascii,
                smtputf8: envelope.smtputf8 || sender_needs,
            },
            todo: VecDeque::new(),
            asked: VecDeque::new(),
            outcomes: vec![None; envelope.recipients.len()],
            taken: vec![false; envelope.recipients.len()],
            body: Body::Waits,
            envelope,
            message,
        };
        for (recipient, outcome) in sending.envelope.recipients.iter().zip(&mut sending.outcomes) {
            let needs = recipient.path.0.needs_smtputf8();
            sending.needs.smtputf8 |= needs;
            // RFC 6531 §3.2.
            if !offers && (sender_needs || header_needs || needs) {
                *outcome = Some(Outcome::Failed(why.clone()));
            }
        }
        if self.needs_reset {
            sending.todo.push_back(Step::Reset);
        }
        sending.todo.push_back(Step::Mail);
        for index in 0..sending.outcomes.len() {
            if sending.is_open(index) {
                sending.todo.push_back(Step::Rcpt(index));
            }
        }
        if !sending.has_open() {
            return self.sent(sending.report());
        }
        sending.todo.push_back(Step::Data);
        self.write_commands(sending);
    }

    /// Writes the commands that may leave at this point.
    fn write_commands(&mut self, mut sending: Sending) {
        let at_once = if self.extensions.pipelining { GROUP_COMMANDS_MAX } else { 1 };
        let by_chunk = self.config.chunking && self.extensions.chunking;
        let mut bytes = Vec::new();
        while sending.asked.len() < at_once {
            let Some(step) = sending.todo.pop_front() else { break };
            let line = match step {
                Step::Reset => "RSET\r\n".to_owned(),
                Step::Mail => steps::mail(&sending.envelope, sending.needs, &self.extensions),
                Step::Rcpt(index) => match sending.envelope.recipients.get(index) {
                    Some(recipient) => steps::rcpt(recipient, &self.extensions),
                    None => continue,
                },
                // A chunk is sent only to somebody who wants it.
                Step::Data if by_chunk && !sending.asked.is_empty() => {
                    sending.todo.push_front(step);
                    break;
                }
                Step::Data if !sending.may_be_taken() => continue,
                Step::Data if by_chunk => {
                    sending.body = Body::Chunk { at: 0 };
                    sending.asked.push_back(Step::Message);
                    let line = format!("BDAT {} LAST\r\n", sending.message.len());
                    bytes.extend_from_slice(line.as_bytes());
                    continue;
                }
                Step::Data => "DATA\r\n".to_owned(),
                Step::Message => continue,
            };
            bytes.extend_from_slice(line.as_bytes());
            sending.asked.push_back(step);
        }
        if !bytes.is_empty() {
            self.outbox.push_back(Output::Write(bytes));
        }
        if sending.asked.is_empty() {
            return self.sent(sending.report());
        }
        self.state = State::Sending(Box::new(sending));
    }

    pub(super) fn on_sending_reply(&mut self, reply: Reply, mut sending: Sending) {
        // RFC 5321 §3.8: 421 answers whatever was asked, and ends the session.
        if reply.code.number() == 421 {
            sending.settle_open(&reply);
            self.outbox.push_back(Output::Sent(sending.report()));
            return self.fail(Failure::Refused(reply));
        }
        let Some(step) = sending.asked.pop_front() else {
            return self.fail(Failure::Garbage(format!("nothing was asked for {reply}")));
        };
        let is_done = reply.code.severity() == Severity::Completion;
        match step {
            Step::Reset if is_done => self.needs_reset = false,
            Step::Reset => return self.fail(Failure::Refused(reply)),
            Step::Mail if is_done => self.needs_reset = true,
            Step::Mail => {
                sending.settle_open(&reply);
                sending.todo.clear();
            }
            Step::Rcpt(index) => sending.on_recipient(index, &reply, is_done),
            Step::Data if reply.code.number() == 354 => {
                // RFC 2920 §3.1: also when nobody was taken; then it is empty.
                if !sending.has_taken() {
                    sending.message = Bytes::new();
                }
                let writer = Some(DataWriter::default());
                sending.body = Body::Data { writer, at: 0 };
                sending.asked.push_back(Step::Message);
            }
            // RFC 5321 §4.3.2: nothing else says yes to DATA. Nobody has the message.
            Step::Data if reply.is_positive() => {
                return self.fail(Failure::Garbage(format!("DATA was answered by {reply}")));
            }
            Step::Data => sending.settle_open(&reply),
            Step::Message => {
                let is_cut = sending.has_more();
                sending.settle_open(&reply);
                self.needs_reset = !is_done;
                if is_cut {
                    // The server answered in the middle: it would take the rest
                    // of the message for commands.
                    self.outbox.push_back(Output::Sent(sending.report()));
                    return self.fail(Failure::Refused(reply));
                }
            }
        }
        self.write_commands(sending);
    }

    fn sent(&mut self, outcomes: Vec<RecipientOutcome>) {
        self.state = State::Ready;
        self.outbox.push_back(Output::Sent(outcomes));
    }
}

impl Sending {
    fn is_open(&self, index: usize) -> bool {
        self.outcomes.get(index).is_some_and(Option::is_none)
    }

    fn has_open(&self) -> bool {
        self.outcomes.iter().any(Option::is_none)
    }

    /// Whether somebody was taken and waits for the message: a server that took
    /// recipients of a sender whom it refused gets no message.
    fn has_taken(&self) -> bool {
        self.taken.iter().zip(&self.outcomes).any(|(taken, outcome)| *taken && outcome.is_none())
    }

    /// Whether the message has left as a whole, and its reply must come.
    pub(super) fn is_all_said(&self) -> bool {
        self.asked.front() == Some(&Step::Message) && !self.has_more()
    }

    /// Whether anybody was taken, or may be by a reply that must come.
    fn may_be_taken(&self) -> bool {
        self.has_taken() || self.asked.iter().any(|step| matches!(step, Step::Rcpt(_)))
    }

    fn on_recipient(&mut self, index: usize, reply: &Reply, is_done: bool) {
        if is_done {
            if let Some(taken) = self.taken.get_mut(index) {
                *taken = true;
            }
            return;
        }
        let has_others = self.taken.contains(&true);
        let Some(outcome) = self.outcomes.get_mut(index).filter(|open| open.is_none()) else {
            return;
        };
        *outcome = Some(if has_others && is_too_many(reply) {
            Outcome::Deferred(Reason::Said(reply.clone()))
        } else {
            judge(reply)
        });
    }

    /// One reply about everybody who is still open.
    fn settle_open(&mut self, reply: &Reply) {
        for outcome in self.outcomes.iter_mut().filter(|outcome| outcome.is_none()) {
            *outcome = Some(judge(reply));
        }
    }

    fn report(&self) -> Vec<RecipientOutcome> {
        let lost =
            || Outcome::Deferred(found(451, 4, 0, "the server said nothing about this recipient"));
        let each = self.envelope.recipients.iter().zip(&self.outcomes);
        each.map(|(recipient, outcome)| RecipientOutcome {
            address: recipient.path.0.clone(),
            outcome: outcome.clone().unwrap_or_else(lost),
        })
        .collect()
    }

    const fn has_more(&self) -> bool {
        match &self.body {
            Body::Waits => false,
            Body::Data { writer, .. } => writer.is_some(),
            Body::Chunk { at } => *at < self.message.len(),
        }
    }

    /// The next bytes of the message.
    pub(super) fn next_piece(&mut self) -> Option<Vec<u8>> {
        let piece = |at: usize| {
            let end = self.message.len().min(at.saturating_add(PIECE_OCTETS));
            self.message.get(at..end).unwrap_or_default()
        };
        match &mut self.body {
            Body::Waits => None,
            Body::Chunk { at } => {
                let bytes = piece(*at).to_vec();
                *at += bytes.len();
                (!bytes.is_empty()).then_some(bytes)
            }
            Body::Data { writer, at } => {
                let (bytes, mut out) = (piece(*at), Vec::new());
                writer.as_mut()?.write(bytes, &mut out);
                *at += bytes.len();
                if *at >= self.message.len() {
                    writer.take()?.end(&mut out);
                }
                Some(out)
            }
        }
    }

    pub(super) fn waits_for(&self) -> (&'static str, Duration) {
        match self.asked.front() {
            Some(Step::Message) if self.has_more() => ("a piece of the message", PIECE),
            Some(Step::Message) => ("the message", END),
            Some(Step::Data) => ("DATA", DATA),
            Some(step) => (step.name(), super::COMMAND),
            None => ("nothing", super::COMMAND),
        }
    }
}

/// Outcomes by the first digit (RFC 5321 §4.2.1); a reply that fits nowhere is
/// taken for a passing trouble.
fn judge(reply: &Reply) -> Outcome {
    match reply.code.severity() {
        Severity::Completion => Outcome::Delivered(reply.clone()),
        Severity::Permanent => Outcome::Failed(Reason::Said(reply.clone())),
        Severity::Transient | Severity::Intermediate => {
            Outcome::Deferred(Reason::Said(reply.clone()))
        }
    }
}

/// Whether one recipient was one too many: 452, and 552 of servers that follow
/// RFC 821 (RFC 5321 §4.5.3.1.10). An enhanced code of another kind tells that it
/// is something else, such as a full mailbox (RFC 3463 §3.6: X.5.3).
#[must_use]
pub fn is_too_many(reply: &Reply) -> bool {
    let is_meant =
        reply.enhanced.is_none_or(|enhanced| (enhanced.subject, enhanced.detail) == (5, 3));
    matches!(reply.code.number(), 452 | 552) && is_meant
}

fn found(code: u16, subject: u16, detail: u16, text: &str) -> Reason {
    Reason::Found(Reply::new(code, Some((subject, detail)), text))
}

fn fail_all(envelope: &Envelope, why: &Reason) -> Vec<RecipientOutcome> {
    let failed = |recipient: &Recipient| RecipientOutcome {
        address: recipient.path.0.clone(),
        outcome: Outcome::Failed(why.clone()),
    };
    envelope.recipients.iter().map(failed).collect()
}

/// Everything before the first empty line.
fn header_of(message: &[u8]) -> &[u8] {
    let end = message.windows(4).position(|four| four == b"\r\n\r\n");
    message.get(..end.unwrap_or(message.len())).unwrap_or_default()
}

fn has_bare_end(message: &[u8]) -> bool {
    let mut previous = 0;
    for byte in message {
        if (*byte == b'\n') != (previous == b'\r') {
            return true;
        }
        previous = *byte;
    }
    previous == b'\r'
}

/// Commands whose replies are outstanding at once: few enough that neither side
/// fills the other's window (RFC 2920 §3.1).
const GROUP_COMMANDS_MAX: usize = 100;
/// Octets of the message that leave together.
const PIECE_OCTETS: usize = 32 << 10;
/// RFC 5321 §4.5.3.2.4.
const DATA: Duration = Duration::from_secs(120);
/// RFC 5321 §4.5.3.2.5.
const PIECE: Duration = Duration::from_secs(180);
/// RFC 5321 §4.5.3.2.6.
const END: Duration = Duration::from_secs(600);
