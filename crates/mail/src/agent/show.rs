//! The reading side: a message as a row, and as a person reads it.

use capa7_mail_proto::message::addresses::mailboxes;
use capa7_mail_proto::message::content::{Content, text_parameter};
use capa7_mail_proto::message::date::MessageDate;
use capa7_mail_proto::message::decode::{
    address_text, header_text, mailbox_text, part_bytes, part_text,
};
use capa7_mail_proto::message::fields::first;
use capa7_mail_proto::message::structure::{Part, PartKind, Structure, scan};
use serde::Serialize;

use crate::webmail::plain;

/// A message in a list, for people and for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Who wrote it: name or address.
    pub from: String,
    /// The address of whoever wrote it.
    pub from_address: String,
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
        from_address: mailboxes(from).next().map(|of| address_text(&of)).unwrap_or_default(),
        to: mailboxes(to).map(|mailbox| address_text(&mailbox)).take(SHOWN_MAX).collect(),
        subject: text("subject").unwrap_or_default(),
        date: first(header, "date").and_then(MessageDate::parse).map(|date| date.unix_seconds()),
        message_id: text("message-id"),
        bytes: message.len(),
    }
}

/// A message to be read by a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// `From`, `To`, `Cc`, `Date` and `Subject`, decoded, those that are there.
    pub header: Vec<(&'static str, String)>,
    /// The text, of HTML what is readable in it.
    pub text: String,
    /// What comes with it.
    pub files: Vec<ShownFile>,
}

/// A part that is no text of the message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShownFile {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// `image/png`
    pub media_type: String,
    /// Octets when decoded.
    pub bytes: usize,
}

/// A message decoded. Of alternatives the plain text is taken (RFC 2046
/// §5.1.4).
#[must_use]
pub fn shown(message: &[u8]) -> Shown {
    let structure = scan(message);
    let header = message.get(structure.root().header.clone()).unwrap_or_default();
    let lines = ["From", "To", "Cc", "Date", "Subject"].into_iter();
    let lines = lines.filter_map(|name| Some((name, header_text(first(header, name)?))));
    let mut read = Read { message, structure: &structure, texts: Vec::new(), files: Vec::new() };
    read.part(structure.root());
    let texts = read.texts.into_iter().map(|text| match text {
        (Form::Plain, text) => text,
        (Form::Html, text) => plain(&text),
    });
    let text = texts.map(|text| text.replace("\r\n", "\n")).collect::<Vec<_>>().join("\n");
    Shown { header: lines.collect(), text, files: read.files }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Plain,
    Html,
}

/// What was found so far.
struct Read<'m> {
    message: &'m [u8],
    structure: &'m Structure,
    texts: Vec<(Form, String)>,
    files: Vec<ShownFile>,
}

impl Read<'_> {
    /// Reads a part with those in it; they are not deeper than the structure's
    /// bound.
    fn part(&mut self, part: &Part) {
        let header = self.message.get(part.header.clone()).unwrap_or_default();
        let content = Content::of(header);
        let is = |kind: &str, subtype: &str| {
            content.content_type.as_ref().is_some_and(|of| of.is(kind, subtype))
        };
        if let PartKind::Multipart(children) = &part.kind {
            let before = self.texts.len();
            for child in children {
                self.part(self.structure.part(*child));
            }
            let of_these = self.texts.get(before..).unwrap_or_default();
            if is("multipart", "alternative") && of_these.iter().any(|t| t.0 == Form::Plain) {
                let mut index = 0;
                self.texts.retain(|(form, _)| {
                    index += 1;
                    index <= before || *form == Form::Plain
                });
            }
            return;
        }
        let disposition = content.disposition.as_ref();
        let name = disposition.and_then(|of| text_parameter(&of.parameters, "filename"));
        let of_type = || text_parameter(&content.content_type.as_ref()?.parameters, "name");
        let name = name.or_else(of_type);
        let is_file = name.is_some()
            || disposition.is_some_and(|of| of.kind.eq_ignore_ascii_case(b"attachment"));
        let form = match &content.content_type {
            None => Some(Form::Plain),
            Some(of) if of.is("text", "plain") => Some(Form::Plain),
            Some(of) if of.is("text", "html") => Some(Form::Html),
            Some(_) => None,
        };
        if let Some(form) = form.filter(|_| !is_file && self.texts.len() < SHOWN_MAX)
            && let Some(text) = part_text(self.message, part)
        {
            return self.texts.push((form, text));
        }
        if self.files.len() < SHOWN_MAX {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).to_ascii_lowercase();
            let media_type = match &content.content_type {
                Some(of) => format!("{}/{}", text(&of.kind), text(&of.subtype)),
                None => "text/plain".to_owned(),
            };
            let bytes = part_bytes(self.message, part).len();
            self.files.push(ShownFile { name, media_type, bytes });
        }
    }
}

/// Text without what would command a terminal: a message's writer is no user
/// of this machine. Lines and tabulators stay.
#[must_use]
pub fn for_terminal(text: &str) -> String {
    let is_shown = |c: char| matches!(c, '\n' | '\t') || !(c.is_control() || is_direction(c));
    text.chars().map(|c| if is_shown(c) { c } else { '\u{fffd}' }).collect()
}

/// Signs that turn the direction of writing: with them one name looks like
/// another.
const fn is_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Of more recipients the first are shown.
const SHOWN_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::{for_terminal, shown, summary};

    const MESSAGE: &[u8] = b"Return-Path: <andrea@umass.edu>\r\n\
        From: =?utf-8?q?Andr=C3=A9a?= <andrea@umass.edu>\r\nTo: carlos@urosario.edu.co, x@y\r\n\
        Subject: hi\r\nDate: Mon, 2 Jun 2025 10:00:00 +0000\r\n\r\nFrom here\r\n>From there\r\nend";

    #[test]
    fn a_summary_is_in_words() {
        let row = summary(MESSAGE);
        assert_eq!((row.from.as_str(), row.subject.as_str()), ("Andréa", "hi"));
        assert_eq!(row.to, ["carlos@urosario.edu.co", "x@y"]);
        assert_eq!((row.date, row.bytes), (Some(1_748_858_400), MESSAGE.len()));
        assert_eq!(summary(b"\xff\x00").from, "");
    }

    /// RFC 2046 §5.1.4: of alternatives one; files are named, not shown.
    #[test]
    fn a_message_is_shown_decoded() {
        let message =
            b"From: =?utf-8?q?Andr=C3=A9a?= <a@x>\r\nSubject: hi\r\nMIME-Version: 1.0\r\n\
            Content-Type: multipart/mixed; boundary=o\r\n\r\n\
            --o\r\nContent-Type: multipart/alternative; boundary=i\r\n\r\n\
            --i\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\
            Content-Transfer-Encoding: quoted-printable\r\n\r\nma=F1ana\r\n\
            --i\r\nContent-Type: text/html\r\n\r\n<b>tomorrow</b>\r\n--i--\r\n\
            --o\r\nContent-Type: text/html\r\n\r\n<p>one &amp; <script>x()</script>two</p>\r\n\
            --o\r\nContent-Type: application/pdf; name*=UTF-8''a%C3%B1o.pdf\r\n\
            Content-Transfer-Encoding: base64\r\n\r\nUERG\r\n--o--\r\n";
        let message = shown(message);
        assert_eq!(message.header, [("From", "Andréa <a@x>".to_owned()), ("Subject", "hi".into())]);
        assert!(message.text.starts_with("mañana\n"), "{:?}", message.text);
        assert!(message.text.contains("one & two") && !message.text.contains("tomorrow"));
        assert_eq!(message.files.len(), 1);
        let file = &message.files[0];
        assert_eq!((file.name.as_deref(), &*file.media_type), (Some("año.pdf"), "application/pdf"));
        assert_eq!(file.bytes, 3);
        assert_eq!(shown(b"\xff\r\n\r\n\0").files.len(), 0);
    }

    #[test]
    fn no_message_commands_the_terminal() {
        assert_eq!(for_terminal("a\u{1b}[2Jb\r\n\u{9b}c\td\u{202e}"), "a�[2Jb�\n�c\td�");
    }
}
