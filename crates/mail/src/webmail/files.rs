//! The files of the page: carried in the binary, in debug builds read from the
//! checkout. The page is in a folder of its own and uses the lab's base.

use capa7_http::message::{Request, Response};
use capa7_http_proto::status::Status;
use rust_embed::RustEmbed;

#[derive(Debug, RustEmbed)]
#[folder = "../../web/"]
#[include = "webmail/*"]
#[include = "base/*"]
#[include = "style/base.css"]
#[include = "icon.svg"]
struct Files;

/// The file at a path, `/` being the page itself.
pub(super) fn serve(path: &str, request: &Request) -> Response {
    let name = match path.trim_start_matches('/') {
        "" => "webmail/index.html".to_owned(),
        name if SHARED.iter().any(|start| name.starts_with(start)) => name.to_owned(),
        name => format!("webmail/{name}"),
    };
    let Some(file) = Files::get(&name) else {
        return Response::text(Status::NOT_FOUND, "there is no such file");
    };
    // The validator of RFC 9110 §8.8.3: the content's own hash.
    let hash = file.metadata.sha256_hash();
    let tag: String = hash.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{tag}\"");
    let known = request.head.fields.text("if-none-match") == Some(tag.as_str());
    let response = if known {
        Response::new(Status::NOT_MODIFIED)
    } else {
        Response::content(Status::OK, content_type(&name), file.data.into_owned())
    };
    response.with("ETag", tag).with("Cache-Control", "no-cache")
}

/// Adds what every answer bears: nothing foreign is loaded, nothing runs that is
/// not a file of ours, nobody frames the page.
pub(super) fn protect(mut response: Response) -> Response {
    for (name, value) in PROTECTION {
        if !response.fields.has(name) {
            response = response.with(name, value);
        }
    }
    response
}

fn content_type(name: &str) -> &'static str {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    TYPES.iter().find(|(known, _)| *known == extension).map_or("application/octet-stream", |t| t.1)
}

const SHARED: [&str; 3] = ["base/", "style/base.css", "icon.svg"];

const TYPES: [(&str, &str); 5] = [
    ("html", "text/html; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("json", "application/json"),
    ("svg", "image/svg+xml"),
];

const PROTECTION: [(&str, &str); 4] = [
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
         connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-site"),
];
