//! The server's side of IMAP4rev1 and IMAP4rev2 (RFC 3501, RFC 9051), without
//! sockets, clock or store.

use std::time::Duration;

use bytes::Bytes;
use capa7_dissect::Cause;

use crate::imap::command::Secret;
use crate::imap::store::{StoreRequest, StoreResult};

/// What happened.
#[derive(Debug)]
pub enum Input<'i> {
    /// The client is connected.
    Connected {
        /// The connection.
        cause: Cause,
    },
    /// Octets came. Give them only while [`Output::Read`] was the last output.
    Octets {
        /// Them.
        octets: &'i [u8],
        /// The chunk they came in.
        cause: Cause,
    },
    /// TLS has begun, as [`Output::StartTls`] asked.
    TlsStarted,
    /// Answers [`Output::CheckPassword`]: whose password it is.
    PasswordChecked(Option<String>),
    /// Answers [`Output::OpenAccount`].
    AccountOpened(StoreResult),
    /// Answers [`Output::Store`].
    Stored(StoreResult),
    /// Somebody changed something in the account.
    Changed {
        /// Because of what: a delivery, another session's command.
        cause: Cause,
    },
    /// The time of the last [`Output::Wake`] has come.
    Timer,
    /// The server is about to stop.
    Shutdown,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send octets. Take the next output when they are on their way.
    Send {
        /// Them.
        octets: Bytes,
        /// Because of what.
        cause: Cause,
    },
    /// Begin TLS, then give [`Input::TlsStarted`]. Octets that came with the
    /// command are not to be read from within TLS (RFC 9051 §6.2.1).
    StartTls,
    /// Check a password, then give [`Input::PasswordChecked`].
    CheckPassword {
        /// Who says so.
        user: String,
        /// The password.
        password: Secret,
    },
    /// Open a user's mailboxes, then give [`Input::AccountOpened`].
    OpenAccount {
        /// Who.
        user: String,
        /// The command's.
        cause: Cause,
    },
    /// Ask the store, then give [`Input::Stored`].
    Store {
        /// What.
        request: StoreRequest,
        /// The command's.
        cause: Cause,
    },
    /// Give [`Input::Timer`] at this time since the network's beginning.
    Wake {
        /// When.
        at: Duration,
        /// What is waited for.
        why: &'static str,
    },
    /// Close the connection.
    Close,
}
