use super::*;

/// A dialogue as pushes; every message with its direction.
fn dissect(dialogue: &[(Direction, &str)]) -> Vec<Message> {
    let mut dissector = SmtpDissector::new();
    let mut offsets = [0_u64; 2];
    let mut messages = Vec::new();
    for (direction, text) in dialogue {
        let offset = &mut offsets[usize::from(*direction == Direction::ToClient)];
        messages.extend(dissector.push(*direction, *offset, text.as_bytes()));
        *offset += text.len() as u64;
    }
    messages
}

const C: Direction = Direction::ToServer;
const S: Direction = Direction::ToClient;

fn dialogue() -> Vec<(Direction, &'static str)> {
    vec![
        (S, "220 mx.example ESMTP\r\n"),
        (C, "EHLO a.example\r\n"),
        (S, "250-mx.example\r\n250 PIPELINING\r\n"),
        (C, "AUTH PLAIN\r\n"),
        (S, "334 \r\n"),
        (C, "AGEAYg==\r\n"),
        (S, "235 2.7.0 welcome\r\n"),
        (C, "MAIL FROM:<andrea@unal.edu.co> SIZE=99\r\nRCPT TO: <\"c d\"@x>\r\n"),
        (S, "250 2.1.0 ok\r\n550 5.1.1 nobody\r\n"),
        (C, "DATA\r\n"),
        (S, "354 go\r\n"),
        (C, "Subject: hola\r\n mundo\r\nFrom: a@b\r\n\r\n..dots\r\nQUIT\r\n"),
        (C, ".\r\n"),
        (S, "250 2.0.0 kept\r\n"),
        (C, "BDAT 6 LAST\r\nQUIT\r\nQUIT\r\n"),
        (S, "250 kept\r\n221 bye\r\n"),
    ]
}

#[test]
fn each_command_reply_and_message_is_told() {
    let messages = dissect(&dialogue());
    let told: Vec<_> = messages.iter().map(|message| message.summary.as_str()).collect();
    let expected = [
        "220 mx.example ESMTP",
        "EHLO a.example",
        "250-mx.example (+1 lines)",
        "AUTH PLAIN",
        "334 ",
        "response: ␀a␀b",
        "235 2.7.0 welcome",
        "MAIL FROM:<andrea@unal.edu.co> SIZE=99",
        "RCPT TO: <\"c d\"@x>",
        "250 2.1.0 ok",
        "550 5.1.1 nobody",
        "DATA",
        "354 go",
        "message of 53 octets: hola",
        "250 2.0.0 kept",
        "BDAT 6 LAST",
        "message of 6 octets",
        "QUIT",
        "250 kept",
        "221 bye",
    ];
    assert_eq!(told, expected);
    assert!(messages.iter().all(|message| message.malformed.is_none()));
    assert!(messages.iter().all(|message| message.meaning.len() == 2));
}

#[test]
fn every_octet_of_a_message_is_in_one_field() {
    let mut lengths = [0, 0];
    let mut dissector = SmtpDissector::new();
    let mut offsets = [0_u64; 2];
    for (direction, text) in dialogue() {
        let side = usize::from(direction == S);
        for message in dissector.push(direction, offsets[side], text.as_bytes()) {
            let mut at = 0;
            for field in &message.fields {
                assert_eq!(field.bytes.start, at, "{message:?}");
                assert!(field.children.iter().all(|child| {
                    child.bytes.start >= field.bytes.start && child.bytes.end <= field.bytes.end
                }));
                at = field.bytes.end;
            }
            lengths[side] += at;
        }
        offsets[side] += text.len() as u64;
    }
    assert_eq!(lengths.map(|length| length as u64), offsets);
}

#[test]
fn the_fields_have_their_values_and_places() {
    let messages = dissect(&dialogue());
    let of = |index: usize, name: &str| {
        let found = messages[index].fields.iter().find(|field| field.name == name);
        let field = found.unwrap_or_else(|| panic!("{name} of {:?}", messages[index]));
        (field.value.clone(), field.bytes.clone(), field.children.clone())
    };
    assert_eq!(of(7, "command").0, "MAIL");
    let (from, place, parts) = of(7, "from");
    assert_eq!((from.as_str(), place), ("andrea@unal.edu.co", 10..30));
    assert_eq!((parts[0].name, parts[0].value.as_str()), ("local", "andrea"));
    assert_eq!((parts[1].name, parts[1].bytes.clone()), ("domain", 18..29));
    assert_eq!(of(7, "parameter").0, "SIZE=99");
    assert_eq!(of(8, "to").0, "\"c d\"@x");
    assert_eq!(of(10, "code").0, "550");
    assert_eq!(of(10, "enhanced").0, "5.1.1");
    assert_eq!(of(10, "text").0, "nobody");
    assert_eq!(of(13, "header").0, "Subject: hola mundo");
    assert_eq!(of(13, "body").0, "..dots\r\nQUIT\r\n");
    assert_eq!(of(13, "end").1, 50..53);
}

/// What is not UTF-8 is shown longer than it is: places are those of the octets.
#[test]
fn the_parts_of_a_path_beyond_utf8_have_their_places() {
    let line = b"MAIL FROM:<\xff\xff@\xff.x> BODY=\xff\xff\xff\r\n";
    let messages = SmtpDissector::new().push(C, 0, line);
    let places: Vec<_> = messages[0]
        .fields
        .iter()
        .flat_map(|field| &field.children)
        .map(|part| (part.name, &line[part.bytes.clone()]))
        .collect();
    let expected: [(&str, &[u8]); 4] = [
        ("local", b"\xff\xff"),
        ("domain", b"\xff.x"),
        ("keyword", b"BODY"),
        ("value", b"\xff\xff\xff"),
    ];
    assert_eq!(places, expected);
}

/// A header field of 50,000 folds is read in one pass.
#[test]
fn a_field_of_many_folds_takes_no_longer_than_its_octets() {
    let folds = " a\r\n".repeat(50_000);
    let message = format!("X: b\r\n{folds}\r\n.\r\n");
    let (fields, _) = crate::dissect::content::content(message.as_bytes());
    assert_eq!(fields[0].value.len(), "X: b".len() + 2 * 50_000);
}

#[test]
fn a_line_that_breaks_the_rules_is_told() {
    let messages =
        dissect(&[(S, "220 x\r\n"), (C, "HELO a\n"), (C, "XYZZY\r\n"), (S, "what?\r\n")]);
    let told: Vec<_> = messages.iter().map(|message| message.malformed.as_deref()).collect();
    let bare = "a bare LF: lines end in CR LF";
    let reply = "a reply begins with three digits";
    assert_eq!(told, [None, Some(bare), Some("`XYZZY` is no command"), Some(reply)]);
}

#[test]
fn the_dialogue_goes_on_within_tls_where_offsets_begin_anew() {
    let mut dissector = SmtpDissector::new();
    dissector.push(S, 0, b"220 x\r\n");
    dissector.push(C, 0, b"EHLO a\r\n");
    dissector.push(S, 7, b"250 STARTTLS\r\n");
    dissector.push(C, 8, b"STARTTLS\r\n");
    let told = dissector.push(S, 21, b"220 go\r\n");
    assert_eq!(told[0].meaning[0].1, "Good: TLS begins here.");
    let told = dissector.push(C, 0, b"EHLO a\r\n");
    assert_eq!(told[0].summary, "EHLO a");
    let told = dissector.push(S, 0, b"250 hi\r\n");
    assert!(told[0].meaning[0].1.starts_with("Hello"));
}

#[test]
fn lost_octets_are_told_and_reading_goes_on() {
    let mut dissector = SmtpDissector::new();
    dissector.push(C, 0, b"EHL");
    let told = dissector.push(C, 10, b"NOOP\r\n");
    assert_eq!(told[0].malformed.as_deref(), Some("7 octets of the stream are missing"));
    assert_eq!(told[1].summary, "NOOP");
    assert!(dissector.push(C, 10, b"NOOP\r\n").is_empty(), "sent again");
}

/// RFC 2046 §5.1: each part of a message is told with its type, its file's
/// name and its encoding, at its place.
#[test]
fn the_parts_of_a_message_are_told() {
    let text = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhi\r\n--b\r\n\
        Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\
        Content-Disposition: attachment; filename=\"a b.png\"\r\n\r\nAAAA\r\n--b--\r\n";
    let (fields, _) = crate::dissect::content::content(text.as_bytes());
    let body = fields.last().unwrap();
    let told: Vec<_> = body.children.iter().map(|part| part.value.as_str()).collect();
    assert_eq!((body.name, told), ("body", vec!["text/plain", "image/png a b.png"]));
    let picture = &body.children[1];
    assert!(text[picture.bytes.clone()].starts_with("Content-Type: image"));
    assert!(text[picture.bytes.clone()].ends_with("AAAA"));
    assert_eq!(
        (picture.children[0].name, picture.children[0].value.as_str()),
        ("encoding", "base64")
    );
    // Only a multipart is looked into.
    let (fields, _) = crate::dissect::content::content(b"Subject: x\r\n\r\n--b\r\n\r\nhi\r\n");
    assert!(fields.last().unwrap().children.is_empty());
}
