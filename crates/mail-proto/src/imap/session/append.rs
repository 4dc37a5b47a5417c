//! `APPEND`: messages pass through to the store as they come
//! (RFC 9051 §6.3.12, RFC 3502).

use super::command::tag_of;
use super::refusal::{Missing, of_command, of_store};
use super::selected::Expunges;
use super::{Doing, Output, Session};
use crate::imap::command::{AppendMessage, AppendPart};
use crate::imap::frame::{Frame, Literal, Waits};
use crate::imap::response::{Code, Status, StatusText};
use crate::imap::sequence::SequenceSet;
use crate::imap::store::{StoreReply, StoreRequest, StoreResult};
use crate::mailbox::MailboxName;

/// An `APPEND` under way.
#[derive(Debug)]
pub(super) struct Append {
    tag: String,
    mailbox: MailboxName,
    step: Step,
}

#[derive(Clone, Debug)]
enum Step {
    /// The store decides about a message.
    Beginning(Literal),
    /// The client sends.
    Reading,
    /// The store takes octets.
    Storing,
    /// The store keeps the messages.
    Committing,
    /// The store forgets them, because of this.
    Aborting(StatusText),
}

impl Append {
    pub(super) const fn is_reading(&self) -> bool {
        matches!(self.step, Step::Reading)
    }
}

impl Session {
    pub(super) fn begin_append(&mut self, tag: String, part: AppendPart, literal: Literal) {
        let AppendPart::Begin { mailbox, message } = part else { return };
        let append = Append { tag, mailbox, step: Step::Reading };
        self.begin_message(Box::new(append), message, literal);
    }

    fn begin_message(&mut self, mut append: Box<Append>, message: AppendMessage, literal: Literal) {
        if literal.size > self.config.append_octets_max {
            let text = "the message is too large";
            let status = StatusText::with_code(Status::No, Code::TooBig, text);
            self.framer.refuse();
            self.abort(append, status);
            self.leave_flood(literal);
            return;
        }
        // RFC 3502 §6.3.11: an error, and the way for a client to cancel.
        if literal.size == 0 {
            self.framer.refuse();
            self.abort(append, StatusText::new(Status::No, "a message of no octets cancels"));
            return;
        }
        append.step = Step::Beginning(literal);
        let request = StoreRequest::AppendBegin {
            mailbox: append.mailbox.clone(),
            flags: message.flags,
            date: message.date,
            size: literal.size,
        };
        self.ask_append(append, request);
    }

    fn ask_append(&mut self, append: Box<Append>, request: StoreRequest) {
        let cause = self.out.cause();
        self.out.push(Output::Store { request, cause });
        self.doing = Doing::Appending(append);
    }

    /// Ends the command without keeping its messages: all or none
    /// (RFC 3502 §2).
    fn abort(&mut self, mut append: Box<Append>, status: StatusText) {
        append.step = Step::Aborting(status);
        self.ask_append(append, StoreRequest::AppendAbort);
    }

    pub(super) fn on_append_frame(&mut self, frame: Frame) {
        let Doing::Appending(mut append) = std::mem::replace(&mut self.doing, Doing::Reading)
        else {
            return;
        };
        match frame {
            Frame::Streamed(octets) if octets.contains(&0) => {
                // A literal holds no NUL (RFC 9051 §9, `literal`).
                self.framer.drop_rest();
                self.abort(append, StatusText::new(Status::Bad, "a message holds no NUL"));
            }
            Frame::Streamed(octets) => {
                append.step = Step::Storing;
                self.ask_append(append, StoreRequest::AppendOctets(octets));
            }
            Frame::StreamEnd => self.doing = Doing::Appending(append),
            Frame::Literal(literal) => {
                let next = self.framer.command();
                match AppendPart::parse_next(next) {
                    Ok(AppendPart::Message(message)) => {
                        self.begin_message(append, message, literal);
                    }
                    Ok(_) => self.doing = Doing::Appending(append),
                    Err(error) => {
                        self.framer.refuse();
                        self.abort(append, of_command(&error));
                    }
                }
            }
            Frame::Command(rest) => match AppendPart::parse_next(&rest) {
                Ok(AppendPart::End) => {
                    append.step = Step::Committing;
                    self.ask_append(append, StoreRequest::AppendCommit);
                }
                Ok(_) => {
                    let bad = StatusText::new(Status::Bad, "a literal is expected");
                    self.abort(append, bad);
                }
                Err(error) => self.abort(append, of_command(&error)),
            },
            Frame::TooLong(line) | Frame::BadLine(line) => {
                let text = match tag_of(&line) {
                    Some(_) => "a bad line after a message",
                    None => "lines end with CR LF and hold no NUL, CR or LF",
                };
                self.abort(append, StatusText::new(Status::Bad, text));
            }
        }
    }

    pub(super) fn on_append_stored(&mut self, mut append: Box<Append>, result: StoreResult) {
        match (append.step.clone(), result) {
            (Step::Aborting(status), _) => {
                let Append { tag, .. } = *append;
                if status.status == Status::Bad {
                    self.refuse(Some(&tag), &status);
                } else {
                    self.finish(tag, status, Expunges::Told);
                }
            }
            (Step::Beginning(literal), Ok(_)) => {
                if literal.waits == Waits::ForContinuation {
                    self.out.writer().continuation("send the message");
                }
                self.framer.stream();
                append.step = Step::Reading;
                self.doing = Doing::Appending(append);
            }
            (Step::Beginning(literal), Err(error)) => {
                self.framer.refuse();
                self.abort(append, of_store(&error, Missing::CouldBeCreated));
                self.leave_flood(literal);
            }
            (Step::Reading | Step::Storing, Ok(_)) => {
                append.step = Step::Reading;
                self.doing = Doing::Appending(append);
            }
            (Step::Reading | Step::Storing, Err(error)) => {
                self.framer.drop_rest();
                self.abort(append, of_store(&error, Missing::CouldBeCreated));
            }
            (Step::Committing, Ok(StoreReply::Appended { uid_validity, uids })) => {
                let uids = SequenceSet::of(uids.into_iter().map(|uid| uid.0));
                let code = Code::AppendUid(uid_validity, uids);
                let status = StatusText::with_code(Status::Ok, code, "APPEND completed");
                self.finish(append.tag, status, Expunges::Told);
            }
            (Step::Committing, Ok(_)) => {
                let status = StatusText::with_code(Status::No, Code::ServerBug, "not kept");
                self.finish(append.tag, status, Expunges::Told);
            }
            (Step::Committing, Err(error)) => {
                let status = of_store(&error, Missing::CouldBeCreated);
                self.finish(append.tag, status, Expunges::Told);
            }
        }
    }
}
