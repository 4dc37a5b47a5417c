//! What a handler gets and gives.

use std::net::SocketAddr;

use bytes::Bytes;
use capa7_http_proto::fields::Fields;
use capa7_http_proto::head::RequestHead;
use capa7_http_proto::status::Status;
use capa7_net::Cause;
use tokio::sync::mpsc;

/// A whole request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its head.
    pub head: RequestHead,
    /// Its body, decoded.
    pub body: Bytes,
    /// Who asks.
    pub peer: SocketAddr,
    /// The event that brought its last bytes.
    pub cause: Cause,
}

/// An answer.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: Status,
    /// Fields; those about length and connection are the server's.
    pub fields: Fields,
    /// What is sent.
    pub body: Body,
    /// Because of what, when it is not the request itself.
    pub cause: Option<Cause>,
}

/// What a response carries.
#[derive(Debug)]
pub enum Body {
    /// All of it is here.
    Whole(Bytes),
    /// Pieces that come one after the other; the body ends when the sender is
    /// dropped. The receiver is dropped when the client is gone.
    Stream(mpsc::Receiver<Piece>),
}

/// A piece of a streamed body.
#[derive(Clone, Debug)]
pub struct Piece {
    /// Its content.
    pub bytes: Bytes,
    /// Because of what it is sent.
    pub cause: Cause,
}

impl Response {
    /// A response without content.
    #[must_use]
    pub const fn new(status: Status) -> Self {
        let body = Body::Whole(Bytes::new());
        Self { status, fields: Fields::new(), body, cause: None }
    }

    /// A response with content of a media type.
    #[must_use]
    pub fn content(status: Status, media_type: &str, content: impl Into<Bytes>) -> Self {
        let fields = Fields::new().with("Content-Type", media_type);
        Self { status, fields, body: Body::Whole(content.into()), cause: None }
    }

    /// A sentence in plain text.
    #[must_use]
    pub fn text(status: Status, text: &str) -> Self {
        Self::content(status, "text/plain; charset=utf-8", format!("{text}\n"))
    }

    /// Events as they happen (`text/event-stream`).
    #[must_use]
    pub fn events(pieces: mpsc::Receiver<Piece>) -> Self {
        let fields = Fields::new()
            .with("Content-Type", "text/event-stream")
            .with("Cache-Control", "no-store");
        Self { status: Status::OK, fields, body: Body::Stream(pieces), cause: None }
    }

    /// The same response with one field more.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.fields = self.fields.with(name, value);
        self
    }

    /// The same response, sent because of an event.
    #[must_use]
    pub const fn because(mut self, cause: Cause) -> Self {
        self.cause = Some(cause);
        self
    }
}
