//! Who may ask the page's server, and for which site.
//!
//! The server listens on the loopback interface, but every page that the
//! person's browser shows can send requests there too. Two rules keep such
//! pages out: the `Host` must be one of ours (a foreign name that was rebound
//! to 127.0.0.1 is refused), and what changes something must come from the page
//! itself (`Origin`) as JSON, which no form of another site can send.

use axum::http::header::{CONTENT_TYPE, HOST, ORIGIN};
use axum::http::{HeaderMap, Method, Request, StatusCode};

/// Which site a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Site {
    /// The page.
    Page,
    /// A web site of a host of the lab: `www.ibm.com.localhost`.
    Host(String),
}

/// Why a request is turned down.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// Not a name of ours.
    #[error(
        "this server answers only to localhost, 127.0.0.1, [::1] and NAME.localhost, not to `{0}`"
    )]
    ForeignHost(String),
    /// Another site's page wants to change something here.
    #[error("a page of another site may not change the lab")]
    ForeignOrigin,
    /// Changes are told as JSON.
    #[error("send a change with content-type: application/json")]
    NotJson,
}

impl Refusal {
    /// The status of the answer (RFC 9110 §15.5).
    #[must_use]
    pub(super) const fn status(&self) -> StatusCode {
        match self {
            // RFC 9110 §15.5.20: the request was sent to the wrong server.
            Self::ForeignHost(_) => StatusCode::MISDIRECTED_REQUEST,
            Self::ForeignOrigin => StatusCode::FORBIDDEN,
            Self::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        }
    }
}

/// The site that a request is for.
///
/// # Errors
/// When its `Host` is not one of ours.
pub(super) fn site<B>(request: &Request<B>) -> Result<Site, Refusal> {
    let from_uri = request.uri().authority().map(ToString::to_string);
    let from_header = text(request.headers(), &HOST).map(str::to_owned);
    let host = from_header.or(from_uri).unwrap_or_default();
    let foreign = || Refusal::ForeignHost(host.chars().take(HOST_SHOWN_MAX).collect());
    let name = without_port(&host).ok_or_else(foreign)?;
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    if PAGE_NAMES.contains(&name.as_str()) {
        return Ok(Site::Page);
    }
    match name.strip_suffix(".localhost") {
        Some(inner) if is_host_name(inner) => Ok(Site::Host(inner.to_owned())),
        _ => Err(foreign()),
    }
}

/// Whether a request to the page may do what it asks.
///
/// # Errors
/// When it would change something and does not come from the page.
pub(super) fn may_change<B>(request: &Request<B>) -> Result<(), Refusal> {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok(());
    }
    let headers = request.headers();
    // A program such as curl sends no origin; a browser always does here.
    if let Some(origin) = text(headers, &ORIGIN) {
        let host = text(headers, &HOST).unwrap_or_default();
        if origin.strip_prefix("http://") != Some(host) {
            return Err(Refusal::ForeignOrigin);
        }
    }
    let kind = text(headers, &CONTENT_TYPE).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") { Ok(()) } else { Err(Refusal::NotJson) }
}

fn text<'a>(headers: &'a HeaderMap, name: &axum::http::HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The host of `host:port`, none when the port is no number.
fn without_port(host: &str) -> Option<&str> {
    if host.starts_with('[') {
        let end = host.find(']')?;
        let (name, rest) = host.split_at_checked(end + 1)?;
        return is_port(rest).then_some(name);
    }
    match host.rsplit_once(':') {
        Some((name, port)) => port.parse::<u16>().is_ok().then_some(name),
        None => Some(host),
    }
}

fn is_port(rest: &str) -> bool {
    rest.is_empty() || rest.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
}

fn is_host_name(name: &str) -> bool {
    let ok = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'@');
    !name.is_empty() && name.len() <= NAME_MAX && name.bytes().all(ok)
}

/// The page's own names.
const PAGE_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];
/// A domain name in text (RFC 1035 §2.3.4, without the final dot).
const NAME_MAX: usize = 253;
/// Letters of a refused name that are told back.
const HOST_SHOWN_MAX: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, headers: &[(&str, &str)]) -> Request<()> {
        let mut builder = Request::builder().method(method).uri("/api/do");
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        builder.body(()).unwrap()
    }

    #[test]
    fn only_names_of_this_machine_reach_the_page() {
        let check = |host: &str, expect: Option<Site>| {
            assert_eq!(site(&request("GET", &[("host", host)])).ok(), expect, "{host}");
        };
        check("localhost:7777", Some(Site::Page));
        check("127.0.0.1:7777", Some(Site::Page));
        check("[::1]:7777", Some(Site::Page));
        check("LOCALHOST.", Some(Site::Page));
        check("www.ibm.com.localhost:7777", Some(Site::Host("www.ibm.com".to_owned())));
        check("evil.example:7777", None);
        check("localhost.evil.example", None);
        check("127.0.0.1.evil.example:7777", None);
        check("[::1]evil:7777", None);
        check("localhost:port", None);
        check(".localhost", None);
        check("a/b.localhost", None);
        check("", None);
    }

    #[test]
    fn a_page_of_another_site_cannot_change_anything() {
        let json = ("content-type", "application/json; charset=utf-8");
        let host = ("host", "localhost:7777");
        let check = |headers: &[(&str, &str)], expect: Result<(), Refusal>| {
            assert_eq!(may_change(&request("POST", headers)), expect, "{headers:?}");
        };
        check(&[host, json], Ok(()));
        check(&[host, json, ("origin", "http://localhost:7777")], Ok(()));
        check(&[host, json, ("origin", "http://evil.example")], Err(Refusal::ForeignOrigin));
        check(
            &[host, json, ("origin", "http://www.ibm.com.localhost:7777")],
            Err(Refusal::ForeignOrigin),
        );
        check(&[host, json, ("origin", "null")], Err(Refusal::ForeignOrigin));
        check(&[host, ("content-type", "text/plain")], Err(Refusal::NotJson));
        check(&[host], Err(Refusal::NotJson));
        assert_eq!(may_change(&request("GET", &[host])), Ok(()));
    }
}
