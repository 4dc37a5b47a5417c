//! Messages as people read them: a user agent asks the server that keeps the
//! mailbox (course M10).

use std::net::SocketAddr;
use std::num::NonZeroU32;

use capa7_dissect::Cause;
use capa7_mail::imap_client::{ImapConnection, ImapError, ImapSettings};
use capa7_mail_proto::imap::client::ClientCommand;
use capa7_mail_proto::imap::command::{Access, FlagChange};
use capa7_mail_proto::imap::fetch::{FetchItemName, Section, Seen};
use capa7_mail_proto::imap::response::FetchItem;
use capa7_mail_proto::imap::search::SearchKey;
use capa7_mail_proto::imap::sequence::SequenceSet;
use capa7_mail_proto::mailbox::{Flag, Uid};
use capa7_mail_proto::message::{decode, fields};
use capa7_mail_proto::sasl::Password;
use capa7_net::Host;

use super::action::called;
use super::{Lab, LabError, Outcome};
use crate::scenario::{Read, ReadProtocol, Then};
use crate::text::Bilingual;

mod pop3;

impl Lab {
    /// A person reads messages of a folder over IMAP, or downloads those of the
    /// inbox over POP3; what came of it are their subjects.
    pub(super) async fn read_letters(&self, read: &Read) -> Result<(Cause, Outcome), LabError> {
        let (described, host) = self.host(read.by.get_ref())?;
        let (own, server) = self.mailbox_of(read.by.get_ref())?;
        let (who, folder) = (called(described), read.folder.get_ref());
        let text = match read.over {
            ReadProtocol::Imap => Bilingual::new(
                format!("{who} reads the mail in {folder}"),
                format!("{who} lee el correo de {folder}"),
            ),
            ReadProtocol::Pop3 => Bilingual::new(
                format!("{who} downloads the mail by POP"),
                format!("{who} descarga el correo por POP"),
            ),
        };
        let event = self.note_action(&host, text);
        let password = Password::new(own.local());
        let password = password.map_err(|error| LabError::Bad(error.to_string()))?;
        let found = self.address_of(described, &host, &server.public_name, event).await?;
        let (address, cause) = match found {
            Ok(found) => found,
            Err(problem) => return Ok((event, Outcome::failed(problem))),
        };
        let user = own.to_string();
        let lines = match read.over {
            ReadProtocol::Imap => {
                let at = SocketAddr::new(address, IMAP_PORT);
                let done = session(&host, at, &user, &password, read, cause).await;
                done.map_err(|error| error.to_string())
            }
            ReadProtocol::Pop3 => {
                let at = SocketAddr::new(address, pop3::POP3_PORT);
                let done = pop3::session(&host, at, &user, &password, read, cause).await;
                done.map_err(|error| error.to_string())
            }
        };
        Ok((event, lines.map_or_else(Outcome::failed, |lines| Outcome::Lines { lines })))
    }
}

/// One connection, from its greeting to its farewell.
async fn session(
    host: &Host,
    at: SocketAddr,
    user: &str,
    password: &Password,
    read: &Read,
    cause: Cause,
) -> Result<Vec<String>, ImapError> {
    let mut imap = ImapConnection::open(host, at, &ImapSettings::default(), cause).await?;
    imap.log_in(user, password, imap.cause()).await?;
    imap.select(read.folder.get_ref(), Access::ReadWrite, imap.cause()).await?;
    let found = found(host, &mut imap, read).await?;
    let uids = found.into_iter().take(MESSAGES_MAX).map(|Uid(uid)| uid);
    let uids: Vec<NonZeroU32> = uids.collect();
    let mut lines = Vec::new();
    if !uids.is_empty() {
        let uids = SequenceSet::of(uids);
        let whole =
            FetchItemName::Section { section: Section::default(), partial: None, seen: Seen::Set };
        let rows = imap.fetch(uids.clone(), vec![whole], imap.cause()).await?;
        lines.extend(rows.iter().filter_map(|items| subject(items)));
        after(&mut imap, &uids, &read.then).await?;
    }
    let cause = imap.cause();
    imap.log_out(cause).await;
    Ok(lines)
}

/// The messages that are meant; where there are none yet, what the server says
/// of new ones is waited for.
async fn found(host: &Host, imap: &mut ImapConnection, read: &Read) -> Result<Vec<Uid>, ImapError> {
    let key = || match &read.subject {
        Some(subject) => SearchKey::Header("Subject".to_owned(), subject.clone()),
        None => SearchKey::All,
    };
    let until = read.wait.as_ref().map(|wait| host.now() + wait.get_ref().0);
    let mut cause = imap.cause();
    loop {
        let before = exists(imap);
        let found = imap.search(key(), cause).await?;
        let now = host.now();
        let Some(until) = until.filter(|until| found.is_empty() && *until > now) else {
            return Ok(found);
        };
        // The search was too early for a message that its answer tells of;
        // IDLE would not tell of it again.
        if exists(imap) != before {
            cause = imap.cause();
            continue;
        }
        let news = imap.idle(until.since(now), imap.cause()).await?;
        // What is read now is read because the server told of it.
        cause = news.last().map_or_else(|| imap.cause(), |(_, cause)| *cause);
    }
}

/// How many messages the server has told of so far.
fn exists(imap: &ImapConnection) -> Option<u32> {
    imap.machine().mailbox().map(|mailbox| mailbox.exists())
}

/// What becomes of messages that were read.
async fn after(
    imap: &mut ImapConnection,
    uids: &SequenceSet,
    then: &Then,
) -> Result<(), ImapError> {
    if let Some(flag) = &then.flag
        && let Ok(flag) = Flag::parse(flag.get_ref())
    {
        let change = FlagChange::Add(vec![flag]);
        imap.store(uids.clone(), change, imap.cause()).await?;
    }
    if let Some(folder) = &then.to {
        let create = ClientCommand::Create { mailbox: folder.get_ref().clone(), special_use: None };
        match imap.run(create, imap.cause()).await {
            // It is there already, or the move will say what is wrong.
            Ok(_) | Err(ImapError::Refused(_)) => {}
            Err(error) => return Err(error),
        }
        imap.move_to(uids.clone(), folder.get_ref(), imap.cause()).await?;
    }
    if then.delete {
        imap.remove(uids.clone(), imap.cause()).await?;
    }
    Ok(())
}

fn subject(items: &[FetchItem]) -> Option<String> {
    let message = items.iter().find_map(|item| match item {
        FetchItem::Section { text, .. } => text.as_deref(),
        _ => None,
    })?;
    Some(subject_of(message))
}

fn subject_of(message: &[u8]) -> String {
    fields::first(message, "Subject").map(decode::header_text).unwrap_or_default()
}

/// Where IMAP begins in clear (RFC 9051 §2.1).
pub(super) const IMAP_PORT: u16 = 143;
/// Messages read at once.
const MESSAGES_MAX: usize = 1_000;

#[cfg(test)]
mod tests;
