//! A whole mail server on a host.
//!
//! ```text
//!   25 from servers ─┐                 ┌─▶ store ─▶ 143, 993 IMAP   to readers
//!   465, 587         ├─▶ SMTP ─▶ queue ┤       └──▶ 110, 995 POP3
//!   from users      ─┘                 └─▶ other domains' servers
//! ```

mod autoconfig;
mod gateway;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use capa7_mail_proto::imap::session::{self as imap_session, CleartextLogin};
use capa7_mail_proto::pop3::server::ClearPasswords;
use capa7_mail_proto::queue::Schedule;
use capa7_mail_proto::smtp::server::{AuthPolicy, Offers, Role, SenderPolicy, SessionConfig};
use capa7_mail_proto::zone::{ClientPorts, MailServices};
use capa7_net::tls::{TlsClient, TlsServer};
use capa7_net::{Host, Room, Task, TcpListener};

use crate::config::{Limits, Service, TlsMode};
use crate::imap::server::{ImapServer, ImapServerConfig};
use crate::pop3::server::{Pop3Server, Pop3ServerConfig};
use crate::queue::{Queue, QueueConfig};
use crate::smtp::orders::Orders;
use crate::smtp::server::{Destination, ServerTls, SmtpServer, SmtpServerConfig};
use crate::spool::Sync;
use crate::store::{Store, StoreOptions};
use crate::users::Users;
use crate::webmail::Webmail;

/// What a mail server is made of.
#[derive(Clone, Debug)]
pub struct MailServerConfig {
    /// Its name, in greetings and trace lines.
    pub hostname: String,
    /// Whose mail it keeps, and for which domains.
    pub users: Users,
    /// The folder of queue and mailboxes.
    pub root: PathBuf,
    /// Whether what is answered waits for the disk.
    pub sync: Sync,
    /// The resolver that is asked for other servers.
    pub resolver: SocketAddr,
    /// Asked in turn when that one is silent, or cannot; none.
    pub other_resolvers: Vec<SocketAddr>,
    /// The port of other servers: 25.
    pub remote_port: u16,
    /// Its certificate; without it nothing is encrypted.
    pub tls: Option<TlsServer>,
    /// How it encrypts mail to other servers that offer it; none goes in clear.
    pub client_tls: Option<TlsClient>,
    /// Whether passwords may be told in clear: in labs, where one's own typing
    /// is the point, and without a certificate where nobody else listens.
    pub passwords: AuthPolicy,
    /// Bounds on what others may ask for.
    pub limits: Limits,
    /// When the queue tries again, tells and gives up.
    pub schedule: Schedule,
    /// Extensions of SMTP that are offered.
    pub offers: Offers,
    /// Replies of SMTP that are to be given instead of the server's own.
    pub orders: Option<Orders>,
}

/// One port: where, what, and how TLS begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port {
    /// Address and port.
    pub at: SocketAddr,
    /// What is spoken.
    pub service: Service,
    /// How TLS begins; [`TlsMode::Never`] also when there is no certificate.
    pub tls: TlsMode,
}

/// A running mail server; dropping it ends it at once.
#[derive(Debug)]
pub struct MailServer {
    host: Host,
    queue: Queue,
    store: Store,
    services: Vec<Running>,
}

#[derive(Debug)]
enum Running {
    Smtp(SmtpServer),
    Imap(ImapServer),
    Pop3(Pop3Server),
    Http(capa7_http::server::Server),
    Webmail(Webmail),
}

impl MailServerConfig {
    /// A server with the usual bounds, which waits for its disk, speaks to
    /// others on port 25, and takes passwords within TLS only.
    #[must_use]
    pub fn new(
        hostname: impl Into<String>,
        users: Users,
        root: impl Into<PathBuf>,
        resolver: SocketAddr,
    ) -> Self {
        Self {
            hostname: hostname.into(),
            users,
            root: root.into(),
            sync: Sync::Full,
            resolver,
            other_resolvers: Vec::new(),
            remote_port: SMTP_PORT,
            tls: None,
            client_tls: None,
            passwords: AuthPolicy::UnderTls,
            limits: Limits::default(),
            schedule: Schedule::default(),
            offers: Offers::ALL,
            orders: None,
        }
    }

    /// What the zone of a domain says of this server.
    #[must_use]
    pub fn services(&self, domain: &str, addresses: &[IpAddr], ports: &[Port]) -> MailServices {
        MailServices {
            domain: domain.to_owned(),
            host: self.hostname.clone(),
            addresses: addresses.to_vec(),
            ports: client_ports(ports, self.tls.is_some()),
            // Clients ask at the port that a browser would.
            autoconfig: ports.iter().any(|port| port.service == Service::Http),
            ttl: RECORD_TTL_S,
        }
    }

    async fn open_store(&self, host: &Host) -> io::Result<Store> {
        let options = StoreOptions { sync: self.sync, ..StoreOptions::default() };
        let (on_host, folder) = (host.clone(), self.root.join("mailboxes"));
        let open = move || Store::open(&on_host, &folder, options);
        host.blocking(open).await.map_err(io::Error::other)
    }

    fn queue(&self) -> QueueConfig {
        let root = self.root.join("queue");
        QueueConfig {
            sync: self.sync,
            port: self.remote_port,
            tls: self.client_tls.clone(),
            other_resolvers: self.other_resolvers.clone(),
            schedule: self.schedule,
            ..QueueConfig::new(root, &self.hostname, self.resolver)
        }
    }

    fn session(&self, role: Role) -> SessionConfig {
        let mut session = SessionConfig::new(self.hostname.clone(), role);
        if let Some(first) = self.users.book().domains().first() {
            session.postmaster_domain.clone_from(first);
        }
        if role == Role::Submission {
            session.auth = self.passwords;
            // RFC 6409 §6.1.
            session.senders = SenderPolicy::Own;
        }
        session.offers = self.offers;
        session.message_octets_max = self.limits.message.0;
        session.recipients_max = self.limits.recipients;
        session
    }

    fn server_tls(&self, mode: TlsMode) -> ServerTls {
        match (mode, &self.tls) {
            (TlsMode::StartTls, Some(tls)) => ServerTls::Offered(tls.clone()),
            (TlsMode::Implicit, Some(tls)) => ServerTls::Implicit(tls.clone()),
            (TlsMode::Never, _) | (_, None) => ServerTls::Never,
        }
    }

    fn imap(&self, mode: TlsMode) -> ImapServerConfig {
        let mut session = imap_session::SessionConfig::new(self.hostname.clone());
        if self.passwords == AuthPolicy::InClear {
            session.cleartext_login = CleartextLogin::Allowed;
        }
        session.append_octets_max = self.limits.message.0;
        let mut config = ImapServerConfig::new(session);
        config.tls = self.server_tls(mode);
        config.connections_max = self.limits.connections;
        config.connections_per_client_max = self.limits.connections_per_address;
        config
    }

    fn pop3(&self, mode: TlsMode) -> Pop3ServerConfig {
        let mut config = Pop3ServerConfig::new(self.hostname.clone());
        if self.passwords == AuthPolicy::InClear {
            config.passwords = ClearPasswords::Allowed;
        }
        config.tls = self.server_tls(mode);
        config.connections_max = self.limits.connections;
        config.connections_per_client_max = self.limits.connections_per_address;
        config
    }

    fn smtp(&self, role: Role, mode: TlsMode) -> SmtpServerConfig {
        let mut config = SmtpServerConfig::new(self.session(role));
        config.orders.clone_from(&self.orders);
        config.tls = self.server_tls(mode);
        config.connections_max = self.limits.connections;
        config.connections_per_client_max = self.limits.connections_per_address;
        config
    }
}

impl Port {
    /// The usual ports of a server at one address: those that begin within TLS
    /// only with a certificate.
    #[must_use]
    pub fn usual(address: IpAddr, has_certificate: bool) -> Vec<Self> {
        let clear = if has_certificate { TlsMode::StartTls } else { TlsMode::Never };
        USUAL
            .iter()
            .filter(|(_, _, implicit)| has_certificate || !implicit)
            .map(|&(port, service, implicit)| Self {
                at: SocketAddr::new(address, port),
                service,
                tls: if implicit { TlsMode::Implicit } else { clear },
            })
            .collect()
    }
}

impl MailServer {
    /// Opens the ports, takes up the queue, and serves.
    ///
    /// # Errors
    /// When a port cannot be listened on, or the folder not be opened.
    pub async fn start(host: &Host, config: MailServerConfig, ports: &[Port]) -> io::Result<Self> {
        let host = host.in_room(Room::Mail);
        let mut open = Vec::new();
        for port in ports {
            open.push((*port, host.listen_tcp(port.at)?));
        }
        Self::start_on(&host, config, open).await
    }

    /// The same on listeners that are open already.
    ///
    /// # Errors
    /// When the folder cannot be opened.
    pub async fn start_on(
        host: &Host,
        config: MailServerConfig,
        open: Vec<(Port, TcpListener)>,
    ) -> io::Result<Self> {
        let host = host.in_room(Room::Mail);
        let store = config.open_store(&host).await?;
        let queue =
            Queue::begin(&host, config.queue(), config.users.clone(), store.clone()).await?;
        let ports: Vec<Port> = open.iter().map(|(port, _)| *port).collect();
        let mut services = Vec::new();
        for (port, listener) in open {
            let users = config.users.clone();
            let smtp = |role, listener, users| {
                let destination = Destination::Queue(queue.clone());
                let config = config.smtp(role, port.tls);
                SmtpServer::start(&host, listener, config, users, destination)
            };
            services.push(match port.service {
                Service::Smtp => Running::Smtp(smtp(Role::Mx, listener, users)),
                Service::Submission => Running::Smtp(smtp(Role::Submission, listener, users)),
                Service::Imap => {
                    let config = config.imap(port.tls);
                    let store = store.clone();
                    Running::Imap(ImapServer::start(&host, listener, config, users, store))
                }
                Service::Pop3 => {
                    let config = config.pop3(port.tls);
                    let store = store.clone();
                    Running::Pop3(Pop3Server::start(&host, listener, config, users, store))
                }
                Service::Http => {
                    Running::Http(autoconfig::start(&host, listener, &config, port.tls, &ports))
                }
            });
        }
        Ok(Self { host, queue, store, services })
    }

    /// The queue, to look at it and to order it about.
    #[must_use]
    pub const fn queue(&self) -> &Queue {
        &self.queue
    }

    /// The mailboxes.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// Takes no more connections, lets every session finish its command and
    /// say farewell, then lets deliveries end.
    pub async fn stop(self) {
        let Self { host, queue, store: _, services } = self;
        let stopping: Vec<Task<()>> = services
            .into_iter()
            .map(|service| {
                host.spawn("mail stop", async move {
                    match service {
                        Running::Smtp(server) => server.stop().await,
                        Running::Imap(server) => server.stop().await,
                        Running::Pop3(server) => server.stop().await,
                        Running::Http(server) => server.stop().await,
                        Running::Webmail(server) => server.stop().await,
                    }
                })
            })
            .collect();
        for task in stopping {
            let _ = task.await;
        }
        queue.stop().await;
    }
}

/// What clients are told of the ports.
#[must_use]
pub fn client_ports(ports: &[Port], has_certificate: bool) -> ClientPorts {
    let find = |service, implicit| {
        let fits =
            |port: &&Port| port.service == service && (port.tls == TlsMode::Implicit) == implicit;
        ports.iter().find(fits).map(|port| port.at.port())
    };
    ClientPorts {
        submissions: find(Service::Submission, true),
        submission: find(Service::Submission, false),
        imaps: find(Service::Imap, true),
        imap: find(Service::Imap, false),
        pop3s: find(Service::Pop3, true),
        pop3: find(Service::Pop3, false),
        starttls: has_certificate,
    }
}

/// Port, service, and whether TLS is there from the first byte.
const USUAL: [(u16, Service, bool); 7] = [
    (SMTP_PORT, Service::Smtp, false),
    (465, Service::Submission, true),
    (587, Service::Submission, false),
    (143, Service::Imap, false),
    (993, Service::Imap, true),
    (110, Service::Pop3, false),
    (995, Service::Pop3, true),
];
/// RFC 5321 §4.5.4.2.
const SMTP_PORT: u16 = 25;
/// How long others may keep the records of our zones.
const RECORD_TTL_S: u32 = 3_600;
