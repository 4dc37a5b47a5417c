//! What people do with mail in a scenario, as written.

use serde::Deserialize;
use toml::Spanned;

use super::file::inbox;
use crate::units::{Size, Span};

/// A message, written with one's user agent and handed to one's mail server
/// (course M6).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Write {
    /// Who writes: a person of the world who has a mailbox.
    pub from: Spanned<String>,
    /// To whom: people of the world, or addresses.
    pub to: Vec<Spanned<String>>,
    /// The subject.
    pub subject: String,
    /// The text.
    #[serde(default)]
    pub text: String,
    /// Texts that it had before: the agent keeps each as a draft on the server,
    /// in place of the one before, and removes the last when the message is sent.
    #[serde(default)]
    pub drafts: Vec<String>,
    /// Files that go with it.
    #[serde(default)]
    pub attach: Vec<Attachment>,
    /// What the header says of the sender, when it is not the sender's address
    /// (course M9).
    pub header_from: Option<String>,
    /// What the header says of the recipients, when it is not the addresses of
    /// `to`.
    pub header_to: Option<String>,
    /// Whether the agent leaves letters beyond ASCII as bytes (RFC 6152), or
    /// encodes them at once.
    #[serde(default)]
    pub eight_bit: bool,
}

/// A file that goes with a message.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attachment {
    /// Its name.
    pub name: String,
    /// Its media type: `image/png`.
    #[serde(rename = "type")]
    pub media_type: Spanned<String>,
    /// Its text.
    pub text: Option<String>,
    /// Bytes made on the fly, so many.
    pub size: Option<Size>,
}

/// Messages, read with one's user agent over IMAP or POP3 (course M10).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Read {
    /// Who reads: a person of the world who has a mailbox.
    pub by: Spanned<String>,
    /// By which protocol.
    #[serde(default)]
    pub over: ReadProtocol,
    /// The folder; POP3 knows the inbox only.
    #[serde(default = "inbox")]
    pub folder: Spanned<String>,
    /// Only messages whose subject contains this.
    pub subject: Option<String>,
    /// What becomes of them; over POP3 they can only be deleted.
    #[serde(default)]
    pub then: Then,
    /// When nothing is there, waits so long for a message to come in, told by
    /// the server (IMAP IDLE, RFC 9051 §6.3.13).
    pub wait: Option<Spanned<Span>>,
}

/// How a user agent asks for messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReadProtocol {
    /// RFC 9051: messages stay on the server.
    #[default]
    Imap,
    /// RFC 1939: messages of one mailbox are downloaded.
    Pop3,
}

/// What becomes of messages that were read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Then {
    /// They get this flag.
    pub flag: Option<Spanned<String>>,
    /// They go to this folder, which is made when it is not there.
    pub to: Option<Spanned<String>>,
    /// They are deleted.
    pub delete: bool,
}

/// Commands typed by hand over a connection (course M5).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Typed {
    /// Who types.
    pub from: Spanned<String>,
    /// The server's name, resolved through DNS.
    pub to: Spanned<String>,
    /// Its port.
    #[serde(default = "smtp_port")]
    pub port: u16,
    /// The lines, without their ends. After the reply 354 they are sent one
    /// after the other up to the line with a single dot; otherwise each waits
    /// for the reply to the one before.
    pub lines: Vec<String>,
    /// How long to wait for each reply.
    pub patience: Option<Span>,
}

/// What somebody does on a webmail site (course M11). Without `read` and `send`
/// they open its page with all its objects.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Browse {
    /// Whose browser: a person who has a mailbox at the site's server.
    pub from: Spanned<String>,
    /// The site's host, resolved through DNS.
    pub site: Spanned<String>,
    /// Reads the messages of a folder.
    pub read: Option<Spanned<String>>,
    /// Sends a message.
    pub send: Option<BrowserMessage>,
}

/// A message that is written in a browser.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrowserMessage {
    /// To whom: people of the world, or addresses.
    pub to: Vec<Spanned<String>>,
    /// The subject.
    pub subject: String,
    /// The text.
    #[serde(default)]
    pub text: String,
}

/// Something is done with the messages that wait in a server's queue.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueDeed {
    /// The mail server.
    pub host: Spanned<String>,
    /// What.
    #[serde(rename = "do")]
    pub deed: QueueCommand,
}

/// What can be done with waiting messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QueueCommand {
    /// All are tried at once.
    Flush,
    /// None is tried.
    Hold,
    /// Held ones are tried again.
    Release,
    /// All are thrown away.
    Delete,
}

/// A mail server says no to a command, whatever it would say itself: 4xx for
/// "not now", 5xx for "never" (RFC 5321 §4.2.1).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplyFault {
    /// The mail server.
    pub host: Spanned<String>,
    /// To what.
    pub to: SmtpCommand,
    /// Of RCPT only those for this one: a person of the world, or an address.
    pub recipient: Option<Spanned<String>>,
    /// The code: 400 to 599, as a greeting 421 or 554; after 421 the server
    /// closes.
    pub code: Spanned<u16>,
    /// The words beside it.
    pub text: Option<String>,
    /// At which of its ports: 25, or 587 and 465, which are one.
    #[serde(default = "smtp_port_written")]
    pub port: Spanned<u16>,
    /// So many are answered as usual first.
    #[serde(default)]
    pub skip: u64,
    /// To so many after those; without end when not given.
    pub count: Option<u64>,
    /// For so long; without end when not given.
    pub lasting: Option<Span>,
}

/// A point at which a mail server may say no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum SmtpCommand {
    /// The connection: it is the server's greeting that says no.
    #[serde(rename = "greeting")]
    Greeting,
    /// EHLO and HELO.
    #[serde(rename = "EHLO")]
    Hello,
    /// MAIL.
    #[serde(rename = "MAIL")]
    Mail,
    /// RCPT.
    #[serde(rename = "RCPT")]
    Rcpt,
    /// DATA.
    #[serde(rename = "DATA")]
    Data,
    /// The end of the message.
    #[serde(rename = ".")]
    End,
}

/// Between mail servers (course M4).
const fn smtp_port() -> u16 {
    25
}

fn smtp_port_written() -> Spanned<u16> {
    Spanned::new(0..0, smtp_port())
}
