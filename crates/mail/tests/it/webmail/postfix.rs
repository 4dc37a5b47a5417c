//! Webmail that retrieves from Dovecot and sends through Postfix.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use capa7_dissect::Room;
use capa7_mail::webmail::{Webmail, WebmailConfig};
use capa7_net::{Cause, Host};
use capa7_peers::mail_site::MailSite;
use serde_json::{Value, json};

use super::browser::Browser;
use crate::dovecot::free_port;

/// Both programs with their folder; they stop with this value.
struct Running {
    _folder: tempfile::TempDir,
    site: MailSite,
    postfix: PathBuf,
    programs: [Child; 2],
}

impl Running {
    async fn start(host: &Host) -> Option<Self> {
        let (postfix, dovecot) = (capa7_peers::need("postfix")?, capa7_peers::need("dovecot")?);
        let user = Command::new("id").arg("-u").output().unwrap().stdout;
        if user != b"0\n" {
            capa7_peers::skip("root, for Postfix");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let port = || free_port();
        let site = MailSite {
            folder: folder.path().to_owned(),
            domain: "urosario.edu.co".to_owned(),
            address: [127, 0, 0, 1].into(),
            smtp: port().port(),
            submission: port().port(),
            imap: port().port(),
            users: vec!["carlos".to_owned(), "andrea".to_owned()],
            aliases: Vec::new(),
            ghosts: Vec::new(),
            tls: None,
        };
        site.write().unwrap();
        let run = |mut command: Command| {
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        };
        let programs = [run(site.dovecot(&dovecot)), run(site.postfix(&postfix, "start-fg"))];
        let running = Self { _folder: folder, site, postfix, programs };
        for port in [running.site.imap, running.site.submission] {
            running.wait_for(host, port).await;
        }
        Some(running)
    }

    async fn wait_for(&self, host: &Host, port: u16) {
        for _ in 0..TRIES {
            if host.connect_tcp(([127, 0, 0, 1], port).into(), Cause::NONE).await.is_ok() {
                return;
            }
            host.sleep(PAUSE).await;
        }
        panic!("nobody listens: {}", self.site.log());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _stopped = self.site.postfix(&self.postfix, "stop").output();
        for program in &mut self.programs {
            let _gone = program.kill();
            let _ended = program.wait();
        }
    }
}

// Course M11: the gateway retrieves by IMAP and sends by SMTP, whoever's the
// servers are.
#[test]
fn a_message_is_sent_through_postfix_and_read_in_dovecot() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let host = Host::machine(Room::Mail);
        let Some(running) = Running::start(&host).await else { return };
        let site = &running.site;
        let at = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        let config =
            WebmailConfig::new(at(0), at(site.imap), at(site.submission), "urosario.edu.co");
        let webmail = Webmail::start(&host, config).unwrap();
        let mut carlos = Browser::new(&host, &webmail);
        assert_eq!(carlos.log_in("carlos", "carlos").await, 200);
        let letter = json!({
            "to": [{ "name": "Andrea Muñoz", "address": "andrea@urosario.edu.co" }],
            "bcc": [{ "address": "carlos@urosario.edu.co" }],
            "subject": "¿Almuerzo el jueves?",
            "text": "Hola.\n.un punto\n\nFrom aquí\n",
            "attachments": [{ "name": "año.txt", "type": "text/plain", "data": "SG9sYQ==" }],
            "key": "writing-1",
        });
        let sent = carlos.post("/api/send", letter.clone()).await;
        assert_eq!((&sent["refused"], &sent["kept"]), (&json!([]), &json!(true)), "{sent}");

        let mut andrea = Browser::new(&host, &webmail);
        assert_eq!(andrea.log_in("andrea", "andrea").await, 200);
        let list = arrived(&host, &andrea, site).await;
        assert_eq!(list["messages"][0]["subject"], "¿Almuerzo el jueves?");
        let uid = &list["messages"][0]["uid"];
        let read = andrea.get(&format!("/api/message?folder=INBOX&uid={uid}")).await;
        // RFC 5322 §2.1: the dot was doubled on the way, and is single again.
        assert_eq!(read["text"], "Hola.\n.un punto\n\nFrom aquí\n");
        assert_eq!(
            (&read["from"][0]["address"], &read["bcc"]),
            (&json!("carlos@urosario.edu.co"), &json!([]))
        );
        assert_eq!(read["attachments"][0]["name"], "año.txt");
        let file = format!("/api/part?folder=INBOX&uid={uid}&section=2");
        assert_eq!(&andrea.ask("GET", &file, b"").await.body[..], b"Hola");
        arrived(&host, &carlos, site).await;
        // Who asks again, because the answer was lost, sends nothing twice.
        assert_eq!(carlos.post("/api/send", letter).await, sent);
        assert_eq!(carlos.get("/api/messages?folder=Sent").await["total"], 1);

        // Postfix knows nobody of that name, and the page is told in its words.
        let wrong = json!({ "to": [{ "address": "nobody@urosario.edu.co" }], "text": "?" });
        let answer = carlos.ask("POST", "/api/send", wrong.to_string().as_bytes()).await;
        let said: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!((answer.head.status.code(), &said["error"]), (422, &json!("refused")), "{said}");
        assert!(said["detail"].as_str().unwrap().contains("550 5.1.1"), "{said}");
        webmail.stop().await;
    });
}

/// The inbox, once there is one message in it.
async fn arrived(host: &Host, who: &Browser, site: &MailSite) -> Value {
    for _ in 0..TRIES {
        let list = who.get("/api/messages?folder=INBOX").await;
        if list["total"] == 1 {
            return list;
        }
        host.sleep(PAUSE).await;
    }
    panic!("it does not arrive: {}", site.log());
}

/// How often it is asked whether something has happened: two minutes.
const TRIES: usize = 2_400;
const PAUSE: Duration = Duration::from_millis(50);
