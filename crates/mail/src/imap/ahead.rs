//! Messages that are read before they are asked for.
//!
//! Many clients fetch one message after the other, each with a command of its
//! own. After the second in a row the store reads some of those that follow in
//! the same go, and the next commands are answered from memory: without a
//! change of threads, a statement, or a file.

use std::collections::VecDeque;

use capa7_mail_proto::imap::store::{MailboxId, Messages, StoredMessage, Wanted};
use capa7_mail_proto::mailbox::{ModSeq, Uid};

/// What one session has read ahead, and whether that is worth while.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    kept: Option<Kept>,
    /// The last message that was fetched by a command of its own, and how many
    /// such there were in ascending order.
    last: Option<Uid>,
    in_order: u32,
    /// Batches of which little was used, in a row.
    wasted: u32,
}

/// The state of an account: nothing changed while it is equal.
pub(super) type Revision = (ModSeq, u64);

#[derive(Debug)]
struct Kept {
    mailbox: MailboxId,
    wanted: Wanted,
    revision: Revision,
    /// How many there were.
    count: usize,
    messages: VecDeque<StoredMessage>,
}

impl Ahead {
    /// The answer to a `FETCH` of one message, if it was read already and
    /// nothing changed since.
    pub(super) fn take(
        &mut self,
        mailbox: MailboxId,
        uid: Uid,
        wanted: Wanted,
        revision: Revision,
    ) -> Option<Messages> {
        let kept = self.kept.as_mut()?;
        if (kept.mailbox, kept.wanted, kept.revision) != (mailbox, wanted, revision) {
            return None;
        }
        while kept.messages.front().is_some_and(|message| message.row.uid < uid) {
            kept.messages.pop_front();
        }
        let message = kept.messages.pop_front_if(|message| message.row.uid == uid)?;
        self.last = Some(uid);
        Some(Messages { messages: vec![message], through: uid })
    }

    /// How many messages to read for a `FETCH` of this one: more than one when
    /// the last ones were fetched in order.
    pub(super) fn count_for(&mut self, uid: Uid) -> usize {
        self.let_go();
        let follows = self.last.is_some_and(|last| last < uid);
        self.in_order = if follows { self.in_order.saturating_add(1) } else { 0 };
        self.last = Some(uid);
        let threshold = 1 << self.wasted.min(WASTED_MAX);
        if self.in_order >= threshold { MESSAGES_MAX } else { 1 }
    }

    /// Keeps what was read beyond the first message; that one is returned.
    pub(super) fn keep(
        &mut self,
        mailbox: MailboxId,
        wanted: Wanted,
        revision: Revision,
        read: Vec<StoredMessage>,
    ) -> Option<StoredMessage> {
        let mut messages = VecDeque::from(read);
        let first = messages.pop_front();
        if !messages.is_empty() {
            let count = messages.len();
            self.kept = Some(Kept { mailbox, wanted, revision, count, messages });
        }
        first
    }

    /// Forgets all: something else is done, or the session rests.
    pub(super) fn forget(&mut self) {
        self.let_go();
        (self.last, self.in_order) = (None, 0);
    }

    fn let_go(&mut self) {
        let Some(kept) = self.kept.take() else { return };
        let used = kept.count - kept.messages.len();
        if used * 2 >= kept.count {
            self.wasted = 0;
        } else {
            self.wasted = self.wasted.saturating_add(1);
            self.in_order = 0;
        }
    }
}

/// The octets of a batch after which no more is read.
pub(super) const OCTETS_MAX: usize = 48 << 10;
/// Messages of a batch.
const MESSAGES_MAX: usize = 16;
/// After batches in vain more and more messages in order are waited for: up to
/// two to the power of this.
const WASTED_MAX: u32 = 8;

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use capa7_mail_proto::imap::date::InternalDate;
    use capa7_mail_proto::imap::store::MessageRow;
    use capa7_mail_proto::mailbox::Flags;

    use super::*;

    const MAILBOX: MailboxId = MailboxId(1);
    const NOW: Revision = (ModSeq(5), 0);

    fn uid(number: usize) -> Uid {
        u32::try_from(number).ok().and_then(Uid::new).unwrap()
    }

    fn message(number: usize) -> StoredMessage {
        let row = MessageRow {
            uid: uid(number),
            flags: Flags::new(),
            mod_seq: ModSeq(1),
            internal_date: InternalDate(0),
            size: 0,
        };
        StoredMessage { row, octets: Bytes::new(), description: None }
    }

    /// Fetches a message; how many were read from the store for it.
    fn fetch(ahead: &mut Ahead, number: usize, revision: Revision) -> usize {
        let wanted = Wanted::default();
        if let Some(found) = ahead.take(MAILBOX, uid(number), wanted, revision) {
            assert_eq!(found.messages, [message(number)]);
            return 0;
        }
        let count = ahead.count_for(uid(number));
        let read = (number..number + count).map(message).collect();
        assert_eq!(ahead.keep(MAILBOX, wanted, revision, read), Some(message(number)));
        count
    }

    #[test]
    fn messages_fetched_in_order_are_read_in_batches() {
        let mut ahead = Ahead::default();
        let reads: Vec<usize> = (1..=34).map(|n| fetch(&mut ahead, n, NOW)).collect();
        let batch: Vec<usize> = [&[MESSAGES_MAX][..], &[0; MESSAGES_MAX - 1]].concat();
        assert_eq!(reads, [&[1][..], &batch, &batch, &[MESSAGES_MAX]].concat());
    }

    #[test]
    fn messages_fetched_at_random_are_read_one_by_one() {
        let mut ahead = Ahead::default();
        let reads = [9, 3, 7, 2, 8, 1].map(|n| fetch(&mut ahead, n, NOW));
        // 7 and 8 came after smaller ones: two batches, the second after more
        // patience would not have been.
        assert_eq!(reads.iter().filter(|count| **count == 1).count(), 5, "{reads:?}");
    }

    #[test]
    fn after_a_change_nothing_that_was_read_before_is_told() {
        let mut ahead = Ahead::default();
        assert_eq!([1, 2, 3].map(|n| fetch(&mut ahead, n, NOW)), [1, MESSAGES_MAX, 0]);
        let later = (ModSeq(6), 0);
        assert!(fetch(&mut ahead, 4, later) > 0);
        // Each fetch changes something, as those that set `\Seen` do: reading
        // ahead ends.
        let reads: Vec<usize> =
            (5..200).map(|n| fetch(&mut ahead, n, (ModSeq(n as u64), 9))).collect();
        let batches = reads.iter().filter(|count| **count > 1).count();
        assert!(batches <= 8, "{batches} batches");
    }

    #[test]
    fn another_mailbox_or_other_items_are_not_answered_from_what_was_read() {
        let mut ahead = Ahead::default();
        assert_eq!([1, 2].map(|n| fetch(&mut ahead, n, NOW)), [1, MESSAGES_MAX]);
        let described = Wanted { description: true, ..Wanted::default() };
        assert_eq!(ahead.take(MailboxId(2), uid(3), Wanted::default(), NOW), None);
        assert_eq!(ahead.take(MAILBOX, uid(3), described, NOW), None);
        ahead.forget();
        assert_eq!(ahead.take(MAILBOX, uid(3), Wanted::default(), NOW), None);
    }
}
