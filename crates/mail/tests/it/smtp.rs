//! SMTP between real programs and ours, and over a virtual network.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use capa7_dissect::Room;
use capa7_mail::smtp::server::{Destination, ServerTls, SmtpServer, SmtpServerConfig, Taken};
use capa7_mail::users::Users;
use capa7_mail_proto::address::{Address, ForwardPath, ReversePath};
use capa7_mail_proto::envelope::{BodyKind, Envelope, Recipient, Returns};
use capa7_mail_proto::smtp::server::{AuthPolicy, Role, SessionConfig};
use capa7_net::Host;
use capa7_net::tls::Authority;
use tokio::sync::mpsc;

mod programs;
mod user_agent;
mod virtual_time;

/// A server on a port of this machine that keeps what it takes.
struct Sink {
    server: SmtpServer,
    taken: mpsc::Receiver<Taken>,
    authority: Authority,
}

fn users() -> Users {
    let accounts: Vec<Address> = ["andrea", "carlos"]
        .iter()
        .map(|name| format!("{name}@x.example").parse().unwrap())
        .collect();
    Users::lab(&["x.example".to_owned()], &accounts).unwrap()
}

fn envelope(to: &str) -> Envelope {
    let to: Address = to.parse().unwrap();
    Envelope {
        from: ReversePath(Some("andrea@x.example".parse().unwrap())),
        recipients: vec![Recipient::new(ForwardPath(to))],
        body: BodyKind::SevenBit,
        smtputf8: false,
        returns: Returns::Unsaid,
        envelope_id: None,
    }
}

impl Sink {
    fn start(host: &Host, at: SocketAddr, role: Role, tls: fn(&Authority) -> ServerTls) -> Self {
        let authority = Authority::new(&host.network()).unwrap();
        let session =
            SessionConfig { auth: AuthPolicy::InClear, ..SessionConfig::new("localhost", role) };
        let config = SmtpServerConfig { tls: tls(&authority), ..SmtpServerConfig::new(session) };
        let (sender, taken) = mpsc::channel(16);
        let listener = host.listen_tcp(at).unwrap();
        let destination = Destination::Channel(sender);
        let server = SmtpServer::start(host, listener, config, users(), destination);
        Self { server, taken, authority }
    }

    /// The next message; one that does not come fails the test.
    async fn next(&mut self, host: &Host) -> Taken {
        host.timeout(Duration::from_secs(120), self.taken.recv()).await.unwrap().unwrap()
    }
}

fn in_clear(_: &Authority) -> ServerTls {
    ServerTls::Never
}

fn starttls(authority: &Authority) -> ServerTls {
    ServerTls::Offered(authority.server(&["localhost"], &[]).unwrap())
}

fn implicit(authority: &Authority) -> ServerTls {
    ServerTls::Implicit(authority.server(&["localhost"], &[]).unwrap())
}

fn loopback() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

/// Runs on this machine's own sockets.
pub(crate) fn on_this_machine<F: Future<Output = ()>>(test: impl FnOnce(Host) -> F) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async { test(Host::machine(Room::Mail)).await });
}

fn message(text: &str) -> Bytes {
    Bytes::from(format!("From: andrea@x.example\r\nSubject: hi\r\n\r\n{text}\r\n"))
}
