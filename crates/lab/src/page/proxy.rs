//! `http://www.ibm.com.localhost:7777` in the normal browser: any web site of
//! the lab, each on an origin of its own.
//!
//! The request goes on to port 80 of the host, from a host of the lab, so that
//! it is seen, slowed and lost like any other.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONNECTION, HOST, ORIGIN, TRANSFER_ENCODING, UPGRADE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use capa7_net::{Cause, Host, Task};
use hyper_util::rt::TokioIo;

use super::files::plain;

/// Sends a request on to a web server of the lab, as `visitor`.
pub(super) async fn forward(
    visitor: &Host,
    site: &str,
    address: IpAddr,
    mut request: Request<Body>,
) -> Response<Body> {
    let to = SocketAddr::new(address, HTTP_PORT);
    let Ok(name) = HeaderValue::from_str(site) else {
        return plain(StatusCode::BAD_REQUEST, "this is no name of a host");
    };
    name_site(request.headers_mut(), &name);
    drop_hop_by_hop(request.headers_mut());
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let Ok(path) = path.parse() else {
        return plain(StatusCode::BAD_REQUEST, "this path cannot be sent on");
    };
    *request.uri_mut() = path;
    match visitor.timeout(PATIENCE, exchange(visitor, to, request)).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => plain(StatusCode::BAD_GATEWAY, &unreachable(site, to, &error)),
        Err(_) => plain(
            StatusCode::GATEWAY_TIMEOUT,
            &format!("{site} ({to}) does not answer: look on the map whether it is cut or slow"),
        ),
    }
}

/// The site hears its own name where the browser said `NAME.localhost`: also in
/// `Origin` (RFC 6454 §7), if that is the page's own. A foreign one stays, so
/// that the site can refuse it.
fn name_site(headers: &mut HeaderMap, site: &HeaderValue) {
    let own = headers.insert(HOST, site.clone());
    let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
    let authority = origin.and_then(|origin| origin.strip_prefix("http://"));
    let is_own = own.is_some_and(|own| {
        authority.is_some_and(|text| text.as_bytes().eq_ignore_ascii_case(own.as_bytes()))
    });
    let named = HeaderValue::from_bytes(&[b"http://", site.as_bytes()].concat());
    if let (true, Ok(named)) = (is_own, named) {
        headers.insert(ORIGIN, named);
    }
}

fn unreachable(site: &str, to: SocketAddr, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            format!("{site} ({to}) refuses: no web server runs on this host of the lab")
        }
        _ => format!("{site} ({to}): {error}"),
    }
}

async fn exchange(
    visitor: &Host,
    to: SocketAddr,
    request: Request<Body>,
) -> io::Result<Response<Body>> {
    let stream = visitor.connect_tcp(to, Cause::NONE).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(other)?;
    let task = visitor.spawn("page proxy", async move {
        // The reader of the body sees the same error.
        let _ = connection.await;
    });
    let response = sender.send_request(request).await.map_err(other)?;
    let (mut head, body) = response.into_parts();
    drop_hop_by_hop(&mut head.headers);
    Ok(Response::from_parts(head, Body::new(Owned { body, _connection: task })))
}

fn other(error: hyper::Error) -> io::Error {
    io::Error::other(error)
}

/// RFC 9110 §7.6.1: what concerns one connection only is not sent on.
fn drop_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    let fixed = [CONNECTION, TRANSFER_ENCODING, UPGRADE, KEEP_ALIVE, PROXY_CONNECTION];
    for name in named.into_iter().chain(fixed) {
        headers.remove(name);
    }
}

/// A body that keeps its connection's task as long as it is read.
struct Owned {
    body: hyper::body::Incoming,
    _connection: Task<()>,
}

impl hyper::body::Body for Owned {
    type Data = bytes::Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Self::Data>, Self::Error>>> {
        std::pin::Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.body.size_hint()
    }
}

const HTTP_PORT: u16 = 80;
/// A browser would wait longer; a person looks at the map sooner.
const PATIENCE: Duration = Duration::from_secs(15);
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_hears_its_own_name_and_foreign_origins_as_they_are() {
        // RFC 6454 §7.3.
        let origin_for = |origin: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static("www.ibm.com.localhost:7777"));
            headers.insert(ORIGIN, HeaderValue::from_static(origin));
            name_site(&mut headers, &HeaderValue::from_static("www.ibm.com"));
            assert_eq!(headers[HOST], "www.ibm.com");
            headers[ORIGIN].clone()
        };
        assert_eq!(origin_for("http://www.ibm.com.localhost:7777"), "http://www.ibm.com");
        assert_eq!(origin_for("http://evil.localhost:7777"), "http://evil.localhost:7777");
        assert_eq!(origin_for("null"), "null");
    }

    #[test]
    fn headers_of_one_connection_are_not_sent_on() {
        let mut headers = HeaderMap::new();
        for (name, value) in [("connection", "close, x-mine"), ("x-mine", "1"), ("accept", "*/*")] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        drop_hop_by_hop(&mut headers);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["accept"]);
    }
}
