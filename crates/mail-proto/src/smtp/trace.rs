//! The lines that servers add to a message (RFC 5321 §4.4).
//!
//! ```text
//!   Return-Path: <andrea@unal.edu.co>           at the delivery
//!   Received: from mail.unal.edu.co ([10.2.0.25])
//!     by mail.urosario.edu.co with ESMTPS id 4f1c.1
//!     for <carlos@urosario.edu.co>; Mon, 01 Feb 2027 00:00:03 +0000
//! ```

use std::net::IpAddr;

use crate::address::{ForwardPath, ReversePath};

/// What a `Received:` line tells.
#[derive(Clone, Debug)]
pub struct Received<'r> {
    /// The client's name, as it said.
    pub from: &'r str,
    /// Its address, as the network says.
    pub address: IpAddr,
    /// The server's name.
    pub by: &'r str,
    /// How they spoke.
    pub with: With,
    /// The message's name at the server.
    pub id: &'r str,
    /// The recipient, when there is only one: others must not see each other.
    pub only_for: Option<&'r ForwardPath>,
    /// When, in seconds since 1970.
    pub unix_s: i64,
}

/// How client and server spoke (RFC 3848, RFC 6531 §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct With {
    /// EHLO, not HELO.
    pub extended: bool,
    /// SMTPUTF8 was used.
    pub smtputf8: bool,
    /// Within TLS.
    pub tls: bool,
    /// After a log-in.
    pub authenticated: bool,
}

impl With {
    /// The registered word.
    #[must_use]
    pub fn word(self) -> String {
        let base = match (self.extended, self.smtputf8) {
            (false, _) => return "SMTP".to_owned(),
            (true, false) => "ESMTP",
            (true, true) => "UTF8SMTP",
        };
        let tls = if self.tls { "S" } else { "" };
        let authenticated = if self.authenticated { "A" } else { "" };
        format!("{base}{tls}{authenticated}")
    }
}

impl Received<'_> {
    /// The line, folded, with CR LF.
    #[must_use]
    pub fn line(&self) -> String {
        let literal = address_literal(self.address);
        let only_for = self.only_for.map_or(String::new(), |path| format!("\r\n\tfor {path}"));
        format!(
            "Received: from {} ({literal})\r\n\tby {} with {} id {}{only_for};\r\n\t{}\r\n",
            self.from,
            self.by,
            self.with.word(),
            self.id,
            date(self.unix_s)
        )
    }
}

/// `[192.0.2.1]`, `[IPv6:2001:db8::1]` (RFC 5321 §4.1.3).
#[must_use]
pub fn address_literal(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => format!("[{address}]"),
        IpAddr::V6(address) => format!("[IPv6:{address}]"),
    }
}

/// The line that the delivery puts first (RFC 5321 §4.4), with CR LF.
#[must_use]
pub fn return_path(from: &ReversePath) -> String {
    format!("Return-Path: {from}\r\n")
}

/// A moment as headers write it: `Mon, 01 Feb 2027 00:00:03 +0000` (RFC 5322 §3.3).
/// Moments before 1970 or after 9999 are written as 1970.
#[must_use]
pub fn date(unix_s: i64) -> String {
    let moment = time::OffsetDateTime::from_unix_timestamp(unix_s)
        .ok()
        .filter(|moment| (1970..=9999).contains(&moment.year()))
        .unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    let weekday = short(&moment.weekday().to_string());
    let month = short(&moment.month().to_string());
    let (day, year) = (moment.day(), moment.year());
    let (hour, minute, second) = moment.to_hms();
    format!("{weekday}, {day:02} {month} {year} {hour:02}:{minute:02}:{second:02} +0000")
}

fn short(name: &str) -> String {
    name.chars().take(3).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_line_names_both_servers_and_the_way() {
        // RFC 5321 §4.4.
        let path = ForwardPath("carlos@urosario.edu.co".parse().unwrap());
        let with = With { extended: true, smtputf8: false, tls: true, authenticated: false };
        let received = Received {
            from: "mail.unal.edu.co",
            address: IpAddr::from([10, 2, 0, 25]),
            by: "mail.urosario.edu.co",
            with,
            id: "4f1c.1",
            only_for: Some(&path),
            unix_s: 1_801_440_003,
        };
        let expected = "Received: from mail.unal.edu.co ([10.2.0.25])\r\n\tby mail.urosario.edu.co \
            with ESMTPS id 4f1c.1\r\n\tfor <carlos@urosario.edu.co>;\r\n\tMon, 01 Feb 2027 \
            00:00:03 +0000\r\n";
        assert_eq!(received.line(), expected);
    }

    #[test]
    fn the_way_has_its_registered_word() {
        // RFC 3848; RFC 6531 §4.3.
        let word = |extended, smtputf8, tls, authenticated| {
            With { extended, smtputf8, tls, authenticated }.word()
        };
        assert_eq!(word(false, false, false, false), "SMTP");
        assert_eq!(word(true, false, false, false), "ESMTP");
        assert_eq!(word(true, false, false, true), "ESMTPA");
        assert_eq!(word(true, false, true, true), "ESMTPSA");
        assert_eq!(word(true, true, true, true), "UTF8SMTPSA");
    }

    #[test]
    fn an_address_is_written_as_a_literal() {
        let mapped: IpAddr = "::ffff:10.0.0.1".parse().unwrap();
        assert_eq!(address_literal(mapped), "[10.0.0.1]");
        assert_eq!(address_literal("2001:db8::1".parse().unwrap()), "[IPv6:2001:db8::1]");
    }
}
