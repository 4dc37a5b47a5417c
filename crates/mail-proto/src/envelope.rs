//! What travels beside a message: who sent it, who is to get it.

use serde::{Deserialize, Serialize};

use crate::address::{ForwardPath, ReversePath};

/// The envelope of one message (RFC 5321 §2.3.1): it is not the header, and
/// may differ from it (course M9).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// `MAIL FROM`: where failures are told; null for notifications.
    pub from: ReversePath,
    /// `RCPT TO`, one by one.
    pub recipients: Vec<Recipient>,
    /// `BODY=`.
    pub body: BodyKind,
    /// `SMTPUTF8` was said (RFC 6531 §3.4).
    pub smtputf8: bool,
    /// `RET=`: what of the message a notification returns (RFC 3461 §4.3).
    pub returns: Returns,
    /// `ENVID=`, decoded (RFC 3461 §4.4).
    pub envelope_id: Option<String>,
}

/// One recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// Where to.
    pub path: ForwardPath,
    /// `NOTIFY=` (RFC 3461 §4.1); none: failures and delays.
    pub notify: Option<Notify>,
    /// `ORCPT=`, as written: `rfc822;carlos@urosario.edu.co` (RFC 3461 §4.2).
    pub original: Option<String>,
}

/// The bytes that a message may hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BodyKind {
    /// ASCII in lines (RFC 5321 §2.3.1, course M7).
    #[default]
    SevenBit,
    /// Any byte in lines (RFC 6152).
    EightBit,
    /// Any bytes; only in chunks (RFC 3030).
    Binary,
}

/// What of a message a notification returns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Returns {
    /// As the server likes.
    #[default]
    Unsaid,
    /// All of it.
    Full,
    /// Its header.
    Headers,
}

/// When a recipient's sender is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notify {
    /// When it arrived.
    pub success: bool,
    /// When it cannot arrive.
    pub failure: bool,
    /// When it takes long.
    pub delay: bool,
}

impl Recipient {
    /// A recipient without wishes about notifications.
    #[must_use]
    pub const fn new(path: ForwardPath) -> Self {
        Self { path, notify: None, original: None }
    }
}
