//! What the operating system tells a server.

#![allow(clippy::disallowed_methods, reason = "this is the door")]

use std::future::pending;
use std::io;

use tokio::runtime;
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};
use tokio::sync::watch;

/// A wish of the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGHUP: read the configuration again, keep the old one on an error.
    Reload,
    /// SIGTERM or SIGINT: finish what is begun and end.
    Stop,
}

/// The signals that come from now on; from [`crate::Host::signals`].
#[derive(Debug)]
pub struct Signals {
    hangup: Stream,
    terminate: Stream,
    interrupt: Stream,
}

impl Signals {
    pub(crate) fn watch() -> io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next one. A stop comes before a reload.
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => Signal::Stop,
            _ = self.interrupt.recv() => Signal::Stop,
            _ = self.hangup.recv() => Signal::Reload,
        }
    }
}

/// Whether an operator wants the end of work that holds its thread.
#[derive(Clone, Debug, Default)]
pub struct Stop(Option<watch::Receiver<bool>>);

impl Stop {
    /// Wanted by the next signal of any kind. Needs a runtime.
    ///
    /// # Errors
    /// As the system's, when it tells of no signals.
    pub fn watch() -> io::Result<Self> {
        let mut signals = Signals::watch()?;
        let (tell, told) = watch::channel(false);
        tokio::spawn(async move {
            signals.next().await;
            tell.send_replace(true);
        });
        Ok(Self(Some(told)))
    }

    /// Waits until the end is wanted; for ever when nobody can want it.
    pub async fn wanted(&self) {
        match &self.0 {
            Some(told) if told.clone().wait_for(|wanted| *wanted).await.is_ok() => {}
            _ => pending().await,
        }
    }
}

/// Does work on this thread, in reach of the operator's signals: any of them
/// wants its end. Work that looks at [`Stop`] gives back what it holds, such
/// as folders, where a signal would kill it.
///
/// # Errors
/// When the system tells of no signals.
pub fn in_reach<T>(work: impl FnOnce(Stop) -> T) -> io::Result<T> {
    let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let stop = runtime.block_on(async { Stop::watch() })?;
    Ok(work(stop))
}
