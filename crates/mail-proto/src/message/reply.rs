//! Answers and forwards: what of the message before goes into the next.

use crate::address::Address;
use crate::message::addresses::{self, Mailbox};
use crate::message::compose::{Draft, Person};
use crate::message::content::Content;
use crate::message::date::MessageDate;
use crate::message::decode::{address_text, header_text, mailbox_text, part_text};
use crate::message::encode::with_crlf;
use crate::message::fields::{self, unfold};
use crate::message::structure::{PartKind, Structure};

/// Who gets an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Who wrote it, or whom it names in `Reply-To`.
    Sender,
    /// Everybody who got it, too.
    Everybody,
}

/// Makes a draft an answer to a message: recipients, subject, conversation, and
/// the text quoted below what the draft says already (RFC 5322 §3.6.2, §3.6.4).
pub fn answer(draft: &mut Draft, message: &[u8], structure: &Structure, audience: Audience) {
    let header = message.get(structure.root().header.clone()).unwrap_or_default();
    let me = draft.from.address.clone();
    let is_new = |known: &[Person], person: &Person| {
        person.address != me && known.iter().all(|other| other.address != person.address)
    };
    let reply_to = people(header, "reply-to");
    draft.to = if reply_to.is_empty() { people(header, "from") } else { reply_to };
    if audience == Audience::Everybody {
        let mut known = draft.to.clone();
        for person in people(header, "to").into_iter().chain(people(header, "cc")) {
            if is_new(&known, &person) {
                known.push(person.clone());
                draft.cc.push(person);
            }
        }
    }
    draft.subject = with_prefix("Re:", &["re:", "rv:", "aw:"], header);
    set_conversation(draft, header);
    let quoted = format!("{}\r\n{}", introduction(header), quote(&body_text(message, structure)));
    draft.text = if draft.text.is_empty() {
        quoted
    } else {
        format!("{}\r\n{quoted}", with_crlf(&draft.text))
    };
}

/// Makes a draft a forward of a message: its subject, and its text with the
/// chief fields below what the draft says already.
pub fn forward(draft: &mut Draft, message: &[u8], structure: &Structure) {
    let header = message.get(structure.root().header.clone()).unwrap_or_default();
    draft.subject = with_prefix("Fwd:", &["fwd:", "fw:", "rv:"], header);
    let mut text = with_crlf(&draft.text);
    text.push_str("\r\n---------- Forwarded message ----------\r\n");
    for name in ["From", "Date", "Subject", "To"] {
        if let Some(value) = fields::first(header, name) {
            text.push_str(&format!("{name}: {}\r\n", header_text(value)));
        }
    }
    text.push_str("\r\n");
    text.push_str(&body_text(message, structure));
    draft.text = text;
}

/// The first text of a message, plain before HTML; of HTML its words.
#[must_use]
pub fn body_text(message: &[u8], structure: &Structure) -> String {
    let texts: Vec<_> = structure
        .parts()
        .iter()
        .filter(|part| part.kind == PartKind::Leaf)
        .map(|part| {
            let header = message.get(part.header.clone()).unwrap_or_default();
            (part, Content::of(header).content_type.is_some_and(|of| of.is("text", "html")))
        })
        .filter_map(|(part, is_html)| part_text(message, part).map(|text| (text, is_html)))
        .take(TEXTS_MAX)
        .collect();
    if let Some((text, _)) = texts.iter().find(|(_, is_html)| !is_html) {
        return text.clone();
    }
    texts.first().map(|(html, _)| without_tags(html)).unwrap_or_default()
}

/// The people of an address field whose addresses can be written to.
#[must_use]
pub fn people(header: &[u8], name: &str) -> Vec<Person> {
    let value = fields::first(header, name).unwrap_or_default();
    addresses::mailboxes(value).filter_map(|mailbox| person(&mailbox)).take(PEOPLE_MAX).collect()
}

fn person(mailbox: &Mailbox) -> Option<Person> {
    let address: Address = address_text(mailbox).parse().ok()?;
    let name = mailbox.name.as_deref().map(header_text).unwrap_or_default();
    Some(Person { name, address })
}

fn with_prefix(prefix: &str, known: &[&str], header: &[u8]) -> String {
    let subject = fields::first(header, "subject").map(header_text).unwrap_or_default();
    let lower = subject.to_lowercase();
    if known.iter().any(|known| lower.starts_with(known)) {
        return subject;
    }
    format!("{prefix} {subject}").trim_end().to_owned()
}

/// RFC 5322 §3.6.4: the references of the message, or what it answers, then
/// its own name.
fn set_conversation(draft: &mut Draft, header: &[u8]) {
    let of = |name| fields::first(header, name).map(ids).unwrap_or_default();
    let mut references = of("references");
    let answered = of("in-reply-to");
    if references.is_empty() && answered.len() == 1 {
        references = answered;
    }
    draft.in_reply_to = of("message-id").into_iter().next();
    references.extend(draft.in_reply_to.clone());
    // The first names the conversation, the last are next to it.
    if references.len() > REFERENCES_MAX {
        references.drain(1..references.len() - REFERENCES_MAX + 1);
    }
    draft.references = references;
}

/// `<left@right>`, without angles.
fn ids(value: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(&unfold(value)).into_owned();
    let ids = text.split('<').skip(1).filter_map(|rest| rest.split_once('>'));
    ids.map(|(id, _)| id.trim().to_owned()).filter(|id| !id.is_empty()).collect()
}

fn introduction(header: &[u8]) -> String {
    let from = fields::first(header, "from").unwrap_or_default();
    let who = addresses::mailboxes(from).next().map(|mailbox| mailbox_text(&mailbox));
    let who = who.unwrap_or_else(|| "somebody".to_owned());
    match fields::first(header, "date").and_then(MessageDate::parse) {
        Some(date) => format!("On {date}, {who} wrote:"),
        None => format!("{who} wrote:"),
    }
}

/// Each line behind `>` (RFC 3676 §4.5 writes further levels without a space).
fn quote(text: &str) -> String {
    let lines = text.trim_end().lines();
    lines
        .map(|line| format!(">{}{line}\r\n", if line.starts_with('>') { "" } else { " " }))
        .collect()
}

/// The words of HTML: tags are lines or nothing, some entities are letters.
fn without_tags(html: &str) -> String {
    let mut text = String::new();
    let mut rest = html;
    while let Some((before, behind)) = rest.split_once('<') {
        text.push_str(before);
        let (tag, after) = behind.split_once('>').unwrap_or((behind, ""));
        let name = tag.trim_start_matches('/').split(|c: char| !c.is_ascii_alphanumeric()).next();
        let name = name.unwrap_or_default().to_ascii_lowercase();
        if matches!(name.as_str(), "br" | "p" | "div" | "li" | "tr" | "h1" | "h2" | "h3") {
            text.push_str("\r\n");
        }
        rest = after;
        if matches!(name.as_str(), "script" | "style") && !tag.starts_with('/') {
            rest = after.split_once("</").map_or("", |(_, behind)| behind);
            rest = rest.split_once('>').map_or("", |(_, behind)| behind);
        }
    }
    text.push_str(rest);
    for (entity, letter) in
        [("&nbsp;", " "), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&amp;", "&")]
    {
        text = text.replace(entity, letter);
    }
    text.trim().to_owned()
}

/// More texts of one message are not looked at.
const TEXTS_MAX: usize = 32;
/// More people are not answered.
const PEOPLE_MAX: usize = 100;
/// Longer conversations lose their middle.
const REFERENCES_MAX: usize = 20;
