//! From requests to what answers them.

use std::str::FromStr;
use std::sync::Arc;

use capa7_http::message::{Request, Response};
use capa7_http_proto::cookie::{Reach, SetCookie, cookie};
use capa7_http_proto::status::Status;
use capa7_http_proto::target::parse_form;
use capa7_net::Cause;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::problem::Problem;
use super::session::{Lease, Repeatable, Session};
use super::{Gateway, change, compose, events, files, folders, html, list, read};
use crate::imap_client::ImapError;

/// A request of somebody who is logged in.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) session: Arc<Session>,
    pub(crate) request: Request,
    query: Vec<(String, String)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LogIn {
    user: String,
    password: String,
}

/// Answers a request.
pub(crate) async fn answer(gateway: Arc<Gateway>, request: Request) -> Response {
    let path = request.head.path().to_owned();
    let within_tls = gateway.config.tls.is_some();
    let api = path.strip_prefix("/api/").map(str::to_owned);
    let answered = match api {
        Some(name) => call(gateway, request, &name).await,
        None if path == html::LEFT_IMAGE => {
            Ok(Response::content(Status::OK, "image/svg+xml", NO_IMAGE.as_bytes().to_vec())
                .with("Cache-Control", "max-age=86400")
                // The frame that shows it has no origin.
                .with("Cross-Origin-Resource-Policy", "cross-origin"))
        }
        None if path.starts_with("/cid/") => image(gateway, request, &path).await,
        None if request.head.method == "GET" || request.head.method == "HEAD" => {
            Ok(files::serve(&path, &request))
        }
        None => Ok(Response::text(Status::METHOD_NOT_ALLOWED, "GET only").with("Allow", "GET")),
    };
    let response = files::protect(answered.unwrap_or_else(|problem| {
        tracing::debug!(%problem, "a request was not answered as asked");
        problem.response()
    }));
    // RFC 6797 §7.1, §7.2: said within TLS only.
    if within_tls { response.with("Strict-Transport-Security", STRICT) } else { response }
}

async fn call(gateway: Arc<Gateway>, request: Request, name: &str) -> Result<Response, Problem> {
    let method = request.head.method.clone();
    let changes = !matches!(method.as_str(), "GET" | "HEAD");
    if changes && !is_of_this_site(&request) {
        return Err(Problem::Forged);
    }
    if (method.as_str(), name) == ("POST", "session") {
        return log_in(&gateway, &request).await;
    }
    let token = cookie(&request.head.fields, COOKIE).unwrap_or_default().to_owned();
    let nobody = gateway.sessions.find(&token, gateway.host.now()).is_none();
    if nobody && (method.as_str(), name) == ("GET", "session") {
        // To ask whether somebody is logged in is no mistake.
        return Ok(json(&Value::Null, request.cause));
    }
    let found = gateway.sessions.find(&token, gateway.host.now());
    let session = found.ok_or(Problem::LogIn)?;
    if changes && request.head.fields.text("x-csrf") != Some(session.csrf.as_str()) {
        return Err(Problem::Forged);
    }
    let query = parse_form(request.head.query());
    let query = query.ok_or_else(|| Problem::Malformed("the query".to_owned()))?;
    let ask = Ask { gateway, session, request, query };
    if (method.as_str(), name) == ("DELETE", "session") {
        ask.gateway.sessions.end(&token);
        return Ok(Response::new(Status::NO_CONTENT).with("Set-Cookie", expired().to_string()));
    }
    ask.answer(name).await
}

/// RFC 6454 §7.3: a browser says from whose page a change comes.
fn is_of_this_site(request: &Request) -> bool {
    let fields = &request.head.fields;
    let host = fields.text("host").unwrap_or_default();
    let origin = fields.text("origin").is_none_or(|origin| {
        origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host))
    });
    let json = fields.text("content-type").is_some_and(|kind| kind.starts_with("application/json"));
    origin && (json || request.body.is_empty())
}

async fn log_in(gateway: &Arc<Gateway>, request: &Request) -> Result<Response, Problem> {
    let LogIn { user, password } = parse(&request.body)?;
    let (client, cause) = (request.peer.ip(), request.cause);
    let sessions = &gateway.sessions;
    let (token, session, cause) =
        sessions.log_in(gateway, user.trim(), &password, client, cause).await?;
    let reach = if gateway.config.tls.is_some() { Reach::Secure } else { Reach::Any };
    let max_age = Some(gateway.config.limits.session_age);
    let set = SetCookie { name: COOKIE.to_owned(), value: token, max_age, reach };
    Ok(json(&who(&session), cause).with("Set-Cookie", set.to_string()))
}

fn who(session: &Session) -> Value {
    json!({ "user": session.user, "address": session.address, "csrf": session.csrf })
}

fn expired() -> SetCookie {
    let max_age = Some(std::time::Duration::ZERO);
    SetCookie { name: COOKIE.to_owned(), value: String::new(), max_age, reach: Reach::Any }
}

/// An image of a message, for its own frame: the key stands for the session.
async fn image(gateway: Arc<Gateway>, request: Request, path: &str) -> Result<Response, Problem> {
    let key = path.strip_prefix("/cid/").unwrap_or_default();
    let now = gateway.host.now();
    let session = gateway.sessions.find_by_image_key(key, now).ok_or(Problem::Missing)?;
    let query = parse_form(request.head.query()).ok_or(Problem::Missing)?;
    read::image(&Ask { gateway, session, request, query }).await
}

impl Ask {
    /// The answer; what changes nothing is asked again over another connection where the
    /// first one was deaf.
    async fn answer(&self, name: &str) -> Result<Response, Problem> {
        let begun = self.gateway.host.now();
        match self.answer_once(name).await {
            Err(Problem::Imap(ImapError::Deaf)) if self.repeatable() == Repeatable::Yes => {
                self.session.forget_those_before(begun);
                self.answer_once(name).await
            }
            answered => answered,
        }
    }

    async fn answer_once(&self, name: &str) -> Result<Response, Problem> {
        match (self.request.head.method.as_str(), name) {
            ("GET", "session") => Ok(json(&who(&self.session), self.request.cause)),
            ("GET", "folders") => folders::all(self).await,
            ("POST", "folders") => folders::create(self).await,
            ("POST", "folders/rename") => folders::rename(self).await,
            ("POST", "folders/delete") => folders::delete(self).await,
            ("POST", "folders/empty") => change::empty(self).await,
            ("GET", "messages") => list::page(self).await,
            ("GET", "rows") => list::some(self).await,
            ("GET", "message") => read::message(self).await,
            ("GET", "html") => read::html(self).await,
            ("GET", "part") => read::part(self).await,
            ("GET", "source") => read::source(self).await,
            ("POST", "flags") => change::flags(self).await,
            ("POST", "move") => change::move_to(self).await,
            ("POST", "delete") => change::delete(self).await,
            ("POST", "drafts") => compose::save(self).await,
            ("POST", "send") => compose::send(self).await,
            ("GET", "events") => events::stream(self),
            _ => Err(Problem::Missing),
        }
    }

    fn repeatable(&self) -> Repeatable {
        let changes = !matches!(self.request.head.method.as_str(), "GET" | "HEAD");
        if changes { Repeatable::No } else { Repeatable::Yes }
    }

    /// A connection to the mailbox.
    pub(crate) async fn imap(&self, folder: &str, cause: Cause) -> Result<Lease, Problem> {
        self.session.imap(&self.gateway, folder, self.repeatable(), cause).await
    }

    /// A value of the query.
    pub(crate) fn given(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A value that must be there.
    pub(crate) fn needed(&self, name: &str) -> Result<&str, Problem> {
        self.given(name).ok_or_else(|| Problem::Malformed(format!("`{name}` is missing")))
    }

    /// A number of the query.
    pub(crate) fn number<T: FromStr>(&self, name: &str) -> Result<T, Problem> {
        let wrong = || Problem::Malformed(format!("`{name}` is no number"));
        self.needed(name)?.parse().map_err(|_| wrong())
    }

    /// The body as JSON.
    pub(crate) fn body<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        parse(&self.request.body)
    }

    pub(crate) const fn cause(&self) -> Cause {
        self.request.cause
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| Problem::Malformed(error.to_string()))
}

/// A JSON document, sent because of the last answer from beneath.
pub(crate) fn json(value: &Value, cause: Cause) -> Response {
    Response::content(Status::OK, "application/json", value.to_string())
        .with("Cache-Control", "no-store")
        .because(cause)
}

/// A browser that has been here by https comes by https only, for a year.
const STRICT: &str = "max-age=31536000";
/// In place of an image that is not loaded.
const NO_IMAGE: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1\" height=\"1\"/>";
/// The session's cookie.
const COOKIE: &str = "capa7_session";
