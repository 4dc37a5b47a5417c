//! What goes into a session and what comes out.

use capa7_dissect::Cause;

use crate::address::{Address, ReversePath};
use crate::envelope::Envelope;
use crate::sasl::{Password, ScramCredentials};
use crate::smtp::reply::Reply;

/// What happened.
#[derive(Debug)]
pub enum Input<'i> {
    /// Bytes came, in clear or out of TLS.
    Bytes {
        /// The bytes.
        bytes: &'i [u8],
        /// Their event.
        cause: Cause,
    },
    /// The answer to [`Output::CheckRecipient`].
    Recipient(RecipientVerdict),
    /// The answer to [`Output::CheckSender`].
    Sender(SenderVerdict),
    /// The answer to [`Output::AskPolicy`]: a reply to be given instead of
    /// obeying, 4xx or 5xx; 421 also closes (RFC 5321 §3.8).
    Policy(Option<Reply>),
    /// The answer to [`Output::CheckPassword`].
    Password(PasswordVerdict),
    /// The answer to [`Output::NeedScram`]; for a user who does not exist better
    /// [`ScramCredentials::decoy`].
    Scram(Option<ScramCredentials>),
    /// The answer to [`Output::EndMessage`].
    Message(Acceptance),
    /// The handshake after [`Output::StartTls`] is done; with the version.
    TlsBegan(String),
    /// The client took longer than [`super::SessionConfig::idle`].
    TimedOut,
    /// The server stops: the session ends before its next command.
    Stopping,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// Send these bytes.
    Write(Vec<u8>),
    /// Who is this? Answer with [`Input::Recipient`].
    CheckRecipient {
        /// The recipient.
        address: Address,
        /// The command's event.
        cause: Cause,
    },
    /// Is the client, or this command, to be refused, whatever it says? Answer with
    /// [`Input::Policy`]. Only asked when
    /// [`super::SessionConfig::asks_policy`] is set, and never about
    /// [`Stage::Message`].
    AskPolicy {
        /// Which command.
        stage: Stage,
        /// Of RCPT, whom it names; none for `Postmaster` alone.
        recipient: Option<Address>,
        /// The command's event.
        cause: Cause,
    },
    /// May this user name this sender? Answer with [`Input::Sender`].
    CheckSender {
        /// Who logged in.
        user: String,
        /// The sender.
        from: ReversePath,
    },
    /// Is this the user's password? Answer with [`Input::Password`].
    CheckPassword {
        /// The name to log in by.
        user: String,
        /// What was given as proof.
        password: Password,
        /// The event of the exchange's last line.
        cause: Cause,
    },
    /// Look up a user's credentials. Answer with [`Input::Scram`].
    NeedScram {
        /// The name to log in by.
        user: String,
    },
    /// Somebody has logged in.
    LoggedIn {
        /// The name.
        user: String,
        /// The event of the exchange's last line.
        cause: Cause,
    },
    /// A message begins.
    BeginMessage {
        /// Bytes that the client announced (RFC 1870 §6.3).
        size: Option<u64>,
    },
    /// More of the message, trace lines first.
    Data(Vec<u8>),
    /// The message is whole. Answer with [`Input::Message`], when it is durable.
    EndMessage {
        /// Its envelope.
        envelope: Envelope,
        /// The event of its last bytes.
        cause: Cause,
    },
    /// The message that began is not wanted.
    AbandonMessage,
    /// Begin TLS, after what was written before. Answer with
    /// [`Input::TlsBegan`].
    StartTls,
    /// Close the connection, after what was written before.
    Close,
}

/// A point of a session where a server may say no for reasons of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The server's own first word.
    Greeting,
    /// EHLO or HELO.
    Hello,
    /// MAIL.
    Mail,
    /// RCPT.
    Recipient,
    /// DATA.
    Data,
    /// The end of the data, by CRLF.CRLF or the last chunk.
    Message,
}

/// Who a recipient is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecipientVerdict {
    /// Somebody of an own domain.
    Local,
    /// Nobody of an own domain.
    Unknown,
    /// Of a domain that is not ours.
    Elsewhere,
    /// It cannot be said at this time.
    TryLater,
}

/// Whether a user may name a sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SenderVerdict {
    /// It is the user's own.
    Own,
    /// It is somebody else's.
    Foreign,
}

/// Whether a password is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordVerdict {
    /// It is.
    Right,
    /// It is not, or there is no such user.
    Wrong,
    /// It cannot be said at this time (RFC 4954 §4.7: 454).
    TryLater,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acceptance {
    /// It is kept, under this name.
    Kept(String),
    /// It is not kept: 4xx or 5xx with the reason.
    Refused(Reply),
}
