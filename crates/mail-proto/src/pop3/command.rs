//! What a client says.

use crate::sasl::{Mechanism, Password};

/// One command line (RFC 1939 §3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// What the server can do (RFC 2449 §5).
    Capa,
    /// Who (RFC 1939 §7).
    User(String),
    /// The password for it.
    Pass(Password),
    /// Begins an exchange, with the initial response as it came, in base64
    /// (RFC 5034 §4); none lists the mechanisms.
    Auth(Option<(String, Option<String>)>),
    /// Begins TLS (RFC 2595 §4).
    Stls,
    /// How many, how large.
    Stat,
    /// The sizes of all, or of one.
    List(Option<u32>),
    /// The lasting names of all, or of one.
    Uidl(Option<u32>),
    /// A whole message.
    Retr(u32),
    /// A message's header and so many lines of its body.
    Top(u32, u32),
    /// Marks a message.
    Dele(u32),
    /// Does nothing.
    Noop,
    /// Takes all marks back.
    Rset,
    /// Ends the session; marked messages go now.
    Quit,
}

/// Why a line is no command, as the client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// Not one of ours.
    #[error("there is no such command")]
    Unknown,
    /// The argument is missing, too much, or no number.
    #[error("the command needs: {0}")]
    Arguments(&'static str),
    /// Not text.
    #[error("a command is in UTF-8")]
    NoText,
}

impl Command {
    /// Reads a line without its CR LF. Keywords are in any case; one space
    /// separates arguments, and a password may have more (RFC 1939 §3, §7).
    ///
    /// # Errors
    /// [`CommandError`].
    pub fn parse(line: &[u8]) -> Result<Self, CommandError> {
        let line = std::str::from_utf8(line).map_err(|_| CommandError::NoText)?;
        let (keyword, rest) = line.split_once(' ').map_or((line, None), |(k, r)| (k, Some(r)));
        let plain = |command: Self, usage| match rest.map(str::trim) {
            None | Some("") => Ok(command),
            Some(_) => Err(CommandError::Arguments(usage)),
        };
        match keyword.to_ascii_uppercase().as_str() {
            "CAPA" => plain(Self::Capa, "nothing"),
            "STLS" => plain(Self::Stls, "nothing"),
            "STAT" => plain(Self::Stat, "nothing"),
            "NOOP" => plain(Self::Noop, "nothing"),
            "RSET" => plain(Self::Rset, "nothing"),
            "QUIT" => plain(Self::Quit, "nothing"),
            "USER" => {
                let name = rest.map(str::trim).filter(|name| !name.is_empty());
                let name = name.ok_or(CommandError::Arguments("a name"))?;
                Ok(Self::User(name.to_owned()))
            }
            "PASS" => {
                let usage = CommandError::Arguments("a password");
                let password = rest.ok_or(usage)?;
                Ok(Self::Pass(Password::new(password).map_err(|_| usage)?))
            }
            "AUTH" => {
                Ok(Self::Auth(rest.map(str::trim).filter(|rest| !rest.is_empty()).map(|rest| {
                    match rest.split_once(' ') {
                        Some((mechanism, initial)) => {
                            (mechanism.to_owned(), Some(initial.trim().to_owned()))
                        }
                        None => (rest.to_owned(), None),
                    }
                })))
            }
            "LIST" => Ok(Self::List(optional_number(rest)?)),
            "UIDL" => Ok(Self::Uidl(optional_number(rest)?)),
            "RETR" => Ok(Self::Retr(one_number(rest)?)),
            "DELE" => Ok(Self::Dele(one_number(rest)?)),
            "TOP" => {
                let usage = CommandError::Arguments("a message number and a number of lines");
                let (number, lines) = rest.and_then(|r| r.trim().split_once(' ')).ok_or(usage)?;
                Ok(Self::Top(number_of(number).ok_or(usage)?, number_of(lines).ok_or(usage)?))
            }
            _ => Err(CommandError::Unknown),
        }
    }
}

fn one_number(rest: Option<&str>) -> Result<u32, CommandError> {
    rest.and_then(number_of).ok_or(CommandError::Arguments("a message number"))
}

fn optional_number(rest: Option<&str>) -> Result<Option<u32>, CommandError> {
    match rest.map(str::trim) {
        None | Some("") => Ok(None),
        Some(number) => one_number(Some(number)).map(Some),
    }
}

/// Digits only; a number beyond all numbers of messages is the largest one.
fn number_of(text: &str) -> Option<u32> {
    let text = text.trim();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u32::MAX))
}

/// The names of mechanisms as `CAPA` and `AUTH` list them.
#[must_use]
pub fn mechanism_names(mechanisms: &[Mechanism]) -> Vec<&'static str> {
    mechanisms.iter().map(|mechanism| mechanism.name()).collect()
}

/// Octets of a command line with its CR LF (RFC 2449 §4).
pub const COMMAND_OCTETS_MAX: usize = 255;

#[cfg(test)]
mod tests {
    use super::{Command, CommandError};
    use crate::sasl::Password;

    #[test]
    fn commands_are_read_as_the_standard_writes_them() {
        // RFC 1939 §3, §5, §7; RFC 2449 §5; RFC 5034 §4.
        let check = |line: &str, expect: Command| {
            assert_eq!(Command::parse(line.as_bytes()), Ok(expect), "{line}");
        };
        check("USER mrose", Command::User("mrose".to_owned()));
        check("PASS a b ", Command::Pass(Password::new("a b ").expect("a password")));
        check("stat", Command::Stat);
        check("LIST", Command::List(None));
        check("LIST 2", Command::List(Some(2)));
        check("TOP 1 10", Command::Top(1, 10));
        check("RETR 99999999999999999999", Command::Retr(u32::MAX));
        check("AUTH", Command::Auth(None));
        check("AUTH PLAIN =", Command::Auth(Some(("PLAIN".to_owned(), Some("=".to_owned())))));
        check("UIDL 3", Command::Uidl(Some(3)));
    }

    #[test]
    fn what_is_no_command_is_told() {
        // RFC 1939 §3: "A server MUST respond to an unrecognized,
        // unimplemented, or syntactically invalid command".
        let check = |line: &[u8]| Command::parse(line).expect_err("no command");
        assert_eq!(check(b"XYZZY"), CommandError::Unknown);
        assert_eq!(check(b""), CommandError::Unknown);
        assert_eq!(check(b"RETR \xff"), CommandError::NoText);
        for line in ["RETR", "RETR -1", "RETR 1 2", "TOP 1", "TOP 1 -1", "USER", "STAT 1", "DELE x"]
        {
            assert!(matches!(check(line.as_bytes()), CommandError::Arguments(_)), "{line}");
        }
    }
}
