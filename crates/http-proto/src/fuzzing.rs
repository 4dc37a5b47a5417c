//! What the fuzz target claims, so that tests replay its corpus on the stable
//! toolchain. The function panics when its claim is broken.

use capa7_dissect::{Direction, Dissector as _};

use crate::body::{BodyDecoder, Framing};
use crate::dissect::HttpDissector;
use crate::head::{HeadLimits, RequestHead, ResponseHead};

/// Bytes that are a head, written and read again, are the same head; a body
/// decoded in two pieces is the body decoded in one.
pub fn http_heads(bytes: &[u8]) {
    let limits = HeadLimits::default();
    if let Ok(Some((head, end))) = RequestHead::parse(bytes, &limits) {
        assert!(end <= bytes.len());
        let mut written = Vec::new();
        head.write(&mut written);
        let again = RequestHead::parse(&written, &limits).expect("what is written is read");
        assert_eq!(again, Some((head.clone(), written.len())));
        if let Ok(framing) = Framing::of_request(&head) {
            body(framing, &bytes[end..]);
        }
    }
    if let Ok(Some((head, end))) = ResponseHead::parse(bytes, &limits) {
        let mut written = Vec::new();
        head.write(&mut written);
        let again = ResponseHead::parse(&written, &limits).expect("what is written is read");
        assert_eq!(again, Some((head.clone(), written.len())));
        if let Ok(framing) = Framing::of_response(&head, "GET") {
            body(framing, &bytes[end..]);
        }
    }
    for direction in [Direction::ToServer, Direction::ToClient] {
        let mut dissector = HttpDissector::new();
        let cut = bytes.len() / 2;
        dissector.push(direction, 0, &bytes[..cut]);
        dissector.push(direction, cut as u64, &bytes[cut..]);
    }
}

fn body(framing: Framing, bytes: &[u8]) {
    let decode = |pieces: [&[u8]; 2]| {
        let mut decoder = BodyDecoder::new(framing, 1 << 20).ok()?;
        let mut out = Vec::new();
        for piece in pieces {
            decoder.decode(piece, &mut out).ok()?;
        }
        Some((out, decoder.is_done()))
    };
    let (one, two) = bytes.split_at(bytes.len() / 2);
    assert_eq!(decode([bytes, b""]), decode([one, two]));
}
