//! What a session does while the store works, and with its answers.

use super::fetch::Fetch;
use super::list::ListStatus;
use super::messages::{Copy, StoreFlags};
use super::refusal::{Missing, of_store};
use super::search::Search;
use super::selected::{Expunges, Select};
use super::{Doing, Session};
use crate::imap::command::{ListCommand, StatusItem};
use crate::imap::response::{Status, StatusText};
use crate::imap::store::{StoreReply, StoreResult};
use crate::mailbox::MailboxName;

/// A command that waits for the store.
#[derive(Debug)]
pub(super) enum Run {
    /// What happened in the selected mailbox.
    Look {
        then: Then,
        expunges: Expunges,
    },
    Select(Select),
    List {
        tag: String,
        command: Box<ListCommand>,
    },
    Lsub {
        tag: String,
        pattern: String,
    },
    ListStatus(Box<ListStatus>),
    Status {
        tag: String,
        mailbox: MailboxName,
        items: Vec<StatusItem>,
    },
    /// Nothing but success or failure.
    Simple {
        tag: String,
        done: &'static str,
    },
    /// `DELETE` of the mailbox that may be selected.
    Delete {
        tag: String,
        mailbox: MailboxName,
    },
    Expunge {
        tag: String,
    },
    Close {
        tag: String,
    },
    Fetch(Box<Fetch>),
    StoreFlags(Box<StoreFlags>),
    Search(Box<Search>),
    Copy(Copy),
}

/// What follows when the news were told.
#[derive(Debug)]
pub(super) enum Then {
    Finish { tag: String, status: StatusText },
    Idle { tag: String },
}

impl Run {
    /// The command's tag, and what a missing mailbox means to it.
    fn blame(&self) -> (&str, Missing) {
        let tag = match self {
            Self::Look { then: Then::Finish { tag, .. } | Then::Idle { tag }, .. }
            | Self::List { tag, .. }
            | Self::Lsub { tag, .. }
            | Self::Status { tag, .. }
            | Self::Simple { tag, .. }
            | Self::Delete { tag, .. }
            | Self::Expunge { tag }
            | Self::Close { tag } => tag,
            Self::Select(select) => &select.tag,
            Self::ListStatus(list) => &list.tag,
            Self::Fetch(fetch) => &fetch.tag,
            Self::StoreFlags(store) => &store.tag,
            Self::Search(search) => &search.tag,
            Self::Copy(copy) => return (&copy.tag, Missing::CouldBeCreated),
        };
        (tag, Missing::IsNamed)
    }

    /// Where the command stands with EXPUNGE responses.
    fn expunges(&self) -> Expunges {
        match self {
            Self::Fetch(fetch) => fetch.numbering.into(),
            Self::StoreFlags(store) => store.numbering.into(),
            Self::Search(search) => search.command.numbering.into(),
            _ => Expunges::Told,
        }
    }
}

impl Session {
    pub(super) fn on_stored(&mut self, result: StoreResult) {
        match std::mem::replace(&mut self.doing, Doing::Reading) {
            Doing::Waiting(run) => match result {
                Ok(reply) => self.on_reply(*run, reply),
                Err(error) => self.on_failure(*run, &error),
            },
            Doing::Appending(append) => self.on_append_stored(append, result),
            other => self.doing = other,
        }
    }

    fn on_reply(&mut self, run: Run, reply: StoreReply) {
        match (run, reply) {
            (Run::Look { then, expunges }, StoreReply::Changes(changes)) => {
                self.tell(changes, expunges);
                self.go_on(then);
            }
            (Run::Select(select), StoreReply::Opened(opened)) => self.on_opened(select, opened),
            (Run::List { tag, command }, StoreReply::Mailboxes(entries)) => {
                self.on_list(tag, &command, &entries);
            }
            (Run::Lsub { tag, pattern }, StoreReply::Mailboxes(entries)) => {
                self.on_lsub(&tag, &pattern, &entries);
            }
            (Run::ListStatus(list), StoreReply::Status(status)) => {
                self.on_list_status(list, Some(&status));
            }
            (Run::Status { tag, mailbox, items }, StoreReply::Status(status)) => {
                self.write_status(&mailbox, &items, &status);
                self.finish_ok(&tag, "STATUS completed");
            }
            (Run::Simple { tag, done }, StoreReply::Done) => self.finish_ok(&tag, done),
            (Run::Delete { tag, mailbox }, StoreReply::Done) => self.on_deleted(&tag, &mailbox),
            (Run::Expunge { tag }, StoreReply::Done) => {
                let status = StatusText::new(Status::Ok, "EXPUNGE completed");
                self.look(Then::Finish { tag, status }, Expunges::Told);
            }
            (Run::Close { tag }, StoreReply::Done) => self.unselect(&tag, "CLOSE completed"),
            (Run::Fetch(fetch), StoreReply::Messages(messages)) => {
                self.on_messages(fetch, messages);
            }
            (Run::Fetch(fetch), StoreReply::Stored { messages, .. }) => {
                self.on_seen(fetch, messages);
            }
            (Run::StoreFlags(store), StoreReply::Stored { messages, modified }) => {
                self.on_flags_stored(store, &messages, modified);
            }
            (Run::Search(search), StoreReply::Found(found)) => self.on_found(&search, &found),
            (Run::Copy(copy), StoreReply::Copied { uid_validity, uids }) => {
                self.on_copied(copy, uid_validity, &uids);
            }
            (run, _) => {
                // The store answers each request with the reply that belongs to
                // it; what else it may say is a fault of the server.
                self.on_failure(run, &crate::imap::store::StoreError::Unavailable);
            }
        }
    }

    fn on_failure(&mut self, run: Run, error: &crate::imap::store::StoreError) {
        use crate::imap::store::StoreError;
        if let Run::ListStatus(list) = run {
            // A mailbox that went meanwhile has no status (RFC 5819 §2).
            self.on_list_status(list, None);
            return;
        }
        if let Run::Search(search) = &run {
            // A search that failed saved nothing (RFC 9051 §6.4.4.1).
            self.forget_saved(search);
        }
        let is_open_mailbox = !matches!(run, Run::Copy(_) | Run::Select(_));
        if *error == StoreError::Gone && is_open_mailbox {
            let text = "the selected mailbox was deleted";
            self.farewell(StatusText::new(Status::Bye, text));
            return;
        }
        let (tag, missing) = run.blame();
        let status = of_store(error, missing);
        match &run {
            // Looking again would fail again.
            Run::Look { .. } => self.end(tag, &status),
            _ => self.finish(tag.to_owned(), status, run.expunges()),
        }
    }
}
