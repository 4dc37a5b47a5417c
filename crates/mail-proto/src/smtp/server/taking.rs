//! DATA and BDAT: the message itself (RFC 5321 §4.1.1.4, RFC 3030 §2).

use super::transaction::Chunks;
use super::{Acceptance, Next, Output, Role, Session, State, Transaction};
use crate::envelope::{BodyKind, Envelope};
use crate::smtp::command;
use crate::smtp::content::{Completion, Content, ContentFault, ContentLimits};
use crate::smtp::data::{DataReader, DataStep};
use crate::smtp::refusal::Refusal;
use crate::smtp::reply::Reply;
use crate::smtp::trace::{self, Received, With};

/// A message on its way in.
#[derive(Debug)]
pub(super) struct Taking {
    content: Content,
}

/// After 354.
#[derive(Debug)]
pub(super) struct Data {
    envelope: Envelope,
    reader: DataReader,
    taking: Taking,
}

/// Within the octets of one BDAT.
#[derive(Debug)]
pub(super) struct Chunk {
    /// Octets that must come.
    left: u64,
    octets: u64,
    is_last: bool,
    purpose: Purpose,
}

#[derive(Debug)]
enum Purpose {
    Take(Transaction, Taking),
    /// The octets are read and thrown away (RFC 3030 §2); then the client is
    /// told why.
    Skip(Option<Transaction>, Refusal),
}

impl Chunk {
    pub(super) const fn has_begun(&self) -> bool {
        matches!(self.purpose, Purpose::Take(..))
    }
}

impl Session {
    pub(super) fn on_data_command(&mut self, begun: Option<Transaction>) -> Next {
        let refusal = match &begun {
            None => Some(Refusal::Sequence("say MAIL and RCPT first")),
            Some(begun) if !matches!(begun.chunks, Chunks::None) => {
                // RFC 3030 §2: a message comes by DATA or by BDAT.
                Some(Refusal::Sequence("the message's chunks have begun"))
            }
            Some(begun) if begun.envelope.recipients.is_empty() => Some(Refusal::NoRecipient),
            Some(_) => None,
        };
        match (refusal, begun) {
            (None, Some(begun)) => {
                let text = "send the message; a line with one dot ends it";
                self.say(&Reply::new(354, None, text));
                let taking = self.begin(&begun);
                let (envelope, reader) = (begun.envelope, DataReader::default());
                Next::Again(State::Data(Data { envelope, reader, taking }))
            }
            (refusal, begun) => {
                let refusal = refusal.unwrap_or(Refusal::NoRecipient);
                self.refuse(&refusal, State::Commands(begun))
            }
        }
    }

    /// Begins a message with its trace line.
    fn begin(&mut self, begun: &Transaction) -> Taking {
        self.counts.messages += 1;
        let id = format!("{}.{}", self.peer.session, self.counts.messages);
        let (from, extended) = match &self.hello {
            Some(hello) => (hello.name.as_str(), hello.extended),
            None => ("unknown", false),
        };
        let only_for = match begun.envelope.recipients.as_slice() {
            [one] => Some(&one.path),
            _ => None,
        };
        let with = With {
            extended,
            smtputf8: begun.envelope.smtputf8,
            tls: self.peer.tls.is_some(),
            authenticated: self.user.is_some(),
        };
        let (address, by, unix_s) = (self.peer.address, self.config.hostname.as_str(), self.now_s);
        let line = Received { from, address, by, with, id: &id, only_for, unix_s }.line();
        let completion = (self.config.role == Role::Submission).then(|| Completion {
            date: format!("Date: {}\r\n", trace::date(unix_s)),
            message_id: format!("Message-ID: <{unix_s}.{id}@{by}>\r\n"),
        });
        let limits = ContentLimits {
            octets_max: self.config.message_octets_max,
            hops_max: self.config.hops_max,
            eight_bit: self.config.offers.eight_bit,
        };
        self.outbox.push_back(Output::BeginMessage { size: begun.size });
        self.outbox.push_back(Output::Data(line.into_bytes()));
        Taking { content: Content::new(limits, completion) }
    }

    pub(super) fn on_data(&mut self, mut data: Data) -> Next {
        let mut plain = Vec::new();
        let step = data.reader.read(self.inbox.rest(), &mut plain);
        let taken = match step {
            Ok(DataStep::More) => self.inbox.rest().len(),
            Ok(DataStep::End(taken)) => taken,
            // RFC 5321 §4.1.1.4: what would follow could be a command or text.
            Err(fault) => return self.refuse(&Refusal::Data(fault), State::Data(data)),
        };
        self.inbox.take(taken);
        self.keep(&mut data.taking, &plain);
        if matches!(step, Ok(DataStep::End(_))) {
            return self.finish(data.envelope, data.taking);
        }
        // A message that was too large long ago is not read for ever.
        let octets_max = self.config.message_octets_max;
        if data.taking.content.octets() > octets_max.saturating_mul(2) {
            self.outbox.push_back(Output::AbandonMessage);
            self.say(&Refusal::Content(ContentFault::TooLarge(octets_max)).reply());
            return Next::Wait(self.close());
        }
        Next::Wait(State::Data(data))
    }

    fn keep(&mut self, taking: &mut Taking, bytes: &[u8]) {
        let before = taking.content.octets() / STEP_OCTETS;
        let mut kept = Vec::with_capacity(bytes.len());
        taking.content.push(bytes, &mut kept);
        self.counts.steps += taking.content.octets() / STEP_OCTETS - before;
        if !kept.is_empty() {
            self.outbox.push_back(Output::Data(kept));
        }
    }

    fn finish(&mut self, mut envelope: Envelope, taking: Taking) -> Next {
        let mut rest = Vec::new();
        let finished = taking.content.finish(&mut rest);
        if !rest.is_empty() {
            self.outbox.push_back(Output::Data(rest));
        }
        match finished {
            Ok(summary) => {
                // Said or not: the next server must know.
                if !summary.is_ascii && envelope.body == BodyKind::SevenBit {
                    envelope.body = BodyKind::EightBit;
                }
                self.outbox.push_back(Output::EndMessage { envelope, cause: self.cause });
                Next::Wait(State::Deciding)
            }
            Err(fault) => {
                self.outbox.push_back(Output::AbandonMessage);
                self.refuse(&Refusal::Content(fault), State::Commands(None))
            }
        }
    }

    pub(super) fn on_acceptance(&mut self, acceptance: Acceptance) -> State {
        match acceptance {
            Acceptance::Kept(id) => {
                self.counts.idle_commands = 0;
                self.say(&Reply::new(250, Some((0, 0)), format!("kept as {id}")));
            }
            Acceptance::Refused(reply) => self.say(&reply),
        }
        State::Commands(None)
    }

    pub(super) fn on_bdat(&mut self, chunk: command::Chunk, begun: Option<Transaction>) -> Next {
        let command::Chunk { octets, is_last } = chunk;
        let octets_max = self.config.message_octets_max;
        if octets > octets_max {
            // So much is not read only to be thrown away; and where the next
            // command begins is not known without.
            self.abandon(begun);
            self.say(&Refusal::Content(ContentFault::TooLarge(octets_max)).reply());
            return Next::Wait(self.close());
        }
        let purpose = self.purpose(begun);
        Next::Again(State::Chunk(Chunk { left: octets, octets, is_last, purpose }))
    }

    fn purpose(&mut self, begun: Option<Transaction>) -> Purpose {
        if !self.config.offers.chunking {
            return Purpose::Skip(begun, Refusal::NotOffered("BDAT"));
        }
        let Some(mut begun) = begun else {
            return Purpose::Skip(None, Refusal::Sequence("say MAIL and RCPT first"));
        };
        match std::mem::replace(&mut begun.chunks, Chunks::None) {
            Chunks::Some(taking) => Purpose::Take(begun, taking),
            Chunks::Refused => {
                begun.chunks = Chunks::Refused;
                Purpose::Skip(Some(begun), Refusal::ChunkRefused)
            }
            Chunks::None if begun.envelope.recipients.is_empty() => {
                Purpose::Skip(Some(begun), Refusal::NoRecipient)
            }
            Chunks::None => {
                let taking = self.begin(&begun);
                Purpose::Take(begun, taking)
            }
        }
    }

    pub(super) fn on_chunk(&mut self, mut chunk: Chunk) -> Next {
        let there = self.inbox.rest().len();
        let count = usize::try_from(chunk.left).unwrap_or(usize::MAX).min(there);
        let bytes = self.inbox.rest().get(..count).unwrap_or_default().to_vec();
        self.inbox.take(count);
        chunk.left -= bytes.len() as u64;
        if let Purpose::Take(_, taking) = &mut chunk.purpose {
            self.keep(taking, &bytes);
        }
        if chunk.left > 0 {
            return Next::Wait(State::Chunk(chunk));
        }
        match chunk.purpose {
            Purpose::Skip(begun, refusal) => self.refuse(&refusal, State::Commands(begun)),
            Purpose::Take(begun, taking) if chunk.is_last => self.finish(begun.envelope, taking),
            Purpose::Take(mut begun, taking) => {
                if let Some(fault) = taking.content.fault() {
                    begun.chunks = Chunks::Refused;
                    self.outbox.push_back(Output::AbandonMessage);
                    return self.refuse(&Refusal::Content(fault), State::Commands(Some(begun)));
                }
                begun.chunks = Chunks::Some(taking);
                let text = format!("{} octets taken", chunk.octets);
                self.say(&Reply::new(250, Some((0, 0)), text));
                Next::Again(State::Commands(Some(begun)))
            }
        }
    }
}

/// Octets of data that count as a sign of life.
const STEP_OCTETS: u64 = 1_024;
