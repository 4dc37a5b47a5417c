//! Datagrams in virtual time.

use std::io::ErrorKind;

use capa7_net::{Cause, LinkConfig, Time};

use crate::house::{at, latency, ms, pair};

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
fn a_taken_port_and_a_foreign_address_are_refused() {
    let (net, one, _) = pair(1, &LinkConfig::default());
    net.run(async {
        let _first = one.bind_udp(at(1, 53)).unwrap();
        assert_eq!(one.bind_udp(at(1, 53)).unwrap_err().kind(), ErrorKind::AddrInUse);
        assert_eq!(one.bind_udp(at(2, 53)).unwrap_err().kind(), ErrorKind::AddrNotAvailable);
    })
    .unwrap();
}
