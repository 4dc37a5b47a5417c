//! A piece of work with an owner.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::{real, virtual_net};

/// A running future. Its owner awaits it, aborts it, or drops it, which aborts
/// it: no task outlives its owner unnoticed.
pub struct Task<T>(pub(crate) TaskKind<T>);

pub(crate) enum TaskKind<T> {
    Real(real::Task<T>),
    Virtual(virtual_net::Task<T>),
}

/// The task was aborted, or panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the task ended before its work was done")]
pub struct TaskEnded;

impl<T> Task<T> {
    /// Stops the work at its next await.
    pub fn abort(&self) {
        match &self.0 {
            TaskKind::Real(task) => task.abort(),
            TaskKind::Virtual(task) => task.abort(),
        }
    }

    /// Hands the work to the network, which ends it at its own shutdown.
    pub fn detach(self) {
        match self.0 {
            TaskKind::Real(task) => task.detach(),
            TaskKind::Virtual(task) => task.detach(),
        }
    }

    /// Whether the work is done or was stopped.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        match &self.0 {
            TaskKind::Real(task) => task.is_finished(),
            TaskKind::Virtual(task) => task.is_finished(),
        }
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, TaskEnded>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.get_mut().0 {
            TaskKind::Real(task) => Pin::new(task).poll(cx),
            TaskKind::Virtual(task) => Pin::new(task).poll(cx),
        }
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.is_finished() { "finished" } else { "running" };
        write!(out, "Task({state})")
    }
}
