//! Both sides over a virtual network: loss, silence, limits, stopping.

use std::net::IpAddr;

use capa7_mail::queue::{Queue, QueueConfig, Selection};
use capa7_mail::smtp::connection::{ClientSettings, Connection, ConnectionError, TlsUse};
use capa7_mail::store::{Store, StoreOptions};
use capa7_mail::{spool, store};
use capa7_mail_proto::smtp::client::{Credentials, Outcome};
use capa7_mail_proto::smtp::server::Offers;
use capa7_net::{Cause, HostConfig, LinkConfig, NetworkConfig, VirtualNetwork};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::odd::{Deed, Odd, Rule};

const SERVER: [u8; 4] = [10, 0, 0, 25];

fn at(port: u16) -> SocketAddr {
    SocketAddr::from((SERVER, port))
}

fn host(net: &VirtualNetwork, name: &str, address: [u8; 4], loss: f64) -> Host {
    let link = LinkConfig { latency_ns: 5_000_000, loss, ..LinkConfig::default() };
    let config = HostConfig {
        name: name.to_owned(),
        addresses: vec![IpAddr::from(address)],
        up: link.clone(),
        down: link,
        ..HostConfig::default()
    };
    net.network().add_host(config).unwrap().in_room(Room::Mail)
}

/// A server and a client, ten milliseconds apart.
fn two(loss: f64) -> (VirtualNetwork, Host, Host) {
    let net = VirtualNetwork::new(NetworkConfig::default());
    let server = host(&net, "mx.x.example", SERVER, loss);
    let client = host(&net, "a.example", [10, 0, 0, 1], loss);
    (net, server, client)
}

fn settings() -> ClientSettings {
    ClientSettings {
        helo: "a.example".to_owned(),
        tls: TlsUse::Never,
        credentials: None,
        chunking: false,
    }
}

#[test]
fn a_message_arrives_through_loss() {
    let (net, server, client) = two(0.1);
    let mut sink = Sink::start(&server, at(25), Role::Mx, in_clear);
    net.run(async move {
        let mut connection =
            Connection::open(&client, at(25), settings(), Cause::NONE).await.unwrap();
        let long = message(&".a long line\r\n".repeat(20_000));
        let to = envelope("carlos@x.example");
        let sent = connection.send(&to, long.clone(), Cause::NONE);
        let outcomes = sent.await.unwrap();
        assert!(matches!(outcomes[0].outcome, Outcome::Delivered(_)));
        let taken = sink.next(&server).await;
        assert!(taken.message.ends_with(&long));
        connection.quit().await;
    })
    .unwrap();
}

#[test]
fn tls_and_log_in_protect_a_submission() {
    let (net, server, client) = two(0.0);
    let mut sink = Sink::start(&server, at(587), Role::Submission, starttls);
    net.run(async move {
        let trusting = sink.authority.client(&[]).unwrap();
        let credentials = Credentials {
            user: "andrea@x.example".to_owned(),
            password: "andrea".to_owned(),
            in_clear: false,
        };
        let tls = TlsUse::Required { client: trusting.clone(), name: "localhost".to_owned() };
        let settings = ClientSettings { tls, credentials: Some(credentials), ..settings() };
        let mut connection =
            Connection::open(&client, at(587), settings.clone(), Cause::NONE).await.unwrap();
        assert!(connection.is_tls());
        let sent = connection.send(&envelope("z@y.example"), message("hi"), Cause::NONE).await;
        assert!(matches!(sent.unwrap()[0].outcome, Outcome::Delivered(_)));
        let text = sink.next(&server).await.message;
        assert!(String::from_utf8_lossy(&text).contains(" with ESMTPSA id "));
        // Another name than the certificate's: refused when TLS is required, in
        // clear when it is only preferred.
        let name = "mx.other.example".to_owned();
        let required = TlsUse::Required { client: trusting.clone(), name: name.clone() };
        let wrong = ClientSettings { tls: required, ..settings.clone() };
        let refused = Connection::open(&client, at(587), wrong, Cause::NONE).await;
        assert!(matches!(refused, Err(ConnectionError::Tls(_))), "{refused:?}");
        let offered = TlsUse::WhenOffered { client: trusting, name };
        let preferred = ClientSettings { tls: offered, ..settings };
        let clear = Connection::open(&client, at(587), preferred, Cause::NONE).await.unwrap();
        assert!(!clear.is_tls());
    })
    .unwrap();
}

#[test]
fn a_silent_or_slow_client_is_left_after_five_minutes() {
    // RFC 5321 §4.5.3.2.7: bytes without a command or data are no sign of life.
    let (net, server, client) = two(0.0);
    let _sink = Sink::start(&server, at(25), Role::Mx, in_clear);
    net.run(async move {
        for drip in [None, Some(Duration::from_secs(60))] {
            let begun = client.now();
            let mut stream = client.connect_tcp(at(25), Cause::NONE).await.unwrap();
            let (mut heard, mut buffer) = (Vec::new(), [0; 512]);
            loop {
                let wait = drip.unwrap_or(Duration::from_secs(900));
                match client.timeout(wait, stream.read(&mut buffer)).await {
                    Ok(Ok(0) | Err(_)) => break,
                    Ok(Ok(count)) => heard.extend_from_slice(&buffer[..count]),
                    Err(_) => stream.write_all(b"N").await.unwrap(),
                }
            }
            let waited = client.now().since(begun).as_secs();
            assert!((300..305).contains(&waited), "{waited} s");
            let heard = String::from_utf8(heard).unwrap();
            assert!(heard.contains("\r\n421 4.4.2 "), "{heard}");
        }
    })
    .unwrap();
}

#[test]
fn connections_over_the_limit_are_told_421() {
    // RFC 5321 §4.2.1.
    let (net, server, client) = two(0.0);
    let other = host(&net, "b.example", [10, 0, 0, 2], 0.0);
    let sink = Sink::start(&server, at(25), Role::Mx, in_clear);
    net.run(async move {
        let mut open = Vec::new();
        for _ in 0..50 {
            let connection = Connection::open(&client, at(25), settings(), Cause::NONE).await;
            open.push(connection.unwrap());
        }
        let refused = Connection::open(&client, at(25), settings(), Cause::NONE).await;
        let Err(ConnectionError::Refused(reply)) = refused else { panic!("{refused:?}") };
        assert_eq!(reply.code.number(), 421);
        assert!(Connection::open(&other, at(25), settings(), Cause::NONE).await.is_ok());
        drop(open);
        sink.server.stop().await;
        let gone = Connection::open(&client, at(25), settings(), Cause::NONE).await;
        assert!(matches!(gone, Err(ConnectionError::Io(_))), "{gone:?}");
    })
    .unwrap();
}

#[test]
fn a_server_that_says_nothing_is_left_after_five_minutes() {
    // RFC 5321 §4.5.3.2.1.
    let (net, server, client) = two(0.0);
    let listener = server.listen_tcp(at(25)).unwrap();
    net.run(async move {
        let begun = client.now();
        let opened = Connection::open(&client, at(25), settings(), Cause::NONE).await;
        assert!(matches!(opened, Err(ConnectionError::TimedOut("the connection"))), "{opened:?}");
        assert!((300..302).contains(&client.now().since(begun).as_secs()));
        drop(listener);
    })
    .unwrap();
}

#[test]
fn a_bare_line_feed_is_answered_before_the_connection_closes() {
    // Course M5: `nc` without -C.
    let (net, server, client) = two(0.0);
    let _sink = Sink::start(&server, at(25), Role::Mx, in_clear);
    net.run(async move {
        let mut stream = client.connect_tcp(at(25), Cause::NONE).await.unwrap();
        stream.write_all(b"HELO a.example\nMAIL FROM:<a@b>\n").await.unwrap();
        let mut heard = String::new();
        stream.read_to_string(&mut heard).await.unwrap();
        assert!(heard.contains("500 5.5.2 a bare LF: lines end in CR LF"), "{heard}");
    })
    .unwrap();
}

#[test]
fn a_server_of_7_bits_gets_the_message_in_7_bits() {
    // Course M7; RFC 6152 §3.
    let (net, server, client) = two(0.0);
    let session = SessionConfig { offers: Offers::NONE, ..SessionConfig::new("old", Role::Mx) };
    let (sender, mut taken) = mpsc::channel(1);
    let listener = server.listen_tcp(at(25)).unwrap();
    let config = SmtpServerConfig::new(session);
    let destination = Destination::Channel(sender);
    let _server = SmtpServer::start(&server, listener, config, users(), destination);
    net.run(async move {
        let mut connection =
            Connection::open(&client, at(25), settings(), Cause::NONE).await.unwrap();
        let text = "From: a@x.example\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; \
            charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nmañana\r\n";
        let to = envelope("carlos@x.example");
        let outcomes = connection.send(&to, Bytes::from(text), Cause::NONE).await.unwrap();
        assert!(matches!(outcomes[0].outcome, Outcome::Delivered(_)), "{outcomes:?}");
        let message = String::from_utf8(taken.recv().await.unwrap().message.to_vec()).unwrap();
        assert!(message.is_ascii() && message.contains("bWHDsWFuYQ0K"), "{message}");
    })
    .unwrap();
}

#[test]
fn what_was_answered_250_is_in_the_queue() {
    // RFC 5321 §4.2.5; nobody answers the resolver's port, so it stays there.
    let folder = tempfile::tempdir().unwrap();
    let (net, server, client) = two(0.0);
    let root = folder.path().to_owned();
    net.run(async move {
        let options = StoreOptions { sync: store::Sync::Off, ..StoreOptions::default() };
        let store = Store::open(&server, &root.join("store"), options).unwrap();
        let mut config = QueueConfig::new(root.join("queue"), "mx.x.example", at(53));
        config.sync = spool::Sync::Off;
        let queue = Queue::begin(&server, config, users(), store).await.unwrap();
        let session = SessionConfig {
            auth: AuthPolicy::InClear,
            ..SessionConfig::new("mx.x.example", Role::Submission)
        };
        let listener = server.listen_tcp(at(587)).unwrap();
        let destination = Destination::Queue(queue.clone());
        let config = SmtpServerConfig::new(session);
        let smtp = SmtpServer::start(&server, listener, config, users(), destination);
        let credentials = Credentials {
            user: "andrea@x.example".to_owned(),
            password: "andrea".to_owned(),
            in_clear: true,
        };
        let settings = ClientSettings { credentials: Some(credentials), ..settings() };
        let mut connection =
            Connection::open(&client, at(587), settings, Cause::NONE).await.unwrap();
        let to = envelope("z@y.example");
        let outcomes = connection.send(&to, message("hi"), Cause::NONE).await.unwrap();
        let Outcome::Delivered(reply) = &outcomes[0].outcome else { panic!("{outcomes:?}") };
        let listed = queue.list(Selection::All, 0, 10).await.unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!(reply.text(), format!("kept as {}", listed[0].id));
        assert_eq!(listed[0].recipient.to_string(), "z@y.example");
        smtp.stop().await;
        queue.stop().await;
    })
    .unwrap();
}

#[test]
fn a_thousand_connections_from_one_address_leave_others_unharmed() {
    let (net, server, client) = two(0.0);
    let other = host(&net, "b.example", [10, 0, 0, 2], 0.0);
    let mut sink = Sink::start(&server, at(25), Role::Mx, in_clear);
    net.run(async move {
        let (mut open, mut turned_away) = (Vec::new(), 0);
        for _ in 0..1_000 {
            let mut stream = client.connect_tcp(at(25), Cause::NONE).await.unwrap();
            let mut code = [0; 3];
            stream.read_exact(&mut code).await.unwrap();
            turned_away += u32::from(&code == b"421");
            open.push(stream);
        }
        assert_eq!(turned_away, 950);
        let mut connection =
            Connection::open(&other, at(25), settings(), Cause::NONE).await.unwrap();
        let to = envelope("carlos@x.example");
        let outcomes = connection.send(&to, message("hi"), Cause::NONE).await.unwrap();
        assert!(matches!(outcomes[0].outcome, Outcome::Delivered(_)), "{outcomes:?}");
        sink.next(&server).await;
    })
    .unwrap();
}

#[test]
fn a_message_is_because_of_its_last_bytes_and_the_reply_too() {
    // The tree of causes: connection, greeting, EHLO, …, message, 250.
    let (net, server, client) = two(0.0);
    let mut sink = Sink::start(&server, at(25), Role::Mx, in_clear);
    let capture = client.capture().clone();
    net.run(async move {
        let root = client.note(capa7_net::Note::new(Room::Mail, "test", "the beginning"));
        let mut connection = Connection::open(&client, at(25), settings(), root).await.unwrap();
        let to = envelope("carlos@x.example");
        connection.send(&to, message("hi"), root).await.unwrap();
        sink.next(&server).await;
        let mut at = connection.reply_cause();
        let mut steps = 0;
        while at.is_some() && at != root {
            at = capture.get(at).unwrap().causes.first;
            steps += 1;
        }
        assert_eq!(at, root, "the reply's causes lead to the beginning");
        // 250, message, 354, MAIL RCPT DATA: each because of the one before.
        assert!((4..20).contains(&steps), "{steps}");
    })
    .unwrap();
}

#[test]
fn a_handshake_that_never_comes_is_as_good_as_a_failed_one() {
    // RFC 7435 §3: who only prefers TLS goes on in clear, over a new connection.
    let (net, server, client) = two(0.0);
    let rule: Rule = |at, line| match line.get(..4) {
        Some("EHLO") if at.session == 1 => Some(Deed::Say("250-odd\r\n250 STARTTLS")),
        Some("STAR") => Some(Deed::SayAndFreeze("220 go ahead")),
        _ => None,
    };
    let odd = Odd::start(&server, 25, rule);
    net.run(async move {
        let trusting = Authority::new(&client.network()).unwrap().client(&[]).unwrap();
        let tls = TlsUse::WhenOffered { client: trusting, name: "mx.x.example".to_owned() };
        let settings = ClientSettings { tls, ..settings() };
        let begun = client.now();
        let mut connection =
            Connection::open(&client, at(25), settings, Cause::NONE).await.unwrap();
        assert_eq!(client.now().since(begun).as_secs(), 60);
        let to = envelope("carlos@x.example");
        let outcomes = connection.send(&to, message("hi"), Cause::NONE).await.unwrap();
        assert!(matches!(outcomes[0].outcome, Outcome::Delivered(_)), "{outcomes:?}");
        assert_eq!((odd.sessions(), odd.taken().len()), (2, 1));
    })
    .unwrap();
}
