//! What a server offers (RFC 5321 §4.1.1.1).

use crate::smtp::reply::Reply;

/// The extensions of an EHLO reply that matter to a client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extensions {
    /// PIPELINING (RFC 2920).
    pub pipelining: bool,
    /// SIZE with its limit, if it has one (RFC 1870 §4).
    pub size: Option<Option<u64>>,
    /// 8BITMIME (RFC 6152).
    pub eight_bit: bool,
    /// SMTPUTF8 (RFC 6531).
    pub smtputf8: bool,
    /// STARTTLS (RFC 3207).
    pub starttls: bool,
    /// CHUNKING (RFC 3030).
    pub chunking: bool,
    /// DSN (RFC 3461).
    pub dsn: bool,
    /// The mechanisms of AUTH (RFC 4954).
    pub auth: Vec<String>,
}

impl Extensions {
    /// Reads a reply to EHLO; its first line is a greeting.
    pub(super) fn read(reply: &Reply) -> Self {
        let mut seen = Self::default();
        for line in reply.lines.iter().skip(1) {
            let mut words = line.split_ascii_whitespace();
            let keyword = words.next().unwrap_or_default().to_ascii_uppercase();
            match keyword.as_str() {
                "PIPELINING" => seen.pipelining = true,
                // RFC 1870 §4: 0 stands for no fixed limit.
                "SIZE" => {
                    let limit = words.next().and_then(|word| word.parse().ok());
                    seen.size = Some(limit.filter(|limit| *limit > 0));
                }
                "8BITMIME" => seen.eight_bit = true,
                "SMTPUTF8" => seen.smtputf8 = true,
                "STARTTLS" => seen.starttls = true,
                "CHUNKING" => seen.chunking = true,
                "DSN" => seen.dsn = true,
                "AUTH" => seen.auth = words.map(str::to_ascii_uppercase).collect(),
                _ => {}
            }
        }
        seen
    }
}
