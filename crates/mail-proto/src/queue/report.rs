//! What the sender is told: delivery status notifications (RFC 3464).
//!
//! ```text
//!   multipart/report
//!   ├── text/plain                  for people
//!   ├── message/delivery-status     for programs
//!   └── message/rfc822 or text/rfc822-headers    what it is about (RFC 6522)
//! ```

use std::fmt::Write as _;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::address::Address;
use crate::envelope::Returns;
use crate::smtp::client::Reason;
use crate::smtp::reply::{Enhanced, Reply};

use super::{Moment, NoticeKind};

/// One notification.
#[derive(Clone, Debug)]
pub struct Report<'r> {
    /// What it says.
    pub kind: NoticeKind,
    /// The server that writes it.
    pub reporter: &'r str,
    /// The number that makes its Message-ID.
    pub id: String,
    /// Whom it tells.
    pub to: &'r Address,
    /// When.
    pub now: Moment,
    /// When the message came.
    pub arrived: Moment,
    /// Until when it is tried (RFC 3464 §2.3.9).
    pub until: Moment,
    /// `ENVID=` (RFC 3464 §2.2.1).
    pub envelope_id: Option<&'r str>,
    /// `RET=`.
    pub returns: Returns,
    /// Of whom.
    pub recipients: Vec<Reported>,
    /// The message.
    pub message: &'r [u8],
}

/// One recipient of it.
#[derive(Clone, Debug)]
pub struct Reported {
    /// The recipient.
    pub address: Address,
    /// `ORCPT=` (RFC 3464 §2.3.1).
    pub original: Option<String>,
    /// The server that was spoken to (RFC 3464 §2.3.5).
    pub host: Option<String>,
    /// What was said or found.
    pub reason: Reason,
}

impl Report<'_> {
    /// The notification as it is sent, with CR LF at the end of every line.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let (kind, returned) = self.returned();
        let mut boundary = format!("=_{}", self.id);
        while find(returned, boundary.as_bytes()) {
            boundary.push('_');
        }
        let mut text = self.header(&boundary);
        let _ = write!(
            text,
            "--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Transfer-Encoding: 8bit\r\n\r\n{}\r\n\
             --{boundary}\r\nContent-Type: message/delivery-status\r\n\r\n{}\
             --{boundary}\r\nContent-Type: {kind}\r\n",
            self.words(),
            self.status(),
        );
        if !returned.is_ascii() {
            text.push_str("Content-Transfer-Encoding: 8bit\r\n");
        }
        text.push_str("\r\n");
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(returned);
        if !returned.ends_with(b"\r\n") {
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        bytes
    }

    fn header(&self, boundary: &str) -> String {
        let Self { reporter, id, to, .. } = self;
        let subject = match self.kind {
            NoticeKind::Failed => "Your message could not be delivered",
            NoticeKind::Delayed => "Your message is delayed",
            NoticeKind::Delivered => "Your message was delivered",
            NoticeKind::Relayed => "Your message was passed on",
        };
        // RFC 3834 §5: no robot answers this. RFC 6522 §3: the type.
        format!(
            "From: Mail delivery <MAILER-DAEMON@{reporter}>\r\nTo: <{to}>\r\n\
             Subject: {subject}\r\nDate: {}\r\nMessage-ID: <{id}@{reporter}>\r\n\
             Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/report; report-type=delivery-status;\r\n\
             \tboundary=\"{boundary}\"\r\n\r\n",
            date(self.now)
        )
    }

    fn words(&self) -> String {
        let begin = match self.kind {
            NoticeKind::Failed => "Your message could not be delivered to:",
            NoticeKind::Delayed => {
                "Your message has not been delivered yet. It is tried again; you need not\r\n\
                 send it again. It waits for:"
            }
            NoticeKind::Delivered => "Your message is in the mailbox of:",
            NoticeKind::Relayed => {
                "Your message went on to a server that sends no notifications, for:"
            }
        };
        let mut words = format!("This is the mail server {}.\r\n\r\n{begin}\r\n", self.reporter);
        for recipient in &self.recipients {
            let _ = write!(words, "\r\n  <{}>\r\n", recipient.address);
            let reply = recipient.reason.reply();
            let _ = match (&recipient.reason, &recipient.host) {
                (Reason::Said(_), Some(host)) => write!(words, "    {host} said: {}", line(reply)),
                _ => write!(words, "    {}", line(reply)),
            };
            words.push_str("\r\n");
        }
        words
    }

    /// RFC 3464 §2.2 and §2.3.
    fn status(&self) -> String {
        let mut fields = format!("Reporting-MTA: dns; {}\r\n", self.reporter);
        if let Some(id) = self.envelope_id {
            let _ = write!(fields, "Original-Envelope-Id: {}\r\n", clean(id));
        }
        let _ = write!(fields, "Arrival-Date: {}\r\n\r\n", date(self.arrived));
        let action = match self.kind {
            NoticeKind::Failed => "failed",
            NoticeKind::Delayed => "delayed",
            NoticeKind::Delivered => "delivered",
            NoticeKind::Relayed => "relayed",
        };
        for recipient in &self.recipients {
            if let Some(original) = &recipient.original {
                let _ = write!(fields, "Original-Recipient: {}\r\n", clean(original));
            }
            let reply = recipient.reason.reply();
            let _ = write!(
                fields,
                "Final-Recipient: rfc822; {}\r\nAction: {action}\r\nStatus: {}\r\n",
                recipient.address,
                self.code(reply)
            );
            if let (Reason::Said(_), Some(host)) = (&recipient.reason, &recipient.host) {
                let _ = write!(
                    fields,
                    "Remote-MTA: dns; {host}\r\nDiagnostic-Code: smtp; {}\r\n",
                    line(reply)
                );
            }
            if self.kind == NoticeKind::Delayed {
                let _ = write!(fields, "Will-Retry-Until: {}\r\n", date(self.until));
            }
            fields.push_str("\r\n");
        }
        fields
    }

    /// RFC 3464 §2.3.4: the class tells the action.
    fn code(&self, reply: &Reply) -> Enhanced {
        let class = match self.kind {
            NoticeKind::Failed => 5,
            NoticeKind::Delayed => 4,
            NoticeKind::Delivered | NoticeKind::Relayed => 2,
        };
        let said = reply.enhanced.filter(|enhanced| enhanced.class == class);
        said.unwrap_or(Enhanced { class, subject: 0, detail: 0 })
    }

    /// What is returned, and as what (RFC 3461 §4.3, §6.2: only failures return
    /// whole messages).
    fn returned(&self) -> (&'static str, &[u8]) {
        let header = header_of(self.message);
        let wants_all = self.kind == NoticeKind::Failed && self.returns != Returns::Headers;
        if wants_all && self.message.len() <= RETURNED_OCTETS_MAX {
            return ("message/rfc822", self.message);
        }
        let cut = header.len().min(RETURNED_OCTETS_MAX);
        ("text/rfc822-headers", header.get(..cut).unwrap_or(header))
    }
}

/// A message's header, without the empty line.
fn header_of(message: &[u8]) -> &[u8] {
    let end = message.windows(4).position(|window| window == b"\r\n\r\n");
    end.and_then(|end| message.get(..end + 2)).unwrap_or(message)
}

/// How many servers a message has passed: each adds a trace field
/// (RFC 5321 §4.4, §6.3).
#[must_use]
pub fn servers_passed(message: &[u8]) -> usize {
    let name = b"received:";
    let is_trace =
        |line: &[u8]| line.get(..name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(name));
    header_of(message).split(|byte| *byte == b'\n').filter(|line| is_trace(line)).count()
}

fn find(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}

/// Other people's words stay in one line.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LINE_CHARS_MAX).collect()
}

fn line(reply: &Reply) -> String {
    clean(&reply.to_string())
}

fn date(moment: Moment) -> String {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(moment.0));
    at.ok().and_then(|at| at.format(&Rfc2822).ok()).unwrap_or_default()
}

/// A notification is short; a longer message comes back as its header.
const RETURNED_OCTETS_MAX: usize = 64 * 1024;
/// RFC 5322 §2.1.1: lines of 998 octets; four octets a character.
const LINE_CHARS_MAX: usize = 220;

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &[u8] = b"Received: from a\r\nReceived: from b\r\n\tby c\r\nSubject: hola\r\n\
                             \r\nReceived: not a field\r\n";

    fn report(kind: NoticeKind, returns: Returns) -> String {
        let to = "andrea@ucatolica.edu.co".parse().unwrap();
        let said = Reply::new(550, Some((1, 1)), "no such\r\nperson");
        let recipient = Reported {
            address: "carlos@urosario.edu.co".parse().unwrap(),
            original: Some("rfc822;Carlos@urosario.edu.co".to_owned()),
            host: Some("mail.urosario.edu.co".to_owned()),
            reason: Reason::Said(said),
        };
        let report = Report {
            kind,
            reporter: "mail.ucatolica.edu.co",
            id: "5f3".to_owned(),
            to: &to,
            now: Moment(1_801_440_060_000_000_000),
            arrived: Moment(1_801_440_000_000_000_000),
            until: Moment(1_801_872_000_000_000_000),
            envelope_id: Some("e-1"),
            returns,
            recipients: vec![recipient],
            message: MESSAGE,
        };
        String::from_utf8(report.write()).unwrap()
    }

    // RFC 3464 §2: the fields and their order in the report.
    #[test]
    fn a_failure_says_who_what_and_why() {
        insta::assert_snapshot!(report(NoticeKind::Failed, Returns::Unsaid).replace("\r\n", "\n"));
    }

    // RFC 3461 §4.3 and §6.2.
    #[test]
    fn only_failures_return_whole_messages_and_only_when_wanted() {
        let whole = |text: &str| text.contains("not a field");
        assert!(whole(&report(NoticeKind::Failed, Returns::Full)));
        assert!(!whole(&report(NoticeKind::Failed, Returns::Headers)));
        let delayed = report(NoticeKind::Delayed, Returns::Full);
        assert!(!whole(&delayed) && delayed.contains("Action: delayed\r\nStatus: 4.0.0\r\n"));
        assert!(delayed.contains("Will-Retry-Until: Sat, 06 Feb 2027 00:00:00 +0000\r\n"));
    }

    // RFC 5321 §6.3: hops are counted by trace fields.
    #[test]
    fn trace_fields_of_the_header_count_and_no_others() {
        assert_eq!(servers_passed(MESSAGE), 2);
        assert_eq!(servers_passed(b""), 0);
    }
}
