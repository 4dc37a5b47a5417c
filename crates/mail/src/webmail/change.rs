//! What is done to many messages at once.

use std::num::NonZeroU32;

use capa7_http::message::Response;
use capa7_mail_proto::imap::client::ClientCommand;
use capa7_mail_proto::imap::command::{Access, FlagChange};
use capa7_mail_proto::imap::search::SearchKey;
use capa7_mail_proto::imap::sequence::SequenceSet;
use capa7_mail_proto::mailbox::{Flag, SpecialUse, Uid};
use serde::Deserialize;
use serde_json::json;

use super::folders::Name;
use super::problem::Problem;
use super::route::{Ask, json};

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
    let mut imap = ask.imap(&folder, cause).await?;
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
    let mut imap = ask.imap(&folder, cause).await?;
    imap.select(&folder, Access::ReadWrite, cause).await?;
    let there = imap.move_to(uids, &to, cause).await?;
    Ok(json(&json!({ "to": to, "uids": numbers(&there) }), imap.cause()))
}

/// Moves messages to the trash; from there, and drafts, they go for good.
pub(crate) async fn delete(ask: &Ask) -> Result<Response, Problem> {
    let Delete { folder, uids } = ask.body()?;
    let uids = set(uids)?;
    let cause = ask.cause();
    let mut imap = ask.imap(&folder, cause).await?;
    let trash = imap.mailbox_for(SpecialUse::Trash, cause).await?;
    imap.select(&folder, Access::ReadWrite, cause).await?;
    if folder == trash {
        imap.remove(uids, cause).await?;
        return Ok(json(&json!({ "to": null, "uids": [] }), imap.cause()));
    }
    let there = imap.move_to(uids, &trash, cause).await?;
    Ok(json(&json!({ "to": trash, "uids": numbers(&there) }), imap.cause()))
}

/// Removes all messages of a folder for good: those that were there when it was
/// asked, not what comes meanwhile.
pub(crate) async fn empty(ask: &Ask) -> Result<Response, Problem> {
    let Name { name } = ask.body()?;
    let cause = ask.cause();
    let mut imap = ask.imap(&name, cause).await?;
    imap.select(&name, Access::ReadWrite, cause).await?;
    imap.run(ClientCommand::Noop, cause).await?;
    let all = imap.search(SearchKey::All, cause).await?;
    for some in all.chunks(UIDS_MAX) {
        imap.remove(SequenceSet::of(some.iter().map(|uid| uid.0)), cause).await?;
    }
    Ok(json(&json!({ "removed": all.len() }), imap.cause()))
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

/// Messages changed at a time.
pub(super) const UIDS_MAX: usize = 1_000;
