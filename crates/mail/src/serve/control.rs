//! What a running server does for other commands.
//!
//! ```text
//!  → {"do":"queue"}                           ← the table
//!  → {"do":"queue-list"}                      ← the recipients
//!  → {"do":"queue-hold","id":"1f"}            ← how many: hold, release, flush, delete;
//!  → {"do":"queue-flush","destination":"a.b"}   of a message, a destination, or all
//!  → {"do":"mailboxes-changed","account":"a@b"}   sessions look at them anew
//! ```

use capa7_net::Host;
use capa7_net::control::{Answer, Listener};
use serde_json::{Value, json};

use crate::queue::{Queue, Selection};
use crate::store::Store;
use crate::users::AccountName;

/// Answers until the task is stopped.
pub(super) async fn answer(host: Host, listener: Listener, queue: Queue, store: Store) {
    let handler = move |request: Value| {
        let (host, queue, store) = (host.clone(), queue.clone(), store.clone());
        async move {
            if request.get("do").and_then(Value::as_str) == Some(MAILBOXES_CHANGED) {
                return look_again(&host, store, &request).await.map(Answer::new);
            }
            handle(&queue, &request).await.map(Answer::new)
        }
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

async fn look_again(host: &Host, store: Store, request: &Value) -> Result<Value, String> {
    let account = request.get("account").and_then(Value::as_str).unwrap_or_default();
    let account: AccountName = account.parse().map_err(|_| format!("no account {account:?}"))?;
    let looked = host.blocking(move || store.changed_elsewhere(&account)).await;
    looked.map_err(|error| format!("the mailboxes cannot be read: {error}"))?;
    Ok(json!({}))
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

/// What another command did to mailboxes is to be seen by sessions.
pub const MAILBOXES_CHANGED: &str = "mailboxes-changed";
/// Recipients that one answer lists: it must fit into a line of 1 MiB.
const LISTED_MAX: u64 = 1_000;
