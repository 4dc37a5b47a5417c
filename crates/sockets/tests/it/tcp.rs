//! Course K2: the server first, a socket per client, a stream without messages.

use capa7_net::capture::{ConnectionChange, What};
use capa7_net::{Cause, Host, LinkConfig, Room};
use capa7_sockets::tcp_client::{TcpError, ask};
use capa7_sockets::tcp_server::TcpServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::world::{PATIENCE, SERVER, telling, world};

fn serve(host: &Host) -> std::sync::Arc<std::sync::Mutex<Vec<String>>> {
    let (tell, told) = telling();
    host.spawn("tcp-server", TcpServer::bind(host, SERVER).expect("a free port").run(tell))
        .detach();
    told
}

#[test]
fn a_client_before_its_server_is_refused_and_told_what_to_do() {
    let (net, client, server) = world(LinkConfig::default());
    let early = net.run(ask(&client, SERVER, b"x", PATIENCE, Cause::NONE)).unwrap().unwrap_err();
    assert!(matches!(early, TcpError::Refused(_)));
    assert!(early.to_string().contains("Start the server first"), "{early}");
    serve(&server);
    let later = net.run(ask(&client, SERVER, b"x", PATIENCE, Cause::NONE)).unwrap();
    assert_eq!(later.unwrap(), b"X");
}

// A classic client sends its line, with or without an end, and waits; it closes
// after the answer.
#[test]
fn bytes_are_answered_as_they_come_with_or_without_a_newline() {
    let (net, client, server) = world(LinkConfig::default());
    serve(&server);
    net.run(async {
        let mut stream = client.connect_tcp(SERVER, Cause::NONE).await.unwrap();
        let mut buffer = [0; 64];
        for (said, answer) in [("hello", "HELLO"), (" you\n", " YOU\n"), ("año", "AÑO")] {
            stream.write_all(said.as_bytes()).await.unwrap();
            let length = stream.read(&mut buffer).await.unwrap();
            assert_eq!(&buffer[..length], answer.as_bytes());
        }
        stream.shutdown().await.unwrap();
        assert_eq!(stream.read(&mut buffer).await.unwrap(), 0);
    })
    .unwrap();
}

#[test]
fn a_character_that_comes_in_two_parts_is_one() {
    let (net, client, server) = world(LinkConfig::default());
    serve(&server);
    net.run(async {
        let mut stream = client.connect_tcp(SERVER, Cause::NONE).await.unwrap();
        let mut buffer = [0; 64];
        stream.write_all(b"a\xc3").await.unwrap();
        let length = stream.read(&mut buffer).await.unwrap();
        assert_eq!(&buffer[..length], b"A");
        stream.write_all(b"\xb1o").await.unwrap();
        let length = stream.read(&mut buffer).await.unwrap();
        assert_eq!(&buffer[..length], "ÑO".as_bytes());
        // One that is never finished comes back as it is.
        stream.write_all(b"\xe2\x82").await.unwrap();
        stream.shutdown().await.unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"\xe2\x82");
    })
    .unwrap();
}

#[test]
fn a_mebibyte_over_a_bad_link_comes_back_whole() {
    let up = LinkConfig { loss: 0.01, latency_ns: 5_000_000, ..LinkConfig::default() };
    let (net, client, server) = world(up);
    serve(&server);
    let text = "año ŉ straße ".repeat((1 << 20) / 12);
    assert!(text.len() > 1 << 20);
    let patience = std::time::Duration::from_secs(3600);
    let answer = net.run(ask(&client, SERVER, text.as_bytes(), patience, Cause::NONE)).unwrap();
    assert!(answer.unwrap() == text.to_uppercase().as_bytes());
}

#[test]
fn binary_input_comes_back_and_hurts_nobody() {
    let (net, client, server) = world(LinkConfig::default());
    serve(&server);
    let all: Vec<u8> = (0..=255).collect();
    let answer = net.run(ask(&client, SERVER, &all, PATIENCE, Cause::NONE)).unwrap().unwrap();
    assert_eq!(answer, all.to_ascii_uppercase());
}

#[test]
fn a_hundred_clients_at_once_have_a_socket_each_and_one_silent_holds_up_nobody() {
    let (net, client, server) = world(LinkConfig::default());
    let told = serve(&server);
    let right = net.run(async {
        let silent = client.connect_tcp(SERVER, Cause::NONE).await.unwrap();
        let asks = (0..100).map(|number| {
            let host = client.clone();
            client.spawn("client", async move {
                let text = format!("client {number}");
                let answer = ask(&host, SERVER, text.as_bytes(), PATIENCE, Cause::NONE).await;
                answer.unwrap() == text.to_uppercase().into_bytes()
            })
        });
        let mut right = 0;
        for ask in asks.collect::<Vec<_>>() {
            right += u32::from(ask.await.unwrap());
        }
        drop(silent);
        right
    });
    assert_eq!(right.unwrap(), 100);
    let clients: std::collections::BTreeSet<_> = told.lock().unwrap().iter().cloned().collect();
    assert_eq!(clients.len(), 101, "{clients:?}");
    let events = net.network().capture().since(Cause::NONE, usize::MAX);
    let opened = events.iter().filter(|event| {
        matches!(event.what, What::Connection { change: ConnectionChange::Open, .. })
    });
    assert_eq!(opened.count(), 101);
}

#[test]
fn a_silent_client_is_left_after_five_minutes() {
    let (net, client, server) = world(LinkConfig::default());
    serve(&server);
    net.run(async {
        let mut stream = client.connect_tcp(SERVER, Cause::NONE).await.unwrap();
        let before = client.now();
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
        let waited = client.now().since(before).as_secs();
        assert_eq!(waited, 300);
    })
    .unwrap();
}

#[test]
fn a_host_that_is_down_is_a_time_out() {
    let (net, client, server) = world(LinkConfig::default());
    serve(&server);
    net.network().set_host_down(server.id(), true);
    let error = net.run(ask(&client, SERVER, b"x", PATIENCE, Cause::NONE)).unwrap().unwrap_err();
    assert!(matches!(error, TcpError::TimedOut(..)), "{error}");
}

#[tokio::test]
async fn a_classic_client_of_this_machine_is_served() {
    let host = Host::machine(Room::Sockets);
    let free = host.listen_tcp("127.0.0.1:0".parse().unwrap()).unwrap().local_addr();
    let _server = host.spawn("tcp-server", TcpServer::bind(&host, free).unwrap().run(telling().0));
    let patience = std::time::Duration::from_secs(120);
    assert_eq!(ask(&host, free, b"hello", patience, Cause::NONE).await.unwrap(), b"HELLO");
}
