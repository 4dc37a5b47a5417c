//! A small internet: a root, a top-level domain, an organisation with two
//! servers, a resolver, and whoever asks.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use capa7_dns::{
    Authoritative, AuthoritativeConfig, RecursiveConfig, RecursiveServer, StubClient, StubError,
    StubOptions, StubReply,
};
use capa7_dns_proto::answer::{AddressOrder, AnswerSettings};
use capa7_dns_proto::hints::Hints;
use capa7_dns_proto::message::{Message, Question};
use capa7_dns_proto::resolve::{Priming, ResolverConfig};
use capa7_dns_proto::zone::{Zone, ZoneSet};
use capa7_dns_proto::zone_file::ZoneFile;
use capa7_dns_proto::{Name, RecordType};
use capa7_net::{
    Cause, Host, HostConfig, LinkConfig, NetworkConfig, TcpStream, UdpSocket, VirtualNetwork,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// One way over an access link; a round trip crosses four.
pub(crate) const ONE_WAY: Duration = Duration::from_millis(5);
pub(crate) const ROUND_TRIP: Duration = Duration::from_millis(20);

pub(crate) const ROOT: SocketAddr = at([10, 0, 0, 1]);
pub(crate) const COM: SocketAddr = at([10, 0, 0, 2]);
pub(crate) const NS1: SocketAddr = at([10, 0, 0, 3]);
pub(crate) const NS2: SocketAddr = at([10, 0, 0, 4]);
pub(crate) const RESOLVER: SocketAddr = at([10, 0, 0, 53]);

pub(crate) const fn at(address: [u8; 4]) -> SocketAddr {
    let [a, b, c, d] = address;
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), 53)
}

pub(crate) const ROOT_ZONE: &str = "
. 86400 IN SOA ns.root. admin.root. 1 1800 900 604800 86400
. 86400 IN NS ns.root.
ns.root. 86400 IN A 10.0.0.1
com. 86400 IN NS ns.com.
ns.com. 86400 IN A 10.0.0.2
";

pub(crate) const COM_ZONE: &str = "
com. 86400 IN SOA ns.com. admin.com. 1 1800 900 604800 900
com. 86400 IN NS ns.com.
ns.com. 86400 IN A 10.0.0.2
example.com. 86400 IN NS ns1.example.com.
example.com. 86400 IN NS ns2.example.com.
ns1.example.com. 86400 IN A 10.0.0.3
ns2.example.com. 86400 IN A 10.0.0.4
hostile.com. 86400 IN NS ns.hostile.com.
ns.hostile.com. 86400 IN A 10.0.0.66
";

/// Texts of `big`, each of 100 octets: far more than a datagram holds.
pub(crate) const BIG_TEXTS: usize = 60;

pub(crate) fn example_zone() -> String {
    let mut zone = "
example.com. 300 IN SOA ns1.example.com. admin.example.com. 1 1800 900 604800 300
example.com. 300 IN NS ns1.example.com.
example.com. 300 IN NS ns2.example.com.
ns1.example.com. 300 IN A 10.0.0.3
ns2.example.com. 300 IN A 10.0.0.4
www.example.com. 300 IN A 192.0.2.1
alias.example.com. 300 IN CNAME www.example.com.
self.example.com. 300 IN CNAME self.example.com.
tick.example.com. 300 IN CNAME tock.example.com.
tock.example.com. 300 IN CNAME tick.example.com.
"
    .to_owned();
    for number in 0..BIG_TEXTS {
        zone.push_str(&format!("big.example.com. 300 IN TXT \"{number:0100}\"\n"));
    }
    zone
}

pub(crate) fn zones(texts: &[&str]) -> ZoneSet {
    let zone = |text: &&str| {
        let file = ZoneFile::read_text("zone", text).unwrap();
        Arc::new(Zone::compile(&file).unwrap())
    };
    ZoneSet::new(texts.iter().map(zone)).unwrap()
}

/// The network; hosts are added to it.
pub(crate) struct World {
    pub(crate) net: VirtualNetwork,
}

impl World {
    pub(crate) fn new() -> Self {
        Self { net: VirtualNetwork::new(NetworkConfig::default()) }
    }

    pub(crate) fn host(&self, name: &str, address: [u8; 4]) -> Host {
        let nanoseconds = u64::try_from(ONE_WAY.as_nanos()).unwrap();
        let link = LinkConfig { latency_ns: nanoseconds, ..LinkConfig::default() };
        let config = HostConfig {
            name: name.to_owned(),
            addresses: vec![IpAddr::from(address)],
            up: link.clone(),
            down: link,
            ..HostConfig::default()
        };
        self.net.network().add_host(config).unwrap()
    }

    /// A client's host inside the networks that the resolver serves.
    pub(crate) fn client(&self, name: &str, last: u8) -> Host {
        self.host(name, [10, 0, 1, last])
    }

    /// Runs `work`; a network in which nothing can happen any more is a failure.
    pub(crate) fn run<F: Future>(&self, work: F) -> F::Output {
        self.net.run(work).unwrap()
    }
}

pub(crate) fn authority(host: &Host, texts: &[&str]) -> Authoritative {
    authority_with(host, texts, &AuthoritativeConfig::default())
}

pub(crate) fn authority_with(
    host: &Host,
    texts: &[&str],
    config: &AuthoritativeConfig,
) -> Authoritative {
    let settings = AnswerSettings { address_order: AddressOrder::Fixed, ..config.settings.clone() };
    let config = AuthoritativeConfig { settings, ..config.clone() };
    let zones = Arc::new(arc_swap::ArcSwap::from_pointee(zones(texts)));
    Authoritative::start(host, zones, &config).unwrap()
}

/// The servers of the hierarchy and a resolver for 10.0.0.0/8.
pub(crate) struct Internet {
    pub(crate) world: World,
    pub(crate) servers: Vec<Authoritative>,
    pub(crate) resolver: RecursiveServer,
}

impl Internet {
    pub(crate) fn new() -> Self {
        Self::with(RecursiveConfig::default())
    }

    /// `config` with this internet's root and networks.
    pub(crate) fn with(config: RecursiveConfig) -> Self {
        let world = World::new();
        let example = example_zone();
        let serve = |name: &str, server: SocketAddr, zone: &str| {
            let IpAddr::V4(address) = server.ip() else { panic!("these are IPv4") };
            authority(&world.host(name, address.octets()), &[zone])
        };
        let servers = vec![
            serve("ns.root", ROOT, ROOT_ZONE),
            serve("ns.com", COM, COM_ZONE),
            serve("ns1.example.com", NS1, &example),
            serve("ns2.example.com", NS2, &example),
        ];
        let resolver_config = ResolverConfig {
            hints: Hints { servers: vec![("ns.root".parse().unwrap(), vec![ROOT.ip()])] },
            priming: Priming::Never,
            ipv6: false,
            ..config.resolver
        };
        let config = RecursiveConfig {
            resolver: resolver_config,
            allow: vec!["10.0.0.0/8".parse().unwrap()],
            ..config
        };
        let host = world.host("resolver", [10, 0, 0, 53]);
        let resolver = RecursiveServer::start(&host, config, None).unwrap();
        Self { world, servers, resolver }
    }

    pub(crate) fn is_serving(&self) -> bool {
        self.resolver.is_serving() && self.servers.iter().all(Authoritative::is_serving)
    }
}

/// Asks as a stub does.
pub(crate) async fn lookup(
    host: &Host,
    server: SocketAddr,
    name: &str,
    rtype: RecordType,
    options: StubOptions,
) -> Result<StubReply, StubError> {
    let client = StubClient::new(host.clone(), server).with_options(options);
    client.query(&name.parse::<Name>().unwrap(), rtype, Cause::NONE).await
}

pub(crate) async fn ask(
    host: &Host,
    server: SocketAddr,
    name: &str,
    rtype: RecordType,
) -> StubReply {
    lookup(host, server, name, rtype, StubOptions::default()).await.unwrap()
}

/// The octets of a query with RD.
pub(crate) fn query(id: u16, name: &str, rtype: RecordType) -> Vec<u8> {
    let mut query = Message::query(id, Question::new(name.parse().unwrap(), rtype));
    query.header.rd = true;
    query.write().unwrap()
}

/// What comes back to a datagram within a second, if anything does.
pub(crate) async fn datagram(host: &Host, server: SocketAddr, octets: &[u8]) -> Option<Message> {
    let socket = host.bind_udp(any()).unwrap();
    send(&socket, server, octets).await;
    let reply = host.timeout(Duration::from_secs(1), socket.recv_from()).await;
    reply.ok().map(|datagram| Message::parse(&datagram.unwrap().bytes).unwrap())
}

pub(crate) async fn send(socket: &UdpSocket, to: SocketAddr, octets: &[u8]) {
    socket.send_to(octets.to_vec(), to, Cause::NONE).await.unwrap();
}

pub(crate) fn any() -> SocketAddr {
    SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0)
}

/// A client's side of a stream.
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
}

impl Connection {
    pub(crate) async fn open(host: &Host, server: SocketAddr) -> Self {
        Self { stream: host.connect_tcp(server, Cause::NONE).await.unwrap() }
    }

    pub(crate) async fn send(&mut self, queries: &[Vec<u8>]) {
        let mut octets = Vec::new();
        for query in queries {
            octets.extend_from_slice(&framed(query));
        }
        self.stream.write_all(&octets).await.unwrap();
    }

    /// The next reply, or none when the server has closed.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        let mut length = [0; 2];
        self.stream.read_exact(&mut length).await.ok()?;
        let mut octets = vec![0; usize::from(u16::from_be_bytes(length))];
        self.stream.read_exact(&mut octets).await.ok()?;
        Some(Message::parse(&octets).unwrap())
    }

    /// Whether a question is answered here.
    pub(crate) async fn serves(&mut self, name: &str) -> bool {
        let octets = framed(&query(7, name, RecordType::A));
        if self.stream.write_all(&octets).await.is_err() {
            return false;
        }
        self.next().await.is_some_and(|reply| reply.header.id == 7)
    }
}

/// A message with its length in front (RFC 1035 §4.2.2).
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).unwrap();
    [&length.to_be_bytes(), message].concat()
}

/// Messages that are no queries, each with its name; each has the id 0x4141.
pub(crate) fn malformed() -> Vec<(&'static str, Vec<u8>)> {
    let header = |counts: [u8; 8]| [&[0x41, 0x41, 1, 0][..], &counts].concat();
    let one_question = || header([0, 1, 0, 0, 0, 0, 0, 0]);
    let with = |rest: &[u8]| [one_question(), rest.to_vec()].concat();
    vec![
        ("a question is announced and missing", one_question()),
        ("a name points at itself", with(b"\xc0\x0c\x00\x01\x00\x01")),
        ("a name points ahead", with(b"\xc0\x12\x00\x01\x00\x01\x03www\x00")),
        ("two names point at each other", with(b"\x01a\xc0\x10\xc0\x0c\x00\x01\x00\x01")),
        ("a label of a type that does not exist", with(b"\x41www\x00\x00\x01\x00\x01")),
        ("a label longer than the message", with(b"\x3fwww\x00\x00\x01\x00\x01")),
        ("a name without its end", with(b"\x03www")),
        ("a name of 320 octets", {
            let name = [[&b"\x3f"[..], &[b'x'; 63]].concat().repeat(5), vec![0]].concat();
            with(&[name, b"\x00\x01\x00\x01".to_vec()].concat())
        }),
        ("half a type", with(b"\x03www\x00\x00")),
        ("octets behind the end", with(b"\x03www\x00\x00\x01\x00\x01rest")),
        ("a record is announced and missing", {
            let head = header([0, 1, 0, 0, 0, 0, 0, 1]);
            [head, b"\x03www\x00\x00\x01\x00\x01".to_vec()].concat()
        }),
        ("two OPT records", {
            let head = header([0, 1, 0, 0, 0, 0, 0, 2]);
            let opt = b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00";
            [head, b"\x03www\x00\x00\x01\x00\x01".to_vec(), opt.repeat(2)].concat()
        }),
    ]
}
