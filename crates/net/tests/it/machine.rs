//! The bare machine: what `serve` and the command line run on.

use std::net::SocketAddr;
use std::time::Duration;

use capa7_net::capture::{Layer, What};
use capa7_net::{Cause, Causes, Host, Room, TaskEnded};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const LOCAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// Longer than any of these tests takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test]
async fn datagrams_of_every_length_pass() {
    let host = Host::machine(Room::Sockets);
    let (server, client) = (host.bind_udp(LOCAL).unwrap(), host.bind_udp(LOCAL).unwrap());
    for length in [0, 1, 1_500, 65_507] {
        client.send_to(vec![7; length], server.local_addr(), Causes::NONE).await.unwrap();
        let seen = host.timeout(PATIENCE, server.recv_from()).await.unwrap().unwrap();
        assert_eq!((seen.bytes.len(), seen.from), (length, client.local_addr()));
    }
    let too_long = client.send_to(vec![7; 65_508], server.local_addr(), Causes::NONE).await;
    assert!(too_long.is_err());
}

#[tokio::test]
async fn a_stream_of_a_mebibyte_comes_back_whole() {
    let host = Host::machine(Room::Sockets);
    let listener = host.listen_tcp(LOCAL).unwrap();
    let server = listener.local_addr();
    let echo = host.spawn("echo", async move {
        let mut stream = listener.accept().await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        stream.shutdown().await.unwrap();
    });
    let sent: Vec<u8> = (0..1 << 20).map(|i: u32| (i % 251) as u8).collect();
    let mut stream = host.connect_tcp(server, Cause::NONE).await.unwrap();
    assert_eq!(stream.peer_addr(), server);
    stream.write_all(&sent).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut back = Vec::new();
    stream.read_to_end(&mut back).await.unwrap();
    assert_eq!(back, sent);
    echo.await.unwrap();
}

#[tokio::test]
async fn nobody_listening_is_refused() {
    let host = Host::machine(Room::Sockets);
    let free = host.listen_tcp(LOCAL).unwrap().local_addr();
    let error = host.connect_tcp(free, Cause::NONE).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn nothing_is_recorded_until_somebody_watches() {
    let host = Host::machine(Room::Sockets);
    let listener = host.listen_tcp(LOCAL).unwrap();
    let server = listener.local_addr();
    let mut ours = host.connect_tcp(server, Cause::NONE).await.unwrap();
    let mut theirs = listener.accept().await.unwrap();
    let mut buffer = [0; 8];

    ours.write_all(b"unseen").await.unwrap();
    assert_eq!(theirs.read(&mut buffer).await.unwrap(), 6);
    assert!(host.capture().is_empty());

    host.capture().set_on(true);
    ours.write_all(b"seen").await.unwrap();
    assert_eq!(theirs.read(&mut buffer).await.unwrap(), 4);
    let chunks: Vec<_> = host
        .capture()
        .since(Cause::NONE, 10)
        .into_iter()
        .filter_map(|event| match event.what {
            What::Chunk { offset, layer, packet, .. } => Some((offset, layer, packet.bytes)),
            _ => None,
        })
        .collect();
    // Both ends of this connection are ours, and each tells.
    assert_eq!(chunks, vec![(6, Layer::Clear, "seen".into()); 2]);
}

#[tokio::test]
async fn a_dropped_task_ends_and_an_aborted_one_says_so() {
    let host = Host::machine(Room::Lab);
    let (alive, gone) = tokio::sync::oneshot::channel::<()>();
    let task = host.spawn("waits", async move {
        std::future::pending::<()>().await;
        drop(alive);
    });
    drop(task);
    assert!(host.timeout(PATIENCE, gone).await.unwrap().is_err());

    let task = host.spawn("waits", std::future::pending::<()>());
    task.abort();
    assert_eq!(task.await, Err(TaskEnded));
}

#[tokio::test]
async fn workers_are_threads_of_their_own() {
    let host = Host::machine(Room::Lab);
    let (send, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let workers = host.workers("worker", 3, move |index| {
        let send = send.clone();
        async move { send.send((index, std::thread::current().id())).unwrap() }
    });
    for worker in workers {
        worker.await.unwrap();
    }
    let mut all = Vec::new();
    while let Some(one) = seen.recv().await {
        all.push(one);
    }
    all.sort_by_key(|(index, _)| *index);
    assert!(matches!(&all[..], [(0, a), (1, b), (2, c)] if a != b && b != c && a != c));
}

#[tokio::test]
async fn the_clock_and_its_waits_agree() {
    let host = Host::machine(Room::Lab);
    let before = host.now();
    host.sleep(Duration::from_millis(20)).await;
    assert!(host.now().since(before) >= Duration::from_millis(20));
    assert!(host.timeout(Duration::ZERO, std::future::pending::<()>()).await.is_err());
    assert_eq!(host.blocking(|| 6 * 7).await, 42);
}
