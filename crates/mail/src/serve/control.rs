//! What a running server does for other commands.
//!
//! ```text
//!  → {"do":"queue"}                           ← the table
//!  → {"do":"queue-list"}                      ← the recipients
//!  → {"do":"queue-hold","id":"1f"}            ← how many: hold, release, flush, delete;
//!  → {"do":"queue-flush","destination":"a.b"}   of a message, a destination, or all
//! ```

use capa7_net::control::{Answer, Listener};
use serde_json::{Value, json};

use crate::queue::{Queue, Selection};

/// Answers until the task is stopped.
pub(super) async fn answer(listener: Listener, queue: Queue) {
    let handler = move |request: Value| {
        let queue = queue.clone();
        async move { handle(&queue, &request).await.map(Answer::new) }
    };
    if let Err(error) = listener.serve(handler).await {
        tracing::error!(%error, "the control socket failed: `capa7 mail queue` gets no answer");
    }
}

async fn handle(queue: &Queue, request: &Value) -> Result<Value, String> {
    let verb = request.get("do").and_then(Value::as_str).unwrap_or_default();
    let which = selection(request)?;
    let failed = |error: std::io::Error| format!("the queue cannot be read or written: {error}");
    let count = match verb {
        "queue" => {
            let table = queue.table().await.map_err(failed)?;
            return serde_json::to_value(table).map_err(|error| error.to_string());
        }
        "queue-list" => {
            let entries = queue.list(which, 0, LISTED_MAX).await.map_err(failed)?;
            return serde_json::to_value(entries).map_err(|error| error.to_string());
        }
        "queue-hold" => queue.hold(which).await,
        "queue-release" => queue.release(which).await,
        "queue-flush" => queue.flush(which).await,
        "queue-delete" => queue.delete(which).await,
        other => return Err(format!("a mail server does not know {other:?}")),
    };
    Ok(json!({ "recipients": count.map_err(failed)? }))
}

fn selection(request: &Value) -> Result<Selection, String> {
    let text = |key: &str| request.get(key).and_then(Value::as_str);
    match (text("id"), text("destination")) {
        (Some(id), _) => {
            let id = id.parse().map_err(|error: crate::queue::NotAQueueId| error.to_string())?;
            Ok(Selection::Message(id))
        }
        (None, Some(destination)) => Ok(Selection::Destination(destination.to_ascii_lowercase())),
        (None, None) => Ok(Selection::All),
    }
}

/// Recipients that one answer lists: it must fit into a line of 1 MiB.
const LISTED_MAX: u64 = 1_000;
