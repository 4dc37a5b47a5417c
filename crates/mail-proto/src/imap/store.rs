//! What a session asks of the mailbox store, and the store's answers.
//!
//! A session knows one store as a sequence of requests, each answered by one
//! reply before the next. It names messages by identifier only; numbers are
//! its own affair (RFC 9051 §2.3.1.2).

use bytes::Bytes;

use crate::imap::command::FlagChange;
use crate::imap::date::InternalDate;
use crate::imap::search::SearchKey;
use crate::mailbox::{Flag, Flags, MailboxName, ModSeq, SpecialUse, Uid, UidValidity};
use crate::message::body_structure::{self, Form};
use crate::message::envelope;
use crate::message::structure::scan;

/// A mailbox that was opened, whatever its name becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailboxId(pub u64);

/// What the session wants from the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreRequest {
    /// All mailboxes: [`StoreReply::Mailboxes`].
    Mailboxes,
    /// [`StoreReply::Status`].
    Status(MailboxName),
    /// [`StoreReply::Opened`].
    Open(MailboxName),
    /// What happened in a mailbox: [`StoreReply::Changes`].
    Changes {
        /// Which mailbox.
        mailbox: MailboxId,
        /// Changes up to here are known.
        since: ModSeq,
    },
    /// [`StoreReply::Messages`].
    Fetch {
        /// Which mailbox.
        mailbox: MailboxId,
        /// Which messages, ascending.
        uids: Vec<Uid>,
        /// What of them.
        wanted: Wanted,
    },
    /// [`StoreReply::Found`].
    Search {
        /// Which mailbox.
        mailbox: MailboxId,
        /// What must hold. Message numbers are identifiers here, without `*`.
        key: SearchKey,
    },
    /// [`StoreReply::Stored`].
    StoreFlags {
        /// Which mailbox.
        mailbox: MailboxId,
        /// Which messages, ascending.
        uids: Vec<Uid>,
        /// What becomes of their flags.
        change: FlagChange,
        /// Messages changed after this are left alone (RFC 7162 §3.1.3).
        unchanged_since: Option<ModSeq>,
    },
    /// [`StoreReply::Copied`]. All messages or none (RFC 9051 §6.4.7).
    Copy {
        /// From which mailbox.
        mailbox: MailboxId,
        /// Which messages, ascending.
        uids: Vec<Uid>,
        /// Where to.
        to: MailboxName,
    },
    /// [`StoreReply::Copied`], and the messages are gone from here
    /// (RFC 9051 §6.4.8).
    Move {
        /// From which mailbox.
        mailbox: MailboxId,
        /// Which messages, ascending.
        uids: Vec<Uid>,
        /// Where to.
        to: MailboxName,
    },
    /// Removes messages that have `\Deleted`: [`StoreReply::Done`].
    Expunge {
        /// Which mailbox.
        mailbox: MailboxId,
        /// Only of these, ascending; none: of all.
        uids: Option<Vec<Uid>>,
    },
    /// [`StoreReply::Done`].
    Create {
        /// The new mailbox.
        mailbox: MailboxName,
        /// What it is for.
        special_use: Option<SpecialUse>,
    },
    /// [`StoreReply::Done`].
    Delete(MailboxName),
    /// [`StoreReply::Done`].
    Rename {
        /// The old name.
        from: MailboxName,
        /// The new name.
        to: MailboxName,
    },
    /// [`StoreReply::Done`]. The mailbox need not exist (RFC 9051 §6.3.7).
    Subscribe(MailboxName),
    /// [`StoreReply::Done`].
    Unsubscribe(MailboxName),
    /// A message is about to come: [`StoreReply::Done`] when there is room.
    AppendBegin {
        /// Where to.
        mailbox: MailboxName,
        /// Its flags.
        flags: Vec<Flag>,
        /// Its internal date; none: this moment.
        date: Option<InternalDate>,
        /// Its octets.
        size: u64,
    },
    /// Octets of the message that was begun: [`StoreReply::Done`].
    AppendOctets(Bytes),
    /// All messages that were begun are whole, keep them all:
    /// [`StoreReply::Appended`].
    AppendCommit,
    /// Forget the messages that were begun: [`StoreReply::Done`].
    AppendAbort,
}

/// What is wanted of messages beside their rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// How much of their octets.
    pub octets: Octets,
    /// Their descriptions. A message that has none kept comes with all of its
    /// octets instead.
    pub description: bool,
}

impl Wanted {
    /// Whether rows are enough.
    #[must_use]
    pub const fn is_nothing(self) -> bool {
        matches!(self.octets, Octets::Unwanted) && !self.description
    }

    /// What is wanted by either.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            octets: self.octets.max(other.octets),
            description: self.description || other.description,
        }
    }
}

/// Whether a message's octets are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Octets {
    /// Its row is enough.
    #[default]
    Unwanted,
    /// Its header is, with the empty line that ends it; more does no harm. The
    /// reply may hold fewer messages than asked for.
    Header,
    /// All are. The reply may hold fewer messages than asked for.
    Wanted,
}

/// What the store answers.
pub type StoreResult = Result<StoreReply, StoreError>;

/// The answer to a request that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreReply {
    /// There is nothing to tell.
    Done,
    /// All mailboxes and names subscribed to, ascending by name.
    Mailboxes(Vec<MailboxEntry>),
    /// A mailbox's counts.
    Status(MailboxStatus),
    /// A mailbox as it is at this moment.
    Opened(Opened),
    /// What happened.
    Changes(Changes),
    /// Messages, ascending.
    Messages(Messages),
    /// What matches, ascending.
    Found(Vec<Found>),
    /// Flags were changed.
    Stored {
        /// Messages whose flags were set, with what they have, ascending.
        messages: Vec<MessageRow>,
        /// Messages left alone because they changed meanwhile.
        modified: Vec<Uid>,
    },
    /// Messages are in another mailbox.
    Copied {
        /// Of the other mailbox.
        uid_validity: UidValidity,
        /// Old and new identifiers, ascending by the old.
        uids: Vec<(Uid, Uid)>,
    },
    /// Messages were added.
    Appended {
        /// Of their mailbox.
        uid_validity: UidValidity,
        /// Theirs, in order.
        uids: Vec<Uid>,
    },
}

/// Why a request was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// There is no such mailbox.
    #[error("there is no such mailbox")]
    NoMailbox,
    /// The mailbox that was open is gone.
    #[error("the mailbox was deleted")]
    Gone,
    /// There is one already.
    #[error("there is a mailbox of that name")]
    Exists,
    /// It has children that would be left without it.
    #[error("the mailbox has children")]
    HasChildren,
    /// `INBOX` stays; a name below itself.
    #[error("{0}")]
    Cannot(String),
    /// Another mailbox is for that use, or it cannot be given.
    #[error("that use cannot be given")]
    UseAttribute,
    /// No room is left: a quota is used up, or a disk.
    #[error("no room is left for messages")]
    OverQuota,
    /// The message is too large.
    #[error("the message is too large")]
    TooBig,
    /// A message that was to be copied is gone.
    #[error("a message is gone")]
    MessageGone,
    /// A bound was reached.
    #[error("{0}")]
    Limit(String),
    /// The store does not work at the moment.
    #[error("the mailbox store is not available")]
    Unavailable,
}

/// A mailbox in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailboxEntry {
    /// Its name.
    pub name: MailboxName,
    /// Whether it is there, or is only a name.
    pub existence: Existence,
    /// Whether it is subscribed to.
    pub subscribed: bool,
    /// What it is for.
    pub special_use: Option<SpecialUse>,
}

/// Whether a mailbox is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existence {
    /// It can be opened.
    Mailbox,
    /// Somebody subscribed to the name, or it only has children.
    NameOnly,
}

/// A mailbox's counts (RFC 9051 §6.3.11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailboxStatus {
    /// Messages.
    pub messages: u32,
    /// Those without `\Seen`.
    pub unseen: u32,
    /// Those with `\Deleted`.
    pub deleted: u32,
    /// Octets of all.
    pub size: u64,
    /// The next identifier.
    pub uid_next: Uid,
    /// The identifiers' validity.
    pub uid_validity: UidValidity,
    /// The last change.
    pub highest_mod_seq: ModSeq,
}

/// A mailbox that was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// What it is called from here on.
    pub id: MailboxId,
    /// Its messages, ascending.
    pub uids: Vec<Uid>,
    /// The first message without `\Seen`.
    pub first_unseen: Option<Uid>,
    /// Keywords in use.
    pub keywords: Vec<Flag>,
    /// The next identifier.
    pub uid_next: Uid,
    /// The identifiers' validity.
    pub uid_validity: UidValidity,
    /// The last change.
    pub highest_mod_seq: ModSeq,
}

/// What happened in a mailbox since a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Messages that are gone, ascending.
    pub vanished: Vec<Uid>,
    /// Messages that are there and are new or have other flags, ascending.
    pub changed: Vec<MessageRow>,
    /// The last change.
    pub highest_mod_seq: ModSeq,
}

/// What the index knows of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageRow {
    /// Its identifier.
    pub uid: Uid,
    /// Its flags.
    pub flags: Flags,
    /// Its last change.
    pub mod_seq: ModSeq,
    /// When it came.
    pub internal_date: InternalDate,
    /// Its octets.
    pub size: u64,
}

/// Messages as the store has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Messages {
    /// The messages.
    pub messages: Vec<StoredMessage>,
    /// Messages up to here are in the reply, or are gone.
    pub through: Uid,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMessage {
    /// What the index knows.
    pub row: MessageRow,
    /// Its octets, as far as they were wanted.
    pub octets: Bytes,
    /// Its description, when one is kept.
    pub description: Option<Description>,
}

/// How a message is built, as `FETCH` tells it: made once, when the message
/// comes, so that lists of messages are told without reading them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The value of `ENVELOPE` (RFC 9051 §7.5.2).
    pub envelope: Bytes,
    /// The value of `BODYSTRUCTURE` (RFC 9051 §7.5.2).
    pub structure: Bytes,
}

impl Description {
    /// The description of a whole message; none when it would be so long that
    /// it is better made when somebody asks.
    #[must_use]
    pub fn of(message: &[u8]) -> Option<Self> {
        let envelope = envelope::envelope(header(message));
        let structure = body_structure::text(message, &scan(message), Form::BodyStructure);
        let is_short = envelope.len() + structure.len() <= DESCRIPTION_OCTETS_MAX;
        is_short.then(|| Self { envelope: envelope.into(), structure: structure.into() })
    }

    /// Its octets.
    #[must_use]
    pub fn octets(&self) -> usize {
        self.envelope.len() + self.structure.len()
    }
}

/// The header of a message, with the empty line that ends it (RFC 5322 §2.1).
#[must_use]
pub fn header(message: &[u8]) -> &[u8] {
    if message.starts_with(b"\r\n") {
        return message.get(..2).unwrap_or_default();
    }
    let end = message.windows(4).position(|window| window == b"\r\n\r\n");
    end.and_then(|end| message.get(..end + 4)).unwrap_or(message)
}

/// A message that matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its identifier.
    pub uid: Uid,
    /// Its last change.
    pub mod_seq: ModSeq,
}

/// Octets of a description that is kept: those of nearly all messages are below
/// 1,000; a message of 10,000 parts is described when somebody asks.
const DESCRIPTION_OCTETS_MAX: usize = 16 << 10;
