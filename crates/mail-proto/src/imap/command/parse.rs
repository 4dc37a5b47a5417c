//! From a command's octets to its meaning.

use crate::imap::command::lexer::{Lexer, SyntaxError};
use crate::imap::command::{
    Access, AppendMessage, AppendPart, Command, Condstore, FlagChange, Numbering, Report, Secret,
    StatusItem, Transfer,
};
use crate::imap::date::InternalDate;
use crate::imap::names::Names;
use crate::imap::sequence::{MessageSet, SequenceSet};
use crate::mailbox::{Flag, MailboxName, ModSeq, SpecialUse};

use super::{fetch, list, search};

/// A command with its tag, as far as there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// The client's name for the command; none when not even that can be read.
    pub tag: Option<String>,
    /// What it asks, or why that cannot be told.
    pub command: Result<Command, CommandError>,
}

/// Why a command is refused before it is tried; all are the client's faults.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// It is not as the grammar has it.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// There is no such command.
    #[error("unknown command {0}")]
    Unknown(String),
    /// A name that no mailbox can have.
    #[error("{0}")]
    Name(String),
    /// A flag that no message can have.
    #[error("{0}")]
    Flag(String),
    /// A use that no mailbox can have.
    #[error("unknown special use")]
    SpecialUse,
    /// A charset that is not known (RFC 9051 §6.4.4).
    #[error("unknown charset")]
    Charset,
    /// A search with too many keys.
    #[error("a search has at most 1000 keys, nested at most 20 deep")]
    SearchTooComplex,
}

pub(super) type Parse<T> = Result<T, CommandError>;

impl Command {
    /// Reads a whole command, as `Frame::Command` has it.
    #[must_use]
    pub fn parse(octets: &[u8], names: Names) -> Parsed {
        let mut lexer = Lexer::new(octets);
        let tag = match lexer.tag() {
            Ok(tag) => tag,
            Err(error) => return Parsed { tag: None, command: Err(error.into()) },
        };
        Parsed { tag: Some(tag), command: command(lexer, names) }
    }
}

impl AppendPart {
    /// Reads an `APPEND` up to the size of its first message, with the tag.
    /// None when it is another command, or the literal is a mailbox's name.
    #[must_use]
    pub fn parse_begin(octets: &[u8], names: Names) -> Option<(String, Parse<Self>)> {
        let mut lexer = Lexer::new(octets);
        let tag = lexer.tag().ok()?;
        if !lexer.eat_word(" APPEND ") {
            return None;
        }
        let mailbox = match lexer.astring() {
            Ok(name) => name,
            // The literal at the end is the name itself.
            Err(_) if lexer.rest().starts_with(b"{") => return None,
            Err(error) => return Some((tag, Err(error.into()))),
        };
        let begin = lexer.space().map_err(CommandError::from).and_then(|()| {
            let message = append_message(&mut lexer)?;
            Ok(Self::Begin { mailbox: mailbox_name(&mailbox, names)?, message })
        });
        Some((tag, begin))
    }

    /// Reads what follows a message: nothing, or the next message's properties
    /// up to its size (RFC 3502 §3).
    ///
    /// # Errors
    /// When it is neither.
    pub fn parse_next(octets: &[u8]) -> Parse<Self> {
        let mut lexer = Lexer::new(octets);
        if lexer.rest().is_empty() {
            return Ok(Self::End);
        }
        lexer.space()?;
        append_message(&mut lexer).map(Self::Message)
    }
}

/// `[SP flag-list] [SP date-time] SP literal`, after the first space.
fn append_message(lexer: &mut Lexer<'_>) -> Parse<AppendMessage> {
    let mut message = AppendMessage::default();
    if lexer.peek() == Some(b'(') {
        message.flags = flag_list(lexer)?;
        lexer.space()?;
    }
    if lexer.peek() == Some(b'"') {
        let start = lexer.clone();
        let date = lexer.string()?;
        let date = std::str::from_utf8(&date).ok().and_then(InternalDate::parse);
        message.date = Some(date.ok_or_else(|| start.expected("a date and time"))?);
        lexer.space()?;
    }
    lexer.eat(b'~');
    if crate::imap::frame::line_literal(lexer.rest()).is_some() && lexer.peek() == Some(b'{') {
        Ok(message)
    } else {
        Err(lexer.expected("a literal").into())
    }
}

fn command(mut lexer: Lexer<'_>, names: Names) -> Parse<Command> {
    lexer.space()?;
    let mut name = lexer.keyword("a command")?;
    let numbering = if name == "UID" {
        lexer.space()?;
        name = lexer.keyword("a command")?;
        Numbering::Uid
    } else {
        Numbering::Sequence
    };
    let command = match (name.as_str(), numbering) {
        ("SEARCH", _) => Command::Search(search::search(&mut lexer, numbering)?),
        ("FETCH", _) => fetch::fetch(&mut lexer, numbering)?,
        ("STORE", _) => store(&mut lexer, numbering)?,
        ("COPY", _) => Command::Copy(transfer(&mut lexer, numbering, names)?),
        ("MOVE", _) => Command::Move(transfer(&mut lexer, numbering, names)?),
        ("EXPUNGE", Numbering::Uid) => {
            lexer.space()?;
            Command::UidExpunge(message_set(&mut lexer)?)
        }
        (name, Numbering::Uid) => return Err(CommandError::Unknown(format!("UID {name}"))),
        (name, Numbering::Sequence) => match plain(name) {
            Some(command) => command,
            None => with_arguments(name, &mut lexer, names)?,
        },
    };
    lexer.end()?;
    Ok(command)
}

/// Commands without arguments.
fn plain(name: &str) -> Option<Command> {
    Some(match name {
        "CAPABILITY" => Command::Capability,
        "NOOP" => Command::Noop,
        "LOGOUT" => Command::Logout,
        "STARTTLS" => Command::StartTls,
        "NAMESPACE" => Command::Namespace,
        "IDLE" => Command::Idle,
        "CHECK" => Command::Check,
        "CLOSE" => Command::Close,
        "UNSELECT" => Command::Unselect,
        "EXPUNGE" => Command::Expunge,
        _ => return None,
    })
}

fn with_arguments(name: &str, lexer: &mut Lexer<'_>, names: Names) -> Parse<Command> {
    let known = [
        "ID",
        "AUTHENTICATE",
        "LOGIN",
        "ENABLE",
        "SELECT",
        "EXAMINE",
        "CREATE",
        "DELETE",
        "RENAME",
        "SUBSCRIBE",
        "UNSUBSCRIBE",
        "LIST",
        "LSUB",
        "STATUS",
        "APPEND",
    ];
    if !known.contains(&name) {
        return Err(CommandError::Unknown(name.to_owned()));
    }
    lexer.space()?;
    let mailbox = |lexer: &mut Lexer<'_>| mailbox_name(&lexer.astring()?, names);
    Ok(match name {
        "ID" => Command::Id(id(lexer)?),
        "AUTHENTICATE" => authenticate(lexer)?,
        "LOGIN" => login(lexer)?,
        "ENABLE" => {
            let mut wanted = vec![lexer.keyword("a capability")?];
            while lexer.eat(b' ') {
                wanted.push(lexer.keyword("a capability")?);
            }
            Command::Enable(wanted)
        }
        "SELECT" => select(lexer, Access::ReadWrite, names)?,
        "EXAMINE" => select(lexer, Access::ReadOnly, names)?,
        "CREATE" => create(lexer, names)?,
        "DELETE" => Command::Delete(mailbox(lexer)?),
        "RENAME" => {
            let from = mailbox(lexer)?;
            lexer.space()?;
            Command::Rename { from, to: mailbox(lexer)? }
        }
        "SUBSCRIBE" => Command::Subscribe(mailbox(lexer)?),
        "UNSUBSCRIBE" => Command::Unsubscribe(mailbox(lexer)?),
        "LIST" => Command::List(list::list(lexer, names)?),
        "LSUB" => list::lsub(lexer, names)?,
        "STATUS" => {
            let mailbox = mailbox(lexer)?;
            lexer.space()?;
            Command::Status { mailbox, items: status_items(lexer)? }
        }
        // A whole command: its message did not come as a literal.
        _ => {
            lexer.astring()?;
            return Err(lexer.expected("a literal").into());
        }
    })
}

/// `ID` (RFC 2971 §3.1): up to 30 pairs, of 30 and 1,024 octets (§3.3).
fn id(lexer: &mut Lexer<'_>) -> Parse<Vec<(String, Option<String>)>> {
    if lexer.eat_word("NIL") {
        return Ok(Vec::new());
    }
    let text = |octets: Vec<u8>| String::from_utf8_lossy(&octets).into_owned();
    let start = lexer.clone();
    let pairs: Vec<(Vec<u8>, Option<Vec<u8>>)> = lexer.list(|lexer| {
        let field = lexer.string()?;
        lexer.space()?;
        Ok::<_, SyntaxError>((field, lexer.nstring()?))
    })?;
    let is_long = |(field, value): &(Vec<u8>, Option<Vec<u8>>)| {
        field.len() > 30 || value.as_ref().is_some_and(|value| value.len() > 1_024)
    };
    if pairs.len() > 30 || pairs.iter().any(is_long) {
        return Err(start.expected("at most 30 fields of 30 and 1024 octets").into());
    }
    Ok(pairs.into_iter().map(|(field, value)| (text(field), value.map(text))).collect())
}

fn authenticate(lexer: &mut Lexer<'_>) -> Parse<Command> {
    let mechanism = lexer.keyword("a mechanism")?;
    let initial = if lexer.eat(b' ') {
        let belongs = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
        let initial = lexer.take_while("base64, or = for an empty response", belongs)?;
        Some(Secret(initial.to_vec()))
    } else {
        None
    };
    Ok(Command::Authenticate { mechanism, initial })
}

fn login(lexer: &mut Lexer<'_>) -> Parse<Command> {
    let start = lexer.clone();
    let user = String::from_utf8(lexer.astring()?).map_err(|_| start.expected("UTF-8"))?;
    lexer.space()?;
    Ok(Command::Login { user, password: Secret(lexer.astring()?) })
}

/// `SELECT mailbox [(CONDSTORE)]` (RFC 4466 §2.4, RFC 7162 §3.1.8).
fn select(lexer: &mut Lexer<'_>, access: Access, names: Names) -> Parse<Command> {
    let mailbox = mailbox_name(&lexer.astring()?, names)?;
    let mut condstore = Condstore::Unsaid;
    if lexer.eat(b' ') {
        lexer.list(|lexer| {
            if !lexer.eat_word("CONDSTORE") {
                return Err(lexer.expected("CONDSTORE"));
            }
            condstore = Condstore::Enabled;
            Ok(())
        })?;
    }
    Ok(Command::Select { mailbox, access, condstore })
}

/// `CREATE mailbox [(USE (\Sent))]` (RFC 6154 §3).
fn create(lexer: &mut Lexer<'_>, names: Names) -> Parse<Command> {
    let mut name = lexer.astring()?;
    // A separator at the end says that children will follow; it is not part of
    // the name (RFC 9051 §6.3.4).
    if name.last() == Some(&b'/') {
        name.pop();
    }
    let mailbox = mailbox_name(&name, names)?;
    let mut special_use = Vec::new();
    if lexer.eat(b' ') {
        if !lexer.eat_word("(USE ") {
            return Err(lexer.expected("(USE").into());
        }
        special_use = lexer.list(|lexer| {
            lexer.expect(b'\\', "a backslash")?;
            special_use_of(&lexer.keyword("a use")?)
        })?;
        lexer.expect(b')', "a closing parenthesis")?;
    }
    Ok(Command::Create { mailbox, special_use })
}

fn special_use_of(name: &str) -> Parse<SpecialUse> {
    let all = [
        SpecialUse::Archive,
        SpecialUse::Drafts,
        SpecialUse::Junk,
        SpecialUse::Sent,
        SpecialUse::Trash,
    ];
    let is_it = |r#use: &SpecialUse| {
        r#use.attribute().get(1..).is_some_and(|known| known.eq_ignore_ascii_case(name))
    };
    all.into_iter().find(is_it).ok_or(CommandError::SpecialUse)
}

pub(super) fn status_items(lexer: &mut Lexer<'_>) -> Parse<Vec<StatusItem>> {
    let start = lexer.clone();
    let items: Vec<StatusItem> = lexer.list(|lexer| {
        let name = lexer.keyword("a status item")?;
        StatusItem::of_name(&name).ok_or_else(|| lexer.expected("a known status item"))
    })?;
    if items.is_empty() { Err(start.expected("a status item").into()) } else { Ok(items) }
}

/// `STORE` (RFC 9051 §6.4.6, RFC 7162 §3.1.3).
fn store(lexer: &mut Lexer<'_>, numbering: Numbering) -> Parse<Command> {
    lexer.space()?;
    let messages = message_set(lexer)?;
    lexer.space()?;
    let mut unchanged_since = None;
    if lexer.eat_word("(UNCHANGEDSINCE ") {
        unchanged_since = Some(ModSeq(lexer.number64()?));
        lexer.expect(b')', "a closing parenthesis")?;
        lexer.space()?;
    }
    let sign = lexer.peek().filter(|byte| matches!(byte, b'+' | b'-'));
    lexer.skip(usize::from(sign.is_some()));
    if !lexer.eat_word("FLAGS") {
        return Err(lexer.expected("FLAGS").into());
    }
    let report = if lexer.eat_word(".SILENT") { Report::Silent } else { Report::Told };
    lexer.space()?;
    let flags = if lexer.peek() == Some(b'(') {
        flag_list(lexer)?
    } else {
        let mut flags = vec![flag(lexer)?];
        while lexer.eat(b' ') {
            flags.push(flag(lexer)?);
        }
        flags.into_iter().flatten().collect()
    };
    let change = match sign {
        Some(b'+') => FlagChange::Add(flags),
        Some(_) => FlagChange::Remove(flags),
        None => FlagChange::Replace(flags),
    };
    Ok(Command::Store { messages, numbering, change, report, unchanged_since })
}

fn transfer(lexer: &mut Lexer<'_>, numbering: Numbering, names: Names) -> Parse<Transfer> {
    lexer.space()?;
    let messages = message_set(lexer)?;
    lexer.space()?;
    Ok(Transfer { messages, numbering, to: mailbox_name(&lexer.astring()?, names)? })
}

pub(super) fn message_set(lexer: &mut Lexer<'_>) -> Parse<MessageSet> {
    if lexer.eat(b'$') {
        return Ok(MessageSet::Saved);
    }
    let start = lexer.clone();
    let belongs = |byte: u8| byte.is_ascii_digit() || b",:*".contains(&byte);
    let set = lexer.take_while("message numbers", belongs)?;
    let set = SequenceSet::parse(set).map_err(|_| start.expected("message numbers"))?;
    Ok(MessageSet::Numbers(set))
}

fn flag_list(lexer: &mut Lexer<'_>) -> Parse<Vec<Flag>> {
    Ok(lexer.list(flag)?.into_iter().flatten().collect())
}

/// One flag; none for `\Recent`, which clients copy from responses although
/// they cannot set it (RFC 3501 §2.3.2).
fn flag(lexer: &mut Lexer<'_>) -> Parse<Option<Flag>> {
    let backslash = if lexer.eat(b'\\') { "\\" } else { "" };
    let belongs = super::lexer::is_atom_char;
    let name = lexer.take_while("a flag", belongs)?;
    let name = format!("{backslash}{}", String::from_utf8_lossy(name));
    if name.eq_ignore_ascii_case("\\Recent") {
        return Ok(None);
    }
    Flag::parse(&name).map(Some).map_err(|error| CommandError::Flag(error.to_string()))
}

pub(super) fn mailbox_name(octets: &[u8], names: Names) -> Parse<MailboxName> {
    let text = names.decode(octets).map_err(|error| CommandError::Name(error.to_string()))?;
    MailboxName::parse(&text).map_err(|error| CommandError::Name(error.to_string()))
}
