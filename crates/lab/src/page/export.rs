//! What was seen, to take along: JSON lines, Mermaid, pcapng.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, Response};
use serde::Deserialize;

use super::Page;
use super::answer::Refused;
use crate::filter::Filter;
use crate::story::{EventView, HostTable, json_line, mermaid};

/// Of which source, and which events of it.
#[derive(Debug, Deserialize)]
pub(super) struct ExportQuery {
    #[serde(default)]
    filter: String,
    run: Option<String>,
}

/// Events of a source that pass a filter.
struct Chosen {
    name: String,
    views: Vec<EventView>,
    hosts: HostTable,
}

pub(super) async fn export(
    State(page): State<Page>,
    Path(kind): Path<String>,
    Query(query): Query<ExportQuery>,
) -> Result<Response<Body>, Refused> {
    let filter = Filter::parse(&query.filter).map_err(Refused::bad)?;
    let chosen = choose(&page, query.run.as_deref(), &filter)?;
    match kind.as_str() {
        "jsonl" => {
            let lines: Vec<String> = chosen.views.iter().map(json_line).collect();
            let text = lines.join("\n") + "\n";
            Ok(download(text, "application/jsonl", &chosen.name, "jsonl"))
        }
        "mermaid" => {
            let text = mermaid(&chosen.views, &chosen.hosts);
            Ok(download(text, "text/vnd.mermaid", &chosen.name, "mmd"))
        }
        other => Err(Refused::missing(format!("`{other}` is no export: pcapng, jsonl or mermaid"))),
    }
}

fn choose(page: &Page, run: Option<&str>, filter: &Filter) -> Result<Chosen, Refused> {
    if let Some(run) = run {
        let kept = page.0.runs.find(run)?;
        let report = &kept.report;
        let passing = report.events.iter().filter(|view| filter.matches(view, &report.hosts));
        let views = passing.cloned().collect();
        return Ok(Chosen { name: report.id.clone(), views, hosts: report.hosts.clone() });
    }
    let live = page.live()?;
    let hosts = live.hosts();
    let told: Vec<Arc<EventView>> = live.told().views().cloned().collect();
    let passing = told.iter().filter(|view| filter.matches(view, &hosts));
    let views = passing.map(|view| EventView::clone(view)).collect();
    Ok(Chosen { name: live.name.clone(), views, hosts })
}

fn download(
    content: impl Into<Body>,
    content_type: &'static str,
    name: &str,
    extension: &str,
) -> Response<Body> {
    let plain: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    let disposition = format!("attachment; filename=\"capa7-{plain}.{extension}\"");
    let mut response = Response::new(content.into());
    let head = response.headers_mut();
    head.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Ok(value) = HeaderValue::from_str(&disposition) {
        head.insert(CONTENT_DISPOSITION, value);
    }
    response
}
