//! Which name servers the queue asks, and when.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use capa7_dissect::Room;
use capa7_dns_proto::Rcode;
use capa7_dns_proto::message::Message;
use capa7_mail::queue::{Queue, QueueConfig};
use capa7_net::{Cause, Host, Task};

use super::world::*;

const FIRST: [u8; 4] = [10, 0, 0, 52];

/// A name server that cannot say anything.
fn fails_always(host: &Host) -> Task<()> {
    let socket = host.bind_udp(SocketAddr::from((FIRST, 53))).unwrap();
    host.spawn("fails always", async move {
        while let Ok(asked) = socket.recv_from().await {
            let mut message = Message::parse(&asked.bytes).unwrap();
            message.header.qr = true;
            message.header.rcode = Rcode::SERVFAIL;
            let octets: Bytes = message.write().unwrap().into();
            socket.send_to(octets, asked.from, asked.cause).await.unwrap();
        }
    })
}

/// One message to urosario.example, while the first of two resolvers is at
/// `FIRST`: after how many seconds it was delivered.
fn delivered_after(world: &World) -> Vec<u64> {
    let there = host(&world.net, "mail.urosario.example", UROSARIO);
    let mut receiver = Receiver::start(&there);
    world
        .net
        .run(async {
            let base = world.config();
            let other_resolvers = vec![base.resolver];
            let resolver = SocketAddr::from((FIRST, 53));
            let config = QueueConfig { resolver, other_resolvers, ..base };
            let (users, store) = (world.users.clone(), world.store.clone());
            let queue = Queue::begin(&world.sender, config, users, store).await.unwrap();
            let to = envelope(&["carlos@urosario.example"]);
            queue.accept(to, message("hola"), Cause::NONE).await.unwrap();
            let wait = world.sender.timeout(Duration::from_secs(60), receiver.taken.recv()).await;
            assert!(wait.unwrap().is_some());
            world.sender.sleep(MINUTE).await;
            queue.stop().await;
        })
        .unwrap();
    assert!(world.minutes("deferred").is_empty());
    world.notes("delivered").into_iter().map(|(at, _)| at).collect()
}

// RFC 1123 §6.1.3.3: the next resolver is asked when the first is silent, after one try of
// 2 s for the MX; for the address it is asked at once, as the first is known to be silent.
#[test]
fn a_silent_resolver_delays_mail_once_and_by_two_seconds() {
    let world = World::new();
    host(&world.net, "ns1.example", FIRST);
    assert_eq!(delivered_after(&world), [2]);
}

// The same for one that cannot say anything: the next is asked at once.
#[test]
fn a_resolver_that_fails_is_passed_over_at_once() {
    let world = World::new();
    let failing = host(&world.net, "ns1.example", FIRST).in_room(Room::Dns);
    let _server = fails_always(&failing);
    assert_eq!(delivered_after(&world), [0]);
}
