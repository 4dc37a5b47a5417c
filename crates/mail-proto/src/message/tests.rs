use super::body_structure::{self, Form};
use super::envelope::envelope;
use super::section::{Section, SectionText, extract};
use super::structure::{DEPTH_MAX, PARTS_MAX, PartKind, scan};

fn body_structure(message: &[u8]) -> String {
    String::from_utf8(body_structure::text(message, &scan(message), Form::BodyStructure)).unwrap()
}

fn envelope_of(header: &str) -> String {
    String::from_utf8(envelope(header.as_bytes())).unwrap()
}

fn section(message: &[u8], part: &[u32], text: SectionText) -> Option<String> {
    let section = Section { part: part.to_vec(), text };
    let bytes = extract(message, &scan(message), &section)?;
    Some(String::from_utf8(bytes.into_owned()).unwrap())
}

/// The example of RFC 9051 §6.4.5 has these part numbers.
const NUMBERED: &[u8] = b"Subject: outer\r\n\
    Content-Type: multipart/mixed; boundary=a\r\n\r\n\
    --a\r\n\r\none\r\n\
    --a\r\nContent-Type: application/octet-stream\r\n\r\ntwo\r\n\
    --a\r\nContent-Type: message/rfc822\r\n\r\n\
    Subject: inner\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
    --b\r\n\r\nthree one\r\n\
    --b\r\nContent-Type: image/gif\r\nContent-ID: <x>\r\n\r\nthree two\r\n\
    --b--\r\n\
    --a--\r\nepilogue\r\n";

/// RFC 9051 §6.4.5: which bytes the sections of the example are.
#[test]
fn sections_are_the_bytes_that_the_standard_numbers() {
    let of = |part: &[u32], text| section(NUMBERED, part, text);
    assert_eq!(of(&[], SectionText::Whole).unwrap().as_bytes(), NUMBERED);
    assert_eq!(of(&[1], SectionText::Whole).unwrap(), "one");
    assert_eq!(of(&[1], SectionText::Mime).unwrap(), "\r\n");
    assert_eq!(of(&[3, 1], SectionText::Whole).unwrap(), "three one");
    assert_eq!(of(&[3, 2], SectionText::Whole).unwrap(), "three two");
    let mime = of(&[3, 2], SectionText::Mime).unwrap();
    assert_eq!(mime, "Content-Type: image/gif\r\nContent-ID: <x>\r\n\r\n");
    let names = vec!["SUBJECT".to_owned(), "to".to_owned()];
    let fields = of(&[3], SectionText::HeaderFields(names.clone())).unwrap();
    assert_eq!(fields, "Subject: inner\r\n\r\n");
    let others = of(&[], SectionText::HeaderFieldsNot(names)).unwrap();
    assert_eq!(others, "Content-Type: multipart/mixed; boundary=a\r\n\r\n");
    assert!(of(&[3], SectionText::Text).unwrap().starts_with("--b\r\n\r\nthree one"));
    assert!(of(&[], SectionText::Text).unwrap().ends_with("--a--\r\nepilogue\r\n"));
    for (part, text) in [
        (&[4][..], SectionText::Whole),
        (&[0], SectionText::Whole),
        (&[1, 2], SectionText::Whole),
        (&[3, 3], SectionText::Mime),
        (&[1], SectionText::Header),
        (&[2], SectionText::Text),
    ] {
        assert_eq!(of(part, text), None, "{part:?}");
    }
}

/// RFC 9051 §7.5.2: sender and reply-to default to from, groups have two marks.
#[test]
fn an_envelope_follows_its_rules() {
    let header = "From: Andrea <andrea@umass.edu>\r\nReply-To:\r\n\
        To: friends: \"Carlos \\\"C\\\" R\" <carlos@urosario.edu.co>, b@x (Bob);, c\r\n\
        Subject: =?utf-8?q?=C3=A1?=\r\n b\r\n\r\n";
    let andrea = "((\"Andrea\" NIL \"andrea\" \"umass.edu\"))";
    let expected = format!(
        "(NIL \"=?utf-8?q?=C3=A1?= b\" {andrea} {andrea} {andrea} ((NIL NIL \"friends\" NIL)\
         (\"Carlos \\\"C\\\" R\" NIL \"carlos\" \"urosario.edu.co\")(\"Bob\" NIL \"b\" \"x\")\
         (NIL NIL NIL NIL)(NIL NIL \"c\" \"\")) NIL NIL NIL NIL)"
    );
    assert_eq!(envelope_of(header), expected);
    assert_eq!(envelope_of(""), "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)");
}

/// RFC 2045 §5.2, RFC 2046 §5.1.5: what holds when a part does not say.
#[test]
fn parts_without_a_type_have_the_default() {
    assert_eq!(
        body_structure(b"\r\nhi\r\n"),
        "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 4 1 NIL NIL NIL NIL)"
    );
    let digest = b"Content-Type: multipart/digest; boundary=d\r\n\r\n--d\r\n\r\n\
        Subject: s\r\n\r\nx\r\n--d--";
    assert!(
        body_structure(digest).starts_with("((\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 15 (")
    );
}

#[test]
fn ten_thousand_parts_beside_each_other_are_told_apart() {
    let mut message = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n".to_vec();
    for _ in 0..10_000 {
        message.extend_from_slice(b"--b\r\n\r\nx\r\n");
    }
    message.extend_from_slice(b"--b--\r\n");
    let structure = scan(&message);
    assert_eq!(structure.parts().len(), 1 + 10_000);
    let last = structure.parts().last().unwrap();
    assert_eq!(message.get(last.body.clone()), Some(b"x".as_slice()));
}

/// However many parts come, so many are told apart, and nothing is lost.
#[test]
fn further_parts_are_the_body_of_the_last() {
    let mut message = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n".to_vec();
    for _ in 0..PARTS_MAX + 500 {
        message.extend_from_slice(b"--b\r\n\r\nx\r\n");
    }
    let structure = scan(&message);
    assert_eq!(structure.parts().len(), PARTS_MAX);
    let last = structure.parts().last().unwrap();
    assert_eq!((&last.kind, last.body.end), (&PartKind::Leaf, message.len()));
    assert!(body_structure(&message).len() < 200 * PARTS_MAX);
}

/// However deep parts go, the stack does not: a thousand levels.
#[test]
fn deep_parts_are_opaque() {
    let mut message = Vec::new();
    for level in 0..1_000 {
        let header =
            format!("Content-Type: multipart/mixed; boundary=b{level}.\r\n\r\n--b{level}.\r\n");
        message.extend_from_slice(header.as_bytes());
    }
    let structure = scan(&message);
    assert_eq!(structure.parts().len(), DEPTH_MAX);
    assert_eq!(structure.parts().last().unwrap().kind, PartKind::Opaque);
    assert!(body_structure(&message).contains("\"application\" \"octet-stream\""));
    let nested = b"Content-Type: message/rfc822\r\n\r\n".repeat(1_000);
    assert_eq!(scan(&nested).parts().len(), DEPTH_MAX);
    let _ = body_structure(&nested);
}

/// Headers of 10 MB: one long field, and a million short ones.
#[test]
fn headers_of_ten_megabytes_are_scanned() {
    let folded = [b"To: x@y".as_slice(), &b",\r\n a@b".repeat(1_250_000), b"\r\n\r\nbody"].concat();
    let many = [b"a: b\r\n".repeat(1_700_000).as_slice(), b"\r\nbody"].concat();
    for message in [folded, many] {
        let structure = scan(&message);
        assert_eq!(structure.root().body, message.len() - 4..message.len());
        let header = &message[structure.root().header.clone()];
        assert!(envelope(header).len() < 1_000_000);
        assert!(body_structure(&message).ends_with(" 4 0 NIL NIL NIL NIL)"));
    }
}
