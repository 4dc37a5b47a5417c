//! What a resolver does for clients, and to whom it says no.

use std::collections::BTreeSet;
use std::time::Duration;

use capa7_dns::{RecursiveConfig, StubOptions};
use capa7_dns_proto::message::{ExtendedError, Message, Question};
use capa7_dns_proto::{Rcode, RecordType};
use capa7_net::{Cause, Host, UdpSocket};
use rand::{Rng as _, RngCore as _};

use crate::world::{
    BIG_TEXTS, Connection, Internet, NS1, RESOLVER, ROUND_TRIP, any, ask, datagram, lookup,
    malformed, query, send,
};

const WWW: &str = "www.example.com";

/// The client's whole budget in the resolver, and a second.
const PATIENT: StubOptions = StubOptions {
    recursion_desired: true,
    dnssec: false,
    nsid: false,
    payload_octets: 1_232,
    tcp: false,
    tries: 1,
    patience: Duration::from_secs(11),
};

#[test]
fn a_name_is_found_from_the_root_once_and_then_known() {
    let internet = Internet::new();
    let client = internet.world.client("client", 1);
    let reply = internet.world.run(ask(&client, RESOLVER, WWW, RecordType::A));
    assert!(reply.message.header.ra && !reply.message.header.aa);
    assert_eq!(reply.message.answers[0].a().unwrap().octets(), [192, 0, 2, 1]);
    // Course D4: the client's round trip, and one to each of three servers.
    assert_eq!(reply.took, ROUND_TRIP * 4);
    internet.world.net.run_for(Duration::from_secs(99));
    let again = internet.world.run(ask(&client, RESOLVER, WWW, RecordType::A));
    assert_eq!(again.took, ROUND_TRIP, "from the cache");
    // Course D6: the time to live counts down.
    assert_eq!(again.message.answers[0].ttl, 200);
}

#[test]
fn an_answer_is_the_same_when_nobody_watches() {
    let internet = Internet::new();
    internet.world.net.network().capture().set_on(false);
    let client = internet.world.client("client", 1);
    internet.world.run(ask(&client, RESOLVER, WWW, RecordType::A));
    internet.world.net.run_for(Duration::from_secs(99));
    for tcp in [false, true] {
        let options = StubOptions { tcp, ..PATIENT };
        let known = internet.world.run(lookup(&client, RESOLVER, WWW, RecordType::A, options));
        let known = known.unwrap();
        assert_eq!(known.took, ROUND_TRIP * if tcp { 2 } else { 1 }, "from the cache");
        assert_eq!(known.message.answers[0].ttl, 200);
        assert!(known.message.header.ra && !known.message.header.aa);
    }
    internet.world.net.run_for(Duration::from_secs(201));
    let expired = internet.world.run(ask(&client, RESOLVER, WWW, RecordType::A));
    assert_eq!(expired.message.answers[0].ttl, 300, "asked again");
}

#[test]
fn a_large_set_is_fetched_and_given_over_streams() {
    let internet = Internet::new();
    let client = internet.world.client("client", 1);
    let reply = internet.world.run(ask(&client, RESOLVER, "big.example.com", RecordType::TXT));
    assert!(reply.tcp);
    assert_eq!(reply.message.answers.len(), BIG_TEXTS);
}

// RFC 5358: never an open resolver; RFC 8914 §4.19 says why.
#[test]
fn who_is_outside_is_refused_with_the_reason() {
    let internet = Internet::new();
    let outside = internet.world.host("outside", [203, 0, 113, 9]);
    for tcp in [false, true] {
        let options = StubOptions { tcp, ..PATIENT };
        let reply = internet.world.run(lookup(&outside, RESOLVER, WWW, RecordType::A, options));
        let reply = reply.unwrap();
        assert_eq!(reply.message.header.rcode, Rcode::REFUSED);
        assert!(reply.message.answers.is_empty());
        let edns = reply.message.edns.as_ref().unwrap();
        let codes: Vec<u16> = edns.extended_errors().map(|error| error.code).collect();
        assert_eq!(codes, [ExtendedError::PROHIBITED]);
        // Nobody was asked: a refusal costs the client's own round trip.
        assert_eq!(reply.took, ROUND_TRIP * if tcp { 2 } else { 1 });
    }
    let plain = internet.world.run(datagram(&outside, RESOLVER, &query(3, WWW, RecordType::A)));
    let plain = plain.expect("a refusal");
    assert_eq!((plain.header.rcode, plain.edns), (Rcode::REFUSED, None));
}

// RFC 7766 §6.2.1.1: a quick answer does not wait for a slow one.
#[test]
fn a_known_answer_overtakes_one_that_must_be_found() {
    let internet = Internet::new();
    let client = internet.world.client("client", 1);
    internet.world.run(ask(&client, RESOLVER, WWW, RecordType::A));
    let ids = internet.world.run(async {
        let mut connection = Connection::open(&client, RESOLVER).await;
        let slow = query(1, "missing.com", RecordType::A);
        connection.send(&[slow, query(2, WWW, RecordType::A)]).await;
        [connection.next().await.unwrap().header.id, connection.next().await.unwrap().header.id]
    });
    assert_eq!(ids, [2, 1]);
}

#[test]
fn more_questions_than_a_connection_may_have_open_are_all_answered() {
    let internet = Internet::new();
    let client = internet.world.client("client", 1);
    let queries: Vec<_> = (0..1_000)
        .map(|id| query(id, &format!("n{}.example.com", id % 500), RecordType::A))
        .collect();
    let ids = internet.world.run(async {
        let mut connection = Connection::open(&client, RESOLVER).await;
        connection.send(&queries).await;
        let mut ids = BTreeSet::new();
        for _ in &queries {
            let reply = connection.next().await.expect("an answer to each");
            assert_eq!(reply.header.rcode, Rcode::NXDOMAIN);
            ids.insert(reply.header.id);
        }
        ids
    });
    assert_eq!(ids, (0..1_000).collect());
}

#[test]
fn when_a_server_is_dead_the_next_is_asked() {
    for dead in [[NS1], [crate::world::NS2]] {
        let internet = Internet::new();
        let network = internet.world.net.network();
        for server in dead {
            network.set_host_down(network.host_by_address(server.ip()).unwrap().id(), true);
        }
        let client = internet.world.client("client", 1);
        let reply = internet.world.run(lookup(&client, RESOLVER, WWW, RecordType::A, PATIENT));
        assert_eq!(reply.unwrap().message.answers.len(), 1, "without {dead:?}");
    }
}

#[test]
fn when_all_servers_are_dead_the_client_is_told_within_the_budget() {
    let internet = Internet::new();
    let network = internet.world.net.network();
    for server in [NS1, crate::world::NS2] {
        network.set_host_down(network.host_by_address(server.ip()).unwrap().id(), true);
    }
    let client = internet.world.client("client", 1);
    let reply = internet.world.run(lookup(&client, RESOLVER, WWW, RecordType::A, PATIENT)).unwrap();
    assert_eq!(reply.message.header.rcode, Rcode::SERVFAIL);
    assert!(reply.took <= Duration::from_secs(10) + ROUND_TRIP, "{:?}", reply.took);
    // RFC 8914 §4.23: what is behind the failure.
    let edns = reply.message.edns.as_ref().unwrap();
    assert!(
        edns.extended_errors().any(|error| error.code == ExtendedError::NO_REACHABLE_AUTHORITY)
    );
}

#[test]
fn a_loop_of_aliases_ends_with_servfail() {
    let internet = Internet::new();
    let client = internet.world.client("client", 1);
    for name in ["self.example.com", "tick.example.com"] {
        let reply = internet.world.run(lookup(&client, RESOLVER, name, RecordType::A, PATIENT));
        assert_eq!(reply.unwrap().message.header.rcode, Rcode::SERVFAIL, "{name}");
    }
    assert!(internet.is_serving());
}

/// Answers every query with what `answer` makes of it.
async fn hostile(socket: UdpSocket, answer: impl Fn(&[u8]) -> Vec<u8>) {
    while let Ok(asked) = socket.recv_from().await {
        let octets = answer(&asked.bytes);
        let _ = socket.send_to(octets, asked.from, asked.cause).await;
    }
}

/// A server for hostile.com.
fn hostile_server(
    internet: &Internet,
    answer: impl Fn(&[u8]) -> Vec<u8> + Send + 'static,
) -> capa7_net::Task<()> {
    let host = internet.world.host("ns.hostile.com", [10, 0, 0, 66]);
    let socket = host.bind_udp("10.0.0.66:53".parse().unwrap()).unwrap();
    host.spawn("hostile", hostile(socket, answer))
}

#[test]
fn loops_of_compression_pointers_in_replies_end_with_servfail() {
    let internet = Internet::new();
    let _hostile = hostile_server(&internet, |asked| {
        // The question, then an owner whose name points at itself.
        let mut reply = asked.to_vec();
        reply[2] |= 0x84;
        reply[6..12].copy_from_slice(&[0, 1, 0, 0, 0, 0]);
        let question_end =
            Message::parse(asked).unwrap().questions[0].name.as_wire().len() + 12 + 4;
        reply.truncate(question_end);
        let own = u16::try_from(reply.len()).unwrap() | 0xc000;
        reply.extend_from_slice(&own.to_be_bytes());
        reply.extend_from_slice(b"\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01");
        reply
    });
    let client = internet.world.client("client", 1);
    let reply =
        internet.world.run(lookup(&client, RESOLVER, "w.hostile.com", RecordType::A, PATIENT));
    assert_eq!(reply.unwrap().message.header.rcode, Rcode::SERVFAIL);
    let others = internet.world.run(ask(&client, RESOLVER, WWW, RecordType::A));
    assert_eq!(others.message.answers.len(), 1);
}

// RFC 5452 §9.1, and bailiwick by the zone that was asked: a server speaks for
// its own zone only.
#[test]
fn what_a_server_says_of_others_names_is_not_believed() {
    let internet = Internet::new();
    let _hostile = hostile_server(&internet, |asked| {
        let query = Message::parse(asked).unwrap();
        let mut reply = query.reply(Rcode::NOERROR);
        reply.header.aa = true;
        let address = |name: &str| {
            let rdata = capa7_dns_proto::message::Rdata::a([6, 6, 6, 6].into());
            capa7_dns_proto::message::Record::new(
                name.parse().unwrap(),
                RecordType::A,
                86_400,
                rdata,
            )
        };
        let asked = query.questions[0].name.to_string();
        reply.answers = vec![address(&asked), address(WWW)];
        reply.additionals = vec![address(WWW), address("ns1.example.com")];
        reply.write().unwrap()
    });
    let client = internet.world.client("client", 1);
    let reply = internet.world.run(ask(&client, RESOLVER, "w.hostile.com", RecordType::A));
    let answers = reply.message.answers;
    assert!(answers.iter().all(|record| record.name.to_string() == "w.hostile.com."));
    let reply = internet.world.run(ask(&client, RESOLVER, WWW, RecordType::A));
    assert_eq!(reply.message.answers[0].a().unwrap().octets(), [192, 0, 2, 1]);
}

#[test]
fn a_malformed_query_gets_formerr_and_service_goes_on() {
    let internet = Internet::new();
    let client = internet.world.client("client", 1);
    for (what, octets) in malformed() {
        let reply = internet.world.run(datagram(&client, RESOLVER, &octets)).expect(what);
        assert_eq!(reply.header.rcode, Rcode::FORMERR, "{what}");
        assert!(reply.header.qr && reply.header.id == 0x4141, "{what}");
        let by_stream = internet.world.run(async {
            let mut connection = Connection::open(&client, RESOLVER).await;
            connection.send(&[octets]).await;
            connection.next().await.expect(what)
        });
        assert_eq!(by_stream.header.rcode, Rcode::FORMERR, "{what}");
    }
    assert!(internet.is_serving());
}

#[test]
fn replies_and_junk_get_nothing_and_service_goes_on() {
    let internet = Internet::new();
    let client = internet.world.client("client", 1);
    let mut reply = query(1, WWW, RecordType::A);
    reply[2] |= 0x80;
    assert!(internet.world.run(datagram(&client, RESOLVER, &reply)).is_none());
    internet.world.run(junk(&client));
    let reply = internet.world.run(lookup(&client, RESOLVER, WWW, RecordType::A, PATIENT));
    assert_eq!(reply.unwrap().message.answers.len(), 1);
    assert!(internet.is_serving());
}

/// Ten thousand datagrams of random octets.
async fn junk(client: &Host) {
    let socket = client.bind_udp(any()).unwrap();
    let mut rng = client.rng();
    for _ in 0..10_000 {
        let mut octets = vec![0; rng.random_range(0..600)];
        rng.fill_bytes(&mut octets);
        send(&socket, RESOLVER, &octets).await;
    }
}

#[test]
fn many_clients_with_one_question_cost_one_search() {
    let internet = Internet::new();
    let clients: Vec<Host> =
        (1..=50).map(|last| internet.world.client(&format!("client {last}"), last)).collect();
    let asked: Vec<_> = clients
        .into_iter()
        .map(|client| {
            client.clone().spawn("asks", async move {
                ask(&client, RESOLVER, WWW, RecordType::A).await.message.answers.len()
            })
        })
        .collect();
    for answers in asked {
        assert_eq!(internet.world.run(answers).unwrap(), 1);
    }
    let events = internet.world.net.network().capture().since(Cause::NONE, usize::MAX);
    let upstream = events.iter().filter(|event| {
        matches!(&event.what, capa7_net::capture::What::Datagram(packet)
            if packet.from.ip() == RESOLVER.ip() && packet.to.port() == 53)
    });
    assert_eq!(upstream.count(), 3, "root, com, example.com");
}

#[test]
fn what_is_no_query_gets_an_error_from_the_resolver_itself() {
    let internet = Internet::new();
    let mut reply = Message::query(1, Question::new(WWW.parse().unwrap(), RecordType::A));
    reply.header.qr = true;
    let resolving = internet.resolver.resolving();
    let octets = reply.write().unwrap();
    let outcome = internet.world.run(resolving.ask(octets.into(), Cause::NONE));
    assert!(outcome.is_err(), "no reply to a reply");
}

#[test]
fn a_resolver_that_ends_leaves_nobody_waiting() {
    let internet = Internet::with(RecursiveConfig::default());
    let Internet { world, servers: _servers, resolver } = internet;
    let resolving = resolver.resolving().clone();
    let octets = query(1, WWW, RecordType::A);
    drop(resolver);
    assert!(world.run(resolving.ask(octets.into(), Cause::NONE)).is_err());
    let client = world.client("client", 1);
    let outcome = world.run(lookup(&client, RESOLVER, WWW, RecordType::A, PATIENT));
    assert!(outcome.is_err());
}
