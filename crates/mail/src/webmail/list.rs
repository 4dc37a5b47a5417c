//! Lists of messages, as a page shows them.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use capa7_http::message::Response;
use capa7_mail_proto::imap::client::ClientCommand;
use capa7_mail_proto::imap::command::Access;
use capa7_mail_proto::imap::fetch::{FetchItemName, Partial};
use capa7_mail_proto::imap::response::FetchItem;
use capa7_mail_proto::imap::search::SearchKey;
use capa7_mail_proto::imap::sequence::SequenceSet;
use capa7_mail_proto::mailbox::{Flag, Uid};
use capa7_mail_proto::message::date::MessageDate;
use capa7_mail_proto::message::decode;
use serde_json::{Value, json};

use super::change::UIDS_MAX;
use super::content::{envelope, leaves, octets, peek, people, structure};
use super::conversations::{Conversation, Turn};
use super::each::{Wanted, each};
use super::html;
use super::problem::Problem;
use super::route::{Ask, json};
use super::session::Lease;

/// One page of a folder, by conversations, or of a search in it, by messages;
/// the newest first.
pub(crate) async fn page(ask: &Ask) -> Result<Response, Problem> {
    let folder = ask.needed("folder")?;
    let page: usize = ask.number("page").unwrap_or(0);
    let words = ask.given("q").unwrap_or_default().trim();
    let listed = if words.is_empty() {
        conversations(ask, folder, page).await?
    } else {
        found(ask, folder, words, page).await?
    };
    let Listed { mut imap, page, total, exists, members } = listed;
    let heads: Vec<NonZeroU32> = members.iter().filter_map(|of| of.first().copied()).collect();
    let mut messages = rows(ask, &mut imap, folder, heads).await?;
    whole(ask, &mut imap, folder, &members, &mut messages).await?;
    let messages: Vec<Value> =
        members.iter().filter_map(|of| messages.remove(of.first()?)).collect();
    let body = json!({
        "folder": folder, "total": total, "exists": exists, "page": page,
        "page_size": PAGE_ROWS, "messages": messages,
    });
    Ok(json(&body, imap.cause()))
}

/// Messages by their numbers: the others of a conversation, the newest first.
pub(crate) async fn some(ask: &Ask) -> Result<Response, Problem> {
    let folder = ask.needed("folder")?;
    let wrong = || Problem::Malformed(format!("`uids` is up to {SOME_MAX} numbers with commas"));
    let uids: Result<Vec<NonZeroU32>, _> =
        ask.needed("uids")?.split(',').take(SOME_MAX + 1).map(str::parse).collect();
    let uids = uids.map_err(|_| wrong())?;
    if uids.len() > SOME_MAX {
        return Err(wrong());
    }
    let mut imap = selected(ask, folder).await?;
    let messages = rows(ask, &mut imap, folder, uids).await?;
    let messages: Vec<Value> = messages.into_values().collect();
    Ok(json(&json!({ "messages": messages }), imap.cause()))
}

/// What a page has.
struct Listed {
    imap: Lease,
    page: usize,
    /// Conversations, or messages that were found.
    total: usize,
    /// Messages of the folder, or found.
    exists: usize,
    members: Vec<Conversation>,
}

async fn selected(ask: &Ask, folder: &str) -> Result<Lease, Problem> {
    let cause = ask.cause();
    let mut imap = ask.imap(folder, cause).await?;
    let kept = imap.machine().mailbox().is_some_and(|selected| selected.name() == folder);
    imap.select(folder, Access::ReadWrite, cause).await?;
    if kept && !imap.has_asked() {
        // What others did since is told now (RFC 9051 §6.1.2).
        imap.run(ClientCommand::Noop, cause).await?;
    }
    Ok(imap)
}

async fn conversations(ask: &Ask, folder: &str, page: usize) -> Result<Listed, Problem> {
    let cause = ask.cause();
    // The turn before the connection: who waits keeps none from others.
    let mut turn = Turn::take(&ask.session, folder).await?;
    let mut imap = selected(ask, folder).await?;
    let mut tries = 0;
    loop {
        match turn.index.follow(ask, &mut imap, folder).await {
            // A folder that another session changes may be asked again.
            Err(Problem::Imap(error)) if error.is_refusal() && tries < TRIES_MAX => {
                tries += 1;
                imap.run(ClientCommand::Noop, cause).await?;
            }
            followed => break followed?,
        }
    }
    let exists = turn.index.messages();
    let all = turn.index.conversations();
    let total = all.len();
    let (page, shown) = of_page(page, all);
    let members = shown.to_vec();
    Ok(Listed { imap, page, total, exists, members })
}

async fn found(ask: &Ask, folder: &str, words: &str, page: usize) -> Result<Listed, Problem> {
    let mut imap = selected(ask, folder).await?;
    let mut found = imap.search(search_key(words), ask.cause()).await?;
    found.reverse();
    let total = found.len();
    let (page, shown) = of_page(page, &found);
    let members = shown.iter().map(|uid| vec![uid.0]).collect();
    Ok(Listed { imap, page, total, exists: total, members })
}

/// The rows of a page; of one beyond the last, which may have been emptied
/// meanwhile, those of the last.
fn of_page<T>(page: usize, all: &[T]) -> (usize, &[T]) {
    let page = page.min(all.len().saturating_sub(1) / PAGE_ROWS);
    let first = page * PAGE_ROWS;
    (page, all.get(first..all.len().min(first + PAGE_ROWS)).unwrap_or_default())
}

/// Messages as a list shows them, by their numbers. One that the server does not
/// tell of is listed too: only that it is there, and what the server says of it.
async fn rows(
    ask: &Ask,
    imap: &mut Lease,
    folder: &str,
    mut uids: Vec<NonZeroU32>,
) -> Result<BTreeMap<NonZeroU32, Value>, Problem> {
    uids.sort_unstable();
    uids.dedup();
    let items = [
        FetchItemName::Uid,
        FetchItemName::Flags,
        FetchItemName::InternalDate,
        FetchItemName::Size,
        FetchItemName::Envelope,
        FetchItemName::BodyStructure,
    ];
    let is_whole = |row: &[FetchItem]| envelope(row).is_some();
    let wanted = Wanted { what: "row", folder, uids: &uids, set: &of, items: &items, is_whole };
    let mut fetched = each(ask, imap, wanted).await?;
    fetched.forget_gone(imap, ask.cause()).await?;
    // Flags that are told in between, and nothing else, are no row.
    fetched.rows.retain(|_, row| is_whole(row));
    let previews = previews(ask, imap, folder, &fetched.rows).await.unwrap_or_default();
    let mut shown: BTreeMap<NonZeroU32, Value> =
        fetched.rows.iter().map(|(uid, row)| (*uid, show(*uid, row, &previews))).collect();
    for (uid, row) in untold(ask, imap, folder, fetched.untold).await? {
        shown.insert(uid, row);
    }
    Ok(shown)
}

/// What the server tells nothing else of: its flags and its date may be known.
async fn untold(
    ask: &Ask,
    imap: &mut Lease,
    folder: &str,
    words: BTreeMap<NonZeroU32, String>,
) -> Result<BTreeMap<NonZeroU32, Value>, Problem> {
    let uids: Vec<NonZeroU32> = words.keys().copied().collect();
    let items = [FetchItemName::Uid, FetchItemName::Flags, FetchItemName::InternalDate];
    let is_whole = |row: &[FetchItem]| row.iter().any(|item| matches!(item, FetchItem::Flags(_)));
    let wanted = Wanted { what: "flags", folder, uids: &uids, set: &of, items: &items, is_whole };
    let fetched = each(ask, imap, wanted).await?;
    let row = |(uid, words): (NonZeroU32, String)| {
        let known = fetched.rows.get(&uid).map(Vec::as_slice).unwrap_or_default();
        let mut row = show(uid, known, &BTreeMap::new());
        row["untold"] = words.into();
        (uid, row)
    };
    Ok(words.into_iter().map(row).collect())
}

fn of(uids: &[NonZeroU32]) -> SequenceSet {
    SequenceSet::of(uids.iter().copied())
}

/// Tells with the newest message of each conversation what its others are: how
/// many are unread, whether one has a star, who writes in it.
async fn whole(
    ask: &Ask,
    imap: &mut Lease,
    folder: &str,
    members: &[Conversation],
    messages: &mut BTreeMap<NonZeroU32, Value>,
) -> Result<(), Problem> {
    let cause = ask.cause();
    let several = || members.iter().filter(|of| of.len() > 1);
    if several().next().is_none() {
        return Ok(());
    }
    let unseen = SearchKey::Not(Box::new(flag("\\Seen")));
    let unseen = imap.search(unseen, cause).await?;
    let flagged = imap.search(flag("\\Flagged"), cause).await?;
    let mut writers: Vec<NonZeroU32> = several().flat_map(writers_of).collect();
    writers.sort_unstable();
    let items = [FetchItemName::Uid, FetchItemName::Envelope];
    let is_whole = |row: &[FetchItem]| envelope(row).is_some();
    let wanted =
        Wanted { what: "writers", folder, uids: &writers, set: &of, items: &items, is_whole };
    let fetched = each(ask, imap, wanted).await?;
    let from = |uid: &NonZeroU32| Some(people(&envelope(fetched.rows.get(uid)?)?.from));
    for of in several() {
        let Some(shown) = of.first().and_then(|head| messages.get_mut(head)) else { continue };
        let has = |set: &[Uid], uid: &NonZeroU32| set.binary_search(&Uid(*uid)).is_ok();
        let mut people: Vec<Value> = Vec::new();
        for person in writers_of(of).filter_map(|uid| from(&uid)?.into_iter().next()) {
            let is_same = |known: &Value| known.get("address") == person.get("address");
            if !people.iter().any(is_same) {
                people.push(person);
            }
        }
        shown["conversation"] = json!({
            "uids": of.get(..of.len().min(UIDS_MAX)).unwrap_or_default(),
            "count": of.len(),
            "unseen": of.iter().filter(|uid| has(&unseen, uid)).count(),
            "flagged": of.iter().any(|uid| has(&flagged, uid)),
            "people": people,
        });
    }
    Ok(())
}

/// Whose names stand for a conversation: who began it, then the last ones.
fn writers_of(conversation: &Conversation) -> impl Iterator<Item = NonZeroU32> {
    let (last, others) =
        conversation.split_last().map_or((None, &[][..]), |(last, o)| (Some(*last), o));
    last.into_iter().chain(others.iter().copied().take(WRITERS_MAX).rev())
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

/// The first words of each message: one command for all whose text is the part
/// of the same number.
async fn previews(
    ask: &Ask,
    imap: &mut Lease,
    folder: &str,
    rows: &BTreeMap<NonZeroU32, Vec<FetchItem>>,
) -> Result<BTreeMap<NonZeroU32, String>, Problem> {
    let mut by_section: BTreeMap<Vec<u32>, Vec<NonZeroU32>> = BTreeMap::new();
    for (uid, row) in rows {
        let Some(structure) = structure(row) else { continue };
        let leaves = leaves(structure);
        let text = leaves.iter().find(|leaf| leaf.is_body() && leaf.is("text", "plain"));
        let text = text.or_else(|| leaves.iter().find(|leaf| leaf.is_body()));
        if let Some(leaf) = text.filter(|leaf| leaf.section.len() <= 4) {
            by_section.entry(leaf.section.clone()).or_default().push(*uid);
        }
    }
    let mut shown = BTreeMap::new();
    for (section, uids) in by_section.into_iter().take(SECTIONS_MAX) {
        let partial = Some(Partial { first: 0, count: PREVIEW_OCTETS });
        let items = [FetchItemName::Uid, peek(&section, partial)];
        let is_whole =
            |row: &[FetchItem]| row.iter().any(|item| matches!(item, FetchItem::Section { .. }));
        let wanted =
            Wanted { what: "start", folder, uids: &uids, set: &of, items: &items, is_whole };
        for (uid, fetched) in each(ask, imap, wanted).await?.rows {
            let Some(start) = octets(&fetched, &section) else { continue };
            let Some(structure) = rows.get(&uid).and_then(|row| structure(row)) else { continue };
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

fn show(uid: NonZeroU32, row: &[FetchItem], previews: &BTreeMap<NonZeroU32, String>) -> Value {
    let mut shown = json!({
        "uid": uid, "preview": previews.get(&uid), "subject": "", "from": [], "to": [],
        "date": null, "written": null, "size": 0, "attachments": 0, "seen": true,
        "flagged": false, "answered": false, "draft": false,
    });
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
    shown
}

/// Conversations, or messages that were found, of one page.
const PAGE_ROWS: usize = 50;
/// Messages of a conversation that are told at a time.
const SOME_MAX: usize = 200;
/// Messages of a conversation whose writers are named, beside the first.
const WRITERS_MAX: usize = 7;
/// How often a folder is asked again whose messages went away meanwhile.
const TRIES_MAX: usize = 3;
/// Words of a search.
const WORDS_MAX: usize = 16;
/// Octets fetched for a preview, before they are decoded.
const PREVIEW_OCTETS: u32 = 1_200;
const PREVIEW_CHARS: usize = 160;
/// Commands for the previews of one page.
const SECTIONS_MAX: usize = 6;
