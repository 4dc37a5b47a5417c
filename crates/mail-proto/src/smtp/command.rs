//! What a client says (RFC 5321 §4.1): one line, found first, then parsed.
//!
//! ```text
//!   MAIL FROM:<andrea@unal.edu.co> SIZE=1200 BODY=8BITMIME
//!   └─┬┘ └──────────┬────────────┘ └──────────┬──────────┘
//!    verb         path                    parameters
//! ```

use super::parameters::{self, MailParameters, RcptParameters};
use crate::address::{AddressError, ForwardPath, PathText, ReversePath, read_path};

/// One command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `HELO name`.
    Helo(String),
    /// `EHLO name`.
    Ehlo(String),
    /// `MAIL FROM:<path>`.
    Mail(ReversePath, MailParameters),
    /// `RCPT TO:<path>`.
    Rcpt(RecipientPath, RcptParameters),
    /// `DATA`.
    Data,
    /// `BDAT octets [LAST]` (RFC 3030 §2).
    Bdat(Chunk),
    /// `RSET`.
    Reset,
    /// `NOOP`.
    Noop,
    /// `QUIT`.
    Quit,
    /// `VRFY text`.
    Verify(String),
    /// `EXPN text`.
    Expand(String),
    /// `HELP`.
    Help,
    /// `STARTTLS` (RFC 3207).
    StartTls,
    /// `AUTH mechanism [initial response]` (RFC 4954 §4).
    Auth {
        /// The mechanism, in capitals.
        mechanism: String,
        /// The initial response, in base64; `=` for an empty one.
        initial: Option<String>,
    },
}

/// Whom `RCPT` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecipientPath {
    /// The postmaster of this server (RFC 5321 §4.1.1.3).
    Postmaster,
    /// An address.
    Path(ForwardPath),
}

/// What `BDAT` announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Octets that follow the command.
    pub octets: u64,
    /// Whether the message is whole after them.
    pub is_last: bool,
}

/// Why a line is no command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The verb is not known.
    #[error("`{0}` is no command")]
    Unknown(String),
    /// The bytes are neither ASCII nor UTF-8.
    #[error("the line is not UTF-8")]
    NotUtf8,
    /// What follows the verb is not what must.
    #[error("{verb}: {problem}")]
    Arguments {
        /// The verb.
        verb: &'static str,
        /// What is wrong.
        problem: &'static str,
    },
    /// The sender's path is none.
    #[error("{0}")]
    Sender(AddressError),
    /// The recipient's path is none.
    #[error("{0}")]
    Recipient(AddressError),
    /// A parameter that we do not know.
    #[error("the parameter {0} is not known")]
    UnknownParameter(String),
    /// A parameter with a wrong value, or twice.
    #[error("{keyword}: {problem}")]
    Parameter {
        /// The parameter.
        keyword: &'static str,
        /// What is wrong.
        problem: &'static str,
    },
}

/// How many octets a command line may have, CR LF included: 512
/// (RFC 5321 §4.5.3.1.4) and what each extension adds.
#[must_use]
pub fn line_octets_max(line: &[u8]) -> usize {
    let is = |verb: &[u8]| line.get(..4).is_some_and(|seen| seen.eq_ignore_ascii_case(verb));
    if is(b"MAIL") {
        // SIZE (RFC 1870 §3), BODY (RFC 6152 §2), SMTPUTF8 (RFC 6531 §3.1), AUTH
        // (RFC 4954 §3), RET and ENVID (RFC 3461 §5).
        LINE_OCTETS + 26 + 17 + 10 + 500 + 113
    } else if is(b"RCPT") {
        // NOTIFY and ORCPT (RFC 3461 §5).
        LINE_OCTETS + 28 + 500
    } else if is(b"AUTH") {
        // RFC 4954 §4.
        AUTH_LINE_OCTETS_MAX
    } else {
        LINE_OCTETS
    }
}

/// RFC 5321 §4.5.3.1.4.
const LINE_OCTETS: usize = 512;
/// Octets of a line within an AUTH exchange, CR LF included (RFC 4954 §4).
pub const AUTH_LINE_OCTETS_MAX: usize = 12_288;

impl Command {
    /// Reads a line without its CR LF.
    ///
    /// # Errors
    /// When it is no command of ours, or breaks its syntax.
    pub fn parse(line: &[u8]) -> Result<Self, CommandError> {
        let line = str::from_utf8(line).map_err(|_| CommandError::NotUtf8)?;
        // RFC 5321 §4.1.1: white space at the end is tolerated.
        let line = line.trim_end_matches([' ', '\t']);
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let alone = |verb, command| match rest {
            "" => Ok(command),
            _ => Err(CommandError::Arguments { verb, problem: "nothing may follow it" }),
        };
        match verb.to_ascii_uppercase().as_str() {
            "HELO" => greeting("HELO", rest).map(Self::Helo),
            "EHLO" => greeting("EHLO", rest).map(Self::Ehlo),
            "MAIL" => mail(rest),
            "RCPT" => rcpt(rest),
            "DATA" => alone("DATA", Self::Data),
            "BDAT" => chunk(rest).map(Self::Bdat),
            "RSET" => alone("RSET", Self::Reset),
            "NOOP" => Ok(Self::Noop),
            "QUIT" => alone("QUIT", Self::Quit),
            "VRFY" => some_text("VRFY", rest).map(Self::Verify),
            "EXPN" => some_text("EXPN", rest).map(Self::Expand),
            "HELP" => Ok(Self::Help),
            "STARTTLS" => alone("STARTTLS", Self::StartTls),
            "AUTH" => auth(rest),
            _ => Err(CommandError::Unknown(verb.chars().take(SHOWN_CHARACTERS).collect())),
        }
    }
}

/// Characters of an unknown verb that its reply shows.
const SHOWN_CHARACTERS: usize = 20;

/// The client's name. It is not judged (RFC 5321 §4.1.4), but stands in trace
/// lines: one word of printable ASCII (RFC 6531 §3.7.1).
fn greeting(verb: &'static str, rest: &str) -> Result<String, CommandError> {
    let name = rest.trim_matches(' ');
    let is_word = name.chars().all(|c| c.is_ascii_graphic() && !"()<>\\\"".contains(c));
    if name.is_empty() || !is_word || name.len() > GREETING_OCTETS_MAX {
        let problem = "your host name, or an address literal such as [192.0.2.1], must follow it";
        return Err(CommandError::Arguments { verb, problem });
    }
    Ok(name.to_owned())
}

/// RFC 5321 §4.5.3.1.2: a domain has at most 255 octets.
const GREETING_OCTETS_MAX: usize = 255;

fn some_text(verb: &'static str, rest: &str) -> Result<String, CommandError> {
    if rest.is_empty() {
        return Err(CommandError::Arguments { verb, problem: "a name must follow it" });
    }
    Ok(rest.to_owned())
}

/// What follows `FROM:` or `TO:`. Blanks before the path are no RFC 5321 §3.3, but
/// textbooks and people write them, and nothing else can be meant.
fn after_keyword<'l>(rest: &'l str, keyword: &str) -> Option<&'l str> {
    let found = rest.get(..keyword.len())?;
    let after = rest.get(keyword.len()..)?;
    found.eq_ignore_ascii_case(keyword).then(|| after.trim_start_matches(' '))
}

fn mail(rest: &str) -> Result<Command, CommandError> {
    let problem = "it is written MAIL FROM:<name@domain>";
    let path =
        after_keyword(rest, "FROM:").ok_or(CommandError::Arguments { verb: "MAIL", problem })?;
    let (path, rest) = read_path(path).map_err(CommandError::Sender)?;
    let from = match path {
        PathText::Null => ReversePath(None),
        PathText::Mailbox(address) => ReversePath(Some(address)),
        PathText::Postmaster => {
            let error = AddressError { text: "<postmaster>".to_owned(), problem: "it has no @" };
            return Err(CommandError::Sender(error));
        }
    };
    Ok(Command::Mail(from, parameters::mail(rest)?))
}

fn rcpt(rest: &str) -> Result<Command, CommandError> {
    let problem = "it is written RCPT TO:<name@domain>";
    let path =
        after_keyword(rest, "TO:").ok_or(CommandError::Arguments { verb: "RCPT", problem })?;
    let (path, rest) = read_path(path).map_err(CommandError::Recipient)?;
    let to = match path {
        PathText::Postmaster => RecipientPath::Postmaster,
        PathText::Mailbox(address) => RecipientPath::Path(ForwardPath(address)),
        PathText::Null => {
            let error = AddressError { text: "<>".to_owned(), problem: "it names nobody" };
            return Err(CommandError::Recipient(error));
        }
    };
    Ok(Command::Rcpt(to, parameters::rcpt(rest)?))
}

/// RFC 3030 §2: `BDAT SP chunk-size [SP LAST]`.
fn chunk(rest: &str) -> Result<Chunk, CommandError> {
    let wrong = || CommandError::Arguments {
        verb: "BDAT",
        problem: "a number of octets must follow it, then perhaps LAST",
    };
    let (octets, last) = rest.split_once(' ').map_or((rest, None), |(a, b)| (a, Some(b)));
    let is_last = match last {
        None => false,
        Some(word) if word.eq_ignore_ascii_case("LAST") => true,
        Some(_) => return Err(wrong()),
    };
    let octets = parameters::number(octets).ok_or_else(wrong)?;
    Ok(Chunk { octets, is_last })
}

fn auth(rest: &str) -> Result<Command, CommandError> {
    let mut words = rest.split(' ');
    let mechanism = words.next().filter(|word| !word.is_empty() && word.len() <= 20);
    let (Some(mechanism), initial, None) = (mechanism, words.next(), words.next()) else {
        let problem = "a mechanism must follow it, then perhaps one response in base64";
        return Err(CommandError::Arguments { verb: "AUTH", problem });
    };
    let (mechanism, initial) = (mechanism.to_ascii_uppercase(), initial.map(str::to_owned));
    Ok(Command::Auth { mechanism, initial })
}

#[cfg(test)]
mod tests;
