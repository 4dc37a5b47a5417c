//! Messages as user agents write them: 7-bit clean, whatever is in them, unless
//! the writer wants texts as they are.
//!
//! ```text
//!   text                                   text/plain
//!   text, html                             multipart/alternative
//!   text, html, pictures in it             multipart/related around the html
//!   …, attachments                         multipart/mixed around all
//! ```

use crate::address::Address;
use crate::envelope::BodyKind;
use crate::message::date::MessageDate;
use crate::message::downgrade::downgrade_to_7bit;
use crate::message::encode::{TransferEncoding, field, with_crlf, words};

/// A message to be written. Nothing in it comes from a clock or a die: the same
/// draft gives the same bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Who writes.
    pub from: Person,
    /// Where answers go, when not to `from`.
    pub reply_to: Vec<Person>,
    /// To whom.
    pub to: Vec<Person>,
    /// Who may read it too.
    pub cc: Vec<Person>,
    /// Who reads it without the others' knowledge: for the writer's own copy
    /// only (RFC 5322 §3.6.3).
    pub bcc: Vec<Person>,
    /// What is no address yet, of a message that is not finished.
    pub unfinished: Vec<Unfinished>,
    /// In any script.
    pub subject: String,
    /// When.
    pub date: MessageDate,
    /// `left@right`, unique in the world, without angles.
    pub message_id: String,
    /// What it answers, without angles (RFC 5322 §3.6.4).
    pub in_reply_to: Option<String>,
    /// The conversation before it, the oldest first, without angles.
    pub references: Vec<String>,
    /// The body as plain text, lines ended in any way.
    pub text: String,
    /// The same as HTML.
    pub html: Option<String>,
    /// What comes with it.
    pub attachments: Vec<Attachment>,
    /// Whether texts beyond ASCII are left as they are (RFC 6152); files are
    /// encoded always. [`BodyKind::Binary`] is as [`BodyKind::SevenBit`].
    pub body: BodyKind,
    /// Random letters and digits, from which delimiters are made.
    pub boundary: String,
}

/// Somebody with a name, which may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// In any script.
    pub name: String,
    /// The address.
    pub address: Address,
}

/// Half an address, as somebody has typed it. It is kept as the name of a group
/// without members (RFC 5322 §3.4), to which nothing can be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// Where it stands.
    pub field: RecipientField,
    /// What it says.
    pub text: String,
}

/// A field that names recipients (RFC 5322 §3.6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecipientField {
    /// `To`.
    To,
    /// `Cc`.
    Cc,
    /// `Bcc`.
    Bcc,
}

/// A file that comes with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Its name, in any script.
    pub name: String,
    /// `image/png`; what is no type is sent as octets.
    pub content_type: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// `left@right` by which the HTML shows it (`cid:left@right`, RFC 2392).
    pub content_id: Option<String>,
}

impl Person {
    /// Somebody without a name.
    #[must_use]
    pub const fn new(address: Address) -> Self {
        Self { name: String::new(), address }
    }

    /// `Name <address>` for a header (RFC 5322 §3.4).
    #[must_use]
    pub fn header(&self) -> String {
        if self.name.trim().is_empty() {
            return self.address.to_string();
        }
        format!("{} <{}>", phrase(&self.name), self.address)
    }
}

impl Draft {
    /// A message with nothing but who writes it, when, and its names.
    #[must_use]
    pub const fn new(
        from: Person,
        date: MessageDate,
        message_id: String,
        boundary: String,
    ) -> Self {
        Self {
            from,
            reply_to: Vec::new(),
            to: Vec::new(),
            cc: Vec::new(),
            bcc: Vec::new(),
            unfinished: Vec::new(),
            subject: String::new(),
            date,
            message_id,
            in_reply_to: None,
            references: Vec::new(),
            text: String::new(),
            html: None,
            attachments: Vec::new(),
            body: BodyKind::SevenBit,
            boundary,
        }
    }

    /// The message in lines with CR LF. Addresses beyond ASCII keep it from
    /// being ASCII, and need SMTPUTF8 (RFC 6532); so do texts where `body`
    /// leaves them, and need 8BITMIME.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut out = self.header().into_bytes();
        let (inline, attached): (Vec<_>, Vec<_>) = self
            .attachments
            .iter()
            .partition(|file| file.content_id.is_some() && self.html.is_some());
        let mut node = text_node("plain", &self.text, self.body);
        if let Some(html) = &self.html {
            let mut html = text_node("html", html, self.body);
            if !inline.is_empty() {
                let files = inline.into_iter().map(attachment_node);
                html = Node::Several("related", std::iter::once(html).chain(files).collect());
            }
            node = Node::Several("alternative", vec![node, html]);
        }
        if !attached.is_empty() {
            let files = attached.into_iter().map(attachment_node);
            node = Node::Several("mixed", std::iter::once(node).chain(files).collect());
        }
        let mut boundary_count = 0;
        node.write(&mut out, &self.boundary, &mut boundary_count);
        out
    }

    fn header(&self) -> String {
        let mut header = field("Date", &self.date.to_string());
        header.push_str(&field("From", &self.from.header()));
        if !self.reply_to.is_empty() {
            header.push_str(&field("Reply-To", &self.people(None, &self.reply_to)));
        }
        for (name, of, people) in [
            ("To", RecipientField::To, &self.to),
            ("Cc", RecipientField::Cc, &self.cc),
            ("Bcc", RecipientField::Bcc, &self.bcc),
        ] {
            let value = self.people(Some(of), people);
            if !value.is_empty() {
                header.push_str(&field(name, &value));
            }
        }
        header.push_str(&field("Subject", &words(&self.subject)));
        header.push_str(&field("Message-ID", &angled(&self.message_id)));
        if let Some(id) = &self.in_reply_to {
            header.push_str(&field("In-Reply-To", &angled(id)));
        }
        if !self.references.is_empty() {
            let references: Vec<_> = self.references.iter().map(|id| angled(id)).collect();
            header.push_str(&field("References", &references.join(" ")));
        }
        header.push_str("MIME-Version: 1.0\r\n");
        header
    }

    fn people(&self, of: Option<RecipientField>, people: &[Person]) -> String {
        let finished = people.iter().map(Person::header);
        let unfinished = self.unfinished.iter().filter(|half| Some(half.field) == of);
        let unfinished = unfinished.map(|half| format!("{}:;", phrase(&half.text)));
        finished.chain(unfinished).collect::<Vec<_>>().join(", ")
    }
}

/// A name in any script for an address field (RFC 5322 §3.2.5, RFC 2047 §5).
fn phrase(name: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || " !#$%&'*+-/=?^_`{|}~".contains(c);
    let name = words(name);
    if name.chars().all(is_word) || name.starts_with("=?") {
        return name;
    }
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A part with its `Content-` fields, or several under a multipart.
pub(super) enum Node<'a> {
    Single { header: String, body: Vec<u8> },
    Several(&'a str, Vec<Self>),
}

impl Node<'_> {
    /// Whether there are bytes beyond ASCII in it.
    fn is_wide(&self) -> bool {
        match self {
            Self::Single { body, .. } => !body.is_ascii(),
            Self::Several(_, parts) => parts.iter().any(Self::is_wide),
        }
    }

    /// Writes fields, an empty line and the body.
    pub(super) fn write(&self, out: &mut Vec<u8>, stem: &str, boundary_count: &mut u32) {
        match self {
            Self::Single { header, body } => {
                out.extend_from_slice(header.as_bytes());
                out.extend_from_slice(b"\r\n");
                out.extend_from_slice(body);
            }
            Self::Several(subtype, parts) => {
                *boundary_count += 1;
                // RFC 2045 §6.7: neither encoding can write `=_`.
                let boundary = format!("=_{stem}.{boundary_count}");
                let value = format!("multipart/{subtype}; boundary=\"{boundary}\"");
                out.extend_from_slice(field("Content-Type", &value).as_bytes());
                if self.is_wide() {
                    // RFC 2045 §6.4: a multipart says what its parts need.
                    let encoding = TransferEncoding::EightBit.name();
                    let line = field("Content-Transfer-Encoding", encoding);
                    out.extend_from_slice(line.as_bytes());
                }
                for part in parts {
                    out.extend_from_slice(format!("\r\n--{boundary}\r\n").as_bytes());
                    part.write(out, stem, boundary_count);
                }
                out.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
            }
        }
    }
}

/// A part of text, in the shortest encoding that is safe.
pub(super) fn text_node(subtype: &str, text: &str, body: BodyKind) -> Node<'static> {
    let text = with_crlf(text);
    let charset = if text.is_ascii() { "us-ascii" } else { "utf-8" };
    let mut encoding = TransferEncoding::for_text(text.as_bytes(), body);
    if text.contains("\n--=_") || text.starts_with("--=_") {
        // It quotes a delimiter, perhaps ours.
        encoding = TransferEncoding::QuotedPrintable;
    }
    let mut header = field("Content-Type", &format!("text/{subtype}; charset={charset}"));
    header.push_str(&field("Content-Transfer-Encoding", encoding.name()));
    Node::Single { header, body: encoding.write(text.as_bytes()) }
}

fn attachment_node(file: &Attachment) -> Node<'static> {
    let (kind, subtype) = file.content_type.split_once('/').unwrap_or_default();
    let is_token = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || ".+-_".contains(c))
    };
    // A multipart is never a file; a message goes as it is (RFC 2046 §5.2.1).
    let is_type = is_token(kind) && is_token(subtype) && !kind.eq_ignore_ascii_case("multipart");
    let content_type =
        if is_type { file.content_type.as_str() } else { "application/octet-stream" };
    let is_message = content_type.eq_ignore_ascii_case("message/rfc822");
    let (encoding, body) = if is_message {
        (TransferEncoding::SevenBit, downgrade_to_7bit(&file.bytes).into_owned())
    } else {
        (TransferEncoding::Base64, TransferEncoding::Base64.write(&file.bytes))
    };
    let disposition = if file.content_id.is_some() { "inline" } else { "attachment" };
    let mut header = field("Content-Type", content_type);
    header.push_str(&field("Content-Transfer-Encoding", encoding.name()));
    let value = format!("{disposition}; {}", parameter("filename", &file.name));
    header.push_str(&field("Content-Disposition", &value));
    if let Some(id) = &file.content_id {
        header.push_str(&field("Content-ID", &angled(id)));
    }
    Node::Single { header, body }
}

/// `name="value"`; in the form of RFC 2231 §4 what is beyond ASCII or would need an
/// escape or a fold between the quotes, which not every reader undoes. A long one is in
/// pieces (§3).
fn parameter(name: &str, value: &str) -> String {
    let value: String = value.chars().filter(|c| !c.is_control()).take(FILE_NAME_MAX).collect();
    if value.is_ascii() && value.len() <= PIECE_BYTES_MAX && !value.contains(['"', '\\']) {
        return format!("{name}=\"{value}\"");
    }
    let mut pieces = vec!["utf-8''".to_owned()];
    for c in value.chars() {
        let is_plain = c.is_ascii_alphanumeric() || ".-_".contains(c);
        let mut bytes = [0; 4];
        let bytes = c.encode_utf8(&mut bytes).as_bytes();
        let escaped: String = if is_plain {
            c.to_string()
        } else {
            bytes.iter().map(|byte| format!("%{byte:02X}")).collect()
        };
        match pieces.last_mut() {
            Some(piece) if piece.len() + escaped.len() <= PIECE_BYTES_MAX => {
                piece.push_str(&escaped);
            }
            _ => pieces.push(escaped),
        }
    }
    if let [whole] = pieces.as_slice() {
        return format!("{name}*={whole}");
    }
    let numbered = pieces.iter().enumerate();
    numbered
        .map(|(number, piece)| format!("{name}*{number}*={piece}"))
        .collect::<Vec<_>>()
        .join("; ")
}

/// `<left@right>`, without what would end it.
pub(super) fn angled(id: &str) -> String {
    let plain: String = id.chars().filter(|c| c.is_ascii_graphic() && !"<>".contains(*c)).collect();
    format!("<{plain}>")
}

/// Longer names of files are cut, in characters.
const FILE_NAME_MAX: usize = 200;
/// Of a name in one line of 78 (RFC 5322 §2.1.1).
const PIECE_BYTES_MAX: usize = 60;

#[cfg(test)]
mod tests;
