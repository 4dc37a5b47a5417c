//! The tokens of structured fields (RFC 5322 §3.2, RFC 2045 §5.1).

use std::borrow::Cow;

/// Reads a structured value from its beginning. Comments and folds are skipped
/// between tokens; bytes above ASCII belong to words (RFC 6532 §3.2).
#[derive(Clone, Debug)]
pub(super) struct Tokens<'a> {
    rest: &'a [u8],
    /// The text of the last comment that was skipped.
    comment: Option<Vec<u8>>,
}

impl<'a> Tokens<'a> {
    pub(super) const fn new(value: &'a [u8]) -> Self {
        Self { rest: value, comment: None }
    }

    /// The last comment since the question before.
    pub(super) const fn take_comment(&mut self) -> Option<Vec<u8>> {
        self.comment.take()
    }

    /// Skips spaces, folds and comments, and tells whether there were any.
    pub(super) fn skip_space(&mut self) -> Space {
        let before = self.rest.len();
        loop {
            match self.rest.first() {
                Some(b' ' | b'\t' | b'\r' | b'\n') => self.advance(1),
                Some(b'(') => self.skip_comment(),
                _ => break,
            }
        }
        if self.rest.len() == before { Space::None } else { Space::Some }
    }

    /// The next byte, which stays.
    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Takes one byte if it is the next.
    pub(super) fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek() == Some(byte)).then(|| self.advance(1))
    }

    /// Goes over one byte, whatever it is.
    pub(super) fn skip(&mut self) {
        self.advance(1);
    }

    /// Goes to the next of `stops` outside quotes and comments.
    pub(super) fn skip_to(&mut self, stops: &[u8]) {
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => drop(self.quoted()),
                b'(' => self.skip_comment(),
                _ if stops.contains(&byte) => return,
                _ => self.advance(1),
            }
        }
    }

    /// Bytes that are no separator; none when there is none.
    pub(super) fn word(&mut self, separators: &[u8]) -> Option<&'a [u8]> {
        let is_end = |byte: &u8| *byte <= b' ' || *byte == 0x7F || separators.contains(byte);
        let long = self.rest.iter().position(is_end).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(long);
        self.rest = rest;
        (long > 0).then_some(word)
    }

    /// A quoted string without its quotes, backslashes and line ends
    /// (RFC 5322 §3.2.4); one without an end goes to the end of the value.
    pub(super) fn quoted(&mut self) -> Option<Cow<'a, [u8]>> {
        self.take(b'"')?;
        let text = self.rest;
        let mut long = 0;
        let mut is_plain = true;
        while let Some(byte) = text.get(long) {
            match byte {
                b'"' => break,
                b'\\' => {
                    is_plain = false;
                    long += 1;
                }
                b'\r' | b'\n' => is_plain = false,
                _ => {}
            }
            long += 1;
        }
        let raw = text.get(..long).unwrap_or(text);
        self.advance(long + 1);
        Some(if is_plain { Cow::Borrowed(raw) } else { Cow::Owned(unescape(raw)) })
    }

    /// A word or a quoted string.
    pub(super) fn value(&mut self, separators: &[u8]) -> Option<Cow<'a, [u8]>> {
        if self.peek() == Some(b'"') {
            self.quoted()
        } else {
            self.word(separators).map(Cow::Borrowed)
        }
    }

    /// A domain literal with its brackets (RFC 5322 §3.4.1).
    pub(super) fn literal(&mut self) -> Option<&'a [u8]> {
        self.rest.first().filter(|byte| **byte == b'[')?;
        let long =
            self.rest.iter().position(|byte| *byte == b']').map_or(self.rest.len(), |at| at + 1);
        let (literal, rest) = self.rest.split_at(long);
        self.rest = rest;
        Some(literal)
    }

    /// Comments nest (RFC 5322 §3.2.2); depth is a number, not a call.
    fn skip_comment(&mut self) {
        let text = self.rest;
        let (mut depth, mut long) = (0_usize, 0);
        while let Some(byte) = text.get(long) {
            match byte {
                b'\\' => long += 1,
                b'(' => depth += 1,
                b')' => depth -= 1,
                _ => {}
            }
            long += 1;
            if depth == 0 {
                break;
            }
        }
        let inner = text.get(1..long.min(text.len())).unwrap_or_default();
        self.comment = Some(unescape(inner.strip_suffix(b")").unwrap_or(inner)));
        self.advance(long);
    }

    fn advance(&mut self, long: usize) {
        self.rest = self.rest.get(long..).unwrap_or_default();
    }
}

/// Whether spaces or comments stood between two tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Space {
    None,
    Some,
}

/// Without the backslashes of quoted pairs and the line ends of folds.
fn unescape(raw: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(raw.len());
    let mut bytes = raw.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => text.extend(bytes.next()),
            b'\r' | b'\n' => {}
            _ => text.push(*byte),
        }
    }
    text
}

/// What ends a token of MIME (RFC 2045 §5.1, `tspecials`).
pub(super) const TSPECIALS: &[u8] = b"()<>@,;:\\\"/[]?=";
/// What ends an atom; a point does not (RFC 5322 §3.2.3, §4.4).
pub(super) const SPECIALS: &[u8] = b"()<>[]:;@\\,\"";
