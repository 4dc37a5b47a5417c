//! The user agent `send`, over a virtual network.

use std::net::IpAddr;

use capa7_mail::agent::{Letter, SendError, SendRequest, compose, from_file, send};
use capa7_mail::smtp::connection::{ClientSettings, TlsUse};
use capa7_mail_proto::message::compose::Person;
use capa7_mail_proto::message::decode::{header_text, part_text};
use capa7_mail_proto::message::fields::first;
use capa7_mail_proto::message::structure::scan;
use capa7_mail_proto::smtp::client::{Credentials, Outcome};
use capa7_net::{Cause, HostConfig, NetworkConfig, VirtualNetwork};

use super::*;

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
        let request = SendRequest { server: at, settings, envelope, message };
        let outcomes = send(&client, request, Cause::NONE).await.unwrap();
        assert!(outcomes.iter().all(|of| matches!(of.outcome, Outcome::Delivered(_))));
        let taken = sink.next(&server).await.message;
        let structure = scan(&taken);
        let header = &taken[structure.root().header.clone()];
        assert_eq!(header_text(first(header, "subject").unwrap()), "¿Qué tal?");
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
