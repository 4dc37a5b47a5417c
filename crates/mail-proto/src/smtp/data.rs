//! The end of data and the dots before it (RFC 5321 §4.5.2).
//!
//! ```text
//!   message          as it travels
//!   .hidden CRLF     ..hidden CRLF      a dot at a line's beginning is doubled
//!   bye CRLF         bye CRLF
//!                    . CRLF             only this ends the data
//! ```

/// Takes a message out of the bytes after `354`.
#[derive(Debug)]
pub struct DataReader {
    at: At,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    LineStart,
    /// A dot began the line.
    Dot,
    /// A dot, then CR: LF ends the data.
    DotCr,
    InLine,
    /// A CR within a line: LF must follow.
    Cr,
    End,
}

/// What a piece of data brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataStep {
    /// All bytes are taken, and more must come.
    More,
    /// The data ended; so many bytes are taken.
    End(usize),
}

/// What no data may have. Other servers take such bytes for the end of a line or
/// of the data, and then what one server passes on as text is a command for
/// the next (RFC 5321 §2.3.8, §4.1.1.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DataFault {
    /// A line feed without carriage return before it.
    #[error("a bare LF in the data")]
    BareLf,
    /// A carriage return without line feed after it.
    #[error("a bare CR in the data")]
    BareCr,
}

impl Default for DataReader {
    /// At the beginning: the CR LF of the command counts (RFC 5321 §4.1.1.4).
    fn default() -> Self {
        Self { at: At::LineStart }
    }
}

impl DataReader {
    /// Takes bytes, appends the message's to `out`.
    ///
    /// # Errors
    /// At a bare CR or LF; the session cannot go on after it.
    pub fn read(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<DataStep, DataFault> {
        let mut index = 0;
        while let Some(byte) = bytes.get(index).copied() {
            if self.at == At::InLine {
                index += copy_within_line(bytes.get(index..).unwrap_or_default(), out);
                let Some(next) = bytes.get(index) else { break };
                self.at = self.step(*next, out)?;
                index += 1;
                continue;
            }
            self.at = self.step(byte, out)?;
            index += 1;
            if self.at == At::End {
                return Ok(DataStep::End(index));
            }
        }
        Ok(DataStep::More)
    }

    fn step(&self, byte: u8, out: &mut Vec<u8>) -> Result<At, DataFault> {
        let next = match (self.at, byte) {
            (At::LineStart, b'.') => return Ok(At::Dot),
            (At::Dot, b'\r') => return Ok(At::DotCr),
            (At::DotCr, b'\n') => return Ok(At::End),
            (At::Cr, b'\n') => At::LineStart,
            (At::Cr | At::DotCr, _) => return Err(DataFault::BareCr),
            (_, b'\n') => return Err(DataFault::BareLf),
            (_, b'\r') => At::Cr,
            // After a dot at a line's beginning: the dot was a doubled one, or
            // is dropped all the same (RFC 5321 §4.5.2).
            _ => At::InLine,
        };
        out.push(byte);
        Ok(next)
    }
}

/// Copies up to the next CR or LF; how many bytes.
fn copy_within_line(bytes: &[u8], out: &mut Vec<u8>) -> usize {
    let end = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
    let text = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
    out.extend_from_slice(text);
    text.len()
}

/// Doubles the dots of a message on its way out, piece by piece.
#[derive(Debug)]
pub struct DataWriter {
    at: Written,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    LineStart,
    InLine,
    Cr,
}

impl Default for DataWriter {
    fn default() -> Self {
        Self { at: Written::LineStart }
    }
}

impl DataWriter {
    /// Appends a piece of the message to `out`.
    pub fn write(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        for line in piece.split_inclusive(|byte| *byte == b'\n') {
            if self.at == Written::LineStart && line.first() == Some(&b'.') {
                out.push(b'.');
            }
            out.extend_from_slice(line);
            self.at = match line {
                [.., b'\r', b'\n'] => Written::LineStart,
                [b'\n'] if self.at == Written::Cr => Written::LineStart,
                [.., b'\r'] => Written::Cr,
                _ => Written::InLine,
            };
        }
    }

    /// Appends what ends the data; a last line without CR LF gets one
    /// (RFC 5321 §4.1.1.4).
    pub fn end(self, out: &mut Vec<u8>) {
        if self.at != Written::LineStart {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b".\r\n");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Parts = (Vec<u8>, Vec<u8>);

    /// Reads in pieces; the message, and what is left behind its end.
    fn read(bytes: &[u8], cut: usize) -> Result<Option<Parts>, DataFault> {
        let (mut reader, mut message) = (DataReader::default(), Vec::new());
        for (index, part) in bytes.chunks(cut).enumerate() {
            if let DataStep::End(taken) = reader.read(part, &mut message)? {
                return Ok(Some((message, bytes[index * cut + taken..].to_vec())));
            }
        }
        Ok(None)
    }

    #[test]
    fn only_crlf_dot_crlf_ends_data() {
        // RFC 5321 §4.1.1.4, §4.5.2.
        let bytes = b"..a\r\n.b\r\n c.\r\n...\r\n.\r\nQUIT\r\n";
        for cut in 1..=bytes.len() {
            let (message, rest) = read(bytes, cut).unwrap().unwrap();
            assert_eq!(message, b".a\r\nb\r\n c.\r\n..\r\n");
            assert_eq!(rest, b"QUIT\r\n", "cut at {cut}");
        }
        assert_eq!(read(b".\r\n", 1), Ok(Some((Vec::new(), Vec::new()))));
        assert_eq!(read(b"a\r\n. \r\n", 1), Ok(None));
        assert_eq!(read(b"a\r\n.", 1), Ok(None));
    }

    #[test]
    fn every_smuggling_form_is_a_fault() {
        // RFC 5321 §2.3.8: no other byte sequence ends a line.
        let forms: [(&[u8], DataFault); 11] = [
            (b"a\n.\n", DataFault::BareLf),
            (b"a\n.\r\n", DataFault::BareLf),
            (b"a\r\n.\n", DataFault::BareLf),
            (b"a\r.\r", DataFault::BareCr),
            (b"a\r.\r\n", DataFault::BareCr),
            (b"a\r\n.\rb", DataFault::BareCr),
            (b"a\r\r\n.\r\n", DataFault::BareCr),
            (b"a\r\n.\r\r\n", DataFault::BareCr),
            (b"a\n\n.\r\n", DataFault::BareLf),
            (b"\n.\r\n", DataFault::BareLf),
            (b".\n", DataFault::BareLf),
        ];
        for (bytes, fault) in forms {
            for cut in 1..=bytes.len() {
                assert_eq!(read(bytes, cut), Err(fault), "{bytes:?} cut at {cut}");
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            lines in proptest::collection::vec("[.a]{0,4}", 0..12),
            cut in 1_usize..9,
        ) {
            let message: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
            let (mut writer, mut sent) = (DataWriter::default(), Vec::new());
            for piece in message.as_bytes().chunks(cut) {
                writer.write(piece, &mut sent);
            }
            writer.end(&mut sent);
            prop_assert_eq!(read(&sent, cut), Ok(Some((message.into_bytes(), Vec::new()))));
        }
    }
}
