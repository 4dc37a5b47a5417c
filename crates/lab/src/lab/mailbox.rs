//! What lies in a mailbox, as checks look at it.

use std::fmt;

use capa7_mail::store::{Account, StoreError};
use capa7_mail::users::AccountName;
use capa7_mail_proto::mailbox::MailboxName;
use capa7_mail_proto::message::content::Content;
use capa7_mail_proto::message::decode::{header_text, part_text};
use capa7_mail_proto::message::fields;
use capa7_mail_proto::message::structure::{PartKind, scan};
use serde::Serialize;

use super::Lab;

/// A message of a mailbox.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MessageShown {
    /// Its subject, decoded.
    pub subject: String,
    /// Its flags, in order.
    pub flags: Vec<String>,
    /// The lines of its texts, decoded.
    pub lines: Vec<String>,
    /// Its parts that are no multiparts, in order: `image/png museum.png`.
    pub parts: Vec<String>,
}

impl MessageShown {
    /// A message as it is stored.
    #[must_use]
    pub fn of(message: &[u8], flags: Vec<String>) -> Self {
        let subject = fields::first(message, "Subject").map(header_text).unwrap_or_default();
        let mut shown = Self { subject, flags, ..Self::default() };
        let structure = scan(message);
        for part in structure.parts() {
            if matches!(part.kind, PartKind::Multipart(_)) {
                continue;
            }
            let header = message.get(part.header.clone()).unwrap_or_default();
            shown.parts.push(Content::of(header).label());
            let text = part_text(message, part).unwrap_or_default();
            shown.lines.extend(text.lines().map(str::to_owned));
        }
        shown
    }

    /// Whether it has this subject and, when they are written behind it, these
    /// flags: `Hola \\Seen`.
    #[must_use]
    pub fn is(&self, wanted: &str) -> bool {
        let is_flag = |word: &str| word.starts_with('\\');
        let mut words: Vec<&str> = wanted.split(' ').collect();
        let first = words.iter().position(|word| is_flag(word)).unwrap_or(words.len());
        let flags = words.split_off(first);
        self.subject == words.join(" ")
            && flags.iter().all(|flag| self.flags.iter().any(|have| have == flag))
    }
}

impl fmt::Display for MessageShown {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.subject)?;
        self.flags.iter().try_for_each(|flag| write!(out, " {flag}"))
    }
}

impl Lab {
    /// The messages of a person's mailbox, in the order of their UIDs.
    pub(crate) async fn mailbox(&self, person: &str, folder: &str) -> Vec<MessageShown> {
        let Some((address, server)) = self.world().address_of_person(person) else {
            return Vec::new();
        };
        let (Ok(account), Ok(folder)) = (AccountName::of(address), MailboxName::parse(folder))
        else {
            return Vec::new();
        };
        let Ok((_, host)) = self.host(&server.name) else { return Vec::new() };
        let Ok(server) = self.mail_server(&server.name) else { return Vec::new() };
        let store = server.store().clone();
        let read = host.blocking(move || shown(&*store.account(&account)?, &folder)).await;
        read.unwrap_or_default()
    }
}

fn shown(account: &Account, folder: &MailboxName) -> Result<Vec<MessageShown>, StoreError> {
    let mailbox = account.mailbox(folder)?;
    let mut messages = Vec::new();
    for row in account.rows(mailbox.id, 1..=u32::MAX, MESSAGES_MAX)? {
        let bytes = account.open_message(mailbox.id, row.uid)?.read_all()?;
        let flags = row.flags.iter().map(ToString::to_string).collect();
        messages.push(MessageShown::of(&bytes, flags));
    }
    Ok(messages)
}

/// Messages of a mailbox that a check looks at.
const MESSAGES_MAX: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::MessageShown;

    #[test]
    fn texts_are_decoded_and_parts_are_named() {
        let message = "Subject: =?utf-8?B?YcOxbw==?=\r\n\
            Content-Type: multipart/mixed; boundary=b\r\n\r\n\
            --b\r\nContent-Type: text/plain; charset=utf-8\r\n\
            Content-Transfer-Encoding: quoted-printable\r\n\r\nreuni=C3=B3n\r\n.x\r\n\r\n--b\r\n\
            Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\
            Content-Disposition: attachment; filename=\"a b.png\"\r\n\r\nAAAA\r\n--b--\r\n";
        let shown = MessageShown::of(message.as_bytes(), vec!["\\Seen".to_owned()]);
        assert_eq!(shown.subject, "año");
        assert_eq!(shown.lines, ["reunión", ".x"]);
        assert_eq!(shown.parts, ["text/plain", "image/png a b.png"]);
        assert!(shown.is("año \\Seen") && !shown.is("año \\Flagged"));
        let plain = MessageShown::of(b"\r\nx\r\n", Vec::new());
        assert_eq!(
            (plain.lines, plain.parts),
            (vec!["x".to_owned()], vec!["text/plain".to_owned()])
        );
    }
}
