//! `capa7 mail queue`: what a running server has accepted and not yet delivered.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Which, running};
use crate::output;

/// What the command line says.
#[derive(Debug, Args)]
pub(crate) struct QueueArguments {
    #[command(flatten)]
    which: Which,
    /// Print one JSON document
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    what: Option<QueueCommand>,
}

/// What to do about the queue.
#[derive(Debug, Subcommand)]
enum QueueCommand {
    /// List recipients one by one
    List(Selected),
    /// Try no more until released
    Hold(Selected),
    /// Try what was held at once
    Release(Selected),
    /// Try at once, without waiting for the next attempt's time
    Flush(Selected),
    /// Forget recipients; their senders are not told
    Delete(Selected),
}

/// Which recipients.
#[derive(Debug, Args)]
struct Selected {
    /// Those of one message, by its id in the list
    #[arg(value_name = "ID", required_unless_present_any = ["destination", "all"])]
    id: Option<String>,
    /// Those of one destination: a domain, or `local`
    #[arg(long, value_name = "DOMAIN", conflicts_with = "id")]
    destination: Option<String>,
    /// All
    #[arg(long, conflicts_with_all = ["id", "destination"])]
    all: bool,
}

/// Asks the server.
pub(crate) fn run(arguments: &QueueArguments) -> Result<ExitCode> {
    let Some(what) = &arguments.what else {
        let table = running::ask(&arguments.which, "queue", &Value::Null)?;
        if arguments.json {
            output::document(&table)?;
        } else {
            show_table(&table);
        }
        return Ok(ExitCode::SUCCESS);
    };
    let (verb, selected) = match what {
        QueueCommand::List(selected) => ("queue-list", selected),
        QueueCommand::Hold(selected) => ("queue-hold", selected),
        QueueCommand::Release(selected) => ("queue-release", selected),
        QueueCommand::Flush(selected) => ("queue-flush", selected),
        QueueCommand::Delete(selected) => ("queue-delete", selected),
    };
    let mut words = serde_json::Map::new();
    if let Some(id) = &selected.id {
        words.insert("id".to_owned(), json!(id));
    }
    if let Some(destination) = &selected.destination {
        words.insert("destination".to_owned(), json!(destination));
    }
    let answer = running::ask(&arguments.which, verb, &Value::Object(words))?;
    match (arguments.json, what) {
        (true, _) => output::document(&answer)?,
        (false, QueueCommand::List(_)) => show_entries(&answer),
        (false, _) => {
            let count = answer.get("recipients").and_then(Value::as_u64).unwrap_or_default();
            output::line(&format!("{count} recipients"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Rows are destinations, columns are ages.
fn show_table(table: &Value) {
    let number = |key: &str| table.get(key).and_then(Value::as_u64).unwrap_or_default();
    let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    let (messages, recipients, held) = (number("messages"), number("recipients"), number("held"));
    output::line(&format!("{messages} messages, {recipients} recipients, {held} held"));
    let rows = list(table.get("rows"));
    if rows.is_empty() {
        return;
    }
    let ages = list(table.get("ages_s"));
    let mut head = format!("{:<32} {:>7}", "destination", "total");
    for age in &ages {
        head.push_str(&format!(" {:>7}", format!("<{}", span(age.as_u64().unwrap_or_default()))));
    }
    output::line(&format!("{head} {:>7}", "older"));
    for row in rows {
        let destination = row.get("destination").and_then(Value::as_str).unwrap_or("?");
        let total = row.get("total").and_then(Value::as_u64).unwrap_or_default();
        let mut line = format!("{destination:<32} {total:>7}");
        for count in list(row.get("counts")) {
            line.push_str(&format!(" {:>7}", count.as_u64().unwrap_or_default()));
        }
        output::line(&line);
    }
}

fn show_entries(entries: &Value) {
    for entry in entries.as_array().into_iter().flatten() {
        let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
        let number = |key: &str| entry.get(key).and_then(Value::as_u64);
        let from = entry.get("from").and_then(Value::as_str).unwrap_or_default();
        output::line(&format!(
            "{} {:>6} {:>9} <{from}> -> <{}>",
            text("id"),
            span(number("age_s").unwrap_or_default()),
            text("state"),
            text("recipient"),
        ));
        let attempts = number("attempts").unwrap_or_default();
        if attempts > 0 {
            let next = number("next_s")
                .map_or("no next one".to_owned(), |wait| format!("next in {}", span(wait)));
            output::line(&format!("    {attempts} attempts, {next}: {}", text("reason")));
        }
    }
}

/// Seconds in the largest unit that leaves a whole number worth reading.
fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}
