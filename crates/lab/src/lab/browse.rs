//! A person's browser on a webmail site (course M11): the requests that the
//! site's own page makes. It keeps no message; they stay on the server (course
//! M2), and it pulls each object by a request of its own (course M8).

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;

use bytes::Bytes;
use capa7_dissect::Cause;
use capa7_http::client::{Answer, Client, ClientConfig, Server};
use capa7_http_proto::fields::Fields;
use capa7_http_proto::target::percent_encode;
use capa7_mail_proto::address::Address;
use serde_json::{Value, json};

use super::action::called;
use super::webmail::HTTP_PORT;
use super::{Lab, LabError, Outcome};
use crate::scenario::{Browse, BrowserMessage};
use crate::text::Bilingual;

impl Lab {
    /// Opens the site, or reads and sends on it.
    pub(super) async fn browse(&self, browse: &Browse) -> Result<(Cause, Outcome), LabError> {
        let (described, host) = self.host(browse.from.get_ref())?;
        let (address, _) = self.mailbox_of(browse.from.get_ref())?;
        let (site, _) = self.host(browse.site.get_ref())?;
        let message = match &browse.send {
            Some(message) => Some(letter(message, &self.recipients(&message.to)?)),
            None => None,
        };
        let event = self.note_action(&host, told(called(described), &site.public_name, browse));
        let found = self.address_of(described, &host, &site.public_name, event).await?;
        let (at, cause) = match found {
            Ok(found) => found,
            Err(problem) => return Ok((event, Outcome::failed(problem))),
        };
        let mut browser = Browser {
            client: Client::new(&host, ClientConfig::default()),
            server: Server {
                address: SocketAddr::new(at, HTTP_PORT),
                name: site.public_name.clone(),
            },
            cause,
            cookie: None,
            csrf: None,
        };
        let folder = browse.read.as_ref().map(|folder| folder.get_ref().as_str());
        let done = if folder.is_none() && message.is_none() {
            browser.open().await
        } else {
            browser.work(&address, folder, message.as_ref()).await
        };
        let outcome = match done {
            Ok(lines) => Outcome::Lines { lines },
            Err(problem) => Outcome::failed(problem),
        };
        Ok((event, outcome))
    }
}

fn told(who: &str, site: &str, browse: &Browse) -> Bilingual {
    match (&browse.read, &browse.send) {
        (_, Some(message)) => Bilingual::new(
            format!("{who} writes on {site}: {}", message.subject),
            format!("{who} escribe en {site}: {}", message.subject),
        ),
        (Some(folder), None) => Bilingual::new(
            format!("{who} reads {} on {site}", folder.get_ref()),
            format!("{who} lee {} en {site}", folder.get_ref()),
        ),
        (None, None) => Bilingual::new(format!("{who} opens {site}"), format!("{who} abre {site}")),
    }
}

/// The message as the page hands it to its site.
fn letter(message: &BrowserMessage, to: &[Address]) -> Value {
    let to: Vec<Value> = to.iter().map(|to| json!({ "address": to.to_string() })).collect();
    json!({ "to": to, "subject": message.subject, "text": message.text })
}

/// One visit.
struct Browser {
    client: Client,
    server: Server,
    /// What the next request is because of: the answer before it.
    cause: Cause,
    cookie: Option<String>,
    csrf: Option<String>,
}

impl Browser {
    /// The page and all its objects, each asked for once; their addresses.
    async fn open(&mut self) -> Result<Vec<String>, String> {
        let mut known = BTreeSet::from(["/".to_owned()]);
        let mut wanted = VecDeque::from(["/".to_owned()]);
        let mut lines = Vec::new();
        while let Some(path) = wanted.pop_front() {
            let answer = self.ask("GET", &path, None).await?;
            let media_type = answer.head.fields.text("content-type").unwrap_or_default();
            for object in objects(media_type, &path, &String::from_utf8_lossy(&answer.body)) {
                if known.len() < OBJECTS_MAX && known.insert(object.clone()) {
                    wanted.push_back(object);
                }
            }
            lines.push(path);
        }
        Ok(lines)
    }

    /// Logs in, reads a folder, sends a message, logs out. The page itself is
    /// in the browser already.
    async fn work(
        &mut self,
        address: &Address,
        folder: Option<&str>,
        message: Option<&Value>,
    ) -> Result<Vec<String>, String> {
        let who = json!({ "user": address.to_string(), "password": address.local() });
        let answer = self.ask("POST", "/api/session", Some(&who)).await?;
        let cookie = answer.head.fields.text("set-cookie").unwrap_or_default();
        self.cookie = cookie.split(';').next().map(str::to_owned);
        self.csrf = text_of(&document(&answer.body)?, "csrf");
        let mut lines = Vec::new();
        if let Some(folder) = folder {
            lines.extend(self.read(folder).await?);
        }
        if let Some(message) = message {
            let answer = self.ask("POST", "/api/send", Some(message)).await?;
            let said = document(&answer.body)?;
            let refused = said.get("refused").and_then(Value::as_array);
            if let Some(first) = refused.and_then(|all| all.first()).and_then(Value::as_str) {
                return Err(first.to_owned());
            }
            lines.extend(text_of(message, "subject"));
        }
        self.ask("DELETE", "/api/session", None).await?;
        Ok(lines)
    }

    /// The subject of each message of a folder and the lines of its text, the
    /// newest message first.
    async fn read(&mut self, folder: &str) -> Result<Vec<String>, String> {
        let folder = percent_encode(folder.as_bytes());
        let answer = self.ask("GET", &format!("/api/messages?folder={folder}"), None).await?;
        let list = document(&answer.body)?;
        let rows = list.get("messages").and_then(Value::as_array).cloned().unwrap_or_default();
        let mut lines = Vec::new();
        for uid in rows.iter().filter_map(|row| row.get("uid")?.as_u64()) {
            let target = format!("/api/message?folder={folder}&uid={uid}");
            let answer = self.ask("GET", &target, None).await?;
            let message = document(&answer.body)?;
            lines.extend(text_of(&message, "subject"));
            let text = text_of(&message, "text").unwrap_or_default();
            lines.extend(text.lines().filter(|line| !line.is_empty()).map(str::to_owned));
        }
        Ok(lines)
    }

    async fn ask(
        &mut self,
        method: &str,
        target: &str,
        body: Option<&Value>,
    ) -> Result<Answer, String> {
        let mut fields = Fields::new();
        if let Some(cookie) = &self.cookie {
            fields = fields.with("Cookie", cookie);
        }
        if method != "GET" {
            fields = fields.with("Origin", format!("http://{}", self.server.name));
            if let Some(csrf) = &self.csrf {
                fields = fields.with("X-CSRF", csrf);
            }
        }
        let mut content = String::new();
        if let Some(body) = body {
            fields = fields.with("Content-Type", "application/json");
            content = body.to_string();
        }
        let sent = self
            .client
            .send(&self.server, method, target, &fields, content.as_bytes(), self.cause)
            .await;
        let answer = sent.map_err(|error| format!("{}: {error}", self.server.name))?;
        self.cause = answer.cause;
        let status = answer.head.status;
        if (200..300).contains(&status.code()) {
            return Ok(answer);
        }
        let said = document(&answer.body).ok().and_then(|said| text_of(&said, "detail"));
        Err(format!("{method} {target}: {status} {}", said.unwrap_or_default()))
    }
}

fn document(body: &Bytes) -> Result<Value, String> {
    serde_json::from_slice(body).map_err(|error| format!("the site's answer is no JSON: {error}"))
}

fn text_of(document: &Value, name: &str) -> Option<String> {
    document.get(name)?.as_str().map(str::to_owned)
}

/// The objects of the site that a document names: in HTML those of `link` and
/// `script`, in a script the modules that it imports.
fn objects(media_type: &str, path: &str, text: &str) -> Vec<String> {
    let marks: &[&str] = match media_type.split(';').next() {
        Some("text/html") => &["href=\"", "src=\""],
        Some("text/javascript") => &["\nimport \"", " from \""],
        _ => &[],
    };
    let named = marks.iter().flat_map(|mark| {
        let rest = text.split(mark).skip(1);
        rest.filter_map(|rest| resolved(path, rest.split('"').next()?))
    });
    named.collect()
}

/// A reference of a document as a path of its site (RFC 3986 §5.2).
fn resolved(base: &str, reference: &str) -> Option<String> {
    if reference.starts_with('/') {
        return (!reference.starts_with("//")).then(|| reference.to_owned());
    }
    let mut segments: Vec<&str> = base.split('/').skip(1).collect();
    segments.pop();
    if !reference.starts_with('.') {
        return None;
    }
    for segment in reference.split('/') {
        match segment {
            "." => {}
            ".." => drop(segments.pop()),
            name => segments.push(name),
        }
    }
    Some(format!("/{}", segments.join("/")))
}

/// Objects of one page.
const OBJECTS_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use super::{objects, resolved};

    #[test]
    fn a_page_names_its_objects() {
        let page = r#"<link href="/a.css"><script src="/app.js"></script><a href="//other/">"#;
        assert_eq!(objects("text/html; charset=utf-8", "/", page), ["/a.css", "/app.js"]);
        let script = "import { h } from \"../base/dom.js\";\nimport \"./x.js\";\n";
        assert_eq!(objects("text/javascript", "/m/app.js", script), ["/m/x.js", "/base/dom.js"]);
        assert!(objects("text/css", "/a.css", "from \"./x.js\"").is_empty());
    }

    #[test]
    fn a_reference_is_a_path_of_its_site() {
        // RFC 3986 §5.2.4: above the root there is nothing.
        assert_eq!(resolved("/app.js", "../base/dom.js").as_deref(), Some("/base/dom.js"));
        assert_eq!(resolved("/", "https://other/"), None);
    }
}
