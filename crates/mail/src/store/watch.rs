//! Sessions learn at once what others changed.

use std::sync::{Arc, Mutex};

use capa7_mail_proto::mailbox::ModSeq;
use tokio::sync::watch;

use super::commit::lock;

/// The account's state in two numbers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    pub(super) modseq: ModSeq,
    /// Changes of mailbox names so far.
    pub(super) names: u64,
}

/// What an account tells those who watch it, at once or after a short hold.
#[derive(Debug, Default)]
pub(super) struct News {
    seen: watch::Sender<Seen>,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    /// How many hold.
    holders: usize,
    /// What they hold back.
    untold: Option<Seen>,
}

/// Keeps an account from waking those who watch it, until it is dropped.
#[derive(Debug)]
pub struct NewsHeld(Arc<News>);

impl News {
    /// The modseq reached, and how many changes of names are new.
    pub(super) fn tell(&self, new: Seen) {
        let mut held = lock(&self.held);
        if held.holders > 0 {
            let mut untold = held.untold.unwrap_or_default();
            untold.join(new);
            held.untold = Some(untold);
            return;
        }
        drop(held);
        self.seen.send_modify(|seen| seen.join(new));
    }

    pub(super) fn hold(news: &Arc<Self>) -> NewsHeld {
        lock(&news.held).holders += 1;
        NewsHeld(Arc::clone(news))
    }

    pub(super) fn watch(&self) -> Watch {
        Watch(self.seen.subscribe())
    }

    /// What was told.
    pub(super) fn seen(&self) -> Seen {
        *self.seen.borrow()
    }

    /// What happened, told or not.
    pub(super) fn latest(&self) -> Seen {
        let held = lock(&self.held);
        let mut seen = self.seen();
        if let Some(untold) = held.untold {
            seen.join(untold);
        }
        seen
    }
}

impl Drop for NewsHeld {
    fn drop(&mut self) {
        let mut held = lock(&self.0.held);
        held.holders = held.holders.saturating_sub(1);
        // Also what others hold, so that nobody who comes and goes can keep
        // news back for ever.
        let untold = held.untold.take();
        drop(held);
        if let Some(untold) = untold {
            self.0.seen.send_modify(|seen| seen.join(untold));
        }
    }
}

impl Seen {
    fn join(&mut self, new: Self) {
        self.modseq = self.modseq.max(new.modseq);
        self.names += new.names;
    }
}

/// A subscription to an account's changes. It never misses the last one and
/// never holds more than that: ask [`Account::changes_since`] what happened.
///
/// [`Account::changes_since`]: super::Account::changes_since
#[derive(Debug)]
pub struct Watch(watch::Receiver<Seen>);

impl Watch {
    /// Waits for the next change and returns the account's modseq; none when
    /// the account was closed. May be dropped while it waits.
    pub async fn changed(&mut self) -> Option<ModSeq> {
        self.0.changed().await.ok()?;
        Some(self.0.borrow_and_update().modseq)
    }

    /// Whether something changed since it was told last; then it counts as told.
    pub fn has_changed(&mut self) -> bool {
        let has_changed = self.0.has_changed().unwrap_or(false);
        // Only then: what comes between the two lines would be lost.
        if has_changed {
            self.0.mark_unchanged();
        }
        has_changed
    }

    /// The account's modseq now; what [`Watch::changed`] tells next is newer.
    pub fn modseq(&mut self) -> ModSeq {
        self.0.borrow_and_update().modseq
    }

    /// Counts changes of mailbox names: when it grew, `LIST` answers anew.
    #[must_use]
    pub fn names(&self) -> u64 {
        self.0.borrow().names
    }
}
