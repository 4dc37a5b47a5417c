//! What is broken on purpose.

use std::io::ErrorKind;
use std::sync::Arc;

use bytes::Bytes;
use capa7_net::capture::{Fate, What};
use capa7_net::fault::{
    ConnectionAction, ConnectionRule, Forgery, Matcher, MessageAction, MessageRule, Transport,
};
use capa7_net::{Cause, Host, LinkConfig, Time, UdpSocket, VirtualNetwork};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::house::{at, latency, ms, pair};

/// A network in which messages from one to two on port 53 that begin with `?`
/// meet `action`.
fn broken(matcher: Matcher, action: MessageAction) -> (VirtualNetwork, Host, Host) {
    let (net, one, two) = pair(1, &latency(5));
    let matcher = Matcher {
        port: Some(53),
        predicate: Some(Arc::new(|view| view.packet.bytes.starts_with(b"?"))),
        ..matcher
    };
    let rule = MessageRule { text: "a fault of a test".to_owned(), matcher, action };
    net.network().faults().add_message(rule);
    (net, one, two)
}

/// Sends `questions` and returns what two receives within a minute, with the
/// moments.
async fn ask(one: &Host, two: &Host, questions: &[&'static str]) -> Vec<(Time, String)> {
    let to = two.bind_udp(at(2, 53)).unwrap();
    let from = one.bind_udp(at(1, 0)).unwrap();
    for question in questions {
        from.send_to(*question, at(2, 53), Cause::NONE).await.unwrap();
    }
    received(two, &to).await
}

async fn received(host: &Host, socket: &UdpSocket) -> Vec<(Time, String)> {
    let mut seen = Vec::new();
    while let Ok(got) = host.timeout(ms(60_000), socket.recv_from()).await {
        let text = String::from_utf8_lossy(&got.unwrap().bytes).into_owned();
        seen.push((host.now(), text));
    }
    seen
}

fn texts(seen: &[(Time, String)]) -> Vec<&str> {
    seen.iter().map(|(_, text)| text.as_str()).collect()
}

#[test]
fn exactly_the_second_matching_message_is_dropped_and_noted() {
    let second = Matcher { skip: 1, count: Some(1), ..Matcher::default() };
    let (net, one, two) = broken(second, MessageAction::Drop);
    let seen = net.run(ask(&one, &two, &["?1", "other", "?2", "?3"])).unwrap();
    assert_eq!(texts(&seen), ["?1", "other", "?3"]);
    let events = net.network().capture().since(Cause::NONE, usize::MAX);
    let notes: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.what {
            What::Note { note, .. } => Some((event.causes.first, note)),
            _ => None,
        })
        .collect();
    let [(dropped, note)] = notes[..] else { panic!("one note: {notes:?}") };
    assert_eq!((note.kind, &note.data["action"]), ("fault", &"drop".into()));
    let fate = net.network().capture().fate(dropped).map(|(_, fate)| fate);
    assert_eq!(fate, Some(Fate::Lost("fault")));
    let status = &net.network().faults().list()[0];
    assert_eq!((status.seen, status.applied), (3, 1));
}

/// Which of 400 messages a share of them loses leaves.
fn survivors(seed: u64, share: f64) -> Vec<usize> {
    let (net, one, two) = pair(seed, &latency(5));
    let matcher = Matcher { share: Some(share), ..Matcher::default() };
    let (text, action) = ("a share".to_owned(), MessageAction::Drop);
    net.network().faults().add_message(MessageRule { text, matcher, action });
    let arrived = net.run(async {
        let to = two.bind_udp(at(2, 53)).unwrap();
        let from = one.bind_udp(at(1, 0)).unwrap();
        for number in 0..400_usize {
            from.send_to(number.to_string(), at(2, 53), Cause::NONE).await.unwrap();
            one.sleep(ms(1)).await;
        }
        received(&two, &to).await
    });
    arrived.unwrap().iter().map(|(_, text)| text.parse().unwrap()).collect()
}

#[test]
fn a_share_of_the_messages_is_hit_and_the_same_ones_with_one_seed() {
    let left = survivors(1, 0.3);
    // The mean is 280 and the deviation 9.2: five of them to each side.
    assert!((234..=326).contains(&left.len()), "{}", left.len());
    assert_eq!(left, survivors(1, 0.3));
    assert_ne!(left, survivors(2, 0.3));
    assert_eq!(survivors(1, 0.0).len(), 400);
    assert_eq!(survivors(1, 1.0).len(), 0);
}

#[test]
fn a_delayed_message_is_later_by_just_that() {
    let (net, one, two) = broken(Matcher::default(), MessageAction::Delay(ms(100)));
    let seen = net.run(ask(&one, &two, &["?", "on time"])).unwrap();
    assert_eq!(
        seen,
        [(Time::ZERO + ms(10), "on time".to_owned()), (Time::ZERO + ms(110), "?".to_owned()),]
    );
}

#[test]
fn duplicated_corrupted_and_replaced_messages_arrive_as_told() {
    let (net, one, two) = broken(Matcher::default(), MessageAction::Duplicate(2));
    assert_eq!(texts(&net.run(ask(&one, &two, &["?"])).unwrap()), ["?", "?", "?"]);

    let corrupt = MessageAction::Corrupt { offset: 1, mask: 0x20 };
    let (net, one, two) = broken(Matcher::default(), corrupt);
    assert_eq!(texts(&net.run(ask(&one, &two, &["?abc"])).unwrap()), ["?Abc"]);

    let replace = MessageAction::Replace(Arc::new(|_| Some(Bytes::from_static(b"another"))));
    let (net, one, two) = broken(Matcher::default(), replace);
    assert_eq!(texts(&net.run(ask(&one, &two, &["?"])).unwrap()), ["another"]);
}

#[test]
fn a_forged_answer_is_there_before_the_real_one() {
    let forge = MessageAction::Forge(Arc::new(|view| {
        let packet = view.packet;
        let bytes = Bytes::from_static(b"forged");
        vec![Forgery { from: packet.to, to: packet.from, bytes, after: ms(1) }]
    }));
    let (net, one, two) = broken(Matcher::default(), forge);
    net.run(async {
        let server = two.bind_udp(at(2, 53)).unwrap();
        let answer = two.spawn("server", async move {
            let got = server.recv_from().await.unwrap();
            server.send_to("real", got.from, got.cause).await.unwrap();
        });
        let client = one.bind_udp(at(1, 0)).unwrap();
        client.send_to("?", at(2, 53), Cause::NONE).await.unwrap();
        let first = client.recv_from().await.unwrap();
        assert_eq!((first.from, &first.bytes[..]), (at(2, 53), &b"forged"[..]));
        assert_eq!(one.now(), Time::ZERO + ms(1));
        let second = client.recv_from().await.unwrap();
        assert_eq!((&second.bytes[..], one.now()), (&b"real"[..], Time::ZERO + ms(20)));
        answer.await.unwrap();
    })
    .unwrap();
}

#[test]
fn a_held_message_goes_when_it_is_released() {
    let (net, one, two) = broken(Matcher::default(), MessageAction::Hold);
    let network = net.network().clone();
    let faults = network.faults();
    let rule = faults.list()[0].id;
    net.run(async {
        let to = two.bind_udp(at(2, 53)).unwrap();
        let from = one.bind_udp(at(1, 0)).unwrap();
        from.send_to("?", at(2, 53), Cause::NONE).await.unwrap();
        assert!(two.timeout(ms(1000), to.recv_from()).await.is_err());
        assert_eq!(faults.list()[0].held, 1);
        assert_eq!(faults.release(rule), 1);
        to.recv_from().await.unwrap();
        assert_eq!(two.now(), Time::ZERO + ms(1010));
        assert!(faults.remove(rule) && !faults.remove(rule));
    })
    .unwrap();
}

/// A network in which connections meet `action`.
fn hard(action: ConnectionAction) -> (VirtualNetwork, Host, Host) {
    let (net, one, two) = pair(1, &latency(5));
    let rule = ConnectionRule {
        text: "a fault of a test".to_owned(),
        matcher: Matcher::default(),
        action,
    };
    net.network().faults().add_connection(rule);
    (net, one, two)
}

#[test]
fn connections_are_refused_or_met_with_silence() {
    for (action, kind) in [
        (ConnectionAction::Refuse, ErrorKind::ConnectionRefused),
        (ConnectionAction::Silence, ErrorKind::TimedOut),
    ] {
        let (net, one, two) = hard(action);
        let failed = net.run(async {
            let _listener = two.listen_tcp(at(2, 80)).unwrap();
            one.connect_tcp(at(2, 80), Cause::NONE).await.unwrap_err().kind()
        });
        assert_eq!(failed.unwrap(), kind);
    }
}

#[test]
fn a_connection_is_reset_after_its_bytes() {
    let (net, one, two) = hard(ConnectionAction::ResetAfter(1000));
    net.run(async {
        let listener = two.listen_tcp(at(2, 80)).unwrap();
        let mut client = one.connect_tcp(at(2, 80), Cause::NONE).await.unwrap();
        let mut server = listener.accept().await.unwrap();
        client.write_all(&[1; 5000]).await.unwrap();
        let mut got = Vec::new();
        let end = server.read_to_end(&mut got).await.unwrap_err();
        assert_eq!((got.len(), end.kind()), (1000, ErrorKind::ConnectionReset));
        assert_eq!(client.write(&[1]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    })
    .unwrap();
}

#[test]
fn an_end_that_answers_while_it_reads_learns_of_the_reset() {
    // Goal: bytes counted in both directions; neither end waits for ever.
    let (net, one, two) = hard(ConnectionAction::ResetAfter(100_000));
    net.run(async {
        let listener = two.listen_tcp(at(2, 80)).unwrap();
        let client = one.connect_tcp(at(2, 80), Cause::NONE).await.unwrap();
        let mut server = listener.accept().await.unwrap();
        let echo = two.spawn("echo", async move {
            let mut buffer = vec![0; 16 * 1024];
            loop {
                let length = server.read(&mut buffer).await?;
                server.write_all(&buffer[..length]).await?;
            }
            #[expect(unreachable_code, reason = "names the type of the task")]
            Ok::<(), std::io::Error>(())
        });
        let (mut reader, mut writer) = tokio::io::split(client);
        let (mut got, bytes) = (Vec::new(), vec![1; 1 << 20]);
        // As with kernel sockets, the error is told once: to the write.
        let (said, _) = tokio::join!(writer.write_all(&bytes), reader.read_to_end(&mut got));
        assert_eq!(said.unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert!(got.len() < 100_000, "{}", got.len());
        assert_eq!(echo.await.unwrap().unwrap_err().kind(), ErrorKind::ConnectionReset);
    })
    .unwrap();
}

#[test]
fn a_limited_connection_has_its_own_rate_and_a_slow_close_its_delay() {
    let (net, one, two) = hard(ConnectionAction::LimitRate(100_000));
    let slow = ConnectionRule {
        text: "slow close".to_owned(),
        matcher: Matcher::default(),
        action: ConnectionAction::SlowClose(ms(2000)),
    };
    net.network().faults().add_connection(slow);
    net.run(async {
        let listener = two.listen_tcp(at(2, 80)).unwrap();
        let mut client = one.connect_tcp(at(2, 80), Cause::NONE).await.unwrap();
        let mut server = listener.accept().await.unwrap();
        let start = one.now();
        client.write_all(&[1; 50_000]).await.unwrap();
        client.shutdown().await.unwrap();
        let mut got = vec![0; 50_000];
        server.read_exact(&mut got).await.unwrap();
        // The last of four chunks leaves 3 × 16 KiB / 100 kB/s after the first.
        let took = (two.now() - start).as_secs_f64();
        assert!((0.50..0.51).contains(&took), "{took}");
        assert_eq!(server.read(&mut got).await.unwrap(), 0);
        let closed = (two.now() - start).as_secs_f64();
        assert!((2.50..2.52).contains(&closed), "{closed}");
    })
    .unwrap();
}

#[test]
fn a_fault_reaches_the_chunks_of_a_stream() {
    let (net, one, two) = pair(1, &LinkConfig::default());
    let rule = MessageRule {
        text: "the first chunk is lost once".to_owned(),
        matcher: Matcher { transport: Some(Transport::Tcp), count: Some(1), ..Matcher::default() },
        action: MessageAction::Drop,
    };
    net.network().faults().add_message(rule);
    net.run(async {
        let listener = two.listen_tcp(at(2, 80)).unwrap();
        let mut client = one.connect_tcp(at(2, 80), Cause::NONE).await.unwrap();
        let mut server = listener.accept().await.unwrap();
        client.write_all(b"late").await.unwrap();
        let mut got = [0; 4];
        server.read_exact(&mut got).await.unwrap();
        assert_eq!((&got, two.now()), (b"late", Time::ZERO + ms(200)), "a time-out later");
    })
    .unwrap();
}

#[test]
fn a_chunk_that_a_fault_empties_leaves_a_stream_whole_around_it() {
    let (net, one, two) = pair(1, &latency(5));
    let rule = MessageRule {
        text: "the middle is swallowed".to_owned(),
        matcher: Matcher {
            predicate: Some(Arc::new(|view| view.packet.bytes.starts_with(b"middle"))),
            ..Matcher::default()
        },
        action: MessageAction::Replace(Arc::new(|_| Some(Bytes::new()))),
    };
    let late = MessageRule {
        text: "the middle is late".to_owned(),
        action: MessageAction::Delay(ms(50)),
        ..rule.clone()
    };
    net.network().faults().add_message(late);
    net.network().faults().add_message(rule);
    net.run(async {
        let listener = two.listen_tcp(at(2, 80)).unwrap();
        let mut client = one.connect_tcp(at(2, 80), Cause::NONE).await.unwrap();
        let mut server = listener.accept().await.unwrap();
        for part in ["first ", "middle ", "last"] {
            client.write_all(part.as_bytes()).await.unwrap();
        }
        client.shutdown().await.unwrap();
        let mut got = String::new();
        server.read_to_string(&mut got).await.unwrap();
        assert_eq!(got, "first last");
    })
    .unwrap();
}
