//! Messages and folders in lines, and as parts of a JSON document. What comes
//! from a message never commands the terminal.

use anyhow::Result;
use capa7_mail::agent::{Entry, Shown, for_terminal};
use capa7_mail::imap_client::Folder;
use capa7_mail_proto::message::date::MessageDate;
use serde_json::{Value, json};

use crate::output;

/// One line for each message.
pub(super) fn messages(found: &[Entry]) {
    output::line(&format!(
        "{:>8}  {:<16}  {:<24}  {:<40}  {:>6}  flags",
        "id", "date", "from", "subject", "size"
    ));
    for entry in found {
        let summary = &entry.summary;
        output::line(&format!(
            "{:>8}  {:<16}  {}  {}  {:>6}  {}",
            entry.id,
            summary.date.or(entry.received).map(moment).unwrap_or_default(),
            cell(&summary.from, 24),
            cell(&summary.subject, 40),
            size(summary.bytes),
            line(&entry.flags.join(" ")),
        ));
    }
}

/// A message decoded, with a line before and after it.
pub(super) fn message(entry: &Entry, shown: &Shown) {
    output::line(&format!("──── {} ────", entry.id));
    for (name, value) in &shown.header {
        output::line(&format!("{name}: {}", line(value)));
    }
    for file in &shown.files {
        let name = file.name.as_deref().unwrap_or("without a name");
        let (kind, bytes) = (&file.media_type, size(file.bytes));
        output::line(&format!("File: {} ({}, {bytes})", line(name), line(kind)));
    }
    output::line("");
    output::line(for_terminal(&shown.text).trim_end());
    output::line("");
}

/// One line for each folder.
pub(super) fn folders(folders: &[Folder], as_json: bool) -> Result<()> {
    if as_json {
        let rows = folders.iter().map(|folder| {
            json!({
                "name": folder.name,
                "use": folder.special_use.map(|usage| usage.attribute()),
                "selectable": folder.selectable,
                "messages": folder.messages,
                "unseen": folder.unseen,
            })
        });
        return output::document(&json!({ "folders": rows.collect::<Vec<_>>() }));
    }
    output::line(&format!("{:<40}  {:>8}  {:>8}  use", "folder", "messages", "unseen"));
    for folder in folders {
        let usage = folder.special_use.map_or("", |usage| usage.attribute());
        let (name, all, unseen) = (cell(&folder.name, 40), folder.messages, folder.unseen);
        output::line(format!("{name}  {all:>8}  {unseen:>8}  {usage}").trim_end());
    }
    Ok(())
}

/// What a document tells of a message.
pub(super) fn row(entry: &Entry) -> Value {
    let mut row = json!(entry.summary);
    row["id"] = json!(entry.id);
    row["name"] = json!(entry.name);
    row["flags"] = json!(entry.flags);
    row["received"] = json!(entry.received);
    row
}

/// `2025-06-02 10:00`, in UTC.
fn moment(seconds: i64) -> String {
    let date = MessageDate::from_unix_seconds(seconds);
    let MessageDate { year, month, day, hour, minute, .. } = date;
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}")
}

fn size(bytes: usize) -> String {
    match bytes {
        0..10_000 => bytes.to_string(),
        10_000..10_000_000 => format!("{}K", bytes / 1_000),
        _ => format!("{}M", bytes / 1_000_000),
    }
}

/// One line of so many letters.
fn cell(text: &str, width: usize) -> String {
    let text = line(text);
    let shown: String = match text.chars().count() > width {
        true => text.chars().take(width - 1).chain(['…']).collect(),
        false => text,
    };
    format!("{shown:<width$}")
}

fn line(text: &str) -> String {
    for_terminal(text).replace(['\n', '\t'], " ")
}
