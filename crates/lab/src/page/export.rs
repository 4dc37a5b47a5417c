//! What was seen, to take along: JSON lines, Mermaid, pcapng.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, Response};
use capa7_net::capture::What;
use capa7_net::export::PcapngWriter;
use capa7_net::{Cause, ConnectionId, Network, UnixTime};
use serde::Deserialize;

use super::Page;
use super::answer::Refused;
use crate::filter::Filter;
use crate::story::{EventView, HostTable, detail, json_line, mermaid};

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
    network: Network,
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
        "pcapng" => {
            let Chosen { name, views, network, .. } = chosen;
            let written = page.0.machine.blocking(move || pcapng(&network, &views)).await;
            let bytes = written.map_err(Refused::broken)?;
            Ok(download(bytes, "application/x-pcapng", &name, "pcapng"))
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
        let (hosts, network) = (report.hosts.clone(), report.network.clone());
        return Ok(Chosen { name: report.id.clone(), views, hosts, network });
    }
    let live = page.live()?;
    let hosts = live.hosts();
    let told: Vec<Arc<EventView>> = live.told().views().cloned().collect();
    let passing = told.iter().filter(|view| filter.matches(view, &hosts));
    let views = passing.map(|view| EventView::clone(view)).collect();
    Ok(Chosen { name: live.name.clone(), views, hosts, network: live.lab.network().clone() })
}

/// The chosen messages as packets, each with our sentence as its comment, and
/// the connections that they belong to.
fn pcapng(network: &Network, views: &[EventView]) -> io::Result<Vec<u8>> {
    let ids: BTreeSet<u64> = views.iter().map(|view| view.id).collect();
    let connections: BTreeSet<u64> = views.iter().filter_map(|view| view.connection).collect();
    let start = network.wall_clock().0.saturating_sub(network.now().0);
    let mut writer = PcapngWriter::new(Vec::new(), UnixTime(start))?;
    let hosts = network.hosts();
    let names = hosts.iter().flat_map(|host| {
        host.addresses().iter().map(|address| (*address, host.name())).collect::<Vec<_>>()
    });
    writer.names(names)?;
    let capture = network.capture();
    let mut past = Cause::NONE;
    loop {
        let events = capture.since(past, EVENTS_AT_ONCE);
        let Some(last) = events.last() else { break };
        past = last.id;
        for event in &events {
            let chosen = match &event.what {
                // Wireshark reads a stream only with its handshake.
                What::Connection { connection: ConnectionId(id), .. } => connections.contains(id),
                _ => ids.contains(&event.id.0),
            };
            if chosen {
                let sentence = matches!(event.what, What::Datagram(_))
                    .then(|| detail(capture, event.id).map(|detail| sentence(&detail.messages)));
                writer.event(event, sentence.flatten().as_deref())?;
            }
        }
    }
    writer.flush()?;
    Ok(writer.into_inner())
}

/// What the messages mean, in English.
fn sentence(messages: &[capa7_dissect::Message]) -> String {
    let english = messages
        .iter()
        .filter_map(|message| message.meaning.iter().find(|(language, _)| *language == "en"));
    english.map(|(_, text)| text.as_str()).collect::<Vec<_>>().join(" ")
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

/// Events taken out of the record at a time.
const EVENTS_AT_ONCE: usize = 1024;
