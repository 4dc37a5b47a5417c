//! Conversations over whole folders, on Dovecot and on our own server.

use std::net::SocketAddr;

use bytes::Bytes;
use capa7_dissect::Room;
use capa7_mail::imap::server::{ImapServer, ImapServerConfig};
use capa7_mail::imap_client::{ImapConnection, ImapSettings};
use capa7_mail::store::{Store, StoreOptions, Sync};
use capa7_mail::users::Users;
use capa7_mail::webmail::{Webmail, WebmailConfig};
use capa7_mail_proto::imap::command::Access;
use capa7_mail_proto::imap::sequence::SequenceSet;
use capa7_mail_proto::imap::session::{CleartextLogin, SessionConfig};
use capa7_mail_proto::sasl::Password;
use capa7_net::{Cause, Host};
use serde_json::{Value, json};

use super::browser::Browser;
use crate::dovecot::Dovecot;

fn on_this_machine<F: Future<Output = ()>>(test: impl FnOnce(Host) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async { test(Host::machine(Room::Mail)).await });
}

#[test]
fn a_conversation_of_dovecot_is_whole_across_pages() {
    on_this_machine(|host| async move {
        let Some(program) = capa7_peers::need("dovecot") else { return };
        let dovecot = Dovecot::start(&host, &program).await;
        conversation_is_whole(&host, dovecot.imap, "carlos").await;
        drop(dovecot);
    });
}

#[test]
fn a_conversation_of_our_server_is_whole_across_pages() {
    on_this_machine(|host| async move {
        let folder = tempfile::TempDir::new().unwrap();
        let options = StoreOptions { sync: Sync::Off, ..StoreOptions::default() };
        let store = Store::open(&host, folder.path(), options).unwrap();
        let carlos = "carlos@urosario.edu.co".parse().unwrap();
        let users = Users::lab(&["urosario.edu.co".to_owned()], &[carlos]).unwrap();
        let mut session = SessionConfig::new("localhost".to_owned());
        session.cleartext_login = CleartextLogin::Allowed;
        let listener = host.listen_tcp(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let config = ImapServerConfig::new(session);
        let server = ImapServer::start(&host, listener, config, users, store);
        conversation_is_whole(&host, server.local_addr(), "carlos@urosario.edu.co").await;
        server.stop().await;
    });
}

/// A message, its answer 59 messages later, and another 59 messages after that.
fn message(number: u32) -> Bytes {
    let before = match number {
        60 => "References: <1@umass.edu>\r\n",
        120 => "In-Reply-To: <60@umass.edu>\r\n",
        121 => "References: <1@umass.edu>\r\n <gone@umass.edu>\r\n",
        _ => "",
    };
    let who = ["ana", "luis", "sara"][usize::try_from(number).unwrap() % 3];
    let text = format!(
        "From: {who}@umass.edu\r\nTo: carlos@urosario.edu.co\r\nSubject: Same subject\r\n\
         Message-ID: <{number}@umass.edu>\r\n{before}\r\nNumber {number}.\r\n"
    );
    text.into()
}

// RFC 5256 §3: parts belong together however far apart they are; the list goes
// by conversations, and follows what others do to the folder.
async fn conversation_is_whole(host: &Host, imap: SocketAddr, user: &str) {
    let settings = ImapSettings::default();
    let mut other = ImapConnection::open(host, imap, &settings, Cause::NONE).await.unwrap();
    let password = Password::new("carlos").unwrap();
    other.log_in(user, &password, Cause::NONE).await.unwrap();
    for number in 1..=120 {
        other.append("INBOX", Vec::new(), message(number), Cause::NONE).await.unwrap();
    }
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let nowhere = crate::dovecot::free_port();
    let config = WebmailConfig::new(any, imap, nowhere, "urosario.edu.co");
    let webmail = Webmail::start(host, config).unwrap();
    let mut browser = Browser::new(host, &webmail);
    assert_eq!(browser.log_in(user, "carlos").await, 200);

    let first = browser.get("/api/messages?folder=INBOX").await;
    assert_eq!((&first["total"], &first["exists"]), (&json!(118), &json!(120)));
    let head = &first["messages"][0];
    assert_eq!((&head["uid"], &head["preview"]), (&json!(120), &json!("Number 120.")));
    let conversation = &head["conversation"];
    assert_eq!(
        (&conversation["uids"], &conversation["count"], &conversation["unseen"]),
        (&json!([120, 60, 1]), &json!(3), &json!(3))
    );
    let who: Vec<_> =
        conversation["people"].as_array().unwrap().iter().map(|one| &one["address"]).collect();
    assert_eq!(who, ["luis@umass.edu", "ana@umass.edu"]);
    assert_eq!(first["messages"][1]["conversation"], Value::Null);
    assert_eq!(first["messages"].as_array().unwrap().len(), 50);

    // Every conversation is on one page, and a page beyond the last is the last.
    let mut seen = uids_of(&first);
    for page in 1..3 {
        seen.extend(uids_of(
            &browser.get(&format!("/api/messages?folder=INBOX&page={page}")).await,
        ));
    }
    seen.sort_unstable();
    let expected: Vec<u64> = (2..=120).filter(|uid| *uid != 60).collect();
    assert_eq!(seen, expected);
    let beyond = browser.get("/api/messages?folder=INBOX&page=9").await;
    assert_eq!((&beyond["page"], uids_of(&beyond).len()), (&json!(2), 18));

    // The others of a conversation, by their numbers.
    let rows = browser.get("/api/rows?folder=INBOX&uids=60,1,4000").await;
    let previews: Vec<_> =
        rows["messages"].as_array().unwrap().iter().map(|row| &row["preview"]).collect();
    assert_eq!(previews, ["Number 1.", "Number 60."]);
    let wrong = browser.ask("GET", "/api/rows?folder=INBOX&uids=1,x", b"").await;
    assert_eq!(wrong.head.status.code(), 400);

    // Another connection takes one away, and an answer arrives.
    other.select("INBOX", Access::ReadWrite, Cause::NONE).await.unwrap();
    let sixtieth = SequenceSet::parse(b"60").unwrap();
    other.remove(sixtieth, Cause::NONE).await.unwrap();
    let list = browser.get("/api/messages?folder=INBOX").await;
    // What joined the first and the last is gone.
    assert_eq!((&list["total"], &list["exists"]), (&json!(119), &json!(119)));
    assert_eq!(list["messages"][0]["conversation"], Value::Null);
    other.append("INBOX", Vec::new(), message(121), Cause::NONE).await.unwrap();
    browser
        .post("/api/flags", json!({ "folder": "INBOX", "uids": [1], "add": ["\\Flagged"] }))
        .await;
    let list = browser.get("/api/messages?folder=INBOX").await;
    let conversation = &list["messages"][0]["conversation"];
    assert_eq!((&conversation["uids"], &conversation["flagged"]), (&json!([121, 1]), &json!(true)));
    webmail.stop().await;
}

fn uids_of(list: &Value) -> Vec<u64> {
    list["messages"].as_array().unwrap().iter().map(|row| row["uid"].as_u64().unwrap()).collect()
}
