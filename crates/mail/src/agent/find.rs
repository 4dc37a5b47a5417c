//! Where a user agent's server is: what a person typed, or the records of the
//! user's own domain.
//!
//! ```text
//!   mail.example.org:587 ──AAAA, A──▶ addresses, one after the other
//!   andrea@example.org ──SRV──▶ hosts in order ──AAAA, A──▶ addresses
//! ```
//! Who the server must be in its certificate is the name that was typed, or a
//! host within the user's domain (RFC 6186 §6).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use capa7_dns::StubClient;
use capa7_dns_proto::message::{Record, Srv};
use capa7_dns_proto::{Name, RecordType};
use capa7_net::{Cause, Host};
use rand::Rng as _;

use crate::lookup::{Records, addresses, records, text};

/// A service of mail that user agents need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// RFC 6409: sending.
    Submission,
    /// RFC 9051: reading.
    Imap,
    /// RFC 1939: taking away.
    Pop3,
}

/// How a connection to a service begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// With TLS, from the first byte (RFC 8314 §3).
    Tls,
    /// In clear, whether or not TLS follows.
    Clear,
}

/// What a person types for a server: `mail.example.org`,
/// `mail.example.org:587`, `192.0.2.25`, `[2001:db8::25]:993`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerName {
    host: HostName,
    /// The service's own where none is given.
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostName {
    Address(IpAddr),
    /// In lower case, without the root's dot.
    Name(String),
}

/// A host with its addresses.
struct Located {
    name: String,
    addresses: Vec<IpAddr>,
}

impl Located {
    fn at(&self, port: u16, begin: Begin) -> Server {
        let addresses = self.addresses.iter().map(|one| SocketAddr::new(*one, port)).collect();
        Server { name: self.name.clone(), addresses, begin }
    }
}

impl ServerName {
    /// The port that was typed.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    /// Whether a resolver must be asked for its addresses.
    #[must_use]
    pub fn needs_lookup(&self) -> bool {
        self.literal().is_none()
    }

    /// A host whose addresses are known without asking.
    fn literal(&self) -> Option<Located> {
        let addresses = match &self.host {
            HostName::Address(address) => vec![*address],
            // RFC 6761 §6.3: nobody is asked for it.
            HostName::Name(name) if name == "localhost" => {
                vec![Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()]
            }
            HostName::Name(_) => return None,
        };
        Some(Located { name: self.name(), addresses })
    }

    fn name(&self) -> String {
        match &self.host {
            HostName::Address(address) => address.to_string(),
            HostName::Name(name) => name.clone(),
        }
    }
}

/// A server that may serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Who it must be in its certificate: a name without the root's dot, or an
    /// address.
    pub name: String,
    /// Where it is, in the order in which they are tried; at least one.
    pub addresses: Vec<SocketAddr>,
    /// How a connection begins.
    pub begin: Begin,
}

/// Why no server is known.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// Nobody has the name.
    #[error("there is no name {0} in DNS: check how it is spelled")]
    NoName(String),
    /// The name has no address.
    #[error("{0} has no address: DNS has neither A nor AAAA records for it")]
    NoAddress(String),
    /// The resolver is of no use.
    #[error("cannot look up {name}: {why}; name another resolver, or the server by its address")]
    NoAnswer {
        /// What was asked for.
        name: String,
        /// What the resolver did.
        why: String,
    },
    /// The domain does not say where its server is.
    #[error("{domain} does not say where its {service} server is: name the server")]
    NotSaid {
        /// The user's domain.
        domain: String,
        /// The service.
        service: Service,
    },
    /// The domain says that it has none.
    #[error("{domain} offers no {service} of this kind: choose another, or name the server")]
    NotOffered {
        /// The user's domain.
        domain: String,
        /// The service.
        service: Service,
    },
    /// The domain names a server of others, and anybody can forge a record.
    #[error(
        "{domain} names {target}, which is not its own: if you trust it, name it as the server"
    )]
    Foreign {
        /// The user's domain.
        domain: String,
        /// The server.
        target: String,
    },
}

/// Nobody could be reached; each address with what happened there.
#[derive(Debug, thiserror::Error)]
#[error("nobody answers: {}", told(.0))]
pub struct Unreached<E: fmt::Display + fmt::Debug>(pub Vec<(SocketAddr, E)>);

/// What somebody who waits is told while servers are tried.
#[derive(Debug)]
pub enum Trying<'t, E> {
    /// This address is next.
    Begins(&'t Server, SocketAddr),
    /// It was of no use; another one is next, if there is one.
    Failed(SocketAddr, &'t E),
}

/// What came of trying servers.
#[derive(Debug)]
pub enum Tried<E: fmt::Display + fmt::Debug> {
    /// Nobody could be reached.
    Unreached(Unreached<E>),
    /// Somebody was, and it ended there.
    Ended(SocketAddr, E),
}

impl Service {
    /// The port that everybody uses (RFC 8314 §7).
    #[must_use]
    pub const fn port(self, begin: Begin) -> u16 {
        match (self, begin) {
            (Self::Submission, Begin::Tls) => 465,
            (Self::Submission, Begin::Clear) => 587,
            (Self::Imap, Begin::Tls) => 993,
            (Self::Imap, Begin::Clear) => 143,
            (Self::Pop3, Begin::Tls) => 995,
            (Self::Pop3, Begin::Clear) => 110,
        }
    }

    /// The label of its SRV records (RFC 6186 §3, RFC 8314 §5.1).
    const fn label(self, begin: Begin) -> &'static str {
        match (self, begin) {
            (Self::Submission, Begin::Tls) => "_submissions",
            (Self::Submission, Begin::Clear) => "_submission",
            (Self::Imap, Begin::Tls) => "_imaps",
            (Self::Imap, Begin::Clear) => "_imap",
            (Self::Pop3, Begin::Tls) => "_pop3s",
            (Self::Pop3, Begin::Clear) => "_pop3",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Submission => "submission",
            Self::Imap => "IMAP",
            Self::Pop3 => "POP3",
        })
    }
}

impl FromStr for ServerName {
    type Err = String;

    fn from_str(typed: &str) -> Result<Self, String> {
        if let Ok(at) = typed.parse::<SocketAddr>() {
            return Ok(Self { host: HostName::Address(at.ip()), port: Some(at.port()) });
        }
        let bare = typed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        if let Ok(address) = bare.unwrap_or(typed).parse::<IpAddr>() {
            return Ok(Self { host: HostName::Address(address), port: None });
        }
        let wrong = || {
            let example = "mail.example.org, mail.example.org:587, 192.0.2.25";
            format!("`{typed}` is no server: write one as {example}")
        };
        let (name, port) = match typed.rsplit_once(':') {
            Some((name, port)) => {
                let port = port.parse().ok().filter(|port| *port > 0);
                (name, Some(port.ok_or_else(wrong)?))
            }
            None => (typed, None),
        };
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let mut labels = name.strip_suffix('.').unwrap_or(name).split('.');
        if !labels.all(|label| !label.is_empty() && label.bytes().all(is_letter)) {
            return Err(wrong());
        }
        let name: Name = name.parse().map_err(|_| wrong())?;
        Ok(Self { host: HostName::Name(text(&name)), port })
    }
}

/// The servers that a person named: one for each way to begin, in the order of
/// preference; where a port is given, for the first way only.
///
/// # Errors
/// When DNS has no address for the name, or does not answer.
pub async fn named(
    stub: &StubClient,
    server: &ServerName,
    service: Service,
    begins: &[Begin],
) -> Result<Vec<Server>, FindError> {
    let host = match server.literal() {
        Some(host) => host,
        None => at_host(stub, &server.name()).await?,
    };
    let way = |begin: &Begin| host.at(server.port.unwrap_or(service.port(*begin)), *begin);
    let count = if server.port.is_some() { 1 } else { begins.len() };
    Ok(begins.iter().take(count).map(way).collect())
}

/// The servers that a domain names for its users (RFC 6186), in the order in
/// which they are tried; for `begins` in the order of preference.
///
/// # Errors
/// When it names none, says that there is none, names only servers of others,
/// or DNS does not answer.
pub async fn of_domain(
    host: &Host,
    stub: &StubClient,
    domain: &str,
    service: Service,
    begins: &[Begin],
) -> Result<Vec<Server>, FindError> {
    let not_said = || FindError::NotSaid { domain: domain.to_owned(), service };
    let within: Name = domain.parse().map_err(|_| not_said())?;
    let (mut servers, mut problem, mut dice) = (Vec::new(), not_said(), host.rng());
    for begin in begins {
        let owner = format!("{}._tcp.{domain}", service.label(*begin));
        let asked = records(stub, &owner, RecordType::SRV, Record::srv, Cause::NONE).await;
        let found = match asked.0 {
            Records::Found(found) => found,
            Records::NoDomain => continue,
            Records::Failed(why) => return Err(FindError::NoAnswer { name: owner, why }),
        };
        for srv in in_order(found, |sum| dice.random_range(0..=sum)).into_iter().take(SERVERS_MAX) {
            // RFC 6186 §3.4: a target of `.` says that the service is not offered.
            if srv.target.is_root() {
                if matches!(problem, FindError::NotSaid { .. }) {
                    problem = FindError::NotOffered { domain: domain.to_owned(), service };
                }
                continue;
            }
            // RFC 6186 §6: who forges the record must not choose the server.
            if !srv.target.is_subdomain_of(&within) {
                let target = text(&srv.target);
                problem = FindError::Foreign { domain: domain.to_owned(), target };
                continue;
            }
            match at_host(stub, &text(&srv.target)).await {
                Ok(found) => servers.push(found.at(srv.port, *begin)),
                Err(error) => problem = error,
            }
        }
    }
    if servers.is_empty() { Err(problem) } else { Ok(servers) }
}

/// Tries the addresses in order until one opens, or one fails in a way that
/// another cannot make good; `tell` hears of each as it happens.
///
/// # Errors
/// See [`Tried`].
pub async fn first<T, E: fmt::Display + fmt::Debug>(
    servers: &[Server],
    open: impl AsyncFn(&Server, SocketAddr) -> Result<T, E>,
    is_unreachable: impl Fn(&E) -> bool,
    tell: impl Fn(Trying<'_, E>),
) -> Result<(T, SocketAddr), Tried<E>> {
    let mut failed = Vec::new();
    for server in servers {
        for at in &server.addresses {
            tell(Trying::Begins(server, *at));
            match open(server, *at).await {
                Ok(opened) => return Ok((opened, *at)),
                Err(error) if is_unreachable(&error) => {
                    tell(Trying::Failed(*at, &error));
                    failed.push((*at, error));
                }
                Err(error) => return Err(Tried::Ended(*at, error)),
            }
        }
    }
    Err(Tried::Unreached(Unreached(failed)))
}

async fn at_host(stub: &StubClient, name: &str) -> Result<Located, FindError> {
    let name = name.to_owned();
    match addresses(stub, &name, &[], Cause::NONE).await.0 {
        Records::Found(found) if found.is_empty() => Err(FindError::NoAddress(name)),
        Records::Found(addresses) => Ok(Located { name, addresses }),
        Records::NoDomain => Err(FindError::NoName(name)),
        Records::Failed(why) => Err(FindError::NoAnswer { name, why }),
    }
}

/// By priority; among equals by lot, in proportion to the weights (RFC 2782).
/// `lot` draws from 0 to the number that it is given, both included.
fn in_order(mut records: Vec<Srv>, mut lot: impl FnMut(u32) -> u32) -> Vec<Srv> {
    // Those without a weight come first, so that they have a chance of zero
    // unless the others are gone.
    records.sort_by_key(|record| (record.priority, record.weight));
    let mut ordered = Vec::with_capacity(records.len());
    while let Some(priority) = records.first().map(|record| record.priority) {
        let equals = || records.iter().take_while(|record| record.priority == priority);
        let sum: u32 = equals().map(|record| u32::from(record.weight)).sum();
        let drawn = lot(sum);
        let mut running = 0;
        let chosen = equals().position(|record| {
            running += u32::from(record.weight);
            running >= drawn
        });
        ordered.push(records.remove(chosen.unwrap_or_default()));
    }
    ordered
}

fn told<E: fmt::Display>(failed: &[(SocketAddr, E)]) -> String {
    let each: Vec<String> = failed.iter().map(|(at, error)| format!("{at}: {error}")).collect();
    each.join("; ")
}

/// Servers of one service that are looked up.
const SERVERS_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use capa7_dns_proto::message::Srv;

    use super::{ServerName, in_order};

    fn srv(priority: u16, weight: u16, target: &str) -> Srv {
        Srv { priority, weight, port: 1, target: target.parse().unwrap() }
    }

    #[test]
    fn a_server_is_a_name_or_an_address_with_or_without_a_port() {
        let port = |typed: &str| typed.parse::<ServerName>().unwrap().port;
        for typed in ["mail.a.test", "192.0.2.25", "::1", "[2001:db8::1]", "localhost", "a.test."] {
            assert_eq!(port(typed), None, "{typed}");
        }
        for typed in ["mail.a.test:587", "192.0.2.25:587", "[::1]:587"] {
            assert_eq!(port(typed), Some(587), "{typed}");
        }
        for typed in ["", ":587", "a.test:", "a.test:0", "a.test:70000", "a b", "http://a/", "a_b"]
        {
            assert!(typed.parse::<ServerName>().is_err(), "{typed}");
        }
    }

    // RFC 2782: the lower priority always comes first, the weight only shares.
    #[test]
    fn servers_are_ordered_by_priority_and_shared_by_weight() {
        let mut count = 0;
        // Every number in turn: each share is met as often as it is large.
        let mut lot = |sum: u32| {
            count += 1;
            count % (sum + 1)
        };
        let records =
            [srv(20, 9, "last."), srv(10, 30, "most."), srv(10, 10, "few."), srv(10, 0, "no.")];
        let mut first: BTreeMap<String, u32> = BTreeMap::new();
        for _ in 0..4_000 {
            let order = in_order(records.to_vec(), &mut lot);
            assert_eq!((order.len(), order[3].target.to_string().as_str()), (4, "last."));
            *first.entry(order[0].target.to_string()).or_default() += 1;
        }
        let (most, few) = (first["most."], first["few."]);
        assert!((2_700..3_100).contains(&most) && (800..1_200).contains(&few), "{first:?}");
        assert!(in_order(Vec::new(), lot).is_empty());
    }
}
