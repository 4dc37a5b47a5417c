//! Lists of messages, and what is done to many at once.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use capa7_http::message::Response;
use capa7_mail_proto::imap::client::ClientCommand;
use capa7_mail_proto::imap::command::{Access, FlagChange};
use capa7_mail_proto::imap::fetch::{FetchItemName, Partial, Section, SectionText, Seen};
use capa7_mail_proto::imap::response::{FetchItem, Untagged};
use capa7_mail_proto::imap::search::SearchKey;
use capa7_mail_proto::imap::sequence::SequenceSet;
use capa7_mail_proto::mailbox::{Flag, SpecialUse, Uid};
use capa7_mail_proto::message::date::MessageDate;
use capa7_mail_proto::message::decode;
use capa7_net::Cause;
use serde::Deserialize;
use serde_json::{Value, json};

use super::compose::identifiers;
use super::content::{leaves, octets, peek, people, structure};
use super::problem::Problem;
use super::route::{Ask, json};
use super::{folders, html, threads};
use crate::imap_client::ImapConnection;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Flags {
    folder: String,
    uids: Vec<NonZeroU32>,
    #[serde(default)]
    add: Vec<String>,
    #[serde(default)]
    remove: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Move {
    folder: String,
    uids: Vec<NonZeroU32>,
    to: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Delete {
    folder: String,
    uids: Vec<NonZeroU32>,
}

/// One page of a folder or of a search in it, the newest first.
pub(crate) async fn page(ask: &Ask) -> Result<Response, Problem> {
    let folder = ask.needed("folder")?;
    let page: usize = ask.number("page").unwrap_or(0);
    let words = ask.given("q").unwrap_or_default().trim();
    let cause = ask.cause();
    let mut imap = ask.session.imap(&ask.gateway, folder, cause).await?;
    let kept = imap.machine().mailbox().is_some_and(|selected| selected.name() == folder);
    imap.select(folder, Access::ReadWrite, cause).await?;
    if kept {
        // What others did since is told now (RFC 9051 §6.1.2).
        imap.run(ClientCommand::Noop, cause).await?;
    }
    let (total, rows) = if words.is_empty() {
        newest(&mut imap, page, cause).await?
    } else {
        let mut found = imap.search(search_key(words), cause).await?;
        found.reverse();
        let total = found.len();
        let mut uids: Vec<NonZeroU32> = found
            .iter()
            .skip(page.saturating_mul(PAGE_MESSAGES))
            .take(PAGE_MESSAGES)
            .map(|uid| uid.0)
            .collect();
        uids.sort_unstable();
        let uids = SequenceSet::of(uids);
        (total, fetch(&mut imap, ClientCommandOf::Uids(uids), cause).await?)
    };
    let previews = previews(&mut imap, &rows, cause).await.unwrap_or_default();
    let mut messages: Vec<Value> = rows.iter().filter_map(|row| show(row, &previews)).collect();
    // Conversations are told apart within the page, whose length is their bound.
    let links: Vec<_> = rows.iter().map(|row| links(row)).collect();
    for (index, last) in threads::group(&links).into_iter().enumerate() {
        let last = rows.get(last).and_then(|row| uid(row));
        if let Some(message) = messages.get_mut(index) {
            message["thread"] = last.map(NonZeroU32::get).into();
        }
    }
    messages.reverse();
    let body = json!({
        "folder": folder, "total": total, "page": page, "page_size": PAGE_MESSAGES,
        "messages": messages,
    });
    Ok(json(&body, imap.cause()))
}

/// How many messages there are, and those of a page.
async fn newest(
    imap: &mut ImapConnection,
    page: usize,
    cause: Cause,
) -> Result<(usize, Vec<Vec<FetchItem>>), Problem> {
    let mut tries = 0;
    loop {
        let total = imap.machine().mailbox().map_or(0, |mailbox| mailbox.exists()) as usize;
        let last = total.saturating_sub(page.saturating_mul(PAGE_MESSAGES));
        let first = last.saturating_sub(PAGE_MESSAGES) + 1;
        let numbers = (first..=last).filter_map(|n| u32::try_from(n).ok()?.try_into().ok());
        let numbers = SequenceSet::of(numbers);
        let fetched = fetch(imap, ClientCommandOf::Numbers(numbers), cause).await;
        match fetched {
            // RFC 2180 §4.1.2: some are gone by another session's doing, of which
            // a server may tell at the next command only.
            Err(Problem::Imap(error)) if error.is_refusal() && tries < TRIES_MAX => {
                tries += 1;
                imap.run(ClientCommand::Noop, cause).await?;
            }
            fetched => return fetched.map(|rows| (total, rows)),
        }
    }
}

/// Each word must be somewhere in the message.
fn search_key(words: &str) -> SearchKey {
    let key = |word: &str| match word.split_once(':') {
        Some(("from", name)) if !name.is_empty() => header("FROM", name),
        Some(("to", name)) if !name.is_empty() => header("TO", name),
        Some(("subject", text)) if !text.is_empty() => header("SUBJECT", text),
        Some(("is", "unread")) => SearchKey::Not(Box::new(flag("\\Seen"))),
        Some(("is", "starred")) => flag("\\Flagged"),
        _ => SearchKey::Text(word.to_owned()),
    };
    SearchKey::And(words.split_whitespace().take(WORDS_MAX).map(key).collect())
}

fn header(name: &str, text: &str) -> SearchKey {
    SearchKey::Header(name.to_owned(), text.to_owned())
}

fn flag(name: &'static str) -> SearchKey {
    SearchKey::Flag(Flag::system(name))
}

enum ClientCommandOf {
    Numbers(SequenceSet),
    Uids(SequenceSet),
}

async fn fetch(
    imap: &mut ImapConnection,
    which: ClientCommandOf,
    cause: Cause,
) -> Result<Vec<Vec<FetchItem>>, Problem> {
    let items = vec![
        FetchItemName::Uid,
        FetchItemName::Flags,
        FetchItemName::InternalDate,
        FetchItemName::Size,
        FetchItemName::Envelope,
        FetchItemName::BodyStructure,
        FetchItemName::Section { section: references(), partial: None, seen: Seen::Kept },
    ];
    let command = match which {
        ClientCommandOf::Numbers(set) | ClientCommandOf::Uids(set) if set.is_empty() => {
            return Ok(Vec::new());
        }
        ClientCommandOf::Numbers(numbers) => ClientCommand::Fetch { numbers, items },
        ClientCommandOf::Uids(uids) => ClientCommand::UidFetch { uids, items },
    };
    let done = imap.run(command, cause).await?;
    let rows = done.untagged.into_iter().filter_map(|untagged| match untagged {
        Untagged::Fetch { items, .. } if uid(&items).is_some() => Some(items),
        _ => None,
    });
    Ok(rows.collect())
}

fn references() -> Section {
    let fields = vec![b"References".to_vec()];
    Section { part: Vec::new(), text: SectionText::HeaderFields(fields) }
}

/// The identifiers of a message and of those before it.
fn links(row: &[FetchItem]) -> threads::Identifiers {
    let mut links = Vec::new();
    for item in row {
        match item {
            FetchItem::Envelope(envelope) => {
                let named = [&envelope.message_id, &envelope.in_reply_to].into_iter().flatten();
                links.extend(named.flat_map(|text| identifiers(&String::from_utf8_lossy(text))));
            }
            FetchItem::Section { section, text: Some(text), .. } if *section == references() => {
                let text = String::from_utf8_lossy(text);
                let value = text.split_once(':').map_or("", |(_, value)| value);
                links.extend(identifiers(value));
            }
            _ => {}
        }
    }
    links
}

fn uid(items: &[FetchItem]) -> Option<NonZeroU32> {
    items.iter().find_map(|item| match item {
        FetchItem::Uid(uid) => Some(uid.0),
        _ => None,
    })
}

/// The first words of each message: one command for all whose text is the part
/// of the same number.
async fn previews(
    imap: &mut ImapConnection,
    rows: &[Vec<FetchItem>],
    cause: Cause,
) -> Result<BTreeMap<NonZeroU32, String>, Problem> {
    let mut by_section: BTreeMap<Vec<u32>, Vec<NonZeroU32>> = BTreeMap::new();
    for row in rows {
        let Some((uid, structure)) = uid(row).zip(structure(row)) else { continue };
        let leaves = leaves(structure);
        let text = leaves.iter().find(|leaf| leaf.is_body() && leaf.is("text", "plain"));
        let text = text.or_else(|| leaves.iter().find(|leaf| leaf.is_body()));
        if let Some(leaf) = text.filter(|leaf| leaf.section.len() <= 4) {
            by_section.entry(leaf.section.clone()).or_default().push(uid);
        }
    }
    let mut shown = BTreeMap::new();
    for (section, mut uids) in by_section.into_iter().take(SECTIONS_MAX) {
        uids.sort_unstable();
        let partial = Some(Partial { first: 0, count: PREVIEW_OCTETS });
        let items = vec![FetchItemName::Uid, peek(&section, partial)];
        for fetched in imap.fetch(SequenceSet::of(uids), items, cause).await? {
            let Some((uid, start)) = uid(&fetched).zip(octets(&fetched, &section)) else {
                continue;
            };
            let row = rows.iter().find(|row| self::uid(row) == Some(uid));
            let Some(structure) = row.and_then(|row| structure(row)) else { continue };
            let leaves = leaves(structure);
            let Some(leaf) = leaves.iter().find(|leaf| leaf.section == section) else { continue };
            let text = leaf.text(start);
            let text = if leaf.is("text", "html") { html::plain(&text) } else { text };
            let lines = text.lines().filter(|line| !line.starts_with('>'));
            let words: Vec<&str> = lines.flat_map(str::split_whitespace).collect();
            let words = words.join(" ").trim_end_matches('\u{fffd}').to_owned();
            shown.insert(uid, words.chars().take(PREVIEW_CHARS).collect());
        }
    }
    Ok(shown)
}

fn show(row: &[FetchItem], previews: &BTreeMap<NonZeroU32, String>) -> Option<Value> {
    let uid = uid(row)?;
    let mut shown = json!({ "uid": uid, "preview": previews.get(&uid) });
    for item in row {
        match item {
            FetchItem::Flags(flags) => {
                let has = |name: &str| flags.iter().any(|flag| flag.eq_ignore_ascii_case(name));
                shown["seen"] = has("\\Seen").into();
                shown["flagged"] = has("\\Flagged").into();
                shown["answered"] = has("\\Answered").into();
                shown["draft"] = has("\\Draft").into();
            }
            FetchItem::InternalDate(date) => shown["date"] = date.0.into(),
            FetchItem::Size(size) => shown["size"] = (*size).into(),
            FetchItem::Envelope(envelope) => {
                let subject = envelope.subject.as_deref().unwrap_or_default();
                shown["subject"] = decode::header_text(subject).into();
                shown["from"] = people(&envelope.from).into();
                shown["to"] = people(&envelope.to).into();
                let written = envelope.date.as_deref().and_then(MessageDate::parse);
                shown["written"] = written.map(|moment| moment.unix_seconds()).into();
            }
            FetchItem::BodyStructure(structure) => {
                let leaves = leaves(structure);
                shown["attachments"] = leaves
                    .iter()
                    .filter(|leaf| leaf.is_attached() && leaf.part.id.is_none())
                    .count()
                    .into();
            }
            _ => {}
        }
    }
    Some(shown)
}

/// Sets and removes flags.
pub(crate) async fn flags(ask: &Ask) -> Result<Response, Problem> {
    let Flags { folder, uids, add, remove } = ask.body()?;
    let parse = |names: Vec<String>| -> Result<Vec<Flag>, Problem> {
        let flag = |name: &String| Flag::parse(name);
        let parsed: Result<_, _> = names.iter().map(flag).collect();
        parsed.map_err(|error| Problem::Malformed(error.to_string()))
    };
    let (add, remove, uids) = (parse(add)?, parse(remove)?, set(uids)?);
    let cause = ask.cause();
    let mut imap = ask.session.imap(&ask.gateway, &folder, cause).await?;
    imap.select(&folder, Access::ReadWrite, cause).await?;
    if !add.is_empty() {
        imap.store(uids.clone(), FlagChange::Add(add), cause).await?;
    }
    if !remove.is_empty() {
        imap.store(uids, FlagChange::Remove(remove), cause).await?;
    }
    Ok(json(&json!({}), imap.cause()))
}

/// Moves messages to another folder.
pub(crate) async fn move_to(ask: &Ask) -> Result<Response, Problem> {
    let Move { folder, uids, to } = ask.body()?;
    let uids = set(uids)?;
    let cause = ask.cause();
    let mut imap = ask.session.imap(&ask.gateway, &folder, cause).await?;
    imap.select(&folder, Access::ReadWrite, cause).await?;
    let there = imap.move_to(uids, &to, cause).await?;
    Ok(json(&json!({ "to": to, "uids": numbers(&there) }), imap.cause()))
}

/// Moves messages to the trash; from there, and drafts, they go for good.
pub(crate) async fn delete(ask: &Ask) -> Result<Response, Problem> {
    let Delete { folder, uids } = ask.body()?;
    let uids = set(uids)?;
    let cause = ask.cause();
    let mut imap = ask.session.imap(&ask.gateway, &folder, cause).await?;
    let trash = folders::of_use(&mut imap, SpecialUse::Trash, cause).await?;
    imap.select(&folder, Access::ReadWrite, cause).await?;
    if folder == trash {
        imap.remove(uids, cause).await?;
        return Ok(json(&json!({ "to": null, "uids": [] }), imap.cause()));
    }
    let there = imap.move_to(uids, &trash, cause).await?;
    Ok(json(&json!({ "to": trash, "uids": numbers(&there) }), imap.cause()))
}

/// Where messages are, so that it can be undone.
fn numbers(there: &[Uid]) -> Vec<u32> {
    there.iter().map(|uid| uid.0.get()).collect()
}

fn set(mut uids: Vec<NonZeroU32>) -> Result<SequenceSet, Problem> {
    uids.sort_unstable();
    uids.dedup();
    if uids.is_empty() || uids.len() > UIDS_MAX {
        return Err(Problem::Malformed(format!("1 to {UIDS_MAX} messages at a time")));
    }
    Ok(SequenceSet::of(uids))
}

/// Messages of one page.
const PAGE_MESSAGES: usize = 50;
/// How often a page is asked for again whose messages went away meanwhile.
const TRIES_MAX: usize = 3;
/// Messages changed at a time.
const UIDS_MAX: usize = 1_000;
/// Words of a search.
const WORDS_MAX: usize = 16;
/// Octets fetched for a preview, before they are decoded.
const PREVIEW_OCTETS: u32 = 1_200;
const PREVIEW_CHARS: usize = 160;
/// Commands for the previews of one page.
const SECTIONS_MAX: usize = 6;
