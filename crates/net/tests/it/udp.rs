//! Datagrams in virtual time.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::SocketAddr;

use capa7_net::capture::{Fate, What};
use capa7_net::{Cause, Host, HostConfig, LinkConfig, NetworkConfig, Time, VirtualNetwork};

use crate::house::{at, host, host_with, ip, latency, ms, network, pair};

/// Sends `count` datagrams of `size` bytes at once from one to two over `up`,
/// and returns the moment and content of each that arrives within 10 s.
fn flood(seed: u64, up: LinkConfig, count: usize, size: usize) -> Vec<(Time, Vec<u8>)> {
    let net = network(seed);
    let one = host_with(&net, "one", 1, up, LinkConfig::default());
    let two = host(&net, "two", 2, &LinkConfig::default());
    net.run(async {
        let to = two.bind_udp(at(2, 53)).unwrap();
        let receiver = two.clone();
        let receive = two.spawn("receive", async move {
            let mut seen = Vec::new();
            while let Ok(Ok(got)) = receiver.timeout(ms(10_000), to.recv_from()).await {
                seen.push((receiver.now(), got.bytes.to_vec()));
            }
            seen
        });
        let from = one.bind_udp(at(1, 0)).unwrap();
        for number in 0..count {
            let mut bytes = vec![0; size];
            bytes[..4].copy_from_slice(&u32::try_from(number).unwrap().to_be_bytes());
            from.send_to(bytes, at(2, 53), Cause::NONE).await.unwrap();
        }
        receive.await.unwrap()
    })
    .unwrap()
}

fn numbers(seen: &[(Time, Vec<u8>)]) -> Vec<u32> {
    seen.iter().map(|(_, bytes)| u32::from_be_bytes(bytes[..4].try_into().unwrap())).collect()
}

#[test]
fn a_datagram_takes_both_accesses_latency_and_its_wire_time() {
    // 1000 bytes at 100 kB/s are 10 ms on each of two links, with 5 ms each.
    let link = LinkConfig { rate_bps: 100_000, ..latency(5) };
    let (net, one, two) = pair(1, &link);
    let arrived = net
        .run(async {
            let to = two.bind_udp(at(2, 53)).unwrap();
            let from = one.bind_udp(at(1, 0)).unwrap();
            let sent = from.send_to(vec![7; 1000], at(2, 53), Cause::NONE).await.unwrap();
            let got = to.recv_from().await.unwrap();
            assert_eq!((got.from, got.cause, got.bytes.len()), (from.local_addr(), sent, 1000));
            two.now()
        })
        .unwrap();
    assert_eq!(arrived, Time::ZERO + ms(30));
}

#[test]
fn a_rate_spaces_datagrams_to_the_nanosecond() {
    let seen = flood(1, LinkConfig { rate_bps: 1_000_000, ..LinkConfig::default() }, 10, 1000);
    let moments: Vec<u64> = seen.iter().map(|(at, _)| at.0).collect();
    assert_eq!(moments, (1..=10).map(|number| number * 1_000_000).collect::<Vec<_>>());
}

#[test]
fn a_full_queue_drops_what_does_not_fit() {
    // 5000 bytes hold the one on the wire and four more.
    let up = LinkConfig { rate_bps: 1_000_000, queue_bytes: 5000, ..LinkConfig::default() };
    assert_eq!(numbers(&flood(1, up, 10, 1000)), [0, 1, 2, 3, 4]);
}

#[test]
fn lost_datagrams_are_the_share_that_was_asked_for() {
    // 20,000 draws at 5 %: four standard deviations are 123.
    for seed in 1..=3 {
        let got = flood(seed, LinkConfig { loss: 0.05, ..latency(1) }, 20_000, 4).len();
        assert!((18_877..=19_123).contains(&got), "{got} arrived");
    }
}

#[test]
fn duplicates_arrive_beside_their_originals_and_are_the_asked_share() {
    let seen = flood(1, LinkConfig { duplicate: 0.5, ..latency(1) }, 10_000, 4);
    let different: BTreeSet<u32> = numbers(&seen).into_iter().collect();
    assert_eq!(different.len(), 10_000);
    assert!((14_800..=15_200).contains(&seen.len()), "{} arrived", seen.len());
}

#[test]
fn jitter_alone_keeps_the_order_and_its_bound() {
    let link = LinkConfig { jitter_ns: 9_000_000, ..latency(10) };
    let seen = flood(1, link, 1000, 4);
    assert_eq!(numbers(&seen), (0..1000).collect::<Vec<_>>());
    let (first, last) = (seen[0].0, seen[999].0);
    assert!(first >= Time::ZERO + ms(10) && last <= Time::ZERO + ms(19), "{first} {last}");
}

#[test]
fn reordered_datagrams_are_overtaken() {
    let up = LinkConfig { reorder: 0.1, rate_bps: 1_000_000, ..latency(10) };
    let got = numbers(&flood(1, up, 1000, 100));
    let late = got.windows(2).filter(|pair| pair[1] < pair[0]).count();
    assert_eq!(got.iter().copied().collect::<BTreeSet<_>>().len(), 1000, "none is lost");
    assert!((60..=140).contains(&late), "{late} were overtaken");
}

#[test]
fn a_corrupted_datagram_differs_in_exactly_one_bit() {
    let seen = flood(1, LinkConfig { corrupt: 1.0, ..LinkConfig::default() }, 200, 64);
    assert_eq!(seen.len(), 200);
    for (number, (_, bytes)) in seen.iter().enumerate() {
        let mut original = vec![0; 64];
        original[..4].copy_from_slice(&u32::try_from(number).unwrap().to_be_bytes());
        let flipped: u32 =
            bytes.iter().zip(&original).map(|(got, sent)| (got ^ sent).count_ones()).sum();
        assert_eq!(flipped, 1);
    }
}

#[test]
fn every_loss_has_its_reason() {
    let link = LinkConfig { cut: true, ..LinkConfig::default() };
    let (net, one, two) = pair(1, &LinkConfig::default());
    net.run(async {
        let from = one.bind_udp(at(1, 0)).unwrap();
        let nobody = from.send_to("?", at(9, 53), Cause::NONE).await.unwrap();
        let closed = from.send_to("?", at(2, 53), Cause::NONE).await.unwrap();
        one.sleep(ms(1)).await;
        let network = one.network();
        network.set_host_down(two.id(), true);
        let down = from.send_to("?", at(2, 53), Cause::NONE).await.unwrap();
        one.sleep(ms(1)).await;
        network.set_access(one.id(), link, LinkConfig::default()).unwrap();
        let cut = from.send_to("?", at(2, 53), Cause::NONE).await.unwrap();
        one.sleep(ms(1)).await;
        let why = |message| one.capture().fate(message).map(|(_, fate)| fate);
        assert_eq!(why(nobody), Some(Fate::Lost("no_host")));
        assert_eq!(why(closed), Some(Fate::Lost("no_listener")));
        assert_eq!(why(down), Some(Fate::Lost("host_down")));
        assert_eq!(why(cut), Some(Fate::Lost("cut")));
    })
    .unwrap();
}

#[test]
fn a_taken_port_and_a_foreign_address_are_refused() {
    let (net, one, _) = pair(1, &LinkConfig::default());
    net.run(async {
        let first = one.bind_udp(at(1, 53)).unwrap();
        let all: SocketAddr = "0.0.0.0:53".parse().unwrap();
        assert_eq!(one.bind_udp(at(1, 53)).unwrap_err().kind(), ErrorKind::AddrInUse);
        assert_eq!(one.bind_udp(all).unwrap_err().kind(), ErrorKind::AddrInUse);
        assert_eq!(one.bind_udp(at(2, 53)).unwrap_err().kind(), ErrorKind::AddrNotAvailable);
        drop(first);
        assert!(one.bind_udp(all).is_ok(), "a closed socket frees its port");
    })
    .unwrap();
}

#[test]
fn a_datagram_is_at_most_65507_bytes_long() {
    let (net, one, two) = pair(1, &LinkConfig::default());
    net.run(async {
        let to = two.bind_udp(at(2, 53)).unwrap();
        let from = one.bind_udp(at(1, 0)).unwrap();
        let longest = vec![1; 65_507];
        from.send_to(longest.clone(), at(2, 53), Cause::NONE).await.unwrap();
        assert_eq!(to.recv_from().await.unwrap().bytes, longest);
        let refused = from.send_to(vec![1; 65_508], at(2, 53), Cause::NONE).await.unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(90), "EMSGSIZE");
    })
    .unwrap();
}

#[test]
fn a_socket_on_all_addresses_answers_from_the_one_that_was_asked() {
    let net = network(1);
    let client = host(&net, "client", 1, &LinkConfig::default());
    let config = HostConfig {
        name: "server".to_owned(),
        addresses: vec![ip(2), ip(3)],
        ..HostConfig::default()
    };
    let server = net.network().add_host(config).unwrap();
    net.run(async {
        let all = server.bind_udp("0.0.0.0:53".parse().unwrap()).unwrap();
        let from = client.bind_udp(at(1, 0)).unwrap();
        from.send_to("?", at(3, 53), Cause::NONE).await.unwrap();
        assert_eq!(all.recv_from().await.unwrap().to, at(3, 53));
    })
    .unwrap();
}

/// A root server with replicas in two regions, and a client in each.
fn anycast() -> (VirtualNetwork, [Host; 4]) {
    let far = ("bogota".to_owned(), "amherst".to_owned(), ms(40));
    let net = VirtualNetwork::new(NetworkConfig { regions: vec![far], ..NetworkConfig::default() });
    let add = |name: &str, address: u8, region: &str| {
        let config = HostConfig {
            name: name.to_owned(),
            addresses: vec![ip(address)],
            region: region.to_owned(),
            ..HostConfig::default()
        };
        net.network().add_host(config).unwrap()
    };
    let hosts = [
        add("a.root bogota", 53, "bogota"),
        add("a.root amherst", 53, "amherst"),
        add("carlos", 1, "bogota"),
        add("andrea", 2, "amherst"),
    ];
    (net, hosts)
}

#[test]
fn an_anycast_address_is_answered_by_the_nearest_replica_that_is_up() {
    let (net, [bogota, amherst, carlos, andrea]) = anycast();
    let network = net.network();
    assert_eq!(network.nearest(carlos.id(), ip(53)), Some(bogota.id()));
    assert_eq!(network.nearest(andrea.id(), ip(53)), Some(amherst.id()));
    network.set_host_down(bogota.id(), true);
    assert_eq!(network.nearest(carlos.id(), ip(53)), Some(amherst.id()));
    assert_eq!(network.round_trip(carlos.id(), amherst.id()), ms(80));
    net.run(async {
        let replica = amherst.bind_udp(at(53, 53)).unwrap();
        let from = carlos.bind_udp(at(1, 0)).unwrap();
        let sent = from.send_to("NS .", at(53, 53), Cause::NONE).await.unwrap();
        replica.recv_from().await.unwrap();
        assert_eq!(amherst.now(), Time::ZERO + ms(40));
        let event = carlos.capture().get(sent).unwrap();
        let What::Datagram(packet) = event.what else { panic!("a datagram") };
        assert_eq!(packet.to_host, Some(amherst.id()));
    })
    .unwrap();
}

#[test]
fn a_downlink_serves_packets_in_the_order_of_their_arrival() {
    // "far" sends first but is 100 ms away; "near" must not wait for it.
    let far = ("far".to_owned(), "here".to_owned(), ms(100));
    let net = VirtualNetwork::new(NetworkConfig { regions: vec![far], ..NetworkConfig::default() });
    let slow = LinkConfig { rate_bps: 100_000, ..LinkConfig::default() };
    let to = host_with(&net, "to", 1, LinkConfig::default(), slow);
    let near = host(&net, "near", 2, &LinkConfig::default());
    let config = HostConfig {
        name: "distant".to_owned(),
        addresses: vec![ip(3)],
        region: "far".to_owned(),
        ..HostConfig::default()
    };
    let distant = net.network().add_host(config).unwrap();
    net.run(async {
        let socket = to.bind_udp(at(1, 9)).unwrap();
        let (first, second) =
            (distant.bind_udp(at(3, 1)).unwrap(), near.bind_udp(at(2, 1)).unwrap());
        first.send_to(vec![0; 1000], at(1, 9), Cause::NONE).await.unwrap();
        second.send_to(vec![0; 1000], at(1, 9), Cause::NONE).await.unwrap();
        assert_eq!(socket.recv_from().await.unwrap().from, at(2, 1));
        assert_eq!(to.now(), Time::ZERO + ms(10));
        socket.recv_from().await.unwrap();
        assert_eq!(to.now(), Time::ZERO + ms(110));
    })
    .unwrap();
}
