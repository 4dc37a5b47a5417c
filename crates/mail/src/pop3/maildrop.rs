//! The inbox as POP3 sees it: numbered once, read in pieces, emptied at the end.
//! All functions here wait for the disk.

use std::sync::Arc;

use capa7_mail_proto::mailbox::{MailboxName, Uid};
use capa7_mail_proto::pop3::server::{Listed, OpenRefusal};

use crate::store::{Account, MailboxId, MaildropLock, MessageReader, Store, StoreError, Which};
use crate::users::AccountName;

/// One session's hold on the inbox; nobody else has it by POP3 meanwhile
/// (RFC 1939 §4).
#[derive(Debug)]
pub(super) struct Maildrop {
    account: Arc<Account>,
    mailbox: MailboxId,
    uids: Vec<Uid>,
    _lock: MaildropLock,
}

impl Maildrop {
    /// Opens the inbox and lists what is in it.
    pub(super) fn open(
        store: &Store,
        name: &AccountName,
    ) -> Result<(Self, Vec<Listed>), OpenRefusal> {
        let account = store.account(name).map_err(unavailable)?;
        let lock = account.lock_maildrop().ok_or(OpenRefusal::InUse)?;
        let inbox = account.mailbox(&MailboxName::inbox()).map_err(unavailable)?;
        let rows = account.rows(inbox.id, 1..=u32::MAX, LISTED_MAX).map_err(unavailable)?;
        // RFC 1939 §7: a name that no other message of the maildrop ever gets.
        let listed = |uid: Uid, size| Listed {
            size,
            unique_id: format!("{}.{}", inbox.uid_validity.get(), uid.get()),
        };
        let messages = rows.iter().map(|row| listed(row.uid, row.size)).collect();
        let uids = rows.iter().map(|row| row.uid).collect();
        Ok((Self { account, mailbox: inbox.id, uids, _lock: lock }, messages))
    }

    /// A message, by its place in the list.
    pub(super) fn message(&self, index: usize) -> Result<MessageReader, StoreError> {
        let uid = self.uids.get(index).ok_or(StoreError::NoMailbox)?;
        self.account.open_message(self.mailbox, *uid)
    }

    /// Removes messages; those that are gone.
    pub(super) fn remove(&self, indices: &[usize]) -> Result<Vec<Uid>, StoreError> {
        if indices.is_empty() {
            return Ok(Vec::new());
        }
        let uids = indices.iter().filter_map(|index| self.uids.get(*index)).copied().collect();
        Ok(self.account.expunge(self.mailbox, Which::Among(uids))?.uids)
    }

    pub(super) const fn account(&self) -> &Arc<Account> {
        &self.account
    }
}

fn unavailable(error: StoreError) -> OpenRefusal {
    tracing::error!(%error, "a maildrop cannot be opened");
    OpenRefusal::Unavailable
}

/// Messages that one session sees; the others come when these are gone.
const LISTED_MAX: usize = 100_000;
