//! What a reply answers.

use crate::dissect::lines::body_of;

/// What the client asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// By opening the connection.
    Connection,
    Capabilities,
    User,
    Pass,
    /// RFC 1939 §7.
    Apop,
    LogIn,
    /// `AUTH` alone: which ways there are.
    Mechanisms,
    Stls,
    Stat,
    Sizes,
    Size,
    Names,
    Name,
    Retrieve,
    Top,
    Delete,
    Reset,
    Noop,
    Quit,
    Other,
}

impl Asked {
    /// By a command line.
    pub(super) fn by(line: &[u8]) -> Self {
        let text = line.get(body_of(line)).unwrap_or_default();
        let mut words = text.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
        let keyword = words.next().unwrap_or_default().to_ascii_uppercase();
        let is_alone = words.next().is_none();
        match (keyword.as_slice(), is_alone) {
            (b"CAPA", _) => Self::Capabilities,
            (b"USER", _) => Self::User,
            (b"PASS", _) => Self::Pass,
            (b"APOP", _) => Self::Apop,
            (b"AUTH", true) => Self::Mechanisms,
            (b"AUTH", false) => Self::LogIn,
            (b"STLS", _) => Self::Stls,
            (b"STAT", _) => Self::Stat,
            (b"LIST", true) => Self::Sizes,
            (b"LIST", false) => Self::Size,
            (b"UIDL", true) => Self::Names,
            (b"UIDL", false) => Self::Name,
            (b"RETR", _) => Self::Retrieve,
            (b"TOP", _) => Self::Top,
            (b"DELE", _) => Self::Delete,
            (b"RSET", _) => Self::Reset,
            (b"NOOP", _) => Self::Noop,
            (b"QUIT", _) => Self::Quit,
            _ => Self::Other,
        }
    }

    /// Whether lines up to a dot follow a yes (RFC 1939 §3).
    pub(super) const fn brings_lines(self) -> bool {
        self.brings_message()
            || matches!(self, Self::Capabilities | Self::Mechanisms | Self::Sizes | Self::Names)
    }

    /// Whether these lines are a message.
    pub(super) const fn brings_message(self) -> bool {
        matches!(self, Self::Retrieve | Self::Top)
    }
}
