//! Notifications of what became of a message (RFC 3464, RFC 6522).
//!
//! ```text
//!   multipart/report
//!     text/plain                 for people
//!     message/delivery-status    for programs: one group of fields a recipient
//!     message/rfc822             the message, or text/rfc822-headers
//! ```

mod parse;

use crate::envelope::BodyKind;
use crate::envelope::Returns;
use crate::message::compose::{Node, Person, angled, text_node};
use crate::message::date::MessageDate;
use crate::message::downgrade::downgrade_to_7bit;
use crate::message::encode::field;
use crate::message::fields;
use crate::message::structure::scan;
use crate::smtp::xtext;

pub use parse::{ParsedRecipient, ParsedReport, parse};

/// A notification to be written. It is to be sent from nobody (RFC 3464 §2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The server that tells: `mail.umass.edu`; its `MAILER-DAEMON` writes.
    pub reporting_mta: String,
    /// Who sent the message.
    pub to: Person,
    /// When it is told.
    pub date: MessageDate,
    /// `left@right`, unique in the world, without angles.
    pub message_id: String,
    /// Random letters and digits, from which delimiters are made.
    pub boundary: String,
    /// When the message arrived at the server.
    pub arrival: Option<MessageDate>,
    /// `ENVID`, as the sender gave it (RFC 3461 §4.4).
    pub envelope_id: Option<String>,
    /// Of whom it tells; at least one, all with one action.
    pub recipients: Vec<RecipientReport>,
}

/// What became of one recipient (RFC 3464 §2.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipientReport {
    /// `ORCPT`, with its type: `rfc822;carlos@urosario.edu.co`.
    pub original: Option<String>,
    /// The address that was tried.
    pub recipient: String,
    /// What happened.
    pub action: Action,
    /// `5.1.1` (RFC 3463).
    pub status: String,
    /// The server that spoke.
    pub remote_mta: Option<String>,
    /// What it said: `550 5.1.1 no such user`.
    pub diagnostic: Option<String>,
    /// What the reporting server found by itself; for people.
    pub finding: Option<String>,
    /// When it was last tried.
    pub last_attempt: Option<MessageDate>,
    /// When the server will give up; of delays only.
    pub will_retry_until: Option<MessageDate>,
}

/// What happened to a message for a recipient (RFC 3464 §2.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// It cannot arrive.
    Failed,
    /// It takes long.
    Delayed,
    /// It is in the mailbox.
    Delivered,
    /// It went on to a server that tells nothing more.
    Relayed,
    /// It went on to several, of a list or an alias.
    Expanded,
}

impl Action {
    /// The word in the report.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Delayed => "delayed",
            Self::Delivered => "delivered",
            Self::Relayed => "relayed",
            Self::Expanded => "expanded",
        }
    }

    const fn subject(self) -> &'static str {
        match self {
            Self::Failed => "Your message could not be delivered",
            Self::Delayed => "Your message is delayed",
            Self::Delivered => "Your message was delivered",
            Self::Relayed | Self::Expanded => "Your message was passed on",
        }
    }

    const fn sentence(self) -> &'static str {
        match self {
            Self::Failed => "could not deliver your message to:",
            Self::Delayed => "could not yet deliver your message to:",
            Self::Delivered => "delivered your message to:",
            Self::Relayed | Self::Expanded => {
                "passed your message on to a server that may tell nothing more, for:"
            }
        }
    }
}

/// Writes the notification, in ASCII. Of the original message it returns what
/// its sender asked for, unless it is longer than [`RETURNED_BYTES_MAX`]; unasked,
/// all of it when it failed, and its header otherwise (RFC 3461 §6.2).
#[must_use]
pub fn write(report: &Report, original: &[u8], returns: Returns) -> Vec<u8> {
    let action = report.recipients.first().map_or(Action::Failed, |first| first.action);
    let mut out = field("Date", &report.date.to_string());
    let from = format!("Mail delivery <MAILER-DAEMON@{}>", one_line(&report.reporting_mta));
    out.push_str(&field("From", &from));
    out.push_str(&field("To", &report.to.header()));
    out.push_str(&field("Subject", action.subject()));
    out.push_str(&field("Message-ID", &angled(&report.message_id)));
    // RFC 3834 §5: nobody's machine answers it.
    out.push_str("Auto-Submitted: auto-replied\r\n");
    if let Some(id) = fields::first(original, "message-id") {
        let id = String::from_utf8_lossy(id.trim_ascii()).into_owned();
        out.push_str(&field("References", &angled(&id)));
    }
    out.push_str("MIME-Version: 1.0\r\n");
    let status = Node::Single {
        header: field("Content-Type", "message/delivery-status"),
        body: delivery_status(report).into_bytes(),
    };
    let parts = vec![
        text_node("plain", &for_people(report, action), BodyKind::SevenBit),
        status,
        returned(original, returns, action),
    ];
    let mut out = out.into_bytes();
    let subtype = "report; report-type=delivery-status";
    let mut boundary = report.boundary.clone();
    // The message may quote an earlier notification, or guess.
    while contains(original, format!("=_{boundary}").as_bytes()) {
        boundary.push('x');
    }
    Node::Several(subtype, parts).write(&mut out, &boundary, &mut 0);
    out
}

fn for_people(report: &Report, action: Action) -> String {
    let mut text =
        format!("The mail server {} {}\r\n\r\n", report.reporting_mta, action.sentence());
    for recipient in &report.recipients {
        text.push_str(&format!("  {}\r\n", clean(&recipient.recipient)));
        if let Some(diagnostic) = &recipient.diagnostic {
            let who = recipient.remote_mta.as_deref().unwrap_or(&report.reporting_mta);
            text.push_str(&format!("    {} said: {}\r\n", clean(who), clean(diagnostic)));
        }
        if let Some(finding) = &recipient.finding {
            text.push_str(&format!("    {}\r\n", clean(finding)));
        }
        if let Some(until) = until_of(recipient) {
            text.push_str(&format!("    It will be tried again until {until}.\r\n"));
        }
    }
    match action {
        Action::Failed => text.push_str("\r\nThe server will not try again.\r\n"),
        Action::Delayed => text.push_str("\r\nYou need not send it again.\r\n"),
        Action::Delivered | Action::Relayed | Action::Expanded => {}
    }
    text
}

/// The groups of fields (RFC 3464 §2.1): of the message, then of each recipient.
fn delivery_status(report: &Report) -> String {
    let mut out = String::new();
    if let Some(id) = &report.envelope_id {
        out.push_str(&line("Original-Envelope-Id", id));
    }
    out.push_str(&line("Reporting-MTA", &format!("dns; {}", report.reporting_mta)));
    if let Some(arrival) = report.arrival {
        out.push_str(&line("Arrival-Date", &arrival.to_string()));
    }
    for recipient in &report.recipients {
        out.push_str("\r\n");
        if let Some(original) = &recipient.original {
            out.push_str(&line("Original-Recipient", &original_recipient(original)));
        }
        // RFC 6533 §3: an address beyond ASCII is written by numbers.
        let kind = if recipient.recipient.is_ascii() { "rfc822" } else { "utf-8" };
        let address = escaped_address(&recipient.recipient);
        out.push_str(&line("Final-Recipient", &format!("{kind}; {address}")));
        out.push_str(&line("Action", recipient.action.name()));
        out.push_str(&line("Status", &recipient.status));
        if let Some(remote) = &recipient.remote_mta {
            out.push_str(&line("Remote-MTA", &format!("dns; {remote}")));
        }
        if let Some(diagnostic) = &recipient.diagnostic {
            out.push_str(&line("Diagnostic-Code", &format!("smtp; {diagnostic}")));
        }
        if let Some(last) = recipient.last_attempt {
            out.push_str(&line("Last-Attempt-Date", &last.to_string()));
        }
        if let Some(until) = until_of(recipient) {
            out.push_str(&line("Will-Retry-Until", &until.to_string()));
        }
    }
    out
}

/// What ORCPT said, as it was "prior to encoding" (RFC 3461 §4.2). One beyond ASCII keeps
/// its own form (RFC 6533 §3).
fn original_recipient(parameter: &str) -> String {
    let Some((kind, address)) = parameter.split_once(';') else { return parameter.to_owned() };
    let decoded = xtext::decode(address).and_then(|bytes| String::from_utf8(bytes).ok());
    let decoded = decoded.filter(|_| !kind.eq_ignore_ascii_case("utf-8"));
    format!("{kind}; {}", decoded.as_deref().unwrap_or(address))
}

/// RFC 3464 §2.3.9: of delays only.
fn until_of(recipient: &RecipientReport) -> Option<MessageDate> {
    recipient.will_retry_until.filter(|_| recipient.action == Action::Delayed)
}

fn returned(original: &[u8], returns: Returns, action: Action) -> Node<'static> {
    // RFC 3461 §4.3: a whole message comes back with failures only.
    let is_whole = match returns {
        Returns::Headers => false,
        Returns::Full | Returns::Unsaid => {
            action == Action::Failed && original.len() <= RETURNED_BYTES_MAX
        }
    };
    if is_whole {
        let header = field("Content-Type", "message/rfc822");
        return Node::Single { header, body: downgrade_to_7bit(original).into_owned() };
    }
    let structure = scan(original);
    let header = original.get(structure.root().header.clone()).unwrap_or_default();
    let kept = header.get(..header.len().min(HEADER_BYTES_MAX)).unwrap_or_default();
    let body = downgrade_to_7bit(kept).into_owned();
    Node::Single { header: field("Content-Type", "text/rfc822-headers"), body }
}

/// A field whose value cannot add another, folded.
fn line(name: &str, value: &str) -> String {
    field(name, &one_line(value))
}

/// Printable ASCII in one line, not endless.
fn one_line(text: &str) -> String {
    clean(text).chars().map(|c| if c.is_ascii() { c } else { '?' }).collect()
}

/// Other people's words stay in one line.
fn clean(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().take(VALUE_CHARACTERS_MAX).map(plain).collect()
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}

/// `\x{HEX}` for letters beyond ASCII (RFC 6533 §3, `utf-8-addr-xtext`).
fn escaped_address(address: &str) -> String {
    let mut escaped = String::new();
    for c in address.chars() {
        if c.is_ascii() {
            escaped.push(c);
        } else {
            escaped.push_str(&format!("\\x{{{:X}}}", u32::from(c)));
        }
    }
    escaped
}

/// A notification is short: of a longer message its header comes back.
pub const RETURNED_BYTES_MAX: usize = 64 << 10;
/// Of a longer header its beginning comes back.
const HEADER_BYTES_MAX: usize = 64 << 10;
/// Longer words of other servers are cut: a line has 998 octets (RFC 5322
/// §2.1.1), with the field's name.
const VALUE_CHARACTERS_MAX: usize = 900;

#[cfg(test)]
mod tests;
