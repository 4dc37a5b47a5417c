//! What a browser keeps: the cookie, and the word that changes need.

use capa7_http::client::{Answer, Client, ClientConfig, Server};
use capa7_http_proto::fields::Fields;
use capa7_mail::webmail::Webmail;
use capa7_net::{Cause, Host};
use serde_json::Value;

pub(crate) struct Browser {
    client: Client,
    server: Server,
    cookie: String,
    csrf: String,
}

impl Browser {
    pub(crate) fn new(host: &Host, webmail: &Webmail) -> Self {
        let client = Client::new(host, ClientConfig::default());
        let server = Server { address: webmail.address(), name: webmail.address().to_string() };
        Self { client, server, cookie: String::new(), csrf: String::new() }
    }

    pub(crate) async fn log_in(&mut self, user: &str, password: &str) -> u16 {
        let body = serde_json::json!({ "user": user, "password": password });
        let answer = self.ask("POST", "/api/session", body.to_string().as_bytes()).await;
        let set = answer.head.fields.text("set-cookie").unwrap_or_default().to_owned();
        self.cookie = set.split(';').next().unwrap_or_default().to_owned();
        let said: Value = serde_json::from_slice(&answer.body).unwrap();
        self.csrf = said["csrf"].as_str().unwrap_or_default().to_owned();
        let code = answer.head.status.code();
        assert!(matches!(code, 200 | 401), "{said}");
        code
    }

    pub(crate) async fn ask(&self, method: &str, target: &str, body: &[u8]) -> Answer {
        let fields = Fields::new()
            .with("Cookie", &self.cookie)
            .with("X-CSRF", &self.csrf)
            .with("Origin", format!("http://{}", self.server.name))
            .with("Content-Type", "application/json");
        let sent = self.client.send(&self.server, method, target, &fields, body, Cause::NONE);
        sent.await.unwrap()
    }

    pub(crate) async fn get(&self, target: &str) -> Value {
        let answer = self.ask("GET", target, b"").await;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(answer.head.status.code(), 200, "{target}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    pub(crate) async fn post(&self, target: &str, body: Value) -> Value {
        let answer = self.ask("POST", target, body.to_string().as_bytes()).await;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(answer.head.status.code(), 200, "{target}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    pub(crate) fn forget_csrf(&mut self) {
        self.csrf = "guessed".to_owned();
    }
}
