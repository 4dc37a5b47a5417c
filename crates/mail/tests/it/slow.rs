//! Clients that send an octet a second: they are left as those who say nothing.
//! SMTP's is in `smtp/virtual_time.rs`.

use std::net::IpAddr;
use std::time::Duration;

use capa7_mail::imap::server::{ImapServer, ImapServerConfig};
use capa7_mail::pop3::server::{Pop3Server, Pop3ServerConfig};
use capa7_mail::store::{Store, StoreOptions, Sync};
use capa7_mail::users::Users;
use capa7_mail_proto::imap::session::{CleartextLogin, SessionConfig};
use capa7_mail_proto::pop3::server::ClearPasswords;
use capa7_net::{Cause, Host, HostConfig, NetworkConfig, Room, VirtualNetwork};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const SERVER: [u8; 4] = [10, 0, 0, 25];

fn host(net: &VirtualNetwork, name: &str, address: [u8; 4]) -> Host {
    let config = HostConfig {
        name: name.to_owned(),
        addresses: vec![IpAddr::from(address)],
        ..HostConfig::default()
    };
    net.network().add_host(config).unwrap().in_room(Room::Mail)
}

/// Says `first` at once and then an octet of `drip` each second; after how many
/// seconds the server is gone, and its last words.
fn check(port: u16, first: &str, drip: u8) -> (u64, String) {
    let net = VirtualNetwork::new(NetworkConfig::default());
    let (machine, client) = (host(&net, "mail.x.example", SERVER), host(&net, "a", [10, 0, 0, 1]));
    let folder = tempfile::tempdir().unwrap();
    let options = StoreOptions { sync: Sync::Off, ..StoreOptions::default() };
    let store = Store::open(&machine, folder.path(), options).unwrap();
    let andrea = "andrea@x.example".parse().unwrap();
    let users = Users::lab(&["x.example".to_owned()], &[andrea]).unwrap();
    let mut imap = SessionConfig::new("localhost".to_owned());
    imap.cleartext_login = CleartextLogin::Allowed;
    let imap = ImapServerConfig::new(imap);
    let mut pop3 = Pop3ServerConfig::new("localhost");
    pop3.passwords = ClearPasswords::Allowed;
    let listen = |port| machine.listen_tcp((SERVER, port).into()).unwrap();
    let (imap_port, pop3_port) = (listen(143), listen(110));
    let _imap = ImapServer::start(&machine, imap_port, imap, users.clone(), store.clone());
    let _pop3 = Pop3Server::start(&machine, pop3_port, pop3, users, store);
    let first = first.to_owned();
    net.run(async move {
        let mut stream = client.connect_tcp((SERVER, port).into(), Cause::NONE).await.unwrap();
        stream.write_all(first.as_bytes()).await.unwrap();
        let begun = client.now();
        let (mut heard, mut buffer) = (Vec::new(), [0; 4_096]);
        while client.now().since(begun) < A_LONG_TIME {
            match client.timeout(Duration::from_secs(1), stream.read(&mut buffer)).await {
                Ok(Ok(0) | Err(_)) => break,
                Ok(Ok(count)) => heard.extend_from_slice(&buffer[..count]),
                Err(_) => {
                    let _ = stream.write_all(&[drip]).await;
                }
            }
        }
        let text = String::from_utf8(heard).unwrap();
        let last = text.lines().last().unwrap_or_default().to_owned();
        (client.now().since(begun).as_secs(), last)
    })
    .unwrap()
}

// RFC 9051 §5.4: one minute before the log-in, half an hour behind it.
#[test]
fn imap_leaves_who_drips_a_command_or_a_literal() {
    let (seconds, last) = check(143, "", b'N');
    assert!((60..65).contains(&seconds), "{seconds} s");
    assert_eq!(last, "* BYE idle for too long");
    for first in ["b SELECT ", "b APPEND INBOX {9+}\r\nSubject: ", "b APPEND INBOX {90000+}\r\n"] {
        let first = format!("a LOGIN andrea@x.example andrea\r\n{first}");
        let (seconds, last) = check(143, &first, b'x');
        assert!((1_800..1_810).contains(&seconds), "{first}: {seconds} s: {last}");
        assert_eq!(last, "* BYE idle for too long");
    }
}

// RFC 1939 §3: ten minutes, counted from the last whole command.
#[test]
fn pop3_leaves_who_drips_a_command() {
    for first in ["", "CAPA\r\n", "USER andrea@x.example\r\nPASS andrea\r\n"] {
        let (seconds, last) = check(110, first, b'N');
        assert!((600..606).contains(&seconds), "{first:?}: {seconds} s: {last}");
        assert!(last.contains("silent too long"), "{last}");
    }
}

/// Longer than any server waits.
const A_LONG_TIME: Duration = Duration::from_secs(2 * 3_600);
