//! Writing: drafts kept in the mailbox, messages sent by SMTP and kept in the
//! folder of sent ones (course M11).

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
use capa7_mail_proto::message::compose::{self, Attachment, Draft, RecipientField, Unfinished};
use capa7_mail_proto::message::date::MessageDate;
use capa7_mail_proto::smtp::client::{Credentials, Outcome};
use capa7_net::Cause;
use serde::Deserialize;
use serde_json::json;

use super::problem::Problem;
use super::read;
use super::route::{Ask, json};
use super::session::secret;
use crate::imap_client::ImapConnection;
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
    /// What the page calls this writing: it is sent once, however often asked.
    #[serde(default)]
    key: String,
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

/// Keeps a draft in place of the one before. The answer says where it is, and in
/// which of its parts the files are, so that they need not be sent again.
pub(crate) async fn save(ask: &Ask) -> Result<Response, Problem> {
    let written: Written = ask.body()?;
    let files = files(ask, &written).await?;
    let sections: Vec<String> = (2..files.len() + 2).map(|number| number.to_string()).collect();
    let id = message_id(ask);
    let message = draft(ask, &written, files, &id)?;
    let cause = ask.cause();
    let mut imap = ask.imap("INBOX", cause).await?;
    let before = written.draft;
    let kept = imap.keep_draft(message.write().into(), &id, before, cause).await?;
    let (drafts, uid) = (kept.0, kept.1.map(|uid| uid.0));
    Ok(json(&json!({ "folder": drafts, "uid": uid, "sections": sections }), imap.cause()))
}

/// Sends a message, keeps it among the sent ones, and removes its draft.
pub(crate) async fn send(ask: &Ask) -> Result<Response, Problem> {
    let written: Written = ask.body()?;
    // One at a time: who asks twice, because the answer was lost, gets the first
    // answer again.
    let _turn = ask.session.sending.acquire().await.map_err(|_| Problem::TooMany)?;
    if let Some(answer) = ask.session.sent(&written.key) {
        return Ok(json(&answer, ask.cause()));
    }
    let envelope = envelope(ask, &written)?;
    let files = files(ask, &written).await?;
    let own = draft(ask, &written, files, &message_id(ask))?;
    // RFC 5322 §3.6.3: the blind copies' names are in the own copy only.
    let sent = Draft { bcc: Vec::new(), ..own.clone() };
    let (outcomes, cause) = submit(ask, &envelope, sent.write().into()).await?;
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
    // It is on its way: what fails from here on does not undo that.
    let answer = |kept: bool| json!({ "refused": refused, "kept": kept });
    ask.session.remember_sent(&written.key, answer(true));
    let kept = keep(ask, &written, own.write().into(), cause).await;
    if let Err(problem) = &kept {
        tracing::debug!(%problem, "a sent message was not kept");
    }
    let answer = answer(kept.is_ok());
    ask.session.remember_sent(&written.key, answer.clone());
    Ok(json(&answer, kept.unwrap_or(cause)))
}

/// Puts the own copy among the sent ones; only then the draft goes.
async fn keep(ask: &Ask, written: &Written, own: Bytes, cause: Cause) -> Result<Cause, Problem> {
    let mut imap = ask.imap("INBOX", cause).await?;
    let sent = imap.mailbox_for(SpecialUse::Sent, cause).await?;
    imap.append(&sent, vec![Flag::system("\\Seen")], own, cause).await?;
    if let Err(problem) = tidy(&mut imap, written, cause).await {
        tracing::debug!(%problem, "a draft stays, or an answered message is not marked");
    }
    Ok(imap.cause())
}

async fn tidy(imap: &mut ImapConnection, written: &Written, cause: Cause) -> Result<(), Problem> {
    if let Some(draft) = written.draft {
        imap.remove_draft(draft, cause).await?;
    }
    if let Some(Place { folder, uid }) = &written.answers {
        imap.select(folder, Access::ReadWrite, cause).await?;
        let change = FlagChange::Add(vec![Flag::system("\\Answered")]);
        imap.store(SequenceSet::of([*uid]), change, cause).await?;
    }
    Ok(())
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

async fn files(ask: &Ask, written: &Written) -> Result<Vec<Attachment>, Problem> {
    if written.attachments.len() > ATTACHMENTS_MAX {
        return Err(Problem::TooLarge);
    }
    let mut files = Vec::new();
    let mut left = ask.gateway.config.limits.compose_bytes_max;
    for file in &written.attachments {
        let (name, media_type, bytes) = match file {
            File::Content { name, media_type, data } => {
                let content = STANDARD.decode(data);
                let content = content.map_err(|error| Problem::Malformed(error.to_string()))?;
                (name.clone(), media_type.clone(), content)
            }
            File::Part { folder, uid, section } => {
                read::attachment(ask, folder, *uid, section).await?
            }
        };
        left = left.checked_sub(bytes.len()).ok_or(Problem::TooLarge)?;
        let content_type = checked_type(&media_type);
        files.push(Attachment { name, content_type, bytes, content_id: None });
    }
    Ok(files)
}

fn message_id(ask: &Ask) -> String {
    let id: String = secret(&ask.gateway.host).chars().take(32).collect();
    let domain = ask.session.address.rsplit_once('@').map_or("localhost", |(_, domain)| domain);
    format!("{id}@{domain}")
}

/// The writer's own copy. All of it follows from the host's clock and randomness, so that
/// a run in virtual time is the same each time.
fn draft(ask: &Ask, written: &Written, files: Vec<Attachment>, id: &str) -> Result<Draft, Problem> {
    let seconds = i64::try_from(ask.gateway.host.wall_clock().secs()).unwrap_or_default();
    let own = ask.session.address.parse();
    let own = own.map_err(|error| Problem::Malformed(format!("{error}")))?;
    let boundary = id.split('@').next().unwrap_or_default().to_owned();
    let date = MessageDate::from_unix_seconds(seconds);
    let mut draft = Draft {
        subject: written.subject.clone(),
        text: written.text.clone(),
        attachments: files,
        ..Draft::new(compose::Person::new(own), date, id.to_owned(), boundary)
    };
    let mut unfinished = Vec::new();
    let mut people = |people: &[Person], field| -> Vec<compose::Person> {
        let (finished, half): (Vec<_>, Vec<_>) =
            people.iter().map(Person::read).partition(Result::is_ok);
        unfinished.extend(
            half.into_iter().filter_map(Result::err).map(|text| Unfinished { field, text }),
        );
        finished.into_iter().filter_map(Result::ok).collect()
    };
    draft.to = people(&written.to, RecipientField::To);
    draft.cc = people(&written.cc, RecipientField::Cc);
    draft.bcc = people(&written.bcc, RecipientField::Bcc);
    draft.unfinished = unfinished;
    draft.in_reply_to = identifiers(&written.in_reply_to).into_iter().next();
    if let Some(answered) = &draft.in_reply_to {
        draft.references = identifiers(&written.references);
        if !draft.references.contains(answered) {
            draft.references.push(answered.clone());
        }
    }
    Ok(draft)
}

impl Person {
    /// Somebody with an address, or what was typed so far.
    fn read(&self) -> Result<compose::Person, String> {
        let (name, typed) = (self.name.trim(), self.address.trim());
        match typed.parse() {
            Ok(address) => Ok(compose::Person { name: name.to_owned(), address }),
            Err(_) if name.is_empty() => Err(typed.to_owned()),
            Err(_) => Err(format!("{name} <{typed}>")),
        }
    }
}

/// The identifiers of a header field, without their brackets.
fn identifiers(text: &str) -> Vec<String> {
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
