//! The policy of a queue: who is tried when, where, and what follows.
//!
//! ```text
//!             FindDue, Load, Record, Settle
//!   rows  <--------------------------------  +------------+
//!         ------- Due, Loaded, Recorded -->  |            |
//!                                            |            |
//!   DNS   <-- LookUpExchanges, …Addresses -  | Dispatcher |
//!         ------- Exchanges, Addresses --->  |            |
//!                                            |            |
//!   peers <------- Deliver, Close ---------  |            |
//!         ------- Outcomes, Ended -------->  +------------+
//! ```
//!
//! Rows (one recipient of one message each) live outside: the dispatcher holds
//! only those of its open batches, however long the queue is. A batch is some
//! due rows of one destination on their way through
//!
//! ```text
//!   load ─▶ record the next attempt ─▶ MX ─▶ addresses ─▶ session ─▶ settle
//!    ▲                                        ▲    │ failed  │ more are due
//!    │                                        └────┘         │
//!    └───────────────────────────────────────────────────────┘
//! ```
//!
//! so that a process that dies while it dials does not dial again at once.

mod batch;
mod destination;
mod dispatch;
mod hosts;
mod moment;
mod ready;
mod report;
mod route;
mod schedule;
mod verdict;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;

use capa7_dissect::{Cause, Causes};

use crate::envelope::Notify;
use crate::smtp::client::{Outcome, Reason};

pub use destination::{Destination, NotADestination};
pub use moment::Moment;
pub use report::{Report, Reported, servers_passed};
pub use route::{AddressAnswer, Exchange, ExchangeAnswer};
pub use schedule::Schedule;
pub use verdict::{Change, Notice, NoticeKind, Settlement, Untold};

use batch::Batch;
use hosts::Hosts;
use ready::Ready;
use route::Ties;

/// The knobs.
#[derive(Clone, Debug)]
pub struct DispatcherConfig {
    /// When it is tried again, told and given up.
    pub schedule: Schedule,
    /// The own names: an MX with one of them is us.
    pub own_names: Vec<String>,
    /// The own addresses: a connection to one of them would be a loop.
    pub own_addresses: Vec<IpAddr>,
    /// Sessions with other servers at once.
    pub sessions_max: usize,
    /// Sessions with one destination at once.
    pub sessions_per_destination_max: usize,
    /// Batches for own mailboxes at once.
    pub local_batches_max: usize,
    /// Rows that one batch takes at a time.
    pub rows_per_load: usize,
    /// Messages of one session; then another begins.
    pub messages_per_session_max: usize,
    /// Addresses that one batch tries.
    pub addresses_tried_max: usize,
    /// What choices among equals follow from.
    pub seed: u64,
}

/// A message's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub u64);

/// A batch's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(pub u64);

/// One recipient of one message, as far as policy wants to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The message.
    pub message: MessageId,
    /// The recipient's place in the envelope.
    pub index: u32,
    /// When the message was accepted.
    pub accepted: Moment,
    /// Attempts so far.
    pub attempts: u32,
    /// Whether it was already considered late.
    pub is_late: bool,
    /// Whether the sender is null.
    pub from_nobody: bool,
    /// When the sender wants to be told.
    pub notify: Option<Notify>,
    /// Because of what it is in the queue, or was last deferred.
    pub cause: Cause,
}

/// The next attempt of one row, to be written down before this one begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The message.
    pub message: MessageId,
    /// The recipient.
    pub index: u32,
    /// Attempts including the one that begins.
    pub attempts: u32,
    /// When the next one is due if nothing is heard of this one.
    pub next: Moment,
}

/// One message and those of its recipients that go in one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// The message.
    pub message: MessageId,
    /// The recipients.
    pub indexes: Vec<u32>,
    /// Because of what: the first recipient's row, then the name's answers.
    pub causes: Causes,
}

/// Where a batch's messages are given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// To mailboxes here.
    Local,
    /// To another server.
    Remote {
        /// Its name, or an address literal.
        host: String,
        /// Where it is.
        address: IpAddr,
    },
}

/// Who answers for a notification of success from here on (RFC 3461 §5.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Success {
    /// The next server: it took the wish over.
    PassedOn,
    /// Nobody after us: the next server does not know of such wishes.
    Relayed,
    /// It is in the mailbox.
    InMailbox,
}

/// What becomes of something written down when the machine loses its power.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durability {
    /// It may be lost: then it is done once more, and the second time does
    /// nothing. So it is with mailboxes here, which take each message once.
    Repeatable,
    /// It lasts before anything follows from it: another server that took a
    /// message is not given it again.
    Lasting,
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// All work was answered.
    Done,
    /// It never came to a message: not reached, greeted by a refusal, no TLS.
    Unreachable(Outcome),
    /// It broke behind the greeting.
    Broken {
        /// How.
        reason: Reason,
        /// The message that was being given.
        during: MessageId,
    },
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// The rows can be asked. Also: somebody changed them.
    Changed,
    /// The time of the last [`Output::Wake`] has come.
    Timer,
    /// A row that is due at once was added.
    Arrived(Destination),
    /// Answers [`Output::FindDue`].
    Due {
        /// Destinations with due rows.
        destinations: Vec<Destination>,
        /// All rows due until then were looked at; the `after` of the question
        /// when they were too many.
        until: Moment,
        /// When the next row after that is due.
        next: Option<Moment>,
    },
    /// Answers [`Output::Load`].
    Loaded {
        /// The batch.
        batch: BatchId,
        /// Due rows, those of one message beside each other.
        rows: Vec<Row>,
    },
    /// Answers [`Output::Record`]: it is written down.
    Recorded(BatchId),
    /// Answers [`Output::LookUpExchanges`].
    Exchanges {
        /// The batch.
        batch: BatchId,
        /// What DNS says.
        answer: ExchangeAnswer,
        /// Its event.
        cause: Cause,
    },
    /// Answers [`Output::LookUpAddresses`].
    Addresses {
        /// The batch.
        batch: BatchId,
        /// What DNS says.
        answer: AddressAnswer,
        /// Its event.
        cause: Cause,
    },
    /// What became of one message's recipients.
    Outcomes {
        /// The batch.
        batch: BatchId,
        /// The message.
        message: MessageId,
        /// By recipient.
        outcomes: Vec<(u32, Outcome)>,
        /// Who answers for success.
        success: Success,
        /// The reply's event.
        cause: Cause,
    },
    /// Recipients that are not to be given any more, for the operator held or
    /// deleted them before their turn. They are forgotten here; their rows stay as
    /// they are.
    Withdrawn {
        /// The batch.
        batch: BatchId,
        /// The message.
        message: MessageId,
        /// Its recipients.
        indexes: Vec<u32>,
    },
    /// A session ended, or the work of the last [`Output::Deliver`] is done.
    Ended {
        /// The batch.
        batch: BatchId,
        /// How.
        end: End,
        /// Because of what.
        cause: Cause,
    },
    /// Answers [`Output::Settle`]: it is durable.
    Settled {
        /// The message.
        message: MessageId,
        /// Its recipients.
        indexes: Vec<u32>,
    },
    /// Nothing new is begun.
    Stop,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Find destinations with rows due after one moment and until another.
    FindDue {
        /// Exclusive.
        after: Moment,
        /// Inclusive.
        until: Moment,
    },
    /// Load due rows of a destination, the longest due first.
    Load {
        /// The batch.
        batch: BatchId,
        /// Of which.
        destination: Destination,
        /// At most so many.
        limit: usize,
    },
    /// Write down when they are tried next.
    Record {
        /// The batch.
        batch: BatchId,
        /// Each row's attempt.
        attempts: Vec<Attempt>,
        /// What a crash of the machine may take.
        durability: Durability,
    },
    /// Ask for MX records.
    LookUpExchanges {
        /// The batch.
        batch: BatchId,
        /// Of which domain.
        domain: String,
        /// Because of what.
        cause: Cause,
    },
    /// Ask for A and AAAA records.
    LookUpAddresses {
        /// The batch.
        batch: BatchId,
        /// Of which host.
        host: String,
        /// Because of what.
        cause: Cause,
    },
    /// Deliver: on the batch's session, which is opened when there is none.
    Deliver {
        /// The batch.
        batch: BatchId,
        /// Where.
        way: Way,
        /// What.
        work: Vec<Work>,
    },
    /// Close the batch's session: nothing more comes.
    Close(BatchId),
    /// Write down, durably and at once, what became of recipients.
    Settle(Settlement),
    /// Give [`Input::Timer`] at this time, if not woken earlier.
    Wake {
        /// When.
        at: Moment,
        /// What is waited for.
        why: &'static str,
    },
}

/// The machine.
#[derive(Debug)]
pub struct Dispatcher {
    config: DispatcherConfig,
    batches: BTreeMap<BatchId, Batch>,
    last_batch: u64,
    /// Destinations that may have due rows, in the order in which they get a turn.
    ready: Ready,
    /// Destinations whose due rows are being loaded and recorded.
    loading: BTreeSet<Destination>,
    /// Rows that are in a batch or not yet settled.
    taken: BTreeSet<(MessageId, u32)>,
    hosts: Hosts,
    ties: Ties,
    /// Rows due until then were looked at.
    searched: Moment,
    is_searching: bool,
    next_due: Option<Moment>,
    told_wake: Option<Moment>,
    is_stopping: bool,
    outputs: VecDeque<Output>,
}

impl DispatcherConfig {
    /// The course's figures for a server of this name.
    #[must_use]
    pub fn new(name: &str, seed: u64) -> Self {
        Self {
            schedule: Schedule::default(),
            own_names: vec![name.to_owned()],
            own_addresses: Vec::new(),
            sessions_max: 50,
            sessions_per_destination_max: 4,
            local_batches_max: 4,
            rows_per_load: 50,
            messages_per_session_max: 100,
            addresses_tried_max: 10,
            seed,
        }
    }
}

impl Dispatcher {
    /// A dispatcher that knows of no rows yet: give it [`Input::Changed`] first.
    #[must_use]
    pub fn new(config: DispatcherConfig) -> Self {
        Self {
            ties: Ties::new(config.seed),
            config,
            batches: BTreeMap::new(),
            last_batch: 0,
            ready: Ready::default(),
            loading: BTreeSet::new(),
            taken: BTreeSet::new(),
            hosts: Hosts::default(),
            searched: Moment(0),
            is_searching: false,
            next_due: None,
            told_wake: None,
            is_stopping: false,
            outputs: VecDeque::new(),
        }
    }

    /// Takes in what happened.
    pub fn handle(&mut self, now: Moment, input: Input) {
        match input {
            Input::Changed => self.on_changed(),
            // A caller woken too early is told again.
            Input::Timer => self.told_wake = None,
            Input::Arrived(destination) => self.ready.push(destination),
            Input::Due { destinations, until, next } => self.on_due(destinations, until, next),
            Input::Loaded { batch, rows } => self.on_loaded(now, batch, rows),
            Input::Recorded(batch) => self.on_recorded(now, batch),
            Input::Exchanges { batch, answer, cause } => {
                self.on_exchanges(now, batch, answer, cause);
            }
            Input::Addresses { batch, answer, cause } => {
                self.on_addresses(now, batch, answer, cause);
            }
            Input::Outcomes { batch, message, outcomes, success, cause } => {
                self.on_outcomes(now, batch, message, outcomes, success, cause);
            }
            Input::Withdrawn { batch, message, indexes } => {
                self.on_withdrawn(batch, message, &indexes);
            }
            Input::Ended { batch, end, cause } => self.on_ended(now, batch, end, cause),
            Input::Settled { message, indexes } => {
                for index in indexes {
                    self.taken.remove(&(message, index));
                }
            }
            Input::Stop => self.is_stopping = true,
        }
        self.pump(now);
    }

    /// What is to be done next; none when nothing is until the next input.
    pub fn poll(&mut self) -> Option<Output> {
        if let Some(output) = self.outputs.pop_front() {
            return Some(output);
        }
        let at = self.next_due.filter(|_| !self.is_searching && !self.is_stopping)?;
        if self.told_wake == Some(at) {
            return None;
        }
        self.told_wake = Some(at);
        Some(Output::Wake { at, why: "the next attempt" })
    }

    /// Batches under way: 0 after [`Input::Stop`] when it may end.
    #[must_use]
    pub fn batches_open(&self) -> usize {
        self.batches.len()
    }
}

#[cfg(test)]
mod tests;
