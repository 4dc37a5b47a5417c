//! Sessions learn at once what others changed.

use capa7_mail_proto::mailbox::ModSeq;
use tokio::sync::watch;

/// The account's state in two numbers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    pub(super) modseq: ModSeq,
    /// Changes of mailbox names so far.
    pub(super) names: u64,
}

/// A subscription to an account's changes. It never misses the last one and
/// never holds more than that: ask [`Account::changes_since`] what happened.
///
/// [`Account::changes_since`]: super::Account::changes_since
#[derive(Debug)]
pub struct Watch(watch::Receiver<Seen>);

impl Watch {
    pub(super) const fn new(receiver: watch::Receiver<Seen>) -> Self {
        Self(receiver)
    }

    /// Waits for the next change and returns the account's modseq; none when
    /// the account was closed. May be dropped while it waits.
    pub async fn changed(&mut self) -> Option<ModSeq> {
        self.0.changed().await.ok()?;
        Some(self.0.borrow_and_update().modseq)
    }

    /// Whether something changed since it was told last; then it counts as told.
    pub fn has_changed(&mut self) -> bool {
        let has_changed = self.0.has_changed().unwrap_or(false);
        self.0.mark_unchanged();
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
