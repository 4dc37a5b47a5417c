//! Two clients of one account over a virtual network.

use std::net::IpAddr;
use std::time::Duration;

use capa7_mail::agent::{FetchProtocol, FetchRequest, Reader, Wanted};
use capa7_mail::imap_client::{ImapConnection, ImapSettings};
use capa7_mail::smtp::connection::TlsUse;
use capa7_mail_proto::imap::command::Access;
use capa7_mail_proto::sasl::Password;
use capa7_net::{Cause, HostConfig, LinkConfig, NetworkConfig, TcpStream, VirtualNetwork};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

const SERVER: [u8; 4] = [10, 0, 0, 25];

fn host(net: &VirtualNetwork, name: &str, address: [u8; 4]) -> Host {
    let link = LinkConfig { latency_ns: 5_000_000, ..LinkConfig::default() };
    let config = HostConfig {
        name: name.to_owned(),
        addresses: vec![IpAddr::from(address)],
        up: link.clone(),
        down: link,
        ..HostConfig::default()
    };
    net.network().add_host(config).unwrap().in_room(Room::Mail)
}

async fn until(stream: &mut TcpStream, end: &str) -> String {
    let (mut heard, mut buffer) = (Vec::new(), [0; 4_096]);
    while !String::from_utf8_lossy(&heard).contains(end) {
        let count = stream.read(&mut buffer).await.unwrap();
        assert!(count > 0, "closed before {end}: {}", String::from_utf8_lossy(&heard));
        heard.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8(heard).unwrap()
}

async fn client(host: &Host) -> TcpStream {
    let mut stream = host.connect_tcp(SocketAddr::from((SERVER, 143)), Cause::NONE).await.unwrap();
    until(&mut stream, "ready\r\n").await;
    stream.write_all(b"a LOGIN andrea@x.example andrea\r\nb SELECT INBOX\r\n").await.unwrap();
    until(&mut stream, "b OK").await;
    stream
}

/// RFC 9051 §6.3.13: one way of the network after the delivery the idle client
/// knows of it.
#[test]
fn a_delivery_is_pushed_to_an_idle_client() {
    let net = VirtualNetwork::new(NetworkConfig::default());
    let (server, reader) = (host(&net, "mail.x.example", SERVER), host(&net, "a", [10, 0, 0, 1]));
    let office = Office::start(&server, SocketAddr::from((SERVER, 143)), ServerTls::Never);
    net.run(async move {
        let mut stream = client(&reader).await;
        stream.write_all(b"c IDLE\r\n").await.unwrap();
        until(&mut stream, "+ idling\r\n").await;
        reader.sleep(Duration::from_secs(600)).await;
        let delivered = reader.now();
        office.deliver("Subject: new\n\nhello\n");
        assert_eq!(until(&mut stream, "EXISTS\r\n").await, "* 1 EXISTS\r\n");
        assert!(reader.now().0 - delivered.0 < 20_000_000, "at once");
        stream.write_all(b"DONE\r\n").await.unwrap();
        until(&mut stream, "c OK").await;
        // Half an hour of silence is too long (RFC 9051 §5.4).
        assert!(until(&mut stream, "\r\n").await.starts_with("* BYE idle"));
        assert_eq!(stream.read(&mut [0; 16]).await.unwrap(), 0);
    })
    .unwrap();
}

/// RFC 9051 §7.1.5: a server that stops tells its clients, idle or not.
#[test]
fn a_server_that_stops_says_farewell() {
    let net = VirtualNetwork::new(NetworkConfig::default());
    let (server, reader) = (host(&net, "mail.x.example", SERVER), host(&net, "a", [10, 0, 0, 1]));
    let office = Office::start(&server, SocketAddr::from((SERVER, 143)), ServerTls::Never);
    net.run(async move {
        let (mut one, mut other) = (client(&reader).await, client(&reader).await);
        other.write_all(b"c IDLE\r\n").await.unwrap();
        until(&mut other, "+ idling\r\n").await;
        let listen = async {
            for stream in [&mut one, &mut other] {
                assert!(until(stream, "\r\n").await.starts_with("* BYE [UNAVAILABLE]"));
                stream.shutdown().await.unwrap();
            }
        };
        tokio::join!(office.server.stop(), listen);
    })
    .unwrap();
}

/// RFC 9051 §6.3.13, §5.4: a user agent that waits has the message when it
/// comes, also after a session's half hour, and gives up at its own limit.
#[test]
fn a_user_agent_that_waits_has_the_message_when_it_comes() {
    let net = VirtualNetwork::new(NetworkConfig::default());
    let (server, reader) = (host(&net, "mail.x.example", SERVER), host(&net, "a", [10, 0, 0, 1]));
    let office = Office::start(&server, SocketAddr::from((SERVER, 143)), ServerTls::Never);
    net.run(async move {
        let request = FetchRequest {
            server: SocketAddr::from((SERVER, 143)),
            protocol: FetchProtocol::Imap,
            connect_time: Duration::from_secs(10),
            tls: TlsUse::Never,
            user: "andrea@x.example".to_owned(),
            password: Password::new("andrea").unwrap(),
        };
        let mut agent = Reader::open(&reader, &request).await.unwrap();
        agent.select("INBOX", Access::ReadOnly).await.unwrap();
        let wanted = Wanted { subject: Some("late".to_owned()), ..Wanted::default() };
        let day = Duration::from_secs(86_400);
        let begun = reader.now();
        let deliver = async {
            reader.sleep(Duration::from_secs(600)).await;
            office.deliver("Subject: other\n\nnot this one\n");
            reader.sleep(Duration::from_secs(3_000)).await;
            office.deliver("Subject: late\n\nhello\n");
        };
        let (found, ()) = tokio::join!(agent.wait(&reader, &wanted, 10, day), deliver);
        assert_eq!(found.unwrap()[0].summary.subject, "late");
        let took = reader.now().since(begun).as_secs();
        assert!((3_600..3_602).contains(&took), "{took} s");
        let never = Wanted { subject: Some("never".to_owned()), ..Wanted::default() };
        let begun = reader.now();
        assert!(agent.wait(&reader, &never, 10, day).await.unwrap().is_empty());
        let took = reader.now().since(begun).as_secs();
        assert!((86_400..86_402).contains(&took), "{took} s");
        agent.close().await.unwrap();
    })
    .unwrap();
}

/// RFC 9051 §6.3.13: what a server tells before it consents to idle ends the
/// wait as soon as it consents.
#[test]
fn news_before_the_consent_to_idle_ends_the_wait() {
    let net = VirtualNetwork::new(NetworkConfig::default());
    let (server, reader) = (host(&net, "mail.x.example", SERVER), host(&net, "a", [10, 0, 0, 1]));
    net.run(async move {
        let listener = server.listen_tcp(SocketAddr::from((SERVER, 143))).unwrap();
        let at_work = server.clone();
        let serve = async move {
            let mut stream = listener.accept().await.unwrap();
            stream.write_all(b"* PREAUTH [CAPABILITY IMAP4rev1 IDLE] hi\r\n").await.unwrap();
            until(&mut stream, "IDLE\r\n").await;
            stream.write_all(b"* 1 EXISTS\r\n").await.unwrap();
            at_work.sleep(Duration::from_secs(1)).await;
            stream.write_all(b"+ idling\r\n").await.unwrap();
            until(&mut stream, "DONE\r\n").await;
            stream.write_all(b"a1 OK done\r\n").await.unwrap();
        };
        let task = server.spawn("a server", serve);
        let begun = reader.now();
        let at = SocketAddr::from((SERVER, 143));
        let settings = ImapSettings::default();
        let mut imap = ImapConnection::open(&reader, at, &settings, Cause::NONE).await.unwrap();
        let news = imap.idle(Duration::from_secs(600), Cause::NONE).await.unwrap();
        assert_eq!(news.len(), 1, "{news:?}");
        assert!(reader.now().since(begun).as_secs() < 3);
        drop(task);
    })
    .unwrap();
}
