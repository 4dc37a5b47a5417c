//! Changes of an index that share their commits.
//!
//! ```text
//!   session A ──▶ ┐                          ┌──▶ A's result
//!   session B ──▶ ├ waiting ─▶ one leader ─▶ ┤
//!   session C ──▶ ┘            BEGIN A B C   └──▶ B's, C's
//!                              COMMIT (one sync)
//! ```
//!
//! Whoever finds no leader leads: it takes all that wait, makes their changes
//! in one transaction, each within a savepoint of its own, and commits once.
//! While it waits for the disk the next ones gather. No thread is needed, so
//! on a host without threads each caller leads itself.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use capa7_mail_proto::mailbox::ModSeq;
use rusqlite::Connection;

use super::{StoreError, Sync, schema};

/// The one writer of an account.
pub(super) struct Committer {
    waiting: Mutex<Waiting>,
    turn: Condvar,
    connection: Mutex<Option<Connection>>,
    index: PathBuf,
    bodies: PathBuf,
    sync: Sync,
}

/// What changes do beside the index, to be done once they are committed.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// The last modseq given.
    pub(super) modseq: Option<ModSeq>,
    /// Bodies that no message has any more.
    pub(super) bodies_gone: Vec<i64>,
    /// Bodies whose names must last in the folder before the commit.
    pub(super) bodies_new: usize,
    /// Whether names of mailboxes changed.
    pub(super) names: bool,
}

/// One change while it is made.
pub(super) struct Change<'c> {
    /// The index, within the transaction.
    pub(super) index: &'c Connection,
    /// What else it does.
    pub(super) effects: Effects,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    has_leader: bool,
}

type Work = Box<dyn FnOnce(&mut Change<'_>) -> Result<(), StoreError> + Send>;
type Ticket = Arc<Mutex<Option<Result<(), StoreError>>>>;
type Done = (Effects, Vec<Result<(), StoreError>>);

struct Job {
    work: Work,
    ticket: Ticket,
}

impl Change<'_> {
    /// The modseq of this change: one more than any before in the account
    /// (RFC 7162 §3.1).
    pub(super) fn modseq(&mut self) -> Result<ModSeq, StoreError> {
        if let Some(given) = self.effects.modseq {
            return Ok(given);
        }
        let given: i64 = self
            .index
            .prepare_cached("UPDATE account SET modseq = modseq + 1 RETURNING modseq")?
            .query_row([], |row| row.get(0))?;
        let given = ModSeq(given.unsigned_abs());
        self.effects.modseq = Some(given);
        Ok(given)
    }
}

impl Committer {
    pub(super) fn new(connection: Connection, index: &Path, bodies: &Path, sync: Sync) -> Self {
        Self {
            waiting: Mutex::default(),
            turn: Condvar::new(),
            connection: Mutex::new(Some(connection)),
            index: index.to_owned(),
            bodies: bodies.to_owned(),
            sync,
        }
    }

    /// Makes a change and returns when it is durable. `settled` is told of each
    /// batch that was committed before any of its callers returns.
    pub(super) fn change<T: Send + 'static>(
        &self,
        settled: &dyn Fn(Effects),
        work: impl FnOnce(&mut Change<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let value = Arc::new(Mutex::new(None));
        let ticket = Ticket::default();
        let put = Arc::clone(&value);
        let work: Work = Box::new(move |change| {
            *lock(&put) = Some(work(change)?);
            Ok(())
        });
        let mut waiting = lock(&self.waiting);
        waiting.jobs.push_back(Job { work, ticket: Arc::clone(&ticket) });
        loop {
            if let Some(result) = lock(&ticket).take() {
                result?;
                return lock(&value).take().ok_or_else(interrupted);
            }
            if waiting.has_leader {
                waiting = self.turn.wait(waiting).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            waiting.has_leader = true;
            let count = waiting.jobs.len().min(BATCH_MAX);
            let jobs: Vec<Job> = waiting.jobs.drain(..count).collect();
            drop(waiting);
            self.lead(jobs, settled);
            waiting = lock(&self.waiting);
        }
    }

    /// Closes the connection until the next change.
    pub(super) fn rest(&self) {
        lock(&self.connection).take();
    }

    fn lead(&self, jobs: Vec<Job>, settled: &dyn Fn(Effects)) {
        let tickets = jobs.iter().map(|job| Arc::clone(&job.ticket)).collect();
        // Dropped at the end, also of a panic: followers never wait for ever.
        let turn = Turn { committer: self, tickets };
        match self.commit(jobs) {
            Ok((effects, results)) => {
                settled(effects);
                for (ticket, result) in turn.tickets.iter().zip(results) {
                    *lock(ticket) = Some(result);
                }
            }
            Err(error) => {
                for ticket in &turn.tickets {
                    *lock(ticket) = Some(Err(error.clone()));
                }
            }
        }
    }

    fn commit(&self, jobs: Vec<Job>) -> Result<Done, StoreError> {
        let mut slot = lock(&self.connection);
        let connection = match slot.take() {
            Some(connection) => connection,
            None => schema::open_writer(&self.index, self.sync, 1)?,
        };
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let outcome = self.within(&connection, jobs).and_then(|done| {
            if done.1.iter().any(Result::is_ok) {
                connection.prepare_cached("COMMIT")?.execute([])?;
            }
            Ok(done)
        });
        if matches!(outcome, Err(StoreError::ReadOnly(_) | StoreError::Disk(_))) {
            // What was opened on a disk that cannot be written stays so.
            return outcome;
        }
        // After an error of the disk SQLite may have ended the transaction.
        if connection.is_autocommit() || connection.execute_batch("ROLLBACK").is_ok() {
            *slot = Some(connection);
        }
        outcome
    }

    fn within(&self, index: &Connection, jobs: Vec<Job>) -> Result<Done, StoreError> {
        let (mut effects, mut results) = (Effects::default(), Vec::with_capacity(jobs.len()));
        for job in jobs {
            index.prepare_cached("SAVEPOINT change")?.execute([])?;
            let mut change = Change { index, effects: Effects::default() };
            let result = (job.work)(&mut change);
            if index.is_autocommit() {
                // The disk failed and took the changes before this one along.
                return Err(result.err().unwrap_or_else(interrupted));
            }
            match &result {
                Ok(()) => effects.join(change.effects),
                Err(_) => {
                    index.prepare_cached("ROLLBACK TO change")?.execute([])?;
                }
            }
            index.prepare_cached("RELEASE change")?.execute([])?;
            results.push(result);
        }
        if self.sync == Sync::Full && effects.bodies_new > 0 {
            sync_folder(&self.bodies)?;
        }
        Ok((effects, results))
    }
}

impl Effects {
    fn join(&mut self, other: Self) {
        self.modseq = self.modseq.max(other.modseq);
        self.bodies_gone.extend(other.bodies_gone);
        self.bodies_new += other.bodies_new;
        self.names |= other.names;
    }
}

/// The leader's turn.
struct Turn<'c> {
    committer: &'c Committer,
    tickets: Vec<Ticket>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        for ticket in &self.tickets {
            let mut ticket = lock(ticket);
            if ticket.is_none() {
                *ticket = Some(Err(interrupted()));
            }
        }
        lock(&self.committer.waiting).has_leader = false;
        self.committer.turn.notify_all();
    }
}

/// Makes new names in a folder last.
pub(super) fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| StoreError::disk(folder, &error))
}

/// A lock that a panic elsewhere does not close: what it guards is always
/// whole.
pub(super) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn interrupted() -> StoreError {
    StoreError::Disk("the change was interrupted".to_owned())
}

impl fmt::Debug for Committer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Committer({})", self.index.display())
    }
}

/// Changes that share one commit at most: they share the wait for the disk,
/// but also each other's failures of the disk.
const BATCH_MAX: usize = 256;
