//! One direction of a protocol in lines: what came and is not yet told.

/// Octets in their order.
#[derive(Debug)]
pub(super) struct Stream {
    held: Vec<u8>,
    /// The offset of the octet after those held.
    next: u64,
    /// TLS begins here: its plaintext counts from 0.
    restarts: bool,
    /// Octets that hold no end of a message.
    scanned: usize,
    /// Octets that hold no end of a line.
    searched: usize,
    /// The first octet held begins a line.
    at_line_start: bool,
}

impl Default for Stream {
    fn default() -> Self {
        Self {
            held: Vec::new(),
            next: 0,
            restarts: false,
            scanned: 0,
            searched: 0,
            at_line_start: true,
        }
    }
}

impl Stream {
    /// Begins anew within TLS.
    pub(super) fn restart(&mut self) {
        *self = Self { restarts: true, ..Self::default() };
    }

    /// Takes bytes; what was held before a gap comes out, with the gap's size.
    pub(super) fn push(&mut self, offset: u64, bytes: &[u8]) -> Option<(Vec<u8>, u64)> {
        if std::mem::take(&mut self.restarts) {
            self.next = offset;
        }
        let mut missing = None;
        if offset > self.next {
            missing = Some((self.take(usize::MAX), offset - self.next));
            self.next = offset;
        }
        let known = usize::try_from(self.next - offset).unwrap_or(usize::MAX);
        let fresh = bytes.get(known.min(bytes.len())..).unwrap_or_default();
        self.held.extend_from_slice(fresh);
        self.next += fresh.len() as u64;
        missing
    }

    /// What came and was not taken.
    pub(super) fn held(&self) -> &[u8] {
        &self.held
    }

    /// Forgets what is held: it is told by nobody.
    pub(super) fn abandon(&mut self) {
        self.take(usize::MAX);
    }

    pub(super) fn take(&mut self, count: usize) -> Vec<u8> {
        (self.scanned, self.searched) = (0, 0);
        let taken: Vec<u8> = self.held.drain(..count.min(self.held.len())).collect();
        if let Some(last) = taken.last() {
            self.at_line_start = *last == b'\n';
        }
        taken
    }

    /// The octets of the first line with its end, or of too much of one.
    pub(super) fn line_octets(&mut self) -> Option<usize> {
        let fresh = self.held.get(self.searched..).unwrap_or_default();
        let end = fresh.iter().position(|byte| *byte == b'\n').map(|at| self.searched + at + 1);
        self.searched = end.map_or(self.held.len(), |end| end - 1);
        match end {
            Some(end) => Some(end),
            None if self.held.len() > LINE_OCTETS_MAX => Some(self.held.len()),
            None => None,
        }
    }

    /// A line with its end, or too much of one.
    pub(super) fn line(&mut self) -> Option<Vec<u8>> {
        let octets = self.line_octets()?;
        Some(self.take(octets))
    }

    /// Where a line with a single dot ends, in what is held from `start` on:
    /// the beginning of a line.
    pub(super) fn dot_end(&mut self, start: usize) -> Option<usize> {
        let begins_line = start > 0 || self.at_line_start;
        if begins_line && self.held.get(start..).is_some_and(|rest| rest.starts_with(b".\r\n")) {
            return Some(start + 3);
        }
        let from = start.max(self.scanned.saturating_sub(END.len()));
        let rest = self.held.get(from..).unwrap_or_default();
        let found = rest.windows(END.len()).position(|five| five == END);
        self.scanned = self.held.len();
        found.map(|at| from + at + END.len())
    }

    /// A message to its dot and that it is whole, or a large part of it.
    pub(super) fn dotted(&mut self) -> Option<(Vec<u8>, bool)> {
        if let Some(end) = self.dot_end(0) {
            return Some((self.take(end), true));
        }
        self.part().map(|part| (part, false))
    }

    /// The beginning of what is too long to hold.
    pub(super) fn part(&mut self) -> Option<Vec<u8>> {
        // The end may begin in the last octets.
        let is_long = self.held.len() > MESSAGE_OCTETS_MAX;
        is_long.then(|| self.take(self.held.len() - END.len()))
    }
}

/// What ends a message (RFC 5321 §4.1.1.4, RFC 1939 §3).
const END: &[u8] = b"\r\n.\r\n";
/// A line that does not end for so long is shown as it is.
pub(super) const LINE_OCTETS_MAX: usize = 16 << 10;
/// A longer message is shown in parts.
pub(super) const MESSAGE_OCTETS_MAX: usize = 256 << 10;
