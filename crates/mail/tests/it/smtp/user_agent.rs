//! The user agent `send`, over a virtual network.

use std::cell::RefCell;
use std::net::IpAddr;

use capa7_mail::agent::{
    Begin, FetchError, FetchProtocol, FetchRequest, Letter, Reader, SendError, SendRequest, Server,
    Tried, Trying, compose, first, from_file, send,
};
use capa7_mail::smtp::connection::{ClientSettings, TlsUse};
use capa7_mail_proto::message::compose::Person;
use capa7_mail_proto::message::decode::{header_text, part_text};
use capa7_mail_proto::message::fields;
use capa7_mail_proto::message::structure::scan;
use capa7_mail_proto::sasl::Password;
use capa7_mail_proto::smtp::client::{Credentials, Outcome, RecipientOutcome};
use capa7_net::{Cause, HostConfig, NetworkConfig, VirtualNetwork};
use tokio::io::AsyncWriteExt as _;

use super::*;
use crate::odd::{Deed, Odd, Rule};

const SERVER: [u8; 4] = [10, 0, 0, 25];

fn host(net: &VirtualNetwork, name: &str, address: [u8; 4]) -> Host {
    let config = HostConfig {
        name: name.to_owned(),
        addresses: vec![IpAddr::from(address)],
        ..HostConfig::default()
    };
    net.network().add_host(config).unwrap().in_room(Room::Mail)
}

fn person(name: &str, address: &str) -> Person {
    Person { name: name.to_owned(), address: address.parse().unwrap() }
}

fn letter() -> Letter {
    Letter {
        from: person("Andrea", "andrea@x.example"),
        to: vec![person("Carlos Ñ.", "carlos@y.example")],
        cc: vec![person("", "carlos@y.example")],
        bcc: vec![person("", "eve@y.example")],
        subject: "¿Qué tal?".to_owned(),
        text: "Añoranza.\n.\nFrom me".to_owned(),
        attachments: Vec::new(),
    }
}

/// RFC 6409 §3, RFC 5322 §3.6.3: a letter goes through TLS and log-in to each
/// recipient once, and those of Bcc stay unnamed.
#[test]
fn a_letter_reaches_the_submission_server() {
    let net = VirtualNetwork::new(NetworkConfig::default());
    let server = host(&net, "mx.x.example", SERVER);
    let client = host(&net, "a.example", [10, 0, 0, 1]);
    let at = SocketAddr::from((SERVER, 587));
    let mut sink = Sink::start(&server, at, Role::Submission, starttls);
    net.run(async move {
        let (envelope, message) = compose(&client, letter()).unwrap();
        assert!(message.is_ascii() && !envelope.smtputf8);
        assert_eq!(envelope.recipients.len(), 2);
        let tls = TlsUse::Required {
            client: sink.authority.client(&[]).unwrap(),
            name: "localhost".to_owned(),
        };
        let credentials = Credentials {
            user: "andrea@x.example".to_owned(),
            password: "andrea".to_owned(),
            in_clear: false,
        };
        let settings = ClientSettings {
            helo: "a.example".to_owned(),
            tls,
            credentials: Some(credentials),
            chunking: false,
        };
        let request =
            SendRequest { server: at, settings, connect_time: CONNECT_TIME, envelope, message };
        let outcomes = send(&client, request, Cause::NONE).await.unwrap();
        assert!(outcomes.iter().all(|of| matches!(of.outcome, Outcome::Delivered(_))));
        let taken = sink.next(&server).await.message;
        let structure = scan(&taken);
        let header = &taken[structure.root().header.clone()];
        assert_eq!(header_text(fields::first(header, "subject").unwrap()), "¿Qué tal?");
        assert!(!String::from_utf8_lossy(&taken).contains("eve@"));
        let text = part_text(&taken, structure.root()).unwrap();
        assert_eq!(text, "Añoranza.\r\n.\r\nFrom me\r\n");
    })
    .unwrap();
}

/// RFC 5322 §3.6.3, RFC 5321 §2.3.8: a file in this machine's form becomes a
/// message, and says itself who gets it.
#[test]
fn a_file_says_who_gets_it() {
    let file = b"From: Andrea <andrea@x.example>\nTo: g: a@y.example, b@y.example;\n\
        Bcc: eve@y.example,\n a@y.example\nSubject: s\n\nbody\rof it\nend";
    let (envelope, message) = from_file(file, None, Vec::new()).unwrap();
    assert_eq!(envelope.from.to_string(), "<andrea@x.example>");
    let to: Vec<_> = envelope.recipients.iter().map(|to| to.path.to_string()).collect();
    assert_eq!(to, ["<a@y.example>", "<b@y.example>", "<eve@y.example>"]);
    let expected = "From: Andrea <andrea@x.example>\r\nTo: g: a@y.example, b@y.example;\r\n\
        Subject: s\r\n\r\nbody of it\r\nend\r\n";
    assert_eq!(String::from_utf8_lossy(&message), expected);
    let nobody = from_file(b"From: a@x.example\n\nx\n", None, Vec::new());
    assert!(matches!(nobody, Err(SendError::NoRecipient)));
    let unsent = from_file(b"To: a@x.example\n\nx\n", None, Vec::new());
    assert!(matches!(unsent, Err(SendError::NoSender)));
}

const CONNECT_TIME: Duration = Duration::from_secs(10);

/// Sends a letter to the first of these addresses that takes it, in clear; what
/// the writer is told meanwhile, with the seconds since the beginning.
async fn send_to_first(
    client: &Host,
    addresses: &[[u8; 4]],
) -> (Result<Vec<RecipientOutcome>, Tried<SendError>>, Vec<(u64, String)>) {
    let addresses = addresses.iter().map(|one| SocketAddr::from((*one, 587))).collect();
    let server = Server { name: "mail.x.example".to_owned(), addresses, begin: Begin::Clear };
    let (begun, told) = (client.now(), RefCell::new(Vec::new()));
    let tell = |trying: Trying<'_, SendError>| {
        let text = match trying {
            Trying::Begins(server, at) => format!("{} at {at}", server.name),
            Trying::Failed(at, error) => format!("{at}: {error}"),
        };
        told.borrow_mut().push((client.now().since(begun).as_secs(), text));
    };
    let sending = async |_: &Server, at: SocketAddr| {
        let to = vec![person("Carlos", "carlos@x.example")];
        let letter = Letter { to, cc: Vec::new(), bcc: Vec::new(), ..letter() };
        let (envelope, message) = compose(client, letter).unwrap();
        let helo = "a.example".to_owned();
        let settings =
            ClientSettings { helo, tls: TlsUse::Never, credentials: None, chunking: false };
        let request =
            SendRequest { server: at, settings, connect_time: CONNECT_TIME, envelope, message };
        send(client, request, Cause::NONE).await
    };
    let sent = first(&[server], sending, SendError::is_unreachable, tell).await;
    (sent.map(|(outcomes, _)| outcomes), told.into_inner())
}

const SILENT: [u8; 4] = [10, 9, 9, 9];
const CLOSED: [u8; 4] = [10, 0, 0, 2];
const BUSY: [u8; 4] = [10, 0, 0, 3];

/// A server that has no time for anybody (RFC 5321 §3.1).
fn busy(host: &Host) -> capa7_net::Task<()> {
    let listener = host.listen_tcp((BUSY, 587).into()).unwrap();
    host.spawn("busy", async move {
        while let Ok(mut stream) = listener.accept().await {
            let _ = stream.write_all(b"421 4.3.2 come back later\r\n").await;
            let _ = stream.shutdown().await;
        }
    })
}

/// RFC 5321 §5.1: the addresses are tried in order. An address that nobody has costs
/// ten seconds, not a minute, and somebody who waits hears of each as it is tried.
#[test]
fn a_silent_address_costs_ten_seconds_and_the_writer_knows_why() {
    let net = VirtualNetwork::new(NetworkConfig::default());
    let server = host(&net, "mx.x.example", SERVER);
    let client = host(&net, "a.example", [10, 0, 0, 1]);
    host(&net, "closed.x.example", CLOSED);
    let busy_host = host(&net, "busy.x.example", BUSY);
    let _busy = busy(&busy_host);
    let at = SocketAddr::from((SERVER, 587));
    let mut sink = Sink::start(&server, at, Role::Mx, in_clear);
    net.run(async move {
        let (sent, told) = send_to_first(&client, &[SILENT, CLOSED, BUSY, SERVER]).await;
        assert_eq!(sent.unwrap().len(), 1);
        sink.next(&server).await;
        let expected = [
            (0, "mail.x.example at 10.9.9.9:587"),
            (10, "10.9.9.9:587: no connection within 10 s"),
            (10, "mail.x.example at 10.0.0.2:587"),
            (10, "10.0.0.2:587: the connection failed: connection refused"),
            (10, "mail.x.example at 10.0.0.3:587"),
            (10, "10.0.0.3:587: the server says: 421 4.3.2 come back later"),
            (10, "mail.x.example at 10.0.0.25:587"),
        ];
        let told: Vec<_> = told.iter().map(|(at, text)| (*at, text.as_str())).collect();
        assert_eq!(told, expected);
    })
    .unwrap();
}

/// What the writer reads at the end when nobody takes it: each address, and why.
#[test]
fn an_end_without_a_server_names_each_address_with_what_happened() {
    let net = VirtualNetwork::new(NetworkConfig::default());
    let client = host(&net, "a.example", [10, 0, 0, 1]);
    host(&net, "closed.x.example", CLOSED);
    let busy_host = host(&net, "busy.x.example", BUSY);
    let _busy = busy(&busy_host);
    net.run(async move {
        let (sent, _) = send_to_first(&client, &[SILENT, CLOSED, BUSY]).await;
        let Err(Tried::Unreached(nobody)) = sent else { panic!("{sent:?}") };
        assert_eq!(
            nobody.to_string(),
            "nobody answers: 10.9.9.9:587: no connection within 10 s; 10.0.0.2:587: the \
             connection failed: connection refused; 10.0.0.3:587: the server says: 421 4.3.2 \
             come back later"
        );
    })
    .unwrap();
}

/// The same time holds for who reads, and for a server that takes the connection and
/// never begins TLS.
#[test]
fn a_reader_waits_as_long_also_for_a_handshake_that_never_comes() {
    let net = VirtualNetwork::new(NetworkConfig::default());
    let server = host(&net, "mx.x.example", SERVER);
    let client = host(&net, "a.example", [10, 0, 0, 1]);
    net.run(async move {
        let _listener = server.listen_tcp((SERVER, 993).into()).unwrap();
        let authority = Authority::new(&client.network()).unwrap();
        let tls = TlsUse::Implicit {
            client: authority.client(&[]).unwrap(),
            name: "mx.x.example".to_owned(),
        };
        for (protocol, address, tls) in [
            (FetchProtocol::Imap, SILENT, TlsUse::Never),
            (FetchProtocol::Pop3, SILENT, TlsUse::Never),
            (FetchProtocol::Imap, SERVER, tls.clone()),
            (FetchProtocol::Pop3, SERVER, tls),
        ] {
            let request = FetchRequest {
                server: (address, 993).into(),
                protocol,
                connect_time: CONNECT_TIME,
                tls,
                user: "carlos".to_owned(),
                password: Password::new("carlos").unwrap(),
            };
            let begun = client.now();
            let error = Reader::open(&client, &request).await.unwrap_err();
            assert!(FetchError::is_unreachable(&error), "{error}");
            assert_eq!(client.now().since(begun).as_secs(), 10, "{protocol:?} {address:?}");
        }
    })
    .unwrap();
}

/// RFC 5321 §5.1, §6.1: a server that goes away before the message was said to its
/// end does not have it, and the next address is tried; behind the final dot nobody
/// knows, and the writer decides.
#[test]
fn a_server_that_goes_away_is_left_for_the_next_one_but_not_in_doubt() {
    let check = |rule: Rule| {
        let net = VirtualNetwork::new(NetworkConfig::default());
        let client = host(&net, "a.example", [10, 0, 0, 1]);
        let [odd_host, good] = [(CLOSED, "odd"), (SERVER, "good")]
            .map(|(address, name)| host(&net, &format!("{name}.x.example"), address));
        let _odd = Odd::start(&odd_host, 587, rule);
        let good = Odd::start(&good, 587, |_, _| None);
        net.run(async move {
            let (sent, _) = send_to_first(&client, &[CLOSED, SERVER]).await;
            let error = match sent {
                Ok(_) => None,
                Err(Tried::Ended(_, error)) => Some(error.to_string()),
                Err(other) => panic!("{other:?}"),
            };
            (error, good.taken().len())
        })
        .unwrap()
    };
    assert_eq!(check(|_, line| line.starts_with("DATA").then_some(Deed::Close)), (None, 1));
    let busy: Rule = |_, line| line.starts_with("RCPT").then_some(Deed::SayAndClose("421 busy"));
    assert_eq!(check(busy), (None, 1));
    let (error, taken) = check(|_, line| (line == ".").then_some(Deed::Close));
    let error = error.unwrap();
    assert!(error.starts_with("the server may have the message or not: "), "{error}");
    assert_eq!(taken, 0);
}
