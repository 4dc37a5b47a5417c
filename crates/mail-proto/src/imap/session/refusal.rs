//! What a client is told when its command is not done: the one place where
//! errors become `NO` and `BAD` with their codes (RFC 9051 §7.1).

use crate::imap::command::CommandError;
use crate::imap::response::{Code, Status, StatusText};
use crate::imap::store::StoreError;

/// Whether a mailbox that is not there could be made by the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// It is the target of `APPEND`, `COPY`, `MOVE` (RFC 9051 §6.3.12).
    CouldBeCreated,
    /// It was named for itself.
    IsNamed,
}

pub(super) fn of_command(error: &CommandError) -> StatusText {
    let text = error.to_string();
    match error {
        CommandError::Syntax(_) | CommandError::Unknown(_) => StatusText::new(Status::Bad, text),
        CommandError::Name(_) => StatusText::with_code(Status::No, Code::Cannot, text),
        CommandError::Flag(_) => StatusText::with_code(Status::No, Code::Cannot, text),
        CommandError::SpecialUse => StatusText::with_code(Status::No, Code::UseAttr, text),
        CommandError::Charset => {
            let known = ["US-ASCII", "UTF-8"].map(str::to_owned).to_vec();
            StatusText::with_code(Status::No, Code::BadCharset(known), text)
        }
        CommandError::SearchTooComplex => StatusText::with_code(Status::No, Code::Limit, text),
    }
}

pub(super) fn of_store(error: &StoreError, missing: Missing) -> StatusText {
    let code = match error {
        StoreError::NoMailbox if missing == Missing::CouldBeCreated => Code::TryCreate,
        StoreError::NoMailbox | StoreError::Gone => Code::NonExistent,
        StoreError::Exists => Code::AlreadyExists,
        StoreError::HasChildren => Code::HasChildren,
        StoreError::Cannot(_) => Code::Cannot,
        StoreError::UseAttribute => Code::UseAttr,
        StoreError::OverQuota => Code::OverQuota,
        StoreError::TooBig => Code::TooBig,
        StoreError::MessageGone => Code::ExpungeIssued,
        StoreError::Limit(_) => Code::Limit,
        StoreError::Unavailable => Code::Unavailable,
    };
    StatusText::with_code(Status::No, code, error.to_string())
}
