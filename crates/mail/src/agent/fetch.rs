//! The reading side: messages of a mailbox found, read, moved and removed, by
//! IMAP or by POP3.
//!
//! ```text
//!   what is wanted ──▶ find ──▶ entries ──▶ read · move · remove ──▶ close
//! ```

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use capa7_mail_proto::imap::client::ClientCommand;
use capa7_mail_proto::imap::command::Access;
use capa7_mail_proto::imap::fetch::{FetchItemName, Section, SectionText, Seen};
use capa7_mail_proto::imap::response::{Code, FetchItem};
use capa7_mail_proto::imap::sequence::SequenceSet;
use capa7_mail_proto::mailbox::Uid;
use capa7_mail_proto::pop3::server::ClearPasswords;
use capa7_mail_proto::sasl::Password;
use capa7_net::{Cause, Host};

use super::show::{Summary, summary};
use super::wanted::Wanted;
use crate::imap_client::{Folder, ImapConnection, ImapError, ImapSettings};
use crate::pop3_client::{Pop3Connection, Pop3Error, Pop3Settings};
use crate::smtp::connection::TlsUse;

/// Whose mailbox, where.
#[derive(Clone, Debug)]
pub struct FetchRequest {
    /// The server.
    pub server: SocketAddr,
    /// By which protocol.
    pub protocol: FetchProtocol,
    /// How long the server may take to accept the connection, and for its
    /// handshake where TLS begins with the first byte.
    pub connect_time: Duration,
    /// Whether and how TLS is used. Never: the password may be told in clear.
    pub tls: TlsUse,
    /// The user.
    pub user: String,
    /// The password.
    pub password: Password,
}

/// How messages are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchProtocol {
    /// RFC 9051: all folders, searched by the server.
    Imap,
    /// RFC 1939: the inbox.
    Pop3,
}

/// Why nothing came of it.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// IMAP.
    #[error(transparent)]
    Imap(#[from] ImapError),
    /// POP3.
    #[error(transparent)]
    Pop3(#[from] Pop3Error),
    /// The protocol has no word for it.
    #[error("{0}: use IMAP")]
    OnlyImap(&'static str),
    /// The message is not there any more.
    #[error("message {0} is gone")]
    Gone(u32),
}

impl FetchError {
    /// Whether the server understood and said no.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        match self {
            Self::Imap(error) => error.is_refusal(),
            Self::Pop3(error) => error.is_refusal(),
            Self::OnlyImap(_) => false,
            Self::Gone(_) => true,
        }
    }

    /// Whether nobody was there to speak with, so that another address may do.
    #[must_use]
    pub const fn is_unreachable(&self) -> bool {
        matches!(
            self,
            Self::Imap(ImapError::Io(_) | ImapError::TimedOut)
                | Self::Pop3(Pop3Error::Io(_) | Pop3Error::TimedOut)
        )
    }
}

/// A message that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its identifier; by POP3 its number in this session.
    pub id: u32,
    /// What it is called for good: no other message of the account is.
    pub name: String,
    /// Its flags, by IMAP.
    pub flags: Vec<String>,
    /// When it arrived, in seconds since 1970; by POP3 nobody knows.
    pub received: Option<i64>,
    /// Its header in short; `bytes` is the size that the server told.
    pub summary: Summary,
}

/// A mailbox that is open.
#[derive(Debug)]
pub enum Reader {
    /// A folder of IMAP.
    Imap(Box<ImapConnection>),
    /// The inbox by POP3.
    Pop3(Box<Pop3Connection>),
}

impl Reader {
    /// Connects and logs in; a folder is selected by [`Reader::select`].
    ///
    /// # Errors
    /// When the server cannot be reached or does not accept the log-in.
    pub async fn open(host: &Host, request: &FetchRequest) -> Result<Self, FetchError> {
        let FetchRequest { server, protocol, connect_time, tls, user, password } = request;
        let connect_time = *connect_time;
        match protocol {
            FetchProtocol::Imap => {
                let tls = tls.clone();
                let settings = ImapSettings { tls, connect_time, ..ImapSettings::default() };
                let mut imap = ImapConnection::open(host, *server, &settings, Cause::NONE).await?;
                imap.log_in(user, password, imap.cause()).await?;
                Ok(Self::Imap(Box::new(imap)))
            }
            FetchProtocol::Pop3 => {
                let passwords = match tls {
                    TlsUse::Never => ClearPasswords::Allowed,
                    _ => ClearPasswords::Refused,
                };
                let tls = tls.clone();
                let base = Pop3Settings { tls, passwords, ..Pop3Settings::default() };
                let settings = Pop3Settings { connect_time, ..base };
                let opened =
                    Pop3Connection::open(host, *server, &settings, user, password, Cause::NONE);
                Ok(Self::Pop3(Box::new(opened.await?)))
            }
        }
    }

    /// All folders of the account.
    ///
    /// # Errors
    /// By POP3 always; when the server fails.
    pub async fn folders(&mut self) -> Result<Vec<Folder>, FetchError> {
        let imap = self.imap("POP3 has no folders")?;
        let cause = imap.cause();
        Ok(imap.folders(cause).await?)
    }

    /// Chooses a folder, `INBOX` by POP3.
    ///
    /// # Errors
    /// When there is none of that name.
    pub async fn select(&mut self, folder: &str, access: Access) -> Result<(), FetchError> {
        match self {
            Self::Imap(imap) => {
                let cause = imap.cause();
                Ok(imap.select(folder, access, cause).await?)
            }
            Self::Pop3(_) if folder.eq_ignore_ascii_case("INBOX") => Ok(()),
            Self::Pop3(_) => Err(FetchError::OnlyImap("POP3 has no folders")),
        }
    }

    /// The messages that are wanted, the last `most` of them, oldest first.
    ///
    /// # Errors
    /// When the server fails, or the protocol cannot search for that.
    pub async fn find(&mut self, wanted: &Wanted, most: usize) -> Result<Vec<Entry>, FetchError> {
        match self {
            Self::Imap(imap) => find_by_imap(imap, wanted, most).await,
            Self::Pop3(pop3) => match wanted.needs_search() {
                Some(problem) => Err(FetchError::OnlyImap(problem)),
                None => find_by_pop3(pop3, wanted, most).await,
            },
        }
    }

    /// Waits until a wanted message is there, or for `limit`; what there is
    /// then (RFC 9051 §6.3.13).
    ///
    /// # Errors
    /// As [`Reader::find`]; by POP3 always.
    pub async fn wait(
        &mut self,
        host: &Host,
        wanted: &Wanted,
        most: usize,
        limit: Duration,
    ) -> Result<Vec<Entry>, FetchError> {
        let until = host.now() + limit;
        loop {
            let before = self.exists();
            let found = self.find(wanted, most).await?;
            let left = until.since(host.now());
            if !found.is_empty() || left.is_zero() {
                return Ok(found);
            }
            // A message that the search was too early for is told with its
            // answer, and not again by IDLE.
            if self.exists() != before {
                continue;
            }
            let imap = self.imap("a POP3 server tells nothing by itself")?;
            let cause = imap.cause();
            imap.idle(left.min(IDLE), cause).await?;
        }
    }

    /// A whole message. By IMAP `seen` says whether it counts as read then.
    ///
    /// # Errors
    /// When it is gone, or the server fails.
    pub async fn read(&mut self, id: u32, seen: Seen) -> Result<Vec<u8>, FetchError> {
        match self {
            Self::Imap(imap) => {
                let section = Section::default();
                let whole = FetchItemName::Section { section, partial: None, seen };
                let uid = NonZeroU32::new(id).ok_or(FetchError::Gone(id))?;
                let cause = imap.cause();
                let rows = imap.fetch(SequenceSet::of([uid]), vec![whole], cause).await?;
                let mut of_it = rows.into_iter().filter(|row| uid_of(row) == Some(Uid(uid)));
                let items = of_it.next().ok_or(FetchError::Gone(id))?;
                let message = items.into_iter().find_map(|item| match item {
                    FetchItem::Section { text, .. } => text,
                    _ => None,
                });
                message.map(|text| text.to_vec()).ok_or(FetchError::Gone(id))
            }
            Self::Pop3(pop3) => {
                let cause = pop3.cause();
                Ok(pop3.retrieve(id, cause).await?)
            }
        }
    }

    /// Removes messages for good; by POP3 they go when [`Reader::close`] is
    /// confirmed.
    ///
    /// # Errors
    /// When the server says no or fails.
    pub async fn remove(&mut self, ids: &[u32]) -> Result<(), FetchError> {
        match self {
            Self::Imap(imap) => {
                let cause = imap.cause();
                Ok(imap.remove(set(ids), cause).await?)
            }
            Self::Pop3(pop3) => {
                for id in ids {
                    let cause = pop3.cause();
                    pop3.delete(*id, cause).await?;
                }
                Ok(())
            }
        }
    }

    /// Moves messages to another folder, which is made where it is not there
    /// (`TRYCREATE`, RFC 9051 §6.4.7).
    ///
    /// # Errors
    /// By POP3 always; when the server says no or fails.
    pub async fn move_to(&mut self, ids: &[u32], folder: &str) -> Result<(), FetchError> {
        let imap = self.imap("POP3 has no folders")?;
        let cause = imap.cause();
        let moved = imap.move_to(set(ids), folder, cause).await;
        match moved {
            Err(ImapError::Refused(status)) if status.code == Some(Code::TryCreate) => {
                let create =
                    ClientCommand::Create { mailbox: folder.to_owned(), special_use: None };
                let cause = imap.cause();
                imap.run(create, cause).await?;
                let cause = imap.cause();
                imap.move_to(set(ids), folder, cause).await?;
                Ok(())
            }
            other => {
                other?;
                Ok(())
            }
        }
    }

    /// Says goodbye.
    ///
    /// # Errors
    /// By POP3, when the server does not confirm that removed messages are gone.
    pub async fn close(self) -> Result<(), FetchError> {
        match self {
            Self::Imap(imap) => {
                let cause = imap.cause();
                imap.log_out(cause).await;
                Ok(())
            }
            Self::Pop3(pop3) => {
                let cause = pop3.cause();
                Ok(pop3.quit(cause).await?)
            }
        }
    }

    /// How many messages the server has told of so far.
    fn exists(&self) -> Option<u32> {
        match self {
            Self::Imap(imap) => imap.machine().mailbox().map(|mailbox| mailbox.exists()),
            Self::Pop3(_) => None,
        }
    }

    const fn imap(&mut self, why: &'static str) -> Result<&mut ImapConnection, FetchError> {
        match self {
            Self::Imap(imap) => Ok(imap),
            Self::Pop3(_) => Err(FetchError::OnlyImap(why)),
        }
    }
}

async fn find_by_imap(
    imap: &mut ImapConnection,
    wanted: &Wanted,
    most: usize,
) -> Result<Vec<Entry>, FetchError> {
    let cause = imap.cause();
    let mut found = imap.search(wanted.key(), cause).await?;
    let found = found.split_off(found.len().saturating_sub(most));
    let mut entries = Vec::with_capacity(found.len());
    for some in found.chunks(ROWS_AT_ONCE) {
        let names = ["From", "To", "Subject", "Date", "Message-ID"];
        let names = names.iter().map(|name| name.as_bytes().to_vec()).collect();
        let section = Section { part: Vec::new(), text: SectionText::HeaderFields(names) };
        let items = vec![
            FetchItemName::Uid,
            FetchItemName::Flags,
            FetchItemName::Size,
            FetchItemName::InternalDate,
            FetchItemName::Section { section, partial: None, seen: Seen::Kept },
        ];
        let uids = SequenceSet::of(some.iter().map(|Uid(uid)| *uid));
        let cause = imap.cause();
        let rows = imap.fetch(uids, items, cause).await?;
        let mailbox = imap.machine().mailbox();
        let validity = mailbox.and_then(|of| of.validity()).map_or(0, |of| of.0.get());
        let folder = mailbox.map_or("", |of| of.name());
        // What others changed meanwhile comes too, without a header.
        let mut told: Vec<Entry> =
            rows.iter().filter_map(|row| entry(row, folder, validity)).collect();
        told.retain(|entry| some.iter().any(|Uid(uid)| uid.get() == entry.id));
        told.sort_by_key(|entry| entry.id);
        told.dedup_by_key(|entry| entry.id);
        entries.extend(told);
    }
    Ok(entries)
}

fn entry(row: &[FetchItem], folder: &str, validity: u32) -> Option<Entry> {
    let id = uid_of(row)?.0.get();
    let header = row.iter().find_map(|item| match item {
        FetchItem::Section { text, .. } => text.as_deref(),
        _ => None,
    })?;
    let (mut flags, mut received, mut summary) = (Vec::new(), None, summary(header));
    for item in row {
        match item {
            FetchItem::Flags(of) => flags.clone_from(of),
            FetchItem::InternalDate(date) => received = Some(date.0),
            FetchItem::Size(size) => summary.bytes = usize::try_from(*size).unwrap_or(usize::MAX),
            _ => {}
        }
    }
    Some(Entry { id, name: format!("{folder}-{validity}-{id}"), flags, received, summary })
}

async fn find_by_pop3(
    pop3: &mut Pop3Connection,
    wanted: &Wanted,
    most: usize,
) -> Result<Vec<Entry>, FetchError> {
    let cause = pop3.cause();
    let listing = pop3.list(cause).await?;
    let mut entries = Vec::new();
    // The last ones first: where they are enough, no other header is asked for.
    for remote in listing.into_iter().rev() {
        if entries.len() >= most {
            break;
        }
        if !(wanted.ids.is_empty() || wanted.ids.contains(&remote.number)) {
            continue;
        }
        let cause = pop3.cause();
        let header = match pop3.top(remote.number, 0, cause).await {
            // RFC 1939 §7: TOP is optional.
            Err(error) if error.is_refusal() => pop3.retrieve(remote.number, cause).await?,
            other => other?,
        };
        let mut summary = summary(&header);
        summary.bytes = usize::try_from(remote.size).unwrap_or(usize::MAX);
        if wanted.matches(remote.number, &summary) {
            let name = remote.unique_id.unwrap_or_else(|| remote.number.to_string());
            let (id, flags, received) = (remote.number, Vec::new(), None);
            entries.push(Entry { id, name, flags, received, summary });
        }
    }
    entries.reverse();
    Ok(entries)
}

fn uid_of(row: &[FetchItem]) -> Option<Uid> {
    row.iter().find_map(|item| match item {
        FetchItem::Uid(uid) => Some(*uid),
        _ => None,
    })
}

fn set(ids: &[u32]) -> SequenceSet {
    SequenceSet::of(ids.iter().filter_map(|id| NonZeroU32::new(*id)))
}

/// Headers that are asked for with one command.
const ROWS_AT_ONCE: usize = 500;
/// A server may end a session that idles for half an hour (RFC 9051 §5.4).
const IDLE: Duration = Duration::from_secs(25 * 60);
