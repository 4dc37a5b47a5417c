//! Heads: what is read, and what is refused because it could be read in two ways.

use capa7_http_proto::body::{Framing, FramingError};
use capa7_http_proto::fields::Fields;
use capa7_http_proto::head::{HeadError, HeadLimits, RequestHead, ResponseHead, Version};
use capa7_http_proto::status::Status;
use proptest::prelude::{Strategy, proptest};
use proptest::{collection, prop_assert_eq};

fn read(text: &str) -> Result<Option<(RequestHead, usize)>, HeadError> {
    RequestHead::parse(text.as_bytes(), &HeadLimits::default())
}

#[test]
fn a_request_is_read_whole_and_byte_by_byte() {
    // RFC 9112 §3 and §5, with the course's example of a request (course H1).
    let text = "GET /somedir/page.html?x=1 HTTP/1.1\r\nHost: www.umass.edu\r\n\
        Accept-Language:  es \r\n\r\nrest";
    let (head, end) = read(text).unwrap().unwrap();
    assert_eq!(
        (head.method.as_str(), head.path(), head.query()),
        ("GET", "/somedir/page.html", "x=1")
    );
    assert_eq!(head.fields.text("ACCEPT-language"), Some("es"));
    assert_eq!(&text[end..], "rest");
    assert!(head.is_persistent());
    for cut in 0..end {
        assert_eq!(read(&text[..cut]), Ok(None), "cut at {cut}");
    }
}

#[test]
fn what_two_readers_could_understand_in_two_ways_is_refused() {
    let host = "Host: a\r\n";
    let check = |text: String, expect: HeadError| assert_eq!(read(&text), Err(expect), "{text:?}");
    // RFC 9112 §2.2: only CR LF ends a line.
    check(format!("GET / HTTP/1.1\n{host}\r\n"), HeadError::BareLineEnd(14));
    check(format!("GET / HTTP/1.1\r\n{host}A: b\rC: d\r\n\r\n"), HeadError::BareLineEnd(29));
    // RFC 9112 §5.1: no blank before the colon.
    check(format!("GET / HTTP/1.1\r\n{host}A : b\r\n\r\n"), HeadError::FieldName(25));
    check(format!("GET / HTTP/1.1\r\n{host}no colon\r\n\r\n"), HeadError::FieldName(25));
    // RFC 9112 §5.2: no folded lines.
    check(format!("GET / HTTP/1.1\r\n{host} folded\r\n\r\n"), HeadError::Folded(25));
    // RFC 9110 §5.5: no control characters.
    check(format!("GET / HTTP/1.1\r\n{host}A: b\0c\r\n\r\n"), HeadError::FieldValue(29));
    // RFC 9112 §3: single spaces and three parts.
    for line in ["GET  / HTTP/1.1", "GET / HTTP/1.1 ", "GET /", "GE(T / HTTP/1.1", " / HTTP/1.1"] {
        check(format!("{line}\r\n{host}\r\n"), HeadError::FirstLine);
    }
    check(format!("GET / HTTP/2.0\r\n{host}\r\n"), HeadError::Version);
    // RFC 9112 §3.2: exactly one Host.
    check("GET / HTTP/1.1\r\n\r\n".to_owned(), HeadError::Host);
    check(format!("GET / HTTP/1.1\r\n{host}{host}\r\n"), HeadError::Host);
}

#[test]
fn heads_are_bounded_before_their_end_is_seen() {
    let long = "a".repeat(9_000);
    assert_eq!(read(&long), Err(HeadError::LineTooLong));
    let many = format!("GET / HTTP/1.1\r\n{}", "A: b\r\n".repeat(101));
    assert_eq!(read(&many), Err(HeadError::TooLarge));
    let endless = format!("GET / HTTP/1.1\r\nA: {}", "b".repeat(33 << 10));
    assert_eq!(read(&endless), Err(HeadError::TooLarge));
    assert_eq!(HeadError::LineTooLong.status(), Status::URI_TOO_LONG);
    assert_eq!(HeadError::TooLarge.status(), Status::FIELDS_TOO_LARGE);
}

#[test]
fn a_length_and_an_encoding_exclude_each_other() {
    // RFC 9112 §6.1, §6.3, §11.2: request smuggling.
    let framing = |fields: &str| {
        let text = format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        Framing::of_request(&read(&text).unwrap().unwrap().0)
    };
    assert_eq!(framing(""), Ok(Framing::None));
    assert_eq!(framing("Content-Length: 12\r\n"), Ok(Framing::Length(12)));
    assert_eq!(framing("Transfer-Encoding: Chunked\r\n"), Ok(Framing::Chunked));
    let both = "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n";
    assert_eq!(framing(both), Err(FramingError::Both));
    let twice = "Content-Length: 3\r\nContent-Length: 3\r\n";
    assert_eq!(framing(twice), Err(FramingError::Length));
    for length in ["+3", "3, 3", "0x3", "", "3 3", "99999999999999999999"] {
        let fields = format!("Content-Length: {length}\r\n");
        assert_eq!(framing(&fields), Err(FramingError::Length), "{length:?}");
    }
    for encoding in ["gzip", "gzip, chunked", "chunked, chunked", "xchunked"] {
        let fields = format!("Transfer-Encoding: {encoding}\r\n");
        assert_eq!(framing(&fields), Err(FramingError::Encoding), "{encoding}");
    }
}

#[test]
fn a_response_is_read_and_its_body_framed_by_what_was_asked() {
    // RFC 9112 §4, §6.3.
    let text = "HTTP/1.0 200 Todo está bien\r\nServer: x\r\n\r\n";
    let limits = HeadLimits::default();
    let (head, _) = ResponseHead::parse(text.as_bytes(), &limits).unwrap().unwrap();
    assert_eq!((head.version, head.status), (Version::Http10, Status::OK));
    assert!(!head.is_persistent());
    assert_eq!(Framing::of_response(&head, "GET"), Ok(Framing::UntilClose));
    assert_eq!(Framing::of_response(&head, "HEAD"), Ok(Framing::None));
    for wrong in ["HTTP/1.1 20 OK", "HTTP/1.1 2000 OK", "HTTP/1.1 999 x", "HTTP/1.1  200 OK"] {
        let read = ResponseHead::parse(format!("{wrong}\r\n\r\n").as_bytes(), &limits);
        assert_eq!(read, Err(HeadError::FirstLine), "{wrong}");
    }
}

#[test]
fn a_reason_is_passed_on_as_it_came() {
    // RFC 9112 §4: `reason-phrase` has tabs and octets beyond ASCII.
    let text = "HTTP/1.1 200 a\tb \u{85}ñ\r\n\r\n";
    let (mut head, _) =
        ResponseHead::parse(text.as_bytes(), &HeadLimits::default()).unwrap().unwrap();
    let mut written = Vec::new();
    head.write(&mut written);
    assert_eq!(String::from_utf8(written).unwrap(), text);
    // What came from elsewhere begins no field.
    head.reason = "a\r\nSet-Cookie: x=1\0".to_owned();
    let mut written = Vec::new();
    head.write(&mut written);
    assert_eq!(String::from_utf8(written).unwrap(), "HTTP/1.1 200 aSet-Cookie: x=1\r\n\r\n");
}

#[test]
fn no_field_begins_a_line_of_its_own() {
    let mut fields = Fields::new();
    assert!(fields.push("Location", "/a\r\nSet-Cookie: x=1").is_err());
    assert!(fields.push("Bad name", "x").is_err());
    assert!(fields.is_empty());
}

fn head() -> impl Strategy<Value = RequestHead> {
    let fields = collection::vec(("[A-Za-z-]{1,12}", "[!-~]{0,20}"), 0..8);
    ("[A-Z]{1,8}", "/[!-~]{0,30}", fields).prop_map(|(method, target, more)| {
        let mut head = RequestHead::new(&method, &target, "mail.umass.edu");
        for (name, value) in more.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("host")) {
            head.fields.push(name, value).unwrap();
        }
        head
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(head in head()) {
        let mut bytes = Vec::new();
        head.write(&mut bytes);
        let length = bytes.len();
        let read = RequestHead::parse(&bytes, &HeadLimits::default());
        prop_assert_eq!(read, Ok(Some((head, length))));
    }
}
