//! `FETCH` (RFC 9051 §6.4.5): in batches, so that no more than one batch of
//! messages is held, and the next is read when this one is on its way.

use super::run::Run;
use super::selected::Expunges;
use super::write::{Fetched, write_message};
use super::{Session, State};
use crate::imap::command::{Access, FlagChange, Numbering};
use crate::imap::fetch::{FetchItemName, FetchRequest};
use crate::imap::response::{Code, Status, StatusText};
use crate::imap::sequence::MessageSet;
use crate::imap::store::{MailboxId, MessageRow, Messages, StoreRequest, StoredMessage, Wanted};
use crate::mailbox::{Flag, Uid};

/// A `FETCH` under way.
#[derive(Debug)]
pub(super) struct Fetch {
    pub(super) tag: String,
    pub(super) numbering: Numbering,
    request: FetchRequest,
    mailbox: MailboxId,
    wanted: Wanted,
    uids: Vec<Uid>,
    /// How many of them are done.
    done: usize,
    /// Messages that wait until they are seen.
    batch: Vec<StoredMessage>,
    missing: bool,
    unknown_encoding: bool,
}

impl Session {
    pub(super) fn fetch(
        &mut self,
        tag: String,
        set: &MessageSet,
        numbering: Numbering,
        mut request: FetchRequest,
    ) {
        let Some((mailbox, uids)) = self.messages_of(&tag, set, numbering) else { return };
        let mut require = |item: FetchItemName, is_required: bool| {
            if is_required && !request.items.contains(&item) {
                request.items.insert(0, item);
            }
        };
        // RFC 7162 §3.1.4.1: CHANGEDSINCE asks for MODSEQ, and either enables
        // CONDSTORE; RFC 9051 §6.4.9: UID FETCH asks for UID.
        require(FetchItemName::ModSeq, request.changed_since.is_some());
        require(FetchItemName::Uid, numbering == Numbering::Uid);
        self.dialect.condstore |= request.items.contains(&FetchItemName::ModSeq);
        let wanted = request.items.iter().map(FetchItemName::wanted);
        let wanted = wanted.fold(Wanted::default(), Wanted::and);
        let fetch = Fetch {
            tag,
            numbering,
            mailbox,
            wanted,
            request,
            uids,
            done: 0,
            batch: Vec::new(),
            missing: false,
            unknown_encoding: false,
        };
        self.fetch_more(Box::new(fetch));
    }

    fn fetch_more(&mut self, fetch: Box<Fetch>) {
        let most = if fetch.wanted.is_nothing() { ROWS_BATCH } else { MESSAGES_BATCH };
        let uids: Vec<Uid> = fetch.uids.iter().skip(fetch.done).take(most).copied().collect();
        if uids.is_empty() {
            self.end_fetch(*fetch);
            return;
        }
        let request = StoreRequest::Fetch { mailbox: fetch.mailbox, uids, wanted: fetch.wanted };
        self.ask(request, Run::Fetch(fetch));
    }

    pub(super) fn on_messages(&mut self, mut fetch: Box<Fetch>, reply: Messages) {
        let answered = fetch.uids.iter().skip(fetch.done);
        let answered = answered.take_while(|uid| **uid <= reply.through).count();
        // A reply that goes no further would be asked for ever.
        fetch.done += answered.max(1);
        fetch.missing |= reply.messages.len() < answered;
        fetch.batch = reply.messages;
        if let Some(since) = fetch.request.changed_since {
            fetch.batch.retain(|message| message.row.mod_seq > since);
        }
        let seen = Flag::system("\\Seen");
        let sets_seen = fetch.request.items.iter().any(FetchItemName::sets_seen)
            && matches!(&self.state, State::Selected(s) if s.access == Access::ReadWrite);
        let unseen: Vec<Uid> = fetch
            .batch
            .iter()
            .filter(|message| sets_seen && !message.row.flags.contains(&seen))
            .map(|message| message.row.uid)
            .collect();
        if unseen.is_empty() {
            self.write_batch(fetch, &[]);
            return;
        }
        let request = StoreRequest::StoreFlags {
            mailbox: fetch.mailbox,
            uids: unseen,
            change: FlagChange::Add(vec![seen]),
            unchanged_since: None,
        };
        self.ask(request, Run::Fetch(fetch));
    }

    /// The messages of the batch are seen; their flags are told with them
    /// (RFC 9051 §6.4.5).
    pub(super) fn on_seen(&mut self, mut fetch: Box<Fetch>, rows: Vec<MessageRow>) {
        let seen: Vec<Uid> = rows.iter().map(|row| row.uid).collect();
        if let State::Selected(selected) = &mut self.state {
            selected.told.extend(rows.iter().map(|row| (row.uid, row.mod_seq)));
        }
        for row in rows {
            let message = fetch.batch.iter_mut().find(|message| message.row.uid == row.uid);
            if let Some(message) = message {
                message.row = row;
            }
        }
        self.write_batch(fetch, &seen);
    }

    fn write_batch(&mut self, mut fetch: Box<Fetch>, seen: &[Uid]) {
        let State::Selected(selected) = &self.state else { return };
        for message in std::mem::take(&mut fetch.batch) {
            let Some(number) = selected.view.number_of(message.row.uid) else { continue };
            let fetched = Fetched {
                number,
                message: &message,
                tell_flags: seen.contains(&message.row.uid),
                condstore: self.dialect.condstore,
            };
            let is_known = write_message(&mut self.out, &fetched, &fetch.request.items);
            fetch.unknown_encoding |= !is_known;
        }
        self.fetch_more(fetch);
    }

    fn end_fetch(&mut self, fetch: Fetch) {
        let Fetch { tag, numbering, missing, unknown_encoding, .. } = fetch;
        let status = if unknown_encoding {
            let text = "a part has an encoding that is not known";
            StatusText::with_code(Status::No, Code::UnknownCte, text)
        } else if missing && numbering == Numbering::Sequence {
            // RFC 2180 §4.1.2: the client learns that they are gone later.
            let text = "some of the messages no longer exist";
            StatusText::with_code(Status::No, Code::ExpungeIssued, text)
        } else {
            StatusText::new(Status::Ok, "FETCH completed")
        };
        self.finish(tag, status, Expunges::from(numbering));
    }
}

/// Rows of one request.
const ROWS_BATCH: usize = 1_000;
/// Messages of one request; the store stops earlier when they are large.
const MESSAGES_BATCH: usize = 100;
