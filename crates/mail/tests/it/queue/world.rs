//! Two universities, their names, their mail servers.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use capa7_dissect::Room;
use capa7_dns::{Authoritative, AuthoritativeConfig};
use capa7_dns_proto::zone::{Zone, ZoneSet};
use capa7_dns_proto::zone_file::ZoneFile;
use capa7_mail::queue::{Queue, QueueConfig};
use capa7_mail::smtp::server::{Destination, SmtpServer, SmtpServerConfig, Taken};
use capa7_mail::spool::{SpooledMessage, Sync};
use capa7_mail::store::{Store, StoreOptions};
use capa7_mail::users::{AccountName, Users};
use capa7_mail_proto::address::{Address, ForwardPath, ReversePath};
use capa7_mail_proto::envelope::{BodyKind, Envelope, Recipient, Returns};
use capa7_mail_proto::mailbox::MailboxName;
use capa7_mail_proto::smtp::server::{Role, SessionConfig};
use capa7_net::capture::What;
use capa7_net::{Cause, Host, HostConfig, LinkConfig, NetworkConfig, Note, VirtualNetwork};
use tokio::sync::mpsc;

pub(super) const DNS: [u8; 4] = [10, 0, 0, 53];
pub(super) const UCATOLICA: [u8; 4] = [10, 0, 1, 25];
pub(super) const UROSARIO: [u8; 4] = [10, 0, 2, 25];
pub(super) const BACKUP: [u8; 4] = [10, 0, 2, 26];

/// One zone stands for all: the queue only hears the answers.
const ZONE: &str = "
example. 300 IN SOA ns.example. admin.example. 1 1800 900 604800 300
example. 300 IN NS ns.example.
ns.example. 300 IN A 10.0.0.53
ucatolica.example. 300 IN MX 10 mail.ucatolica.example.
mail.ucatolica.example. 300 IN A 10.0.1.25
urosario.example. 300 IN MX 20 backup.urosario.example.
urosario.example. 300 IN MX 10 mail.urosario.example.
mail.urosario.example. 300 IN A 10.0.2.25
backup.urosario.example. 300 IN A 10.0.2.26
alias.example. 300 IN CNAME urosario.example.
plain.example. 300 IN A 10.0.2.25
silent.example. 300 IN MX 0 .
circle.example. 300 IN MX 10 mail.ucatolica.example.
";

pub(super) struct World {
    pub(super) net: VirtualNetwork,
    pub(super) sender: Host,
    pub(super) users: Users,
    pub(super) store: Store,
    folder: tempfile::TempDir,
    _names: Authoritative,
}

pub(super) fn host(net: &VirtualNetwork, name: &str, address: [u8; 4]) -> Host {
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

pub(super) fn users() -> Users {
    let accounts: Vec<Address> = ["andrea@ucatolica.example", "ana@ucatolica.example"]
        .iter()
        .map(|address| address.parse().unwrap())
        .collect();
    Users::lab(&["ucatolica.example".to_owned()], &accounts).unwrap()
}

impl World {
    pub(super) fn new() -> Self {
        let net = VirtualNetwork::new(NetworkConfig::default());
        let names = host(&net, "ns.example", DNS).in_room(Room::Dns);
        let file = ZoneFile::read_text("zone", ZONE).unwrap();
        let zones = ZoneSet::new([Arc::new(Zone::compile(&file).unwrap())]).unwrap();
        let config = AuthoritativeConfig::default();
        let zones = Arc::new(Arc::new(zones).into());
        let names = Authoritative::start(&names, zones, &config).unwrap();
        let sender = host(&net, "mail.ucatolica.example", UCATOLICA);
        let folder = tempfile::tempdir().unwrap();
        let options = StoreOptions { sync: Sync::Off, ..StoreOptions::default() };
        let store = Store::open(&sender, &folder.path().join("store"), options).unwrap();
        Self { net, sender, users: users(), store, folder, _names: names }
    }

    pub(super) fn root(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn config(&self) -> QueueConfig {
        let resolver = SocketAddr::from((DNS, 53));
        let root = self.root().join("queue");
        let config = QueueConfig::new(root, "mail.ucatolica.example", resolver);
        QueueConfig { sync: Sync::Off, ..config }
    }

    pub(super) async fn queue(&self) -> Queue {
        let (users, store) = (self.users.clone(), self.store.clone());
        Queue::begin(&self.sender, self.config(), users, store).await.unwrap()
    }

    /// What is in an INBOX, the oldest first.
    pub(super) fn inbox(&self, account: &str) -> Vec<String> {
        let name: AccountName = account.parse().unwrap();
        let account = self.store.account(&name).unwrap();
        let inbox = account.mailbox(&MailboxName::inbox()).unwrap();
        let uids = account.uids(inbox.id).unwrap();
        let read = |uid| account.open_message(inbox.id, uid).unwrap().read_all().unwrap();
        uids.into_iter().map(|uid| String::from_utf8(read(uid)).unwrap()).collect()
    }

    /// The notes of one kind: seconds since the beginning, facts.
    pub(super) fn notes(&self, kind: &str) -> Vec<(u64, Arc<Note>)> {
        let events = self.net.network().capture().since(Cause::NONE, usize::MAX);
        let notes = events.iter().filter_map(|event| match &event.what {
            What::Note { note, .. } if note.kind == kind => {
                Some((event.at.0 / 1_000_000_000, note.clone()))
            }
            _ => None,
        });
        notes.collect()
    }

    /// The notes of one kind with their numbers.
    pub(super) fn numbered(&self, kind: &str) -> Vec<(Cause, Arc<Note>)> {
        let events = self.net.network().capture().since(Cause::NONE, usize::MAX);
        let notes = events.iter().filter_map(|event| match &event.what {
            What::Note { note, .. } if note.kind == kind => Some((event.id, note.clone())),
            _ => None,
        });
        notes.collect()
    }

    pub(super) fn minutes(&self, kind: &str) -> Vec<u64> {
        self.notes(kind).into_iter().map(|(at, _)| at / 60).collect()
    }

    pub(super) fn facts(&self, kind: &str, name: &str) -> Vec<String> {
        let text = |note: &Note| note.data[name].as_str().unwrap_or_default().to_owned();
        self.notes(kind).iter().map(|(_, note)| text(note)).collect()
    }
}

/// A server that keeps what it takes for `urosario.example`.
pub(super) struct Receiver {
    server: SmtpServer,
    pub(super) taken: mpsc::Receiver<Taken>,
}

impl Receiver {
    pub(super) fn start(host: &Host) -> Self {
        let session = SessionConfig::new(host.name(), Role::Mx);
        let (sender, taken) = mpsc::channel(1_000);
        let at = SocketAddr::from((host.addresses()[0], 25));
        let listener = host.listen_tcp(at).unwrap();
        let domains = ["urosario.example", "alias.example", "plain.example"].map(str::to_owned);
        let known = |domain: &String| ["carlos", "ana"].map(|user| format!("{user}@{domain}"));
        let addresses: Vec<Address> =
            domains.iter().flat_map(known).map(|address| address.parse().unwrap()).collect();
        let users = Users::lab(&domains, &addresses).unwrap();
        let config = SmtpServerConfig::new(session);
        let destination = Destination::Channel(sender);
        let server = SmtpServer::start(host, listener, config, users, destination);
        Self { server, taken }
    }

    pub(super) async fn stop(self) {
        self.server.stop().await;
    }
}

pub(super) fn envelope(to: &[&str]) -> Envelope {
    let recipient = |to: &&str| Recipient::new(ForwardPath(to.parse().unwrap()));
    Envelope {
        from: ReversePath(Some("andrea@ucatolica.example".parse().unwrap())),
        recipients: to.iter().map(recipient).collect(),
        body: BodyKind::SevenBit,
        smtputf8: false,
        returns: Returns::Unsaid,
        envelope_id: None,
    }
}

pub(super) fn message(text: &str) -> SpooledMessage {
    let text = format!("From: andrea@ucatolica.example\r\nSubject: hola\r\n\r\n{text}\r\n");
    SpooledMessage::from_bytes(Bytes::from(text))
}

pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const HOUR: Duration = Duration::from_secs(3_600);
pub(super) const DAY: Duration = Duration::from_secs(86_400);
