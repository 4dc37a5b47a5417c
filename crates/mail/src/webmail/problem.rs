//! What goes wrong, and how the browser is told.

use capa7_http::message::Response;
use capa7_http_proto::status::Status;
use capa7_mail_proto::imap::response::Code;
use serde_json::json;

use crate::imap_client::ImapError;
use crate::smtp::connection::ConnectionError;

/// Why a request is not answered with what it asks for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    /// No session, or it ended.
    #[error("log in first")]
    LogIn,
    /// Name or password are not right.
    #[error("name or password are not right")]
    WrongPassword,
    /// Too many failed log-ins, sessions or streams.
    #[error("too many: try later")]
    TooMany,
    /// A change without proof that the page asks for it.
    #[error("this change was not asked for by the page")]
    Forged,
    /// The request makes no sense.
    #[error("{0}")]
    Malformed(String),
    /// There is no such thing.
    #[error("there is no such thing")]
    Missing,
    /// The IMAP server says that all is well, and does not send what it has.
    #[error("the mailbox's server does not send it")]
    Silent,
    /// It is larger than allowed.
    #[error("it is too large")]
    TooLarge,
    /// The IMAP server.
    #[error("the mailbox's server: {0}")]
    Imap(#[from] ImapError),
    /// The submission server.
    #[error("the sending server: {0}")]
    Smtp(#[from] ConnectionError),
    /// No recipient got the message.
    #[error("{0}")]
    Refused(String),
}

impl Problem {
    /// The stable word that the page has a text for.
    const fn key(&self) -> &'static str {
        match self {
            Self::LogIn => "log_in",
            Self::WrongPassword => "wrong_password",
            Self::TooMany => "too_many",
            Self::Forged => "forged",
            Self::Malformed(_) => "malformed",
            Self::Missing => "missing",
            Self::Silent => "silent",
            Self::TooLarge => "too_large",
            Self::Imap(ImapError::Refused(_) | ImapError::Farewell(_)) => "mailbox_refused",
            Self::Imap(_) => "mailbox_unreachable",
            Self::Smtp(ConnectionError::LogIn(_)) => "sending_log_in",
            Self::Smtp(_) => "sending_unreachable",
            Self::Refused(_) => "refused",
        }
    }

    fn status(&self) -> Status {
        match self {
            Self::LogIn | Self::WrongPassword => Status::UNAUTHORIZED,
            Self::TooMany => Status::TOO_MANY_REQUESTS,
            Self::Forged => Status::FORBIDDEN,
            Self::Malformed(_) => Status::BAD_REQUEST,
            Self::Missing => Status::NOT_FOUND,
            Self::TooLarge => Status::CONTENT_TOO_LARGE,
            Self::Imap(ImapError::Refused(status)) => match status.code {
                Some(Code::NonExistent) => Status::NOT_FOUND,
                _ => Status::CONFLICT,
            },
            Self::Imap(ImapError::TimedOut) => Status::GATEWAY_TIMEOUT,
            Self::Silent | Self::Imap(_) | Self::Smtp(_) => Status::BAD_GATEWAY,
            Self::Refused(_) => Status::UNPROCESSABLE,
        }
    }

    pub(crate) fn response(&self) -> Response {
        let detail = match self {
            // The page says whose words they are.
            Self::Imap(ImapError::Refused(status) | ImapError::Farewell(status)) => {
                status.text.clone()
            }
            problem => problem.to_string(),
        };
        let body = json!({ "error": self.key(), "detail": detail });
        Response::content(self.status(), "application/json", body.to_string())
    }
}
