//! DNS messages in a stream: two bytes of length, then the message.
//!
//! ```text
//!   +--------+--------+----------------------+--------+--------+---
//!   |     length      |  message             |     length      | …
//!   +--------+--------+----------------------+--------+--------+---
//! ```
//! RFC 1035 §4.2.2; several messages may be on their way at once (RFC 7766
//! §6.2.1.1, pipelining).

/// Bytes received so far; gives whole messages. Holds at most one message of
/// 65,535 bytes and what one read added.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    bytes: Vec<u8>,
    start: usize,
}

impl Frames {
    /// Adds what a read brought.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole message.
    pub(crate) fn next(&mut self) -> Option<&[u8]> {
        let rest = self.bytes.get(self.start..)?;
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*length));
        rest.get(..length)?;
        let begin = self.start + 2;
        self.start = begin + length;
        self.bytes.get(begin..begin + length)
    }
}

/// A message with its length in front. A message longer than 65,535 bytes
/// cannot be framed.
pub(crate) fn frame(message: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(message.len()).ok()?;
    let mut framed = Vec::with_capacity(message.len() + 2);
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(message);
    Some(framed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_whole_however_the_stream_is_cut() {
        let mut stream = Vec::new();
        for message in [&b"first"[..], b"", b"third message"] {
            stream.extend_from_slice(&frame(message).expect("short"));
        }
        for cut in 1..stream.len() {
            let (mut frames, mut seen) = (Frames::default(), Vec::new());
            for part in stream.chunks(cut) {
                frames.push(part);
                while let Some(message) = frames.next() {
                    seen.push(message.to_vec());
                }
            }
            assert_eq!(seen, [&b"first"[..], b"", b"third message"], "cut at {cut}");
        }
    }

    #[test]
    fn a_message_over_65535_bytes_is_not_framed() {
        assert!(frame(&vec![0; 65_535]).is_some());
        assert!(frame(&vec![0; 65_536]).is_none());
    }
}
