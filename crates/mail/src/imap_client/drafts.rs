//! Messages that are still being written, kept on the server (RFC 6154 §2).

use std::num::NonZeroU32;

use bytes::Bytes;
use capa7_mail_proto::imap::client::ClientCommand;
use capa7_mail_proto::imap::command::Access;
use capa7_mail_proto::imap::search::SearchKey;
use capa7_mail_proto::imap::sequence::SequenceSet;
use capa7_mail_proto::mailbox::{Flag, SpecialUse, Uid};
use capa7_net::Cause;

use super::{ImapConnection, ImapError};

impl ImapConnection {
    /// The mailbox for a use, made when there is none.
    ///
    /// # Errors
    /// As [`ImapConnection::run`].
    pub async fn mailbox_for(
        &mut self,
        usage: SpecialUse,
        cause: Cause,
    ) -> Result<String, ImapError> {
        let folders = self.folders(cause).await?;
        if let Some(found) = folders.into_iter().find(|folder| folder.special_use == Some(usage)) {
            return Ok(found.name);
        }
        let mailbox = usage.attribute().trim_start_matches('\\').to_owned();
        let special = self.machine().can("CREATE-SPECIAL-USE").then_some(usage);
        let create = ClientCommand::Create { mailbox: mailbox.clone(), special_use: special };
        self.run(create, cause).await?;
        Ok(mailbox)
    }

    /// Keeps a draft in place of the one before, which goes when the new one is
    /// there; the mailbox, and the draft's UID. `message_id` is the draft's own.
    ///
    /// # Errors
    /// As [`ImapConnection::run`].
    pub async fn keep_draft(
        &mut self,
        message: Bytes,
        message_id: &str,
        before: Option<NonZeroU32>,
        cause: Cause,
    ) -> Result<(String, Option<Uid>), ImapError> {
        let drafts = self.mailbox_for(SpecialUse::Drafts, cause).await?;
        let flags = vec![Flag::system("\\Draft"), Flag::system("\\Seen")];
        let mut uid = self.append(&drafts, flags, message, cause).await?;
        if uid.is_none() || before.is_some() {
            self.select(&drafts, Access::ReadWrite, cause).await?;
        }
        if uid.is_none() {
            // A server without UIDPLUS does not tell its number (RFC 4315 §3).
            let key = SearchKey::Header("Message-ID".to_owned(), message_id.to_owned());
            self.run(ClientCommand::Noop, cause).await?;
            uid = self.search(key, cause).await?.last().copied();
        }
        if let Some(before) = before {
            self.remove(SequenceSet::of([before]), cause).await?;
        }
        Ok((drafts, uid))
    }

    /// Removes a draft, which was sent.
    ///
    /// # Errors
    /// As [`ImapConnection::run`].
    pub async fn remove_draft(&mut self, draft: NonZeroU32, cause: Cause) -> Result<(), ImapError> {
        let drafts = self.mailbox_for(SpecialUse::Drafts, cause).await?;
        self.select(&drafts, Access::ReadWrite, cause).await?;
        self.remove(SequenceSet::of([draft]), cause).await
    }
}
