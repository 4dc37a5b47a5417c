//! Status codes (RFC 9110 §15).

use std::fmt;

/// A three-digit status code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Status(u16);

impl Status {
    /// 100: go on with the body (RFC 9110 §15.2.1).
    pub const CONTINUE: Self = Self(100);
    /// 200 (RFC 9110 §15.3.1).
    pub const OK: Self = Self(200);
    /// 201 (RFC 9110 §15.3.2).
    pub const CREATED: Self = Self(201);
    /// 204: done, nothing to say (RFC 9110 §15.3.5).
    pub const NO_CONTENT: Self = Self(204);
    /// 303 (RFC 9110 §15.4.4).
    pub const SEE_OTHER: Self = Self(303);
    /// 304: what the client has is current (RFC 9110 §15.4.5).
    pub const NOT_MODIFIED: Self = Self(304);
    /// 400 (RFC 9110 §15.5.1).
    pub const BAD_REQUEST: Self = Self(400);
    /// 401 (RFC 9110 §15.5.2).
    pub const UNAUTHORIZED: Self = Self(401);
    /// 403 (RFC 9110 §15.5.4).
    pub const FORBIDDEN: Self = Self(403);
    /// 404 (RFC 9110 §15.5.5).
    pub const NOT_FOUND: Self = Self(404);
    /// 405 (RFC 9110 §15.5.6).
    pub const METHOD_NOT_ALLOWED: Self = Self(405);
    /// 408: the request took too long (RFC 9110 §15.5.9).
    pub const REQUEST_TIMEOUT: Self = Self(408);
    /// 409 (RFC 9110 §15.5.10).
    pub const CONFLICT: Self = Self(409);
    /// 413 (RFC 9110 §15.5.14).
    pub const CONTENT_TOO_LARGE: Self = Self(413);
    /// 414 (RFC 9110 §15.5.15).
    pub const URI_TOO_LONG: Self = Self(414);
    /// 422 (RFC 9110 §15.5.21).
    pub const UNPROCESSABLE: Self = Self(422);
    /// 429 (RFC 6585 §4).
    pub const TOO_MANY_REQUESTS: Self = Self(429);
    /// 431 (RFC 6585 §5).
    pub const FIELDS_TOO_LARGE: Self = Self(431);
    /// 500 (RFC 9110 §15.6.1).
    pub const INTERNAL_ERROR: Self = Self(500);
    /// 501 (RFC 9110 §15.6.2).
    pub const NOT_IMPLEMENTED: Self = Self(501);
    /// 502: the server behind the gateway failed (RFC 9110 §15.6.3).
    pub const BAD_GATEWAY: Self = Self(502);
    /// 503 (RFC 9110 §15.6.4).
    pub const UNAVAILABLE: Self = Self(503);
    /// 504: the server behind the gateway is silent (RFC 9110 §15.6.5).
    pub const GATEWAY_TIMEOUT: Self = Self(504);
    /// 505 (RFC 9110 §15.6.6).
    pub const VERSION_NOT_SUPPORTED: Self = Self(505);

    /// A code from 100 to 599 (RFC 9110 §15: others are invalid).
    #[must_use]
    pub const fn new(code: u16) -> Option<Self> {
        if code >= 100 && code <= 599 { Some(Self(code)) } else { None }
    }

    /// The number.
    #[must_use]
    pub const fn code(self) -> u16 {
        self.0
    }

    /// Whether another response follows for the same request (RFC 9110 §15.2).
    #[must_use]
    pub const fn is_interim(self) -> bool {
        self.0 < 200
    }

    /// Whether a response with it has no body (RFC 9112 §6.3, rule 1).
    #[must_use]
    pub const fn has_no_body(self) -> bool {
        self.is_interim() || self.0 == 204 || self.0 == 304
    }

    /// The usual phrase; empty for codes that are not in the table.
    #[must_use]
    pub fn reason(self) -> &'static str {
        REASONS.iter().find(|(code, _)| *code == self.0).map_or("", |(_, reason)| reason)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.0)
    }
}

const REASONS: [(u16, &str); 36] = [
    (100, "Continue"),
    (101, "Switching Protocols"),
    (200, "OK"),
    (201, "Created"),
    (202, "Accepted"),
    (204, "No Content"),
    (206, "Partial Content"),
    (301, "Moved Permanently"),
    (302, "Found"),
    (303, "See Other"),
    (304, "Not Modified"),
    (307, "Temporary Redirect"),
    (308, "Permanent Redirect"),
    (400, "Bad Request"),
    (401, "Unauthorized"),
    (403, "Forbidden"),
    (404, "Not Found"),
    (405, "Method Not Allowed"),
    (406, "Not Acceptable"),
    (408, "Request Timeout"),
    (409, "Conflict"),
    (410, "Gone"),
    (411, "Length Required"),
    (412, "Precondition Failed"),
    (413, "Content Too Large"),
    (414, "URI Too Long"),
    (415, "Unsupported Media Type"),
    (416, "Range Not Satisfiable"),
    (422, "Unprocessable Content"),
    (429, "Too Many Requests"),
    (431, "Request Header Fields Too Large"),
    (500, "Internal Server Error"),
    (501, "Not Implemented"),
    (502, "Bad Gateway"),
    (503, "Service Unavailable"),
    (504, "Gateway Timeout"),
];
