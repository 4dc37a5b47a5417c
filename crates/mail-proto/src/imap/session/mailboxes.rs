//! `STATUS`, and the commands that change mailboxes (RFC 9051 §6.3).

use super::Session;
use super::run::Run;
use crate::imap::command::{Command, StatusItem};
use crate::imap::response::{Code, Status, StatusText};
use crate::imap::store::{MailboxStatus, StoreRequest};
use crate::mailbox::MailboxName;

impl Session {
    pub(super) fn status(&mut self, tag: String, mailbox: MailboxName, items: Vec<StatusItem>) {
        // RFC 7162 §3.1.7: asking for the modseq enables CONDSTORE.
        self.dialect.condstore |= items.contains(&StatusItem::HighestModSeq);
        let request = StoreRequest::Status(mailbox.clone());
        self.ask(request, Run::Status { tag, mailbox, items });
    }

    pub(super) fn write_status(
        &mut self,
        mailbox: &MailboxName,
        items: &[StatusItem],
        status: &MailboxStatus,
    ) {
        let limit = self.config.append_octets_max;
        let value = |item: StatusItem| match item {
            StatusItem::Messages => u64::from(status.messages),
            // No message is recent to anybody (RFC 9051 §2.3.2).
            StatusItem::Recent => 0,
            StatusItem::UidNext => u64::from(status.uid_next.0.get()),
            StatusItem::UidValidity => u64::from(status.uid_validity.0.get()),
            StatusItem::Unseen => u64::from(status.unseen),
            StatusItem::Deleted => u64::from(status.deleted),
            StatusItem::Size => status.size,
            StatusItem::HighestModSeq => status.highest_mod_seq.0,
            StatusItem::AppendLimit => limit,
        };
        let values: Vec<_> = items.iter().map(|item| (*item, value(*item))).collect();
        self.out.writer().mailbox_status(mailbox.as_str(), &values);
    }

    pub(super) fn change_mailboxes(&mut self, tag: String, command: Command) {
        let (request, done) = match command {
            Command::Create { special_use, .. } if special_use.len() > 1 => {
                // One use per mailbox (RFC 6154 §3 lets the server choose).
                let text = "a mailbox has one use here";
                self.refuse(Some(&tag), &StatusText::with_code(Status::No, Code::UseAttr, text));
                return;
            }
            Command::Create { mailbox, special_use } => {
                let special_use = special_use.first().copied();
                (StoreRequest::Create { mailbox, special_use }, "CREATE completed")
            }
            Command::Delete(mailbox) => {
                let request = StoreRequest::Delete(mailbox.clone());
                self.ask(request, Run::Delete { tag, mailbox });
                return;
            }
            Command::Rename { from, to } => (StoreRequest::Rename { from, to }, "RENAME completed"),
            Command::Subscribe(mailbox) => {
                (StoreRequest::Subscribe(mailbox), "SUBSCRIBE completed")
            }
            Command::Unsubscribe(mailbox) => {
                (StoreRequest::Unsubscribe(mailbox), "UNSUBSCRIBE completed")
            }
            // Every other command was begun elsewhere.
            _ => {
                let bad = StatusText::new(Status::Bad, "this command is not for this state");
                self.refuse(Some(&tag), &bad);
                return;
            }
        };
        self.ask(request, Run::Simple { tag, done });
    }
}
