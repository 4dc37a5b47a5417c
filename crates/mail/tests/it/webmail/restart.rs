//! A mail server that is started again behind the gateway.

use std::net::SocketAddr;
use std::path::Path;

use capa7_dissect::Room;
use capa7_mail::imap::server::{ImapServer, ImapServerConfig};
use capa7_mail::store::{Store, StoreOptions, Sync};
use capa7_mail::users::Users;
use capa7_mail::webmail::{Webmail, WebmailConfig};
use capa7_mail_proto::imap::session::{CleartextLogin, SessionConfig};
use capa7_net::Host;
use serde_json::json;

use super::browser::Browser;

// Goal: who reads his mail does not notice that the server was started again,
// though the gateway used its connections a moment before.
#[test]
fn connections_that_the_server_ended_are_made_again_unnoticed() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let host = Host::machine(Room::Mail);
        let folder = tempfile::TempDir::new().unwrap();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        // A port that no connection takes while the server is away.
        let imap = crate::dovecot::free_port();
        let server = serve(&host, imap, folder.path());
        let nowhere = crate::dovecot::free_port();
        let config = WebmailConfig::new(any, imap, nowhere, "urosario.edu.co");
        let webmail = Webmail::start(&host, config).unwrap();
        let mut browser = Browser::new(&host, &webmail);
        assert_eq!(browser.log_in("carlos@urosario.edu.co", "carlos").await, 200);
        browser.get("/api/messages?folder=INBOX").await;
        server.stop().await;

        let server = serve(&host, imap, folder.path());
        let list = browser.ask("GET", "/api/messages?folder=INBOX", b"").await;
        assert_eq!(list.head.status.code(), 200);
        let folders = browser.get("/api/folders").await;
        assert_ne!(folders["folders"], json!([]));
        webmail.stop().await;
        server.stop().await;
    });
}

fn serve(host: &Host, at: SocketAddr, folder: &Path) -> ImapServer {
    let options = StoreOptions { sync: Sync::Off, ..StoreOptions::default() };
    let store = Store::open(host, folder, options).unwrap();
    let carlos = "carlos@urosario.edu.co".parse().unwrap();
    let users = Users::lab(&["urosario.edu.co".to_owned()], &[carlos]).unwrap();
    let mut session = SessionConfig::new("localhost".to_owned());
    session.cleartext_login = CleartextLogin::Allowed;
    let listener = host.listen_tcp(at).unwrap();
    ImapServer::start(host, listener, ImapServerConfig::new(session), users, store)
}
