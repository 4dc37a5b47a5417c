//! What is fetched of many messages of which one may not be readable: the others
//! are.
//!
//! ```text
//!   all in one command ── all told ──▶ done
//!        │ some are not
//!        NOOP: what is gone is told (RFC 2180 §4.1.2), then all of these again
//!        │ refused
//!        each half by itself, and the halves of a half … ──▶ who is refused alone
//!
//!   the connection ends ── what was told counts ──▶ the next one alone, then the rest
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
    /// What is wanted, in a word.
    pub(crate) what: &'static str,
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
    let broken = ask.session.broken(wanted, ask.gateway.host.now());
    let sound = wanted.uids.iter().filter(|uid| !broken.contains_key(uid));
    let mut waiting = vec![sound.copied().collect::<Vec<_>>()];
    fetched.untold = broken;
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
            // Some servers end the connection over a message that they cannot read:
            // the first of those that they have not told of.
            Err(error) => {
                renewals += 1;
                fetched.take(imap.fetched_before_the_end());
                imap.renew(&ask.gateway, wanted.folder, cause).await?;
                let (missing, words) = (fetched.missing(&some, wanted.is_whole), words_of(&error));
                match missing.split_first() {
                    None => {}
                    // The first time it may be the connection.
                    Some(_) if renewals == 1 => waiting.push(missing),
                    Some(_) if renewals == RENEWALS_MAX => {
                        waiting.push(missing);
                        let all = waiting.drain(..).flatten();
                        fetched.untold.extend(all.map(|uid| (uid, words.clone())));
                    }
                    Some((uid, [])) => {
                        let now = ask.gateway.host.now();
                        ask.session.is_broken(wanted, *uid, words.clone(), now);
                        fetched.untold.insert(*uid, words);
                    }
                    Some((suspect, rest)) => waiting.extend([rest.to_vec(), vec![*suspect]]),
                }
                continue;
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

/// What the server said, or what it did.
fn words_of(error: &ImapError) -> String {
    match error {
        ImapError::Refused(status) | ImapError::Farewell(status) => status.text.clone(),
        error => error.to_string(),
    }
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
/// Connections that one list may cost: two for each message over which one ends. Of
/// more messages the next list tells.
const RENEWALS_MAX: usize = 40;
