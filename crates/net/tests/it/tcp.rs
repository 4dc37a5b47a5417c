//! Streams in virtual time.

use std::io::ErrorKind;
use std::time::Duration;

use capa7_net::capture::{ConnectionChange, What};
use capa7_net::{Cause, Host, LinkConfig, TcpStream, Time, VirtualNetwork};
use rand::{Rng, SeedableRng};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::house::{at, host_with, latency, ms, network, pair};

/// Connects one to two and returns both ends.
async fn connected(one: &Host, two: &Host) -> (TcpStream, TcpStream) {
    let listener = two.listen_tcp(at(2, 80)).unwrap();
    let client = one.connect_tcp(at(2, 80), Cause::NONE).await.unwrap();
    let server = listener.accept().await.unwrap();
    (client, server)
}

fn changes(net: &VirtualNetwork) -> Vec<ConnectionChange> {
    let events = net.network().capture().since(Cause::NONE, usize::MAX);
    let changes = events.iter().filter_map(|event| match &event.what {
        What::Connection { change, .. } => Some(*change),
        _ => None,
    });
    changes.collect()
}

#[test]
fn a_handshake_takes_one_round_trip() {
    let (net, one, two) = pair(1, &latency(10));
    net.run(async {
        let listener = two.listen_tcp(at(2, 80)).unwrap();
        let client = one.connect_tcp(at(2, 80), Cause::NONE).await.unwrap();
        assert_eq!(one.now(), Time::ZERO + ms(40), "a round trip of 40 ms");
        let server = listener.accept().await.unwrap();
        assert_eq!(two.now(), Time::ZERO + ms(60), "the third segment is there");
        assert_eq!(server.peer_addr(), client.local_addr());
        assert_eq!(server.local_addr(), client.peer_addr());
    })
    .unwrap();
    assert_eq!(changes(&net)[..2], [ConnectionChange::Asked, ConnectionChange::Open]);
}

#[test]
fn nobody_listening_refuses_after_a_round_trip() {
    let (net, one, _) = pair(1, &latency(10));
    let refused = net.run(one.connect_tcp(at(2, 80), Cause::NONE)).unwrap().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(one.now(), Time::ZERO + ms(40));
    assert_eq!(changes(&net), [ConnectionChange::Asked, ConnectionChange::Refused]);
}

#[test]
fn silence_times_out_after_seven_tries_in_127_seconds() {
    // RFC 6298 §2.1 and Linux: 1 + 2 + 4 + 8 + 16 + 32 + 64 s.
    let (net, one, two) = pair(1, &latency(10));
    net.network().set_host_down(two.id(), true);
    let silent = net.run(one.connect_tcp(at(2, 80), Cause::NONE)).unwrap().unwrap_err();
    assert_eq!(silent.kind(), ErrorKind::TimedOut);
    let seconds = one.now().as_secs_f64();
    assert!((127.0..127.2).contains(&seconds), "{seconds}");
    assert_eq!(changes(&net), [ConnectionChange::Asked, ConnectionChange::TimedOut]);
}

#[test]
fn a_connect_that_was_given_up_leaves_nothing_behind() {
    let (net, one, two) = pair(1, &latency(50));
    net.run(async {
        let listener = two.listen_tcp(at(2, 80)).unwrap();
        let connect = one.connect_tcp(at(2, 80), Cause::NONE);
        assert!(one.timeout(ms(150), connect).await.is_err());
        assert!(two.timeout(ms(5000), listener.accept()).await.is_err());
    })
    .unwrap();
}

/// Bytes that tell their place.
fn pattern(size: usize) -> Vec<u8> {
    (0..=250).cycle().take(size).collect()
}

/// Moves `size` bytes from one to two and returns the time from the first write
/// to the last read.
fn transfer(net: &VirtualNetwork, one: &Host, two: &Host, size: usize) -> Duration {
    net.run(async {
        let (mut client, mut server) = connected(one, two).await;
        let start = one.now();
        let sender = one.spawn("sender", async move {
            client.write_all(&pattern(size)).await.unwrap();
            client.shutdown().await.unwrap();
            client
        });
        let mut got = Vec::new();
        server.read_to_end(&mut got).await.unwrap();
        let took = two.now() - start;
        assert!(got == pattern(size), "every byte in its place");
        drop(sender.await.unwrap());
        took
    })
    .unwrap()
}

#[test]
fn a_stream_takes_size_over_rate_and_the_latency() {
    // 1 MB at 1 MB/s is 1 s; the downlink adds the wire time of the last chunk.
    let link = LinkConfig { rate_bps: 1_000_000, ..latency(5) };
    let (net, one, two) = pair(1, &link);
    let took = transfer(&net, &one, &two, 1_000_000).as_secs_f64();
    assert!((1.010..1.030).contains(&took), "{took} s");
}

#[test]
fn a_window_lets_no_more_than_itself_through_in_a_round_trip() {
    // 256 KiB a round trip of 200 ms: 4 MiB take 16 of them, no link limits.
    let (net, one, two) = pair(1, &latency(50));
    let took = transfer(&net, &one, &two, 4 << 20).as_secs_f64();
    assert!((3.0..3.3).contains(&took), "{took} s");
}

#[test]
fn loss_costs_time_but_never_a_byte() {
    let clean = {
        let (net, one, two) = pair(1, &LinkConfig { rate_bps: 10_000_000, ..latency(5) });
        transfer(&net, &one, &two, 1 << 20)
    };
    for (seed, loss) in [(1, 0.01), (2, 0.05), (3, 0.1)] {
        let lossy = LinkConfig { rate_bps: 10_000_000, loss, corrupt: loss, ..latency(5) };
        let (net, one, two) = pair(seed, &lossy);
        let took = transfer(&net, &one, &two, 1 << 20);
        assert!(took > clean, "{loss}: {took:?} against {clean:?}");
    }
}

#[test]
fn a_cut_link_holds_a_stream_until_it_is_mended() {
    let (net, one, two) = pair(1, &latency(5));
    let network = net.network().clone();
    net.run(async {
        let (mut client, mut server) = connected(&one, &two).await;
        let cut = LinkConfig { cut: true, ..latency(5) };
        network.set_access(one.id(), cut, latency(5)).unwrap();
        client.write_all(b"held").await.unwrap();
        let mut got = [0; 4];
        assert!(two.timeout(ms(3000), server.read_exact(&mut got)).await.is_err());
        network.set_access(one.id(), latency(5), latency(5)).unwrap();
        server.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"held");
    })
    .unwrap();
}

#[test]
fn connections_take_turns_on_a_link() {
    // Two streams of 500 kB over 1 MB/s: each has half, both end after 1 s.
    let net = network(1);
    let up = LinkConfig { rate_bps: 1_000_000, ..LinkConfig::default() };
    let one = host_with(&net, "one", 1, up, LinkConfig::default());
    let two = host_with(&net, "two", 2, LinkConfig::default(), LinkConfig::default());
    let ends = net
        .run(async {
            let listener = two.listen_tcp(at(2, 80)).unwrap();
            let mut pairs = Vec::new();
            for _ in 0..2 {
                let client = one.connect_tcp(at(2, 80), Cause::NONE).await.unwrap();
                pairs.push((client, listener.accept().await.unwrap()));
            }
            let mut readers = Vec::new();
            for (mut client, mut server) in pairs {
                one.spawn("sender", async move {
                    client.write_all(&vec![0; 500_000]).await.unwrap();
                })
                .detach();
                let clock = two.clone();
                readers.push(two.spawn("reader", async move {
                    let mut all = Vec::new();
                    server.read_to_end(&mut all).await.unwrap();
                    assert_eq!(all.len(), 500_000);
                    clock.now().as_secs_f64()
                }));
            }
            let mut ends = Vec::new();
            for reader in readers {
                ends.push(reader.await.unwrap());
            }
            ends
        })
        .unwrap();
    assert!(ends.iter().all(|end| (0.97..=1.0001).contains(end)), "{ends:?}");
}

#[test]
fn a_reader_that_does_not_read_stops_its_writer() {
    let (net, one, two) = pair(1, &LinkConfig::default());
    net.run(async {
        let (mut client, mut server) = connected(&one, &two).await;
        let mut written = 0;
        let chunk = vec![0; 10_000];
        while let Ok(done) = one.timeout(ms(1000), client.write(&chunk)).await {
            written += done.unwrap();
            assert!(written < 1_000_000, "the window and the buffer are bounded");
        }
        assert_eq!(written, (256 + 64) << 10, "the window and what waits before it");
        let mut some = vec![0; 100_000];
        server.read_exact(&mut some).await.unwrap();
        assert!(one.timeout(ms(1000), client.write(&chunk)).await.is_ok(), "room again");
    })
    .unwrap();
}

#[test]
fn one_direction_ends_and_the_other_goes_on() {
    let (net, one, two) = pair(1, &latency(1));
    net.run(async {
        let (mut client, mut server) = connected(&one, &two).await;
        client.write_all(b"question").await.unwrap();
        client.shutdown().await.unwrap();
        assert_eq!(client.write(b"more").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        let mut asked = String::new();
        server.read_to_string(&mut asked).await.unwrap();
        server.write_all(b"answer").await.unwrap();
        drop(server);
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!((asked.as_str(), answer.as_str()), ("question", "answer"));
    })
    .unwrap();
    let ends = [ConnectionChange::HalfClosed, ConnectionChange::Closed];
    assert_eq!(changes(&net)[2..], ends);
}

#[test]
fn a_peer_that_closes_with_unread_data_resets() {
    let (net, one, two) = pair(1, &latency(1));
    net.run(async {
        let (mut client, server) = connected(&one, &two).await;
        client.write_all(b"nobody reads this").await.unwrap();
        two.sleep(ms(100)).await;
        drop(server);
        two.sleep(ms(100)).await;
        let mut buffer = [0; 8];
        let read = client.read(&mut buffer).await.unwrap_err();
        assert_eq!(read.kind(), ErrorKind::ConnectionReset);
        assert_eq!(client.write(b"?").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!(client.read(&mut buffer).await.unwrap(), 0, "the error is told once");
    })
    .unwrap();
    assert_eq!(changes(&net).last(), Some(&ConnectionChange::Reset));
}

#[test]
fn data_for_a_closed_end_is_answered_by_a_reset() {
    let (net, one, two) = pair(1, &latency(1));
    net.run(async {
        let (mut client, server) = connected(&one, &two).await;
        drop(server);
        let mut buffer = [0; 8];
        assert_eq!(client.read(&mut buffer).await.unwrap(), 0, "the server's end");
        client.write_all(b"too late").await.unwrap();
        one.sleep(ms(100)).await;
        assert_eq!(client.write(b"?").await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    })
    .unwrap();
}

#[test]
fn a_closed_listener_refuses_and_resets_who_waited() {
    let (net, one, two) = pair(1, &latency(1));
    net.run(async {
        let listener = two.listen_tcp(at(2, 80)).unwrap();
        let mut client = one.connect_tcp(at(2, 80), Cause::NONE).await.unwrap();
        one.sleep(ms(100)).await;
        drop(listener);
        let mut buffer = [0; 8];
        let read = client.read(&mut buffer).await.unwrap_err();
        assert_eq!(read.kind(), ErrorKind::ConnectionReset);
        let again = one.connect_tcp(at(2, 80), Cause::NONE).await.unwrap_err();
        assert_eq!(again.kind(), ErrorKind::ConnectionRefused);
    })
    .unwrap();
}

#[test]
fn a_read_knows_the_chunk_that_it_came_from_and_a_write_its_cause() {
    let (net, one, two) = pair(1, &latency(1));
    net.run(async {
        let (mut client, mut server) = connected(&one, &two).await;
        client.set_write_cause(Cause(77));
        client.write_all(b"GET /").await.unwrap();
        let mut buffer = [0; 5];
        server.read_exact(&mut buffer).await.unwrap();
        let chunk = one.capture().get(server.read_cause()).unwrap();
        assert_eq!(chunk.causes.first, Cause(77));
        let What::Chunk { packet, offset, .. } = chunk.what else { panic!("a chunk") };
        assert_eq!((&packet.bytes[..], offset), (&b"GET /"[..], 0));
    })
    .unwrap();
}

#[test]
fn a_thousand_connections_at_once_leave_no_port_taken() {
    let (net, one, two) = pair(1, &latency(1));
    for _ in 0..20 {
        net.run(async {
            let listener = two.listen_tcp(at(2, 80)).unwrap();
            let echo = two.spawn("echo", async move {
                for _ in 0..1000 {
                    let mut stream = listener.accept().await.unwrap();
                    let mut bytes = Vec::new();
                    stream.read_to_end(&mut bytes).await.unwrap();
                    stream.write_all(&bytes).await.unwrap();
                }
            });
            let clients = (0..1000_u32).map(|number| {
                let host = one.clone();
                one.spawn("client", async move {
                    let mut stream = host.connect_tcp(at(2, 80), Cause::NONE).await.unwrap();
                    stream.write_all(&number.to_be_bytes()).await.unwrap();
                    stream.shutdown().await.unwrap();
                    let mut answer = Vec::new();
                    stream.read_to_end(&mut answer).await.unwrap();
                    assert_eq!(answer, number.to_be_bytes());
                })
            });
            for client in clients.collect::<Vec<_>>() {
                client.await.unwrap();
            }
            echo.await.unwrap();
        })
        .unwrap();
    }
}

/// Moves random amounts in both directions at once over random links that are
/// cut and mended meanwhile; returns the first failure.
async fn rough(net: &VirtualNetwork, one: &Host, two: &Host) -> Result<(), String> {
    let mut rng = one.rng();
    let listener = two.listen_tcp(at(2, 80)).unwrap();
    let client = one.connect_tcp(at(2, 80), Cause::NONE).await.map_err(|why| why.to_string())?;
    let server = listener.accept().await.map_err(|why| why.to_string())?;
    let sizes = [rng.random_range(1..300_000), rng.random_range(1..300_000)];
    let mut tasks = Vec::new();
    for (stream, host, [own, theirs]) in [(client, one, sizes), (server, two, [sizes[1], sizes[0]])]
    {
        let (mut read, mut write) = tokio::io::split(stream);
        let mut pauses = host.rng();
        let clock = host.clone();
        tasks.push(host.spawn("writer", async move {
            for part in pattern(own).chunks(pauses.random_range(1..40_000)) {
                write.write_all(part).await.map_err(|why| why.to_string())?;
                clock.sleep(Duration::from_micros(pauses.random_range(0..2000))).await;
            }
            write.shutdown().await.map_err(|why| why.to_string())
        }));
        tasks.push(host.spawn("reader", async move {
            let mut got = Vec::new();
            read.read_to_end(&mut got).await.map_err(|why| why.to_string())?;
            if got == pattern(theirs) { Ok(()) } else { Err(format!("{} bytes", got.len())) }
        }));
    }
    let whole = net.network().access(one.id()).unwrap();
    for _ in 0..3 {
        one.sleep(ms(rng.random_range(1..200))).await;
        let cut = LinkConfig { cut: true, ..whole.up.clone() };
        net.network().set_access(one.id(), cut, whole.down.clone()).unwrap();
        one.sleep(ms(rng.random_range(1..200))).await;
        net.network().set_access(one.id(), whole.up.clone(), whole.down.clone()).unwrap();
    }
    for task in tasks {
        task.await.map_err(|why| why.to_string())??;
    }
    Ok(())
}

#[test]
fn streams_are_exact_on_a_hundred_rough_networks() {
    for seed in 0..100 {
        let net = network(seed);
        let mut rng = rand_chacha::ChaCha12Rng::seed_from_u64(seed);
        let mut link = || LinkConfig {
            rate_bps: [0, 100_000, 5_000_000][rng.random_range(0..3)],
            latency_ns: rng.random_range(0..50_000_000),
            jitter_ns: rng.random_range(0..20_000_000),
            loss: rng.random_range(0.0..0.1),
            duplicate: 0.1,
            reorder: 0.1,
            corrupt: rng.random_range(0.0..0.05),
            queue_bytes: 10_000,
            cut: false,
        };
        let one = host_with(&net, "one", 1, link(), link());
        let two = host_with(&net, "two", 2, link(), link());
        let end = net.run(rough(&net, &one, &two)).unwrap();
        assert_eq!(end, Ok(()), "seed {seed}");
    }
}
