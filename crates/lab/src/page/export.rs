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
use serde_json::json;

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
    /// Events of the source that are not held any more.
    gone: u64,
}

impl Chosen {
    /// What the file does not have, for its readers.
    fn missing(&self) -> Option<String> {
        let Self { gone, .. } = self;
        (*gone > 0).then(|| {
            format!(
                "The first {gone} events are missing here: they are not kept any more. \
                 `capa7 lab --pcap FILE` records all of a running lab."
            )
        })
    }
}

pub(super) async fn export(
    State(page): State<Page>,
    Path(kind): Path<String>,
    Query(query): Query<ExportQuery>,
) -> Result<Response<Body>, Refused> {
    let filter = Filter::parse(&query.filter).map_err(Refused::bad)?;
    let chosen = choose(&page, query.run.as_deref(), &filter)?;
    let missing = chosen.missing();
    match kind.as_str() {
        "jsonl" => {
            let head = missing.map(|text| json!({ "missing": chosen.gone, "comment": text }));
            let head = head.map(|head| head.to_string());
            let lines: Vec<String> =
                head.into_iter().chain(chosen.views.iter().map(json_line)).collect();
            let text = lines.join("\n") + "\n";
            Ok(download(text, "application/jsonl", &chosen.name, "jsonl"))
        }
        "mermaid" => {
            let mut text = mermaid(&chosen.views, &chosen.hosts);
            if let Some(missing) = missing {
                // A line that begins so is a comment.
                text.push_str(&format!("%% {missing}\n"));
            }
            Ok(download(text, "text/vnd.mermaid", &chosen.name, "mmd"))
        }
        "pcapng" => {
            let Chosen { name, views, network, .. } = chosen;
            let write = move || pcapng(&network, &views, missing.as_deref());
            let written = page.0.machine.blocking(write).await;
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
        let gone = report.evicted;
        return Ok(Chosen { name: report.id.clone(), views, hosts, network, gone });
    }
    let live = page.live()?;
    let hosts = live.hosts();
    let (told, gone) = {
        let tape = live.told();
        (tape.views().cloned().collect::<Vec<Arc<EventView>>>(), tape.gone())
    };
    let passing = told.iter().filter(|view| filter.matches(view, &hosts));
    let views = passing.map(|view| EventView::clone(view)).collect();
    let (name, network) = (live.name.clone(), live.lab.network().clone());
    Ok(Chosen { name, views, hosts, network, gone })
}

/// The chosen messages as packets, each with our sentence as its comment, and
/// the connections that they belong to.
fn pcapng(network: &Network, views: &[EventView], missing: Option<&str>) -> io::Result<Vec<u8>> {
    let ids: BTreeSet<u64> = views.iter().map(|view| view.id).collect();
    let connections: BTreeSet<u64> = views.iter().filter_map(|view| view.connection).collect();
    let start = network.wall_clock().0.saturating_sub(network.now().0);
    let mut writer = PcapngWriter::with_comment(Vec::new(), UnixTime(start), missing)?;
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
