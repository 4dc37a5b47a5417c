//! The protocols of the house.

use serde::{Deserialize, Serialize};

/// The protocol that a host, a socket, a message or a note belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Room {
    /// Names (course D1–D15).
    Dns,
    /// E-mail (course M1–M11).
    Mail,
    /// The web (course H1).
    Http,
    /// Peer-to-peer files (course P1–P8).
    Torrent,
    /// Adaptive video (course V0–V5).
    Stream,
    /// Content distribution (course V6–V9).
    Cdn,
    /// The uppercase programs (course K1–K3).
    Sockets,
    /// The lab itself: actions of people, faults.
    Lab,
    /// A protocol that no room knows.
    Other,
}

impl Room {
    /// The lower-case name used in JSON, digests and filters.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Mail => "mail",
            Self::Http => "http",
            Self::Torrent => "torrent",
            Self::Stream => "stream",
            Self::Cdn => "cdn",
            Self::Sockets => "sockets",
            Self::Lab => "lab",
            Self::Other => "other",
        }
    }

    /// The room that a well-known port belongs to: 53 is DNS, 7700 a
    /// registry of the lab, 12000 the uppercase programs of the course.
    #[must_use]
    pub const fn of_port(port: u16) -> Self {
        match port {
            53 | 853 | 7700 => Self::Dns,
            25 | 465 | 587 | 110 | 143 | 993 | 995 => Self::Mail,
            80 | 443 | 8000 | 8080 => Self::Http,
            12000 => Self::Sockets,
            _ => Self::Other,
        }
    }
}
