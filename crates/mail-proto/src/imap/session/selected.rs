//! The selected mailbox: opening it, and telling what others did to it
//! (RFC 9051 §5.2, §6.3.2).

use std::collections::BTreeMap;

use super::run::{Run, Then};
use super::view::View;
use super::{Session, State};
use crate::imap::command::{Access, Condstore, Numbering};
use crate::imap::response::{Code, ListEntry, Status, StatusText};
use crate::imap::sequence::{MessageSet, SequenceSet};
use crate::imap::store::{Changes, MailboxId, Opened, StoreRequest};
use crate::mailbox::{Flags, MailboxName, ModSeq, SEPARATOR, SYSTEM_FLAGS, Uid};

/// The selected mailbox as the client knows it.
#[derive(Debug)]
pub(super) struct Selected {
    pub(super) id: MailboxId,
    pub(super) name: MailboxName,
    pub(super) access: Access,
    pub(super) view: View,
    /// Changes up to here were told, or are in `gone`.
    pub(super) through: ModSeq,
    /// Messages that are gone, but still have their numbers, ascending.
    pub(super) gone: Vec<Uid>,
    /// Flags that were told since, with their modseq.
    pub(super) told: BTreeMap<Uid, ModSeq>,
    /// `$`, ascending (RFC 9051 §6.4.4.1).
    pub(super) saved: SequenceSet,
}

/// Whether messages may lose their numbers at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expunges {
    /// They may.
    Told,
    /// They may not: a command with numbers is being answered
    /// (RFC 9051 §7.5.1).
    Held,
}

/// A mailbox that is being opened.
#[derive(Debug)]
pub(super) struct Select {
    pub(super) tag: String,
    mailbox: MailboxName,
    access: Access,
}

impl From<Numbering> for Expunges {
    fn from(numbering: Numbering) -> Self {
        match numbering {
            Numbering::Sequence => Self::Held,
            Numbering::Uid => Self::Told,
        }
    }
}

impl Selected {
    pub(super) const fn changes_request(&self) -> StoreRequest {
        StoreRequest::Changes { mailbox: self.id, since: self.through }
    }

    /// Whether something waits to be told.
    pub(super) fn has_news(&self, expunges: Expunges) -> bool {
        expunges == Expunges::Told && !self.gone.is_empty()
    }

    /// The identifiers that a command means, ascending; none when a number is
    /// not in use.
    pub(super) fn uids_of(&self, set: &MessageSet, numbering: Numbering) -> Option<Vec<Uid>> {
        match (set, numbering) {
            (MessageSet::Saved, _) => Some(self.view.of_uids(&self.saved)),
            (MessageSet::Numbers(set), Numbering::Uid) => Some(self.view.of_uids(set)),
            (MessageSet::Numbers(set), Numbering::Sequence) => self.view.of_numbers(set),
        }
    }
}

impl Session {
    pub(super) fn select(
        &mut self,
        tag: String,
        mailbox: MailboxName,
        access: Access,
        condstore: Condstore,
    ) {
        self.dialect.condstore |= condstore == Condstore::Enabled;
        // What was selected is not any more, even if this fails
        // (RFC 9051 §6.3.2).
        self.leave_mailbox();
        let request = StoreRequest::Open(mailbox.clone());
        self.ask(request, Run::Select(Select { tag, mailbox, access }));
    }

    pub(super) fn leave_mailbox(&mut self) {
        if matches!(self.state, State::Selected(_)) {
            // What follows is of another mailbox (RFC 9051 §7.1, CLOSED).
            let closed = StatusText::with_code(Status::Ok, Code::Closed, "the mailbox is left");
            self.out.writer().status(&closed);
            self.state = State::Authenticated;
        }
    }

    pub(super) fn on_opened(&mut self, select: Select, opened: Opened) {
        let Select { tag, mailbox, access } = select;
        let mut flags: Vec<String> = SYSTEM_FLAGS.map(str::to_owned).to_vec();
        flags.extend(opened.keywords.iter().map(|keyword| keyword.as_str().to_owned()));
        let view = View::new(opened.uids);
        let rev2 = self.dialect.rev2;
        let mut writer = self.out.writer();
        writer.untagged(&format!("FLAGS ({})", flags.join(" ")));
        writer.untagged(&format!("{} EXISTS", view.len()));
        if !rev2 {
            writer.untagged("0 RECENT");
        }
        let mut tell = |code, text: &str| {
            writer.status(&StatusText::with_code(Status::Ok, code, text));
        };
        if let Some(unseen) = opened.first_unseen.and_then(|uid| view.number_of(uid))
            && !rev2
        {
            tell(Code::Unseen(unseen), "the first message not seen");
        }
        let permanent = match access {
            Access::ReadWrite => [flags.as_slice(), &["\\*".to_owned()]].concat(),
            Access::ReadOnly => Vec::new(),
        };
        tell(Code::PermanentFlags(permanent), "flags that are kept");
        tell(Code::UidValidity(opened.uid_validity), "identifiers hold as long as this");
        tell(Code::UidNext(opened.uid_next), "the next identifier");
        tell(Code::HighestModSeq(opened.highest_mod_seq), "the last change");
        if rev2 {
            // RFC 9051 §6.3.2: the name, as the server has it.
            let entry = ListEntry {
                separator: Some(SEPARATOR),
                name: mailbox.to_string(),
                ..ListEntry::default()
            };
            writer.list("LIST", &entry);
        }
        let (code, text) = match access {
            Access::ReadWrite => (Code::ReadWrite, "SELECT completed"),
            Access::ReadOnly => (Code::ReadOnly, "EXAMINE completed"),
        };
        self.changed = None;
        self.state = State::Selected(Box::new(Selected {
            id: opened.id,
            name: mailbox,
            access,
            view,
            through: opened.highest_mod_seq,
            gone: Vec::new(),
            told: BTreeMap::new(),
            saved: SequenceSet::default(),
        }));
        self.end(&tag, &StatusText::with_code(Status::Ok, code, text));
    }

    /// `UNSELECT`, and the end of `CLOSE`: nothing is told of what was expunged
    /// (RFC 9051 §6.4.1).
    pub(super) fn unselect(&mut self, tag: &str, text: &str) {
        self.state = State::Authenticated;
        self.end(tag, &StatusText::new(Status::Ok, text));
    }

    pub(super) fn close(&mut self, tag: String) {
        match &self.state {
            State::Selected(selected) if selected.access == Access::ReadWrite => {
                let request = StoreRequest::Expunge { mailbox: selected.id, uids: None };
                self.ask(request, Run::Close { tag });
            }
            _ => self.unselect(&tag, "CLOSE completed"),
        }
    }

    /// A mailbox was deleted; if it was the selected one, it is left.
    pub(super) fn on_deleted(&mut self, tag: &str, mailbox: &MailboxName) {
        if let State::Selected(selected) = &self.state
            && selected.name == *mailbox
        {
            self.leave_mailbox();
        }
        self.finish_ok(tag, "DELETE completed");
    }

    /// Tells what happened: first what is gone, then what came, then flags.
    pub(super) fn tell(&mut self, changes: Changes, expunges: Expunges) {
        let condstore = self.dialect.condstore;
        let State::Selected(selected) = &mut self.state else { return };
        selected.through = selected.through.max(changes.highest_mod_seq);
        let mut writer = self.out.writer();
        selected.gone.extend(changes.vanished);
        selected.gone.sort_unstable();
        selected.gone.dedup();
        if expunges == Expunges::Told {
            for uid in std::mem::take(&mut selected.gone) {
                if let Some(number) = selected.view.remove(uid) {
                    writer.untagged(&format!("{number} EXPUNGE"));
                }
            }
        } else {
            let view = &selected.view;
            selected.gone.retain(|uid| view.number_of(*uid).is_some());
        }
        let before = (selected.view.len(), selected.view.last_uid());
        changes.changed.iter().for_each(|row| selected.view.push(row.uid));
        if selected.view.len() > before.0 {
            writer.untagged(&format!("{} EXISTS", selected.view.len()));
        }
        let told = std::mem::take(&mut selected.told);
        for row in &changes.changed {
            let is_known = told.get(&row.uid) == Some(&row.mod_seq);
            let is_new = before.1.is_none_or(|last| row.uid > last);
            if let Some(number) = selected.view.number_of(row.uid)
                && !is_known
                && !is_new
            {
                let mod_seq = condstore.then_some(row.mod_seq);
                writer.untagged(&flags_response(number, row.uid, Some(&row.flags), mod_seq));
            }
        }
    }

    /// Looks again at once, then says that the command is done.
    pub(super) fn look_then_finish(&mut self, tag: String, status: StatusText, told: Expunges) {
        self.look(Then::Finish { tag, status }, told);
    }
}

/// `FETCH` with flags, unasked or after `STORE`. The identifier is told too, so
/// that a client that lost count is not misled (RFC 7162 §3.2.4 asks for it).
pub(super) fn flags_response(
    number: u32,
    uid: Uid,
    flags: Option<&Flags>,
    mod_seq: Option<ModSeq>,
) -> String {
    let mut text = format!("{number} FETCH (UID {}", uid.0);
    if let Some(flags) = flags {
        text.push_str(&format!(" FLAGS ({})", flag_names(flags)));
    }
    if let Some(ModSeq(mod_seq)) = mod_seq {
        text.push_str(&format!(" MODSEQ ({mod_seq})"));
    }
    text.push(')');
    text
}

pub(super) fn flag_names(flags: &Flags) -> String {
    let names: Vec<&str> = flags.iter().map(|flag| flag.as_str()).collect();
    names.join(" ")
}
