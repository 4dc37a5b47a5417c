//! What a server says (RFC 9051 §7), as values that both sides share: the
//! server writes them, the client reads them.

use crate::imap::command::StatusItem;
use crate::imap::date::InternalDate;
use crate::imap::fetch::Section;
use crate::imap::sequence::SequenceSet;
use crate::mailbox::{ModSeq, Uid, UidValidity};

mod body;
mod write;

pub use body::{
    BodyExtension, BodyPart, BodyStructure, EnvelopeAddress, MessageEnvelope, Multipart, Parameters,
};
pub use write::Writer;

/// One response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// The end of a command (RFC 9051 §2.2.2).
    Tagged {
        /// The command's tag.
        tag: String,
        /// How it ended.
        status: StatusText,
    },
    /// `+`: the server waits for more (RFC 9051 §7.6).
    Continue {
        /// What follows the plus: text, or a challenge in base64.
        text: String,
    },
    /// Data, or news.
    Untagged(Untagged),
}

/// `OK`, `NO`, `BAD`, `PREAUTH`, `BYE` (RFC 9051 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Done.
    Ok,
    /// Not done.
    No,
    /// Not understood.
    Bad,
    /// Logged in from the start.
    Preauth,
    /// The connection ends.
    Bye,
}

/// A status with what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusText {
    /// The status.
    pub status: Status,
    /// For programs.
    pub code: Option<Code>,
    /// For people.
    pub text: String,
}

/// A response code (RFC 9051 §7.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    /// `ALERT`.
    Alert,
    /// `ALREADYEXISTS`.
    AlreadyExists,
    /// `APPENDUID`.
    AppendUid(UidValidity, SequenceSet),
    /// `AUTHENTICATIONFAILED`.
    AuthenticationFailed,
    /// `AUTHORIZATIONFAILED`.
    AuthorizationFailed,
    /// `BADCHARSET`, with those that are known.
    BadCharset(Vec<String>),
    /// `CANNOT`.
    Cannot,
    /// `CAPABILITY`.
    Capability(Vec<String>),
    /// `CLIENTBUG`.
    ClientBug,
    /// `CLOSED`.
    Closed,
    /// `CONTACTADMIN`.
    ContactAdmin,
    /// `COPYUID`.
    CopyUid(UidValidity, SequenceSet, SequenceSet),
    /// `EXPUNGEISSUED`.
    ExpungeIssued,
    /// `HASCHILDREN`.
    HasChildren,
    /// `HIGHESTMODSEQ` (RFC 7162 §3.1.2.1).
    HighestModSeq(ModSeq),
    /// `INUSE`.
    InUse,
    /// `LIMIT`.
    Limit,
    /// `MODIFIED` (RFC 7162 §3.1.3).
    Modified(SequenceSet),
    /// `NOMODSEQ` (RFC 7162 §3.1.2.2).
    NoModSeq,
    /// `NONEXISTENT`.
    NonExistent,
    /// `NOPERM`.
    NoPerm,
    /// `NOTSAVED`.
    NotSaved,
    /// `OVERQUOTA`.
    OverQuota,
    /// `PARSE`.
    Parse,
    /// `PERMANENTFLAGS`, with `\*` when keywords can be made.
    PermanentFlags(Vec<String>),
    /// `PRIVACYREQUIRED`.
    PrivacyRequired,
    /// `READ-ONLY`.
    ReadOnly,
    /// `READ-WRITE`.
    ReadWrite,
    /// `SERVERBUG`.
    ServerBug,
    /// `TOOBIG` (RFC 7889 §3.2).
    TooBig,
    /// `TRYCREATE`.
    TryCreate,
    /// `UIDNEXT`.
    UidNext(Uid),
    /// `UIDNOTSTICKY`.
    UidNotSticky,
    /// `UIDVALIDITY`.
    UidValidity(UidValidity),
    /// `UNAVAILABLE`.
    Unavailable,
    /// `UNKNOWN-CTE`.
    UnknownCte,
    /// `UNSEEN` (RFC 3501 §7.1).
    Unseen(u32),
    /// `USEATTR` (RFC 6154 §3).
    UseAttr,
    /// Another one, as written between the brackets.
    Other(String),
}

/// An untagged response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Untagged {
    /// A status: the greeting, news, farewell.
    Status(StatusText),
    /// `CAPABILITY` (RFC 9051 §7.2.2).
    Capability(Vec<String>),
    /// `ENABLED` (RFC 9051 §7.2.1).
    Enabled(Vec<String>),
    /// `ID` (RFC 2971 §3.2).
    Id(Vec<(String, Option<String>)>),
    /// `FLAGS` (RFC 9051 §7.3.5).
    Flags(Vec<String>),
    /// `LIST` (RFC 9051 §7.3.1).
    List(ListEntry),
    /// `LSUB` (RFC 3501 §7.2.3).
    Lsub(ListEntry),
    /// `NAMESPACE` (RFC 9051 §7.3.2): own, others', shared.
    Namespace([Vec<NamespaceEntry>; 3]),
    /// `STATUS` (RFC 9051 §7.3.4).
    MailboxStatus {
        /// The mailbox's name, decoded.
        mailbox: String,
        /// Items with their values.
        items: Vec<(StatusItem, u64)>,
    },
    /// `SEARCH` (RFC 3501 §7.2.5).
    Search {
        /// Numbers or identifiers.
        numbers: Vec<u32>,
        /// The highest modseq of those found (RFC 7162 §3.1.5).
        mod_seq: Option<ModSeq>,
    },
    /// `ESEARCH` (RFC 9051 §7.3.3).
    ExtendedSearch(ExtendedSearch),
    /// `EXISTS` (RFC 9051 §7.4.1).
    Exists(u32),
    /// `RECENT` (RFC 3501 §7.3.2).
    Recent(u32),
    /// `EXPUNGE` (RFC 9051 §7.5.1).
    Expunge(u32),
    /// `FETCH` (RFC 9051 §7.5.2).
    Fetch {
        /// The message's number.
        number: u32,
        /// What is told of it.
        items: Vec<FetchItem>,
    },
    /// Another one, as written after `* `.
    Other(Vec<u8>),
}

/// One line of `LIST`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListEntry {
    /// Attributes with their backslashes: `\HasChildren`.
    pub attributes: Vec<String>,
    /// Between levels; none for a flat name.
    pub separator: Option<char>,
    /// The name, decoded.
    pub name: String,
    /// `CHILDINFO`: why children of it are of interest (RFC 5258 §3.5).
    pub child_info: Vec<String>,
    /// `OLDNAME`: what it was asked by (RFC 9051 §6.3.9.7).
    pub old_name: Option<String>,
}

/// One namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespaceEntry {
    /// What its names begin with, decoded.
    pub prefix: String,
    /// Between levels.
    pub separator: Option<char>,
}

/// The answer to an extended search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExtendedSearch {
    /// The command's tag.
    pub tag: Option<String>,
    /// Whether numbers are identifiers.
    pub uid: bool,
    /// The lowest.
    pub min: Option<u32>,
    /// The highest.
    pub max: Option<u32>,
    /// All; none when there is none, or when they were not asked for.
    pub all: Option<SequenceSet>,
    /// How many.
    pub count: Option<u32>,
    /// The highest modseq of those that are told (RFC 7162 §3.1.10).
    pub mod_seq: Option<ModSeq>,
}

/// What is told of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchItem {
    /// `FLAGS`, also unknown ones and `\Recent`.
    Flags(Vec<String>),
    /// `UID`.
    Uid(Uid),
    /// `MODSEQ` (RFC 7162 §3.1.4.2).
    ModSeq(ModSeq),
    /// `INTERNALDATE`.
    InternalDate(InternalDate),
    /// `RFC822.SIZE`.
    Size(u64),
    /// `ENVELOPE`.
    Envelope(Box<MessageEnvelope>),
    /// `BODY`: the structure without extension data.
    Body(Box<BodyStructure>),
    /// `BODYSTRUCTURE`.
    BodyStructure(Box<BodyStructure>),
    /// `RFC822`.
    Rfc822(Text),
    /// `RFC822.HEADER`.
    Rfc822Header(Text),
    /// `RFC822.TEXT`.
    Rfc822Text(Text),
    /// `BODY[…]`.
    Section {
        /// Which part.
        section: Section,
        /// The first octet told, when not all were asked for.
        origin: Option<u32>,
        /// The octets; none when there is no such part.
        text: Text,
    },
    /// `BINARY[…]`.
    Binary {
        /// The part's numbers.
        part: Vec<u32>,
        /// The first octet told, when not all were asked for.
        origin: Option<u32>,
        /// The octets.
        text: Text,
    },
    /// `BINARY.SIZE[…]`.
    BinarySize {
        /// The part's numbers.
        part: Vec<u32>,
        /// Octets without transfer encoding.
        size: u64,
    },
}

/// Octets of a message, or `NIL`.
pub type Text = Option<bytes::Bytes>;

impl StatusText {
    /// A status without a code.
    #[must_use]
    pub fn new(status: Status, text: impl Into<String>) -> Self {
        Self { status, code: None, text: text.into() }
    }

    /// A status with a code.
    #[must_use]
    pub fn with_code(status: Status, code: Code, text: impl Into<String>) -> Self {
        Self { status, code: Some(code), text: text.into() }
    }
}

impl Status {
    /// The word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::No => "NO",
            Self::Bad => "BAD",
            Self::Preauth => "PREAUTH",
            Self::Bye => "BYE",
        }
    }
}
