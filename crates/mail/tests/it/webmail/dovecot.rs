//! Webmail over Dovecot.

use std::net::SocketAddr;

use capa7_dissect::Room;
use capa7_mail::imap_client::{ImapConnection, ImapSettings};
use capa7_mail::webmail::{Webmail, WebmailConfig};
use capa7_mail_proto::sasl::Password;
use capa7_net::{Cause, Host};
use serde_json::{Value, json};

use super::browser::Browser;
use crate::dovecot::Dovecot;

const MESSAGES: [&str; 3] = [
    "From: =?utf-8?q?Andrea_Mu=C3=B1oz?= <andrea@umass.edu>\r\nTo: carlos@urosario.edu.co\r\n\
     Subject: =?utf-8?b?wqFIb2xhIQ==?=\r\nMessage-ID: <1@umass.edu>\r\n\
     Date: Mon, 01 Feb 2027 10:00:00 +0000\r\nContent-Type: text/plain; Format=Flowed\r\n\r\n\
     Hola \r\nCarlos.\r\n\r\nUn saludo.\r\n",
    "From: shop@example.org\r\nTo: carlos@urosario.edu.co\r\nSubject: Offer\r\nMIME-Version: \
        1.0\r\n\
     Content-Type: multipart/related; boundary=x\r\n\r\n--x\r\nContent-Type: text/html; \
     charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<p onclick=3D\"x()\">\
     ma=F1ana <img src=3D\"https://t.example/1.gif\"><img src=3D\"cid:logo\"></p><script>alert(1)\
     </script>\r\n--x\r\nContent-Type: image/png\r\nContent-ID: <logo>\r\n\
     Content-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n--x--\r\n",
    "From: andrea@umass.edu\r\nTo: carlos@urosario.edu.co\r\nSubject: File\r\nMIME-Version: 1.0\r\n\
     Content-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\nContent-Type: text/plain\r\n\r\nSee \
         it.\
     \r\n--y\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\
     Content-Disposition: attachment; filename*=UTF-8''informe%20a%C3%B1o.pdf\r\n\r\nUERG\r\n\
     --y--\r\n",
];

async fn with_dovecot<F>(test: impl FnOnce(Host, Webmail) -> F)
where
    F: Future<Output = ()>,
{
    let Some(program) = capa7_peers::need("dovecot") else { return };
    let host = Host::machine(Room::Mail);
    let dovecot = Dovecot::start(&host, &program).await;
    let mut imap = carlos(&host, &dovecot).await;
    for message in MESSAGES {
        let message = bytes::Bytes::from_static(message.as_bytes());
        imap.append("INBOX", Vec::new(), message, Cause::NONE).await.unwrap();
    }
    imap.log_out(Cause::NONE).await;
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let nowhere = crate::dovecot::free_port();
    let config = WebmailConfig::new(any, dovecot.imap, nowhere, "urosario.edu.co");
    let webmail = Webmail::start(&host, config).unwrap();
    test(host, webmail).await;
    drop(dovecot);
}

async fn carlos(host: &Host, dovecot: &Dovecot) -> ImapConnection {
    let settings = ImapSettings::default();
    let opened = ImapConnection::open(host, dovecot.imap, &settings, Cause::NONE).await;
    let mut imap = opened.unwrap_or_else(|error| panic!("{error}: {}", dovecot.log()));
    let password = Password::new("carlos").unwrap();
    // Dovecot offers SCRAM-SHA-256: the password does not travel.
    let logged_in = imap.log_in("carlos", &password, Cause::NONE).await;
    logged_in.unwrap_or_else(|error| panic!("{error}: {}", dovecot.log()));
    imap
}

// Dovecot ends the connection over a file that it cannot open, and says so.
#[test]
fn files_that_dovecot_cannot_open_cost_the_others_nothing() {
    run(async {
        let Some(program) = capa7_peers::need("dovecot") else { return };
        let host = Host::machine(Room::Mail);
        let dovecot = Dovecot::start(&host, &program).await;
        let mut imap = carlos(&host, &dovecot).await;
        for number in 1..=12 {
            let locked = if [3, 4, 9].contains(&number) { "locked" } else { "open" };
            let text =
                format!("From: ana@x.example\r\nSubject: Topic {number}\r\n\r\n{locked}\r\n");
            imap.append("INBOX", Vec::new(), text.into(), Cause::NONE).await.unwrap();
        }
        imap.log_out(Cause::NONE).await;
        assert_eq!(dovecot.lock("locked"), 3);
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let nowhere = crate::dovecot::free_port();
        let config = WebmailConfig::new(any, dovecot.imap, nowhere, "urosario.edu.co");
        let webmail = Webmail::start(&host, config).unwrap();
        let mut browser = Browser::new(&host, &webmail);
        assert_eq!(browser.log_in("carlos", "carlos").await, 200);
        for _ in 0..2 {
            let list = browser.get("/api/messages?folder=INBOX").await;
            let rows = list["messages"].as_array().unwrap();
            assert_eq!(rows.len(), 12, "{}", dovecot.log());
            for row in rows {
                let uid = row["uid"].as_u64().unwrap();
                let words = row["untold"].as_str().unwrap_or_default();
                if [3, 4, 9].contains(&uid) {
                    assert!(words.starts_with("FETCH failed"), "{row}");
                } else {
                    assert_eq!(row["subject"], format!("Topic {uid}"), "{row}");
                    assert_eq!(row["preview"], "open");
                }
            }
        }
        let told = browser.ask("GET", "/api/message?folder=INBOX&uid=4", b"").await;
        let said: Value = serde_json::from_slice(&told.body).unwrap();
        assert!(said["detail"].as_str().unwrap().starts_with("FETCH failed"), "{said}");
        webmail.stop().await;
        drop(dovecot);
    });
}

fn run(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(work);
}

#[test]
fn messages_of_dovecot_are_listed_and_read() {
    run(with_dovecot(|host, webmail| async move {
        let mut browser = Browser::new(&host, &webmail);
        assert_eq!(browser.log_in("carlos", "wrong").await, 401);
        assert_eq!(browser.log_in("carlos", "carlos").await, 200);
        let folders = browser.get("/api/folders").await;
        let uses: Vec<_> =
            folders["folders"].as_array().unwrap().iter().map(|f| f["use"].as_str()).collect();
        assert_eq!(uses, [Some("inbox"), Some("drafts"), Some("sent"), Some("trash")]);
        assert_eq!(
            (&folders["folders"][0]["messages"], &folders["folders"][0]["unseen"]),
            (&json!(3), &json!(3))
        );

        let list = browser.get("/api/messages?folder=INBOX").await;
        assert_eq!(list["total"], 3);
        let oldest = &list["messages"][2];
        assert_eq!(
            (&oldest["subject"], &oldest["preview"]),
            (&json!("¡Hola!"), &json!("Hola Carlos. Un saludo."))
        );
        assert_eq!(
            oldest["from"],
            json!([{ "name": "Andrea Muñoz", "address": "andrea@umass.edu" }])
        );
        assert_eq!(
            (&list["messages"][0]["attachments"], &list["messages"][1]["preview"]),
            (&json!(1), &json!("mañana"))
        );

        // RFC 3676 §4: a line that was broken for the screen is whole again.
        let read = browser.get("/api/message?folder=INBOX&uid=1").await;
        assert_eq!(read["text"], "Hola Carlos.\n\nUn saludo.\n");
        let list = browser.get("/api/messages?folder=INBOX").await;
        assert_eq!(list["messages"][2]["seen"], true);

        let file = browser.get("/api/message?folder=INBOX&uid=3").await;
        assert_eq!(file["attachments"][0]["name"], "informe año.pdf");
        let part = browser.ask("GET", "/api/part?folder=INBOX&uid=3&section=2", b"").await;
        assert_eq!(&part.body[..], b"PDF");
        assert!(part.head.fields.text("content-disposition").unwrap().starts_with("attachment"));
        webmail.stop().await;
    }));
}

#[test]
fn html_is_cleaned_fenced_and_keeps_its_own_images() {
    run(with_dovecot(|host, webmail| async move {
        let mut browser = Browser::new(&host, &webmail);
        browser.log_in("carlos", "carlos").await;
        let answer = browser.ask("GET", "/api/html?folder=INBOX&uid=2", b"").await;
        let html = String::from_utf8(answer.body.to_vec()).unwrap();
        assert!(html.contains("mañana"), "{html}");
        for bad in ["script", "onclick", "t.example"] {
            assert!(!html.contains(bad), "{bad}: {html}");
        }
        let policy = answer.head.fields.text("content-security-policy").unwrap().to_owned();
        assert!(policy.starts_with("sandbox") && policy.contains("default-src 'none'"));
        // Images from elsewhere have one placeholder; its own has its key.
        let mut sources = html.split("src=\"").skip(1).filter_map(|rest| rest.split('"').next());
        let address = sources.find(|source| !source.ends_with("/cid/left")).unwrap();
        let image = browser.ask("GET", &address.replace("&amp;", "&"), b"").await;
        assert_eq!(image.head.fields.text("content-type"), Some("image/png"));
        assert_eq!(&image.body[1..4], b"PNG");
        let forged = address.replace("/cid/", "/cid/0");
        assert_eq!(browser.ask("GET", &forged, b"").await.head.status.code(), 404);
        let count = browser.get("/api/html?folder=INBOX&uid=2&count=1").await;
        assert_eq!(count["remote"], 1);
        webmail.stop().await;
    }));
}

#[test]
fn messages_are_found_moved_thrown_away_and_drafts_are_kept() {
    run(with_dovecot(|host, webmail| async move {
        let mut browser = Browser::new(&host, &webmail);
        browser.log_in("carlos", "carlos").await;
        let found = browser.get("/api/messages?folder=INBOX&q=saludo+from:andrea").await;
        assert_eq!((&found["total"], &found["messages"][0]["uid"]), (&json!(1), &json!(1)));
        let made = browser.post("/api/folders", json!({ "name": "Año 2027" })).await;
        assert_eq!(made["name"], "Año 2027");
        let go = json!({ "folder": "INBOX", "uids": [1], "to": "Año 2027" });
        browser.post("/api/move", go).await;
        let moved = browser.get("/api/messages?folder=A%C3%B1o+2027").await;
        assert_eq!(moved["messages"][0]["subject"], "¡Hola!");
        browser.post("/api/delete", json!({ "folder": "INBOX", "uids": [2, 3] })).await;
        assert_eq!(browser.get("/api/messages?folder=Trash").await["total"], 2);
        assert_eq!(browser.get("/api/messages?folder=INBOX").await["total"], 0);
        let draft = json!({ "to": [{ "address": "andrea@umass.edu" }], "subject": "Año",
            "text": "Primero", "attachments": [
                { "name": "a.txt", "type": "text/plain", "data": "SG9sYQ==" }] });
        let first = browser.post("/api/drafts", draft).await;
        let uid = first["uid"].as_u64().unwrap();
        let again = json!({ "to": [], "subject": "Año", "text": "Segundo", "draft": uid,
            "attachments": [{ "folder": "Drafts", "uid": uid, "section": "2" }] });
        let second = browser.post("/api/drafts", again).await;
        let drafts = browser.get("/api/messages?folder=Drafts").await;
        assert_eq!((&drafts["total"], &drafts["messages"][0]["uid"]), (&json!(1), &second["uid"]));
        let shown: Value =
            browser.get(&format!("/api/message?folder=Drafts&uid={}", second["uid"])).await;
        assert_eq!(
            (&shown["text"], &shown["attachments"][0]["name"]),
            (&json!("Segundo\n"), &json!("a.txt"))
        );
        webmail.stop().await;
    }));
}

// What somebody types is kept, also half an address and files that were given
// once: each draft takes them from the one before.
#[test]
fn a_draft_is_kept_again_and_again_with_its_files_and_half_addresses() {
    run(with_dovecot(|host, webmail| async move {
        let mut browser = Browser::new(&host, &webmail);
        browser.log_in("carlos", "carlos").await;
        let mut draft = json!({
            "to": [{ "name": "Ana Ñ.", "address": "ana@umass.edu" }, { "address": "andr" }],
            "bcc": [{ "address": "eve@" }], "subject": "Año", "text": "Hola.\n",
            "attachments": [
                { "name": "año.txt", "type": "text/plain", "data": "SG9sYQ==" },
                { "name": "b.eml", "type": "message/rfc822", "data": "AP8=" }],
        });
        for _ in 0..3 {
            let kept = browser.post("/api/drafts", draft.clone()).await;
            assert_eq!(kept["sections"], json!(["2", "3"]));
            let (folder, uid) = (&kept["folder"], &kept["uid"]);
            let file = |section: &str| json!({ "folder": folder, "uid": uid, "section": section });
            draft["attachments"] = json!([file("2"), file("3")]);
            draft["draft"] = kept["uid"].clone();
        }
        let uid = &draft["draft"];
        assert_eq!(browser.get("/api/messages?folder=Drafts").await["exists"], 1);
        let shown = browser.get(&format!("/api/message?folder=Drafts&uid={uid}")).await;
        assert_eq!(
            shown["to"],
            json!([{ "name": "Ana Ñ.", "address": "ana@umass.edu" },
                { "name": "", "address": "andr" }])
        );
        assert_eq!(shown["bcc"], json!([{ "name": "", "address": "eve@" }]));
        assert_eq!((&shown["subject"], &shown["text"]), (&json!("Año"), &json!("Hola.\n")));
        for (section, bytes) in [("2", &b"Hola"[..]), ("3", b"\x00\xff")] {
            let target = format!("/api/part?folder=Drafts&uid={uid}&section={section}");
            assert_eq!(&browser.ask("GET", &target, b"").await.body[..], bytes);
        }
        // It cannot be sent as long as an address is not one.
        let answer = browser.ask("POST", "/api/send", draft.to_string().as_bytes()).await;
        assert_eq!(answer.head.status.code(), 400);
        webmail.stop().await;
    }));
}

#[test]
fn a_change_that_the_page_did_not_ask_for_is_refused() {
    run(with_dovecot(|host, webmail| async move {
        let mut browser = Browser::new(&host, &webmail);
        let nobody = browser.ask("GET", "/api/folders", b"").await;
        assert_eq!(nobody.head.status.code(), 401);
        browser.log_in("carlos", "carlos").await;
        browser.forget_csrf();
        let body = br#"{"folder":"INBOX","uids":[1]}"#;
        assert_eq!(browser.ask("POST", "/api/delete", body).await.head.status.code(), 403);
        assert_eq!(browser.get("/api/messages?folder=INBOX").await["total"], 3);
        webmail.stop().await;
    }));
}
