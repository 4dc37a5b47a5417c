//! Writing: drafts kept in the mailbox, messages sent by SMTP and kept in the
//! folder of sent ones (course M11).

use std::borrow::Cow;
use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use capa7_http::message::Response;
use capa7_mail_proto::address::{Address, ForwardPath, ReversePath};
use capa7_mail_proto::envelope::{BodyKind, Envelope, Recipient, Returns};
use capa7_mail_proto::imap::command::{Access, FlagChange};
use capa7_mail_proto::imap::sequence::SequenceSet;
use capa7_mail_proto::mailbox::{Flag, SpecialUse};
use capa7_mail_proto::smtp::client::{Credentials, Outcome};
use capa7_net::Cause;
use mail_builder::MessageBuilder;
use mail_builder::headers::address::Address as HeaderAddress;
use mail_builder::headers::content_type::ContentType;
use mail_builder::mime::MimePart;
use serde::Deserialize;
use serde_json::json;

use super::problem::Problem;
use super::route::{Ask, json};
use super::session::secret;
use super::{folders, read};
use crate::smtp::connection::{ClientSettings, Connection, TlsUse};

/// A message as the page sends it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Written {
    #[serde(default)]
    to: Vec<Person>,
    #[serde(default)]
    cc: Vec<Person>,
    #[serde(default)]
    bcc: Vec<Person>,
    #[serde(default)]
    subject: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    attachments: Vec<File>,
    /// The identifiers of the message that is answered, and of those before it
    /// (RFC 5322 §3.6.4).
    #[serde(default)]
    in_reply_to: String,
    #[serde(default)]
    references: String,
    /// The draft that this takes the place of.
    draft: Option<NonZeroU32>,
    /// The message that is answered or passed on, to be marked.
    answers: Option<Place>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Person {
    #[serde(default)]
    name: String,
    address: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    folder: String,
    uid: NonZeroU32,
}

/// A file: its content, or where a message has it already.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum File {
    Content {
        name: String,
        #[serde(rename = "type")]
        media_type: String,
        /// In base64.
        data: String,
    },
    Part {
        folder: String,
        uid: NonZeroU32,
        section: String,
    },
}

/// Which readers of a message it is written for: the blind copies' names are in
/// the own copy only (RFC 5322 §3.6.3).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Copy {
    Own,
    Sent,
}

/// Keeps a draft in place of the one before.
pub(crate) async fn save(ask: &Ask) -> Result<Response, Problem> {
    let written: Written = ask.body()?;
    let files = files(ask, &written).await?;
    let message = build(ask, &written, &files, Copy::Own, &message_id(ask))?;
    let cause = ask.cause();
    let mut imap = ask.session.imap(&ask.gateway, "INBOX", cause).await?;
    let drafts = folders::of_use(&mut imap, SpecialUse::Drafts, cause).await?;
    let flags = vec![Flag::system("\\Draft"), Flag::system("\\Seen")];
    let uid = imap.append(&drafts, flags, message, cause).await?;
    if let Some(old) = written.draft {
        imap.select(&drafts, Access::ReadWrite, cause).await?;
        imap.remove(SequenceSet::of([old]), cause).await?;
    }
    Ok(json(&json!({ "folder": drafts, "uid": uid.map(|uid| uid.0) }), imap.cause()))
}

/// Sends a message, keeps it among the sent ones, and removes its draft.
pub(crate) async fn send(ask: &Ask) -> Result<Response, Problem> {
    let written: Written = ask.body()?;
    let envelope = envelope(ask, &written)?;
    let files = files(ask, &written).await?;
    let id = message_id(ask);
    let sent = build(ask, &written, &files, Copy::Sent, &id)?;
    let own = build(ask, &written, &files, Copy::Own, &id)?;
    let (outcomes, cause) = submit(ask, &envelope, sent).await?;
    let refused: Vec<String> = outcomes
        .iter()
        .filter_map(|(address, outcome)| match outcome {
            Outcome::Delivered(_) => None,
            Outcome::Deferred(why) | Outcome::Failed(why) => {
                Some(format!("{address}: {}", why.reply()))
            }
        })
        .collect();
    if refused.len() == outcomes.len() {
        return Err(Problem::Refused(refused.join("; ")));
    }
    // It is on its way: what fails now does not undo that.
    let kept = keep(ask, &written, own, cause).await;
    if let Err(problem) = &kept {
        tracing::debug!(%problem, "a sent message was not kept");
    }
    let cause = kept.as_ref().copied().unwrap_or(cause);
    Ok(json(&json!({ "refused": refused, "kept": kept.is_ok() }), cause))
}

async fn keep(ask: &Ask, written: &Written, own: Bytes, cause: Cause) -> Result<Cause, Problem> {
    let mut imap = ask.session.imap(&ask.gateway, "INBOX", cause).await?;
    let sent = folders::of_use(&mut imap, SpecialUse::Sent, cause).await?;
    imap.append(&sent, vec![Flag::system("\\Seen")], own, cause).await?;
    if let Some(draft) = written.draft {
        let drafts = folders::of_use(&mut imap, SpecialUse::Drafts, cause).await?;
        imap.select(&drafts, Access::ReadWrite, cause).await?;
        imap.remove(SequenceSet::of([draft]), cause).await?;
    }
    if let Some(Place { folder, uid }) = &written.answers {
        imap.select(folder, Access::ReadWrite, cause).await?;
        let change = FlagChange::Add(vec![Flag::system("\\Answered")]);
        imap.store(SequenceSet::of([*uid]), change, cause).await?;
    }
    Ok(imap.cause())
}

async fn submit(
    ask: &Ask,
    envelope: &Envelope,
    message: Bytes,
) -> Result<(Vec<(Address, Outcome)>, Cause), Problem> {
    let config = &ask.gateway.config;
    let credentials = Credentials {
        user: ask.session.user.clone(),
        password: ask.session.password.as_str().to_owned(),
        // The operator chose a way without TLS: the server is this machine, or
        // the network is a lab's.
        in_clear: matches!(config.submission_tls, TlsUse::Never),
    };
    let settings = ClientSettings {
        helo: ask.gateway.host.name().to_owned(),
        tls: config.submission_tls.clone(),
        credentials: Some(credentials),
        chunking: true,
    };
    let (host, cause) = (&ask.gateway.host, ask.cause());
    let host = host.in_room(capa7_dissect::Room::Mail);
    let to = config.submission.clone();
    let mut connection = Connection::open(&host, to, settings, cause).await?;
    let outcomes = connection.send(envelope, message, cause).await?;
    let cause = connection.reply_cause();
    connection.quit().await;
    let outcomes = outcomes.into_iter().map(|outcome| (outcome.address, outcome.outcome));
    Ok((outcomes.collect(), cause))
}

fn envelope(ask: &Ask, written: &Written) -> Result<Envelope, Problem> {
    let parse = |text: &str| -> Result<Address, Problem> {
        text.trim().parse().map_err(|error| Problem::Malformed(format!("{error}")))
    };
    let mut recipients: Vec<Recipient> = Vec::new();
    for person in written.to.iter().chain(&written.cc).chain(&written.bcc) {
        let recipient = Recipient::new(ForwardPath(parse(&person.address)?));
        if !recipients.contains(&recipient) {
            recipients.push(recipient);
        }
    }
    if recipients.is_empty() || recipients.len() > RECIPIENTS_MAX {
        return Err(Problem::Malformed(format!("1 to {RECIPIENTS_MAX} recipients")));
    }
    let from = ReversePath(Some(parse(&ask.session.address)?));
    let is_ascii = recipients.iter().all(|to| to.path.0.local().is_ascii());
    let smtputf8 = !is_ascii || !ask.session.address.is_ascii();
    let (body, returns) = (BodyKind::SevenBit, Returns::Unsaid);
    Ok(Envelope { from, recipients, body, smtputf8, returns, envelope_id: None })
}

/// Name, media type, content.
type Attached = (String, String, Vec<u8>);

async fn files(ask: &Ask, written: &Written) -> Result<Vec<Attached>, Problem> {
    if written.attachments.len() > ATTACHMENTS_MAX {
        return Err(Problem::TooLarge);
    }
    let mut files = Vec::new();
    let mut left = ask.gateway.config.limits.compose_bytes_max;
    for file in &written.attachments {
        let file = match file {
            File::Content { name, media_type, data } => {
                let content = STANDARD.decode(data);
                let content = content.map_err(|error| Problem::Malformed(error.to_string()))?;
                (name.clone(), media_type.clone(), content)
            }
            File::Part { folder, uid, section } => {
                read::attachment(ask, folder, *uid, section).await?
            }
        };
        left = left.checked_sub(file.2.len()).ok_or(Problem::TooLarge)?;
        files.push(file);
    }
    Ok(files)
}

fn message_id(ask: &Ask) -> String {
    let id: String = secret(&ask.gateway.host).chars().take(32).collect();
    let domain = ask.session.address.rsplit_once('@').map_or("localhost", |(_, domain)| domain);
    format!("{id}@{domain}")
}

/// The message in lines with CR LF. All of it follows from the host's clock and
/// randomness, so that a run in virtual time is the same each time.
fn build(
    ask: &Ask,
    written: &Written,
    files: &[Attached],
    copy: Copy,
    id: &str,
) -> Result<Bytes, Problem> {
    let now = i64::try_from(ask.gateway.host.wall_clock().secs()).unwrap_or_default();
    let plain = |text: &str| -> String { text.chars().filter(|c| !c.is_control()).collect() };
    let mut message = MessageBuilder::new()
        .from(plain(&ask.session.address))
        .to(people(&written.to))
        .subject(plain(&written.subject))
        .date(now)
        .message_id(id.to_owned());
    if !written.cc.is_empty() {
        message = message.cc(people(&written.cc));
    }
    if copy == Copy::Own && !written.bcc.is_empty() {
        message = message.bcc(people(&written.bcc));
    }
    let answered = identifiers(&written.in_reply_to);
    if !answered.is_empty() {
        let mut references = identifiers(&written.references);
        references.extend(answered.iter().filter(|id| !written.references.contains(*id)).cloned());
        message = message.in_reply_to(answered).references(references);
    }
    let text = MimePart::new("text/plain; charset=utf-8", written.text.replace('\r', ""));
    let body = if files.is_empty() {
        text
    } else {
        let mut parts = vec![text];
        for (name, media_type, content) in files {
            let (kind, name) = (checked_type(media_type), plain(name));
            parts.push(MimePart::new(kind, content.clone()).attachment(name));
        }
        let boundary = format!("capa7-{}", id.split('@').next().unwrap_or_default());
        let kind = ContentType::new("multipart/mixed").attribute("boundary", boundary);
        MimePart::new(kind, parts)
    };
    let wire = message.body(body).write_to_vec();
    let wire = wire.map_err(|error| Problem::Malformed(error.to_string()))?;
    Ok(Bytes::from(wire))
}

fn people(people: &[Person]) -> HeaderAddress<'static> {
    let plain = |text: &str| -> String { text.chars().filter(|c| !c.is_control()).collect() };
    let one = |person: &Person| {
        let name = Some(plain(&person.name)).filter(|name| !name.is_empty());
        HeaderAddress::new_address(name.map(Cow::Owned), Cow::Owned(plain(person.address.trim())))
    };
    HeaderAddress::new_list(people.iter().map(one).collect())
}

/// The identifiers of a header field, without their brackets.
pub(crate) fn identifiers(text: &str) -> Vec<String> {
    let words = text.split_whitespace().map(|word| word.trim_matches(['<', '>']));
    let is_plain = |word: &&str| !word.is_empty() && word.len() < 900 && word.is_ascii();
    words.filter(is_plain).take(REFERENCES_MAX).map(str::to_owned).collect()
}

/// A media type as the browser guessed it, if it is one.
fn checked_type(media_type: &str) -> String {
    let is_word = |word: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
        !word.is_empty() && word.len() < 80 && word.bytes().all(plain)
    };
    let two = media_type.split_once('/').filter(|(kind, sub)| is_word(kind) && is_word(sub));
    // A composite type would be read as parts that are not there.
    let fits = two.is_some_and(|(kind, _)| !matches!(kind, "multipart" | "message"));
    if fits { media_type.to_owned() } else { "application/octet-stream".to_owned() }
}

/// Recipients of one message (RFC 5321 §4.5.3.1.8: a server takes 100 at least).
const RECIPIENTS_MAX: usize = 100;
/// Files of one message.
const ATTACHMENTS_MAX: usize = 100;
/// Identifiers of messages before that are named.
const REFERENCES_MAX: usize = 100;
