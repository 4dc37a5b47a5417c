//! Segments in and out of order.

use super::*;

const CLIENT: &str = "10.0.0.1:4000";
const SERVER: &str = "10.0.0.2:12000";

fn ends() -> Ends {
    (CLIENT.parse().expect("an address"), SERVER.parse().expect("an address"))
}

fn segment(sequence: u32, flags: u8) -> Segment {
    let (from, to) = ends();
    Segment { from: from.port(), to: to.port(), sequence, acknowledged: 0, flags, header_bytes: 20 }
}

/// An open connection whose streams begin at these numbers.
fn open(to_server: u32, to_client: u32) -> Streams {
    let mut streams = Streams::default();
    let syn = segment(to_server.wrapping_sub(1), flag::SYN);
    streams.open(ends(), syn, ConnectionId(1));
    let (client, server) = ends();
    let (_, direction, flow) = streams.find(server, client).expect("the flow");
    assert_eq!(direction, Direction::ToClient);
    let answer = segment(to_client.wrapping_sub(1), flag::SYN | flag::ACK);
    let seen = flow.on_leave(direction, answer, b"");
    assert_eq!(seen, [Seen::Change(ConnectionChange::Open)]);
    assert_eq!(flow.on_leave(direction, answer, b""), [], "an answer that is sent again");
    streams
}

fn flow(streams: &mut Streams) -> &mut Flow {
    let (client, server) = ends();
    streams.find(client, server).expect("the flow").2
}

fn chunk(offset: u64, bytes: &'static [u8]) -> Seen {
    Seen::Chunk { direction: Direction::ToServer, offset, bytes: Bytes::from_static(bytes) }
}

#[test]
fn bytes_are_given_once_also_when_segments_are_sent_again() {
    let mut streams = open(100, 500);
    let flow = flow(&mut streams);
    let to_server = Direction::ToServer;
    assert_eq!(flow.on_leave(to_server, segment(100, flag::ACK), b"hello"), [chunk(0, b"hello")]);
    assert_eq!(flow.on_leave(to_server, segment(100, flag::ACK), b"hello"), []);
    // Sent again together with more.
    let more = flow.on_leave(to_server, segment(103, flag::ACK), b"lo world");
    assert_eq!(more, [chunk(5, b" world")]);
}

#[test]
fn a_missed_segment_holds_back_what_follows_until_it_is_sent_again() {
    let mut streams = open(100, 500);
    let flow = flow(&mut streams);
    let to_server = Direction::ToServer;
    assert_eq!(flow.on_leave(to_server, segment(105, flag::ACK), b"world"), []);
    let both = flow.on_leave(to_server, segment(100, flag::ACK), b"hello");
    assert_eq!(both, [chunk(0, b"hello"), chunk(5, b"world")]);
}

#[test]
fn sequence_numbers_wrap() {
    let mut streams = open(u32::MAX - 1, 500);
    let flow = flow(&mut streams);
    let to_server = Direction::ToServer;
    let first = flow.on_leave(to_server, segment(u32::MAX - 1, flag::ACK), b"hello");
    assert_eq!(first, [chunk(0, b"hello")]);
    assert_eq!(flow.on_leave(to_server, segment(3, flag::ACK), b"!"), [chunk(5, b"!")]);
}

#[test]
fn a_connection_is_half_closed_and_then_closed() {
    let mut streams = open(100, 500);
    let flow = flow(&mut streams);
    let fin = flag::FIN | flag::ACK;
    let half = Seen::Change(ConnectionChange::HalfClosed);
    assert_eq!(
        flow.on_leave(Direction::ToServer, segment(100, fin), b"bye"),
        [chunk(0, b"bye"), half]
    );
    assert_eq!(flow.on_leave(Direction::ToServer, segment(103, fin), b""), [], "sent again");
    let closed = flow.on_leave(Direction::ToClient, segment(500, fin), b"");
    assert_eq!(closed, [Seen::Change(ConnectionChange::Closed)]);
    assert_eq!(flow.on_leave(Direction::ToClient, segment(501, flag::RST), b""), [], "it is over");
}

#[test]
fn a_reset_instead_of_an_answer_is_a_refusal() {
    let mut streams = Streams::default();
    streams.open(ends(), segment(99, flag::SYN), ConnectionId(1));
    let (client, server) = ends();
    let (_, direction, flow) = streams.find(server, client).expect("the flow");
    let seen = flow.on_leave(direction, segment(0, flag::RST | flag::ACK), b"");
    assert_eq!(seen, [Seen::Change(ConnectionChange::Refused)]);
    let mut streams = open(100, 500);
    let reset = self::flow(&mut streams).on_leave(direction, segment(500, flag::RST), b"");
    assert_eq!(reset, [Seen::Change(ConnectionChange::Reset)]);
}

#[test]
fn a_chunk_has_arrived_when_a_segment_with_all_of_it_did() {
    let mut streams = open(100, 500);
    let flow = flow(&mut streams);
    let to_server = Direction::ToServer;
    flow.on_leave(to_server, segment(100, flag::ACK), b"hello");
    flow.recorded(to_server, 0, 5, Cause(7));
    flow.on_leave(to_server, segment(105, flag::ACK), b"world");
    flow.recorded(to_server, 5, 5, Cause(8));
    // The first was lost; the second overtakes it.
    assert_eq!(flow.on_arrive(to_server, segment(105, flag::ACK), 5), [Cause(8)]);
    assert_eq!(flow.on_arrive(to_server, segment(100, flag::ACK), 3), []);
    assert_eq!(flow.on_arrive(to_server, segment(100, flag::ACK), 10), [Cause(7)]);
}

#[test]
fn what_waits_and_what_is_followed_is_bounded() {
    let mut streams = open(100, 500);
    let to_server = Direction::ToServer;
    for number in 1..4 * 1024 {
        let sequence = 100 + number * 1024;
        let seen = flow(&mut streams).on_leave(to_server, segment(sequence, 0), &[0; 1000]);
        assert_eq!(seen, []);
    }
    assert!(flow(&mut streams).ways.iter().all(|way| way.waiting_bytes <= WAITING_BYTES_MAX));
    let (client, server) = ends();
    for port in 0..u16::try_from(2 * FLOWS_MAX).expect("fits") {
        let client = SocketAddr::new(client.ip(), port);
        streams.open((client, server), segment(1, flag::SYN), ConnectionId(2));
    }
    assert!(streams.flows.len() <= FLOWS_MAX && streams.order.len() <= FLOWS_MAX + 1);
    assert!(streams.find(SocketAddr::new(client.ip(), 0), server).is_none(), "the oldest went");
}
