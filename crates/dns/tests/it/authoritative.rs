//! What an authoritative server says by datagrams and streams.

use std::collections::BTreeSet;
use std::time::Duration;

use capa7_dns::{AuthoritativeConfig, StubOptions};
use capa7_dns_proto::answer::AnswerSettings;
use capa7_dns_proto::message::EdnsOption;
use capa7_dns_proto::{Rcode, RecordType};
use capa7_net::capture::What;
use capa7_net::{Cause, Host};
use rand::{Rng as _, RngCore as _};

use crate::world::{
    BIG_TEXTS, Connection, NS1, ROUND_TRIP, World, any, ask, authority, authority_with, datagram,
    example_zone, lookup, malformed, query, send, zones,
};

fn world() -> (World, Host, capa7_dns::Authoritative) {
    let world = World::new();
    let server = authority(&world.host("ns1", [10, 0, 0, 3]), &[&example_zone()]);
    let client = world.client("client", 1);
    (world, client, server)
}

#[test]
fn a_name_is_answered_by_datagram_and_by_stream() {
    let (world, client, _server) = world();
    for tcp in [false, true] {
        let options = StubOptions { tcp, ..StubOptions::default() };
        let reply =
            world.run(lookup(&client, NS1, "www.example.com", RecordType::A, options)).unwrap();
        assert!(reply.message.header.aa);
        assert_eq!(reply.message.answers[0].a().unwrap().octets(), [192, 0, 2, 1]);
        assert_eq!(reply.tcp, tcp);
        // A handshake costs one round trip more (course K2).
        assert_eq!(reply.took, ROUND_TRIP * if tcp { 2 } else { 1 });
    }
}

// RFC 7766 §5: what does not fit in a datagram is asked for again over TCP,
// because of the truncated reply.
#[test]
fn a_set_too_large_for_a_datagram_is_fetched_over_a_stream() {
    let (world, client, _server) = world();
    let reply = world.run(ask(&client, NS1, "big.example.com", RecordType::TXT));
    assert!(reply.tcp);
    assert!(!reply.message.header.tc);
    let texts: BTreeSet<Vec<u8>> =
        reply.message.answers.iter().map(|record| record.txt().unwrap().concat()).collect();
    assert_eq!(texts.len(), BIG_TEXTS);
    let events = world.net.network().capture().since(Cause::NONE, usize::MAX);
    let is_cut = |what: &What| match what {
        What::Datagram(packet) => packet.from == NS1 && packet.bytes[2] & 2 != 0,
        _ => false,
    };
    let truncated = events.iter().find(|event| is_cut(&event.what));
    let truncated = truncated.expect("a datagram with TC").id;
    let question = events
        .iter()
        .find(|event| matches!(&event.what, What::Chunk { packet, .. } if packet.to == NS1));
    assert_eq!(question.expect("a question by stream").causes.first, truncated);
}

// RFC 7766 §6.2.1.1.
#[test]
fn all_pipelined_queries_are_answered() {
    let (world, client, _server) = world();
    let queries: Vec<_> =
        (0..1_000).map(|id| query(id, "www.example.com", RecordType::A)).collect();
    let ids = world.run(async {
        let mut connection = Connection::open(&client, NS1).await;
        connection.send(&queries).await;
        let mut ids = Vec::new();
        while ids.len() < queries.len() {
            ids.push(connection.next().await.expect("one answer to each query").header.id);
        }
        ids
    });
    assert_eq!(ids, (0..1_000).collect::<Vec<_>>());
}

#[test]
fn an_answer_is_from_the_old_zones_or_from_the_new_ones() {
    const QUERIES: u16 = 400;
    let version = |number: u32| {
        let mut zone = String::from(
            "v.example. 60 IN SOA ns.v.example. admin.v.example. 1 1800 900 604800 60\n\
             v.example. 60 IN NS ns.v.example.\n",
        );
        for text in 0..3 {
            zone.push_str(&format!("x.v.example. 60 IN TXT \"{number}\" \"{text}\"\n"));
        }
        zone
    };
    let world = World::new();
    let server = authority(&world.host("ns1", [10, 0, 0, 3]), &[&version(1)]);
    let client = world.client("client", 1);
    let replies = world.run(async {
        let socket = client.bind_udp(any()).unwrap();
        for id in 0..QUERIES {
            send(&socket, NS1, &query(id, "x.v.example", RecordType::TXT)).await;
            client.sleep(Duration::from_micros(100)).await;
            if id == QUERIES / 2 {
                server.zones().store(std::sync::Arc::new(zones(&[&version(2)])));
            }
        }
        let mut replies = Vec::new();
        for _ in 0..QUERIES {
            let datagram = client.timeout(Duration::from_secs(1), socket.recv_from()).await;
            let datagram = datagram.expect("no query is lost").unwrap();
            replies.push(capa7_dns_proto::message::Message::parse(&datagram.bytes).unwrap());
        }
        replies
    });
    let versions: Vec<BTreeSet<Vec<u8>>> = replies
        .iter()
        .map(|reply| {
            assert_eq!(reply.answers.len(), 3);
            reply.answers.iter().map(|record| record.txt().unwrap()[0].to_vec()).collect()
        })
        .collect();
    let of = |text: &str| BTreeSet::from([text.as_bytes().to_vec()]);
    let old = versions.iter().take_while(|version| **version == of("1")).count();
    assert!(versions[old..].iter().all(|version| *version == of("2")), "old, then new");
    assert!(old > 0 && old < versions.len(), "{old} of {} are old", versions.len());
}

// RFC 1035 §4.1.1: the server was unable to interpret the query.
#[test]
fn a_malformed_query_gets_formerr_and_service_goes_on() {
    let (world, client, server) = world();
    for (what, octets) in malformed() {
        let reply = world.run(datagram(&client, NS1, &octets)).expect(what);
        assert_eq!(reply.header.rcode, Rcode::FORMERR, "{what}");
        assert!(reply.header.qr && reply.header.id == 0x4141, "{what}");
        let by_stream = world.run(async {
            let mut connection = Connection::open(&client, NS1).await;
            connection.send(&[octets, query(7, "www.example.com", RecordType::A)]).await;
            (connection.next().await.expect(what), connection.next().await.expect(what))
        });
        assert_eq!(by_stream.0.header.rcode, Rcode::FORMERR, "{what}");
        assert_eq!(by_stream.1.answers.len(), 1, "the next query of the stream: {what}");
    }
    assert!(server.is_serving());
}

// Two servers must not answer each other for ever (RFC 1035 §4.1.1, QR).
#[test]
fn a_reply_and_what_is_shorter_than_a_header_get_nothing() {
    let (world, client, server) = world();
    let mut reply = query(1, "www.example.com", RecordType::A);
    reply[2] |= 0x80;
    assert!(world.run(datagram(&client, NS1, &reply)).is_none());
    for length in 0..12 {
        assert!(world.run(datagram(&client, NS1, &reply[..length])).is_none(), "{length} octets");
    }
    assert!(server.is_serving());
}

#[test]
fn ten_thousand_junk_datagrams_do_not_end_service() {
    let (world, client, server) = world();
    world.run(async {
        let socket = client.bind_udp(any()).unwrap();
        let mut rng = client.rng();
        let good = query(9, "www.example.com", RecordType::A);
        for number in 0..10_000 {
            let mut octets = vec![0; rng.random_range(0..600)];
            rng.fill_bytes(&mut octets);
            if number % 2 == 0 {
                // Nearly a query: a few octets changed.
                octets.clone_from(&good);
                for _ in 0..rng.random_range(1..4) {
                    let place = rng.random_range(0..octets.len());
                    octets[place] = rng.random();
                }
            }
            send(&socket, NS1, &octets).await;
        }
    });
    let reply = world.run(ask(&client, NS1, "www.example.com", RecordType::A));
    assert_eq!(reply.message.answers.len(), 1);
    assert!(server.is_serving());
}

// RFC 1034 §3.6.2: loops of aliases exist; an answer has an end all the same.
#[test]
fn a_loop_of_aliases_has_an_answer() {
    let (world, client, _server) = world();
    for (name, links) in [("self.example.com", 1), ("tick.example.com", 2)] {
        let reply = world.run(ask(&client, NS1, name, RecordType::A));
        assert_eq!(reply.message.header.rcode, Rcode::NOERROR, "{name}");
        assert_eq!(reply.message.answers.len(), links, "{name}");
        assert_eq!(reply.took, ROUND_TRIP);
    }
}

// RFC 5001 §2.2: only who asks is told which replica answers.
#[test]
fn a_server_names_itself_to_who_asks() {
    let world = World::new();
    let settings =
        AnswerSettings { server_identifier: b"replica 3".to_vec(), ..AnswerSettings::default() };
    let config = AuthoritativeConfig { settings, ..AuthoritativeConfig::default() };
    let _server = authority_with(&world.host("ns1", [10, 0, 0, 3]), &[&example_zone()], &config);
    let client = world.client("client", 1);
    for nsid in [true, false] {
        let options = StubOptions { nsid, ..StubOptions::default() };
        let reply =
            world.run(lookup(&client, NS1, "www.example.com", RecordType::A, options)).unwrap();
        let options = reply.message.edns.unwrap().options;
        let told = options.contains(&EdnsOption::Nsid(b"replica 3".to_vec()));
        assert_eq!(told, nsid, "{options:?}");
    }
}
