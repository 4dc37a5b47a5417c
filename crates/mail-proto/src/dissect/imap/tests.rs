use super::*;

const C: Direction = Direction::ToServer;
const S: Direction = Direction::ToClient;

fn dialogue() -> Vec<(Direction, &'static str)> {
    vec![
        (S, "* OK [CAPABILITY IMAP4rev2] ready\r\n"),
        (C, "a0 AUTHENTICATE PLAIN\r\n"),
        (S, "+ \r\n"),
        (C, "AGEAYg==\r\n"),
        (S, "a0 OK welcome\r\n"),
        (C, "a1 SELECT {5}\r\n"),
        (S, "+ go\r\n"),
        (C, "INBOX\r\na2 UID FETCH 1:* (FLAGS)\r\n"),
        (S, "* 3 EXISTS\r\na1 OK [READ-WRITE] open\r\n"),
        (S, "* 1 FETCH (UID 7 BODY[] {5}\r\na\r\nb) FLAGS (\\Seen))\r\na2 OK done {3}\r\n"),
        (C, "a3 APPEND Entw&APw-rfe {9}\r\n"),
        (S, "a3 NO [TRYCREATE] no\r\n"),
        (C, "a4 IDLE\r\n"),
        (S, "+ idling\r\n* 2 EXPUNGE\r\n"),
        (C, "DONE\r\n"),
        (S, "a4 OK done\r\n"),
        (C, "a5 XYZZY\r\n"),
        (S, "a5 BAD what\r\n"),
    ]
}

/// The messages of the dialogue, each push cut into pieces of so many octets.
fn dissect(piece: usize) -> Vec<Message> {
    let mut dissector = ImapDissector::new();
    let (mut offsets, mut messages) = ([0_u64; 2], Vec::new());
    for (direction, text) in dialogue() {
        let offset = &mut offsets[usize::from(direction == S)];
        for bytes in text.as_bytes().chunks(piece) {
            messages.extend(dissector.push(direction, *offset, bytes));
            *offset += bytes.len() as u64;
        }
    }
    messages
}

#[test]
fn imap_commands_and_responses_are_told_however_they_are_cut() {
    // RFC 9051 §2.2, §4.3, §6.3.13.
    let messages = dissect(usize::MAX);
    let told: Vec<_> = messages.iter().map(|message| message.summary.as_str()).collect();
    let expected = [
        "* OK [CAPABILITY IMAP4rev2] ready",
        "a0 AUTHENTICATE PLAIN",
        "+",
        "credentials: ␀a␀b",
        "a0 OK welcome",
        "+ go",
        "a1 SELECT {5}…",
        "a2 UID FETCH 1:* (FLAGS)",
        "* 3 EXISTS",
        "a1 OK [READ-WRITE] open",
        "* 1 FETCH (UID 7 BODY[] {5}… FLAGS (\\Seen))",
        "a2 OK done {3}",
        "a3 NO [TRYCREATE] no",
        "a3 APPEND Entw&APw-rfe {9}",
        "a4 IDLE",
        "+ idling",
        "* 2 EXPUNGE",
        "DONE",
        "a4 OK done",
        "a5 XYZZY",
        "a5 BAD what",
    ];
    assert_eq!(told, expected);
    for piece in 1..20 {
        assert_eq!(dissect(piece), messages, "pieces of {piece}");
    }
    let wrong = |message: &&Message| message.malformed.is_some();
    let wrong: Vec<_> = messages.iter().filter(wrong).map(|message| &*message.summary).collect();
    assert_eq!(wrong, ["a5 XYZZY"]);
    assert!(messages.iter().all(|message| message.meaning.len() == 2));
}

#[test]
fn every_octet_of_an_imap_message_is_in_one_field() {
    let mut octets = 0;
    for message in dissect(usize::MAX) {
        let mut at = 0;
        for field in &message.fields {
            assert_eq!(field.bytes.start, at, "{message:?}");
            at = field.bytes.end;
        }
        octets += at;
    }
    assert_eq!(octets, dialogue().iter().map(|(_, text)| text.len()).sum::<usize>());
}

#[test]
fn imap_fields_have_their_values() {
    let messages = dissect(usize::MAX);
    let cases = [
        (0, "status", "OK"),
        (0, "code", "CAPABILITY IMAP4rev2"),
        (6, "mailbox", "INBOX"),
        (6, "size", "5"),
        (7, "tag", "a2"),
        (7, "command", "FETCH"),
        (7, "sequence", "1:*"),
        (7, "argument", "(FLAGS)"),
        (8, "response", "EXISTS"),
        (8, "number", "3"),
        (10, "literal", "a\r\nb)"),
        (10, "response", "FETCH"),
        (13, "mailbox", "Entwürfe"),
        (12, "code", "TRYCREATE"),
        (17, "command", "DONE"),
    ];
    for (index, name, value) in cases {
        let message = &messages[index];
        let field = message.fields.iter().find(|field| field.name == name);
        assert_eq!(field.map(|field| field.value.as_str()), Some(value), "{name} of {message:?}");
    }
}

#[test]
fn a_long_imap_literal_is_told_in_parts() {
    let mut dissector = ImapDissector::new();
    let begin = b"* 1 FETCH (BODY[] {600000}\r\n";
    let mut wire = begin.to_vec();
    wire.resize(begin.len() + 600_000, b'x');
    wire.extend_from_slice(b")\r\n* 2 EXISTS\r\n");
    let (mut messages, mut offset) = (Vec::new(), 0);
    for bytes in wire.chunks(1_000) {
        messages.extend(dissector.push(S, offset, bytes));
        offset += bytes.len() as u64;
    }
    assert_eq!(messages.len(), 4);
    let octets: usize = messages.iter().filter_map(|m| m.fields.last()).map(|f| f.bytes.end).sum();
    assert_eq!(octets, wire.len());
    assert_eq!(messages[3].summary, "* 2 EXISTS");
}

#[test]
fn lost_octets_of_imap_are_told_and_reading_goes_on() {
    let mut dissector = ImapDissector::new();
    dissector.push(C, 0, b"a1 NO");
    let told = dissector.push(C, 10, b"a2 NOOP\r\n");
    assert_eq!(told[0].malformed.as_deref(), Some("5 octets of the stream are missing"));
    assert_eq!(told[1].summary, "a2 NOOP");
}
