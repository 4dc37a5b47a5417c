//! Frames written out byte by byte.

use super::*;

fn ends() -> (SocketAddr, SocketAddr) {
    ("10.0.0.1:4000".parse().expect("an address"), "10.0.0.2:53".parse().expect("an address"))
}

fn datagram(payload: &[u8]) -> Vec<u8> {
    let (from, to) = ends();
    super::datagram(from, to, payload).expect("a datagram")
}

/// What a receiver sums: nothing, when the checksum is right.
fn sum(frame: &[u8]) -> u16 {
    let view = View::parse(frame).expect("a packet");
    let (protocol, header) = match view.transport {
        Transport::Udp { .. } => (UDP, 8),
        Transport::Tcp(segment) => (TCP, segment.header_bytes),
        other => panic!("{other:?} has no checksum"),
    };
    let bytes = frame.get(view.payload.start - header..view.payload.end).expect("within");
    fold(pseudo_header(view.from, view.to, protocol, bytes.len()) + words(bytes))
}

#[test]
fn a_datagram_is_made_byte_by_byte_as_a_kernel_makes_it() {
    // Goal: RFC 791 §3.1 and RFC 768; both checksums added up by hand.
    let expected = [
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x08, 0x00, // Ethernet
        0x45, 0, 0, 30, 0, 0, 0, 0, 64, 17, 0x66, 0xcd, 10, 0, 0, 1, 10, 0, 0, 2, // IPv4
        0x0f, 0xa0, 0, 53, 0, 10, 0x73, 0x99, b'h', b'i', // UDP
    ];
    assert_eq!(datagram(b"hi"), expected);
}

#[test]
fn a_datagram_of_ip_version_6_shows_its_ends_too() {
    let from: SocketAddr = "[2001:db8::1]:4000".parse().expect("an address");
    let to: SocketAddr = "[2001:db8::2]:53".parse().expect("an address");
    let frame = super::datagram(from, to, b"hello").expect("a datagram");
    let view = View::parse(&frame).expect("a packet");
    assert_eq!(view.ends(), Some((from, to)));
    assert_eq!((sum(&frame), frame.get(view.payload)), (0, Some(b"hello".as_slice())));
    assert_eq!(super::datagram(from, ends().0, b""), None, "two families");
}

#[test]
fn a_reset_has_no_payload_and_a_right_checksum() {
    let (from, to) = ends();
    let frame = reset(from, to, 0, Some(100)).expect("a segment");
    let view = View::parse(&frame).expect("a packet");
    let Transport::Tcp(segment) = view.transport else { panic!("not TCP") };
    assert_eq!((segment.flags, segment.acknowledged), (flag::RST | flag::ACK, 100));
    assert_eq!((sum(&frame), view.payload.len()), (0, 0));
}

#[test]
fn a_datagram_shows_its_ends_and_payload() {
    let frame = datagram(b"hello");
    let view = View::parse(&frame).expect("a packet");
    let ends = view.ends().map(|(from, to)| (from.to_string(), to.to_string()));
    assert_eq!(ends, Some(("10.0.0.1:4000".into(), "10.0.0.2:53".into())));
    assert_eq!(frame.get(view.payload), Some(b"hello".as_slice()));
}

#[test]
fn the_checksum_of_rfc_1071_section_3_is_found() {
    // Goal: the example of RFC 1071 §3, whose words sum to 0xddf2.
    let bytes = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
    assert_eq!(fold(words(&bytes)), !0xddf2);
}

#[test]
fn a_changed_datagram_is_mended_so_that_its_receiver_takes_it() {
    for payload in [b"hello".as_slice(), b"even", b"", &[0xff; 1400]] {
        let mut frame = datagram(payload);
        let view = View::parse(&frame).expect("a packet");
        if let Some(byte) = frame.get_mut(view.payload.start) {
            *byte ^= 0x20;
        }
        mend(&mut frame, &view);
        assert_eq!(sum(&frame), 0, "a right checksum sums to nothing");
    }
}

#[test]
fn a_datagram_to_nowhere_is_answered_with_host_unreachable() {
    let frame = datagram(b"hello");
    let view = View::parse(&frame).expect("a packet");
    let answer = host_unreachable(&frame, &view).expect("an answer");
    let seen = View::parse(&answer).expect("a packet");
    assert_eq!((seen.from, seen.to), (view.to, view.from));
    assert_eq!(fold(words(answer.get(14..34).expect("a header"))), 0);
    assert_eq!(fold(words(answer.get(34..).expect("an error"))), 0);
    assert_eq!(answer.get(34..36), Some([UNREACHABLE, UNREACHABLE_HOST].as_slice()));
    assert_eq!(host_unreachable(&answer, &seen), None, "no error about an error");
}

#[test]
fn ip_version_6_tells_the_same_errors() {
    // Goal: RFC 4443 §3.1, whose checksum covers the pseudo header (§2.3).
    let from: SocketAddr = "[2001:db8::1]:4000".parse().expect("an address");
    let to: SocketAddr = "[2001:db8::2]:53".parse().expect("an address");
    let frame = super::datagram(from, to, b"hello").expect("a datagram");
    let view = View::parse(&frame).expect("a packet");
    let mut answer = host_unreachable(&frame, &view).expect("an answer");
    let seen = View::parse(&answer).expect("a packet");
    assert_eq!((seen.from, seen.to), (view.to, view.from));
    let error = answer.get(seen.payload.clone()).expect("within");
    let pseudo = pseudo_header(seen.from, seen.to, ICMPV6, error.len());
    assert_eq!(fold(pseudo + words(error)), 0);
    put(&mut answer, seen.payload.start + 1..seen.payload.start + 2, &[UNREACHABLE_PORT_V6]);
    let refused = View::parse(&answer).expect("a packet").transport;
    assert_eq!(refused, Transport::PortUnreachable { from, to });
}

#[test]
fn a_refused_port_names_the_datagram() {
    let frame = datagram(b"hello");
    let view = View::parse(&frame).expect("a packet");
    let mut answer = host_unreachable(&frame, &view).expect("an answer");
    put(&mut answer, 35..36, &[UNREACHABLE_PORT]);
    let (from, to) = view.ends().expect("ports");
    let refused = View::parse(&answer).expect("a packet").transport;
    assert_eq!(refused, Transport::PortUnreachable { from, to });
}

#[test]
fn a_fragment_is_no_datagram() {
    let mut frame = datagram(b"hello");
    put(&mut frame, 20..22, &[0x20, 0]);
    assert_eq!(View::parse(&frame).map(|view| view.transport), Some(Transport::Other));
}

#[test]
fn a_frame_cut_anywhere_is_never_read_past_its_end() {
    let frame = datagram(b"hello");
    for end in 0..frame.len() {
        assert_eq!(View::parse(frame.get(..end).expect("within")), None, "cut at {end}");
    }
    // Bytes of padding after a short packet belong to nobody.
    let mut padded = frame.clone();
    padded.extend_from_slice(&[0; 18]);
    assert_eq!(View::parse(&padded), View::parse(&frame));
}

#[test]
fn random_frames_are_refused_or_read_within_bounds() {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        u8::try_from(state >> 56).unwrap_or(0)
    };
    for _ in 0..20_000 {
        let mut frame = datagram(b"some bytes");
        for _ in 0..3 {
            let at = usize::from(next()) % frame.len();
            put(&mut frame, at..at + 1, &[next()]);
        }
        if let Some(view) = View::parse(&frame) {
            assert!(view.payload.end <= frame.len() && view.payload.start <= view.payload.end);
            mend(&mut frame.clone(), &view);
            let _answer = host_unreachable(&frame, &view);
        }
    }
}
