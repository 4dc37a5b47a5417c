//! `STORE`, `COPY`, `MOVE`, `EXPUNGE` (RFC 9051 §6.4).

use super::run::Run;
use super::selected::{Expunges, flags_response};
use super::{Session, State};
use crate::imap::command::{Access, FlagChange, Numbering, Report, Transfer};
use crate::imap::response::{Code, Status, StatusText};
use crate::imap::sequence::{MessageSet, SequenceSet};
use crate::imap::store::{MailboxId, MessageRow, StoreRequest};
use crate::mailbox::{ModSeq, Uid, UidValidity};

/// What `STORE` wants.
#[derive(Debug)]
pub(super) struct FlagWish {
    pub(super) change: FlagChange,
    pub(super) report: Report,
    pub(super) unchanged_since: Option<ModSeq>,
}

/// A `STORE` under way.
#[derive(Debug)]
pub(super) struct StoreFlags {
    pub(super) tag: String,
    pub(super) numbering: Numbering,
    mailbox: MailboxId,
    wish: FlagWish,
    uids: Vec<Uid>,
    /// How many were asked for.
    asked: usize,
    modified: Vec<Uid>,
    missing: bool,
}

/// A `COPY` or `MOVE` under way.
#[derive(Debug)]
pub(super) struct Copy {
    pub(super) tag: String,
    kind: CopyKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CopyKind {
    Copy,
    Move,
}

impl Session {
    /// The messages that a command means, with their mailbox; refuses it when
    /// there is no such number.
    pub(super) fn messages_of(
        &mut self,
        tag: &str,
        set: &MessageSet,
        numbering: Numbering,
    ) -> Option<(MailboxId, Vec<Uid>)> {
        let State::Selected(selected) = &self.state else { return None };
        let id = selected.id;
        let uids = selected.uids_of(set, numbering);
        if uids.is_none() {
            let bad = StatusText::new(Status::Bad, "there is no message with that number");
            self.refuse(Some(tag), &bad);
        }
        uids.map(|uids| (id, uids))
    }

    /// Whether the mailbox may be changed; refuses the command if not.
    fn may_change(&mut self, tag: &str) -> bool {
        let may = match &self.state {
            State::Selected(selected) => selected.access == Access::ReadWrite,
            _ => false,
        };
        if !may {
            let text = "the mailbox was opened for reading";
            self.refuse(Some(tag), &StatusText::with_code(Status::No, Code::NoPerm, text));
        }
        may
    }

    pub(super) fn store_flags(
        &mut self,
        tag: String,
        set: &MessageSet,
        numbering: Numbering,
        wish: FlagWish,
    ) {
        if !self.may_change(&tag) {
            return;
        }
        self.dialect.condstore |= wish.unchanged_since.is_some();
        let Some((mailbox, uids)) = self.messages_of(&tag, set, numbering) else { return };
        let store = StoreFlags {
            tag,
            numbering,
            mailbox,
            wish,
            uids,
            asked: 0,
            modified: Vec::new(),
            missing: false,
        };
        self.store_more(Box::new(store));
    }

    fn store_more(&mut self, mut store: Box<StoreFlags>) {
        let batch: Vec<Uid> =
            store.uids.iter().skip(store.asked).take(STORE_BATCH).copied().collect();
        if batch.is_empty() {
            self.end_store(*store);
            return;
        }
        store.asked += batch.len();
        let request = StoreRequest::StoreFlags {
            mailbox: store.mailbox,
            uids: batch,
            change: store.wish.change.clone(),
            unchanged_since: store.wish.unchanged_since,
        };
        self.ask(request, Run::StoreFlags(store));
    }

    pub(super) fn on_flags_stored(
        &mut self,
        mut store: Box<StoreFlags>,
        rows: &[MessageRow],
        modified: Vec<Uid>,
    ) {
        let State::Selected(selected) = &mut self.state else { return };
        let asked = store.asked - (store.asked - 1) / STORE_BATCH * STORE_BATCH;
        store.missing |= rows.len() + modified.len() < asked;
        store.modified.extend(modified);
        let condstore = self.dialect.condstore;
        let flags_told = store.wish.report == Report::Told;
        let mut writer = self.out.writer();
        for row in rows {
            let Some(number) = selected.view.number_of(row.uid) else { continue };
            selected.told.insert(row.uid, row.mod_seq);
            // The new modseq is told even if the flags are not
            // (RFC 7162 §3.1.3).
            if flags_told || condstore {
                let flags = flags_told.then_some(&row.flags);
                let mod_seq = condstore.then_some(row.mod_seq);
                writer.untagged(&flags_response(number, row.uid, flags, mod_seq));
            }
        }
        self.out.flush();
        self.store_more(store);
    }

    fn end_store(&mut self, store: StoreFlags) {
        let StoreFlags { tag, numbering, modified, missing, .. } = store;
        let expunges = numbering.into();
        if !modified.is_empty() {
            // Those that changed meanwhile are named, and shown as they are
            // (RFC 7162 §3.1.3).
            let code = Code::Modified(self.numbered(&modified, numbering));
            let status = StatusText::with_code(Status::Ok, code, "conditional STORE failed");
            self.look_then_finish(tag, status, expunges);
        } else if missing && numbering == Numbering::Sequence {
            let text = "some of the messages no longer exist";
            let status = StatusText::with_code(Status::No, Code::ExpungeIssued, text);
            self.finish(tag, status, expunges);
        } else {
            self.finish(tag, StatusText::new(Status::Ok, "STORE completed"), expunges);
        }
    }

    /// Identifiers as the command's numbers.
    pub(super) fn numbered(&self, uids: &[Uid], numbering: Numbering) -> SequenceSet {
        let State::Selected(selected) = &self.state else { return SequenceSet::default() };
        match numbering {
            Numbering::Uid => SequenceSet::of(uids.iter().map(|uid| uid.0)),
            Numbering::Sequence => SequenceSet::of(
                uids.iter()
                    .filter_map(|uid| selected.view.number_of(*uid))
                    .filter_map(std::num::NonZeroU32::new),
            ),
        }
    }

    pub(super) fn copy(&mut self, tag: String, transfer: &Transfer) {
        self.transfer(tag, transfer, CopyKind::Copy);
    }

    pub(super) fn move_messages(&mut self, tag: String, transfer: &Transfer) {
        if self.may_change(&tag) {
            self.transfer(tag, transfer, CopyKind::Move);
        }
    }

    fn transfer(&mut self, tag: String, transfer: &Transfer, kind: CopyKind) {
        let set = self.messages_of(&tag, &transfer.messages, transfer.numbering);
        let Some((mailbox, uids)) = set else { return };
        if uids.is_empty() {
            self.finish_ok(&tag, "there was no such message");
            return;
        }
        let to = transfer.to.clone();
        let request = match kind {
            CopyKind::Copy => StoreRequest::Copy { mailbox, uids, to },
            CopyKind::Move => StoreRequest::Move { mailbox, uids, to },
        };
        self.ask(request, Run::Copy(Copy { tag, kind }));
    }

    pub(super) fn on_copied(&mut self, copy: Copy, validity: UidValidity, uids: &[(Uid, Uid)]) {
        let from = SequenceSet::of(uids.iter().map(|(from, _)| from.0));
        let to = SequenceSet::of(uids.iter().map(|(_, to)| to.0));
        let code = Code::CopyUid(validity, from, to);
        match copy.kind {
            CopyKind::Copy => {
                let status = StatusText::with_code(Status::Ok, code, "COPY completed");
                self.finish(copy.tag, status, Expunges::Told);
            }
            // Where they went is told before they lose their numbers
            // (RFC 9051 §6.4.8).
            CopyKind::Move => {
                self.out.writer().status(&StatusText::with_code(Status::Ok, code, "moved"));
                let status = StatusText::new(Status::Ok, "MOVE completed");
                self.look_then_finish(copy.tag, status, Expunges::Told);
            }
        }
    }

    pub(super) fn expunge(&mut self, tag: String, set: Option<&MessageSet>) {
        if !self.may_change(&tag) {
            return;
        }
        let State::Selected(selected) = &self.state else { return };
        let mailbox = selected.id;
        let uids = set.and_then(|set| selected.uids_of(set, Numbering::Uid));
        self.ask(StoreRequest::Expunge { mailbox, uids }, Run::Expunge { tag });
    }
}

/// Messages whose flags one request changes.
const STORE_BATCH: usize = 1_000;
