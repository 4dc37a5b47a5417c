//! Services of a lab for programs outside of it.
//!
//! ```text
//!   Thunderbird ──▶ 127.0.0.1:1143 ──▶ relay ──▶ mail.urosario.edu.co:143
//!   outside         opened before the   │        inside, over the links,
//!                   lab is sealed       │        recorded like any client
//!                                       └ as a host of its own
//! ```
//! Only programs of this machine are let in: the address outside must be in
//! 127.0.0.0/8 or be ::1. Nothing is dialled from inside to outside.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use capa7_dissect::{Cause, Room};

use crate::host::Host;
use crate::note::Note;
use crate::startup::{DoorError, TcpDoor, UdpDoor};
use crate::task::Task;
use crate::tcp::{TcpListener, TcpStream};
use crate::time::Time;
use crate::udp::UdpSocket;

/// Connections that one publication relays at once; more are closed at once.
const CONNECTIONS_MAX: usize = 256;
/// Programs outside whose datagrams one publication relays at once.
const ASKERS_MAX: usize = 256;
/// A program outside that has said nothing for so long is forgotten.
const ASKER_IDLE: Duration = Duration::from_secs(120);

/// What is to be published where: `127.0.0.1:1143=mail.urosario.edu.co:143`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// The address outside.
    pub at: SocketAddr,
    /// The host inside, by name.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// Why something cannot be published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// Not in the form of [`Publication`].
    #[error("{0:?} is not in the form ADDR:PORT=HOST:PORT, as in 127.0.0.1:1143=mail.example:143")]
    Form(String),
    /// Others than this machine's programs could come in.
    #[error("{0} is not an address of this machine alone: publish at 127.0.0.1 or [::1]")]
    Open(IpAddr),
}

impl FromStr for Publication {
    type Err = PublishError;

    fn from_str(text: &str) -> Result<Self, PublishError> {
        let form = || PublishError::Form(text.to_owned());
        let (at, service) = text.split_once('=').ok_or_else(form)?;
        let (host, port) = service.rsplit_once(':').ok_or_else(form)?;
        let at: SocketAddr = at.parse().map_err(|_| form())?;
        let port: u16 = port.parse().map_err(|_| form())?;
        if host.is_empty() || port == 0 {
            return Err(form());
        }
        if !at.ip().is_loopback() {
            return Err(PublishError::Open(at.ip()));
        }
        Ok(Self { at, host: host.to_owned(), port })
    }
}

impl Publication {
    /// Opens the address outside, for both transports: to be done before the
    /// lab is sealed.
    ///
    /// # Errors
    /// When the address is in use or not permitted; says what to do.
    pub fn open(self) -> Result<Published, DoorError> {
        let tcp = TcpDoor::open(self.at)?;
        // A port that the system chose for the one is the other's too.
        let at = tcp.local_addr().map_err(|error| DoorError::new("TCP", self.at, error))?;
        let udp = UdpDoor::open(at)?;
        Ok(Published { what: Self { at, ..self }, tcp, udp })
    }
}

/// A publication whose address outside is open.
#[derive(Debug)]
pub struct Published {
    what: Publication,
    tcp: TcpDoor,
    udp: UdpDoor,
}

impl Published {
    /// What is published, with the port that is open.
    #[must_use]
    pub const fn what(&self) -> &Publication {
        &self.what
    }

    /// Relays until the returned future is dropped: from the outside to `to`,
    /// in the name of `client`, a host of the lab.
    ///
    /// # Errors
    /// When the listener fails for good.
    pub async fn relay(self, client: Host, to: SocketAddr) -> io::Result<()> {
        // A socket held all the time: while this host relays, no program from
        // outside can become it.
        let _claim = client.bind_udp(any_port_towards(to))?;
        let listener = client.adopt(self.tcp)?;
        let datagrams = Arc::new(client.adopt_udp(self.udp)?);
        let at = self.what.at;
        let relayed = Arc::clone(&datagrams);
        let from_outside = client.clone();
        let _datagrams = client.spawn("publish-datagrams", async move {
            relay_datagrams(&from_outside, &relayed, to).await
        });
        relay_streams(&client, &listener, at, to).await
    }
}

async fn relay_streams(
    client: &Host,
    listener: &TcpListener,
    at: SocketAddr,
    to: SocketAddr,
) -> io::Result<()> {
    let mut connections: Vec<Task<()>> = Vec::new();
    loop {
        let outside = listener.accept().await?;
        connections.retain(|connection| !connection.is_finished());
        if connections.len() >= CONNECTIONS_MAX {
            tracing::debug!(%at, "a connection was closed: too many are relayed already");
            continue;
        }
        let because = note(client, at, outside.peer_addr());
        let own = client.clone();
        connections.push(client.spawn("publish", async move {
            if let Err(error) = relay_stream(&own, outside, to, because).await {
                tracing::debug!(%at, %error, "a relayed connection ended");
            }
        }));
    }
}

async fn relay_stream(
    client: &Host,
    mut outside: TcpStream,
    to: SocketAddr,
    because: Cause,
) -> io::Result<()> {
    let mut inside = client.connect_tcp(to, because).await?;
    inside.set_write_cause(because);
    tokio::io::copy_bidirectional(&mut outside, &mut inside).await.map(|_| ())
}

fn note(client: &Host, at: SocketAddr, from: SocketAddr) -> Cause {
    let words = format!("a program outside of the lab came in through {at}");
    let mut note = Note::new(Room::Lab, "published", words);
    note.data.insert("at".into(), at.to_string().into());
    note.data.insert("from".into(), from.to_string().into());
    client.note(note)
}

/// A program outside that sends datagrams, and its socket inside.
#[derive(Debug)]
struct Asker {
    inside: Arc<UdpSocket>,
    because: Cause,
    latest: Time,
    _answers: Task<()>,
}

async fn relay_datagrams(client: &Host, outside: &Arc<UdpSocket>, to: SocketAddr) {
    let mut askers: BTreeMap<SocketAddr, Asker> = BTreeMap::new();
    loop {
        let question = match outside.recv_from().await {
            Ok(question) => question,
            Err(error) => {
                tracing::warn!(at = %outside.local_addr(), %error, "nothing more is relayed");
                return;
            }
        };
        let now = client.now();
        askers.retain(|_, asker| now.since(asker.latest) < ASKER_IDLE);
        if !askers.contains_key(&question.from) {
            if askers.len() >= ASKERS_MAX {
                continue;
            }
            match Asker::new(client, outside, question.from, to) {
                Ok(asker) => askers.insert(question.from, asker),
                Err(error) => {
                    tracing::debug!(%error, "a datagram from outside is not relayed");
                    continue;
                }
            };
        }
        let Some(asker) = askers.get_mut(&question.from) else { continue };
        asker.latest = now;
        if let Err(error) = asker.inside.send_to(question.bytes, to, asker.because).await {
            tracing::debug!(%error, "a datagram from outside was not sent on");
        }
    }
}

impl Asker {
    fn new(
        client: &Host,
        outside: &Arc<UdpSocket>,
        from: SocketAddr,
        to: SocketAddr,
    ) -> io::Result<Self> {
        let inside = Arc::new(client.bind_udp(any_port_towards(to))?);
        let because = note(client, outside.local_addr(), from);
        let (answers, back) = (Arc::clone(&inside), Arc::clone(outside));
        let task = client.spawn("publish-answers", async move {
            while let Ok(answer) = answers.recv_from().await {
                // Only the service's own answers go outside.
                if answer.from != to {
                    continue;
                }
                if let Err(error) = back.send_to(answer.bytes, from, answer.cause).await {
                    tracing::debug!(%error, "an answer to the outside was not sent");
                }
            }
        });
        Ok(Self { inside, because, latest: client.now(), _answers: task })
    }
}

/// Any port of any own address from which `to` can be reached.
fn any_port_towards(to: SocketAddr) -> SocketAddr {
    let any: IpAddr = match to {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    SocketAddr::new(any, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publication_names_an_address_outside_and_a_service_inside() {
        let publication: Publication =
            "127.0.0.1:1143=mail.urosario.edu.co:143".parse().expect("well-formed");
        assert_eq!(publication.at, "127.0.0.1:1143".parse().expect("an address"));
        assert_eq!((publication.host.as_str(), publication.port), ("mail.urosario.edu.co", 143));
        let six: Publication = "[::1]:1143=mail.example:143".parse().expect("well-formed");
        assert!(six.at.is_ipv6());
    }

    #[test]
    fn an_address_that_others_can_reach_is_refused() {
        for text in ["0.0.0.0:1143=a:1", "192.0.2.1:1143=a:1", "[::]:1143=a:1"] {
            let error = text.parse::<Publication>().expect_err("not this machine's alone");
            assert!(matches!(error, PublishError::Open(_)), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_not_in_the_form_is_told_the_form() {
        for text in [
            "",
            "127.0.0.1:1143",
            "127.0.0.1=a:1",
            "127.0.0.1:1=a",
            "127.0.0.1:1=:1",
            "127.0.0.1:1=a:0",
            "127.0.0.1:1=a:99999",
        ] {
            let error = text.parse::<Publication>().expect_err("malformed");
            assert!(error.to_string().contains("ADDR:PORT=HOST:PORT"), "{text}: {error}");
        }
    }

    #[test]
    fn a_port_in_use_is_told() {
        let first: Publication = "127.0.0.1:0=a:1".parse().expect("well-formed");
        let first = first.open().expect("any port");
        let second = Publication { at: first.what().at, ..first.what().clone() };
        let error = second.open().expect_err("in use").to_string();
        assert!(error.contains("in use"), "{error}");
    }
}
