//! IMAP between real programs and ours, and over a virtual network.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use capa7_dissect::Room;
use capa7_mail::imap::server::{ImapServer, ImapServerConfig};
use capa7_mail::smtp::server::ServerTls;
use capa7_mail::store::{Account, Body, Delivery, Store, StoreOptions, Sync};
use capa7_mail::users::Users;
use capa7_mail_proto::address::Address;
use capa7_mail_proto::imap::session::{CleartextLogin, SessionConfig};
use capa7_mail_proto::mailbox::{Flags, MailboxName};
use capa7_net::Host;
use tempfile::TempDir;

mod programs;
mod virtual_time;

/// A server of one account with its store.
struct Office {
    server: ImapServer,
    account: Arc<Account>,
    folder: TempDir,
}

impl Office {
    fn start(host: &Host, at: SocketAddr, tls: ServerTls) -> Self {
        let folder = TempDir::new().unwrap();
        let options = StoreOptions { sync: Sync::Off, ..StoreOptions::default() };
        let store = Store::open(host, folder.path(), options).unwrap();
        let andrea: Address = "andrea@x.example".parse().unwrap();
        let users = Users::lab(&["x.example".to_owned()], &[andrea]).unwrap();
        let account = store.account(&users.account("andrea@x.example").unwrap().name).unwrap();
        let mut session = SessionConfig::new("localhost".to_owned());
        session.cleartext_login = CleartextLogin::Allowed;
        let config = ImapServerConfig { tls, ..ImapServerConfig::new(session) };
        let listener = host.listen_tcp(at).unwrap();
        let server = ImapServer::start(host, listener, config, users, store);
        Self { server, account, folder }
    }

    fn deliver(&self, text: &str) {
        let delivery = Delivery {
            mailbox: MailboxName::inbox(),
            headers: Vec::new(),
            flags: Flags::new(),
            token: None,
        };
        let text = text.replace('\n', "\r\n");
        self.account.deliver(Body::Memory(text.into()), vec![delivery]).unwrap();
    }

    fn port(&self) -> u16 {
        self.server.local_addr().port()
    }
}

fn loopback() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

/// Runs on this machine's own sockets.
fn on_this_machine<F: Future<Output = ()>>(test: impl FnOnce(Host) -> F) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async { test(Host::machine(Room::Mail)).await });
}
