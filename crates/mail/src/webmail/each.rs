//! What is fetched of many messages of which one may not be readable: the others
//! are.
//!
//! ```text
//!   all in one command ── all told ──▶ done
//!        │ some are not
//!        NOOP: what is gone is told (RFC 2180 §4.1.2), then all of these again
//!        │ refused
//!        each half by itself, and the halves of a half … ──▶ who is refused alone
//! ```

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use capa7_mail_proto::imap::client::ClientCommand;
use capa7_mail_proto::imap::fetch::FetchItemName;
use capa7_mail_proto::imap::response::{FetchItem, Status};
use capa7_mail_proto::imap::search::SearchKey;
use capa7_mail_proto::imap::sequence::{MessageSet, SequenceSet};
use capa7_net::Cause;

use super::content::uid;
use super::problem::Problem;
use super::route::Ask;
use super::session::Lease;
use crate::imap_client::{ImapConnection, ImapError};

/// What is wanted of each message.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'w> {
    /// The folder, which is selected.
    pub(crate) folder: &'w str,
    pub(crate) uids: &'w [NonZeroU32],
    /// How some of them are named.
    pub(crate) set: &'w (dyn Fn(&[NonZeroU32]) -> SequenceSet + Sync),
    pub(crate) items: &'w [FetchItemName],
    /// Whether what was told of a message is what was asked for.
    pub(crate) is_whole: fn(&[FetchItem]) -> bool,
}

/// What was told.
#[derive(Debug, Default)]
pub(crate) struct Fetched {
    /// Of each message all that was told, whole or not.
    pub(crate) rows: BTreeMap<NonZeroU32, Vec<FetchItem>>,
    /// What the server says of those that it does not tell; nothing, when it says
    /// that all is well.
    pub(crate) untold: BTreeMap<NonZeroU32, String>,
}

/// Fetches items of messages, whatever is wrong with some of them.
pub(crate) async fn each(
    ask: &Ask,
    imap: &mut Lease,
    wanted: Wanted<'_>,
) -> Result<Fetched, Problem> {
    let cause = ask.cause();
    let mut fetched = Fetched::default();
    let mut waiting = vec![wanted.uids.to_vec()];
    let (mut commands, mut renewals, mut is_new) = (0, 0, true);
    while let Some(some) = waiting.pop() {
        if some.is_empty() {
            continue;
        }
        commands += 1;
        let command = (wanted.set)(&some);
        let words = match imap.fetch_told(command, wanted.items.to_vec(), cause).await {
            Ok((rows, status)) => {
                fetched.take(rows);
                (status.status != Status::Ok).then_some(status.text)
            }
            // Each message would cost as much time again.
            Err(ImapError::TimedOut) => return Err(ImapError::TimedOut.into()),
            Err(error) if renewals == RENEWALS_MAX => return Err(error.into()),
            // Some servers end the connection over a message that they cannot read.
            Err(error) => {
                renewals += 1;
                imap.renew(&ask.gateway, wanted.folder, cause).await?;
                Some(error.to_string())
            }
        };
        let missing = fetched.missing(&some, wanted.is_whole);
        if missing.is_empty() {
            continue;
        }
        if std::mem::take(&mut is_new) {
            imap.run(ClientCommand::Noop, cause).await?;
            waiting.push(missing);
        } else if let Some(words) = words.as_ref().filter(|_| missing.len() > 1)
            && commands < COMMANDS_MAX
        {
            tracing::debug!(count = missing.len(), %words, "messages are asked for by halves");
            let (first, second) = missing.split_at(missing.len() / 2);
            waiting.extend([second.to_vec(), first.to_vec()]);
        } else {
            let words = words.unwrap_or_default();
            fetched.untold.extend(missing.into_iter().map(|uid| (uid, words.clone())));
        }
    }
    Ok(fetched)
}

impl Fetched {
    /// Flags that change may be told in a response of their own, and so may
    /// anything else (RFC 9051 §7.5.2).
    fn take(&mut self, rows: Vec<Vec<FetchItem>>) {
        for row in rows {
            if let Some(uid) = uid(&row) {
                self.rows.entry(uid).or_default().extend(row);
            }
        }
    }

    fn missing(&self, of: &[NonZeroU32], is_whole: fn(&[FetchItem]) -> bool) -> Vec<NonZeroU32> {
        let is_here = |uid: &NonZeroU32| self.rows.get(uid).is_some_and(|row| is_whole(row));
        of.iter().filter(|uid| !is_here(uid)).copied().collect()
    }

    /// Forgets of what is not told what is not there any more.
    pub(crate) async fn forget_gone(
        &mut self,
        imap: &mut Lease,
        cause: Cause,
    ) -> Result<(), Problem> {
        if self.untold.is_empty() {
            return Ok(());
        }
        let there = exist(imap, self.untold.keys().copied(), cause).await?;
        self.untold.retain(|uid, _| there.contains(uid));
        Ok(())
    }
}

/// Which of these messages are in the selected folder.
pub(crate) async fn exist(
    imap: &mut ImapConnection,
    uids: impl IntoIterator<Item = NonZeroU32>,
    cause: Cause,
) -> Result<Vec<NonZeroU32>, Problem> {
    let key = SearchKey::Uids(MessageSet::Numbers(SequenceSet::of(uids)));
    let found = imap.search(key, cause).await?;
    Ok(found.into_iter().map(|uid| uid.0).collect())
}

/// Commands for one list; what is not told within these counts as not readable.
const COMMANDS_MAX: usize = 128;
/// Connections that one list may cost: seven halvings find one message of a
/// hundred.
const RENEWALS_MAX: usize = 10;
