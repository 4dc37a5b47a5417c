//! News as they happen: IDLE beneath, server-sent events above (course M11).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use capa7_http::message::{Piece, Response};
use capa7_mail_proto::imap::command::Access;
use capa7_mail_proto::imap::response::Untagged;
use capa7_net::Cause;
use serde_json::json;
use tokio::sync::mpsc;

use super::Gateway;
use super::problem::Problem;
use super::route::Ask;
use super::session::Session;

/// Events of the folder that is shown.
pub(crate) fn stream(ask: &Ask) -> Result<Response, Problem> {
    let folder = ask.given("folder").unwrap_or("INBOX").to_owned();
    let seat = Seat::take(&ask.session, ask.gateway.config.limits.streams_per_session_max)?;
    let (pieces, receiver) = mpsc::channel(WAITING_MAX);
    let (gateway, session) = (Arc::clone(&ask.gateway), Arc::clone(&ask.session));
    let cause = ask.cause();
    let work = watch(gateway, session, folder, pieces, seat, cause);
    // It ends when the client is gone, or with its session.
    ask.gateway.host.spawn("webmail events", work).detach();
    Ok(Response::events(receiver))
}

/// One of the streams that a session may have.
struct Seat(Arc<Session>);

impl Seat {
    fn take(session: &Arc<Session>, most: usize) -> Result<Self, Problem> {
        let streams: &AtomicUsize = &session.streams;
        if streams.fetch_add(1, Ordering::Relaxed) >= most {
            streams.fetch_sub(1, Ordering::Relaxed);
            return Err(Problem::TooMany);
        }
        Ok(Self(Arc::clone(session)))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn watch(
    gateway: Arc<Gateway>,
    session: Arc<Session>,
    folder: String,
    pieces: mpsc::Sender<Piece>,
    _seat: Seat,
    cause: Cause,
) {
    let mut pause = PAUSE_FIRST;
    while session.lives(gateway.host.now(), &gateway.config.limits) {
        let watched = watch_once(&gateway, &session, &folder, &pieces, cause);
        let ended = tokio::select! {
            biased;
            () = pieces.closed() => return,
            () = session.ended() => Err(Problem::LogIn),
            ended = watched => ended,
        };
        match ended {
            Ok(()) => return,
            Err(problem @ Problem::LogIn) => {
                let _ = tell(&pieces, "ended", &json!({ "why": problem.to_string() }), cause).await;
                return;
            }
            Err(problem) => tracing::debug!(%problem, "watching a mailbox was interrupted"),
        }
        if tell(&pieces, "interrupted", &json!({}), cause).await.is_err() {
            return;
        }
        gateway.host.sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

async fn watch_once(
    gateway: &Gateway,
    session: &Session,
    folder: &str,
    pieces: &mpsc::Sender<Piece>,
    cause: Cause,
) -> Result<(), Problem> {
    let mut imap = session.connect(gateway, cause).await?;
    imap.select(folder, Access::ReadOnly, cause).await?;
    let mut known = imap.machine().mailbox().map_or(0, |mailbox| mailbox.exists());
    let told = json!({ "folder": folder, "messages": known });
    if tell(pieces, "watching", &told, imap.cause()).await.is_err() {
        return Ok(());
    }
    loop {
        let news = imap.idle(IDLE_TIME, cause).await?;
        let because = news.last().map_or(cause, |(_, cause)| *cause);
        let now = imap.machine().mailbox().map_or(0, |mailbox| mailbox.exists());
        let changed = news.iter().any(|(untagged, _)| {
            matches!(untagged, Untagged::Expunge(_) | Untagged::Fetch { .. } | Untagged::Exists(_))
        });
        let sent = if changed {
            let arrived = now.saturating_sub(known);
            let told = json!({ "folder": folder, "messages": now, "arrived": arrived });
            tell(pieces, "changed", &told, because).await
        } else {
            // A comment keeps the way open through whatever is between.
            let bytes = Bytes::from_static(b": still here\n\n");
            pieces.send(Piece { bytes, cause }).await.map_err(|_| ())
        };
        if sent.is_err() {
            return Ok(());
        }
        known = now;
    }
}

async fn tell(
    pieces: &mpsc::Sender<Piece>,
    kind: &str,
    data: &serde_json::Value,
    cause: Cause,
) -> Result<(), ()> {
    let bytes = Bytes::from(format!("event: {kind}\ndata: {data}\n\n"));
    pieces.send(Piece { bytes, cause }).await.map_err(|_| ())
}

/// Events that wait for a slow client.
const WAITING_MAX: usize = 16;
/// IDLE is begun anew within the time after which servers log out
/// (RFC 9051 §6.3.13: 29 minutes); shorter, to notice a client that is gone.
const IDLE_TIME: Duration = Duration::from_secs(120);
/// Between two tries to watch.
const PAUSE_FIRST: Duration = Duration::from_secs(2);
const PAUSE_MAX: Duration = Duration::from_secs(60);
