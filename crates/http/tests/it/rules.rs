//! A server among slow, silent and lying clients: bytes against bytes.

use std::time::Duration;

use capa7_http::server::ServerConfig;
use capa7_net::{Cause, TcpStream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::world::{World, address};

/// Sends bytes, and returns what comes back until the server closes, with the
/// seconds that it took.
fn exchange(config: ServerConfig, bytes: &[u8]) -> (String, u64) {
    let world = World::new();
    let _server = world.start(config);
    let host = world.client.clone();
    let bytes = bytes.to_vec();
    world.run(async move {
        let before = host.now();
        let mut stream: TcpStream = host.connect_tcp(address(), Cause::NONE).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        let mut out = Vec::new();
        let _ = stream.read_to_end(&mut out).await;
        (String::from_utf8(out).unwrap(), host.now().since(before).as_secs())
    })
}

fn statuses(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.strip_prefix("HTTP/1.1 ")).map(|rest| &rest[..3]).collect()
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    // RFC 9112 §9.3.2.
    let bytes = b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\nGET /nothing HTTP/1.1\r\nHost: a\r\n\r\n\
        HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let (text, _) = exchange(ServerConfig::default(), bytes);
    assert_eq!(statuses(&text), ["200", "404", "200"]);
    assert!(text.find("slow").unwrap() < text.find("no such thing").unwrap());
    assert!(text.ends_with("\r\n\r\n"), "HEAD has no body (RFC 9110 §9.3.2)");
}

#[test]
fn a_smuggled_request_is_refused_and_the_connection_closed() {
    // RFC 9112 §6.1, §11.2.
    let bytes = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\
        Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let (text, _) = exchange(ServerConfig::default(), bytes);
    assert_eq!(statuses(&text), ["400"]);
}

#[test]
fn each_refusal_has_its_code() {
    let check = |bytes: &str, status: &str| {
        let (text, _) = exchange(ServerConfig::default(), bytes.as_bytes());
        assert_eq!(statuses(&text), [status], "{bytes:.60}");
    };
    check("GET / HTTP/1.1\r\n\r\n", "400");
    check("nonsense\r\n\r\n", "400");
    check("GET / HTTP/3.0\r\n\r\n", "505");
    check(&format!("GET /{} HTTP/1.1\r\n", "a".repeat(9_000)), "414");
    check(&format!("GET / HTTP/1.1\r\nA: {}\r\n", "b".repeat(40_000)), "431");
    check("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n", "413");
    check("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", "501");
}

#[test]
fn bodies_together_are_bounded() {
    let config = ServerConfig { bodies_bytes_max: 64 << 10, ..ServerConfig::default() };
    let bytes = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n";
    assert_eq!(statuses(&exchange(config, bytes).0), ["503"]);
}

#[test]
fn slow_and_silent_clients_are_let_go() {
    // RFC 9112 §9.5; each bound is a setting.
    let (text, seconds) = exchange(ServerConfig::default(), b"");
    assert_eq!((text.as_str(), seconds), ("", 60), "idle");
    let (text, seconds) = exchange(ServerConfig::default(), b"GET / HTTP/1.1\r\nHo");
    assert_eq!((statuses(&text), seconds), (vec!["408"], 10), "half a head");
    let half = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nHo";
    let (text, seconds) = exchange(ServerConfig::default(), half);
    assert_eq!((statuses(&text), seconds), (vec!["408"], 30), "half a body");
}

#[test]
fn a_client_that_waits_for_leave_gets_it() {
    // RFC 9110 §10.1.1.
    let bytes = b"POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nConnection: close\r\n\
        Content-Length: 4\r\n\r\nHola";
    let (text, _) = exchange(ServerConfig::default(), bytes);
    assert_eq!(statuses(&text), ["100", "200"]);
    assert!(text.ends_with("Hola"));
}

#[test]
fn events_are_sent_as_they_happen_and_the_connection_goes_on() {
    let bytes = b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n\
        GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let (text, seconds) = exchange(ServerConfig::default(), bytes);
    assert!(text.contains("9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n9\r\ndata: 3\n\n\r\n0\r\n\r\n"));
    assert_eq!((statuses(&text), seconds), (vec!["200", "200"], 3));
}

#[test]
fn one_address_gets_no_more_than_its_connections() {
    let world = World::new();
    let config = ServerConfig { connections_per_client_max: 2, ..ServerConfig::default() };
    let _server = world.start(config);
    let host = world.client.clone();
    world.run(async move {
        let mut open = Vec::new();
        for _ in 0..3 {
            open.push(host.connect_tcp(address(), Cause::NONE).await.unwrap());
        }
        let mut byte = [0];
        let third = host.timeout(Duration::from_secs(1), open[2].read(&mut byte)).await;
        assert!(matches!(third, Ok(Ok(0) | Err(_))), "the third is closed: {third:?}");
        let first = host.timeout(Duration::from_secs(1), open[0].read(&mut byte)).await;
        assert!(first.is_err(), "the first is open");
    });
}
