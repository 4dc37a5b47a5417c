//! Bounds on streams, the same for both servers (RFC 7766 §6.2).

use std::time::Duration;

use capa7_dns::{Authoritative, AuthoritativeConfig, ConnectionLimits, RecursiveConfig};
use capa7_dns_proto::RecordType;
use capa7_net::{Elapsed, Host};
use tokio::io::AsyncWriteExt as _;

use crate::world::{
    Connection, Internet, NS1, RESOLVER, ROUND_TRIP, World, authority_with, datagram, example_zone,
    framed, query,
};

const WWW: &str = "www.example.com";

/// Either server, behind the same limits.
enum House {
    Authority(World, Authoritative),
    Resolver(Box<Internet>),
}

impl House {
    fn both(limits: ConnectionLimits) -> [Self; 2] {
        let world = World::new();
        let config = AuthoritativeConfig { connections: limits, ..AuthoritativeConfig::default() };
        let host = world.host("ns1", [10, 0, 0, 3]);
        let server = authority_with(&host, &[&example_zone()], &config);
        let config = RecursiveConfig { connections: limits, ..RecursiveConfig::default() };
        let internet = Internet::with(config);
        // What is asked here comes from the cache.
        let warm = internet.world.client("warm", 250);
        for rtype in [RecordType::A, RecordType::TXT] {
            let name = if rtype == RecordType::A { WWW } else { "big.example.com" };
            internet.world.run(crate::world::ask(&warm, RESOLVER, name, rtype));
        }
        [Self::Authority(world, server), Self::Resolver(Box::new(internet))]
    }

    fn world(&self) -> &World {
        match self {
            Self::Authority(world, _) => world,
            Self::Resolver(internet) => &internet.world,
        }
    }

    fn client(&self, name: &str, last: u8) -> Host {
        self.world().client(name, last)
    }

    const fn server(&self) -> std::net::SocketAddr {
        match self {
            Self::Authority(..) => NS1,
            Self::Resolver(_) => RESOLVER,
        }
    }

    fn is_serving(&self) -> bool {
        match self {
            Self::Authority(_, server) => server.is_serving(),
            Self::Resolver(internet) => internet.is_serving(),
        }
    }
}

// RFC 7766 §6.2.3.
#[test]
fn a_connection_is_closed_after_ten_idle_seconds_and_not_before() {
    for house in House::both(ConnectionLimits::default()) {
        let (client, server) = (house.client("client", 1), house.server());
        house.world().run(async {
            let mut connection = Connection::open(&client, server).await;
            for _ in 0..4 {
                assert!(connection.serves(WWW).await, "used every nine seconds");
                client.sleep(Duration::from_secs(9)).await;
            }
            assert!(connection.serves(WWW).await);
            let begin = client.now();
            assert!(connection.next().await.is_none(), "closed by the server");
            let idle = client.now().since(begin);
            let expected = Duration::from_secs(10);
            assert!(idle >= expected - ROUND_TRIP && idle <= expected + ROUND_TRIP, "{idle:?}");
        });
        assert!(house.is_serving());
    }
}

// RFC 7766 §6.2.2.
#[test]
fn connections_beyond_a_clients_share_are_closed_while_others_are_served() {
    let limits = ConnectionLimits { per_client: 3, ..ConnectionLimits::default() };
    for house in House::both(limits) {
        let (greedy, other) = (house.client("greedy", 1), house.client("other", 2));
        let server = house.server();
        house.world().run(async {
            let mut open = Vec::new();
            for _ in 0..3 {
                let mut connection = Connection::open(&greedy, server).await;
                assert!(connection.serves(WWW).await);
                open.push(connection);
            }
            assert!(!Connection::open(&greedy, server).await.serves(WWW).await, "the fourth");
            assert!(Connection::open(&other, server).await.serves(WWW).await, "somebody else");
            for connection in &mut open {
                assert!(connection.serves(WWW).await, "those within the share");
            }
            drop(open.pop());
            greedy.sleep(ROUND_TRIP).await;
            assert!(Connection::open(&greedy, server).await.serves(WWW).await, "a place is free");
        });
    }
}

#[test]
fn connections_beyond_the_servers_bound_are_closed() {
    let limits = ConnectionLimits { total: 2, ..ConnectionLimits::default() };
    for house in House::both(limits) {
        let server = house.server();
        // What the house was warmed with has gone.
        house.world().net.run_for(Duration::from_secs(60));
        let clients: Vec<Host> =
            (1..=3).map(|last| house.client(&format!("client {last}"), last)).collect();
        house.world().run(async {
            let mut open = Vec::new();
            for client in &clients[..2] {
                let mut connection = Connection::open(client, server).await;
                assert!(connection.serves(WWW).await);
                open.push(connection);
            }
            assert!(!Connection::open(&clients[2], server).await.serves(WWW).await);
        });
    }
}

#[test]
fn a_client_that_does_not_read_holds_up_nobody_and_is_let_go() {
    let limits = ConnectionLimits { per_client: 1, ..ConnectionLimits::default() };
    for house in House::both(limits) {
        let (stuck, other) = (house.client("stuck", 1), house.client("other", 2));
        let server = house.server();
        house.world().run(async {
            let mut connection = Connection::open(&stuck, server).await;
            let question = framed(&query(1, "big.example.com", RecordType::TXT));
            // Two megabytes of questions for half a gigabyte of answers.
            let flood = question.repeat(60_000);
            let sent = stuck.timeout(Duration::from_secs(2), connection.stream.write_all(&flood));
            assert_eq!(sent.await.err(), Some(Elapsed), "the server stops reading");
            let begin = other.now();
            let reply = datagram(&other, server, &query(2, WWW, RecordType::A)).await;
            assert_eq!(reply.expect("others by datagram").answers.len(), 1);
            assert_eq!(other.now().since(begin), ROUND_TRIP);
            assert!(Connection::open(&other, server).await.serves(WWW).await, "by stream");
            stuck.sleep(Duration::from_secs(11)).await;
            assert!(Connection::open(&stuck, server).await.serves(WWW).await, "the place is free");
        });
        assert!(house.is_serving());
    }
}

#[test]
fn half_a_message_is_waited_for_and_then_given_up() {
    for house in House::both(ConnectionLimits::default()) {
        let (client, server) = (house.client("client", 1), house.server());
        house.world().run(async {
            let mut connection = Connection::open(&client, server).await;
            let octets = framed(&query(5, WWW, RecordType::A));
            let (one, two) = octets.split_at(9);
            connection.stream.write_all(one).await.unwrap();
            client.sleep(Duration::from_secs(9)).await;
            connection.stream.write_all(two).await.unwrap();
            assert_eq!(connection.next().await.expect("the answer").header.id, 5);
            connection.stream.write_all(one).await.unwrap();
            assert!(connection.next().await.is_none(), "closed");
        });
    }
}

// RFC 7766 §6.2.4: what was asked before the client's end is answered.
#[test]
fn a_client_that_has_said_all_gets_its_answers() {
    for house in House::both(ConnectionLimits::default()) {
        let (client, server) = (house.client("client", 1), house.server());
        let answers = house.world().run(async {
            let mut connection = Connection::open(&client, server).await;
            let queries: Vec<_> = (0..50).map(|id| query(id, WWW, RecordType::A)).collect();
            connection.send(&queries).await;
            connection.stream.shutdown().await.unwrap();
            let mut answers = 0;
            while connection.next().await.is_some() {
                answers += 1;
            }
            answers
        });
        assert_eq!(answers, 50);
    }
}
