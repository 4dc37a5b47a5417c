//! Streams of a lab on kernel sockets in 127.0.0.0/8.

#![allow(clippy::disallowed_types, reason = "programs outside of the lab use the system's sockets")]

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use capa7_net::capture::{ConnectionChange, Fate, What};
use capa7_net::fault::{ConnectionAction, ConnectionRule, Matcher, MessageAction, MessageRule};
use capa7_net::{Cause, Host, LinkConfig, Network, TcpStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::loopback::{at, host, lab};

/// Longer than any of these tests takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A client in Bogotá, a server in Boston, 30 ms apart.
fn pair(network: &Network, net: u8) -> (Host, Host, SocketAddr) {
    let client = host(network, "client", &format!("127.{net}.0.1"), "bogota");
    let server = host(network, "server", &format!("127.{net}.0.2"), "boston");
    let address = at(&server, 12000);
    (client, server, address)
}

async fn connected(client: &Host, server: &Host, to: SocketAddr) -> (TcpStream, TcpStream) {
    let listener = server.listen_tcp(to).unwrap();
    let ours = client.connect_tcp(to, Cause::NONE).await.unwrap();
    let theirs = server.timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    (ours, theirs)
}

fn changes(network: &Network) -> Vec<ConnectionChange> {
    let events = network.capture().since(Cause::NONE, usize::MAX);
    let change = |what| match what {
        What::Connection { change, .. } => Some(change),
        _ => None,
    };
    events.into_iter().filter_map(|event| change(event.what)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn opening_costs_a_round_trip_and_each_message_its_way() {
    let network = lab();
    let (client, server, to) = pair(&network, 30);
    let listener = server.listen_tcp(to).unwrap();
    let before = client.now();
    let mut ours = client.connect_tcp(to, Cause::NONE).await.unwrap();
    assert!(client.now().since(before) >= Duration::from_millis(60));
    let mut theirs = listener.accept().await.unwrap();
    assert!(server.now().since(before) >= Duration::from_millis(90));
    assert_eq!(theirs.peer_addr(), ours.local_addr());
    assert_eq!((ours.peer_addr(), theirs.local_addr()), (to, to));
    assert_eq!(ours.connection(), theirs.connection());

    let mut buffer = [0; 64];
    let sent = client.now();
    ours.write_all(b"hello").await.unwrap();
    assert_eq!(theirs.read(&mut buffer).await.unwrap(), 5);
    assert!(server.now().since(sent) >= Duration::from_millis(30));
    // The server's answer is because of what it read.
    let cause = theirs.read_cause();
    theirs.set_write_cause(cause);
    theirs.write_all(b"HELLO").await.unwrap();
    assert_eq!(ours.read(&mut buffer).await.unwrap(), 5);
    let answer = network.capture().get(ours.read_cause()).unwrap();
    assert_eq!(answer.causes.first, cause);
    let question = network.capture().get(cause).unwrap();
    let What::Chunk { packet, offset, .. } = question.what else { panic!("{question:?}") };
    assert_eq!((&packet.bytes[..], offset), (&b"hello"[..], 0));
    assert_eq!((packet.from_host, packet.to_host), (Some(client.id()), Some(server.id())));
    assert_eq!(network.capture().fate(cause).unwrap().1, Fate::Delivered);

    ours.shutdown().await.unwrap();
    assert_eq!(theirs.read(&mut buffer).await.unwrap(), 0);
    theirs.shutdown().await.unwrap();
    assert_eq!(ours.read(&mut buffer).await.unwrap(), 0);
    use ConnectionChange::{Asked, Closed, HalfClosed, Open};
    assert_eq!(changes(&network), [Asked, Open, HalfClosed, Closed]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_over_a_bad_link_arrives_whole_and_late() {
    let network = lab();
    let (client, server, to) = pair(&network, 31);
    let up = LinkConfig { loss: 0.02, corrupt: 0.02, rate_bps: 4 << 20, ..LinkConfig::default() };
    network.set_access(client.id(), up, LinkConfig::default()).unwrap();
    let (mut ours, mut theirs) = connected(&client, &server, to).await;
    let sent: Vec<u8> = (0..1 << 20).map(|i: u32| (i % 251) as u8).collect();
    let expect = sent.clone();
    let before = client.now();
    let writer = client.spawn("writer", async move {
        ours.write_all(&sent).await.unwrap();
        // Dropped without a word: what was written still arrives.
    });
    let mut seen = Vec::new();
    server.timeout(PATIENCE, theirs.read_to_end(&mut seen)).await.unwrap().unwrap();
    assert!(seen == expect, "{} bytes of {}", seen.len(), expect.len());
    // 1 MiB at 4 MiB/s.
    assert!(server.now().since(before) >= Duration::from_millis(250));
    writer.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_waits_for_a_reader_that_does_not_read() {
    let network = lab();
    let (client, server, to) = pair(&network, 32);
    let (mut ours, theirs) = connected(&client, &server, to).await;
    let window = capa7_net::NetworkConfig::default().tcp_window_bytes;
    let much = vec![0; window];
    ours.write_all(&much).await.unwrap();
    let more = client.timeout(Duration::from_millis(100), ours.write_all(b"x")).await;
    assert!(more.is_err(), "the window is full");
    drop(theirs);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_listening_is_refused_after_a_round_trip() {
    let network = lab();
    let (client, _, to) = pair(&network, 33);
    let before = client.now();
    let error = client.connect_tcp(to, Cause::NONE).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert!(client.now().since(before) >= Duration::from_millis(60));
    assert_eq!(changes(&network), [ConnectionChange::Asked, ConnectionChange::Refused]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_ends_both_ends_with_an_error() {
    let network = lab();
    let (client, server, to) = pair(&network, 34);
    network.faults().add_connection(ConnectionRule {
        text: "reset".to_owned(),
        matcher: Matcher::default(),
        action: ConnectionAction::ResetAfter(10),
    });
    let (mut ours, mut theirs) = connected(&client, &server, to).await;
    ours.write_all(b"0123456789").await.unwrap();
    let mut buffer = [0; 64];
    let error = loop {
        match server.timeout(PATIENCE, theirs.read(&mut buffer)).await.unwrap() {
            Ok(length) => assert_ne!(length, 0, "an end instead of an error"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let error = client.timeout(PATIENCE, ours.read(&mut buffer)).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert!(ours.write_all(b"more").await.is_err());
    assert!(changes(&network).contains(&ConnectionChange::Reset));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_chunk_is_sent_again() {
    let network = lab();
    let (client, server, to) = pair(&network, 35);
    network.faults().add_message(MessageRule {
        text: "drop the first".to_owned(),
        matcher: Matcher { count: Some(1), port: Some(12000), ..Matcher::default() },
        action: MessageAction::Drop,
    });
    let (mut ours, mut theirs) = connected(&client, &server, to).await;
    let sent = client.now();
    ours.write_all(b"again").await.unwrap();
    ours.write_all(b"!").await.unwrap();
    let mut buffer = [0; 6];
    server.timeout(PATIENCE, theirs.read_exact(&mut buffer)).await.unwrap().unwrap();
    assert_eq!(&buffer, b"again!");
    assert!(server.now().since(sent) >= Duration::from_millis(230));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_stops_waiting_leaves_nothing_behind() {
    let network = lab();
    let (client, server, to) = pair(&network, 36);
    let listener = server.listen_tcp(to).unwrap();
    let impatient =
        || client.timeout(Duration::from_millis(45), client.connect_tcp(to, Cause::NONE));
    // Whoever stands still meanwhile finds the answer when the time is over: then once more.
    while impatient().await.is_ok() {
        server.timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    }
    // The next client is the first that the server sees.
    let ours = client.connect_tcp(to, Cause::NONE).await.unwrap();
    let theirs = server.timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    assert_eq!(theirs.peer_addr(), ours.local_addr());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_listens_again_at_once() {
    let network = lab();
    let (client, server, to) = pair(&network, 37);
    for _ in 0..20 {
        let (mut ours, theirs) = connected(&client, &server, to).await;
        drop(theirs);
        assert_eq!(ours.read(&mut [0; 1]).await.unwrap(), 0);
    }
    let first = server.listen_tcp(to).unwrap();
    assert_eq!(server.listen_tcp(to).unwrap_err().kind(), ErrorKind::AddrInUse);
    drop(first);
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_outside_dial_and_are_dialled() {
    let network = lab();
    let (client, server, to) = pair(&network, 38);
    let listener = server.listen_tcp(to).unwrap();
    let machine = network.on_machine(to);
    let outside = client.blocking(move || {
        let mut stream = std::net::TcpStream::connect(machine).unwrap();
        stream.write_all(b"hi").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    });
    let serve = async {
        let mut stream = listener.accept().await.unwrap();
        let mut buffer = [0; 2];
        stream.read_exact(&mut buffer).await.unwrap();
        let question = network.capture().get(stream.read_cause()).unwrap();
        assert!(matches!(question.what, What::Chunk { packet, .. } if &packet.bytes[..] == b"hi"));
        stream.write_all(b"HI").await.unwrap();
    };
    let (text, ()) = tokio::join!(outside, serve);
    assert_eq!(text, "HI");

    let theirs = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let to = theirs.local_addr().unwrap();
    let ours = client.connect_tcp(to, Cause::NONE).await.unwrap();
    let (_, peer) = theirs.accept().unwrap();
    assert_eq!(ours.local_addr(), peer);
    drop(theirs);
    let refused = client.connect_tcp(to, Cause::NONE).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_connections_at_once_keep_their_bytes_apart() {
    let network = lab();
    let (client, server, to) = pair(&network, 39);
    let listener = server.listen_tcp(to).unwrap();
    let echo_host = server.clone();
    server
        .spawn("echo", async move {
            loop {
                let mut stream = listener.accept().await.unwrap();
                let echo = async move {
                    let mut bytes = Vec::new();
                    stream.read_to_end(&mut bytes).await.unwrap();
                    stream.write_all(&bytes).await.unwrap();
                };
                echo_host.spawn("one", echo).detach();
            }
        })
        .detach();
    let talks: Vec<_> = (0..100_u32)
        .map(|number| {
            let host = client.clone();
            client.spawn("client", async move {
                let mut stream = host.connect_tcp(to, Cause::NONE).await.unwrap();
                let sent = number.to_le_bytes().repeat(1_000);
                stream.write_all(&sent).await.unwrap();
                stream.shutdown().await.unwrap();
                let mut back = Vec::new();
                stream.read_to_end(&mut back).await.unwrap();
                back == sent
            })
        })
        .collect();
    for talk in talks {
        assert!(client.timeout(PATIENCE, talk).await.unwrap().unwrap());
    }
    network.end_tasks();
}

// Bytes that reach the kernel while a reader looks are read with their cause too.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_byte_is_read_because_of_the_piece_that_it_was_sent_in() {
    let network = lab();
    let client = host(&network, "client", "127.40.0.1", "bogota");
    let server = host(&network, "server", "127.40.0.2", "bogota");
    let (mut ours, mut theirs) = connected(&client, &server, at(&server, 12000)).await;
    let reader = server.spawn("reader", async move {
        let (mut buffer, mut offset) = ([0; 64], 0);
        loop {
            let length = theirs.read(&mut buffer).await.unwrap() as u64;
            if length == 0 {
                return offset;
            }
            let cause = theirs.read_cause();
            let event = network.capture().get(cause);
            let Some(What::Chunk { offset: sent, packet, .. }) = event.map(|event| event.what)
            else {
                panic!("read at {offset} because of {cause:?}")
            };
            let end = sent + packet.bytes.len() as u64;
            assert!(sent <= offset && offset + length <= end, "{offset} in {sent} to {end}");
            offset += length;
        }
    });
    for _ in 0..PIECES {
        ours.write_all(b"hello").await.unwrap();
    }
    ours.shutdown().await.unwrap();
    assert_eq!(server.timeout(PATIENCE, reader).await.unwrap().unwrap(), 5 * PIECES);
}

/// Enough for a reader to look at the wrong moment more than once.
const PIECES: u64 = 100_000;
