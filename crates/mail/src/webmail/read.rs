//! One message: its header, its text, its HTML, its files.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use capa7_http::message::Response;
use capa7_http_proto::status::Status;
use capa7_http_proto::target::percent_encode;
use capa7_mail_proto::imap::client::ClientCommand;
use capa7_mail_proto::imap::command::{Access, FlagChange};
use capa7_mail_proto::imap::fetch::{FetchItemName, Section, SectionText, Seen};
use capa7_mail_proto::imap::response::{BodyStructure, FetchItem};
use capa7_mail_proto::imap::sequence::SequenceSet;
use capa7_mail_proto::mailbox::{Flag, Uid};
use capa7_mail_proto::message::date::MessageDate;
use capa7_mail_proto::message::decode;
use capa7_net::Cause;
use serde_json::{Value, json};

use super::content::{Leaf, envelope, leaves, octets, peek, people, structure, unfinished};
use super::each::exist;
use super::html::{self, RemoteImages};
use super::problem::Problem;
use super::route::{Ask, json};
use crate::imap_client::ImapConnection;

/// A message as it is shown; reading it marks it as read.
pub(crate) async fn message(ask: &Ask) -> Result<Response, Problem> {
    let (folder, uid) = (ask.needed("folder")?, ask.number::<NonZeroU32>("uid")?);
    let cause = ask.cause();
    let mut imap = opened(ask, folder).await?;
    let references = vec![b"References".to_vec()];
    let section = Section { part: Vec::new(), text: SectionText::HeaderFields(references) };
    let items = vec![
        FetchItemName::Flags,
        FetchItemName::InternalDate,
        FetchItemName::Size,
        FetchItemName::Envelope,
        FetchItemName::BodyStructure,
        FetchItemName::Section { section, partial: None, seen: Seen::Kept },
    ];
    let row = one(&mut imap, uid, items, cause).await?;
    let structure = structure(&row).filter(|_| envelope(&row).is_some()).ok_or(Problem::Silent)?;
    let leaves = leaves(structure);
    let text = text(ask, &mut imap, uid, &leaves).await?;
    let html = leaves.iter().find(|leaf| leaf.is_body() && leaf.is("text", "html"));
    let inline = inline(&leaves);
    let attachments: Vec<Value> = leaves
        .iter()
        .filter(|leaf| leaf.is_attached() && !inline.values().any(|s| *s == leaf.number()))
        .map(|leaf| {
            json!({
                "section": leaf.number(), "name": leaf.shown_name(),
                "type": leaf.media_type(), "size": leaf.size(),
            })
        })
        .collect();
    let mut shown = json!({
        "folder": folder, "uid": uid, "text": text, "html": html.is_some(),
        "attachments": attachments,
    });
    header(&mut shown, &row);
    if shown.get("draft") == Some(&Value::Bool(true)) {
        add_unfinished(&mut shown, &row);
    }
    let unseen = shown.get("seen") == Some(&Value::Bool(false));
    if unseen && ask.given("peek").is_none() {
        let change = FlagChange::Add(vec![Flag::system("\\Seen")]);
        // A mailbox that cannot be written is read all the same.
        let _ = imap.store(SequenceSet::of([uid]), change, cause).await;
    }
    Ok(json(&shown, imap.cause()))
}

fn header(shown: &mut Value, row: &[FetchItem]) {
    for item in row {
        match item {
            FetchItem::Envelope(envelope) => {
                let text = |octets: &Option<Vec<u8>>| {
                    decode::header_text(octets.as_deref().unwrap_or_default())
                };
                shown["subject"] = text(&envelope.subject).into();
                shown["from"] = people(&envelope.from).into();
                shown["reply_to"] = people(&envelope.reply_to).into();
                shown["to"] = people(&envelope.to).into();
                shown["cc"] = people(&envelope.cc).into();
                shown["bcc"] = people(&envelope.bcc).into();
                shown["message_id"] = text(&envelope.message_id).into();
                shown["in_reply_to"] = text(&envelope.in_reply_to).into();
                let written = envelope.date.as_deref().and_then(MessageDate::parse);
                shown["written"] = written.map(|moment| moment.unix_seconds()).into();
            }
            FetchItem::InternalDate(date) => shown["date"] = date.0.into(),
            FetchItem::Size(size) => shown["size"] = (*size).into(),
            FetchItem::Flags(flags) => {
                let has = |name: &str| flags.iter().any(|flag| flag.eq_ignore_ascii_case(name));
                shown["seen"] = has("\\Seen").into();
                shown["flagged"] = has("\\Flagged").into();
                shown["draft"] = has("\\Draft").into();
            }
            FetchItem::Section { section, text: Some(text), .. } if section.part.is_empty() => {
                let text = String::from_utf8_lossy(text).into_owned();
                let value = text.split_once(':').map_or("", |(_, value)| value);
                let words: Vec<&str> = value.split_whitespace().collect();
                shown["references"] = words.join(" ").into();
            }
            _ => {}
        }
    }
}

/// What was typed of recipients and is no address yet.
fn add_unfinished(shown: &mut Value, row: &[FetchItem]) {
    let Some(envelope) = envelope(row) else { return };
    for (name, of) in [("to", &envelope.to), ("cc", &envelope.cc), ("bcc", &envelope.bcc)] {
        if let Some(Value::Array(people)) = shown.get_mut(name) {
            people.extend(unfinished(of));
        }
    }
}

/// The plain text of a message: its plain parts, or its HTML without tags.
async fn text(
    ask: &Ask,
    imap: &mut ImapConnection,
    uid: NonZeroU32,
    leaves: &[Leaf<'_>],
) -> Result<String, Problem> {
    let plain: Vec<&Leaf<'_>> =
        leaves.iter().filter(|leaf| leaf.is_body() && leaf.is("text", "plain")).collect();
    let html = leaves.iter().filter(|leaf| leaf.is_body() && leaf.is("text", "html"));
    let chosen = if plain.is_empty() { html.take(1).collect() } else { plain };
    let mut text = String::new();
    for leaf in chosen.into_iter().take(TEXTS_MAX) {
        let transferred = transferred(ask, imap, uid, leaf).await?;
        let part = leaf.read_text(&transferred);
        let part = if leaf.is("text", "html") { html::plain(&part) } else { part };
        text.push_str(&part.replace("\r\n", "\n"));
    }
    Ok(text)
}

/// The HTML of a message, cleaned, as a document of its own.
pub(crate) async fn html(ask: &Ask) -> Result<Response, Problem> {
    let (folder, uid) = (ask.needed("folder")?, ask.number::<NonZeroU32>("uid")?);
    let shown = ask.given("images") == Some("shown");
    let remote = if shown { RemoteImages::Shown } else { RemoteImages::Left };
    let mut imap = opened(ask, folder).await?;
    let structure = structure_of(&mut imap, uid, ask.cause()).await?;
    let leaves = leaves(&structure);
    let body = leaves.iter().find(|leaf| leaf.is_body() && leaf.is("text", "html"));
    let body = body.ok_or(Problem::Missing)?;
    let transferred = transferred(ask, &mut imap, uid, body).await?;
    let key = &ask.session.image_key;
    let place = percent_encode(folder.as_bytes());
    let inline: BTreeMap<String, String> = inline(&leaves)
        .into_iter()
        .map(|(id, part)| (id, format!("/cid/{key}?folder={place}&uid={uid}&section={part}")))
        .collect();
    let cleaned = html::clean(&body.text(&transferred), &inline, remote);
    if ask.given("count").is_some() {
        return Ok(json(&json!({ "remote": cleaned.left }), imap.cause()));
    }
    let document = html::document(&cleaned.html);
    Ok(Response::content(Status::OK, "text/html; charset=utf-8", document)
        .with("Content-Security-Policy", html::policy(remote))
        .with("Cache-Control", "no-store")
        .because(imap.cause()))
}

/// The message's own images, by their content identifiers: their sections.
fn inline(leaves: &[Leaf<'_>]) -> BTreeMap<String, String> {
    let has_html = leaves.iter().any(|leaf| leaf.is_body() && leaf.is("text", "html"));
    let images = leaves.iter().filter(|leaf| has_html && is_image(&leaf.media_type()));
    let identified = images.filter_map(|leaf| {
        let id = String::from_utf8_lossy(leaf.part.id.as_deref()?).into_owned();
        let id = id.trim().trim_start_matches('<').trim_end_matches('>').to_owned();
        Some((id, leaf.number()))
    });
    identified.collect()
}

/// An image of a message, for its frame.
pub(crate) async fn image(ask: &Ask) -> Result<Response, Problem> {
    let (kind, _, content, cause) = fetched(ask).await?;
    if !is_image(&kind) {
        return Err(Problem::Missing);
    }
    Ok(Response::content(Status::OK, &kind, content)
        .with("Cache-Control", "private, max-age=3600")
        // The frame that shows it has no origin; the key in its address is what
        // lets it in.
        .with("Cross-Origin-Resource-Policy", "cross-origin")
        .because(cause))
}

/// A part, to be saved.
pub(crate) async fn part(ask: &Ask) -> Result<Response, Problem> {
    let (kind, name, content, cause) = fetched(ask).await?;
    // RFC 6266 §4.3; never shown in place, whatever it is.
    let disposition = format!("attachment; filename*=UTF-8''{}", percent_encode(name.as_bytes()));
    Ok(Response::content(Status::OK, &kind, content)
        .with("Content-Disposition", disposition)
        .with("Cache-Control", "private, no-store")
        .because(cause))
}

/// The whole message as it was received, to be saved.
pub(crate) async fn source(ask: &Ask) -> Result<Response, Problem> {
    let (folder, uid) = (ask.needed("folder")?, ask.number::<NonZeroU32>("uid")?);
    let mut imap = opened(ask, folder).await?;
    let size = one(&mut imap, uid, vec![FetchItemName::Size], ask.cause()).await?;
    let most = ask.gateway.config.limits.part_bytes_max;
    let too_large = |item: &FetchItem| matches!(item, FetchItem::Size(size) if *size > most);
    if size.iter().any(too_large) {
        return Err(Problem::TooLarge);
    }
    let row = one(&mut imap, uid, vec![peek(&[], None)], ask.cause()).await?;
    let content = octets(&row, &[]).ok_or(Problem::Silent)?.to_vec();
    Ok(Response::content(Status::OK, "text/plain; charset=utf-8", content)
        .with("Content-Disposition", format!("attachment; filename=\"message-{uid}.eml\""))
        .with("Cache-Control", "private, no-store")
        .because(imap.cause()))
}

async fn fetched(ask: &Ask) -> Result<(String, String, Vec<u8>, Cause), Problem> {
    let (folder, uid) = (ask.needed("folder")?, ask.number::<NonZeroU32>("uid")?);
    let section = ask.needed("section")?;
    let mut imap = opened(ask, folder).await?;
    let structure = structure_of(&mut imap, uid, ask.cause()).await?;
    let leaves = leaves(&structure);
    let leaf = leaves.iter().find(|leaf| leaf.number() == section).ok_or(Problem::Missing)?;
    let content = leaf.decode(&transferred(ask, &mut imap, uid, leaf).await?);
    Ok((leaf.media_type(), leaf.shown_name(), content, imap.cause()))
}

/// A part of a message in a folder: what it is called, what it is, its content.
pub(crate) async fn attachment(
    ask: &Ask,
    folder: &str,
    uid: NonZeroU32,
    section: &str,
) -> Result<(String, String, Vec<u8>), Problem> {
    let mut imap = ask.imap(folder, ask.cause()).await?;
    imap.select(folder, Access::ReadWrite, ask.cause()).await?;
    let structure = structure_of(&mut imap, uid, ask.cause()).await?;
    let leaves = leaves(&structure);
    let leaf = leaves.iter().find(|leaf| leaf.number() == section).ok_or(Problem::Missing)?;
    let content = leaf.decode(&transferred(ask, &mut imap, uid, leaf).await?);
    Ok((leaf.shown_name(), leaf.media_type(), content))
}

async fn opened(ask: &Ask, folder: &str) -> Result<super::session::Lease, Problem> {
    let mut imap = ask.imap(folder, ask.cause()).await?;
    imap.select(folder, Access::ReadWrite, ask.cause()).await?;
    Ok(imap)
}

/// What was asked of one message.
pub(crate) async fn one(
    imap: &mut ImapConnection,
    uid: NonZeroU32,
    mut items: Vec<FetchItemName>,
    cause: Cause,
) -> Result<Vec<FetchItem>, Problem> {
    items.push(FetchItemName::Uid);
    // Other messages' flags may be told in between.
    let is_it = |row: &Vec<FetchItem>| row.contains(&FetchItem::Uid(Uid(uid)));
    let rows = imap.fetch(SequenceSet::of([uid]), items.clone(), cause).await?;
    if let Some(row) = rows.into_iter().filter(is_it).max_by_key(Vec::len) {
        return Ok(row);
    }
    // Another connection told of it: a server need not show a message that is
    // new before it has told this one of it too (RFC 9051 §5.2).
    imap.run(ClientCommand::Noop, cause).await?;
    let rows = imap.fetch(SequenceSet::of([uid]), items, cause).await?;
    if let Some(row) = rows.into_iter().filter(is_it).max_by_key(Vec::len) {
        return Ok(row);
    }
    let is_there = !exist(imap, [uid], cause).await?.is_empty();
    Err(if is_there { Problem::Silent } else { Problem::Missing })
}

async fn structure_of(
    imap: &mut ImapConnection,
    uid: NonZeroU32,
    cause: Cause,
) -> Result<BodyStructure, Problem> {
    let row = one(imap, uid, vec![FetchItemName::BodyStructure], cause).await?;
    structure(&row).cloned().ok_or(Problem::Silent)
}

async fn transferred(
    ask: &Ask,
    imap: &mut ImapConnection,
    uid: NonZeroU32,
    leaf: &Leaf<'_>,
) -> Result<Vec<u8>, Problem> {
    if leaf.part.octets > ask.gateway.config.limits.part_bytes_max {
        return Err(Problem::TooLarge);
    }
    let row = one(imap, uid, vec![peek(&leaf.section, None)], ask.cause()).await?;
    Ok(octets(&row, &leaf.section).unwrap_or_default().to_vec())
}

/// Images that browsers show and that hold no script.
fn is_image(media_type: &str) -> bool {
    let known = ["image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/avif"];
    known.contains(&media_type)
}

/// Plain parts that are shown one after the other.
const TEXTS_MAX: usize = 20;
