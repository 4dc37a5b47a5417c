//! What a client asks for (RFC 9051 §6).

use crate::imap::date::InternalDate;
use crate::imap::fetch::FetchRequest;
use crate::imap::search::SearchCommand;
use crate::imap::sequence::MessageSet;
use crate::mailbox::{Flag, MailboxName, ModSeq, SpecialUse};

mod fetch;
mod lexer;
mod list;
mod parse;
mod search;

pub use lexer::SyntaxError;
pub use parse::{CommandError, Parsed};

/// A command without its tag. `APPEND` is not here: its messages do not wait
/// for the command's end, see [`AppendPart`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `CAPABILITY` (RFC 9051 §6.1.1).
    Capability,
    /// `NOOP` (RFC 9051 §6.1.2).
    Noop,
    /// `LOGOUT` (RFC 9051 §6.1.3).
    Logout,
    /// `ID`, with what the client says of itself (RFC 2971 §3.1).
    Id(Vec<(String, Option<String>)>),
    /// `STARTTLS` (RFC 9051 §6.2.1).
    StartTls,
    /// `AUTHENTICATE` (RFC 9051 §6.2.2).
    Authenticate {
        /// The mechanism's name in capitals.
        mechanism: String,
        /// The initial response as written, `=` for an empty one (RFC 4959 §3).
        initial: Option<Secret>,
    },
    /// `LOGIN` (RFC 9051 §6.2.3).
    Login {
        /// Who.
        user: String,
        /// The password.
        password: Secret,
    },
    /// `ENABLE`, names in capitals (RFC 9051 §6.3.1).
    Enable(Vec<String>),
    /// `SELECT` and `EXAMINE` (RFC 9051 §6.3.2, §6.3.3).
    Select {
        /// Which mailbox.
        mailbox: MailboxName,
        /// `EXAMINE` only reads.
        access: Access,
        /// `(CONDSTORE)` was said (RFC 7162 §3.1.8).
        condstore: Condstore,
    },
    /// `CREATE` (RFC 9051 §6.3.4, RFC 6154 §3).
    Create {
        /// The new mailbox.
        mailbox: MailboxName,
        /// What it is to be for.
        special_use: Vec<SpecialUse>,
    },
    /// `DELETE` (RFC 9051 §6.3.5).
    Delete(MailboxName),
    /// `RENAME` (RFC 9051 §6.3.6).
    Rename {
        /// The old name.
        from: MailboxName,
        /// The new name.
        to: MailboxName,
    },
    /// `SUBSCRIBE` (RFC 9051 §6.3.7).
    Subscribe(MailboxName),
    /// `UNSUBSCRIBE` (RFC 9051 §6.3.8).
    Unsubscribe(MailboxName),
    /// `LIST` (RFC 9051 §6.3.9).
    List(ListCommand),
    /// `LSUB` (RFC 3501 §6.3.9).
    Lsub {
        /// Where names begin, decoded.
        reference: String,
        /// The pattern, decoded.
        pattern: String,
    },
    /// `NAMESPACE` (RFC 9051 §6.3.10).
    Namespace,
    /// `STATUS` (RFC 9051 §6.3.11).
    Status {
        /// Which mailbox.
        mailbox: MailboxName,
        /// What is asked.
        items: Vec<StatusItem>,
    },
    /// `IDLE` (RFC 9051 §6.3.13).
    Idle,
    /// `CHECK` (RFC 3501 §6.4.1).
    Check,
    /// `CLOSE` (RFC 9051 §6.4.1).
    Close,
    /// `UNSELECT` (RFC 9051 §6.4.2).
    Unselect,
    /// `EXPUNGE` (RFC 9051 §6.4.3).
    Expunge,
    /// `UID EXPUNGE` (RFC 4315 §2.1).
    UidExpunge(MessageSet),
    /// `SEARCH` and `UID SEARCH` (RFC 9051 §6.4.4).
    Search(SearchCommand),
    /// `FETCH` and `UID FETCH` (RFC 9051 §6.4.5).
    Fetch {
        /// Which messages.
        messages: MessageSet,
        /// How they are numbered.
        numbering: Numbering,
        /// What is asked.
        request: FetchRequest,
    },
    /// `STORE` and `UID STORE` (RFC 9051 §6.4.6).
    Store {
        /// Which messages.
        messages: MessageSet,
        /// How they are numbered.
        numbering: Numbering,
        /// What becomes of their flags.
        change: FlagChange,
        /// Whether the new flags are told.
        report: Report,
        /// Messages changed after this are left alone (RFC 7162 §3.1.3).
        unchanged_since: Option<ModSeq>,
    },
    /// `COPY` and `UID COPY` (RFC 9051 §6.4.7).
    Copy(Transfer),
    /// `MOVE` and `UID MOVE` (RFC 9051 §6.4.8).
    Move(Transfer),
}

/// Whether a mailbox may be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// `SELECT`.
    ReadWrite,
    /// `EXAMINE`.
    ReadOnly,
}

/// Whether a command enables CONDSTORE (RFC 7162 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condstore {
    /// It does.
    Enabled,
    /// It says nothing of it.
    Unsaid,
}

/// What the numbers of a command are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbering {
    /// Places in the mailbox (RFC 9051 §2.3.1.2).
    Sequence,
    /// Unique identifiers (RFC 9051 §2.3.1.1).
    Uid,
}

/// Messages on their way to another mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Which messages.
    pub messages: MessageSet,
    /// How they are numbered.
    pub numbering: Numbering,
    /// Where they go.
    pub to: MailboxName,
}

/// What `STORE` does with flags (RFC 9051 §6.4.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FlagChange {
    /// `+FLAGS`.
    Add(Vec<Flag>),
    /// `-FLAGS`.
    Remove(Vec<Flag>),
    /// `FLAGS`.
    Replace(Vec<Flag>),
}

/// Whether `STORE` tells the new flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// It tells them.
    Told,
    /// `.SILENT`.
    Silent,
}

/// `LIST` with all that LIST-EXTENDED adds (RFC 5258 §3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListCommand {
    /// Which mailboxes.
    pub selection: Vec<ListSelection>,
    /// Where names begin, decoded.
    pub reference: String,
    /// The patterns, decoded.
    pub patterns: Vec<String>,
    /// What is told of them.
    pub returns: Vec<ListReturn>,
    /// Whether it is written in a form that RFC 3501 does not have.
    pub form: ListForm,
}

/// The forms of `LIST`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ListForm {
    /// A reference and one pattern (RFC 3501 §6.3.8).
    #[default]
    Basic,
    /// With selection options, several patterns, or return options.
    Extended,
}

/// Which mailboxes a `LIST` selects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ListSelection {
    /// Those subscribed to.
    Subscribed,
    /// Those elsewhere too; there are none.
    Remote,
    /// Also those whose children are selected.
    RecursiveMatch,
    /// Those with a use (RFC 6154 §2).
    SpecialUse,
}

/// What a `LIST` tells of each mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListReturn {
    /// Whether it is subscribed to.
    Subscribed,
    /// Whether it has children.
    Children,
    /// Its use (RFC 6154 §2).
    SpecialUse,
    /// Its status in a response of its own (RFC 5819 §2).
    Status(Vec<StatusItem>),
}

/// What `STATUS` tells (RFC 9051 §6.3.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StatusItem {
    /// `MESSAGES`: how many there are.
    Messages,
    /// `RECENT` (RFC 3501 §6.3.10).
    Recent,
    /// `UIDNEXT`.
    UidNext,
    /// `UIDVALIDITY`.
    UidValidity,
    /// `UNSEEN`: how many lack `\Seen`.
    Unseen,
    /// `DELETED`: how many have `\Deleted`.
    Deleted,
    /// `SIZE`: octets of all messages.
    Size,
    /// `HIGHESTMODSEQ` (RFC 7162 §3.1.7).
    HighestModSeq,
    /// `APPENDLIMIT` (RFC 7889 §4).
    AppendLimit,
}

/// The parts of an `APPEND`, in order (RFC 9051 §6.3.12, RFC 3502 §3): one
/// `Begin`, then for each message its `Message`, then what the framing streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppendPart {
    /// `tag APPEND mailbox`, with the first message's properties.
    Begin {
        /// Where to.
        mailbox: MailboxName,
        /// The first message's.
        message: AppendMessage,
    },
    /// One more message.
    Message(AppendMessage),
    /// The end of the command.
    End,
}

/// What `APPEND` says of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AppendMessage {
    /// Its flags.
    pub flags: Vec<Flag>,
    /// Its internal date; none: the moment of arrival.
    pub date: Option<InternalDate>,
}

/// What must not be shown in a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub Vec<u8>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Secret(…)")
    }
}

impl StatusItem {
    /// The item's name as `STATUS` writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Messages => "MESSAGES",
            Self::Recent => "RECENT",
            Self::UidNext => "UIDNEXT",
            Self::UidValidity => "UIDVALIDITY",
            Self::Unseen => "UNSEEN",
            Self::Deleted => "DELETED",
            Self::Size => "SIZE",
            Self::HighestModSeq => "HIGHESTMODSEQ",
            Self::AppendLimit => "APPENDLIMIT",
        }
    }

    /// The item of a name in any case.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|item| item.name().eq_ignore_ascii_case(name))
    }

    /// All items.
    pub const ALL: [Self; 9] = [
        Self::Messages,
        Self::Recent,
        Self::UidNext,
        Self::UidValidity,
        Self::Unseen,
        Self::Deleted,
        Self::Size,
        Self::HighestModSeq,
        Self::AppendLimit,
    ];
}
