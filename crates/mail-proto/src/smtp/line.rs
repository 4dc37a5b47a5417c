//! Finding command lines in a stream: CR LF, and nothing else, ends one
//! (RFC 5321 §2.3.8).

/// Bytes that came and are not yet taken.
#[derive(Debug, Default)]
pub struct Inbox {
    bytes: Vec<u8>,
    start: usize,
    /// Bytes after `start` that hold no end of line.
    scanned: usize,
    /// Bytes of an over-long line that were thrown away so far.
    skipped: Option<usize>,
}

/// Why there is no line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineFault {
    /// A line feed without carriage return before it.
    BareLf,
    /// A carriage return without line feed after it.
    BareCr,
    /// A null byte.
    Nul,
    /// More octets than the command may have. The rest of the line is skipped.
    TooLong,
    /// The line did not end for [`SKIPPED_OCTETS_MAX`] octets.
    Endless,
}

impl Inbox {
    /// Adds what a read brought.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// What is there and not yet taken.
    #[must_use]
    pub fn rest(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    /// Takes bytes from the front.
    pub fn take(&mut self, count: usize) {
        self.start = (self.start + count).min(self.bytes.len());
        self.scanned = 0;
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Takes the next line, without its CR LF; none when more bytes must come.
    /// `octets_max` says from a line's beginning how long it may be with CR LF.
    ///
    /// # Errors
    /// When it breaks the rules of lines.
    pub fn next_line(
        &mut self,
        octets_max: fn(&[u8]) -> usize,
    ) -> Result<Option<Vec<u8>>, LineFault> {
        if self.skipped.is_some() && !self.skip()? {
            return Ok(None);
        }
        let rest = self.bytes.get(self.start..).unwrap_or_default();
        let cap = octets_max(rest);
        // Of a line that is too long and has another fault behind that, the first
        // fault is told, however the line comes in pieces.
        let unscanned = rest.get(self.scanned..).unwrap_or_default();
        let fault = unscanned.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
        let text = fault.map_or(rest.len(), |at| self.scanned + at);
        if text >= cap && rest.len() > cap {
            return Err(self.too_long());
        }
        let Some(end) = find_end(rest, self.scanned)? else {
            // A carriage return at the end may be half of what ends the line.
            self.scanned = rest.len().saturating_sub(1);
            return Ok(None);
        };
        if end + 2 > cap {
            self.take(end + 2);
            return Err(LineFault::TooLong);
        }
        let line = rest.get(..end).unwrap_or_default().to_vec();
        self.take(end + 2);
        if line.contains(&0) { Err(LineFault::Nul) } else { Ok(Some(line)) }
    }

    fn too_long(&mut self) -> LineFault {
        self.skipped = Some(0);
        LineFault::TooLong
    }

    /// Throws away the rest of an over-long line; whether it is over.
    fn skip(&mut self) -> Result<bool, LineFault> {
        let rest = self.bytes.get(self.start..).unwrap_or_default();
        if let Some(end) = find_end(rest, 0)? {
            self.take(end + 2);
            self.skipped = None;
            return Ok(true);
        }
        let gone = rest.len().saturating_sub(1);
        let total = self.skipped.unwrap_or_default() + gone;
        self.take(gone);
        self.skipped = Some(total);
        if total > SKIPPED_OCTETS_MAX { Err(LineFault::Endless) } else { Ok(false) }
    }
}

/// Where the first CR LF is. A CR at the very end is undecided.
fn find_end(bytes: &[u8], scanned: usize) -> Result<Option<usize>, LineFault> {
    let from = bytes.get(scanned..).unwrap_or_default();
    let Some(at) = from.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else {
        return Ok(None);
    };
    match (from.get(at), from.get(at + 1)) {
        (Some(b'\r'), Some(b'\n')) => Ok(Some(scanned + at)),
        (Some(b'\r'), None) => Ok(None),
        (Some(b'\r'), Some(_)) => Err(LineFault::BareCr),
        _ => Err(LineFault::BareLf),
    }
}

/// Octets of an over-long line that are read before the session ends.
pub const SKIPPED_OCTETS_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8], cut: usize) -> Vec<Result<Vec<u8>, LineFault>> {
        let (mut inbox, mut seen) = (Inbox::default(), Vec::new());
        for part in bytes.chunks(cut) {
            inbox.push(part);
            loop {
                match inbox.next_line(|_| 8) {
                    Ok(None) => break,
                    Ok(Some(line)) => seen.push(Ok(line)),
                    Err(LineFault::TooLong) => seen.push(Err(LineFault::TooLong)),
                    Err(fault) => {
                        seen.push(Err(fault));
                        return seen;
                    }
                }
            }
        }
        seen
    }

    #[test]
    fn lines_come_out_the_same_however_the_stream_is_cut() {
        let bytes = b"one\r\n\r\n123456\r\n1234567\r\n1234567890123\r\ntwo\r\n";
        let whole = lines(bytes, bytes.len());
        assert_eq!(
            whole,
            [
                Ok(b"one".to_vec()),
                Ok(Vec::new()),
                Ok(b"123456".to_vec()),
                Err(LineFault::TooLong),
                Err(LineFault::TooLong),
                Ok(b"two".to_vec()),
            ]
        );
        for cut in 1..bytes.len() {
            assert_eq!(lines(bytes, cut), whole, "cut at {cut}");
        }
    }

    #[test]
    fn only_cr_lf_ends_a_line() {
        // RFC 5321 §2.3.8.
        for cut in 1..6 {
            assert_eq!(lines(b"a\nb\r\n", cut), [Err(LineFault::BareLf)]);
            assert_eq!(lines(b"a\rb\r\n", cut), [Err(LineFault::BareCr)]);
            assert_eq!(lines(b"a\r\r\n", cut), [Err(LineFault::BareCr)]);
            assert_eq!(lines(b"12345678901\n", cut).last(), Some(&Err(LineFault::BareLf)));
        }
    }

    /// RFC 5321 §4.5.3.1.4: the limit is passed before the other fault comes.
    #[test]
    fn a_line_that_is_too_long_is_told_as_that_whatever_follows() {
        for bytes in [b"123456789\nx\r\n".as_slice(), b"12345678\rx\r\n", b"123456789\0\rx"] {
            let whole = lines(bytes, bytes.len());
            assert_eq!(whole.first(), Some(&Err(LineFault::TooLong)), "{bytes:?}");
            for cut in 1..bytes.len() {
                assert_eq!(lines(bytes, cut), whole, "{bytes:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn an_endless_line_ends_the_reading() {
        let mut inbox = Inbox::default();
        inbox.push(&[b'a'; 9]);
        assert_eq!(inbox.next_line(|_| 8), Err(LineFault::TooLong));
        let mut read = 0;
        let fault = loop {
            inbox.push(&[b'a'; 4096]);
            read += 4096;
            match inbox.next_line(|_| 8) {
                Ok(None) => assert!(inbox.rest().len() <= 1),
                other => break other,
            }
        };
        assert_eq!(fault, Err(LineFault::Endless));
        assert!(read <= SKIPPED_OCTETS_MAX + 8192);
    }
}
