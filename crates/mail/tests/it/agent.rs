//! The reading user agent at Dovecot, by both protocols.

use std::net::SocketAddr;
use std::time::Duration;

use capa7_dissect::Room;
use capa7_mail::agent::{FetchProtocol, FetchRequest, Reader, Wanted};
use capa7_mail::imap_client::{ImapConnection, ImapSettings};
use capa7_mail::pop3_client::{Pop3Connection, Pop3Settings};
use capa7_mail::smtp::connection::TlsUse;
use capa7_mail_proto::imap::command::Access;
use capa7_mail_proto::imap::date::Date;
use capa7_mail_proto::imap::fetch::Seen;
use capa7_mail_proto::sasl::Password;
use capa7_net::{Cause, Host};

use crate::dovecot::Dovecot;

const MESSAGES: [&str; 3] = [
    "From: =?utf-8?q?Andr=C3=A9a?= <andrea@umass.edu>\r\nTo: carlos@urosario.edu.co\r\n\
     Subject: =?utf-8?b?wr9DYWbDqT8=?=\r\nDate: Mon, 01 Feb 2027 10:00:00 +0000\r\n\r\n.Hola\r\n",
    "From: shop@example.org\r\nTo: carlos@urosario.edu.co\r\nSubject: Offer\r\n\r\nBuy.\r\n",
    "From: andrea@umass.edu\r\nTo: carlos@urosario.edu.co\r\nSubject: File\r\n\r\nSee it.\r\n",
];

fn with_dovecot<F: Future<Output = ()>>(test: impl FnOnce(Host, SocketAddr, SocketAddr) -> F) {
    let (Some(program), Some(_)) = (capa7_peers::need("dovecot"), capa7_peers::need("doveconf"))
    else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let host = Host::machine(Room::Mail);
        let dovecot = Dovecot::start(&host, &program).await;
        for message in MESSAGES {
            let mut imap = imap(&host, dovecot.imap).await;
            let message = bytes::Bytes::from_static(message.as_bytes());
            imap.append("INBOX", Vec::new(), message, Cause::NONE).await.unwrap();
            imap.log_out(Cause::NONE).await;
        }
        test(host, dovecot.imap, dovecot.pop3).await;
        drop(dovecot);
    });
}

async fn imap(host: &Host, at: SocketAddr) -> ImapConnection {
    let settings = ImapSettings::default();
    let mut imap = ImapConnection::open(host, at, &settings, Cause::NONE).await.unwrap();
    imap.log_in("carlos", &password(), Cause::NONE).await.unwrap();
    imap
}

fn password() -> Password {
    Password::new("carlos").unwrap()
}

async fn open(host: &Host, server: SocketAddr, protocol: FetchProtocol) -> Reader {
    let (user, password) = ("carlos".to_owned(), password());
    let (tls, connect_time) = (TlsUse::Never, Duration::from_secs(120));
    let request = FetchRequest { server, protocol, connect_time, tls, user, password };
    Reader::open(host, &request).await.unwrap()
}

async fn subjects(reader: &mut Reader, wanted: &Wanted) -> Vec<String> {
    let found = reader.find(wanted, 10).await.unwrap();
    found.into_iter().map(|entry| entry.summary.subject).collect()
}

#[test]
fn a_mailbox_of_dovecot_is_searched_read_sorted_and_emptied() {
    with_dovecot(|host, imap, _| async move {
        let mut reader = open(&host, imap, FetchProtocol::Imap).await;
        reader.select("INBOX", Access::ReadWrite).await.unwrap();
        let all = Wanted::default();
        assert_eq!(subjects(&mut reader, &all).await, ["¿Café?", "Offer", "File"]);
        assert_eq!(reader.find(&all, 1).await.unwrap()[0].summary.subject, "File");
        let text = |text: &str| Some(text.to_owned());
        let by_name = Wanted { from: text("andréa"), subject: text("café"), ..all.clone() };
        assert_eq!(subjects(&mut reader, &by_name).await, ["¿Café?"]);
        let today = Wanted { since: Some(Date { year: 2020, month: 1, day: 1 }), ..all.clone() };
        assert_eq!(subjects(&mut reader, &today).await.len(), 3);
        let found = reader.find(&by_name, 10).await.unwrap();
        assert_eq!(found[0].summary.bytes, MESSAGES[0].len());
        let message = reader.read(found[0].id, Seen::Set).await.unwrap();
        assert_eq!(message, MESSAGES[0].as_bytes());
        let unseen = Wanted { unseen: true, ..all.clone() };
        assert_eq!(subjects(&mut reader, &unseen).await, ["Offer", "File"]);
        // Dovecot says TRYCREATE; the folder is made, and the message in it.
        reader.move_to(&[found[0].id], "Trabajo/año").await.unwrap();
        reader.remove(&[2]).await.unwrap();
        assert_eq!(subjects(&mut reader, &all).await, ["File"]);
        assert!(reader.read(2, Seen::Kept).await.unwrap_err().is_refusal());
        reader.select("Trabajo/año", Access::ReadOnly).await.unwrap();
        assert_eq!(subjects(&mut reader, &all).await, ["¿Café?"]);
        let folders = reader.folders().await.unwrap();
        assert!(folders.iter().any(|folder| folder.name == "Trabajo/año" && folder.messages == 1));
        let nowhere = reader.select("Nowhere", Access::ReadOnly).await.unwrap_err();
        assert!(nowhere.is_refusal(), "{nowhere}");
        let never = Wanted { subject: text("never"), ..all };
        reader.select("INBOX", Access::ReadOnly).await.unwrap();
        let waited = reader.wait(&host, &never, 10, Duration::from_millis(300)).await.unwrap();
        assert!(waited.is_empty());
        reader.close().await.unwrap();
    });
}

#[test]
fn a_maildrop_of_dovecot_is_downloaded_and_emptied_at_quit_only() {
    with_dovecot(|host, _, pop3| async move {
        let mut reader = open(&host, pop3, FetchProtocol::Pop3).await;
        let all = Wanted::default();
        let found = reader.find(&all, 10).await.unwrap();
        let told: Vec<_> = found.iter().map(|entry| &*entry.summary.subject).collect();
        assert_eq!(told, ["¿Café?", "Offer", "File"]);
        assert!(found[0].name != "1" && found[0].name != found[1].name, "{found:?}");
        for (entry, message) in found.iter().zip(MESSAGES) {
            assert_eq!(entry.summary.bytes, message.len());
            let read = reader.read(entry.id, Seen::Kept).await.unwrap();
            assert_eq!(read, message.as_bytes());
        }
        let missing = reader.read(9, Seen::Kept).await.unwrap_err();
        assert!(missing.is_refusal(), "{missing}");
        assert!(reader.folders().await.unwrap_err().to_string().contains("use IMAP"));
        reader.remove(&[2]).await.unwrap();
        // It breaks off: nothing is gone.
        drop(reader);
        let mut reader = open(&host, pop3, FetchProtocol::Pop3).await;
        let offers = Wanted { subject: Some("OFFER".to_owned()), ..Wanted::default() };
        let found = reader.find(&offers, 10).await.unwrap();
        reader.remove(&[found[0].id]).await.unwrap();
        reader.close().await.unwrap();
        let mut reader = open(&host, pop3, FetchProtocol::Pop3).await;
        assert_eq!(subjects(&mut reader, &all).await, ["¿Café?", "File"]);
        reader.close().await.unwrap();
        // Totals and marks, as Dovecot tells them.
        let (settings, password) = (Pop3Settings::default(), password());
        let opened = Pop3Connection::open(&host, pop3, &settings, "carlos", &password, Cause::NONE);
        let mut pop3 = opened.await.unwrap();
        let octets = (MESSAGES[0].len() + MESSAGES[2].len()) as u64;
        assert_eq!(pop3.total(Cause::NONE).await.unwrap(), (2, octets));
        pop3.delete(1, Cause::NONE).await.unwrap();
        pop3.reset(Cause::NONE).await.unwrap();
        assert_eq!(pop3.total(Cause::NONE).await.unwrap().0, 2);
        pop3.quit(Cause::NONE).await.unwrap();
    });
}
