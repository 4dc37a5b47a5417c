//! The folders of an account.

use capa7_http::message::Response;
use capa7_mail_proto::imap::client::ClientCommand;
use capa7_mail_proto::mailbox::{MailboxName, SpecialUse};
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::Problem;
use super::route::{Ask, json};
use crate::imap_client::Folder;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Name {
    pub(super) name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rename {
    from: String,
    to: String,
}

/// All folders, in the order in which people look for them.
pub(crate) async fn all(ask: &Ask) -> Result<Response, Problem> {
    let mut imap = ask.imap("INBOX", ask.cause()).await?;
    if imap.machine().mailbox().is_some() && !imap.has_asked() {
        // The counts of a selected mailbox may be as old as the last answer: what
        // others did since is told now (RFC 9051 §6.1.2).
        imap.run(ClientCommand::Noop, ask.cause()).await?;
    }
    let mut folders = imap.folders(ask.cause()).await?;
    let rank = |folder: &Folder| match folder.special_use {
        _ if folder.name.eq_ignore_ascii_case("INBOX") => 0,
        Some(SpecialUse::Drafts) => 1,
        Some(SpecialUse::Sent) => 2,
        Some(SpecialUse::Archive) => 3,
        Some(SpecialUse::Junk) => 4,
        Some(SpecialUse::Trash) => 5,
        None => 6,
    };
    folders
        .sort_by(|one, other| rank(one).cmp(&rank(other)).then_with(|| one.name.cmp(&other.name)));
    let shown: Vec<Value> = folders.iter().map(show).collect();
    Ok(json(&json!({ "folders": shown }), imap.cause()))
}

fn show(folder: &Folder) -> Value {
    let inbox = folder.name.eq_ignore_ascii_case("INBOX");
    let usage = folder.special_use.map(|u| u.attribute().trim_start_matches('\\').to_lowercase());
    let usage = if inbox { Some("inbox".to_owned()) } else { usage };
    json!({
        "name": folder.name,
        "separator": folder.separator.map(String::from),
        "use": usage,
        "selectable": folder.selectable,
        "messages": folder.messages,
        "unseen": folder.unseen,
    })
}

/// Makes a folder.
pub(crate) async fn create(ask: &Ask) -> Result<Response, Problem> {
    let Name { name } = ask.body()?;
    let name = checked(&name)?;
    let mut imap = ask.imap("INBOX", ask.cause()).await?;
    let command = ClientCommand::Create { mailbox: name.clone(), special_use: None };
    imap.run(command, ask.cause()).await?;
    let _ = imap.run(ClientCommand::Subscribe(name.clone()), ask.cause()).await;
    Ok(json(&json!({ "name": name }), imap.cause()))
}

/// Gives a folder another name.
pub(crate) async fn rename(ask: &Ask) -> Result<Response, Problem> {
    let Rename { from, to } = ask.body()?;
    let to = checked(&to)?;
    let mut imap = ask.imap("INBOX", ask.cause()).await?;
    imap.select("INBOX", capa7_mail_proto::imap::command::Access::ReadWrite, ask.cause()).await?;
    imap.run(ClientCommand::Rename { from: from.clone(), to: to.clone() }, ask.cause()).await?;
    ask.session.forget(&from);
    Ok(json(&json!({ "name": to }), imap.cause()))
}

/// Removes a folder.
pub(crate) async fn delete(ask: &Ask) -> Result<Response, Problem> {
    let Name { name } = ask.body()?;
    let mut imap = ask.imap("INBOX", ask.cause()).await?;
    imap.select("INBOX", capa7_mail_proto::imap::command::Access::ReadWrite, ask.cause()).await?;
    imap.run(ClientCommand::Delete(name.clone()), ask.cause()).await?;
    ask.session.forget(&name);
    Ok(json(&json!({}), imap.cause()))
}

fn checked(name: &str) -> Result<String, Problem> {
    let parsed = MailboxName::parse(name.trim());
    parsed.map(|name| name.to_string()).map_err(|error| Problem::Malformed(error.to_string()))
}
