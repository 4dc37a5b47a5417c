//! Zones changed by message, and a registry that does so (RFC 2136, course D9).

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use capa7_dns::{
    Authoritative, AuthoritativeConfig, ConnectionLimits, Registry, RegistryConfig, StubClient,
    StubOptions, UpdateConfig, place_order,
};
use capa7_dns_proto::message::{Rdata, Record};
use capa7_dns_proto::registry::{Book, REGISTRY_PORT, Request, Response, ServerEntry};
use capa7_dns_proto::update::Update;
use capa7_dns_proto::zone::{Zone, ZoneSet};
use capa7_dns_proto::zone_file::ZoneFile;
use capa7_dns_proto::{Name, Rcode, RecordType};
use capa7_net::{Cause, Host, HostConfig, NetworkConfig, VirtualNetwork};

const COM: &str = "$ORIGIN com.
$TTL 3600
@ SOA a.gtld-servers.net. hostmaster 7 1800 900 604800 900
@ NS a.gtld-servers.net.
taken NS ns1.taken
ns1.taken A 10.0.9.9
";

struct World {
    network: VirtualNetwork,
    server: Host,
    friend: Host,
    stranger: Host,
}

impl World {
    fn new() -> Self {
        let network = VirtualNetwork::new(NetworkConfig::default());
        let host = |name: &str, last: u8| {
            let addresses = vec![IpAddr::from([10, 0, 0, last])];
            let config = HostConfig { name: name.into(), addresses, ..HostConfig::default() };
            network.network().add_host(config).unwrap()
        };
        let (server, friend, stranger) = (host("server", 1), host("friend", 2), host("other", 3));
        Self { server, friend, stranger, network }
    }

    fn serve(&self) -> Authoritative {
        let zone = Zone::compile(&ZoneFile::read_text("com", COM).unwrap()).unwrap();
        let zones = Arc::new(ArcSwap::from_pointee(ZoneSet::single(Arc::new(zone))));
        let allow = vec![self.friend.addresses()[0].into()];
        let updates = UpdateConfig { allow, keeper: None };
        let config = AuthoritativeConfig { updates, ..AuthoritativeConfig::default() };
        Authoritative::start(&self.server, zones, &config).unwrap()
    }

    fn stub(&self, from: &Host, tcp: bool) -> StubClient {
        let server = (self.server.addresses()[0], 53).into();
        let options = StubOptions { tcp, ..StubOptions::default() };
        StubClient::new(from.clone(), server).with_options(options)
    }
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn addition(owner: &str) -> capa7_dns_proto::message::Message {
    let data = Rdata::a([10, 1, 1, 1].into());
    Update::of(&name("com"))
        .with_added(Record::new(name(owner), RecordType::A, 60, data))
        .into_message()
}

#[test]
fn an_update_from_an_allowed_address_is_served_from_the_next_query_on() {
    let world = World::new();
    let server = world.serve();
    let seen = world.network.run(async {
        let mut seen = Vec::new();
        for (tcp, owner) in [(false, "udp.com"), (true, "tcp.com")] {
            let stub = world.stub(&world.friend, tcp);
            let reply = stub.exchange(addition(owner), Cause::NONE).await.unwrap();
            assert_eq!(reply.message.header.rcode, Rcode::NOERROR);
            let reply = stub.query(&name(owner), RecordType::A, Cause::NONE).await.unwrap();
            seen.push(reply.message.answers.len());
        }
        seen
    });
    assert_eq!(seen.unwrap(), [1, 1]);
    // RFC 2136 §3.6: each change has a serial of its own.
    assert_eq!(server.zones().load().zones()[0].serial(), 9);
    world.network.shutdown();
}

#[test]
fn a_stranger_learns_nothing_and_a_faulty_update_its_fault() {
    // RFC 2136 §3.1, §3.3
    let world = World::new();
    let server = world.serve();
    let taken = || Update::of(&name("com")).require_no_set(&name("taken.com"), RecordType::NS);
    let seen = world.network.run(async {
        let mut seen = Vec::new();
        for (from, message) in [
            (&world.stranger, addition("x.com")),
            (&world.stranger, taken().into_message()),
            (&world.friend, taken().into_message()),
            (&world.friend, Update::of(&name("net")).into_message()),
            (&world.friend, addition("x.net")),
        ] {
            let stub = world.stub(from, false);
            let reply = stub.exchange(message, Cause::NONE).await.unwrap();
            seen.push(reply.message.header.rcode);
        }
        seen
    });
    let expected = [Rcode::REFUSED, Rcode::REFUSED, Rcode::YXRRSET, Rcode::NOTAUTH, Rcode::NOTZONE];
    assert_eq!(seen.unwrap(), expected);
    assert_eq!(server.zones().load().zones()[0].serial(), 7);
    world.network.shutdown();
}

fn order(domain: &str) -> Request {
    let server = name(&format!("dns1.{domain}"));
    Request::Register {
        domain: name(domain),
        registrant: "MACCSHINE".into(),
        years: 1,
        servers: vec![ServerEntry { name: server, address: Some([10, 7, 7, 7].into()) }],
    }
}

fn registry(world: &World) -> Registry {
    let mut book = Book::new(name("com"));
    book.inherit(name("taken.com"), Vec::new());
    let config = RegistryConfig {
        book,
        primary: (world.server.addresses()[0], 53).into(),
        listen: Vec::new(),
        registrars: vec![world.stranger.addresses()[0].into()],
        connections: ConnectionLimits::default(),
    };
    Registry::start(&world.friend, config).unwrap()
}

#[test]
fn an_order_enters_servers_and_glue_and_the_book() {
    // course D9
    let world = World::new();
    let server = world.serve();
    let registry = registry(&world);
    let at = (world.friend.addresses()[0], REGISTRY_PORT).into();
    let answers = world.network.run(async {
        let mut answers = Vec::new();
        for request in [
            order("maccshine.com"),
            order("maccshine.com"),
            order("taken.com"),
            Request::Info(name("maccshine.com")),
        ] {
            answers.push(place_order(&world.stranger, at, &request, Cause::NONE).await.unwrap().0);
        }
        answers
    });
    let answers = answers.unwrap();
    assert!(matches!(&answers[0], Response::Ok(text) if text.starts_with("maccshine.com until")));
    assert!(matches!(&answers[1], Response::Refused(text) if text.contains("registered already")));
    assert!(matches!(&answers[2], Response::Refused(_)));
    assert!(matches!(&answers[3], Response::Ok(text) if text.ends_with("held by MACCSHINE")));
    let zone = Arc::clone(&server.zones().load().zones()[0]);
    assert_eq!(zone.find(&name("maccshine.com"), RecordType::NS).len(), 1);
    assert_eq!(zone.find(&name("dns1.maccshine.com"), RecordType::A)[0].data, [10, 7, 7, 7]);
    assert_eq!(registry.registrations().len(), 2);
    world.network.shutdown();
}

#[test]
fn a_name_that_the_zone_does_not_take_is_free_again() {
    let world = World::new();
    let registry = registry(&world);
    let at = (world.friend.addresses()[0], REGISTRY_PORT).into();
    // Nobody answers at the primary's address.
    let answer = world.network.run(async {
        place_order(&world.stranger, at, &order("maccshine.com"), Cause::NONE).await.unwrap().0
    });
    assert!(matches!(answer.unwrap(), Response::Failed(_)));
    assert_eq!(registry.find(&name("maccshine.com")), None);
    let server = world.serve();
    let answer = world.network.run(async {
        place_order(&world.stranger, at, &order("maccshine.com"), Cause::NONE).await.unwrap().0
    });
    assert!(matches!(answer.unwrap(), Response::Ok(_)));
    assert!(server.is_serving());
    world.network.shutdown();
}

#[test]
fn whoever_is_no_registrar_gets_no_answer() {
    let world = World::new();
    let _registry = registry(&world);
    let at = (world.friend.addresses()[0], REGISTRY_PORT).into();
    let outcome = world.network.run(async {
        place_order(&world.server, at, &Request::Info(name("taken.com")), Cause::NONE).await
    });
    assert!(outcome.unwrap().is_err());
    world.network.shutdown();
}
