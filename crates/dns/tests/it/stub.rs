//! What a stub client believes, and how long it waits.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use capa7_dns::{Authoritative, StubClient, StubError, StubOptions};
use capa7_dns_proto::message::{Message, Question, Rdata, Record};
use capa7_dns_proto::{Name, Rcode, RecordType};
use capa7_net::capture::What;
use capa7_net::fault::{Matcher, MessageAction, MessageRule};
use capa7_net::{Cause, Host};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::world::{NS1, ROUND_TRIP, World, at, authority, example_zone, framed, lookup, send};

const WWW: &str = "www.example.com";

fn drop_first(world: &World, count: u64) {
    world.net.network().faults().add_message(MessageRule {
        text: "the first questions are lost".to_owned(),
        matcher: Matcher { port: Some(53), count: Some(count), ..Matcher::default() },
        action: MessageAction::Drop,
    });
}

/// The questions sent: source port and id of each.
fn questions(world: &World) -> Vec<(u16, u16)> {
    let events = world.net.network().capture().since(Cause::NONE, usize::MAX);
    let sent = events.iter().filter_map(|event| match &event.what {
        What::Datagram(packet) if packet.to == NS1 => {
            Some((packet.from.port(), u16::from_be_bytes([packet.bytes[0], packet.bytes[1]])))
        }
        _ => None,
    });
    sent.collect()
}

// RFC 5452 §9.2: each try is as hard to guess as the first.
#[test]
fn a_lost_question_is_asked_again_with_another_id_and_port() {
    let world = World::new();
    let _server = authority(&world.host("ns1", [10, 0, 0, 3]), &[&example_zone()]);
    let client = world.client("client", 1);
    drop_first(&world, 2);
    let options = StubOptions::default();
    let reply = world.run(lookup(&client, NS1, WWW, RecordType::A, options)).unwrap();
    assert_eq!(reply.took, Duration::from_secs(4) + ROUND_TRIP);
    let questions = questions(&world);
    let ports: BTreeSet<u16> = questions.iter().map(|(port, _)| *port).collect();
    let ids: BTreeSet<u16> = questions.iter().map(|(_, id)| *id).collect();
    assert_eq!((questions.len(), ports.len(), ids.len()), (3, 3, 3));
}

#[test]
fn a_silent_server_is_given_up_after_three_tries_of_two_seconds() {
    let world = World::new();
    let _server = authority(&world.host("ns1", [10, 0, 0, 3]), &[&example_zone()]);
    let client = world.client("client", 1);
    drop_first(&world, 100);
    let begin = client.now();
    let options = StubOptions::default();
    let error = world.run(lookup(&client, NS1, WWW, RecordType::A, options)).unwrap_err();
    assert!(matches!(error, StubError::NoAnswer { tries: 3, .. }), "{error}");
    assert_eq!(client.now().since(begin), Duration::from_secs(6));
    assert_eq!(error.to_string(), "10.0.0.3:53 did not answer in 3 tries of 2 s");
}

fn answer_of(query: &Message, address: [u8; 4]) -> Message {
    let mut reply = query.reply(Rcode::NOERROR);
    let owner = query.questions[0].name.clone();
    reply.answers = vec![Record::new(owner, RecordType::A, 60, Rdata::a(address.into()))];
    reply
}

/// A server that sends six lies before the truth.
async fn liar(host: Host) {
    let socket = host.bind_udp(NS1).unwrap();
    let other_port = host.bind_udp("10.0.0.3:5353".parse().unwrap()).unwrap();
    let asked = socket.recv_from().await.unwrap();
    let query = Message::parse(&asked.bytes).unwrap();
    let lie = answer_of(&query, [6, 6, 6, 6]);
    let mut wrong_id = lie.clone();
    wrong_id.header.id ^= 1;
    let mut wrong_question = lie.clone();
    wrong_question.questions = vec![Question::new("other.example".parse().unwrap(), RecordType::A)];
    let mut wrong_type = lie.clone();
    wrong_type.questions[0].qtype = RecordType::AAAA;
    let mut no_reply = lie.clone();
    no_reply.header.qr = false;
    send(&other_port, asked.from, &lie.write().unwrap()).await;
    for lie in [wrong_id, wrong_question, wrong_type, no_reply] {
        send(&socket, asked.from, &lie.write().unwrap()).await;
    }
    send(&socket, asked.from, &lie.write().unwrap()[..20]).await;
    send(&socket, asked.from, &answer_of(&query, [192, 0, 2, 1]).write().unwrap()).await;
}

// RFC 5452 §9.1: address, port, id and question must all be those of the query.
#[test]
fn replies_to_other_questions_or_from_other_places_are_as_if_they_had_not_come() {
    let world = World::new();
    let host = world.host("ns1", [10, 0, 0, 3]);
    let _liar = host.spawn("liar", liar(host.clone()));
    let client = world.client("client", 1);
    let options = StubOptions::default();
    let reply = world.run(lookup(&client, NS1, WWW, RecordType::A, options)).unwrap();
    assert_eq!(reply.message.answers[0].a().unwrap().octets(), [192, 0, 2, 1]);
    assert_eq!(reply.took, ROUND_TRIP, "one try was enough");
}

/// Reads one question from one connection and writes `answer`.
async fn one_stream(host: Host, answer: Vec<u8>) {
    let listener = host.listen_tcp(NS1).unwrap();
    let mut stream = listener.accept().await.unwrap();
    let mut question = [0; 100];
    let _count = stream.read(&mut question).await.unwrap();
    stream.write_all(&answer).await.unwrap();
}

#[test]
fn a_stream_that_brings_nonsense_is_told_as_what_it_is() {
    let check = |answer: Vec<u8>, expected: &str| {
        let world = World::new();
        let host = world.host("ns1", [10, 0, 0, 3]);
        let _server = host.spawn("server", one_stream(host.clone(), answer));
        let client = world.client("client", 1);
        let options = StubOptions { tcp: true, ..StubOptions::default() };
        let error = world.run(lookup(&client, NS1, WWW, RecordType::A, options)).unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
    };
    check(framed(b"no message"), "10.0.0.3:53 sent a malformed reply: ");
    let other = Message::query(1, Question::new("other.example".parse().unwrap(), RecordType::A));
    let other = other.reply(Rcode::NOERROR).write().unwrap();
    check(framed(&other), "10.0.0.3:53 answered another question");
    check(vec![0, 40, 1, 2], "cannot ask 10.0.0.3:53: ");
}

#[test]
fn a_server_without_streams_or_without_answers_is_told() {
    let world = World::new();
    let host = world.host("ns1", [10, 0, 0, 3]);
    let client = world.client("client", 1);
    let options = StubOptions { tcp: true, ..StubOptions::default() };
    let error = world.run(lookup(&client, NS1, WWW, RecordType::A, options.clone())).unwrap_err();
    assert!(
        matches!(&error, StubError::Network { error, .. }
        if error.kind() == std::io::ErrorKind::ConnectionRefused),
        "{error}"
    );
    // Accepts, and never says a word.
    let listener = host.listen_tcp(NS1).unwrap();
    let _silent = host.spawn("silent", async move {
        let stream = listener.accept().await;
        std::future::pending::<()>().await;
        drop(stream);
    });
    let begin = client.now();
    let error = world.run(lookup(&client, NS1, WWW, RecordType::A, options)).unwrap_err();
    assert!(matches!(error, StubError::NoAnswer { .. }), "{error}");
    assert_eq!(client.now().since(begin), Duration::from_secs(6));
}

#[test]
fn an_address_that_nobody_has_is_given_up_in_time() {
    let world = World::new();
    let client = world.client("client", 1);
    let begin = client.now();
    let nobody = at([10, 9, 9, 9]);
    let error = world.run(lookup(&client, nobody, WWW, RecordType::A, StubOptions::default()));
    assert!(error.is_err());
    assert!(client.now().since(begin) <= Duration::from_secs(6));
}

// RFC 1123 §6.1.3.3: a host knows more than one server. The first is silent, the second
// refuses, the third knows.
#[test]
fn the_next_server_is_asked_when_one_is_silent_or_cannot() {
    let world = World::new();
    let other = example_zone().replace("example.com", "other.example");
    let _refuses = authority(&world.host("ns2", [10, 0, 0, 4]), &[&other]);
    let _knows = authority(&world.host("ns1", [10, 0, 0, 3]), &[&example_zone()]);
    let client = world.client("client", 1);
    let ask = |servers: &[[u8; 4]]| {
        let (first, others) = servers.split_first().unwrap();
        let others: Vec<_> = others.iter().map(|other| at(*other)).collect();
        let stub = StubClient::new(client.clone(), at(*first)).or(others);
        let begin = client.now();
        let reply =
            world.run(async move { stub.query(&name(WWW), RecordType::A, Cause::NONE).await });
        (reply, client.now().since(begin))
    };
    let (reply, took) = ask(&[[10, 9, 9, 9], [10, 0, 0, 4], [10, 0, 0, 3]]);
    let reply = reply.unwrap();
    assert_eq!((reply.server, reply.message.header.rcode), (NS1, Rcode::NOERROR));
    assert_eq!((took, reply.took), (PATIENCE + 2 * ROUND_TRIP, took));
    // One that answers is believed, also when it says no; any reply says more than none.
    let (reply, took) = ask(&[[10, 0, 0, 3], [10, 9, 9, 9]]);
    assert_eq!((reply.unwrap().server, took), (NS1, ROUND_TRIP));
    let (reply, _) = ask(&[[10, 0, 0, 4], [10, 9, 9, 9]]);
    assert_eq!(reply.unwrap().message.header.rcode, Rcode::REFUSED);
    let (reply, _) = ask(&[[10, 9, 9, 9], [10, 9, 9, 8]]);
    assert!(reply.is_err());
}

/// A client of a first server that is dead and of a second one that knows, its world, and
/// the host at which the first one may begin to serve.
fn with_a_dead_first() -> (World, Host, StubClient, Vec<Authoritative>) {
    let world = World::new();
    let dead = world.host("dead", [10, 0, 0, 4]);
    let knows = authority(&world.host("ns1", [10, 0, 0, 3]), &[&example_zone()]);
    let client = world.client("client", 1);
    let stub = StubClient::new(client, at([10, 0, 0, 4])).or([NS1]);
    (world, dead, stub, vec![knows])
}

fn ask(world: &World, stub: &StubClient) -> (SocketAddr, Duration) {
    let stub = stub.clone();
    let reply = world.run(async move { stub.query(&name(WWW), RecordType::A, Cause::NONE).await });
    let reply = reply.unwrap();
    (reply.server, reply.took)
}

#[test]
fn a_server_that_did_not_answer_costs_its_patience_once() {
    let (world, _dead, stub, _servers) = with_a_dead_first();
    assert_eq!(ask(&world, &stub), (NS1, PATIENCE + ROUND_TRIP));
    // Over five minutes: also the probes cost nothing.
    for _ in 0..300 {
        assert_eq!(ask(&world, &stub.clone()), (NS1, ROUND_TRIP));
        world.net.run_for(Duration::from_secs(1));
    }
}

// RFC 2308 §7.2: no longer than five minutes.
#[test]
fn a_server_that_is_back_is_noticed_by_a_probe_and_is_the_first_again() {
    let (world, dead, stub, mut servers) = with_a_dead_first();
    ask(&world, &stub);
    servers.push(authority(&dead, &[&example_zone()]));
    world.net.run_for(Duration::from_secs(29));
    assert_eq!(ask(&world, &stub).0, NS1);
    world.net.run_for(Duration::from_secs(1));
    // The probe goes beside this question.
    assert_eq!(ask(&world, &stub).0, NS1);
    world.net.run_for(ROUND_TRIP);
    assert_eq!(ask(&world, &stub), (at([10, 0, 0, 4]), ROUND_TRIP));
}

#[test]
fn a_server_that_was_silent_is_asked_at_once_when_no_other_answers() {
    let (world, dead, stub, mut servers) = with_a_dead_first();
    ask(&world, &stub);
    servers.clear();
    servers.push(authority(&dead, &[&example_zone()]));
    // Each time the other one is silent too: a try of it, then one more.
    assert_eq!(ask(&world, &stub), (at([10, 0, 0, 4]), 2 * PATIENCE + ROUND_TRIP));
    assert_eq!(ask(&world, &stub), (at([10, 0, 0, 4]), ROUND_TRIP));
}

// What a server that was silent might add is not worth the wait.
#[test]
fn a_refusal_is_told_without_asking_one_that_was_silent() {
    let world = World::new();
    let other = example_zone().replace("example.com", "other.example");
    let _refuses = authority(&world.host("ns2", [10, 0, 0, 4]), &[&other]);
    let stub = StubClient::new(world.client("client", 1), at([10, 9, 9, 9]));
    let stub = stub.or([at([10, 0, 0, 4])]);
    assert_eq!(ask(&world, &stub).1, PATIENCE + ROUND_TRIP);
    assert_eq!(ask(&world, &stub).1, ROUND_TRIP);
}

const PATIENCE: Duration = Duration::from_secs(2);

fn name(text: &str) -> Name {
    text.parse().unwrap()
}
