//! The document by which mail programs set themselves up, over HTTP.

use std::collections::BTreeMap;
use std::sync::Arc;

use capa7_http::message::{Request, Response};
use capa7_http::server::{Server, ServerConfig};
use capa7_http_proto::status::Status;
use capa7_net::{Host, Room, TcpListener};

use super::{MailServerConfig, Port};
use crate::config::TlsMode;

/// Serves the documents of all domains on a listener.
pub(super) fn start(
    host: &Host,
    listener: TcpListener,
    config: &MailServerConfig,
    mode: TlsMode,
    ports: &[Port],
) -> Server {
    let book = config.users.book();
    let documents: BTreeMap<String, String> = book
        .domains()
        .iter()
        .map(|domain| (domain.clone(), config.services(domain, &[], ports).autoconfig_xml()))
        .collect();
    let documents = Arc::new(documents);
    let tls = if mode == TlsMode::Implicit { config.tls.clone() } else { None };
    let http = ServerConfig { tls, ..ServerConfig::default() };
    Server::start(&host.in_room(Room::Http), listener, http, move |request| {
        let documents = Arc::clone(&documents);
        async move { answer(&documents, &request) }
    })
}

/// The document of the domain that the request is for: `autoconfig.DOMAIN` or
/// the domain itself; by another name the only domain's.
fn answer(documents: &BTreeMap<String, String>, request: &Request) -> Response {
    let path = request.head.path();
    if !PATHS.contains(&path) {
        return Response::text(Status::NOT_FOUND, "only the settings of mail programs are here\n");
    }
    let host = request.head.fields.text("host").unwrap_or_default().to_ascii_lowercase();
    let host = host.split(':').next().unwrap_or_default();
    let domain = host.strip_prefix("autoconfig.").unwrap_or(host);
    let only = || if documents.len() == 1 { documents.values().next() } else { None };
    match documents.get(domain).or_else(only) {
        Some(document) => {
            Response::content(Status::OK, "text/xml; charset=utf-8", document.clone())
        }
        None => Response::text(Status::NOT_FOUND, "this server has no mail of that domain\n"),
    }
}

/// Where clients look.
const PATHS: [&str; 2] = ["/mail/config-v1.1.xml", "/.well-known/autoconfig/mail/config-v1.1.xml"];
