//! Live events, as they happen: server-sent events whose id is the cursor.
//!
//! A browser that lost its connection comes back with the last id that it saw
//! and goes on there; one that is too slow is told how many events it missed.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use capa7_net::Cause;
use futures_util::stream::{self, Stream};
use serde::{Deserialize, Serialize};

use super::answer::Refused;
use super::{Live, Page};
use crate::filter::Filter;
use crate::story::EventView;

/// Where to begin, and what to mark.
#[derive(Debug, Deserialize)]
pub(super) struct EventsQuery {
    #[serde(default)]
    after: u64,
    filter: Option<String>,
}

/// An event with whether it passes the filter.
#[derive(Serialize)]
struct Marked<'a> {
    #[serde(flatten)]
    view: &'a EventView,
    hit: bool,
}

pub(super) async fn events(
    State(page): State<Page>,
    Query(query): Query<EventsQuery>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Refused> {
    page.live()?;
    let text = query.filter.unwrap_or_default();
    let filter = Filter::parse(&text).map_err(Refused::bad)?;
    let again = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let cursor = again.unwrap_or(query.after);
    Ok(Sse::new(follow(page, cursor, filter)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

/// The events after `cursor`, some at a time, without end.
fn follow(
    page: Page,
    cursor: u64,
    filter: Filter,
) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold((page, cursor, filter), async |(page, cursor, filter)| {
        loop {
            let live = page.live().ok()?;
            let reading = live.told().after(cursor, BATCH);
            if reading.skipped > 0 {
                // The events themselves come with the next turn.
                let first = cursor + reading.skipped;
                let data = serde_json::json!({ "count": reading.skipped }).to_string();
                let event = Event::default().event("skipped").id(first.to_string()).data(data);
                return Some((Ok(event), (page, first, filter)));
            }
            if !reading.views.is_empty() {
                let event = told(live, &reading.views, &filter, reading.cursor);
                return Some((Ok(event), (page, reading.cursor, filter)));
            }
            live.lab.network().capture().wait_past(Cause(cursor)).await;
        }
    })
}

fn told(live: &Live, views: &[Arc<EventView>], filter: &Filter, cursor: u64) -> Event {
    let hosts = live.hosts();
    let marked: Vec<Marked<'_>> =
        views.iter().map(|view| Marked { view, hit: filter.matches(view, &hosts) }).collect();
    // The views have string keys only, so that writing cannot fail.
    let data = serde_json::to_string(&marked).unwrap_or_default();
    Event::default().id(cursor.to_string()).data(data)
}

/// Events sent in one go.
const BATCH: usize = 256;
/// A comment now and then shows both ends that the other one lives.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
