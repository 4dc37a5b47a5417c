//! Course K1: no handshake, an address on every datagram, nothing promised.

use std::time::Duration;

use capa7_net::capture::What;
use capa7_net::udp::DATAGRAM_BYTES_MAX;
use capa7_net::{Cause, Causes, Host, LinkConfig, Room, VirtualNetwork};
use capa7_sockets::udp_client::{UdpError, ask};
use capa7_sockets::udp_server::UdpServer;

use crate::world::{PATIENCE, SERVER, telling, world};

fn serve(host: &Host) -> std::sync::Arc<std::sync::Mutex<Vec<String>>> {
    let (tell, told) = telling();
    let server = UdpServer::bind(host, SERVER).expect("a free port");
    assert_eq!(server.local_addr(), SERVER);
    host.spawn("udp-server", server.run(tell)).detach();
    told
}

fn datagrams(net: &VirtualNetwork) -> usize {
    let events = net.network().capture().since(Cause::NONE, usize::MAX);
    events.iter().filter(|event| matches!(event.what, What::Datagram(_))).count()
}

#[test]
fn a_question_and_its_answer_are_one_datagram_each() {
    let (net, client, server) = world(LinkConfig::default());
    let told = serve(&server);
    let answer = net.run(ask(&client, SERVER, "año".as_bytes(), PATIENCE, Cause::NONE)).unwrap();
    assert_eq!(answer.unwrap(), "AÑO".as_bytes());
    assert_eq!(datagrams(&net), 2);
    let told = told.lock().unwrap();
    assert!(told[0].starts_with("10.0.0.1:") && told[0].ends_with("sent 4 bytes"), "{told:?}");
}

#[test]
fn every_length_up_to_the_longest_datagram_is_answered() {
    let (net, client, server) = world(LinkConfig::default());
    serve(&server);
    for length in [0, 1, 1_473, DATAGRAM_BYTES_MAX] {
        let text = vec![b'x'; length];
        let answer = net.run(ask(&client, SERVER, &text, PATIENCE, Cause::NONE)).unwrap().unwrap();
        assert_eq!(answer, vec![b'X'; length]);
    }
    let text = vec![b'x'; DATAGRAM_BYTES_MAX + 1];
    let error = net.run(ask(&client, SERVER, &text, PATIENCE, Cause::NONE)).unwrap().unwrap_err();
    assert!(matches!(error, UdpError::TooLong(65_508)), "{error}");
}

// ŉ has two bytes, its capitals ʼN three.
#[test]
fn an_answer_that_would_not_fit_is_an_error_reply() {
    let (net, client, server) = world(LinkConfig::default());
    serve(&server);
    let text = "ŉ".repeat(DATAGRAM_BYTES_MAX / 2);
    let answer = net.run(ask(&client, SERVER, text.as_bytes(), PATIENCE, Cause::NONE)).unwrap();
    let answer = String::from_utf8(answer.unwrap()).unwrap();
    assert!(answer.starts_with("ERROR:"), "{answer}");
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
fn a_lost_datagram_is_a_time_out_that_says_what_to_do() {
    let (net, client, server) = world(LinkConfig { loss: 1.0, ..LinkConfig::default() });
    serve(&server);
    let before = client.now();
    let error = net.run(ask(&client, SERVER, b"x", PATIENCE, Cause::NONE)).unwrap().unwrap_err();
    assert_eq!(client.now().since(before), PATIENCE);
    assert!(error.to_string().contains("no answer from 10.0.0.2:12000 within 5s"), "{error}");
    assert!(error.to_string().contains("start the server"), "{error}");
}

#[test]
fn without_a_server_the_client_waits_in_vain() {
    let (net, client, _) = world(LinkConfig::default());
    let error = net.run(ask(&client, SERVER, b"x", PATIENCE, Cause::NONE)).unwrap().unwrap_err();
    assert!(matches!(error, UdpError::TimedOut(..)), "{error}");
}

#[test]
fn an_answer_from_somebody_else_is_not_believed() {
    let (net, client, server) = world(LinkConfig::default());
    let inbox = server.bind_udp(SERVER).unwrap();
    let other = server.bind_udp("10.0.0.2:0".parse().unwrap()).unwrap();
    server
        .spawn("liar", async move {
            let asked = inbox.recv_from().await.unwrap();
            other.send_to("LIE", asked.from, Causes::NONE).await.unwrap();
            inbox.send_to("TRUTH", asked.from, Causes::NONE).await.unwrap();
        })
        .detach();
    let answer = net.run(ask(&client, SERVER, b"x", PATIENCE, Cause::NONE)).unwrap().unwrap();
    assert_eq!(answer, b"TRUTH");
}

#[test]
fn a_hundred_clients_are_told_apart_by_their_ports() {
    let (net, client, server) = world(LinkConfig { reorder: 0.3, ..LinkConfig::default() });
    let told = serve(&server);
    let asked = net.run(async {
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
        right
    });
    assert_eq!(asked.unwrap(), 100);
    let told = told.lock().unwrap();
    let clients: std::collections::BTreeSet<_> =
        told.iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(clients.len(), 100);
}

#[tokio::test]
async fn a_port_in_use_is_told_with_what_to_do() {
    let host = Host::machine(Room::Sockets);
    let server = UdpServer::bind(&host, "127.0.0.1:0".parse().unwrap()).unwrap();
    let error = UdpServer::bind(&host, server.local_addr()).unwrap_err();
    assert!(error.to_string().contains("listen on another port"), "{error}");
}

#[tokio::test]
async fn it_works_on_this_machine_too() {
    let host = Host::machine(Room::Sockets);
    let server = UdpServer::bind(&host, "127.0.0.1:0".parse().unwrap()).unwrap();
    let at = server.local_addr();
    let _server = host.spawn("udp-server", server.run(telling().0));
    let patience = Duration::from_secs(120);
    let answer = ask(&host, at, b"hello", patience, Cause::NONE).await.unwrap();
    assert_eq!(answer, b"HELLO");
}
