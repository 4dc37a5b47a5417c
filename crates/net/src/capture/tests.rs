use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use capa7_dissect::{Direction, Room};

use super::*;

fn packet(bytes: &'static [u8]) -> Packet {
    let at: SocketAddr = "10.0.0.1:1".parse().unwrap();
    let bytes = Bytes::from_static(bytes);
    Packet { room: Room::Other, from_host: None, to_host: None, from: at, to: at, bytes }
}

fn datagram(capture: &Capture, bytes: &'static [u8]) -> Cause {
    capture.record(Time::ZERO, Causes::NONE, What::Datagram(packet(bytes)))
}

fn chunk(capture: &Capture, connection: u64, bytes: &'static [u8], layer: Layer) -> Cause {
    let what = What::Chunk {
        connection: ConnectionId(connection),
        direction: Direction::ToServer,
        offset: 0,
        layer,
        packet: packet(bytes),
    };
    capture.record(Time::ZERO, Causes::NONE, what)
}

static KILOBYTE: [u8; 1000] = [7; 1000];

#[test]
fn numbers_grow_from_one_and_a_cursor_reads_on() {
    let capture = Capture::new(1 << 20);
    assert_eq!((capture.first_id(), capture.next_id()), (Cause(1), Cause(1)));
    let ids: Vec<Cause> = (0..5).map(|_| datagram(&capture, b"x")).collect();
    assert_eq!(ids, (1..=5).map(Cause).collect::<Vec<_>>());
    let page: Vec<Cause> = capture.since(Cause(2), 2).iter().map(|event| event.id).collect();
    assert_eq!(page, [Cause(3), Cause(4)]);
    assert!(capture.since(Cause(5), 9).is_empty() && capture.since(Cause(99), 9).is_empty());
}

#[test]
fn the_oldest_events_leave_when_the_bytes_are_used_up() {
    let capture = Capture::new(20_000);
    let ids: Vec<Cause> = (0..100).map(|_| datagram(&capture, &KILOBYTE)).collect();
    let held = capture.len();
    assert!((10..20).contains(&held), "{held} kilobytes with their overhead in 20,000 bytes");
    assert_eq!(capture.evicted(), 100 - held as u64);
    assert_eq!(capture.get(ids[0]).map(|event| event.id), None);
    assert_eq!(capture.first_id(), Cause(100 - held as u64 + 1));
    assert_eq!(capture.get(ids[99]).map(|event| event.id), Some(ids[99]));
    assert_eq!(capture.since(Cause::NONE, 1)[0].id, capture.first_id());
}

#[test]
fn a_connection_leaves_whole() {
    let capture = Capture::new(20_000);
    let first = chunk(&capture, 1, &KILOBYTE, Layer::Clear);
    let between = datagram(&capture, b"x");
    let second = chunk(&capture, 1, &KILOBYTE, Layer::Clear);
    let other = chunk(&capture, 2, b"y", Layer::Clear);
    while capture.get(first).is_some() {
        datagram(&capture, &KILOBYTE);
    }
    assert!(capture.get(second).is_none(), "its later chunk went with it");
    assert!(capture.get(between).is_some() && capture.get(other).is_some());
    assert_eq!(capture.evicted(), 2);
    assert!(capture.since(between, 1)[0].id == other, "the gap is passed over");
}

#[test]
fn the_two_ends_of_a_message_are_folded_into_one() {
    let capture = Capture::new(1 << 20);
    let message = datagram(&capture, b"x");
    assert_eq!(capture.fate(message), None);
    capture.end(Time(9), message, Fate::Delivered);
    assert_eq!(capture.fate(message), Some((Time(9), Fate::Delivered)));
    let told = capture.since(message, 1);
    assert_eq!(told[0].causes.first, message, "and the fate is an event of its own");
}

#[test]
fn the_digest_is_that_of_everything_recorded_evicted_or_not() {
    let (small, large) = (Capture::new(5_000), Capture::new(1 << 20));
    for capture in [&small, &large] {
        for _ in 0..50 {
            datagram(capture, &KILOBYTE);
        }
    }
    assert!(small.evicted() > 0 && large.evicted() == 0);
    assert_eq!(small.digest(), large.digest());
    datagram(&small, b"one more");
    assert_ne!(small.digest(), large.digest());
}

#[test]
fn the_digest_counts_the_length_of_tls_records_only() {
    let digest = |bytes, layer| {
        let capture = Capture::new(1 << 20);
        chunk(&capture, 1, bytes, layer);
        capture.digest()
    };
    assert_eq!(digest(b"abc", Layer::Sealed), digest(b"xyz", Layer::Sealed));
    assert_ne!(digest(b"abc", Layer::Sealed), digest(b"abcd", Layer::Sealed));
    assert_ne!(digest(b"abc", Layer::Clear), digest(b"xyz", Layer::Clear));
}

#[test]
fn a_capture_that_is_off_records_nothing_and_gives_no_cause() {
    let capture = Capture::new(1 << 20);
    capture.set_on(false);
    assert_eq!(datagram(&capture, b"x"), Cause::NONE);
    assert_eq!(capture.note(Time::ZERO, None, Note::new(Room::Lab, "n", "")), Cause::NONE);
    capture.set_on(true);
    assert_eq!(datagram(&capture, b"x"), Cause(1));
}

#[test]
fn a_reader_is_woken_by_what_is_newer_than_its_cursor() {
    let capture = Capture::new(1 << 20);
    let seen = datagram(&capture, b"x");
    let mut cx = Context::from_waker(Waker::noop());
    let mut wait = pin!(capture.wait_past(seen));
    assert_eq!(wait.as_mut().poll(&mut cx), Poll::Pending);
    datagram(&capture, b"y");
    assert_eq!(wait.as_mut().poll(&mut cx), Poll::Ready(()));
}
