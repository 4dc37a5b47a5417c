//! What the lab shows of a connection.

use capa7_dissect::{Direction, Dissector as _, Message};
use capa7_http_proto::dissect::HttpDissector;

const ASK: &[u8] = b"GET /api/folders HTTP/1.1\r\nHost: mail.umass.edu\r\n\
    Cookie: session=secret\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nHola";

fn end(message: &Message) -> usize {
    message.fields.iter().map(|field| field.bytes.end).max().unwrap_or(0)
}

#[test]
fn a_response_names_what_was_asked() {
    let mut dissector = HttpDissector::new();
    let asked = dissector.push(Direction::ToServer, 0, ASK);
    assert_eq!(asked[0].summary, "GET /api/folders");
    let answered = dissector.push(Direction::ToClient, 0, ANSWER);
    assert_eq!(answered[0].summary, "GET /api/folders → 200");
    assert!(answered[0].meaning.iter().any(|(language, _)| *language == "es"));
    let shown = format!("{asked:?}");
    assert!(!shown.contains("session=secret"), "a cookie lets somebody in: {shown}");
}

#[test]
fn every_byte_is_in_a_field_also_when_messages_come_in_pieces() {
    for (direction, wire) in [(Direction::ToServer, ASK), (Direction::ToClient, ANSWER)] {
        let wire = wire.repeat(2);
        let mut dissector = HttpDissector::new();
        let mut messages = Vec::new();
        for (offset, byte) in wire.iter().enumerate() {
            messages.extend(dissector.push(direction, offset as u64, &[*byte]));
        }
        assert_eq!(messages.len(), 2);
        for message in messages {
            let mut next = 0;
            for field in &message.fields {
                assert_eq!(field.bytes.start, next, "{}", field.name);
                next = field.bytes.end;
            }
            assert_eq!(next, wire.len() / 2);
        }
    }
}

#[test]
fn a_stream_without_end_is_told_as_it_comes() {
    let mut dissector = HttpDissector::new();
    let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let first = dissector.push(Direction::ToClient, 0, head);
    assert_eq!(end(&first[0]), head.len());
    let more = dissector.push(Direction::ToClient, head.len() as u64, b"4\r\nHola\r\n");
    assert_eq!(more[0].fields[0].name, "body");
    let last = dissector.push(Direction::ToClient, head.len() as u64 + 9, b"0\r\n\r\n");
    assert_eq!(last.len(), 1);
}

#[test]
fn what_is_not_http_is_told_once() {
    let mut dissector = HttpDissector::new();
    let told = dissector.push(Direction::ToServer, 0, b"EHLO andrea\n");
    assert!(told[0].malformed.is_some());
    assert!(dissector.push(Direction::ToServer, 12, b"MAIL\n").is_empty());
}
