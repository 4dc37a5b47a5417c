//! The reading side: a message as a row, and as an entry of an mbox file.

use capa7_mail_proto::message::addresses::mailboxes;
use capa7_mail_proto::message::date::MessageDate;
use capa7_mail_proto::message::decode::{address_text, header_text, mailbox_text};
use capa7_mail_proto::message::fields::first;
use capa7_mail_proto::message::structure::scan;
use serde::Serialize;

/// A message in a list, for people and for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Who wrote it: name or address.
    pub from: String,
    /// To whom.
    pub to: Vec<String>,
    /// What about.
    pub subject: String,
    /// When, in seconds since 1970; none without a date that can be read.
    pub date: Option<i64>,
    /// `<left@right>`
    pub message_id: Option<String>,
    /// Its length.
    pub bytes: usize,
}

/// What a list shows of a message.
#[must_use]
pub fn summary(message: &[u8]) -> Summary {
    let header = message.get(scan(message).root().header.clone()).unwrap_or_default();
    let text = |name| first(header, name).map(header_text);
    let from = first(header, "from").unwrap_or_default();
    let to = first(header, "to").unwrap_or_default();
    Summary {
        from: mailboxes(from).next().map(|mailbox| mailbox_text(&mailbox)).unwrap_or_default(),
        to: mailboxes(to).map(|mailbox| address_text(&mailbox)).take(SHOWN_MAX).collect(),
        subject: text("subject").unwrap_or_default(),
        date: first(header, "date").and_then(MessageDate::parse).map(|date| date.unix_seconds()),
        message_id: text("message-id"),
        bytes: message.len(),
    }
}

/// A message as an entry of an mbox file (RFC 4155 appendix A): a line that says
/// where it begins, lines ended by LF, and `>` before lines that could be taken
/// for a beginning, so that every reader finds the same messages.
#[must_use]
pub fn mbox_entry(message: &[u8], received_unix_s: i64) -> Vec<u8> {
    let header = message.get(scan(message).root().header.clone()).unwrap_or_default();
    let sender = first(header, "return-path").or_else(|| first(header, "from")).unwrap_or_default();
    let sender = mailboxes(sender).next().filter(|mailbox| mailbox.domain.is_some());
    let sender = sender.map_or_else(|| "MAILER-DAEMON".to_owned(), |found| address_text(&found));
    let sender: String = sender.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect();
    let mut entry = format!("From {sender} {}\n", asctime(received_unix_s)).into_bytes();
    for line in message.split_inclusive(|byte| *byte == b'\n') {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let behind = text.iter().position(|byte| *byte != b'>').unwrap_or(text.len());
        if text.get(behind..).is_some_and(|rest| rest.starts_with(b"From ")) {
            entry.push(b'>');
        }
        entry.extend_from_slice(text);
        entry.push(b'\n');
    }
    entry.push(b'\n');
    entry
}

/// `Mon Jun  2 10:00:00 2025`, in UTC.
fn asctime(unix_s: i64) -> String {
    let date = MessageDate::from_unix_seconds(unix_s);
    let shown = date.to_string();
    let mut words = shown.split([' ', ',']).filter(|word| !word.is_empty());
    let mut word = || words.next().unwrap_or_default();
    let (week_day, day, month, year, clock) = (word(), word(), word(), word(), word());
    format!("{week_day} {month} {day:>2} {clock} {year}")
}

/// Of more recipients the first are shown.
const SHOWN_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::{mbox_entry, summary};

    const MESSAGE: &[u8] = b"Return-Path: <andrea@umass.edu>\r\n\
        From: =?utf-8?q?Andr=C3=A9a?= <andrea@umass.edu>\r\nTo: carlos@urosario.edu.co, x@y\r\n\
        Subject: hi\r\nDate: Mon, 2 Jun 2025 10:00:00 +0000\r\n\r\nFrom here\r\n>From there\r\nend";

    /// RFC 4155 appendix A: no line of the body begins an entry.
    #[test]
    fn an_mbox_entry_begins_once() {
        let entry = String::from_utf8(mbox_entry(MESSAGE, 1_748_858_400)).unwrap();
        assert!(entry.starts_with("From andrea@umass.edu Mon Jun  2 10:00:00 2025\nReturn-Path"));
        assert!(entry.ends_with("\n\n>From here\n>>From there\nend\n\n"), "{entry}");
        assert_eq!(entry.lines().filter(|line| line.starts_with("From ")).count(), 1);
    }

    #[test]
    fn a_summary_is_in_words() {
        let row = summary(MESSAGE);
        assert_eq!((row.from.as_str(), row.subject.as_str()), ("Andréa", "hi"));
        assert_eq!(row.to, ["carlos@urosario.edu.co", "x@y"]);
        assert_eq!((row.date, row.bytes), (Some(1_748_858_400), MESSAGE.len()));
        assert_eq!(summary(b"\xff\x00").from, "");
    }
}
