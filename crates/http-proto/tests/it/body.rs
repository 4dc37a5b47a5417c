//! Bodies: where they end, however the bytes arrive.

use capa7_http_proto::body::{BodyDecoder, BodyError, Framing, write_chunk, write_last_chunk};
use proptest::prelude::{any, proptest};
use proptest::{collection, prop_assert_eq};

fn decode(framing: Framing, input: &[u8], piece: usize) -> Result<(Vec<u8>, usize), BodyError> {
    let mut decoder = BodyDecoder::new(framing, 1_000)?;
    let (mut out, mut taken) = (Vec::new(), 0);
    for bytes in input.chunks(piece) {
        taken += decoder.decode(bytes, &mut out)?;
    }
    decoder.end()?;
    Ok((out, taken))
}

#[test]
fn chunks_are_joined_and_what_follows_is_left() {
    // RFC 9112 §7.1: extensions are passed over, the trailer is read.
    let wire = b"4\r\nHola\r\nA;x=\"y\"\r\n, Carlos. \r\n0\r\nDigest: z\r\n\r\nGET";
    for piece in [1, 2, 3, 7, 100] {
        let (content, taken) = decode(Framing::Chunked, wire, piece).unwrap();
        assert_eq!(content, b"Hola, Carlos. ");
        assert_eq!(&wire[taken..], b"GET", "pieces of {piece}");
    }
    let mut decoder = BodyDecoder::new(Framing::Chunked, 100).unwrap();
    decoder.decode(wire, &mut Vec::new()).unwrap();
    assert_eq!(decoder.trailer().text("digest"), Some("z"));
}

#[test]
fn broken_chunks_are_refused() {
    // RFC 9112 §7.1, §11.2.
    for (wire, expect) in [
        ("x\r\n", BodyError::ChunkSize),
        ("-1\r\n", BodyError::ChunkSize),
        ("0x4\r\nHola\r\n", BodyError::ChunkSize),
        (" 4\r\nHola\r\n", BodyError::ChunkSize),
        ("4 \r\nHola\r\n", BodyError::ChunkSize),
        ("ffffffffffffffff\r\n", BodyError::ChunkSize),
        ("4\nHola\r\n", BodyError::ChunkSize),
        ("4\r\nHolaX\r\n", BodyError::ChunkEnd),
        ("4\r\nHola\n", BodyError::ChunkEnd),
        ("4\r\nHola\r\n", BodyError::Cut),
    ] {
        assert_eq!(decode(Framing::Chunked, wire.as_bytes(), 5), Err(expect), "{wire:?}");
    }
    let long = format!("4;{}", "x".repeat(5_000));
    assert_eq!(decode(Framing::Chunked, long.as_bytes(), 64), Err(BodyError::ChunkSize));
}

#[test]
fn bodies_are_bounded() {
    assert_eq!(decode(Framing::Length(1_001), b"", 1), Err(BodyError::TooLong(1_000)));
    assert_eq!(decode(Framing::UntilClose, &[0; 1_001], 10), Err(BodyError::TooLong(1_000)));
    let chunk = format!("3e9\r\n{}", "x".repeat(1_001));
    assert_eq!(decode(Framing::Chunked, chunk.as_bytes(), 10), Err(BodyError::TooLong(1_000)));
}

#[test]
fn a_body_of_known_length_that_is_cut_is_told() {
    // RFC 9112 §8.
    assert_eq!(decode(Framing::Length(4), b"Hol", 2), Err(BodyError::Cut));
    assert_eq!(decode(Framing::Length(4), b"HolaGET", 3).unwrap(), (b"Hola".to_vec(), 4));
}

proptest! {
    #[test]
    fn chunks_that_are_written_are_read_back(
        chunks in collection::vec(collection::vec(any::<u8>(), 0..40), 0..10),
        piece in 1_usize..50,
    ) {
        let mut wire = Vec::new();
        for chunk in &chunks {
            write_chunk(chunk, &mut wire);
        }
        write_last_chunk(&mut wire);
        let length = wire.len();
        prop_assert_eq!(decode(Framing::Chunked, &wire, piece), Ok((chunks.concat(), length)));
    }
}
