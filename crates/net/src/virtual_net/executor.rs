//! Tasks, polled on the caller's thread in the order in which they were woken.
//!
//! ```text
//!   spawn ──▶ waiting ◀──────────── Pending ───────────┐
//!                │ wake (any thread)                   │
//!                ▼                                     │
//!              queued ──▶ polled, in the queue's order ┤
//!                                                      ▼ Ready, panic, abort
//!                                                    ended
//! ```

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};

use super::slab::{Key, Slab};
use crate::task::TaskEnded;

/// The tasks of one network.
#[derive(Debug, Default)]
pub(super) struct Executor {
    ready: Arc<Ready>,
    tasks: Mutex<Tasks>,
}

#[derive(Debug, Default)]
struct Tasks {
    entries: Slab<Entry>,
    closed: bool,
}

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One task; its work is away while it is polled.
struct Entry {
    name: &'static str,
    work: Option<Work>,
}

/// Who was woken, in order; none stands for the root.
#[derive(Debug, Default)]
struct Ready(Mutex<VecDeque<Arc<Bell>>>);

/// What wakes a task: rings once until the task is polled.
#[derive(Debug)]
pub(super) struct Bell {
    task: Option<Key>,
    queued: AtomicBool,
    ready: Weak<Ready>,
}

/// Whose turn it is.
#[derive(Debug)]
pub(super) enum Turn {
    /// The future that drives the network.
    Root,
    /// A task.
    Task(Key, Arc<Bell>),
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        if self.queued.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Some(ready) = self.ready.upgrade() {
            ready.lock().push_back(self);
        }
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.load(Ordering::Acquire) {
            Arc::clone(self).wake();
        }
    }
}

impl Ready {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Bell>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Executor {
    fn bell(&self, task: Option<Key>) -> Arc<Bell> {
        Arc::new(Bell { task, queued: AtomicBool::new(false), ready: Arc::downgrade(&self.ready) })
    }

    /// The waker of the future that drives the network; it has its first turn.
    pub(super) fn root(&self) -> Waker {
        let bell = self.bell(None);
        Arc::clone(&bell).wake();
        bell.into()
    }

    pub(super) fn next(&self) -> Option<Turn> {
        let bell = self.ready.lock().pop_front()?;
        // Cleared before the poll: a wake during the poll queues it again.
        bell.queued.store(false, Ordering::Release);
        Some(match bell.task {
            None => Turn::Root,
            Some(task) => Turn::Task(task, bell),
        })
    }

    /// Polls a task once. A panic ends the task and nothing else.
    pub(super) fn poll(&self, task: Key, bell: Arc<Bell>) {
        let Some(mut work) = self.lock().entries.get_mut(task).and_then(|entry| entry.work.take())
        else {
            return;
        };
        let waker = Waker::from(bell);
        let mut cx = Context::from_waker(&waker);
        let polled = catch_unwind(AssertUnwindSafe(|| poll_freely(work.as_mut(), &mut cx)));
        if matches!(polled, Ok(Poll::Pending)) {
            let mut tasks = self.lock();
            if let Some(entry) = tasks.entries.get_mut(task) {
                entry.work = Some(work);
                return;
            }
        }
        // What the work owns may call back into the network when it is dropped.
        let entry = self.lock().entries.remove(task);
        drop((entry, work));
    }

    pub(super) fn spawn<F, T>(
        &self,
        core: Weak<super::Core>,
        name: &'static str,
        work: F,
    ) -> Task<T>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let outcome =
            Arc::new(Outcome(Mutex::new(Progress { done: None, ended: false, waker: None })));
        let report = Report(Arc::clone(&outcome));
        let work: Work = Box::pin(async move {
            let done = work.await;
            report.finish(done);
        });
        let mut tasks = self.lock();
        if tasks.closed {
            drop(tasks);
            drop(work);
            return Task { outcome, task: None, core };
        }
        let task = tasks.entries.insert(Entry { name, work: Some(work) });
        drop(tasks);
        self.bell(Some(task)).wake();
        Task { outcome, task: Some(task), core }
    }

    fn end(&self, task: Key) {
        let entry = self.lock().entries.remove(task);
        drop(entry);
    }

    /// Ends every task and accepts no new one.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        // One by one: a task that ends may end others.
        for task in self.keys() {
            self.end(task);
        }
        self.ready.lock().clear();
    }

    pub(super) fn keys(&self) -> Vec<Key> {
        self.lock().entries.keys()
    }

    /// The names of the tasks that wait, for whoever asks why nothing happens.
    pub(super) fn names(&self) -> Vec<&'static str> {
        let tasks = self.lock();
        tasks
            .entries
            .keys()
            .into_iter()
            .filter_map(|key| Some(tasks.entries.get(key)?.name))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Tasks> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Polls without tokio's budget: inside one of tokio's own tasks a channel would
/// say "pending" after some hundred messages and count on tokio to wake it.
pub(super) fn poll_freely<F: Future + ?Sized>(
    work: Pin<&mut F>,
    cx: &mut Context<'_>,
) -> Poll<F::Output> {
    let mut free = tokio::task::unconstrained(work);
    Pin::new(&mut free).poll(cx)
}

impl fmt::Debug for Entry {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.name)
    }
}

/// A task's result, for the one who waits.
struct Outcome<T>(Mutex<Progress<T>>);

struct Progress<T> {
    done: Option<T>,
    ended: bool,
    waker: Option<Waker>,
}

impl<T> Outcome<T> {
    fn lock(&self) -> MutexGuard<'_, Progress<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Held by the work: says that it ended, done or dropped.
struct Report<T>(Arc<Outcome<T>>);

impl<T> Report<T> {
    fn finish(self, done: T) {
        self.0.lock().done = Some(done);
    }
}

impl<T> Drop for Report<T> {
    fn drop(&mut self) {
        let waker = {
            let mut progress = self.0.lock();
            progress.ended = true;
            progress.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// A running future of a virtual network.
pub(crate) struct Task<T> {
    outcome: Arc<Outcome<T>>,
    task: Option<Key>,
    core: Weak<super::Core>,
}

impl<T> Task<T> {
    pub(crate) fn abort(&self) {
        if let (Some(task), Some(core)) = (self.task, self.core.upgrade()) {
            core.executor.end(task);
        }
    }

    pub(crate) fn detach(mut self) {
        self.task = None;
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.outcome.lock().ended
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, TaskEnded>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut progress = self.outcome.lock();
        if progress.ended {
            return Poll::Ready(progress.done.take().ok_or(TaskEnded));
        }
        progress.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.abort();
    }
}
