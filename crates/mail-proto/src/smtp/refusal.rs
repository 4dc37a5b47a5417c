//! Every reason to say no, and the reply that says it (RFC 5321 §4.2.3, RFC 3463).

use super::command::CommandError;
use super::content::ContentFault;
use super::data::DataFault;
use super::line::LineFault;
use super::reply::Reply;

/// Why a server says no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The line breaks the rules of lines.
    Line(LineFault),
    /// The line is no command.
    Command(CommandError),
    /// A command at the wrong time; with what must come first.
    Sequence(&'static str),
    /// A command that we know and do not offer.
    NotOffered(&'static str),
    /// A parameter that is not offered in this session.
    ParameterNotOffered(&'static str),
    /// Log in first (RFC 4954 §6).
    LogInFirst,
    /// Begin TLS first (RFC 4954 §4, RFC 3207 §4).
    TlsFirst,
    /// The mechanism is not offered (RFC 4954 §4).
    UnknownMechanism,
    /// Name and password do not fit (RFC 4954 §6).
    WrongCredentials,
    /// The exchange broke its mechanism's syntax (RFC 4954 §4).
    BadExchange(String),
    /// The client ended the exchange with `*` (RFC 4954 §4).
    ExchangeCancelled,
    /// Refused log-ins were too many.
    ManyLogIns,
    /// Passwords cannot be checked at this time (RFC 4954 §6).
    LogInTryLater,
    /// The sender's address is somebody else's (RFC 6409 §6.1).
    ForeignSender,
    /// An address beyond ASCII without SMTPUTF8 (RFC 6531 §3.5).
    NeedsSmtputf8,
    /// Nobody here has that name (RFC 5321 §3.5.3).
    UnknownRecipient,
    /// The domain is not ours, and the client has not logged in.
    NoRelay,
    /// It cannot be said at this time who the recipient is.
    RecipientTryLater,
    /// Recipients were too many (RFC 5321 §4.5.3.1.10).
    ManyRecipients(usize),
    /// The announced size is over the limit (RFC 1870 §6.1).
    AnnouncedTooLarge(u64),
    /// No recipient was taken (RFC 2920 §3.1).
    NoRecipient,
    /// The data cannot be told from commands.
    Data(DataFault),
    /// The message breaks a rule.
    Content(ContentFault),
    /// An earlier chunk was refused (RFC 3030 §2).
    ChunkRefused,
    /// It is a browser, and what it sends may be a stranger's form.
    WebClient,
    /// Errors were too many.
    ManyErrors,
    /// Commands that begin no message were too many.
    ManyIdleCommands,
    /// The client took too long (RFC 5321 §4.5.3.2.7).
    TimedOut,
    /// The server stops (RFC 5321 §3.8).
    Stopping,
    /// Connections are too many, in all or from this address.
    ManyConnections,
}

impl Refusal {
    /// The one place where a reason becomes a reply.
    #[must_use]
    pub fn reply(&self) -> Reply {
        let permanent =
            |code, subject, detail, text: &str| Reply::new(code, Some((subject, detail)), text);
        match self {
            Self::Line(fault) => of_line(*fault),
            Self::Command(error) => of_command(error),
            Self::Sequence(first) => permanent(503, 5, 1, first),
            Self::NotOffered(verb) => permanent(502, 5, 1, &format!("{verb} is not offered here")),
            Self::ParameterNotOffered(keyword) => {
                permanent(555, 5, 4, &format!("{keyword} is not offered here"))
            }
            Self::LogInFirst => permanent(530, 7, 0, "log in first (AUTH)"),
            Self::TlsFirst => permanent(538, 7, 11, "begin TLS first (STARTTLS)"),
            Self::UnknownMechanism => permanent(504, 5, 4, "this mechanism is not offered"),
            Self::WrongCredentials => permanent(535, 7, 8, "name and password do not fit"),
            Self::BadExchange(problem) => permanent(501, 5, 2, problem),
            Self::ExchangeCancelled => permanent(501, 7, 0, "log-in cancelled"),
            Self::ManyLogIns => Reply::new(421, Some((7, 0)), "too many refused log-ins; goodbye"),
            Self::LogInTryLater => {
                Reply::new(454, Some((7, 0)), "passwords cannot be checked at this time")
            }
            Self::ForeignSender => permanent(553, 7, 1, "that sender is not yours"),
            Self::NeedsSmtputf8 => permanent(553, 6, 7, "this address needs MAIL with SMTPUTF8"),
            Self::UnknownRecipient => permanent(550, 1, 1, "nobody here has that name"),
            Self::NoRelay => {
                permanent(554, 7, 1, "that domain is not served here; relaying denied")
            }
            Self::RecipientTryLater => {
                Reply::new(451, Some((3, 0)), "the users cannot be asked at this time")
            }
            Self::ManyRecipients(max) => {
                let text = format!("at most {max} recipients in one message; send the rest apart");
                Reply::new(452, Some((5, 3)), text)
            }
            Self::AnnouncedTooLarge(max) => {
                permanent(552, 3, 4, &format!("a message has at most {max} octets"))
            }
            Self::NoRecipient => permanent(554, 5, 1, "no recipient was taken"),
            Self::Data(fault) => permanent(554, 6, 0, &format!("{fault}: {CRLF_HINT}; goodbye")),
            Self::Content(fault) => of_content(*fault),
            Self::ChunkRefused => {
                permanent(503, 5, 1, "an earlier chunk was refused; RSET begins anew")
            }
            Self::WebClient => Reply::new(421, Some((7, 0)), "this is no web server; goodbye"),
            Self::ManyErrors => Reply::new(421, Some((7, 0)), "too many errors; goodbye"),
            Self::ManyIdleCommands => {
                Reply::new(421, Some((7, 0)), "too many commands without a message; goodbye")
            }
            Self::TimedOut => Reply::new(421, Some((4, 2)), "you took too long; goodbye"),
            Self::Stopping => Reply::new(421, Some((3, 2)), "the server stops; goodbye"),
            Self::ManyConnections => {
                Reply::new(421, Some((7, 0)), "too many connections; come back later")
            }
        }
    }

    /// Whether the session must end: what follows cannot be told for sure, or
    /// the client has used up its patience.
    #[must_use]
    pub const fn ends_session(&self) -> bool {
        matches!(
            self,
            Self::Line(LineFault::BareCr | LineFault::BareLf | LineFault::Endless)
                | Self::Data(_)
                | Self::ManyLogIns
                | Self::WebClient
                | Self::ManyErrors
                | Self::ManyIdleCommands
                | Self::TimedOut
                | Self::Stopping
                | Self::ManyConnections
        )
    }
}

/// What to do against bare line feeds, for people who type.
const CRLF_HINT: &str = "lines end in CR LF; nc sends it with -C";

fn of_line(fault: LineFault) -> Reply {
    let (detail, text) = match fault {
        LineFault::BareLf => (2, format!("a bare LF: {CRLF_HINT}; goodbye")),
        LineFault::BareCr => (2, format!("a bare CR: {CRLF_HINT}; goodbye")),
        LineFault::Nul => (2, "a null byte in a command".to_owned()),
        // RFC 5321 §4.5.3.1.10: 500 for a line that is too long.
        LineFault::TooLong => (2, "the line is too long: a command has at most 512 octets".into()),
        LineFault::Endless => (2, "the line does not end; goodbye".to_owned()),
    };
    Reply::new(500, Some((5, detail)), text)
}

fn of_command(error: &CommandError) -> Reply {
    // RFC 5321 §4.2.4, §4.1.1.11.
    let (code, enhanced) = match error {
        CommandError::Unknown(_) => (500, (5, 1)),
        CommandError::NotUtf8 => (500, (5, 2)),
        CommandError::Arguments { .. } | CommandError::Parameter { .. } => (501, (5, 4)),
        CommandError::Sender(_) => (501, (1, 7)),
        CommandError::Recipient(_) => (501, (1, 3)),
        CommandError::UnknownParameter(_) => (555, (5, 4)),
    };
    Reply::new(code, Some(enhanced), error.to_string())
}

fn of_content(fault: ContentFault) -> Reply {
    let (code, enhanced) = match fault {
        ContentFault::TooLarge(_) => (552, (3, 4)),
        // RFC 5321 §4.5.3.1.10.
        ContentFault::LongLine => (500, (6, 0)),
        ContentFault::Nul | ContentFault::BareEnd => (554, (6, 0)),
        // RFC 3463 §3.5.
        ContentFault::Loop(_) => (554, (4, 6)),
        ContentFault::EightBit => (554, (6, 1)),
    };
    let text = match fault {
        ContentFault::BareEnd => format!("{fault}: {CRLF_HINT}"),
        ContentFault::EightBit => format!("{fault}: this server takes ASCII only"),
        other => other.to_string(),
    };
    Reply::new(code, Some(enhanced), text)
}
