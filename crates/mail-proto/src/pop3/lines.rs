//! Messages on a line protocol: a dot ends them, and dots of their own are
//! doubled (RFC 1939 §3).

/// Writes a message as a multi-line reply, whose first line is sent before.
#[derive(Clone, Copy, Debug)]
pub struct DotWriter {
    part: Part,
    is_line_start: bool,
    is_after_cr: bool,
    /// Whether the line so far is empty: such a line ends the header.
    is_empty_line: bool,
}

/// How much of the message is still wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Everything,
    /// The header, then so many lines.
    Header {
        lines: u32,
    },
    Body {
        lines: u32,
    },
    Enough,
}

impl DotWriter {
    /// For a whole message (`RETR`).
    #[must_use]
    pub const fn whole() -> Self {
        Self::new(Part::Everything)
    }

    /// For the header, the empty line and `lines` lines of the body (`TOP`).
    #[must_use]
    pub const fn top(lines: u32) -> Self {
        Self::new(Part::Header { lines })
    }

    const fn new(part: Part) -> Self {
        Self { part, is_line_start: true, is_after_cr: false, is_empty_line: true }
    }

    /// Writes the next bytes of the message. A bare LF or CR becomes CR LF, so
    /// that no client sees an end where there is none.
    pub fn write(&mut self, bytes: &[u8], to: &mut Vec<u8>) {
        for byte in bytes {
            if self.part == Part::Enough {
                return;
            }
            match (byte, self.is_after_cr) {
                (b'\n', _) => {
                    self.is_after_cr = false;
                    self.end_line(to);
                }
                (other, true) => {
                    self.end_line(to);
                    self.is_after_cr = *other == b'\r';
                    if !self.is_after_cr && self.part != Part::Enough {
                        self.put(*other, to);
                    }
                }
                (b'\r', false) => self.is_after_cr = true,
                (other, false) => self.put(*other, to),
            }
        }
    }

    /// Whether nothing more of the message is wanted.
    #[must_use]
    pub fn has_enough(&self) -> bool {
        self.part == Part::Enough
    }

    /// Writes the end: the last line's CR LF if it has none, and the dot.
    pub fn finish(mut self, to: &mut Vec<u8>) {
        if self.is_after_cr || !self.is_line_start {
            self.end_line(to);
        }
        to.extend_from_slice(b".\r\n");
    }

    fn put(&mut self, byte: u8, to: &mut Vec<u8>) {
        if self.is_line_start && byte == b'.' {
            to.push(b'.');
        }
        (self.is_line_start, self.is_empty_line) = (false, false);
        to.push(byte);
    }

    fn end_line(&mut self, to: &mut Vec<u8>) {
        to.extend_from_slice(b"\r\n");
        self.part = match self.part {
            Part::Header { lines: 0 } if self.is_empty_line => Part::Enough,
            Part::Header { lines } if self.is_empty_line => Part::Body { lines },
            Part::Body { lines: 0 | 1 } => Part::Enough,
            Part::Body { lines } => Part::Body { lines: lines - 1 },
            other => other,
        };
        (self.is_line_start, self.is_empty_line) = (true, true);
    }
}

/// Reads a multi-line reply whose first line was read before.
#[derive(Clone, Copy, Debug, Default)]
pub struct DotReader {
    state: ReadState,
}

#[derive(Clone, Copy, Debug, Default)]
enum ReadState {
    #[default]
    LineStart,
    Inside,
    AfterCr,
    Dot,
    DotCr,
}

impl DotReader {
    /// Reads bytes and appends the message's to `to`; the number of bytes that
    /// belong to the reply when it ends among them.
    pub fn read(&mut self, bytes: &[u8], to: &mut Vec<u8>) -> Option<usize> {
        for (index, byte) in bytes.iter().enumerate() {
            self.state = match (self.state, byte) {
                (ReadState::LineStart, b'.') => ReadState::Dot,
                (ReadState::Dot, b'\r') => ReadState::DotCr,
                (ReadState::DotCr, b'\n') => return Some(index + 1),
                (ReadState::DotCr, other) => {
                    // The dot was doubled by nobody: the line is kept as it is.
                    to.extend_from_slice(b"\r");
                    to.push(*other);
                    if *other == b'\r' { ReadState::AfterCr } else { ReadState::Inside }
                }
                (ReadState::AfterCr, b'\n') => {
                    to.push(b'\n');
                    ReadState::LineStart
                }
                (_, b'\r') => {
                    to.push(b'\r');
                    ReadState::AfterCr
                }
                (_, other) => {
                    to.push(*other);
                    ReadState::Inside
                }
            };
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{ProptestConfig, any, proptest};

    use super::{DotReader, DotWriter};

    fn written(mut writer: DotWriter, message: &str, cut: usize) -> String {
        let mut out = Vec::new();
        message.as_bytes().chunks(cut).for_each(|chunk| writer.write(chunk, &mut out));
        writer.finish(&mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn dots_are_doubled_and_a_dot_ends() {
        // RFC 1939 §3.
        let check = |message: &str, expect: &str| {
            for cut in [1, 2, 100] {
                assert_eq!(written(DotWriter::whole(), message, cut), expect, "{message:?}");
            }
        };
        check("", ".\r\n");
        check("a\r\n", "a\r\n.\r\n");
        check("a", "a\r\n.\r\n");
        check(".\r\n..a\r\n", "..\r\n...a\r\n.\r\n");
        check("a\n.\nb\r", "a\r\n..\r\nb\r\n.\r\n");
        check("a\r.\r\r\nb", "a\r\n..\r\n\r\nb\r\n.\r\n");
    }

    #[test]
    fn top_is_the_header_the_empty_line_and_so_many_lines() {
        // RFC 1939 §7, TOP.
        let message = "A: 1\r\nB: 2\r\n\r\none\r\n\r\n.three\r\nfour\r\n";
        let check = |lines, expect: &str| {
            for cut in [1, 3, 100] {
                assert_eq!(written(DotWriter::top(lines), message, cut), expect, "{lines}");
            }
        };
        check(0, "A: 1\r\nB: 2\r\n\r\n.\r\n");
        check(1, "A: 1\r\nB: 2\r\n\r\none\r\n.\r\n");
        check(3, "A: 1\r\nB: 2\r\n\r\none\r\n\r\n..three\r\n.\r\n");
        check(99, "A: 1\r\nB: 2\r\n\r\none\r\n\r\n..three\r\nfour\r\n.\r\n");
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::default()
        })]
        #[test]
        fn what_is_written_is_read_again(
            lines in proptest::collection::vec("[.a\u{e9} ]{0,4}", 0..8),
            cut in 1..20_usize,
            after in any::<[u8; 3]>(),
        ) {
            // RFC 1939 §3, both directions.
            let message: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
            let mut wire = written(DotWriter::whole(), &message, cut).into_bytes();
            let whole = wire.len();
            wire.extend_from_slice(&after);
            let (mut reader, mut out, mut taken) = (DotReader::default(), Vec::new(), 0);
            for chunk in wire.chunks(cut) {
                if let Some(count) = reader.read(chunk, &mut out) {
                    taken += count;
                    break;
                }
                taken += chunk.len();
            }
            assert_eq!((out, taken), (message.into_bytes(), whole));
        }
    }
}
