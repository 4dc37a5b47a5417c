//! The files of the page: carried in the binary, in debug builds read from the
//! checkout, so that an edit is seen after reloading.

use axum::body::Body;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use rust_embed::RustEmbed;

#[derive(Debug, RustEmbed)]
#[folder = "../../web/"]
#[exclude = "jsconfig.json"]
#[exclude = "*.md"]
struct Files;

/// The file at `path`, `/` being the page itself.
#[must_use]
pub(super) fn serve(path: &str, headers: &HeaderMap) -> Response<Body> {
    let name = match path.trim_start_matches('/') {
        "" => "index.html",
        name => name,
    };
    let Some(file) = Files::get(name) else {
        return plain(StatusCode::NOT_FOUND, "there is no such file");
    };
    // The validator of RFC 9110 §8.8.3: the content's own hash.
    let tag: String =
        file.metadata.sha256_hash().iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{tag}\"");
    let known = headers.get(IF_NONE_MATCH).is_some_and(|value| value == tag.as_str());
    let mut response = if known {
        Response::new(Body::empty())
    } else {
        Response::new(Body::from(file.data.into_owned()))
    };
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let head = response.headers_mut();
    head.insert(CONTENT_TYPE, HeaderValue::from_static(content_type(name)));
    head.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        head.insert(ETAG, tag);
    }
    protect(head);
    response
}

/// An answer in plain words.
#[must_use]
pub(super) fn plain(status: StatusCode, text: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("{text}\n")));
    *response.status_mut() = status;
    let head = response.headers_mut();
    head.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    protect(head);
    response
}

/// Adds what every answer of the page bears: nothing foreign is loaded, nothing
/// runs that is not a file of ours, nobody frames the page.
pub(super) fn protect(head: &mut HeaderMap) {
    for (name, value) in PROTECTION {
        head.insert(name, HeaderValue::from_static(value));
    }
}

fn content_type(name: &str) -> &'static str {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    TYPES.iter().find(|(known, _)| *known == extension).map_or("application/octet-stream", |t| t.1)
}

const TYPES: [(&str, &str); 5] = [
    ("html", "text/html; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("json", "application/json"),
    ("svg", "image/svg+xml"),
];

const PROTECTION: [(HeaderName, &str); 4] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_allows_no_inline_code_and_nothing_foreign() {
        let page = serve("/", &HeaderMap::new());
        assert_eq!(page.status(), StatusCode::OK);
        let policy = page.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'"));
        assert!(!policy.contains("unsafe") && !policy.contains('*'));
    }

    #[test]
    fn a_file_that_the_browser_has_is_not_sent_again() {
        let first = serve("/app.js", &HeaderMap::new());
        let mut headers = HeaderMap::new();
        headers.insert(IF_NONE_MATCH, first.headers()[ETAG].clone());
        assert_eq!(serve("/app.js", &headers).status(), StatusCode::NOT_MODIFIED);
    }

    #[test]
    fn a_path_does_not_leave_the_folder() {
        for path in ["/../Cargo.toml", "/..%2fCargo.toml", "//etc/passwd", "/jsconfig.json"] {
            let status = serve(path, &HeaderMap::new()).status();
            assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        }
    }

    #[test]
    fn both_languages_have_the_same_texts() {
        let keys = |name: &str| -> Vec<String> {
            let file = Files::get(name).unwrap();
            let texts: serde_json::Map<String, serde_json::Value> =
                serde_json::from_slice(&file.data).unwrap();
            texts.keys().cloned().collect()
        };
        assert_eq!(keys("text/en.json"), keys("text/es.json"));
    }
}
