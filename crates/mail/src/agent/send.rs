//! The sending side: a letter or a finished message, handed to a submission
//! server (RFC 6409).

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use capa7_mail_proto::address::{Address, ForwardPath, ReversePath};
use capa7_mail_proto::envelope::{BodyKind, Envelope, Recipient, Returns};
use capa7_mail_proto::message::compose::{Attachment, Draft, Person};
use capa7_mail_proto::message::date::MessageDate;
use capa7_mail_proto::message::fields;
use capa7_mail_proto::message::reply::people;
use capa7_mail_proto::message::structure::scan;
use capa7_mail_proto::smtp::client::{Outcome, Reason, RecipientOutcome};
use capa7_mail_proto::smtp::reply::Reply;
use capa7_net::{Cause, Host};
use rand::RngCore as _;

use crate::smtp::connection::{ClientSettings, Connection, ConnectionError};

/// What a person wants to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Who writes.
    pub from: Person,
    /// To whom.
    pub to: Vec<Person>,
    /// Who may read it too.
    pub cc: Vec<Person>,
    /// Who gets it without the others knowing.
    pub bcc: Vec<Person>,
    /// In any script.
    pub subject: String,
    /// The body.
    pub text: String,
    /// What comes with it.
    pub attachments: Vec<Attachment>,
}

/// A message on its way to a submission server.
#[derive(Clone, Debug)]
pub struct SendRequest {
    /// The server.
    pub server: SocketAddr,
    /// TLS, log-in, the own name.
    pub settings: ClientSettings,
    /// How long the server may take to accept the connection, and for its
    /// handshake where TLS begins with the first byte.
    pub connect_time: Duration,
    /// Who sends, who gets it.
    pub envelope: Envelope,
    /// The message, lines ended by CR LF.
    pub message: Bytes,
}

/// Why a message cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Nobody is to get it.
    #[error("the message names no recipient")]
    NoRecipient,
    /// Nobody sends it.
    #[error("the message has no From with an address")]
    NoSender,
    /// It is larger than any server takes.
    #[error("the message has more than {MESSAGE_BYTES_MAX} bytes")]
    TooLong,
    /// The server does not have the message: no session began, or it ended before
    /// the message did.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// The session broke, and nothing is known of the message.
    #[error("the server may have the message or not: {0}")]
    Broken(ConnectionError),
}

impl SendError {
    /// Whether nobody was there to speak with, or would not speak, so that
    /// another address may do (RFC 5321 §5.1).
    #[must_use]
    pub const fn is_unreachable(&self) -> bool {
        let Self::Connection(error) = self else { return false };
        matches!(
            error,
            ConnectionError::Io(_)
                | ConnectionError::NotConnected(_)
                | ConnectionError::TimedOut(_)
                | ConnectionError::Refused(_)
        )
    }
}

/// Writes a letter as a message with its envelope. Date, Message-ID and
/// delimiters come from the host's clock and dice.
///
/// # Errors
/// When nobody is to get it, or it is too long.
pub fn compose(host: &Host, letter: Letter) -> Result<(Envelope, Bytes), SendError> {
    let mut random = [0; RANDOM_BYTES];
    host.rng().fill_bytes(&mut random);
    let name: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let seconds = i64::try_from(host.wall_clock().secs()).unwrap_or(i64::MAX);
    let date = MessageDate::from_unix_seconds(seconds);
    let message_id = format!("{name}@{}", letter.from.address.domain());
    let recipients = [&letter.to, &letter.cc, &letter.bcc];
    let recipients =
        recipients.into_iter().flatten().map(|person| person.address.clone()).collect();
    let sender = letter.from.address.clone();
    let draft = Draft {
        to: letter.to,
        cc: letter.cc,
        subject: letter.subject,
        text: letter.text,
        attachments: letter.attachments,
        ..Draft::new(letter.from, date, message_id, name)
    };
    finish(sender, recipients, draft.write())
}

/// Takes a message as a file has it: lines are ended by CR LF, `Bcc` is taken
/// out (RFC 5322 §3.6.3), and the envelope follows from the header where it is
/// not given.
///
/// # Errors
/// When nobody sends it or nobody is to get it, or it is too long.
pub fn from_file(
    bytes: &[u8],
    sender: Option<Address>,
    recipients: Vec<Address>,
) -> Result<(Envelope, Bytes), SendError> {
    if bytes.len() > MESSAGE_BYTES_MAX {
        return Err(SendError::TooLong);
    }
    let message = with_crlf(bytes);
    let header = scan(&message).root().header.clone();
    let header = message.get(header).unwrap_or_default();
    let addresses = |name| people(header, name).into_iter().map(|person| person.address);
    let sender = sender.or_else(|| addresses("sender").next()).or_else(|| addresses("from").next());
    let recipients = if recipients.is_empty() {
        ["to", "cc", "bcc"].into_iter().flat_map(addresses).collect()
    } else {
        recipients
    };
    let mut kept = Vec::with_capacity(message.len());
    let mut at = 0;
    for field in fields::fields(header).filter(|field| field.is("bcc")) {
        kept.extend_from_slice(message.get(at..field.range.start).unwrap_or_default());
        at = field.range.end;
    }
    kept.extend_from_slice(message.get(at..).unwrap_or_default());
    finish(sender.ok_or(SendError::NoSender)?, recipients, kept)
}

/// Hands the message to the server; one outcome for each recipient, in order.
///
/// # Errors
/// When the server cannot be reached, does not accept the log-in, or fails.
pub async fn send(
    host: &Host,
    request: SendRequest,
    cause: Cause,
) -> Result<Vec<RecipientOutcome>, SendError> {
    let SendRequest { server, settings, connect_time, .. } = request;
    let opened = Connection::open_within(host, server, settings, connect_time, cause).await;
    let mut connection = opened?;
    let sent = connection.send(&request.envelope, request.message, cause).await;
    let outcomes = match sent {
        Ok(outcomes) => outcomes,
        Err(error) if connection.is_in_doubt() => return Err(SendError::Broken(error)),
        Err(error) => return Err(error.into()),
    };
    // RFC 5321 §3.8: the server went away instead of an answer.
    if let Some(reply) = closing(&outcomes) {
        return Err(ConnectionError::Refused(reply).into());
    }
    connection.quit().await;
    Ok(outcomes)
}

/// The 421 that is the answer for everybody.
fn closing(outcomes: &[RecipientOutcome]) -> Option<Reply> {
    let mut replies = outcomes.iter().map(|one| match &one.outcome {
        Outcome::Deferred(Reason::Said(reply)) if reply.is_closing() => Some(reply),
        _ => None,
    });
    let first = replies.next().flatten()?;
    replies.all(|reply| reply.is_some()).then(|| first.clone())
}

fn finish(
    sender: Address,
    recipients: Vec<Address>,
    message: Vec<u8>,
) -> Result<(Envelope, Bytes), SendError> {
    if message.len() > MESSAGE_BYTES_MAX {
        return Err(SendError::TooLong);
    }
    let mut known: Vec<Address> = Vec::new();
    for address in recipients {
        if !known.contains(&address) {
            known.push(address);
        }
    }
    if known.is_empty() {
        return Err(SendError::NoRecipient);
    }
    let is_ascii = |address: &Address| address.local().is_ascii();
    // RFC 6531 §3.4: addresses or fields beyond ASCII need the extension.
    let header = scan(&message).root().header.clone();
    let is_plain = message.get(header).is_none_or(<[u8]>::is_ascii)
        && is_ascii(&sender)
        && known.iter().all(is_ascii);
    let envelope = Envelope {
        from: ReversePath(Some(sender)),
        recipients: known.into_iter().map(|to| Recipient::new(ForwardPath(to))).collect(),
        body: if message.is_ascii() { BodyKind::SevenBit } else { BodyKind::EightBit },
        smtputf8: !is_plain,
        returns: Returns::Unsaid,
        envelope_id: None,
    };
    Ok((envelope, message.into()))
}

/// Every line ends by CR LF, also the last (RFC 5321 §2.3.8).
fn with_crlf(bytes: &[u8]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(bytes.len() + bytes.len() / 32);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        // RFC 5322 §2.3: a CR stands before a LF only.
        lines.extend(text.iter().map(|byte| if *byte == b'\r' { b' ' } else { *byte }));
        lines.extend_from_slice(b"\r\n");
    }
    lines
}

/// No server that we know takes more.
pub const MESSAGE_BYTES_MAX: usize = 150 << 20;
/// Letters of a Message-ID that nobody else has.
const RANDOM_BYTES: usize = 16;
