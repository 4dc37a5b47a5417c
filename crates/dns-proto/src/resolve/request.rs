//! One client's question with everything that it causes.

use std::collections::VecDeque;

use capa7_dissect::{Cause, Causes};
use serde::Serialize;

use crate::instant::Instant;
use crate::resolve::lookup::{Lookup, Purpose};
use crate::resolve::query::ReplyHead;
use crate::resolve::{Budget, BudgetBound, ClientId, FailureReason, ResolverNote};
use crate::{Name, RecordType};

/// A question, the clients that wait for it, and the lookups that it takes.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) id: u64,
    pub(crate) name: Name,
    pub(crate) rtype: RecordType,
    pub(crate) waiters: Vec<Waiter>,
    /// What the first client's question was, the root of its tree of causes.
    pub(crate) cause: Cause,
    pub(crate) deadline: Instant,
    pub(crate) spent: Spent,
    /// The first is the question itself.
    pub(crate) slots: Vec<Slot>,
    /// Lookups that can go on.
    pub(crate) ready: VecDeque<usize>,
    pub(crate) steps: Vec<Step>,
}

/// A lookup, and the lookups that wait for it.
#[derive(Debug)]
pub(crate) struct Slot {
    /// What it began with.
    pub(crate) question: (Name, RecordType),
    /// Which lookups of the request want its addresses.
    pub(crate) waiting: Vec<usize>,
    /// None while it is being moved on.
    pub(crate) lookup: Option<Lookup>,
}

/// What has been spent of a budget.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spent {
    pub(crate) queries: u32,
    pub(crate) octets: usize,
    pub(crate) server_names: u32,
}

/// A client that waits.
#[derive(Debug)]
pub(crate) struct Waiter {
    pub(crate) client: ClientId,
    pub(crate) cause: Cause,
    question: Vec<u8>,
    head: ReplyHead<'static>,
}

impl Waiter {
    /// Keeps what the reply needs of the query.
    pub(crate) fn new(client: ClientId, cause: Cause, head: &ReplyHead<'_>) -> Self {
        let question = head.question.to_vec();
        Self { client, cause, question, head: ReplyHead { question: &[], ..*head } }
    }

    /// What the reply repeats of the query.
    pub(crate) fn head(&self) -> ReplyHead<'_> {
        ReplyHead { question: &self.question, ..self.head }
    }
}

/// A step of a story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// When.
    pub at: Instant,
    /// What was decided or noticed.
    pub note: ResolverNote,
}

/// Why a question failed, step by step (`capa7 dns why`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Story {
    /// The name asked for.
    pub name: Name,
    /// The type asked for.
    pub rtype: RecordType,
    /// When it was given up.
    pub at: Instant,
    /// Why.
    pub reason: FailureReason,
    /// What led there; the first [`STEPS_MAX`] steps.
    pub steps: Vec<Step>,
}

impl Request {
    /// A question that begins to be worked on.
    pub(crate) fn new(id: u64, first: Lookup, cause: Cause, deadline: Instant) -> Self {
        Self {
            id,
            name: first.name.clone(),
            rtype: first.rtype,
            waiters: Vec::new(),
            cause,
            deadline,
            spent: Spent::default(),
            slots: vec![Slot::new(first)],
            ready: VecDeque::from([0]),
            steps: Vec::new(),
        }
    }

    /// Whether the list of root servers is what is wanted.
    pub(crate) fn is_priming(&self) -> bool {
        self.first().is_some_and(|lookup| lookup.purpose == Purpose::Priming)
    }

    /// The lookup for the question itself.
    pub(crate) fn first(&self) -> Option<&Lookup> {
        self.slots.first()?.lookup.as_ref()
    }

    /// Takes a lookup out to move it on.
    pub(crate) fn take(&mut self, index: usize) -> Option<Lookup> {
        self.slots.get_mut(index)?.lookup.take()
    }

    /// Puts it back.
    pub(crate) fn put(&mut self, index: usize, lookup: Lookup) {
        if let Some(slot) = self.slots.get_mut(index) {
            slot.lookup = Some(lookup);
        }
    }

    /// Adds a lookup that can begin; its index.
    pub(crate) fn add(&mut self, lookup: Lookup) -> usize {
        let index = self.slots.len();
        self.slots.push(Slot::new(lookup));
        self.ready.push_back(index);
        index
    }

    /// Why a lookup happens: the client's question, the message that led here, and the other
    /// clients that wait.
    pub(crate) fn causes(&self, because: Cause) -> Causes {
        let mut causes = Causes::from(self.cause);
        causes.push(because);
        for waiter in self.waiters.iter().take(CAUSES_MAX) {
            causes.push(waiter.cause);
        }
        causes
    }

    /// Remembers a step.
    pub(crate) fn remember(&mut self, at: Instant, note: &ResolverNote) {
        if self.steps.len() < STEPS_MAX {
            self.steps.push(Step { at, note: note.clone() });
        }
    }

    /// The bound that is met, if any.
    pub(crate) fn bound_met(&self, now: Instant, budget: &Budget) -> Option<BudgetBound> {
        if now >= self.deadline {
            Some(BudgetBound::Time)
        } else if self.spent.queries >= budget.queries_max {
            Some(BudgetBound::Queries)
        } else if self.spent.octets >= budget.octets_max {
            Some(BudgetBound::Octets)
        } else {
            None
        }
    }

    /// Whether lookup `from` waits, directly or not, for lookup `on`: then `on` must not wait
    /// for `from`.
    pub(crate) fn waits_for(&self, from: usize, on: usize) -> bool {
        let mut seen = vec![false; self.slots.len()];
        let mut open = vec![on];
        while let Some(index) = open.pop() {
            if index == from {
                return true;
            }
            match seen.get_mut(index) {
                Some(seen) if !*seen => *seen = true,
                _ => continue,
            }
            open.extend(self.slots.get(index).map_or(&[] as &[usize], |slot| &slot.waiting));
        }
        false
    }
}

impl Slot {
    fn new(lookup: Lookup) -> Self {
        let question = (lookup.name.clone(), lookup.rtype);
        Self { question, waiting: Vec::new(), lookup: Some(lookup) }
    }
}

/// Steps kept of one story.
pub const STEPS_MAX: usize = 200;
/// Clients named as causes of one query.
const CAUSES_MAX: usize = 8;
