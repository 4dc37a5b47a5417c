use super::*;

const LIMITS: FrameLimits = FrameLimits {
    line_octets_max: 40,
    literal_octets_max: 20,
    literals_max: 2,
    command_octets_max: 80,
};

/// All frames of a stream that comes in pieces of `piece` octets; every literal
/// is held if that is possible and refused if not.
fn frames(stream: &[u8], piece: usize) -> Vec<Frame> {
    let mut framer = Framer::new(LIMITS);
    let mut found = Vec::new();
    for octets in stream.chunks(piece) {
        framer.push(octets);
        while let Some(frame) = framer.next(LineKind::Command) {
            if matches!(frame, Frame::Literal(_)) && framer.hold().is_err() {
                framer.refuse();
                found.push(frame);
            } else if !matches!(frame, Frame::Literal(_)) {
                found.push(frame);
            }
        }
    }
    found
}

fn check(stream: &[u8], expected: &[Frame]) {
    for piece in [1, 2, 3, 7, 1_000] {
        assert_eq!(frames(stream, piece), expected, "in pieces of {piece}");
    }
}

fn command(text: &[u8]) -> Frame {
    Frame::Command(text.to_vec())
}

/// RFC 9051 §4.3: a literal's octets are counted, not searched for lines.
#[test]
fn a_literal_is_part_of_its_command_whatever_it_holds() {
    check(
        b"a LOGIN {5}\r\nca\r\nr {6+}\r\nsecret\r\nb NOOP\r\n",
        &[command(b"a LOGIN {5}\r\nca\r\nr {6+}\r\nsecret"), command(b"b NOOP")],
    );
    check(b"a SEARCH TEXT {0}\r\n\r\n", &[command(b"a SEARCH TEXT {0}\r\n")]);
}

/// RFC 9051 §4.3: a password or a mailbox may end like the size of a literal.
#[test]
fn octets_of_a_literal_announce_nothing() {
    check(
        b"a LOGIN u {7}\r\npass{5}\r\nb NOOP\r\n",
        &[command(b"a LOGIN u {7}\r\npass{5}"), command(b"b NOOP")],
    );
    check(
        b"a LOGIN {4+}\r\n{9+} {2}\r\n{}\r\nb NOOP\r\n",
        &[command(b"a LOGIN {4+}\r\n{9+} {2}\r\n{}"), command(b"b NOOP")],
    );
}

/// RFC 7888 §4: a literal that nobody asked for is read over, with the rest of
/// its command; the next command is served.
#[test]
fn a_refused_literal_takes_its_command_with_it_and_no_more() {
    let lie = Literal { size: 21, waits: Waits::No };
    check(
        b"a LOGIN {21+}\r\n0123456789 0123456789 {3+}\r\nabc\r\nb NOOP\r\n",
        &[Frame::Literal(lie), command(b"b NOOP")],
    );
    let asked = Literal { size: 99_999_999_999, waits: Waits::ForContinuation };
    check(b"a LOGIN {99999999999}\r\nb NOOP\r\n", &[Frame::Literal(asked), command(b"b NOOP")]);
}

#[test]
fn a_line_beyond_the_bound_is_dropped_to_its_end() {
    let mut framer = Framer::new(LIMITS);
    framer.push(b"a SEARCH TEXT \"");
    framer.push(&[b'x'; 5_000]);
    assert!(matches!(
        framer.next(LineKind::Command),
        Some(Frame::TooLong(start)) if start.starts_with(b"a ")
    ));
    framer.push(&[b'x'; 5_000]);
    assert_eq!(framer.next(LineKind::Command), None);
    assert!(framer.pending() <= LITERAL_SIZE_OCTETS_MAX);
    framer.push(b"\"\r\nb NOOP\r\n");
    assert_eq!(framer.next(LineKind::Command), Some(command(b"b NOOP")));
}

#[test]
fn a_whole_line_beyond_the_bound_hides_no_command() {
    let mut framer = Framer::new(LIMITS);
    framer.push(&[b"a ".as_slice(), &[b'x'; 60], b"\r\nb NOOP\r\n"].concat());
    assert!(matches!(framer.next(LineKind::Command), Some(Frame::TooLong(_))));
    assert_eq!(framer.next(LineKind::Command), Some(command(b"b NOOP")));
}

/// Lines end in CR LF strictly; a bare LF is no end (RFC 9051 §2.2).
#[test]
fn a_bare_line_feed_or_nul_spoils_its_line_alone() {
    check(b"a NOOP\nb NOOP\r\n", &[Frame::BadLine(b"a NOOP\n".to_vec()), command(b"b NOOP")]);
    check(b"a \0\r\nb NOOP\r\n", &[Frame::BadLine(b"a \0\r\n".to_vec()), command(b"b NOOP")]);
    check(b"a\rb\r\n", &[Frame::BadLine(b"a\rb\r\n".to_vec())]);
}

/// RFC 9051 §6.3.12: a message is not held, however long it is.
#[test]
fn a_streamed_literal_passes_through_in_pieces() {
    let mut framer = Framer::new(LIMITS);
    framer.push(b"a APPEND x {100}\r\n");
    assert!(matches!(framer.next(LineKind::Command), Some(Frame::Literal(_))));
    assert_eq!(framer.command(), b"a APPEND x {100}\r\n");
    framer.stream();
    let mut came = 0;
    for _ in 0..10 {
        framer.push(&[b'm'; 10]);
        while let Some(Frame::Streamed(octets)) = framer.next(LineKind::Command) {
            came += octets.len();
        }
    }
    assert_eq!(came, 100);
    framer.push(b" {3}\r\nabc\r\n");
    assert!(matches!(framer.next(LineKind::Command), Some(Frame::Literal(_))));
}

#[test]
fn an_idle_framer_holds_no_buffer() {
    let mut framer = Framer::new(FrameLimits::USER);
    framer.push(&[b"a ID (\"x\" \"".as_slice(), &[b'x'; 20_000], b"\")\r\n"].concat());
    assert!(framer.next(LineKind::Command).is_some());
    assert_eq!(framer.next(LineKind::Command), None);
    assert_eq!((framer.input.capacity(), framer.command.capacity()), (0, 0));
}

/// RFC 9051 §4.3: what only looks like a literal is text.
#[test]
fn only_a_size_in_braces_at_a_lines_end_is_a_literal() {
    for text in ["{}\r\n", "{5\r\n", "5}\r\n", "{+}\r\n", "{5} \r\n", "{-5}\r\n", "{5}\n"] {
        assert_eq!(line_literal(text.as_bytes()), None, "{text:?}");
    }
    assert_eq!(line_literal(b"{99999999999999999999}\r\n"), None);
    let literal = line_literal(b"x ~{18446744073709551615+}\r\n").expect("a literal");
    assert_eq!(literal, Literal { size: u64::MAX, waits: Waits::No });
}

/// RFC 9051 §4.3: what is left of a message that is not wanted any more is no
/// command, wherever the message was cut.
#[test]
fn the_rest_of_a_streamed_literal_is_dropped_with_its_command() {
    let stream = b"a APPEND INBOX {20}\r\nbody\r\nx LOGOUT\r\nend, {3+}\r\nabc\r\nb NOOP\r\n";
    for piece in [1, 2, 7, 1_000] {
        let (mut framer, mut found, mut streamed) = (Framer::new(LIMITS), Vec::new(), 0);
        for octets in stream.chunks(piece) {
            framer.push(octets);
            while let Some(frame) = framer.next(LineKind::Command) {
                match frame {
                    Frame::Literal(_) => framer.stream(),
                    Frame::Streamed(octets) => {
                        streamed += octets.len();
                        framer.drop_rest();
                    }
                    other => found.push(other),
                }
            }
        }
        assert_eq!(found, [command(b"b NOOP")], "in pieces of {piece}");
        assert!((1..=20).contains(&streamed));
    }
}
