//! POP3: our client with our server, and with servers that mean no good.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use capa7_dissect::Room;
use capa7_mail::pop3::server::{Pop3Server, Pop3ServerConfig};
use capa7_mail::pop3_client::{Pop3Connection, Pop3Error, Pop3Settings};
use capa7_mail::smtp::connection::TlsUse;
use capa7_mail::smtp::server::ServerTls;
use capa7_mail::store::{Body, Delivery, Store, StoreOptions, Sync};
use capa7_mail::users::Users;
use capa7_mail_proto::address::Address;
use capa7_mail_proto::mailbox::{Flags, MailboxName};
use capa7_mail_proto::pop3::client::ClientError;
use capa7_mail_proto::pop3::server::ClearPasswords;
use capa7_mail_proto::sasl::Password;
use capa7_net::tls::Authority;
use capa7_net::{Cause, Host, HostConfig, NetworkConfig, Task, VirtualNetwork};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const SERVER: [u8; 4] = [10, 0, 0, 25];
const NO_CAUSE: Cause = Cause::NONE;

fn at(port: u16) -> SocketAddr {
    SocketAddr::from((SERVER, port))
}

fn two() -> (VirtualNetwork, Host, Host) {
    let net = VirtualNetwork::new(NetworkConfig::default());
    let host = |name: &str, address: [u8; 4]| {
        let addresses = vec![IpAddr::from(address)];
        let config = HostConfig { name: name.to_owned(), addresses, ..HostConfig::default() };
        net.network().add_host(config).unwrap().in_room(Room::Mail)
    };
    let (server, reader) = (host("mail.x.example", SERVER), host("reader", [10, 0, 0, 1]));
    (net, server, reader)
}

/// A server whose only account has these messages.
struct Office {
    _server: Pop3Server,
    _folder: TempDir,
}

impl Office {
    fn start(host: &Host, port: u16, tls: ServerTls, messages: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let options = StoreOptions { sync: Sync::Off, ..StoreOptions::default() };
        let store = Store::open(host, folder.path(), options).unwrap();
        let andrea: Address = "andrea@x.example".parse().unwrap();
        let users = Users::lab(&["x.example".to_owned()], &[andrea]).unwrap();
        let account = store.account(&users.account("andrea@x.example").unwrap().name).unwrap();
        for message in messages {
            let delivery = Delivery {
                mailbox: MailboxName::inbox(),
                headers: Vec::new(),
                flags: Flags::new(),
                token: None,
            };
            let body = Body::Memory((*message).to_owned().into());
            account.deliver(body, vec![delivery]).unwrap();
        }
        let config = Pop3ServerConfig { tls, ..Pop3ServerConfig::new("mail.x.example") };
        let listener = host.listen_tcp(at(port)).unwrap();
        let server = Pop3Server::start(host, listener, config, users, store);
        Self { _server: server, _folder: folder }
    }
}

async fn open(host: &Host, settings: &Pop3Settings) -> Result<Pop3Connection, Pop3Error> {
    open_at(host, 110, settings).await
}

async fn open_at(
    host: &Host,
    port: u16,
    settings: &Pop3Settings,
) -> Result<Pop3Connection, Pop3Error> {
    let password = Password::new("andrea").unwrap();
    Pop3Connection::open(host, at(port), settings, "andrea@x.example", &password, NO_CAUSE).await
}

const ONE: &str = "Subject: one\r\n\r\n.dot\r\n";
const TWO: &str = "Subject: two\r\n\r\nline\r\nline\r\n";

#[test]
fn messages_are_taken_and_only_what_quit_confirmed_is_gone() {
    // RFC 1939 §5, §6, §7; the password proves itself by SCRAM, in clear.
    let (net, server, reader) = two();
    let _office = Office::start(&server, 110, ServerTls::Never, &[ONE, TWO]);
    net.run(async move {
        let settings = Pop3Settings::default();
        let mut pop3 = open(&reader, &settings).await.unwrap();
        let octets = (ONE.len() + TWO.len()) as u64;
        assert_eq!(pop3.total(NO_CAUSE).await.unwrap(), (2, octets));
        let listing = pop3.list(NO_CAUSE).await.unwrap();
        let sizes: Vec<_> = listing.iter().map(|one| (one.number, one.size)).collect();
        assert_eq!(sizes, [(1, ONE.len() as u64), (2, TWO.len() as u64)]);
        assert!(listing[0].unique_id.is_some() && listing[0].unique_id != listing[1].unique_id);
        assert_eq!(pop3.retrieve(1, NO_CAUSE).await.unwrap(), ONE.as_bytes());
        let top = pop3.top(2, 1, NO_CAUSE).await.unwrap();
        assert_eq!(top, b"Subject: two\r\n\r\nline\r\n");
        let missing = pop3.retrieve(3, NO_CAUSE).await.unwrap_err();
        assert!(missing.is_refusal(), "{missing}");
        pop3.delete(1, NO_CAUSE).await.unwrap();
        assert_eq!(pop3.total(NO_CAUSE).await.unwrap().0, 1);
        drop(pop3);
        reader.sleep(Duration::from_secs(5)).await;
        // It went without QUIT: nothing is gone.
        let mut pop3 = open(&reader, &settings).await.unwrap();
        assert_eq!(pop3.total(NO_CAUSE).await.unwrap().0, 2);
        let busy = open(&reader, &settings).await.unwrap_err();
        assert!(busy.to_string().contains("[IN-USE]"), "{busy}");
        pop3.delete(2, NO_CAUSE).await.unwrap();
        pop3.reset(NO_CAUSE).await.unwrap();
        pop3.delete(1, NO_CAUSE).await.unwrap();
        pop3.quit(NO_CAUSE).await.unwrap();
        let mut pop3 = open(&reader, &settings).await.unwrap();
        let left = pop3.list(NO_CAUSE).await.unwrap();
        assert_eq!(left.iter().map(|one| one.size).collect::<Vec<_>>(), [TWO.len() as u64]);
        assert_eq!(left[0].unique_id, listing[1].unique_id);
        pop3.quit(NO_CAUSE).await.unwrap();
    })
    .unwrap();
}

#[test]
fn tls_is_begun_as_it_is_wanted_or_nothing_is_told() {
    // RFC 2595 §2.2, §4; RFC 8314 §3.3.
    let (net, server, reader) = two();
    let authority = Authority::new(&server.network()).unwrap();
    let tls = || authority.server(&["localhost"], &[]).unwrap();
    let _offered = Office::start(&server, 110, ServerTls::Offered(tls()), &[ONE]);
    let _implicit = Office::start(&server, 995, ServerTls::Implicit(tls()), &[ONE]);
    let _never = Office::start(&server, 1_110, ServerTls::Never, &[ONE]);
    let client = authority.client(&[]).unwrap();
    net.run(async move {
        let name = "localhost".to_owned();
        let with = |tls| Pop3Settings { tls, ..Pop3Settings::default() };
        let required = with(TlsUse::Required { client: client.clone(), name: name.clone() });
        let implicit = with(TlsUse::Implicit { client: client.clone(), name: name.clone() });
        let offered = with(TlsUse::WhenOffered { client: client.clone(), name });
        for (port, settings) in [(110, &required), (995, &implicit), (110, &offered)] {
            let mut pop3 = open_at(&reader, port, settings).await.unwrap();
            assert_eq!(pop3.retrieve(1, NO_CAUSE).await.unwrap(), ONE.as_bytes(), "{port}");
            pop3.quit(NO_CAUSE).await.unwrap();
        }
        let none = open_at(&reader, 1_110, &required).await.unwrap_err();
        assert!(matches!(none, Pop3Error::Tls(_)), "{none}");
        open_at(&reader, 1_110, &offered).await.unwrap().quit(NO_CAUSE).await.unwrap();
        let other = TlsUse::Required { client, name: "other.example".to_owned() };
        let wrong = open_at(&reader, 110, &with(other)).await.unwrap_err();
        assert!(matches!(wrong, Pop3Error::Tls(_)), "{wrong}");
    })
    .unwrap();
}

/// A server that answers each line with the next of these, whatever it says.
/// `…` at an answer's end: it says no more; `×`: it closes.
fn scripted(host: &Host, answers: &'static [&'static str]) -> Task<()> {
    let listener = host.listen_tcp(at(110)).unwrap();
    let work = async move {
        let mut stream = listener.accept().await.unwrap();
        let mut answers = answers.iter();
        let mut buffer = [0; 4_096];
        loop {
            let Some(answer) = answers.next() else { return };
            let text = answer.trim_end_matches(['…', '×']);
            if stream.write_all(text.as_bytes()).await.is_err() || answer.ends_with('×') {
                return;
            }
            if answer.ends_with('…') {
                while let Ok(1..) = stream.read(&mut buffer).await {}
                return;
            }
            if !matches!(stream.read(&mut buffer).await, Ok(1..)) {
                return;
            }
        }
    };
    host.spawn("a hostile server", work)
}

/// What comes of a whole visit to such a server, and how many seconds it took.
fn visit(answers: &'static [&'static str]) -> (Result<Vec<u8>, Pop3Error>, u64) {
    let (net, server, reader) = two();
    let settings = Pop3Settings {
        passwords: ClearPasswords::Allowed,
        message_octets_max: 1_000,
        ..Pop3Settings::default()
    };
    net.run(async move {
        let hostile = scripted(&server, answers);
        let begun = reader.now();
        let work = async {
            let mut pop3 = open(&reader, &settings).await?;
            pop3.list(NO_CAUSE).await?;
            let message = pop3.retrieve(1, NO_CAUSE).await?;
            pop3.delete(1, NO_CAUSE).await?;
            pop3.quit(NO_CAUSE).await?;
            Ok(message)
        };
        let came = work.await;
        drop(hostile);
        (came, reader.now().since(begun).as_secs())
    })
    .unwrap()
}

const OK: &str = "+OK\r\n";
const CAPA: &str = "+OK\r\nUSER\r\nUIDL\r\n.\r\n";
const LIST: &str = "+OK\r\n1 18446744073709551615\r\n.\r\n";
const UIDL: &str = "+OK\r\n1 a\r\n.\r\n";

#[test]
fn sizes_that_lie_are_not_believed() {
    // RFC 1939 §5: the dot ends a message, not its size.
    let message = "+OK 3 octets\r\nSubject: x\r\n\r\n..\r\n.\r\n";
    let answers = [OK, CAPA, OK, OK, LIST, UIDL, message, OK, OK];
    let (came, _) = visit(Box::leak(Box::new(answers)));
    assert_eq!(came.unwrap(), b"Subject: x\r\n\r\n.\r\n");
}

#[test]
fn a_server_that_falls_silent_is_left_after_a_minute_and_one_that_goes_at_once() {
    let whole = [OK, CAPA, OK, OK, LIST, UIDL, "+OK\r\nA: b\r\n\r\nx\r\n.\r\n", OK, OK];
    for step in 0..whole.len() {
        for (end, seconds) in [("…", 60..62), ("×", 0..2)] {
            let mut answers: Vec<&'static str> = whole[..step].to_vec();
            // The line before its end, so that nothing is whole.
            let half = format!("{}{end}", &whole[step][..whole[step].len() - 2]);
            answers.push(Box::leak(half.into_boxed_str()));
            let (came, took) = visit(Box::leak(answers.into_boxed_slice()));
            let error = came.unwrap_err();
            let told = match end {
                "…" => matches!(error, Pop3Error::TimedOut),
                _ => matches!(error, Pop3Error::Io(_)),
            };
            assert!(told && seconds.contains(&took), "{step} {end}: {error} after {took} s");
        }
    }
}

#[test]
fn lines_and_messages_without_end_are_bounded() {
    let long: &'static str = Box::leak("x".repeat(20_000).into_boxed_str());
    let message: &'static str = Box::leak(format!("+OK\r\n{long}…").into_boxed_str());
    let no_line: &'static str = Box::leak(format!("+OK {long}…").into_boxed_str());
    let garbled = |error: &Pop3Error| {
        matches!(error, Pop3Error::Session(ClientError::Protocol("a line without end")))
    };
    for answers in [vec![no_line], vec![OK, no_line], vec![OK, CAPA, OK, OK, no_line]] {
        let error = visit(Box::leak(answers.into_boxed_slice())).0.unwrap_err();
        assert!(garbled(&error), "{error}");
    }
    let answers = vec![OK, CAPA, OK, OK, LIST, UIDL, message];
    let error = visit(Box::leak(answers.into_boxed_slice())).0.unwrap_err();
    assert!(matches!(error, Pop3Error::TooLong(1_000)), "{error}");
    let answers = vec!["-ERR [SYS/TEMP] not today\r\n"];
    let error = visit(Box::leak(answers.into_boxed_slice())).0.unwrap_err();
    assert!(error.to_string().contains("not today") && !error.is_refusal(), "{error}");
    let answers = vec![OK, CAPA, OK, OK, LIST, UIDL, UIDL, OK, "-ERR some are left\r\n"];
    let error = visit(Box::leak(answers.into_boxed_slice())).0.unwrap_err();
    assert!(error.to_string().contains("QUIT: some are left"), "{error}");
}

#[test]
fn an_answer_that_drips_is_left_after_an_hour() {
    let (net, server, reader) = two();
    let settings = Pop3Settings { passwords: ClearPasswords::Allowed, ..Pop3Settings::default() };
    net.run(async move {
        let listener = server.listen_tcp(at(110)).unwrap();
        let host = server.clone();
        let drip = async move {
            let mut stream = listener.accept().await.unwrap();
            while stream.write_all(b"+").await.is_ok() {
                host.sleep(Duration::from_secs(30)).await;
            }
        };
        let dripping = server.spawn("a dripping server", drip);
        let begun = reader.now();
        let error = open(&reader, &settings).await.unwrap_err();
        let took = reader.now().since(begun).as_secs();
        assert!(matches!(error, Pop3Error::TimedOut), "{error}");
        assert!((3_600..3_662).contains(&took), "{took} s");
        drop(dripping);
    })
    .unwrap();
}
