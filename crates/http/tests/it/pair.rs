//! Our client and our server in virtual time.

use std::time::Duration;

use capa7_http::server::ServerConfig;
use capa7_http_proto::fields::Fields;
use capa7_http_proto::status::Status;
use capa7_net::Cause;
use capa7_net::capture::What;

use crate::world::{World, target};

#[test]
fn requests_share_a_connection() {
    // RFC 9112 §9.3, course H1: a persistent connection saves a round trip per
    // object. Two links of 5 ms each way make a round trip of 20 ms.
    let world = World::new();
    let server = world.start(ServerConfig::default());
    let (client, host) = (world.http(), world.client.clone());
    world.run(async move {
        for expected_ms in [40, 20, 20] {
            let before = host.now();
            let sent = client.send(&target(), "GET", "/", &Fields::new(), b"", Cause::NONE).await;
            assert_eq!(sent.unwrap().head.status, Status::OK);
            assert_eq!(host.now().since(before).as_millis(), expected_ms);
        }
        server.stop().await;
    });
}

#[test]
fn a_body_arrives_whole_in_both_directions() {
    let world = World::new();
    let _server = world.start(ServerConfig::default());
    let client = world.http();
    let body: Vec<u8> = (0..300_000_u32).map(|count| count.to_le_bytes()[0]).collect();
    world.run(async move {
        let (target, fields) = (target(), Fields::new());
        let sent = client.send(&target, "POST", "/echo", &fields, &body, Cause::NONE);
        let answer = sent.await.unwrap();
        assert!(answer.body == body, "{} bytes of {}", answer.body.len(), body.len());
    });
}

#[test]
fn a_response_has_its_request_as_cause() {
    let world = World::new();
    let _server = world.start(ServerConfig::default());
    let client = world.http();
    world.network.network().capture().set_on(true);
    world.run(async move {
        client.send(&target(), "GET", "/", &Fields::new(), b"", Cause::NONE).await.unwrap();
    });
    let events = world.network.network().capture().since(Cause::NONE, 1_000);
    let chunks: Vec<_> =
        events.iter().filter(|event| matches!(event.what, What::Chunk { .. })).collect();
    let [request, response] = chunks.as_slice() else { panic!("{chunks:?}") };
    assert_eq!(response.causes.first, request.id);
}

#[test]
fn a_server_that_stops_answers_what_it_was_asked() {
    let world = World::new();
    let server = world.start(ServerConfig::default());
    let (client, host) = (world.http(), world.client.clone());
    world.run(async move {
        let asked = host.spawn("ask", async move {
            client.send(&target(), "GET", "/slow", &Fields::new(), b"", Cause::NONE).await
        });
        host.sleep(Duration::from_millis(500)).await;
        server.stop().await;
        let answer = asked.await.unwrap().unwrap();
        assert_eq!(&answer.body[..], b"slow\n");
        assert_eq!(answer.head.fields.text("connection"), Some("close"));
    });
}

#[test]
fn a_client_asks_again_when_the_kept_connection_was_closed() {
    // RFC 9112 §9.3.1.
    let world = World::new();
    let idle = Duration::from_secs(2);
    let _server = world.start(ServerConfig { idle, ..ServerConfig::default() });
    let (client, host) = (world.http(), world.client.clone());
    world.run(async move {
        for _ in 0..2 {
            let sent = client.send(&target(), "GET", "/", &Fields::new(), b"", Cause::NONE).await;
            assert_eq!(sent.unwrap().head.status, Status::OK);
            host.sleep(Duration::from_secs(5)).await;
        }
    });
}
