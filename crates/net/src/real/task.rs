//! Work on tokio and on threads of its own.

#![allow(clippy::disallowed_methods, reason = "this is the door")]

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::thread;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, JoinHandle};

use crate::task::TaskEnded;

/// A running task; dropping it aborts it.
pub(crate) struct Task<T> {
    work: Option<JoinHandle<T>>,
    detached: Detached,
}

/// The tasks that nobody owns but their network, which ends them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Detached(Arc<Mutex<Vec<AbortHandle>>>);

impl<T: Send + 'static> Task<T> {
    pub(crate) fn spawn<F>(runtime: &Handle, detached: Detached, work: F) -> Self
    where
        F: Future<Output = T> + Send + 'static,
    {
        Self { work: Some(runtime.spawn(work)), detached }
    }
}

impl Task<()> {
    /// A task that is a thread with a scheduler of its own: nothing of it moves
    /// to another thread. Aborting takes effect when its work awaits.
    pub(crate) fn worker<F, W>(
        runtime: &Handle,
        detached: Detached,
        name: &str,
        work: F,
    ) -> io::Result<Self>
    where
        F: FnOnce() -> W + Send + 'static,
        W: Future<Output = ()> + 'static,
    {
        let (abandon, abandoned) = oneshot::channel::<()>();
        let (finish, finished) = oneshot::channel::<()>();
        let scheduler = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        thread::Builder::new().name(name.to_owned()).spawn(move || {
            scheduler.block_on(async {
                tokio::select! {
                    biased;
                    _ = abandoned => {}
                    () = work() => { let _ = finish.send(()); }
                }
            });
        })?;
        // The watcher owns the thread's leash: aborting it lets go.
        let watcher = runtime.spawn(async move {
            let _leash = abandon;
            if finished.await.is_err() {
                // The thread panicked; so does whoever waits for it.
                panic!("a worker ended before its work was done");
            }
        });
        Ok(Self { work: Some(watcher), detached })
    }
}

impl<T> Task<T> {
    pub(crate) fn abort(&self) {
        if let Some(work) = &self.work {
            work.abort();
        }
    }

    pub(crate) fn detach(mut self) {
        if let Some(work) = self.work.take() {
            self.detached.keep(work.abort_handle());
        }
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.work.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.abort();
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, TaskEnded>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(work) = &mut self.work else { return Poll::Ready(Err(TaskEnded)) };
        let outcome = ready!(Pin::new(work).poll(cx));
        self.work = None;
        Poll::Ready(outcome.map_err(|_| TaskEnded))
    }
}

impl Detached {
    pub(crate) fn keep(&self, task: AbortHandle) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Only when full, so that keeping many short tasks stays cheap.
        if tasks.len() == tasks.capacity() {
            tasks.retain(|task| !task.is_finished());
        }
        tasks.push(task);
    }

    pub(crate) fn abort_all(&self) {
        for task in self.0.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            task.abort();
        }
    }
}

impl<T> std::fmt::Debug for Task<T> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Task").field("finished", &self.is_finished()).finish_non_exhaustive()
    }
}
