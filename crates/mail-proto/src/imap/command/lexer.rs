//! The words of a command (RFC 9051 §9).

use crate::imap::frame::line_literal;

/// Reads a whole command from its beginning to its end; literals are in their
/// places.
#[derive(Clone, Debug)]
pub(crate) struct Lexer<'c> {
    command: &'c [u8],
    at: usize,
}

/// The command is not as the grammar has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{expected} expected at octet {at}")]
pub struct SyntaxError {
    /// What should have been there.
    pub expected: &'static str,
    /// Where, counted from 0.
    pub at: usize,
}

type Lexed<T> = Result<T, SyntaxError>;

impl<'c> Lexer<'c> {
    pub(crate) const fn new(command: &'c [u8]) -> Self {
        Self { command, at: 0 }
    }

    pub(crate) const fn expected(&self, expected: &'static str) -> SyntaxError {
        SyntaxError { expected, at: self.at }
    }

    pub(crate) fn rest(&self) -> &'c [u8] {
        self.command.get(self.at..).unwrap_or_default()
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.command.get(self.at).copied()
    }

    pub(crate) fn skip(&mut self, count: usize) {
        self.at = self.at.saturating_add(count).min(self.command.len());
    }

    /// Takes `byte` if it is next.
    pub(crate) fn eat(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        if is_next {
            self.at += 1;
        }
        is_next
    }

    /// Takes `word`, in any case, if it is next.
    pub(crate) fn eat_word(&mut self, word: &str) -> bool {
        let next = self.rest().get(..word.len());
        let is_next = next.is_some_and(|next| next.eq_ignore_ascii_case(word.as_bytes()));
        if is_next {
            self.at += word.len();
        }
        is_next
    }

    pub(crate) fn expect(&mut self, byte: u8, expected: &'static str) -> Lexed<()> {
        if self.eat(byte) { Ok(()) } else { Err(self.expected(expected)) }
    }

    /// One space, exactly (RFC 9051 §9, note 1).
    pub(crate) fn space(&mut self) -> Lexed<()> {
        self.expect(b' ', "a space")
    }

    pub(crate) fn end(&self) -> Lexed<()> {
        if self.rest().is_empty() { Ok(()) } else { Err(self.expected("the end of the command")) }
    }

    /// The octets as long as `belongs` holds; at least one.
    pub(crate) fn take_while(
        &mut self,
        expected: &'static str,
        belongs: impl Fn(u8) -> bool,
    ) -> Lexed<&'c [u8]> {
        let rest = self.rest();
        let length = rest.iter().position(|byte| !belongs(*byte)).unwrap_or(rest.len());
        let taken = rest.get(..length).filter(|taken| !taken.is_empty());
        let taken = taken.ok_or_else(|| self.expected(expected))?;
        self.at += length;
        Ok(taken)
    }

    /// An atom as text in capitals.
    pub(crate) fn keyword(&mut self, expected: &'static str) -> Lexed<String> {
        let atom = self.take_while(expected, is_atom_char)?;
        Ok(String::from_utf8_lossy(atom).to_ascii_uppercase())
    }

    pub(crate) fn tag(&mut self) -> Lexed<String> {
        let belongs = |byte| is_astring_char(byte) && byte != b'+';
        let tag = self.take_while("a tag", belongs)?;
        Ok(String::from_utf8_lossy(tag).into_owned())
    }

    /// An atom, a quoted string or a literal.
    pub(crate) fn astring(&mut self) -> Lexed<Vec<u8>> {
        if self.is_at_string() {
            return self.string();
        }
        self.take_while("a word or a string", is_astring_char).map(<[u8]>::to_vec)
    }

    /// A pattern of `LIST`: as an astring, but also with `%` and `*`.
    pub(crate) fn list_mailbox(&mut self) -> Lexed<Vec<u8>> {
        if self.is_at_string() {
            return self.string();
        }
        let belongs = |byte| is_astring_char(byte) || matches!(byte, b'%' | b'*');
        self.take_while("a pattern", belongs).map(<[u8]>::to_vec)
    }

    /// A tilde begins a literal before a brace only; else it is a letter of an atom.
    fn is_at_string(&self) -> bool {
        matches!(self.peek(), Some(b'"' | b'{')) || self.rest().starts_with(b"~{")
    }

    /// A quoted string or a literal.
    pub(crate) fn string(&mut self) -> Lexed<Vec<u8>> {
        match self.peek() {
            Some(b'"') => self.quoted(),
            Some(b'{') => self.literal(),
            Some(b'~') if self.rest().starts_with(b"~{") => {
                self.at += 1;
                self.literal()
            }
            _ => Err(self.expected("a string")),
        }
    }

    /// `NIL`, or a string.
    pub(crate) fn nstring(&mut self) -> Lexed<Option<Vec<u8>>> {
        if self.eat_word("NIL") { Ok(None) } else { self.string().map(Some) }
    }

    fn quoted(&mut self) -> Lexed<Vec<u8>> {
        self.expect(b'"', "a quotation mark")?;
        let mut text = Vec::new();
        loop {
            let byte = self.peek().ok_or_else(|| self.expected("the end of a quoted string"))?;
            self.at += 1;
            match byte {
                b'"' => return Ok(text),
                b'\\' => {
                    let escaped = self.peek().filter(|byte| matches!(byte, b'"' | b'\\'));
                    text.push(escaped.ok_or_else(|| self.expected("\" or \\ after \\"))?);
                    self.at += 1;
                }
                b'\r' | b'\n' => return Err(self.expected("the end of a quoted string")),
                _ => text.push(byte),
            }
        }
    }

    fn literal(&mut self) -> Lexed<Vec<u8>> {
        let rest = self.rest();
        let line = rest.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let size = rest.get(..line).and_then(line_literal).map(|literal| literal.size);
        let size = size.and_then(|size| usize::try_from(size).ok());
        let end = size.and_then(|size| line.checked_add(size));
        let octets = end.and_then(|end| rest.get(line..end));
        let octets = octets.ok_or_else(|| self.expected("a literal"))?;
        // A literal holds no NUL; those that may are not for commands
        // (RFC 9051 §9, `literal`, `literal8`).
        if octets.contains(&0) {
            return Err(self.expected("a literal without NUL"));
        }
        self.at += line + octets.len();
        Ok(octets.to_vec())
    }

    pub(crate) fn digits(&mut self, expected: &'static str) -> Lexed<u64> {
        let start = self.clone();
        let digits = self.take_while(expected, |byte| byte.is_ascii_digit())?;
        let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
        number.ok_or_else(|| start.expected("a smaller number"))
    }

    /// `number`: 32 bits (RFC 9051 §9).
    pub(crate) fn number(&mut self) -> Lexed<u32> {
        let start = self.clone();
        u32::try_from(self.digits("a number")?).map_err(|_| start.expected("a smaller number"))
    }

    /// `number64`, `mod-sequence-value`: 63 bits (RFC 9051 §9, RFC 7162 §7).
    pub(crate) fn number64(&mut self) -> Lexed<u64> {
        let start = self.clone();
        let number = self.digits("a number")?;
        if number > i64::MAX as u64 { Err(start.expected("a smaller number")) } else { Ok(number) }
    }

    /// What `item` reads, between parentheses, separated by spaces; may be
    /// nothing.
    pub(crate) fn list<T, E: From<SyntaxError>>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, E>,
    ) -> Result<Vec<T>, E> {
        self.expect(b'(', "an opening parenthesis")?;
        let mut items = Vec::new();
        if self.eat(b')') {
            return Ok(items);
        }
        loop {
            items.push(item(self)?);
            if self.eat(b')') {
                return Ok(items);
            }
            self.expect(b' ', "a space or a closing parenthesis")?;
        }
    }
}

/// `ATOM-CHAR` (RFC 9051 §9).
pub(crate) fn is_atom_char(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"(){%*\"\\]".contains(&byte)
}

/// `ASTRING-CHAR` (RFC 9051 §9).
pub(crate) fn is_astring_char(byte: u8) -> bool {
    is_atom_char(byte) || byte == b']'
}
