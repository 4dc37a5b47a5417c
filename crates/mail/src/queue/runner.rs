//! Does what the policy decides: one task owns the machine, the others report.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use capa7_mail_proto::queue::{
    BatchId, Change, Dispatcher, Input, Moment, NoticeKind, Output, Settlement,
};
use capa7_net::{Cause, Task};
use tokio::sync::mpsc;

use super::ledger::Request;
use super::rows::{Location, Settled, Write};
use super::session::{Job, Session};
use super::shared::Shared;
use super::{QueueId, notes, notices};
use crate::lookup;

/// The runner.
pub(super) struct Runner {
    pub(super) shared: Arc<Shared>,
    pub(super) dispatcher: Dispatcher,
    pub(super) ledger: mpsc::Sender<Request>,
    pub(super) events: mpsc::UnboundedReceiver<Input>,
    pub(super) tell: mpsc::UnboundedSender<Input>,
    pub(super) sessions: BTreeMap<BatchId, mpsc::UnboundedSender<Job>>,
    pub(super) tasks: Vec<Task<()>>,
    /// What waits for the task of the rows, which may wait for a disk. Bounded
    /// by the rows of the batches that are open.
    pub(super) outbox: VecDeque<Write>,
}

impl Runner {
    /// Runs until it was told to stop and every batch has ended.
    pub(super) async fn run(mut self) {
        let mut wake = None;
        self.dispatcher.handle(self.shared.now(), Input::Changed);
        let mut is_stopping = false;
        loop {
            while let Some(output) = self.dispatcher.poll() {
                if let Output::Wake { at, .. } = output {
                    wake = Some(at);
                } else {
                    self.serve(output).await;
                }
            }
            self.tasks.retain(|task| !task.is_finished());
            if is_stopping && self.outbox.is_empty() && self.dispatcher.batches_open() == 0 {
                return self.finish().await;
            }
            let now = self.shared.now();
            let sleep = wake.map_or(SLEEP_MAX, |at: Moment| at.since(now)).min(SLEEP_MAX);
            let input = tokio::select! {
                biased;
                room = self.ledger.reserve(), if !self.outbox.is_empty() => {
                    let Ok(room) = room else { return };
                    if let Some(write) = self.outbox.pop_front() {
                        room.send(Request { write, answer: None });
                    }
                    continue;
                }
                event = self.events.recv() => event,
                () = self.shared.host.sleep(sleep), if !is_stopping => Some(Input::Timer),
            };
            let Some(input) = input else { return };
            if matches!(input, Input::Timer) {
                wake = None;
            }
            is_stopping |= matches!(input, Input::Stop);
            self.dispatcher.handle(self.shared.now(), input);
        }
    }

    /// The sessions say goodbye, for a bounded time.
    async fn finish(mut self) {
        self.sessions.clear();
        let host = self.shared.host.clone();
        let goodbye = async {
            for task in self.tasks.drain(..) {
                let _ = task.await;
            }
        };
        let _ = host.timeout(GOODBYE, goodbye).await;
    }

    /// Does one output.
    async fn serve(&mut self, output: Output) {
        match output {
            Output::FindDue { after, until } => self.read(move |shared| {
                let page = shared.read(|rows| rows.due(after, until))?;
                let (destinations, until, next) = (page.destinations, page.until, page.next);
                Some(Input::Due { destinations, until, next })
            }),
            Output::Load { batch, destination, limit } => self.read(move |shared| {
                let now = shared.now();
                let rows = shared.read(|rows| rows.load(&destination, now, limit));
                // What cannot be read now is found again by the next search.
                Some(Input::Loaded { batch, rows: rows.unwrap_or_default() })
            }),
            Output::Record { batch, attempts, durability } => {
                self.outbox.push_back(Write::Record { batch, attempts, durability });
            }
            Output::LookUpExchanges { batch, domain, cause } => {
                let (shared, tell) = (self.shared.clone(), self.tell.clone());
                self.spawn("mx", async move {
                    let (answer, cause) = lookup::exchanges(&shared.stub, &domain, cause).await;
                    let _ = tell.send(Input::Exchanges { batch, answer, cause });
                });
            }
            Output::LookUpAddresses { batch, host, cause } => {
                let (shared, tell) = (self.shared.clone(), self.tell.clone());
                self.spawn("mx-address", async move {
                    let own = shared.host.addresses();
                    let found = lookup::addresses(&shared.stub, &host, own, cause).await;
                    let (answer, cause) = (found.0.into(), found.1);
                    let _ = tell.send(Input::Addresses { batch, answer, cause });
                });
            }
            Output::Deliver { batch, way, work } => self.deliver(batch, Job { way, work }),
            Output::Close(batch) => {
                self.sessions.remove(&batch);
            }
            Output::Settle(settlement) => self.settle(settlement).await,
            Output::Wake { .. } => {}
        }
    }

    fn spawn(&mut self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.push(self.shared.host.spawn(name, work));
    }

    fn read(&mut self, work: impl FnOnce(&Shared) -> Option<Input> + Send + 'static) {
        let (shared, tell) = (self.shared.clone(), self.tell.clone());
        self.spawn("queue-read", async move {
            let inside = shared.clone();
            if let Some(input) = shared.host.blocking(move || work(&inside)).await {
                let _ = tell.send(input);
            } else {
                shared.host.sleep(READ_AGAIN).await;
                let _ = tell.send(Input::Changed);
            }
        });
    }

    fn deliver(&mut self, batch: BatchId, job: Job) {
        let job = match self.sessions.get(&batch) {
            Some(session) => match session.send(job) {
                Ok(()) => return,
                Err(back) => back.0,
            },
            None => job,
        };
        let (jobs, taken) = mpsc::unbounded_channel();
        let session = Session::new(self.shared.clone(), batch, self.tell.clone());
        let _ = jobs.send(job);
        self.sessions.insert(batch, jobs);
        self.spawn("delivery", session.run(taken));
    }

    /// Notes what became of recipients and writes it down, with the
    /// notifications that follow.
    async fn settle(&mut self, settlement: Settlement) {
        let shared = self.shared.clone();
        let message = settlement.message;
        let indexes: Vec<u32> = settlement.changes.iter().map(|(index, _)| *index).collect();
        let loaded = shared.clone();
        let load = move || {
            loaded.read(|rows| Ok((rows.message(message)?, rows.recipients(message, &indexes)?)))
        };
        let found = shared.host.blocking(load).await;
        let (stored, recipients) = found.unwrap_or_default();
        let now = shared.now();
        let mut causes: Vec<(u32, Cause)> = Vec::new();
        for (index, change) in &settlement.changes {
            // Deleted by the operator meanwhile: nothing is left to say.
            let Some(given) = recipients.iter().find(|given| given.index == *index) else {
                continue;
            };
            let mut cause = notes::settled(&shared.host, &given.address, change, &settlement, now);
            let is_told = settlement
                .notices
                .iter()
                .any(|notice| notice.kind == NoticeKind::Delayed && notice.indexes.contains(index));
            if is_told && matches!(change, Change::Deferred { .. }) {
                let id = QueueId(message.0);
                cause = notes::delayed(&shared.host, id, &given.address, cause);
            }
            causes.push((*index, cause));
        }
        let is_file = stored.as_ref().is_some_and(|stored| stored.location == Location::File);
        let mut made = Vec::new();
        if let Some(stored) = stored.filter(|_| !settlement.notices.is_empty()) {
            let inside = shared.clone();
            let (about, told, because) = (settlement.clone(), recipients, causes.clone());
            let write = move || notices::write(&inside, &stored, &told, &about, &because, now);
            made = shared.host.blocking(write).await;
        }
        let settled = Settled { settlement, notices: made, is_file, causes };
        self.outbox.push_back(Write::Settle(Box::new(settled)));
    }
}

/// The calendar's clock may be set: it is looked at so often at least.
const SLEEP_MAX: Duration = Duration::from_secs(3_600);
/// How long rows that cannot be read are left alone.
const READ_AGAIN: Duration = Duration::from_secs(5);
/// How long the last sessions may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(5);
