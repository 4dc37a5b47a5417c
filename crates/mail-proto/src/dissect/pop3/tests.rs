use proptest::prelude::{ProptestConfig, Strategy as _, any, prop, prop_oneof, proptest};

use super::*;

const C: Direction = Direction::ToServer;
const S: Direction = Direction::ToClient;

/// RFC 1939 §10 with what later standards added.
fn dialogue() -> Vec<(Direction, &'static str)> {
    vec![
        (S, "+OK mail.example ready\r\n"),
        (C, "CAPA\r\n"),
        (S, "+OK\r\nUIDL\r\nSASL PLAIN\r\n.\r\n"),
        (C, "AUTH PLAIN\r\n"),
        (S, "+ \r\n"),
        (C, "AGEAYg==\r\n"),
        (S, "-ERR [AUTH] wrong\r\n"),
        (C, "USER mrose\r\nPASS two words\r\nSTAT\r\n"),
        (S, "+OK\r\n+OK 2 messages\r\n+OK 2 320\r\n"),
        (C, "LIST\r\nUIDL\r\nLIST 2\r\nUIDL 2\r\n"),
        (S, "+OK 2 messages\r\n1 120\r\n2 200 extra\r\n.\r\n"),
        (S, "+OK\r\n1 9.1\r\n2 9.2\r\n.\r\n+OK 2 200\r\n+OK 2 9.2\r\n"),
        (C, "RETR 1\r\nTOP 2 0\r\nRETR 3\r\nDELE 1\r\n"),
        (S, "+OK 120 octets\r\nSubject: hola\r\n mundo\r\n\r\n..dots\r\n+OK\r\n"),
        (S, ".\r\n+OK\r\nSubject: two\r\n\r\n.\r\n-ERR no such message\r\n+OK marked\r\n"),
        (C, "XYZZY\r\nQUIT\r\n"),
        (S, "-ERR what?\r\n+OK bye\r\n"),
    ]
}

/// The messages of a dialogue in pieces of so many octets.
fn dissect(piece: usize) -> Vec<Message> {
    let mut dissector = Pop3Dissector::new();
    let mut offsets = [0_u64; 2];
    let mut messages = Vec::new();
    for (direction, text) in dialogue() {
        for bytes in text.as_bytes().chunks(piece.min(text.len())) {
            let offset = &mut offsets[usize::from(direction == S)];
            messages.extend(dissector.push(direction, *offset, bytes));
            *offset += bytes.len() as u64;
        }
    }
    messages
}

#[test]
fn each_command_and_each_reply_with_what_it_brings_is_told() {
    // RFC 1939 §3, §5, §7; RFC 2449 §5; RFC 5034 §4.
    let messages = dissect(usize::MAX);
    let told: Vec<_> = messages.iter().map(|message| message.summary.as_str()).collect();
    let expected = [
        "+OK mail.example ready",
        "CAPA",
        "+OK (+2 lines)",
        "AUTH PLAIN",
        "+",
        "credentials: ␀a␀b",
        "-ERR [AUTH] wrong",
        "USER mrose",
        "PASS two words",
        "STAT",
        "+OK",
        "+OK 2 messages",
        "+OK 2 320",
        "LIST",
        "UIDL",
        "LIST 2",
        "UIDL 2",
        "+OK 2 messages (+2 lines)",
        "+OK (+2 lines)",
        "+OK 2 200",
        "+OK 2 9.2",
        "RETR 1",
        "TOP 2 0",
        "RETR 3",
        "DELE 1",
        "+OK 120 octets (message of 38 octets: hola)",
        "+OK (message of 16 octets: two)",
        "-ERR no such message",
        "+OK marked",
        "XYZZY",
        "QUIT",
        "-ERR what?",
        "+OK bye",
    ];
    assert_eq!(told, expected);
    for piece in 1..20 {
        assert_eq!(dissect(piece), messages, "pieces of {piece}");
    }
    let wrong = messages.iter().filter(|message| message.malformed.is_some());
    assert_eq!(wrong.map(|message| &*message.summary).collect::<Vec<_>>(), ["XYZZY"]);
    assert!(messages.iter().all(|message| message.meaning.len() == 2));
}

#[test]
fn every_octet_of_a_pop3_message_is_in_one_field() {
    let mut octets = 0;
    for message in dissect(usize::MAX) {
        octets += covered(&message);
    }
    assert_eq!(octets, dialogue().iter().map(|(_, text)| text.len()).sum::<usize>());
}

/// Whether fields follow one another, and parts lie within them; their octets.
fn covered(message: &Message) -> usize {
    let mut at = 0;
    for field in &message.fields {
        assert_eq!(field.bytes.start, at, "{message:?}");
        let inside = |child: &capa7_dissect::Field| {
            child.bytes.start >= field.bytes.start && child.bytes.end <= field.bytes.end
        };
        assert!(field.children.iter().all(inside), "{message:?}");
        at = field.bytes.end;
    }
    at
}

#[test]
fn pop3_fields_have_their_values() {
    // RFC 1939 §3, §5, §7; the code in brackets: RFC 2449 §8.
    let messages = dissect(usize::MAX);
    let cases = [
        (0, "status", &["+OK"][..]),
        (2, "capability", &["UIDL", "SASL PLAIN"]),
        (3, "argument", &["PLAIN"]),
        (5, "credentials", &["␀a␀b"]),
        (6, "status", &["-ERR"]),
        (6, "code", &["AUTH"]),
        (6, "text", &["wrong"]),
        (7, "command", &["USER"]),
        (7, "argument", &["mrose"]),
        (8, "argument", &["two words"]),
        (12, "count", &["2"]),
        (12, "size", &["320"]),
        (17, "number", &["1", "2"]),
        (17, "size", &["120", "200"]),
        (17, "end", &["."]),
        (18, "unique_id", &["9.1", "9.2"]),
        (19, "size", &["200"]),
        (20, "unique_id", &["9.2"]),
        (22, "argument", &["2", "0"]),
        (25, "header", &["Subject: hola mundo"]),
        (25, "body", &["..dots\r\n+OK\r\n"]),
        (25, "end", &["."]),
    ];
    for (index, name, values) in cases {
        let message = &messages[index];
        let found = message.fields.iter().filter(|field| field.name == name);
        let found: Vec<_> = found.map(|field| field.value.as_str()).collect();
        assert_eq!(found, values, "{name} of {message:?}");
    }
    let header = messages[25].fields.iter().find(|field| field.name == "header").unwrap();
    assert_eq!((header.children[0].bytes.clone(), header.bytes.start), (16..23, 16));
}

#[test]
fn a_log_in_that_did_not_wait_for_its_challenge_is_followed() {
    // RFC 2449 §6.6: the next reply answers the next command again.
    let mut dissector = Pop3Dissector::new();
    dissector.push(S, 0, b"+OK\r\n");
    dissector.push(C, 0, b"AUTH PLAIN\r\nAGEAYg==\r\nLIST\r\n");
    let told = dissector.push(S, 5, b"+ \r\n+OK\r\n+OK\r\n1 9\r\n.\r\n");
    let told: Vec<_> = told.iter().map(|message| message.summary.as_str()).collect();
    assert_eq!(told, ["+", "+OK", "+OK (+1 lines)"]);
    assert_eq!(dissector.push(C, 28, b"QUIT\r\n")[0].fields[0].value, "QUIT");
}

#[test]
fn pop3_goes_on_within_tls_without_a_greeting() {
    // RFC 2595 §4: offsets of the plaintext begin anew.
    let mut dissector = Pop3Dissector::new();
    dissector.push(S, 0, b"+OK\r\n");
    dissector.push(C, 0, b"STLS\r\n");
    let told = dissector.push(S, 5, b"+OK go\r\n");
    assert_eq!(told[0].meaning[0].1, "Good: TLS begins here.");
    assert_eq!(dissector.push(C, 0, b"CAPA\r\n")[0].summary, "CAPA");
    let told = dissector.push(S, 0, b"+OK\r\nUSER\r\n.\r\n");
    assert_eq!(told[0].summary, "+OK (+1 lines)");
}

#[test]
fn a_long_pop3_message_is_told_in_parts() {
    let mut dissector = Pop3Dissector::new();
    dissector.push(S, 0, b"+OK\r\n");
    dissector.push(C, 0, b"RETR 1\r\nNOOP\r\n");
    let mut wire = b"+OK\r\nSubject: long\r\n\r\n".to_vec();
    while wire.len() < 600_000 {
        wire.extend_from_slice(b"a line of text.\r\n");
    }
    wire.extend_from_slice(b".\r\n+OK\r\n");
    let (mut messages, mut offset) = (Vec::new(), 5);
    for bytes in wire.chunks(1_000) {
        messages.extend(dissector.push(S, offset, bytes));
        offset += bytes.len() as u64;
    }
    assert_eq!(messages.iter().map(covered).sum::<usize>(), wire.len());
    assert_eq!(messages.len(), 4);
    assert!(messages[2].fields.iter().any(|field| field.name == "end"));
    assert_eq!(messages[3].summary, "+OK");
}

#[test]
fn lost_octets_of_pop3_are_told_and_reading_goes_on() {
    let mut dissector = Pop3Dissector::new();
    dissector.push(C, 0, b"STA");
    let told = dissector.push(C, 10, b"NOOP\r\n");
    assert_eq!(told[0].malformed.as_deref(), Some("7 octets of the stream are missing"));
    assert_eq!(told[1].summary, "NOOP");
    // In the middle of a list: what follows still belongs to it.
    let mut dissector = Pop3Dissector::new();
    dissector.push(S, 0, b"+OK\r\n");
    dissector.push(C, 0, b"LIST\r\nNOOP\r\n");
    dissector.push(S, 5, b"+OK\r\n1 1");
    let told = dissector.push(S, 20, b"9\r\n3 4\r\n.\r\n+OK\r\n");
    let told: Vec<_> = told.iter().map(|message| message.summary.as_str()).collect();
    assert_eq!(told, ["…", "11 octets more", "+OK"]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn garbage_is_told_whole_and_in_order(
        pieces in prop::collection::vec(
            (
                any::<bool>(),
                prop_oneof![
                    prop::sample::select(vec![
                        &b"LIST\r\n"[..], b"UIDL 1\r\n", b"RETR 1\r\n", b"AUTH X\r\n", b"+ \r\n",
                        b"+OK\r\n", b"+OK 1 2\r\n.\r\n", b"-ERR [x] y\r\n", b"-ERR [", b"1 2\r\n",
                        b".\r\n", b"\r\n", b"\n", b"PASS \r\n", b"PASS", b"+OK [] \r\n",
                    ]).prop_map(<[u8]>::to_vec),
                    prop::collection::vec(any::<u8>(), 0..40),
                ],
            ),
            0..40,
        ),
    ) {
        let mut dissector = Pop3Dissector::new();
        let (mut offsets, mut told) = ([0_u64; 2], [0; 2]);
        for (is_server, bytes) in pieces {
            let side = usize::from(is_server);
            let direction = if is_server { S } else { C };
            for message in dissector.push(direction, offsets[side], &bytes) {
                told[side] += covered(&message) as u64;
            }
            offsets[side] += bytes.len() as u64;
            // After a STLS the sides begin anew; the pieces have none.
            assert!(told[side] <= offsets[side]);
            let held = if is_server { &dissector.to_client } else { &dissector.to_server };
            assert_eq!(told[side] + held.held().len() as u64, offsets[side]);
        }
    }
}
