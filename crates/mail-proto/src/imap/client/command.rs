//! What a client can ask, and how it is written (RFC 9051 §6).

use std::fmt::Write as _;

use bytes::Bytes;

use super::NameForm;
use crate::imap::command::{Access, FlagChange, StatusItem};
use crate::imap::date::InternalDate;
use crate::imap::fetch::{FetchItemName, Partial, Seen};
use crate::imap::search::SearchKey;
use crate::imap::sequence::SequenceSet;
use crate::mailbox::{Flag, SpecialUse};
use crate::sasl::{ClientExchange, Password};
use crate::utf7;

/// One command. Names of mailboxes are in UTF-8, as the server told them.
#[derive(Debug)]
pub enum ClientCommand {
    /// `CAPABILITY` (RFC 9051 §6.1.1).
    Capability,
    /// `NOOP` (RFC 9051 §6.1.2).
    Noop,
    /// `LOGOUT` (RFC 9051 §6.1.3).
    Logout,
    /// `STARTTLS` (RFC 9051 §6.2.1).
    StartTls,
    /// `AUTHENTICATE` (RFC 9051 §6.2.2).
    Authenticate(Box<ClientExchange>),
    /// `LOGIN` (RFC 9051 §6.2.3).
    Login {
        /// Who.
        user: String,
        /// The secret.
        password: Password,
    },
    /// `ENABLE` (RFC 9051 §6.3.1).
    Enable(Vec<&'static str>),
    /// `SELECT` and `EXAMINE` (RFC 9051 §6.3.2).
    Select {
        /// Which mailbox.
        mailbox: String,
        /// Whether it may be changed.
        access: Access,
    },
    /// `CREATE` (RFC 9051 §6.3.4, RFC 6154 §3).
    Create {
        /// Its name.
        mailbox: String,
        /// What it is for; only where `CREATE-SPECIAL-USE` is offered.
        special_use: Option<SpecialUse>,
    },
    /// `DELETE` (RFC 9051 §6.3.5).
    Delete(String),
    /// `RENAME` (RFC 9051 §6.3.6).
    Rename {
        /// Its name until now.
        from: String,
        /// Its name from now on.
        to: String,
    },
    /// `SUBSCRIBE` (RFC 9051 §6.3.7).
    Subscribe(String),
    /// `LIST "" pattern` (RFC 9051 §6.3.9).
    List {
        /// Which names.
        pattern: String,
        /// What is told with each (RFC 6154 §2); only where it is offered.
        special_use: bool,
        /// Status of each (RFC 5819 §2); empty where it is not offered.
        status: Vec<StatusItem>,
    },
    /// `STATUS` (RFC 9051 §6.3.11).
    Status {
        /// Which mailbox.
        mailbox: String,
        /// What of it.
        items: Vec<StatusItem>,
    },
    /// `APPEND` (RFC 9051 §6.3.12).
    Append {
        /// Which mailbox.
        mailbox: String,
        /// With which flags.
        flags: Vec<Flag>,
        /// When it arrived.
        date: Option<InternalDate>,
        /// The message, lines with CR LF.
        message: Bytes,
    },
    /// `IDLE` (RFC 9051 §6.3.13), until [`super::Input::Done`].
    Idle,
    /// `CLOSE` (RFC 9051 §6.4.1).
    Close,
    /// `UNSELECT` (RFC 9051 §6.4.2).
    Unselect,
    /// `EXPUNGE` (RFC 9051 §6.4.3).
    Expunge,
    /// `UID EXPUNGE` (RFC 9051 §6.4.9).
    UidExpunge(SequenceSet),
    /// `UID SEARCH` (RFC 9051 §6.4.4); extended only where `ESEARCH` is offered.
    UidSearch {
        /// What must hold.
        key: SearchKey,
        /// How it is answered.
        form: SearchForm,
    },
    /// `UID FETCH` (RFC 9051 §6.4.5).
    UidFetch {
        /// Which messages.
        uids: SequenceSet,
        /// What of them.
        items: Vec<FetchItemName>,
    },
    /// `FETCH` by numbers.
    Fetch {
        /// Which messages.
        numbers: SequenceSet,
        /// What of them.
        items: Vec<FetchItemName>,
    },
    /// `UID STORE` (RFC 9051 §6.4.6), without telling the new flags.
    UidStore {
        /// Which messages.
        uids: SequenceSet,
        /// What changes.
        change: FlagChange,
    },
    /// `UID COPY` (RFC 9051 §6.4.7).
    UidCopy(SequenceSet, String),
    /// `UID MOVE` (RFC 9051 §6.4.8); only where it is offered.
    UidMove(SequenceSet, String),
}

/// How a search is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchForm {
    /// All numbers, one by one (RFC 3501 §6.4.4).
    Plain,
    /// As a set (RFC 4731 §3.1).
    Extended,
}

/// A part of what is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Text that goes at once.
    Text(Vec<u8>),
    /// Octets that are announced, and may need leave.
    Literal(Bytes),
    /// Octets that were announced.
    Octets(Bytes),
}

impl ClientCommand {
    /// The command without its tag and line end.
    pub(super) fn write(&self, names: NameForm) -> Vec<Piece> {
        let mut line = Line { pieces: Vec::new(), text: String::new(), names };
        self.put(&mut line);
        line.end_text();
        line.pieces
    }

    /// The command without its tag and line end, as octets; its literals need no
    /// leave (RFC 7888 §4).
    pub(in crate::imap) fn octets(&self, names: NameForm) -> Vec<u8> {
        let mut octets = Vec::new();
        for piece in self.write(names) {
            match piece {
                Piece::Text(text) => octets.extend(text),
                Piece::Literal(literal) => {
                    octets.extend(format!("{{{}+}}\r\n", literal.len()).into_bytes());
                    octets.extend(literal);
                }
                Piece::Octets(literal) => octets.extend(literal),
            }
        }
        octets
    }

    fn put(&self, line: &mut Line) {
        match self {
            Self::Capability => line.text("CAPABILITY"),
            Self::Noop => line.text("NOOP"),
            Self::Logout => line.text("LOGOUT"),
            Self::StartTls => line.text("STARTTLS"),
            Self::Idle => line.text("IDLE"),
            Self::Close => line.text("CLOSE"),
            Self::Unselect => line.text("UNSELECT"),
            Self::Expunge => line.text("EXPUNGE"),
            Self::Authenticate(exchange) => {
                line.text(&format!("AUTHENTICATE {}", exchange.mechanism().name()));
            }
            Self::Login { user, password } => {
                line.text("LOGIN ");
                line.string(user);
                line.text(" ");
                line.string(password.as_str());
            }
            Self::Enable(words) => line.text(&format!("ENABLE {}", words.join(" "))),
            Self::Select { mailbox, access } => {
                line.text(if *access == Access::ReadWrite { "SELECT " } else { "EXAMINE " });
                line.mailbox(mailbox);
            }
            Self::Delete(mailbox) => line.with_mailbox("DELETE ", mailbox),
            Self::Subscribe(mailbox) => line.with_mailbox("SUBSCRIBE ", mailbox),
            Self::Create { mailbox, special_use } => {
                line.with_mailbox("CREATE ", mailbox);
                if let Some(special_use) = special_use {
                    line.text(&format!(" (USE ({}))", special_use.attribute()));
                }
            }
            Self::Rename { from, to } => {
                line.with_mailbox("RENAME ", from);
                line.with_mailbox(" ", to);
            }
            Self::List { pattern, special_use, status } => {
                line.with_mailbox("LIST \"\" ", pattern);
                line.text(&list_returns(special_use.then_some("SPECIAL-USE"), status));
            }
            Self::Status { mailbox, items } => {
                line.with_mailbox("STATUS ", mailbox);
                line.text(&format!(" ({})", status_items(items)));
            }
            Self::Append { mailbox, flags, date, message } => {
                line.with_mailbox("APPEND ", mailbox);
                line.text(&format!(" ({})", flag_list(flags)));
                if let Some(date) = date {
                    line.text(&format!(" \"{date}\""));
                }
                line.text(" ");
                line.literal(message.clone());
            }
            Self::UidExpunge(uids) => line.text(&format!("UID EXPUNGE {uids}")),
            Self::UidSearch { key, form } => search(line, key, *form),
            Self::UidFetch { uids, items } => {
                line.text(&format!("UID FETCH {uids} ({})", fetch_items(items)));
            }
            Self::Fetch { numbers, items } => {
                line.text(&format!("FETCH {numbers} ({})", fetch_items(items)));
            }
            Self::UidStore { uids, change } => {
                let (sign, flags) = match change {
                    FlagChange::Add(flags) => ("+", flags),
                    FlagChange::Remove(flags) => ("-", flags),
                    FlagChange::Replace(flags) => ("", flags),
                };
                let flags = flag_list(flags);
                line.text(&format!("UID STORE {uids} {sign}FLAGS.SILENT ({flags})"));
            }
            Self::UidCopy(uids, to) => line.with_mailbox(&format!("UID COPY {uids} "), to),
            Self::UidMove(uids, to) => line.with_mailbox(&format!("UID MOVE {uids} "), to),
        }
    }
}

/// A line as it grows.
#[derive(Debug)]
struct Line {
    pieces: Vec<Piece>,
    text: String,
    names: NameForm,
}

impl Line {
    fn text(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn end_text(&mut self) {
        if !self.text.is_empty() {
            self.pieces.push(Piece::Text(std::mem::take(&mut self.text).into_bytes()));
        }
    }

    fn literal(&mut self, octets: Bytes) {
        self.end_text();
        self.pieces.push(Piece::Literal(octets));
    }

    /// A quoted string where one can be, else a literal (RFC 9051 §4.3).
    fn string(&mut self, text: &str) {
        let plain = text.bytes().all(|byte| (b' '..0x7f).contains(&byte));
        if text.len() <= QUOTED_BYTES_MAX && plain {
            let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
            self.text.push_str(&format!("\"{escaped}\""));
        } else {
            self.literal(Bytes::copy_from_slice(text.as_bytes()));
        }
    }

    fn mailbox(&mut self, name: &str) {
        match self.names {
            NameForm::Utf7 => self.string(&utf7::encode(name)),
            NameForm::Utf8 => self.string(name),
        }
    }

    fn with_mailbox(&mut self, before: &str, name: &str) {
        self.text(before);
        self.mailbox(name);
    }
}

/// The return options of `LIST` (RFC 5258 §3.2).
fn list_returns(first: Option<&str>, status: &[StatusItem]) -> String {
    let mut options: Vec<String> = first.into_iter().map(str::to_owned).collect();
    if !status.is_empty() {
        options.push(format!("STATUS ({})", status_items(status)));
    }
    if options.is_empty() { String::new() } else { format!(" RETURN ({})", options.join(" ")) }
}

fn search(line: &mut Line, key: &SearchKey, form: SearchForm) {
    line.text("UID SEARCH ");
    if form == SearchForm::Extended {
        line.text("RETURN (ALL) ");
    }
    // RFC 3501 §6.4.4: without it the texts are in ASCII.
    line.text("CHARSET UTF-8 ");
    search_key(line, key);
}

fn search_key(line: &mut Line, key: &SearchKey) {
    match key {
        SearchKey::And(keys) if keys.is_empty() => line.text("ALL"),
        SearchKey::And(keys) => {
            line.text("(");
            for (index, key) in keys.iter().enumerate() {
                line.text(if index > 0 { " " } else { "" });
                search_key(line, key);
            }
            line.text(")");
        }
        SearchKey::Or(one, other) => {
            line.text("OR ");
            search_key(line, one);
            line.text(" ");
            search_key(line, other);
        }
        SearchKey::Not(key) => {
            line.text("NOT ");
            search_key(line, key);
        }
        SearchKey::All => line.text("ALL"),
        SearchKey::Numbers(set) => line.text(&set.to_string()),
        SearchKey::Uids(set) => line.text(&format!("UID {set}")),
        SearchKey::Flag(flag) => match flag.as_str().strip_prefix('\\') {
            Some(system) => line.text(&system.to_ascii_uppercase()),
            None => line.text(&format!("KEYWORD {flag}")),
        },
        SearchKey::Recent => line.text("RECENT"),
        SearchKey::Before(date) => line.text(&format!("BEFORE {date}")),
        SearchKey::On(date) => line.text(&format!("ON {date}")),
        SearchKey::Since(date) => line.text(&format!("SINCE {date}")),
        SearchKey::SentBefore(date) => line.text(&format!("SENTBEFORE {date}")),
        SearchKey::SentOn(date) => line.text(&format!("SENTON {date}")),
        SearchKey::SentSince(date) => line.text(&format!("SENTSINCE {date}")),
        SearchKey::Larger(octets) => line.text(&format!("LARGER {octets}")),
        SearchKey::Smaller(octets) => line.text(&format!("SMALLER {octets}")),
        SearchKey::Header(name, text) => {
            line.text("HEADER ");
            line.string(name);
            line.text(" ");
            line.string(text);
        }
        SearchKey::Body(text) => {
            line.text("BODY ");
            line.string(text);
        }
        SearchKey::Text(text) => {
            line.text("TEXT ");
            line.string(text);
        }
        SearchKey::ModSeq(modseq) => line.text(&format!("MODSEQ {}", modseq.0)),
    }
}

fn status_items(items: &[StatusItem]) -> String {
    let names: Vec<String> = items.iter().map(|item| item.name().to_owned()).collect();
    names.join(" ")
}

fn flag_list(flags: &[Flag]) -> String {
    let names: Vec<&str> = flags.iter().map(Flag::as_str).collect();
    names.join(" ")
}

fn fetch_items(items: &[FetchItemName]) -> String {
    let mut text = String::new();
    for item in items {
        if !text.is_empty() {
            text.push(' ');
        }
        fetch_item(&mut text, item);
    }
    text
}

fn fetch_item(text: &mut String, item: &FetchItemName) {
    let numbers =
        |part: &[u32]| -> String { part.iter().map(u32::to_string).collect::<Vec<_>>().join(".") };
    let peek = |seen: &Seen| if *seen == Seen::Kept { ".PEEK" } else { "" };
    match item {
        FetchItemName::Envelope => text.push_str("ENVELOPE"),
        FetchItemName::Flags => text.push_str("FLAGS"),
        FetchItemName::InternalDate => text.push_str("INTERNALDATE"),
        FetchItemName::Size => text.push_str("RFC822.SIZE"),
        FetchItemName::Uid => text.push_str("UID"),
        FetchItemName::ModSeq => text.push_str("MODSEQ"),
        FetchItemName::Body => text.push_str("BODY"),
        FetchItemName::BodyStructure => text.push_str("BODYSTRUCTURE"),
        FetchItemName::Rfc822 => text.push_str("RFC822"),
        FetchItemName::Rfc822Header => text.push_str("RFC822.HEADER"),
        FetchItemName::Rfc822Text => text.push_str("RFC822.TEXT"),
        FetchItemName::Section { section, partial, seen } => {
            let _ = write!(text, "BODY{}[{section}]", peek(seen));
            put_partial(text, *partial);
        }
        FetchItemName::Binary { part, partial, seen } => {
            let _ = write!(text, "BINARY{}[{}]", peek(seen), numbers(part));
            put_partial(text, *partial);
        }
        FetchItemName::BinarySize { part } => {
            let _ = write!(text, "BINARY.SIZE[{}]", numbers(part));
        }
    }
}

fn put_partial(text: &mut String, partial: Option<Partial>) {
    if let Some(Partial { first, count }) = partial {
        let _ = write!(text, "<{first}.{count}>");
    }
}

/// Longer strings are literals.
const QUOTED_BYTES_MAX: usize = 1_000;
