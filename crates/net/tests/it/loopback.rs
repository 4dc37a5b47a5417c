//! A lab on kernel sockets in 127.0.0.0/8: shaping, faults, record, rules.

#![allow(clippy::disallowed_types, reason = "programs outside of the lab use the system's sockets")]

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use capa7_net::capture::{Fate, What};
use capa7_net::fault::{Forgery, Matcher, MessageAction, MessageRule};
use capa7_net::loopback::LowPorts;
use capa7_net::{
    Cause, Causes, Datagram, Host, HostConfig, LinkConfig, Network, NetworkConfig, Room, UdpSocket,
};

/// Longer than any of these tests takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) fn lab() -> Network {
    let ms = Duration::from_millis;
    let regions = vec![
        ("bogota".to_owned(), "boston".to_owned(), ms(30)),
        ("bogota".to_owned(), "lima".to_owned(), ms(5)),
        ("boston".to_owned(), "lima".to_owned(), ms(40)),
    ];
    Network::loopback(NetworkConfig { regions, ..NetworkConfig::default() }, LowPorts::probe())
}

pub(crate) fn host(network: &Network, name: &str, ip: &str, region: &str) -> Host {
    shaped(network, name, ip, region, LinkConfig::default())
}

fn shaped(network: &Network, name: &str, ip: &str, region: &str, up: LinkConfig) -> Host {
    let config = HostConfig {
        name: name.to_owned(),
        addresses: vec![ip.parse().unwrap()],
        region: region.to_owned(),
        up,
        down: LinkConfig::default(),
    };
    network.add_host(config).unwrap().in_room(Room::Sockets)
}

pub(crate) fn at(host: &Host, port: u16) -> SocketAddr {
    SocketAddr::new(host.addresses()[0], port)
}

async fn receive(host: &Host, socket: &UdpSocket) -> Datagram {
    host.timeout(PATIENCE, socket.recv_from()).await.expect("it arrives").unwrap()
}

fn fates(network: &Network, of: Cause) -> Vec<Fate> {
    let events = network.capture().since(Cause::NONE, usize::MAX);
    let fate = |what| match what {
        What::Fate { of: message, fate, .. } if message == of => Some(fate),
        _ => None,
    };
    events.into_iter().filter_map(|event| fate(event.what)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_datagram_takes_its_way_and_is_recorded_once_with_its_fate() {
    let network = lab();
    let client = host(&network, "client", "127.10.0.1", "bogota");
    let server = host(&network, "server", "127.10.0.2", "boston");
    let inbox = server.bind_udp(at(&server, 53)).unwrap();
    let socket = client.bind_udp(at(&client, 0)).unwrap();
    let why = client.note(capa7_net::Note::new(Room::Lab, "asked", "a person asked"));
    let before = client.now();
    let cause = socket.send_to("hello", at(&server, 53), why).await.unwrap();
    let seen = receive(&server, &inbox).await;
    let took = server.now().since(before);
    assert_eq!(
        (&seen.bytes[..], seen.from, seen.to),
        (&b"hello"[..], socket.local_addr(), at(&server, 53))
    );
    assert_eq!(seen.cause, cause);
    // One way is 30 ms; what a loaded machine adds is its own.
    assert!(took >= Duration::from_millis(30), "{took:?}");

    let event = network.capture().get(cause).unwrap();
    assert_eq!(event.causes.first, why);
    let What::Datagram(packet) = event.what else { panic!("{event:?}") };
    assert_eq!((packet.from_host, packet.to_host), (Some(client.id()), Some(server.id())));
    let (arrived, fate) = network.capture().fate(cause).unwrap();
    assert_eq!(fate, Fate::Delivered);
    assert!(arrived.since(event.at) >= Duration::from_millis(30));

    inbox.send_to("back", seen.from, seen.cause).await.unwrap();
    assert_eq!(&receive(&client, &socket).await.bytes[..], b"back");
    assert!(client.now().since(before) >= Duration::from_millis(60));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_nearest_replica_of_an_address_answers() {
    let network = lab();
    let near = host(&network, "root-lima", "127.11.0.1", "lima");
    let far = host(&network, "root-boston", "127.11.0.1", "boston");
    let client = host(&network, "client", "127.11.0.2", "bogota");
    let (near_box, far_box) =
        (near.bind_udp(at(&near, 53)).unwrap(), far.bind_udp(at(&far, 53)).unwrap());
    let again = near.bind_udp(at(&near, 53)).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::AddrInUse);
    let socket = client.bind_udp(at(&client, 0)).unwrap();
    socket.send_to("one", at(&near, 53), Causes::NONE).await.unwrap();
    assert_eq!(&receive(&near, &near_box).await.bytes[..], b"one");
    network.set_host_down(near.id(), true);
    socket.send_to("two", at(&near, 53), Causes::NONE).await.unwrap();
    assert_eq!(&receive(&far, &far_box).await.bytes[..], b"two");
}

#[tokio::test(flavor = "multi_thread")]
async fn links_lose_repeat_and_corrupt() {
    let network = lab();
    let server = host(&network, "server", "127.12.0.1", "");
    let inbox = server.bind_udp(at(&server, 7)).unwrap();
    let link = LinkConfig::default();
    let cases = [
        (LinkConfig { loss: 1.0, ..link.clone() }, vec![Fate::Lost("loss")]),
        (LinkConfig { cut: true, ..link.clone() }, vec![Fate::Lost("cut")]),
        (LinkConfig { duplicate: 1.0, ..link.clone() }, vec![Fate::Delivered, Fate::Duplicated]),
        (LinkConfig { corrupt: 1.0, ..link }, vec![Fate::Corrupted]),
    ];
    for (number, (up, expect)) in cases.into_iter().enumerate() {
        let ip = format!("127.12.1.{}", number + 1);
        let client = shaped(&network, &format!("client{number}"), &ip, "", up);
        let socket = client.bind_udp(at(&client, 0)).unwrap();
        let cause = socket.send_to("0000", at(&server, 7), Causes::NONE).await.unwrap();
        for fate in expect.iter().filter(|fate| !matches!(fate, Fate::Lost(_))) {
            let seen = receive(&server, &inbox).await;
            let flipped: u32 =
                seen.bytes.iter().zip(b"0000").map(|(a, b)| (a ^ b).count_ones()).sum();
            assert_eq!(flipped, u32::from(*fate == Fate::Corrupted));
            assert_eq!(seen.cause, cause);
        }
        // The record follows the delivery at once, on another thread.
        while fates(&network, cause).len() < expect.len() {
            network.capture().wait_past(Cause(network.capture().next_id().0 - 1)).await;
        }
        assert_eq!(fates(&network, cause), expect);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_forged_before_the_real_one() {
    let network = lab();
    let client = host(&network, "client", "127.13.0.1", "bogota");
    let server = host(&network, "server", "127.13.0.2", "boston");
    let inbox = server.bind_udp(at(&server, 53)).unwrap();
    let socket = client.bind_udp(at(&client, 0)).unwrap();
    network.faults().add_message(MessageRule {
        text: "forge".to_owned(),
        matcher: Matcher { to: Some(server.id()), count: Some(1), ..Matcher::default() },
        action: MessageAction::Forge(Arc::new(|view| {
            vec![Forgery {
                from: view.packet.to,
                to: view.packet.from,
                bytes: "forged".into(),
                after: Duration::from_millis(1),
            }]
        })),
    });
    socket.send_to("question", at(&server, 53), Causes::NONE).await.unwrap();
    let question = receive(&server, &inbox).await;
    inbox.send_to("true", question.from, question.cause).await.unwrap();
    let (first, second) = (receive(&client, &socket).await, receive(&client, &socket).await);
    assert_eq!((&first.bytes[..], &second.bytes[..]), (&b"forged"[..], &b"true"[..]));
    assert_eq!(first.from, second.from);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_datagram_that_nobody_waits_for_is_lost_and_says_why() {
    let network = lab();
    let client = host(&network, "client", "127.14.0.1", "");
    let other = host(&network, "other", "127.14.0.2", "");
    let socket = client.bind_udp(at(&client, 0)).unwrap();
    let cause = socket.send_to("x", at(&other, 9), Causes::NONE).await.unwrap();
    assert_eq!(fates(&network, cause), [Fate::Lost("no_listener")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_outside_is_answered_and_recorded() {
    let network = lab();
    let server = host(&network, "server", "127.15.0.1", "");
    let inbox = server.bind_udp(at(&server, 53)).unwrap();
    let outside = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    outside.set_read_timeout(Some(PATIENCE)).unwrap();
    outside.send_to(b"from outside", network.on_machine(at(&server, 53))).unwrap();
    let seen = receive(&server, &inbox).await;
    assert_eq!(seen.from, outside.local_addr().unwrap());
    inbox.send_to("welcome", seen.from, seen.cause).await.unwrap();
    let mut buffer = [0; 32];
    let (length, from) = outside.recv_from(&mut buffer).unwrap();
    assert_eq!((&buffer[..length], from), (&b"welcome"[..], network.on_machine(at(&server, 53))));
    let event = network.capture().get(seen.cause).unwrap();
    let What::Datagram(packet) = event.what else { panic!("{event:?}") };
    assert_eq!(
        (packet.from_host, packet.to_host, packet.room),
        (None, Some(server.id()), Room::Dns)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outside_of_127_is_bound_or_dialled() {
    let network = lab();
    let config = HostConfig {
        name: "far".to_owned(),
        addresses: vec!["192.0.2.1".parse().unwrap(), "127.16.0.1".parse().unwrap()],
        ..HostConfig::default()
    };
    let far = network.add_host(config).unwrap();
    let denied = |outcome: std::io::Result<()>| {
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
        assert!(error.to_string().contains("outside of the lab"), "{error}");
    };
    denied(far.bind_udp("192.0.2.1:0".parse().unwrap()).map(drop));
    denied(far.listen_tcp("192.0.2.1:0".parse().unwrap()).map(drop));
    let socket = far.bind_udp("127.16.0.1:0".parse().unwrap()).unwrap();
    for outside in ["192.0.2.1:53", "8.8.8.8:53", "[::1]:53", "0.0.0.0:53"] {
        let outside: SocketAddr = outside.parse().unwrap();
        denied(socket.send_to("x", outside, Causes::NONE).await.map(drop));
        let from: IpAddr = "127.16.0.1".parse().unwrap();
        denied(far.connect_tcp_from(from, outside, Cause::NONE).await.map(drop));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_of_another_host_is_not_ours_to_bind() {
    let network = lab();
    let one = host(&network, "one", "127.17.0.1", "");
    let other = host(&network, "other", "127.17.0.2", "");
    let error = one.bind_udp(at(&other, 53)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_is_free_again_when_its_socket_is_gone() {
    let network = lab();
    let one = host(&network, "one", "127.18.0.1", "bogota");
    let other = host(&network, "other", "127.18.0.2", "boston");
    let inbox = other.bind_udp(at(&other, 53)).unwrap();
    for text in ["first", "second"] {
        // The datagram is still on its way when its socket goes.
        let socket = one.bind_udp(at(&one, 5353)).unwrap();
        socket.send_to(text, at(&other, 53), Causes::NONE).await.unwrap();
    }
    assert_eq!(&receive(&other, &inbox).await.bytes[..], b"first");
    assert_eq!(&receive(&other, &inbox).await.bytes[..], b"second");
}

// What a machine does that keeps low ports for itself.
#[tokio::test(flavor = "multi_thread")]
async fn low_ports_move_on_the_machine_and_not_in_the_lab() {
    let network = Network::loopback(NetworkConfig::default(), LowPorts::Shifted);
    let server = host(&network, "server", "127.19.0.1", "");
    let client = host(&network, "client", "127.19.0.2", "");
    let inbox = server.bind_udp(at(&server, 53)).unwrap();
    let listener = server.listen_tcp(at(&server, 53)).unwrap();
    assert_eq!((inbox.local_addr(), listener.local_addr()), (at(&server, 53), at(&server, 53)));
    assert_eq!(network.on_machine(at(&server, 53)).port(), 10_053);
    // The machine's own programs find it there.
    let outside = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    outside.send_to(b"x", "127.19.0.1:10053").unwrap();
    assert_eq!(receive(&server, &inbox).await.to, at(&server, 53));
    // The lab's hosts find it where it says, from low ports too.
    let socket = client.bind_udp(at(&client, 123)).unwrap();
    socket.send_to("x", at(&server, 53), Causes::NONE).await.unwrap();
    assert_eq!(receive(&server, &inbox).await.from, at(&client, 123));
    let stream = client.connect_tcp(at(&server, 53), Cause::NONE).await.unwrap();
    assert_eq!(stream.peer_addr(), at(&server, 53));
    let accepted = server.timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    assert_eq!(accepted.peer_addr(), stream.local_addr());
}

// A thousand datagrams each way at once: none is lost, mixed up or unjoined.
#[tokio::test(flavor = "multi_thread")]
async fn many_datagrams_keep_their_causes() {
    let network = lab();
    let client = host(&network, "client", "127.20.0.1", "bogota");
    let server = host(&network, "server", "127.20.0.2", "lima");
    let inbox = server.bind_udp(at(&server, 7)).unwrap();
    let echo = server.spawn("echo", async move {
        loop {
            let seen = inbox.recv_from().await.unwrap();
            inbox.send_to(seen.bytes, seen.from, seen.cause).await.unwrap();
        }
    });
    let socket = client.bind_udp(at(&client, 0)).unwrap();
    let mut sent = std::collections::BTreeMap::new();
    for number in 0..500_u32 {
        let bytes = number.to_le_bytes().to_vec();
        let cause = socket.send_to(bytes.clone(), at(&server, 7), Causes::NONE).await.unwrap();
        sent.insert(bytes, cause);
    }
    for _ in 0..500 {
        let answer = receive(&client, &socket).await;
        let question = sent.remove(&answer.bytes[..]).expect("each once");
        let event = network.capture().get(answer.cause).unwrap();
        assert_eq!(event.causes.first, question);
    }
    drop(echo);
}

// The next network has the addresses of the one before. On one thread, tasks that are told
// to end go on holding their sockets until the scheduler comes to them.
#[tokio::test]
async fn a_closed_network_has_no_sockets_left() {
    let network = lab();
    let server = host(&network, "server", "127.41.0.1", "bogota");
    let (datagrams, streams) = (at(&server, 12000), at(&server, 12001));
    let inbox = server.bind_udp(datagrams).unwrap();
    let listener = server.listen_tcp(streams).unwrap();
    let on = server.clone();
    let serves = async move {
        let answers = async move {
            let seen = inbox.recv_from().await.unwrap();
            inbox.send_to(seen.bytes, seen.from, seen.cause).await.unwrap();
            std::future::pending::<()>().await;
            drop(inbox);
        };
        on.spawn("datagrams", answers).detach();
        listener.accept().await.unwrap();
    };
    server.spawn("streams", serves).detach();
    let client = host(&network, "client", "127.41.0.2", "bogota");
    let socket = client.bind_udp(at(&client, 0)).unwrap();
    socket.send_to("x", datagrams, Causes::NONE).await.unwrap();
    receive(&client, &socket).await;
    let taken = std::net::UdpSocket::bind(datagrams).unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::AddrInUse);
    drop(socket);

    assert!(network.close().await);
    std::net::UdpSocket::bind(datagrams).unwrap();
    std::net::TcpListener::bind(streams).unwrap();
}
